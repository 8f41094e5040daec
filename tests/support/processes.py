"""Finds what a test has left behind: processes by a mark in their environment, shared memory, files.

A child inherits its parent's environment however it was started, so the mark finds orphans that a process tree has lost.
"""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil

MARK = "COMPANION_TEST_MARK"
#: what a busy machine needs; nobody waits for it when all is well
GRACE_SECONDS = 120.0


def new_mark() -> dict[str, str]:
    """An environment variable that is unique to one run."""
    return {MARK: uuid.uuid4().hex}


def marked(mark: dict[str, str]) -> list[psutil.Process]:
    """The living processes that carry the mark, other than this one."""
    found = []
    for process in psutil.process_iter():
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid()
            if alive and process.environ().get(MARK) == mark[MARK]:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
    return found


def until(condition: Callable[[], bool], seconds: float = GRACE_SECONDS) -> bool:
    """Whether the condition comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


def assert_gone(mark: dict[str, str], grace: float = GRACE_SECONDS) -> None:
    """No marked process is left after a grace period; the survivors are named, then killed."""
    if until(lambda: not marked(mark), grace):
        return
    survivors = marked(mark)
    names = [f"{p.pid} {' '.join(p.cmdline())[:120]}" for p in survivors]
    for process in survivors:
        process.send_signal(signal.SIGKILL)
    raise AssertionError("left behind:\n" + "\n".join(names))


def interruptible() -> None:
    """``preexec_fn=`` of a process that a test interrupts: whoever started the tests in the background switched that off."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def assert_dies_with_its_kernel(code: str, sig: signal.Signals, grace: float = GRACE_SECONDS) -> None:
    """Nothing that ``code`` has started survives the signal to its Python; it prints True when all is up, and then waits."""
    mark = new_mark()
    kernel = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **mark},
        preexec_fn=interruptible,
    )
    assert kernel.stdout.readline() == b"True\n"
    kernel.send_signal(sig)
    kernel.wait(120)
    assert_gone(mark, grace)


def shared_memory() -> set[str]:
    """Names in /dev/shm."""
    folder = Path("/dev/shm")
    return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()


def shared_memory_in_use() -> set[str]:
    """Names in /dev/shm that a living process has mapped."""
    found = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            lines = maps.read_text(errors="replace").splitlines()
        except OSError:  # it has just ended, or is not ours to look at
            continue
        found |= {line.rpartition("/dev/shm/")[2] for line in lines if "/dev/shm/" in line}
    return found


def assert_no_new_shared_memory(before: set[str]) -> None:
    """Nothing stays in /dev/shm. What a test that runs beside this one has mapped is not left behind; a leaked one nobody has."""

    def left() -> set[str]:
        return shared_memory() - before - shared_memory_in_use()

    assert until(lambda: not left()), f"left in /dev/shm: {sorted(left())}"
