"""Runs a command on behalf of a pipeline and ends it, with all that it has started, when the runner is gone, however it went.

Nothing inside a process covers its own SIGKILL. So each command is the child of this small process, which notices the end of
the runner in two ways: its standard input closes, or it gets a new parent.

usage: python guard.py PARENT_PID COMMAND ARG...
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

_POLL_SECONDS = 0.3
_GRACE_SECONDS = 5.0


def main(argv: list[str]) -> int:
    """Run the command to its end, or to the runner's; returns its exit code."""
    parent, *command = argv
    # the runner's Ctrl-C is not for the command
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _adopt_orphans()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    pause = 0.01
    try:
        while child.poll() is None and os.getppid() == int(parent):
            ready, _, _ = select.select([sys.stdin], [], [], pause)
            if ready:  # only ever end of file: nobody writes here
                break
            pause = min(2 * pause, _POLL_SECONDS)
        code = child.poll() or 0
        return code if code >= 0 else 128 - code  # as a shell says it
    finally:
        _stop(child)
        _kill_detached()


def _stop(child: subprocess.Popen) -> None:
    """SIGTERM to the command's whole session, SIGKILL to what is left after a grace period."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, sig)
        except ProcessLookupError:
            return
        try:
            child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        # the leader is gone; helpers of its own may not be
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        return


def _adopt_orphans() -> None:
    """What detaches itself from the command becomes a child of this process, which then finds it. Linux only."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, of linux/prctl.h


def _kill_detached() -> None:
    """SIGKILL to what the command started in a session of its own."""
    for _ in range(50):  # a killed process hands its children on
        _reap()
        left = descendants(os.getpid())
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _reap() -> None:
    """Take note of children that have ended, so that they are gone."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def descendants(pid: int) -> list[int]:
    """The processes below one: its children, and theirs."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    ahead = [pid]
    while ahead:
        below = children.get(ahead.pop(), [])
        found += below
        ahead += below
    return found


def _parents() -> list[tuple[int, int]]:
    """Every process with its parent."""
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True).stdout
        return [(int(pid), int(parent)) for pid, parent in map(str.split, listed.splitlines())]
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            # the second field, a name in parentheses, can hold anything
            found.append((int(stat.parent.name), int(stat.read_bytes().rpartition(b")")[2].split()[1])))
    return found


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
