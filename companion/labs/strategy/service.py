"""The ranking as a service: the text of its module, what goes into its container, and a client that asks for many customers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from companion import checkout
from companion.processes import wait
from companion.workspace import disk_errors

#: where the job's files lie in the container
IN_THE_BOX = Path("/app/job")
#: of the workers, in a container or not: the processes are the parallelism
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_PATIENCE = 30.0

#: behind the source of ``rank`` and ``rank_range``: an application for gunicorn, in the notebook's own words
APPLICATION = """
from flask import Flask

application = Flask("ranking")


@application.get("/rank/<int:start>/<int:stop>")
def ranked(start, stop):
    return rank_range({folder!r}, start, stop).tolist()
"""


def source(functions: Path, folder: Path) -> str:
    """The module that gunicorn loads: the file with the functions, and the route in front of them."""
    return functions.read_text(encoding="utf-8") + APPLICATION.format(folder=str(folder))


def context(folder: Path, functions: Path, job: Path) -> Path:
    """All that ``ranking/Dockerfile`` copies, in an empty folder: the recipe, the requirements, the program, the job's files.

    Returns:
        the folder, to be given to a build as its context.
    """
    recipes, ours = checkout.folder("docker"), folder / "ranking"
    with disk_errors(folder):
        (folder / "serving").mkdir(parents=True)
        ours.mkdir()
        # with their modes, which count for the engine's cache: these layers are shared with the other services' images
        shutil.copy(recipes / "serving" / "requirements.txt", folder / "serving")
        shutil.copy(recipes / "ranking" / "Dockerfile", ours)
        (ours / "app.py").write_text(source(functions, IN_THE_BOX), encoding="utf-8")
        (ours / "job").mkdir()
        for name in ("tastes.npy", "affinity.npy"):
            shutil.copy(job / name, ours / "job")
        # the user in the container is nobody on this machine
        for path in ours.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def published(container: Any, patience: float = _PATIENCE) -> str:
    """The address of a container's service, once it answers.

    Raises:
        EngineUnavailable: the container has ended, or nothing answers at its port: it is published on the loopback of the
            *engine's* machine, which may be another one than this.
    """
    import requests

    url = ""

    def answers() -> bool:
        nonlocal url
        container.reload()
        for port in (container.ports.get("8000/tcp") or [])[:1]:
            url = f"http://127.0.0.1:{port['HostPort']}"
        try:
            return bool(url) and requests.get(f"{url}/rank/0/1", timeout=5).ok
        except requests.RequestException:
            return False

    def has_ended() -> bool:
        return container.status in ("exited", "dead")

    def reason() -> str:
        if has_ended():
            return wait.telling_line(container.logs().decode(errors="replace"))
        return (
            f"it runs, but nothing answers here at {url or 'its port'}: that is the loopback of the engine's machine, and "
            "DOCKER_HOST may name another one. Start the kernel there, or tunnel the port"
        )

    over = lambda: "" if has_ended() else None  # noqa: E731
    wait.until(answers, patience, "the container does not serve", over=over, detail=reason)
    return url


def client(url: str, at_once: int = 4, most: int = 1_000) -> Callable[[int, int], np.ndarray]:
    """A function ``ask(start, stop)``: the service's rows for these customers, in order, shape (stop - start, 10), int16.

    Args:
        at_once: requests under way.
        most: customers in a request.
    """
    import requests

    def one(start: int, stop: int) -> np.ndarray:
        reply = requests.get(f"{url}/rank/{start}/{stop}", timeout=60)
        reply.raise_for_status()
        return np.array(reply.json(), np.int16).reshape(-1, 10)

    def ask(start: int, stop: int) -> np.ndarray:
        starts = list(range(start, stop, most))
        with ThreadPoolExecutor(at_once) as threads:
            rows = list(threads.map(lambda first: one(first, min(first + most, stop)), starts))
        return np.concatenate(rows) if rows else np.empty((0, 10), np.int16)

    return ask
