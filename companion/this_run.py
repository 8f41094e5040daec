"""The name of this run, made once a process.

A notebook on a reader's own server is a guest: whatever it makes there (a schema, a role, a key, a stack, a file) has this
run's tag in its name, so that it meets nobody else's, and a mark that says whose it is, so that nobody else's is removed.
"""

from __future__ import annotations

import os
import platform
import secrets
from functools import cache
from pathlib import Path
from typing import Any

TAG = f"{os.getpid()}-{secrets.token_hex(4)}"
#: the same as the end of a name that needs no quotes in SQL
SUFFIX = "_" + TAG.replace("-", "_")


def name(what: str) -> str:
    """A name of this run: ``name("metering")`` is ``metering_4711_0a1b2c3d``."""
    return what + SUFFIX


def mark() -> dict[str, Any]:
    """What is written beside a thing that this process makes: its run, its process, and where that lives."""
    pid = os.getpid()
    return {"companion": TAG, "place": _place(), "pid": pid, "started": _started(pid)}


def is_over(found: Any) -> bool:
    """Whether a mark is that of a run which has ended for certain: its process was of this place, and is gone.

    False for whatever is no mark, and for runs on other machines or in other containers, of which nothing is known here.
    """
    if not isinstance(found, dict) or "companion" not in found or found.get("place") != _place():
        return False
    pid = found.get("pid")
    return isinstance(pid, int) and _started(pid) != found.get("started")


@cache
def _place() -> str:
    """This boot of this machine, and this container's view of its processes: a process id says something only there."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # no Linux
        return platform.node()


def _started(pid: int) -> float | None:
    """When a process was started, None when there is none: a number is given again, a number and a moment are not."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else round(process.create_time(), 2)
    except psutil.Error:
        return None
