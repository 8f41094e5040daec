"""With a real Docker engine: the images are as small, as bare and as reproducible as promised, and a killed session leaves
nothing. Without one these are skipped, and say why; the layer rules and the messages need none.
"""

import io
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from containers import (  # noqa: F401  (fixtures)
    DOCKER,
    SERVICES,
    client_of_a_module,
    connected,
    labels_of_a_module,
    with_models,
)
from processes import assert_gone, new_mark, until
from readme import checked

from companion import EngineUnavailable, SettingError
from companion.configs import layers
from companion.engines import docker as engine
from companion.labs.containers import healthcheck


@pytest.fixture(scope="module")
def context(client, tmp_path_factory) -> Path:
    """A copy of ``docker/`` with both models."""
    return with_models(tmp_path_factory.mktemp("context") / "docker")


def build(client, context, name, session, target="", **arguments):
    """An image, or a stage of it; what ``scripts/images.sh`` has built is found in the cache."""
    return client.images.build(
        path=str(context), dockerfile=f"{name}/Dockerfile", target=target, rm=True, forcerm=True, labels=session,
        buildargs={**engine.build_arguments(client), **arguments},
    )[0]  # fmt: skip


LOOK = """
import os, shutil, importlib.util as u
print(os.getuid(), [t for t in ('gcc', 'cc', 'make', 'pip', 'pip3', 'git') if shutil.which(t)],
      [m for m in ('pip', 'ensurepip', 'setuptools', 'train', 'companion') if u.find_spec(m)], os.access('/app', os.W_OK))
"""


FIRST_TO_GO = """
import os
main = open(os.environ["SERVICE_PIDFILE"]).read().strip()
workers = open(f"/proc/{main}/task/{main}/children").read().split()
print([int(open(f"/proc/{process}/oom_score_adj").read()) for process in (main, *workers)])
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_the_image_is_small_bare_and_nobodys_serves_with_a_read_only_disk_and_stops_when_told(
    name, client, context, session
):
    image = build(client, context, name, session)
    assert image.attrs["Size"] < 450e6
    config = image.attrs["Config"]
    assert config["User"] == "10001:10001" and "serving.healthcheck" in " ".join(config["Healthcheck"]["Test"])
    container = client.containers.run(
        image, detach=True, init=True, labels=session, read_only=True, tmpfs={"/tmp": ""}, cap_drop=["ALL"],
        mem_limit="512m", ports={"8000/tcp": ("127.0.0.1", None)},
        healthcheck={"test": ["CMD", "python", "-m", "serving.healthcheck"], "interval": 10**9, "timeout": 5 * 10**9},
    )  # fmt: skip
    assert container.exec_run(["python", "-c", LOOK]).output.decode().strip() == "10001 [] [] False"

    def health() -> str:
        container.reload()
        return container.attrs["State"]["Health"]["Status"]

    assert until(lambda: health() == "healthy", 120), container.logs().decode()
    main, *workers = json.loads(container.exec_run(["python", "-c", FIRST_TO_GO]).output)
    assert len(workers) >= 2 and all(main < worker for worker in workers), "the kernel takes a worker first"
    published = container.ports["8000/tcp"]
    assert [p["HostIp"] for p in published] == ["127.0.0.1"]
    url = f"http://127.0.0.1:{published[0]['HostPort']}"
    assert requests.get(f"{url}/readyz", timeout=20).json()["status"] == "ready"
    malformed = requests.post(f"{url}/predict", data=b"{", headers={"Content-Type": "application/json"}, timeout=20)
    assert malformed.status_code == 400
    container.stop(timeout=30)
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 0
    container.remove()


@pytest.mark.slow
def test_two_builds_give_the_same_layers(client, context, session):
    """All that stands behind the download is made anew: the packages and the application come out the same, byte for byte,
    times and rights included. What differs is the layer of the base's deleted files, whose marks carry the time.
    """
    found = []
    for again in ("1", "2"):
        for path in (context / "model_server" / "service.py", context / "serving" / "web.py"):
            os.utime(path, (time.time(), time.time()))
        image = build(client, context, "model_server", session, REBUILD=again + str(time.time()))
        found.append(image.attrs["RootFS"]["Layers"])
    (base, deleted, *ours), (base2, deleted2, *ours2) = found
    assert base == base2 and len(ours) == 2 and ours == ours2
    assert deleted != deleted2, "the marks have lost their time: the notebook says otherwise"


KILLED = """
from companion.engines import docker as engine
from companion.labs.containers import healthcheck
client, labels = engine.connect(), engine.labels()
base = engine.base_image(client)
client.containers.run(base, ["sleep", "600"], detach=True, labels=labels)
client.volumes.create(labels=labels)
client.networks.create("companion-test-" + labels[engine.SESSION], labels=labels)
print(labels[engine.SESSION], flush=True)
import time; time.sleep(60)
"""


@pytest.mark.slow
def test_a_killed_session_leaves_nothing_in_the_engine(client):
    mark = new_mark()
    kernels = {
        sig: subprocess.Popen(
            [sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, env={**os.environ, **mark}
        )
        for sig in (signal.SIGKILL, signal.SIGTERM)
    }
    for sig, kernel in kernels.items():
        chosen = {"label": f"{engine.SESSION}={kernel.stdout.readline().strip()}"}
        assert len(client.containers.list(filters=chosen)) == 1
        kernel.send_signal(sig)
        kernel.wait(120)
        assert until(lambda c=chosen: not client.api.containers(all=True, filters=c))
        assert until(lambda c=chosen: not client.volumes.list(filters=c) and not client.networks.list(filters=c))
    assert_gone(mark)


@pytest.mark.slow
def test_a_base_image_that_nobody_has_is_said(client, monkeypatch):
    monkeypatch.setenv("COMPANION_BASE_IMAGE", "localhost:1/companion/none:0")
    with pytest.raises(EngineUnavailable, match=r"localhost:1/companion/none:0 .*local_base_image\.sh"):
        engine.base_image(client)


# The rules of the cache need no engine

FILE = """\
ARG BASE=python
FROM ${BASE} AS build
ARG FAST=0
COPY requirements.txt /w/
RUN pip wheel \\
      -r /w/requirements.txt
