"""What may happen between two commands of a Redis client, made to happen: atomicity is observed, not read from the source."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def before_each_parcel(act: Callable[[], object]) -> Iterator[None]:
    """In the block, ``act()`` runs before each parcel that a Redis client of this process sends.

    A parcel is what goes to the server at once: a command, a script, or a whole pipeline with its ``MULTI`` and ``EXEC``. So
    ``act`` does what another client could do there, and never gets between what one command, script or transaction does.
    What it sends itself, over any client, is sent as always.

    Args:
        act: called in the thread that sends; what it raises comes out of the client's call.
    """
    from redis.connection import AbstractConnection

    plain, busy = AbstractConnection.send_packed_command, threading.local()

    def send(self: AbstractConnection, *arguments: Any, **options: Any) -> object:
        if not getattr(busy, "now", False):
            busy.now = True
            try:
                act()
            finally:
                busy.now = False
        return plain(self, *arguments, **options)

    AbstractConnection.send_packed_command = send  # type: ignore[method-assign]
    try:
        yield
    finally:
        AbstractConnection.send_packed_command = plain  # type: ignore[method-assign]
