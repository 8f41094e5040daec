"""A queue whose requests are served one by one, to try the pool on: nothing in it knows a formula.

Poisson arrivals, exponential work, some servers, first come first served. What comes out is counted, not computed, so that Erlang's
formula, Little's law and :class:`companion.simulate.traffic.ServerPool` can each be held against it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from companion.errors import SettingError
from companion.measure.timing import student
from companion.simulate import traffic

CONFIDENCE = 0.999


@dataclass(frozen=True)
class Served:
    """When each request came, began and left, in seconds; shape (count,), in the order of arrival."""

    came: np.ndarray
    began: np.ndarray
    left: np.ndarray

    def waiting_share(self) -> float:
        """Share of the requests that did not begin at once."""
        return float((self.began > self.came).mean())

    def mean_wait(self) -> float:
        """Mean seconds between coming and beginning."""
        return float((self.began - self.came).mean())

    def mean_waiting(self, every: float = 0.05) -> float:
        """Mean number of requests in the queue, counted at regular moments."""
        moments = np.arange(self.came[0], self.came[-1], every)
        there, begun = np.searchsorted(self.came, moments), np.searchsorted(np.sort(self.began), moments)
        return float((there - begun).mean())

    def slow_share(self, seconds: float) -> float:
        """Share of the requests that left more than ``seconds`` after they came."""
        return float((self.left - self.came > seconds).mean())


def one_by_one(
    rate: float, service_rate: float, servers: int, seed: int, count: int = 20_000, *, last_first: bool = False
) -> Served:
    """Serve ``count`` requests after a tenth as many that only fill the queue.

    Args:
        rate: requests a second; below ``servers * service_rate``, or the queue has no mean.
        last_first: who came last is served first.
    """
    if not 0 < rate < servers * service_rate:
        raise SettingError(f"{rate} requests/s are not above 0 and below the capacity of {servers * service_rate}")
    rng = np.random.default_rng([seed, 7])
    total = count + count // 10
    came = np.cumsum(rng.exponential(1 / rate, total))
    work = rng.exponential(1 / service_rate, total)
    began = _last_first(came, work, servers) if last_first else _first_first(came, work, servers)
    kept = slice(total - count, None)
    return Served(came[kept], began[kept], (began + work)[kept])


def _first_first(came: np.ndarray, work: np.ndarray, servers: int) -> np.ndarray:
    free, began = [0.0] * servers, []
    for at, seconds in zip(came.tolist(), work.tolist(), strict=True):
        start = max(free[0], at)
        began.append(start)
        heapq.heapreplace(free, start + seconds)
    return np.array(began)


def _last_first(came: np.ndarray, work: np.ndarray, servers: int) -> np.ndarray:
    began, busy = np.empty(len(came)), [0.0] * servers
    waiting: list[int] = []

    def serve(until: float) -> None:
        while waiting and busy[0] <= until:
            start, number = busy[0], waiting.pop()
            began[number] = start
            heapq.heapreplace(busy, start + work[number])

    for number, at in enumerate(came.tolist()):
        serve(at)
        if busy[0] <= at:
            began[number] = at
            heapq.heapreplace(busy, at + work[number])
        else:
            waiting.append(number)
    serve(math.inf)
    return began


class _Everybody(Served):
    def mean_waiting(self, every: float = 0.05) -> float:
        rate = len(self.came) / (self.came[-1] - self.came[0])
        return super().mean_waiting(every) + rate * float((self.left - self.began).mean())


class _Forgetful(Served):
    def mean_waiting(self, every: float = 0.05) -> float:
        return super().mean_waiting(every) - self.waiting_share()  # whenever somebody waits, one is not seen


def served_ones_counted(runs: Iterable[Served]) -> list[Served]:
    """The same runs with a fault: who is being served is counted among those that wait."""
    return [_Everybody(run.came, run.began, run.left) for run in runs]


def first_one_forgotten(runs: Iterable[Served]) -> list[Served]:
    """The same runs with a fault: the first in the queue is not counted."""
    return [_Forgetful(run.came, run.began, run.left) for run in runs]


class Mean(NamedTuple):
    """A mean with the half width of its interval."""

    value: float
    half: float

    def holds(self, other: float) -> bool:
        """Whether the interval contains a number."""
        return abs(other - self.value) <= self.half


def over_seeds(values: Iterable[float], confidence: float = CONFIDENCE) -> Mean:
    """Mean of independent runs and Student's interval; SettingError for fewer than two."""
    found = np.array(list(values), float)
    if len(found) < 2:
        raise SettingError("an interval needs two runs or more")
    low, high = student(found, confidence)
    return Mean(float(found.mean()), float(high - low) / 2)


def runs(rate: float, instances: int, seeds: Iterable[int] = range(12), *, last_first: bool = False) -> list[Served]:
    """Independent runs of as many servers as a default pool of so many instances has."""
    pool = traffic.ServerPool(instances)
    servers = pool.workers * instances
    return [one_by_one(rate, pool.service_rate, servers, seed, last_first=last_first) for seed in seeds]


def settled(pool: traffic.ServerPool, rate: float, minutes: int = 30) -> traffic.Run:
    """A pool under a constant load, after the first minutes; the last sample is its steady state."""
    return traffic.replay(np.full(4 * minutes, rate), pool, lambda seen: seen.capacity)