FROM ${BASE}
COPY --from=build /w /w
COPY app/*.py docs/ ./
CMD ["python", "app.py"]
"""


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("README.md", []),
        ("requirements.txt", ["COPY requirements", "RUN", "COPY --from", "COPY app", "CMD"]),
        ("app/app.py", ["COPY app", "CMD"]),
        ("docs/deep/page.md", ["COPY app", "CMD"]),
        ("FAST", ["RUN", "COPY --from", "COPY app", "CMD"]),
    ],
)
def test_what_runs_again(changed, again):
    found = [str(step) for step in layers.again(FILE, {changed})]
    assert len(found) == len(again) and all(text.startswith(start) for text, start in zip(found, again, strict=True))


CONTEXT = {
    "requirements.txt": b"# none\n",
    "app.py": b"print('hello')\n",
    "model.skops": b"weights",
    "docs/page.md": b"page",
}
COPIES = [
    "COPY requirements.txt .",
    "COPY app.py model.skops .",  # the classic builder refuses it, BuildKit doesn't
    "COPY app.py model.skops ./",
    'copy ["app.py", "model.skops", "/srv/"]',
    "COPY app.py main.py",
    "COPY app.py /app",
    "COPY app.py /nowhere",
    "COPY --chown=10001 ./app.py /tmp/",
    "COPY *.txt *.skops .",
    "COPY m*.skops thing",
    "COPY [am]*.* ./",
    "COPY ['app.py', './']",  # no JSON
    "COPY --link app.py .",  # BuildKit's own flags
    "COPY --chmod=644 app.py .",
    "COPY docs .",
    "COPY docs docs app.py ./",
    "COPY . .",
    "COPY nothing .",
    "ADD app.py /app/app.py",
]


@pytest.mark.slow
@pytest.mark.parametrize("copy", COPIES)
def test_where_files_lie_is_what_the_engine_says(copy, client, session, tmp_path):
    """The rules of the exercise about the order of layers, held to the classic builder."""
    docker = pytest.importorskip("docker")
    base = engine.base_image(client)
    for path, content in CONTEXT.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    text = f"FROM {base}\nWORKDIR /app\n{copy}\n"
    (tmp_path / "Dockerfile").write_text(text)
    (tmp_path / ".dockerignore").write_text("Dockerfile\n.dockerignore\n")
    try:
        expected, refusal = layers.placed(text, set(CONTEXT))[-1].files, ""
    except SettingError as refused:
        expected, refusal = {}, str(refused)
    if refusal:
        with pytest.raises(docker.errors.DockerException) as engines:
            client.images.build(path=str(tmp_path), labels=session, rm=True, forcerm=True)
        assert ("end with a /" in str(engines.value)) == ("end with a /" in refusal)
        return
    image, _ = client.images.build(path=str(tmp_path), labels=session, rm=True, forcerm=True)
    container = client.containers.create(image, labels=session)
    for path, source in expected.items():
        with tarfile.open(fileobj=io.BytesIO(b"".join(container.get_archive(path)[0]))) as archive:
            member = archive.extractfile(archive.getmembers()[0])
            assert member is not None and member.read() == CONTEXT[source], path
    container.remove()


LINES = [
    'HEALTHCHECK --interval=15s --timeout=2s --start-period=30s --retries=4 CMD ["python", "-m", "serving.healthcheck"]',
    "healthcheck --interval=1m30s --timeout=1500ms cmd python -m serving.healthcheck",
    "HEALTHCHECK --retries=4 CMD ['python', 'a']",
    "HEALTHCHECK --interval=15 CMD x",
    "HEALTHCHECK --interval 15s CMD x",
    "HEALTHCHECK --interval=1us CMD x",
    "HEALTHCHECK --retries=0 CMD x",
    "HEALTHCHECK --timeout=5s --timeout=2s CMD x",
    "HEALTHCHECK --often=1s CMD x",
    "HEALTHCHECK python",
    "HEALTHCHECK NONE",
    "HEALTHCHECK \\\n --timeout=2s \\\n CMD x",
]


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_a_health_check_is_read_as_the_engine_reads_it(line, client):
    def said(read) -> dict | str:
        try:
            return read(line)
        except SettingError:
            return "refused"

    assert said(healthcheck.by_engine) == said(healthcheck.by_rules)
    assert not client.images.list(all=True, filters={"label": "companion.healthcheck"}), "the image goes again"


@pytest.mark.slow
def test_the_exercises_right_answers_build_and_its_first_edition_did_not(client, session, tmp_path):
    """Each right answer to `docker_model-2` is built for real; then a new app.py must find the RUN in the cache."""
    base = engine.base_image(client)
    for path in ("requirements.txt", "app.py", "model.skops"):
        (tmp_path / path).write_bytes(CONTEXT[path])
    for number, text in enumerate(right_dockerfiles()):
        (tmp_path / "app.py").write_text(f"print('hello {number}')\n")
        (tmp_path / "Dockerfile").write_text(text.replace("python:3.12-slim", base))
        client.images.build(path=str(tmp_path), labels=session, rm=True, forcerm=True)
        (tmp_path / "app.py").write_text(f"print('new {number}')\n")
        image, log = client.images.build(path=str(tmp_path), labels=session, rm=True, forcerm=True)
        lines = [text for line in log if (text := line.get("stream", "").strip())]
        run = next(i for i, line in enumerate(lines) if re.match(r"Step \d+/\d+ : run pip", line, re.IGNORECASE))
        assert "Using cache" in lines[run + 1], text
        assert client.containers.run(image, labels=session, remove=True).decode().strip() == f"new {number}"


def right_dockerfiles() -> list[str]:
    """Every kept right answer to `docker_model-2`, the book's own first."""
    answers = runpy.run_path(str(DOCKER.parent / "tests/notebooks/answers/docker_model.py"))["RIGHT"]["docker_model-2"]
    notebook = json.loads((DOCKER.parent / "notebooks/04-containerization/docker_model.ipynb").read_text())
    own = next(
        "".join(c["source"])
        for c in notebook["cells"]
        if c["metadata"].get("nbgrader", {}).get("grade_id") == "docker_model-2"
    )
    found = []
    for source in (own, *answers):
        space: dict[str, str] = {}
        exec(source, space)  # noqa: S102  (the repository's own)
        found.append(space["DOCKERFILE"])
    return found


def test_the_variable_leads_to_the_engine(client, monkeypatch):
    if not Path("/var/run/docker.sock").exists():
        pytest.skip("the engine is not at its usual socket")
    monkeypatch.setenv("DOCKER_HOST", checked("DOCKER_HOST", "unix:///var/run/docker.sock"))
    monkeypatch.setenv("COMPANION_BASE_IMAGE", checked("COMPANION_BASE_IMAGE", engine.base_image(client)))
    found = engine.connect()
    assert found.info()["ID"] == client.info()["ID"]
    assert engine.base_image(found) == engine.base_image(client)
    found.close()


def test_where_ci_insists_a_missing_engine_fails_unless_it_says_why(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setattr("containers.REQUIRE_ENGINES", True)
    monkeypatch.delenv("COMPANION_NO_DOCKER", raising=False)
    with pytest.raises(pytest.fail.Exception, match="no Docker engine answers"):
        connected()
    monkeypatch.setenv("COMPANION_NO_DOCKER", "no root here")
    with pytest.raises(pytest.skip.Exception, match="no root here"):
        connected()


def test_packages_come_from_where_pip_is_told_to_get_them(monkeypatch):
    monkeypatch.setenv("COMPANION_BASE_IMAGE", "base")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    client = SimpleNamespace(images=SimpleNamespace(get=lambda name: name))
    assert engine.build_arguments(client) == {"BASE_IMAGE": "base", "PIP_INDEX_URL": "https://index.example/simple"}
    assert "docker.package_index()" in (DOCKER.parent / "scripts/images.sh").read_text(), "one place for both"


def test_a_line_that_is_no_instruction_is_named():
    with pytest.raises(ValueError, match="not an instruction: 'pip install flask'"):
        layers.steps("FROM python\npip install flask\n")


def test_local_base_image_and_ci_hold_no_address():
    for path in ("scripts/local_base_image.sh", "scripts/images.sh", ".ci/run"):
        text = (DOCKER.parent / path).read_text()
        assert not re.search(r"https?://", text)
        subprocess.run(["sh" if path.endswith(".sh") else "bash", "-n", str(DOCKER.parent / path)], check=True)
