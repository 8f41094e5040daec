"""The neighbours of the ranking, and what it does without one of them."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from recommender.common.client import Neighbour, Unavailable

#: of each aisle, whatever a request asks for: one answer serves all, also later, when the catalogue is gone
PER_AISLE = 10


class RankingInputs(NamedTuple):
    """What a ranking is made of.

    Attributes:
        missing: the neighbours that did not answer.
    """

    counts: Mapping[int, int]
    candidates: Mapping[str, Any] | None
    missing: list[str]


class Upstreams:
    """Asks the neighbours. Without features everybody is a stranger; without the catalogue its last answer has to do."""

    def __init__(self, catalogue: Neighbour, features: Neighbour, parallel: bool):
        self.catalogue, self.features = catalogue, features
        self._last: tuple[float, Mapping[str, Any]] | None = None
        self._parallel, self._lock = parallel, threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def gather(self, customer: int) -> RankingInputs:
        """Both questions; neither needs the other's answer."""
        first, second = lambda: self._counts(customer), self._candidates
        (counts, gone), (candidates, away) = self._both(first, second) if self._parallel else (first(), second())
        return RankingInputs(counts, candidates, [*gone, *away])

    @property
    def stale_seconds(self) -> float | None:
        """Age of the catalogue's last answer; None when there was none."""
        return None if self._last is None else time.monotonic() - self._last[0]

    def _counts(self, customer: int) -> tuple[dict[int, int], list[str]]:
        try:
            answer = self.features.get(f"/customers/{customer}")
        except Unavailable:
            return {}, ["features"]
        return {int(aisle): count for aisle, count in answer["aisles"].items()}, []

    def _candidates(self) -> tuple[Mapping[str, Any] | None, list[str]]:
        try:
            answer = self.catalogue.get("/candidates", per_aisle=PER_AISLE)
        except Unavailable:
            return (self._last[1] if self._last else None), ["catalogue"]
        self._last = time.monotonic(), answer
        return answer, []

    def _both(self, first: Callable, second: Callable) -> tuple:
        with self._lock:  # not before: threads don't survive a fork
            self._pool = self._pool or ThreadPoolExecutor(16)
        # the other thread belongs to the same request: its ids, its deadline
        other = self._pool.submit(contextvars.copy_context().run, first)
        mine = second()
        return other.result(), mine
