"""`make lab` as a new user types it: JupyterLab opens on the start page, in a real browser, and Run All works."""

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from browser import IDLE, new_page, sources
from processes import assert_gone, new_mark, until

from companion import checkout

ROOT = checkout.folder()
#: of each code cell its execution count, of the notebook's model: JupyterLab draws what is out of sight when it has the time
COUNTS = """() => [...jupyterapp.shell.currentWidget.content.model.cells]
    .filter(cell => cell.type === 'code').map(cell => cell.executionCount)"""
#: what is run before the kernel has answered for the first time can be lost, though it is shown as idle
ANSWERED = """() => {
    const context = jupyterapp.shell.currentWidget.sessionContext
    const answered = context.ready.then(() => context.session.kernel.requestExecute({code: ''}).done).then(() => true)
    return Promise.race([answered, new Promise(resolve => setTimeout(() => resolve(false), 5000))])
}"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The server that `make lab` starts, as ``(address with token, folder of its own)``."""
    folder = tmp_path_factory.mktemp("lab")
    mark = new_mark()
    # the browser runs the notebooks of this very checkout, and must not save them
    settings = folder / "config" / "lab" / "user-settings" / "@jupyterlab" / "docmanager-extension"
    settings.mkdir(parents=True)
    (settings / "plugin.jupyterlab-settings").write_text('{"autosave": false}')
    env = {
        **os.environ,
        **mark,
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "COMPANION_WORKSPACE": str(folder / "workspace"),
    }
    options = ["--no-browser", "--expose-app-in-browser", "--port=0", "--ServerApp.port_retries=0"]
    options += [f"--LabApp.workspaces_dir='{folder / 'lab'}'"]
    server = subprocess.Popen(
        ["make", "-s", "lab", f"LAB_OPTIONS={' '.join(options)}"],
        cwd=ROOT,
        env=env,
        stdout=(folder / "log").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )

    def running() -> dict:
        """What the server says of itself, in a file that is there before it is full."""
        for file in (folder / "runtime").glob("jpserver-*.json"):
            with suppress(json.JSONDecodeError):
                return json.loads(file.read_text())
        return {}

    try:
        assert until(running, 120), (folder / "log").read_text()[-2000:]
        yield running()
    finally:
        end(server, folder / "log")
        assert_gone(mark)


def end(server: subprocess.Popen, log: Path) -> None:
    """End it as a reader does who closes the terminal. One that stays is killed, and its log told."""
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(120)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        pytest.fail(f"it did not end within two minutes of SIGTERM:\n{log.read_text()[-4000:]}")


def test_it_listens_on_loopback_only_and_asks_for_a_token(lab):
    assert lab["hostname"] in ("127.0.0.1", "localhost")
    assert len(lab["token"]) >= 32


@pytest.fixture(scope="module")
def page(lab):
    with new_page() as page:
        page.requested = []
        page.on("request", lambda request: page.requested.append(request.url))
        page.goto(f"{lab['url']}?token={lab['token']}")  # leads to the start page by itself
        page.wait_for_selector(IDLE, timeout=90_000)
        assert until(lambda: page.evaluate(ANSWERED), 90), "the kernel does not answer"
        yield page


def test_the_start_page_runs_in_a_browser(page):
    page.click('.lm-MenuBar-itemLabel:text-is("Run")')
    page.click('.lm-Menu-itemLabel:text-is("Run All Cells")')
    # stored counts go when a cell is queued; that none is queued would not be enough: after an error on purpose none is for a moment
    assert until(lambda: not all(page.evaluate(COUNTS)), 60), "no cell was queued"
    assert until(lambda: all(page.evaluate(COUNTS)), 120), f"some cells were not run: {page.evaluate(COUNTS)}"
    page.wait_for_selector(IDLE, timeout=60_000)
    if folder := os.environ.get("COMPANION_SCREENSHOTS"):
        for number in range(8):
            page.screenshot(path=Path(folder) / f"lab-{number}.png")
            page.mouse.move(700, 500)
            page.mouse.wheel(0, -900)
            page.wait_for_timeout(300)


def drawn(page, selector: str, least: int) -> bool:
    """Whether so many of them come up: JupyterLab draws what is out of sight when it has the time."""
    return until(lambda: page.locator(selector).count() >= least, 30)


def test_the_page_is_the_one_of_this_checkout(page):
    notebook = json.loads((ROOT / "notebooks" / "00-start-here" / "start_here.ipynb").read_text(encoding="utf-8"))
    assert sources(page) == ["".join(cell["source"]) for cell in notebook["cells"]]


def test_the_diagram_is_drawn(page):
    assert drawn(page, ".jp-RenderedMermaid svg, .jp-RenderedMermaid img", 1)


def test_solutions_are_collapsed(page):
    assert drawn(page, ".jp-CodeCell .jp-InputPlaceholder, .jp-CodeCell .jp-Placeholder", 3)


def test_dask_panes_are_there_and_the_news_are_not(page):
    assert page.locator('[data-id="dask-dashboard-launcher"]').count() == 1
    assert page.locator("text=Would you like to").count() == 0


def test_nothing_was_asked_of_another_server(page):
    foreign = [
        url for url in page.requested if not url.startswith(("http://127.0.0.1", "http://localhost", "data:", "blob:"))
    ]
    assert foreign == []
