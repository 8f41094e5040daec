"""Runs a server on behalf of a notebook and takes it down when the notebook's process is gone, however it went.

``atexit`` covers a kernel that ends; nothing inside a process covers its own SIGKILL. So each embedded server is the child
of this small process, which notices the death of its parent in two ways: its standard input closes, or it gets a new parent.

usage: python -m companion.processes.guard [--no-stdin] [--filtered] [--stop-with NAME] PARENT_PID FOLDER_TO_REMOVE -- COMMAND ARG...

``--no-stdin`` is for a command whose standard input is not a pipe of ours; ``--filtered`` for one that is started by somebody
else's code, which knows nothing of what a child may see (``companion.processes.environment``); ``--stop-with`` for one that
ends best on another signal than SIGTERM.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys

from companion.processes import environment

_POLL_SECONDS = 0.3
_GRACE_SECONDS = 5.0


def main(argv: list[str]) -> int:
    watch, stop_with, env = [sys.stdin], signal.SIGTERM, None
    if argv[0] == "--no-stdin":
        watch, argv = [], argv[1:]
    if argv[0] == "--filtered":
        env, argv = environment.for_child(), argv[1:]
    if argv[0] == "--stop-with":
        stop_with, argv = signal.Signals[argv[1]], argv[2:]
    parent, folder, _, *command = argv
    # the kernel's Ctrl-C is not for the server
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    adopt_orphans()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, env=env)
    try:
        while child.poll() is None and os.getppid() == int(parent):
            ready, _, _ = select.select(watch, [], [], _POLL_SECONDS)
            if ready:  # only ever end of file: nobody writes here
                break
        return child.poll() or 0
    finally:
        _stop(child, stop_with)
        kill_detached()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _stop(child: subprocess.Popen[bytes], stop_with: signal.Signals) -> None:
    """A signal to the server's whole session, SIGKILL to what is left after a grace period."""
    for sig in (stop_with, signal.SIGKILL):
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


def adopt_orphans() -> None:
    """What detaches itself from the command becomes a child of this process, which then finds it. Linux only."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, of linux/prctl.h


def kill_detached() -> None:
    """SIGKILL to what the command started in a session of its own."""
    import psutil

    for _ in range(5):  # a killed process hands its children on
        left = psutil.Process().children(recursive=True)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if not left:
            return
        psutil.wait_procs(left, timeout=1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
