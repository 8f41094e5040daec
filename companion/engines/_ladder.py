"""What ``probe()`` finds, and the one ladder on which every engine looks for it: client, live address, embedded engine."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from companion.errors import CompanionError, EngineUnavailable
from companion.processes.server import package_version

UNKNOWN = "-"


@dataclass(frozen=True)
class Status:
    """What ``probe()`` found.

    Attributes:
        mode: ``embedded`` (starts on demand here), ``live`` (an address is set and answers), ``missing``.
        version: the engine's own, ``-`` where it can't be known without starting something.
        client: the Python package that speaks to it, with its version.
        detail: where it lives; for a missing one, how to get it.
        optional: the notebooks have a labelled second path without it.
    """

    engine: str
    mode: Literal["embedded", "live", "missing"]
    version: str
    client: str
    detail: str
    optional: bool = False


def variable(name: str) -> str | None:
    """The value of an environment variable; None where it is unset, or empty, which is how compose files and CI unset it."""
    return os.environ.get(name, "").strip() or None


def climb(
    engine: str,
    *,
    client: str,
    install: str,
    live: Callable[[], tuple[str, str] | None],
    embedded: Callable[[], tuple[str, str]] | None = None,
    optional: bool = False,
) -> Status:
    """The status on the first rung that holds: no client, live or not answering, embedded or not there.

    Args:
        client: the package that a reader imports.
        install: what to do when it is missing.
        live: version and place of the engine in the environment, None when no variable names one; raises
            EngineUnavailable when it does not answer.
        embedded: version and place of the engine that would start here; raises EngineUnavailable when there is none.
    """
    found = package_version(client)
    if found is None:
        return Status(engine, "missing", UNKNOWN, UNKNOWN, install, optional)
    named = f"{client} {found}"
    try:
        if (answer := live()) is not None:
            return Status(engine, "live", answer[0], named, answer[1], optional)
        if embedded is not None:
            version, where = embedded()
            return Status(engine, "embedded", version, named, where, optional)
    except CompanionError as error:
        return Status(engine, "missing", UNKNOWN, named, str(error), optional)
    return Status(engine, "missing", UNKNOWN, named, install, optional)


@cache
def version_of(binary: str, pattern: str) -> str:
    """What a program says of its version, asked once a process; ``-`` when it does not say.

    Raises:
        EngineUnavailable: the program can't be run.
    """
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineUnavailable(f"{binary} does not run here: {error}") from error
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else UNKNOWN
