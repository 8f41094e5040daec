"""The one start of gunicorn: on loopback, with nothing of the reader's own settings, dead when this process is.

It serves an application of ``docker/`` under that service's own settings (``config``), or any other with a few plain ones.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from companion.processes import environment
from companion.processes.server import Server, free_port


def free_url() -> str:
    """An address on loopback whose port was free a moment ago."""
    return f"http://127.0.0.1:{free_port()}"


def start(
    application: str,
    url: str,
    *,
    log: Path,
    config: str | None = None,
    workers: int | None = None,
    folder: Path | None = None,
    removed: Path | None = None,
    variables: Mapping[str, str] | None = None,
    supervisor: Sequence[str] = (),
) -> Server:
    """Start it, and don't wait for it; its environment is ``Server.env``.

    Args:
        application: ``module:name`` or ``module:function()``.
        url: where it listens (see :func:`free_url`).
        log: the file that takes what it writes.
        config: where gunicorn reads its settings, as ``python:MODULE``.
        workers: how many processes; by default what the settings say, or one.
        folder: where it looks for modules first; by default this process' working folder.
        removed: a folder that goes when it has ended.
        variables: for the application, beside what of this process' environment a child may see.
        supervisor: a command that gunicorn's is handed to.
    """
    bind = url.removeprefix("http://")
    command = [sys.executable, "-m", "gunicorn", "--bind", bind, "--no-control-socket"]
    command += ["--config", config] if config else []
    command += ["--workers", str(workers)] if workers else []
    command += ["--chdir", str(folder)] if folder else []
    given = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "SERVICE_BIND": bind, **(variables or {})}
    return Server([*supervisor, *command, application], log=log, folder=removed, env=environment.for_child(given))
