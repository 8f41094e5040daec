"""Takes away what this process has made on a server that is not its own, when the process is gone, however it went.

``finally`` covers an interrupt and ``atexit`` an end; nothing inside a process covers its own SIGKILL. So a small process
beside it holds a list: what is on it is removed when the parent's end of the pipe closes, or the parent is gone.

    number = entrust("companion.engines.guest", "remove_schema", conninfo=..., schema=...)    before it is made
    relieve(number)                                                                           after it was removed

The list goes through the pipe, never to a command line or a file: it may hold a password.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

_PATIENCE_SECONDS = 30.0
_PAUSES = (0.0, 1.0, 5.0)  # the server may still be busy with what the killed process had asked for
_numbers = itertools.count(1)
_helper: subprocess.Popen[str] | None = None
_owner = 0


def entrust(module: str, function: str, **what: Any) -> int:
    """Have ``module.function(**what)`` called when this process is gone.

    Args:
        what: as JSON can hold it. The function may be called when there is nothing to remove, and more than once.

    Returns:
        A number for :func:`relieve`.
    """
    number = next(_numbers)
    _tell({"number": number, "module": module, "function": function, "what": what})
    return number


def relieve(number: int) -> None:
    """It was removed: there is nothing left to do."""
    _tell({"number": number})


def _tell(line: dict[str, Any]) -> None:
    global _helper, _owner
    if _helper is None or _owner != os.getpid():  # a forked child has its own: its parent's would not know of its end
        _helper, _owner = _start(), os.getpid()
    assert _helper.stdin is not None
    _helper.stdin.write(json.dumps(line) + "\n")
    _helper.stdin.flush()


def _start() -> subprocess.Popen[str]:
    helper = subprocess.Popen(
        [sys.executable, "-m", "companion.processes.caretaker", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # the kernel's interrupt is not for it
        text=True,
    )
    owner = os.getpid()

    def finish() -> None:
        if os.getpid() == owner and helper.stdin is not None:
            helper.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                helper.wait(_PATIENCE_SECONDS)

    atexit.register(finish)
    return helper


def main(parent: int) -> int:
    """Keep the list until the parent is gone, then work it off, the newest first."""
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sent, signal.SIG_IGN)
    entrusted: dict[int, dict[str, Any]] = {}
    for line in _lines(parent):
        if "module" in line:
            entrusted[line["number"]] = line
        else:
            entrusted.pop(line["number"], None)
    for pause in _PAUSES:
        if not entrusted:
            break
        time.sleep(pause)
        for number, line in sorted(entrusted.items(), reverse=True):
            with contextlib.suppress(
                Exception
            ):  # what can't be removed now is tried again; a server that is gone has nothing
                getattr(import_module(line["module"]), line["function"])(**line["what"])
                del entrusted[number]
    return len(entrusted)


def _lines(parent: int) -> Iterator[dict[str, Any]]:
    """What the parent writes, until it has ended and all of it is read."""
    source, rest = sys.stdin.fileno(), b""
    while True:
        over = os.getppid() != parent  # asked first: what it wrote before its end is there by then
        if select.select([source], [], [], 0.3 if not over else 0)[0]:
            piece = os.read(source, 1 << 16)
            *whole, rest = (rest + piece).split(b"\n")
            yield from map(json.loads, whole)
            if not piece:
                return
        elif over:
            return


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
