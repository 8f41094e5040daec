"""The container of ``scaling_strategy``: its own cell, with a real engine. Without one this is skipped, and says why."""

import time
from contextlib import ExitStack
from functools import partial

import numpy as np
import pytest
from containers import client_of_a_module  # noqa: F401  (a fixture)
from harness import chapters

from companion import book
from companion.engines import docker as docker_engine
from companion.labs.strategy import customers, service

CHAPTER = book.chapter("scaling_strategy")


@pytest.fixture(scope="module")
def cell(client, tmp_path_factory):
    """What the cell has left, with a service that is up."""
    folder = tmp_path_factory.mktemp("strategy")
    customers.write(folder, 2_345, seed=1)
    functions = folder / "ranker.py"
    functions.write_text(
        "import numpy as np\n\n" + "\n\n".join(chapters.defined(CHAPTER)[name] for name in ("rank", "rank_range"))
    )
    (source,) = [source for source in chapters.taught(CHAPTER) if "containers.run" in source]
    with ExitStack() as serving:
        known = {"service": service, "serving": serving, "functions": functions, "job": folder, "WORKERS": 2}
        known |= {"ways": {}, "started": {}, "partial": partial, "time": time, "workspace": lambda name: folder / name}
        exec(source, known)  # noqa: S102  (the project's own cell)
        yield known


@pytest.mark.slow
def test_the_box_gives_what_its_program_gives_outside(cell):
    assert cell["boxed"] is not None, "an engine answers: the service is in a container"
    assert cell["ways"]["service"] is cell["boxed"] and cell["started"]["service"] > 0
    known: dict = {}
    exec(cell["functions"].read_text(), known)  # noqa: S102
    assert np.array_equal(cell["boxed"](2_345), known["rank_range"](str(cell["job"]), 0, 2_345))


@pytest.mark.slow
def test_the_box_is_shut(cell):
    container = cell["container"]
    container.reload()
    settings = container.attrs["HostConfig"]
    assert settings["ReadonlyRootfs"] and settings["CapDrop"] == ["ALL"] and not settings["Privileged"]
    assert not container.attrs["Mounts"], "nothing of the engine's machine is in it"
    assert {port["HostIp"] for port in container.ports["8000/tcp"]} == {"127.0.0.1"}
    look = "import os; print(os.getuid(), os.environ['OPENBLAS_NUM_THREADS'])"
    assert container.exec_run(["python", "-c", look]).output.decode().split() == ["10001", "1"]
    assert container.exec_run(["python", "-c", "open('/app/x', 'w')"]).exit_code != 0
    booted = [line for line in container.logs().decode().splitlines() if "Booting worker" in line]
    assert len(booted) == 2


@pytest.mark.slow
def test_with_the_service_all_of_it_goes(cell, client):
    chosen = {"label": f"{docker_engine.SESSION}={cell['labels'][docker_engine.SESSION]}"}
    images = [image.id for image in client.images.list(filters=chosen)]
    assert len(images) == 2 and client.containers.list(filters=chosen), "each stage carries the labels"
    cell["serving"].close()
    assert not client.containers.list(all=True, filters=chosen) and not client.images.list(filters=chosen)
    left = {image["Id"] for image in client.api.images(all=True)}
    assert not left & set(images)
