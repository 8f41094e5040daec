"""Runs a function in a process of its own, even one that a notebook defines, and takes it down with this process.

For cells that need a process to kill. Where the ways to start processes are the lesson (``multiprocessing_images``), the
notebook does this by hand.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing import connection
from multiprocessing.process import BaseProcess

from companion.processes import environment


def start(function: Callable[..., object], *arguments: object) -> BaseProcess:
    """Start ``function(*arguments)`` in a fresh process and return that process (``kill()``, ``join()``, ``exitcode``).

    The function is sent by value, and the global names it uses with it: a notebook's functions work, and large global arrays
    should be arguments or files. The process comes from a fork server (``multiprocessing.set_forkserver_preload`` before the
    first call saves it imports), and it can't outlive this one, even when this one is killed. Of this process' environment it
    keeps what a child may see (``companion.processes.environment``): an address that it needs is an argument.
    """
    return _start(function, arguments)


def connected(function: Callable[..., object]) -> tuple[BaseProcess, connection.Connection]:
    """As ``start``, with a pipe: ``function(its end)`` runs in the process, the other end is returned with it."""
    ours, theirs = multiprocessing.get_context("forkserver").Pipe()
    with theirs:
        return _start(function, (), theirs), ours


def _start(function: Callable[..., object], arguments: tuple[object, ...], *line: connection.Connection) -> BaseProcess:
    import cloudpickle

    payload = cloudpickle.dumps((function, arguments))
    process = multiprocessing.get_context("forkserver").Process(target=_run, args=(payload, *line), daemon=True)
    process.start()
    return process


def _run(payload: bytes, *line: connection.Connection) -> None:
    import pickle

    environment.strip()
    end_with_parent()
    function, arguments = pickle.loads(payload)  # noqa: S301  (from this very program)
    function(*line, *arguments)


def end_with_parent() -> None:
    """Have this process leave when its parent is gone, however it went: the ``initializer`` of a pool of processes."""
    parent = multiprocessing.parent_process()
    if parent is not None:  # else nobody started it
        threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()


def _leave_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
