"""The models that a process holds: the latest few, each loaded once however many ask for it at the same time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet

from recommender.common.errors import StoreSlow


class ModelCache[Value]:
    """Least recently used, single flight: the first who asks loads, the others wait for its result, an error too.

    Args:
        load: the value of a key; called without the lock, so that a load holds up nobody who asks for another key.
        size: values held at most.
        stale: whether a value that is held must be loaded anew.
        on: told ``hit``, ``miss``, ``load`` and ``eviction``.
    """

    def __init__(
        self,
        load: Callable[[str], Value],
        size: int,
        *,
        stale: Callable[[Value], bool] = lambda _: False,
        on: Callable[[str], None] = lambda _: None,
    ):
        if size < 1:
            raise ValueError(f"a cache holds at least 1, got {size}")
        self._load, self._size, self._stale, self._on = load, size, stale, on
        self._held: OrderedDict[str, Value] = OrderedDict()
        self._flights: dict[str, Future[Value]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: str, patience: float | None = None) -> tuple[Value, str]:
        """The value, and how it was come by: ``hit``, ``load`` or ``wait``.

        Args:
            patience: seconds to wait for somebody else's load.

        Raises:
            StoreSlow: patience has run out.
            Exception: what ``load`` raises; nothing is held then, and the next one tries again.
        """
        with self._lock:
            if key in self._held and not self._stale(self._held[key]):
                self._held.move_to_end(key)
                self._on("hit")
                return self._held[key], "hit"
            self._on("miss")
            flight = self._flights.get(key)
            mine = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if mine:
            return self._fetch(key, flight), "load"
        try:
            return flight.result(patience), "wait"
        except NotYet as error:
            raise StoreSlow("the model is still being loaded") from error

    def _fetch(self, key: str, flight: Future[Value]) -> Value:
        try:
            value = self._load(key)
        except BaseException as error:
            with self._lock:
                del self._flights[key]
            flight.set_exception(error)
            raise
        with self._lock:
            self._held[key] = value
            self._held.move_to_end(key)
            self._on("load")
            while len(self._held) > self._size:
                self._held.popitem(last=False)
                self._on("eviction")
            del self._flights[key]
        flight.set_result(value)
        return value
