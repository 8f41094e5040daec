"""The book's own image, started as the README says, shows what `make lab` shows: the start page, and the same state of the engines.

In a real browser; JupyterLab wants the token that it prints.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import requests
from browser import IDLE, new_page, sources
from containers import ROOT, built, client_of_a_module, labels_of_a_module  # noqa: F401  (fixtures)
from processes import until

from companion import checkout
from companion.processes.environment import for_child

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def book(client, session):
    """The running container, the port that it is published on, and what it has printed."""
    tag = built(client, "book")
    # docker run -p 127.0.0.1:8888:8888 companion/book; JupyterLab's application is shown to the page for the test's questions
    options = {"ports": {"8888/tcp": ("127.0.0.1", None)}, "labels": session, "detach": True}
    command = ["docker/book/start.sh", "--expose-app-in-browser"]
    running = client.containers.run(tag, command, **options)
    try:
        printed = lambda: re.search(r"http://127\.0\.0\.1:8888/lab\S*\?token=(\w{32,})", running.logs().decode())  # noqa: E731
        assert until(lambda: printed() or running.reload() or running.status == "exited", 180)
        assert printed(), running.logs().decode()
        running.reload()
        (published,) = running.ports["8888/tcp"]
        yield running, f"http://127.0.0.1:{published['HostPort']}", printed()[1]
    finally:
        running.remove(force=True)


def test_it_is_nobody_special_and_shows_nothing_without_the_token(book):
    running, address, token = book
    assert running.exec_run(["id", "-u"]).output.strip() == b"10001"
    assert requests.get(f"{address}/api/contents", timeout=30).status_code == 403
    answer = requests.get(f"{address}/api/contents", params={"token": token}, timeout=30)
    assert answer.status_code == 200 and "notebooks" in answer.text


def test_its_doctor_says_what_this_machines_says(book):
    """But for Docker, which a container has none of, and of Prometheus and Java the versions of its own Debian."""
    running, _, _ = book
    environment = {**for_child(), "DOCKER_HOST": "unix:///nowhere.sock", "PATH": os.environ["PATH"]}
    here = subprocess.run(
        [sys.executable, "-m", "companion", "doctor"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    there = running.exec_run(
        ["python", "-m", "companion", "doctor"], environment={"DOCKER_HOST": "unix:///nowhere.sock"}
    )
    plain = lambda text: re.sub(r"Java \d+|(?m:(?<=^prometheus  embedded ).*)", "", re.sub(" +", " ", text))  # noqa: E731
    assert plain(there.output.decode()) == plain(here.stdout)
    # and it has said so when it started
    assert re.search(r"^engine +state", running.logs().decode(), re.MULTILINE)


def test_the_start_page_is_the_same_in_a_browser(book):
    _, address, token = book
    with new_page() as page:
        page.goto(f"{address}/?token={token}")  # leads to the start page by itself
        page.wait_for_selector(IDLE, timeout=120_000)
        shown = sources(page)
    notebook = (checkout.folder("notebooks") / "00-start-here" / "start_here.ipynb").read_text(encoding="utf-8")
    assert shown == ["".join(cell["source"]) for cell in json.loads(notebook)["cells"]]


def test_a_notebook_runs_in_it(book):
    """One with an engine of its own beside Python, under strict nbval: what is stored is what the image shows."""
    running, _, _ = book
    path = "notebooks/12-privacy-and-strategy/encryption_access_control.ipynb"
    done = running.exec_run(["python", "-m", "pytest", "-q", "--nbval", "-p", "no:cacheprovider", path])
    assert done.exit_code == 0, done.output.decode()[-4000:]


def devcontainer() -> dict:
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))


def test_the_devcontainer_needs_nothing_more(client, session, book, tmp_path):
    """Its mounts, its user and its command, on a copy of this checkout, without a network: the environment is the image's own."""
    settings = devcontainer()
    assert settings["build"] == {"dockerfile": "../docker/book/Dockerfile", "context": "..", "target": "book"}
    there = client.images.get("companion/book:latest").attrs["Config"]["WorkingDir"]
    assert settings["workspaceFolder"] == there and f"target={there}," in settings["workspaceMount"]
    copy = tmp_path / "checkout"
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    subprocess.run(["chmod", "-R", "a+rwX", copy], check=True)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    # a volume starts as a copy of what the image has there, 4 GB: here the image's own stays in its place, and all else is mounted
    assert [re.search("target=([^,]+)", mount)[1] for mount in settings["mounts"]] == [
        f"{there}/.venv",
        f"{there}/.cache",
    ]
    assert all("type=volume" in mount for mount in settings["mounts"])
    binds = [f"{entry}:{there}/{entry.name}" for entry in sorted(copy.iterdir())]
    command = ["sh", "-ec", f"{settings['postCreateCommand']} && python -m companion doctor && touch notebooks/mine"]
    said = client.containers.run(
        "companion/book:latest", command, volumes=binds, user=settings["remoteUser"], labels=session, network_mode="none", stderr=True
    )  # fmt: skip
    assert re.search(r"^dask +embedded", said.decode(), re.MULTILINE) and "installing" not in said.decode()
    assert (copy / "notebooks" / "mine").exists()
