"""Holds an interrupt back where it would leave half done what can't be done again."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_back() -> Iterator[None]:
    """Run a short block whole; an interrupt that came meanwhile is raised at its end.

    For the first import of a library: one that is broken off leaves some of its modules behind, and stays broken until the kernel
    is restarted. For a new block of shared memory: until the resource tracker knows its name, nobody would take it away. Outside
    of the main thread, which alone is interrupted, there is nothing to hold back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)  # None where C code has set one
    if came:
        signal.raise_signal(signal.SIGINT)
