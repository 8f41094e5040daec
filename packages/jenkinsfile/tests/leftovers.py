"""Finds the processes that a run has left behind, by a mark in their environment: a child inherits it however it was started."""

import os
import signal
import time
import uuid
from contextlib import suppress
from pathlib import Path

MARK = "JENKINSFILE_TEST_MARK"


def new_mark() -> dict[str, str]:
    """An environment variable that is unique to one run."""
    return {MARK: uuid.uuid4().hex}


def marked(mark: dict[str, str]) -> list[int]:
    """The living processes that carry the mark, other than this one. Linux only."""
    wanted, found = f"{MARK}={mark[MARK]}".encode(), []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has just ended, or is not ours to look at
            if wanted in environ.read_bytes().split(b"\0") and int(environ.parent.name) != os.getpid():
                found.append(int(environ.parent.name))
    return found


def assert_gone(mark: dict[str, str], seconds: float = 60) -> None:
    """No marked process is left after a grace period; survivors are killed."""
    end = time.monotonic() + seconds
    while left := marked(mark):
        if time.monotonic() > end:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"left behind: {left}")
        time.sleep(0.1)


def interruptible() -> None:
    """``preexec_fn=`` of a process that a test interrupts: whoever started the tests in the background switched that off."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
