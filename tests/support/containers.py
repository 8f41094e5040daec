"""What the container tests share: the engine, or why there is none; a build context with trained models."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from conftest import REQUIRE_ENGINES

from companion import EngineUnavailable, checkout
from companion.engines import docker as engine

ROOT = checkout.folder()
DOCKER = ROOT / "docker"
SERVICES = ("model_server", "nlp_service")


def skip_or_fail(why: str) -> NoReturn:
    """Skip, and say why. Where CI insists on the engines that is a failure, unless it has said itself that there is no Docker."""
    excuse = os.environ.get("COMPANION_NO_DOCKER")
    if REQUIRE_ENGINES and not excuse:
        pytest.fail(why)
    pytest.skip(excuse or why)


def connected():
    """A client of an engine with a base image."""
    try:
        client = engine.connect()
        engine.base_image(client)
    except EngineUnavailable as missing:
        skip_or_fail(str(missing))
    return client


@pytest.fixture(scope="module", name="client")
def client_of_a_module():
    """A client of the engine. A module imports this fixture, and takes it as ``client``."""
    found = connected()
    yield found
    found.close()


@pytest.fixture(scope="module", name="session")
def labels_of_a_module(client):
    """Labels of this module's own: whatever carries them goes at its end."""
    labels = engine.labels()
    yield labels
    engine.sweep(labels, client)


@contextmanager
def building() -> Iterator[None]:
    """One process at a time builds the book's images: two that begin together would do all of it twice."""
    lock = ROOT / ".cache" / "images.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def built(client, name: str) -> str:
    """An image of the book's own, ``worker`` or ``book``, as scripts/images.sh builds it: from the engine's cache where it is there.

    Returns:
        Its tag.
    """
    env = {**os.environ, "COMPANION_BASE_IMAGE": engine.base_image(client)}
    with building():
        done = subprocess.run([ROOT / "scripts" / "images.sh", name], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return f"companion/{name}:latest"


def with_models(folder: Path) -> Path:
    """A copy of ``docker/`` with both models: those of ``make models`` where they are newer than their code, else new ones."""
    shutil.copytree(DOCKER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shared = [
        *(DOCKER / "serving").iterdir(),
        *(ROOT / "companion" / "datasets").glob("*.py"),
        ROOT / "requirements.lock",
    ]
    for name in SERVICES:
        manifest = DOCKER / name / "model" / "manifest.json"
        sources = [*shared, DOCKER / name / "train.py", DOCKER / name / "service.py"]
        if manifest.is_file() and manifest.stat().st_mtime > max(s.stat().st_mtime for s in sources if s.is_file()):
            continue
        env = {**os.environ, "PYTHONPATH": str(folder)}  # the copy's own packages
        subprocess.run([sys.executable, "-m", f"{name}.train"], check=True, capture_output=True, cwd=ROOT, env=env)
    return folder
