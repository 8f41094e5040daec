"""With a real Docker engine: the images are as small, as bare and as reproducible as promised, and a killed session leaves
nothing. Without one these are skipped, and say why; the layer rules and the messages need none.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from containers import DOCKER, SERVICES, connected, with_models
from processes import assert_gone, new_mark, until

from companion import EngineUnavailable
from companion.configs import layers
from companion.engines import docker as engine


@pytest.fixture(scope="module")
def client():
    found = connected()
    yield found
    found.close()


@pytest.fixture(scope="module")
def session(client):
    labels = engine.labels()
    yield labels
    engine.sweep(labels, client)


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
def test_two_builds_give_the_same_bytes(client, context, session):
    """What the stage hands to the image, as an archive with all its times. (The last stage would be found in the cache.)"""
    archives = []
    for again in ("1", "2"):
        for path in (context / "model_server" / "service.py", context / "serving" / "web.py"):
            os.utime(path, (time.time(), time.time()))
        stage = build(client, context, "model_server", session, "application", REBUILD=again + str(time.time()))
        container = client.containers.create(stage, labels=session)
        archives.append(b"".join(container.get_archive("/root-of-image")[0]))
        container.remove()
    assert len(archives[0]) > 100_000 and archives[0] == archives[1]


KILLED = """
from companion.engines import docker as engine
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
