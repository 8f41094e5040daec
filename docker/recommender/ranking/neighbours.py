"""The neighbours of the ranking, and what it does without one of them."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from recommender.common.client import Neighbour, Refused, Unavailable
from recommender.ranking.model import rank

#: of each aisle, whatever a request asks for: one answer serves all, also later, when the catalogue is gone
PER_AISLE = 10


#: a GET that is refused, or an answer of another shape, is as good as none: the caller can do nothing about it
_NO_ANSWER = (Unavailable, Refused, KeyError, TypeError, ValueError, AttributeError)


class RankingInputs(NamedTuple):
    """What a ranking is made of.

    Attributes:
        missing: the neighbours that did not answer.
        age: seconds since the catalogue gave the candidates; 0 when it just has.
    """

    counts: Mapping[int, int]
    candidates: Mapping[str, Any] | None
    missing: list[str]
    age: float


class Upstreams:
    """Asks the neighbours. Without features everybody is a stranger; without the catalogue its last answer has to do."""

    def __init__(self, catalogue: Neighbour, features: Neighbour, parallel: bool, stale_seconds: float = 3600.0):
        self.catalogue, self.features = catalogue, features
        self._stale = stale_seconds
        self._last: tuple[float, Mapping[str, Any]] | None = None
        self._parallel, self._lock = parallel, threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def gather(self, customer: int) -> RankingInputs:
        """Both questions; neither needs the other's answer."""
        first, second = lambda: self._counts(customer), self._candidates
        (counts, gone), (candidates, away, age) = self._both(first, second) if self._parallel else (first(), second())
        return RankingInputs(counts, candidates, [*gone, *away], age)

    def _counts(self, customer: int) -> tuple[dict[int, int], list[str]]:
        try:
            answer = self.features.get(f"/customers/{customer}")
            return {int(aisle): int(count) for aisle, count in answer["aisles"].items()}, []
        except _NO_ANSWER:
            return {}, ["features"]

    def _candidates(self) -> tuple[Mapping[str, Any] | None, list[str], float]:
        now = time.monotonic()
        try:
            answer = self.catalogue.get("/candidates", per_aisle=PER_AISLE)
            rank({}, answer, 1)  # what can't be ranked is not kept
        except _NO_ANSWER:
            then, last = self._last or (float("-inf"), None)
            return (last, ["catalogue"], now - then) if now - then <= self._stale else (None, ["catalogue"], 0.0)
        self._last = now, answer
        return answer, [], 0.0

    def _both(self, first: Callable, second: Callable) -> tuple:
        with self._lock:  # not before: threads don't survive a fork
            self._pool = self._pool or ThreadPoolExecutor(16)
        # the other thread belongs to the same request: its ids, its deadline
        other = self._pool.submit(contextvars.copy_context().run, first)
        mine = second()
        return other.result(), mine
