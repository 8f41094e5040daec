"""Clients that try again, in front of a server that does not know who has given up: a storm that outlives what caused it.

Requests queue in the order in which they come. A client waits ``timeout`` seconds, then tries again or gives up, but its old request
stays in the queue and is worked on in vain. Numbers of requests are real numbers (a fluid); new ones come by Poisson's law.

Sources: N. Bronson and others, "Metastable Failures in Distributed Systems", HotOS 2021; L. Huang and others, "Metastable Failures
in the Wild", OSDI 2022; the retry budget: Finagle 6.31, 2016.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from companion.errors import SettingError


@dataclass(frozen=True)
class Clients:
    """How clients try.

    Attributes:
        attempts: tries of a request, the first one included.
        timeout: seconds that each try is waited for.
        pause, longest: mean seconds before the second try, doubled for each further one up to the longest; 0 for at once. A pause
            is drawn evenly between 0 and twice its mean ("full jitter").
        budget: tries again for each new request, from a bucket that holds ``bucket`` of them; None for as many as they like.
    """

    attempts: int = 3
    timeout: float = 2.0
    pause: float = 0.0
    longest: float = 30.0
    budget: float | None = None
    bucket: float = 100.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.timeout <= 0 or min(self.pause, self.longest, self.bucket) < 0:
            raise SettingError("attempts is at least 1, timeout positive, pauses and bucket at least 0")
        if self.budget is not None and self.budget < 0:
            raise SettingError(f"a budget is at least 0 or None, got {self.budget}")


@dataclass(frozen=True)
class Storm:
    """A value a second, shape (seconds,).

    Attributes:
        offered: requests that came, tries again included.
        good: requests answered within their timeout.
        queue: requests that wait at the end of the second.
    """

    offered: np.ndarray
    good: np.ndarray
    queue: np.ndarray


def storm(
    clients: Clients, rates: np.ndarray, capacity: np.ndarray, seed: int, *, step: float = 0.25, expiring: bool = False
) -> Storm:
    """New requests at ``rates`` a second on a server that does ``capacity`` a second, both of shape (seconds,).

    Args:
        expiring: the server looks at each request's age, and drops at once what nobody waits for any more.
    """
    rng = np.random.default_rng([seed, 3])
    each = round(1 / step)
    new = rng.poisson(np.repeat(np.asarray(rates, float), each) * step).astype(float)
    power = np.repeat(np.asarray(capacity, float), each) * step
    count, patience = len(new), round(clients.timeout / step)
    came = np.zeros((count, clients.attempts))  # requests by the step they came in and which try they are
    came[:, 0] = new
    spread = _pauses(clients, step)
    left = np.zeros(count)  # of each step's requests, those not yet worked on
    offered, good, queue = np.zeros(count), np.zeros(count), np.zeros(count)
    tokens, first, backlog = clients.bucket, 0, 0.0
    for now in range(count):
        offered[now] = left[now] = came[now].sum()
        backlog += left[now]
        work = power[now]
        while first <= now and (work > 0 or left[first] == 0):
            if expiring and now - first >= patience:
                backlog -= left[first]
                left[first] = 0.0
            done = min(work, left[first])
            if now - first < patience:
                good[now] += done
            work, left[first], backlog = work - done, left[first] - done, backlog - done
            if left[first] > 0:
                break
            first += 1
        queue[now] = backlog
        if clients.budget is not None:
            tokens = min(clients.bucket, tokens + clients.budget * new[now])
        waited = now - patience + 1
        if waited >= 0 and left[waited] > 0:
            again = came[waited, :-1] * (left[waited] / offered[waited])
            if clients.budget is not None and again.sum() > 0:
                allowed = min(1.0, tokens / again.sum())
                again, tokens = again * allowed, tokens - allowed * again.sum()
            for attempt, number in enumerate(again, 1):
                shares = spread[attempt - 1][: count - now - 1]
                came[now + 1 : now + 1 + len(shares), attempt] += number * shares
    by_second = [values.reshape(-1, each).sum(axis=1) for values in (offered, good)]
    return Storm(by_second[0], by_second[1], queue.reshape(-1, each)[:, -1])


def _pauses(clients: Clients, step: float) -> list[np.ndarray]:
    """Of each further try, the share that comes so many steps after the timeout."""
    found = []
    for attempt in range(clients.attempts - 1):
        mean = min(clients.pause * 2**attempt, clients.longest)
        steps = max(1, math.ceil(2 * mean / step))
        found.append(np.full(steps, 1 / steps))
    return found


def recovered(storm: Storm, after: int, rate: float, share: float = 0.95) -> float:
    """Seconds from ``after`` until a minute's answers reach a share of the rate of new requests; infinite if they never do."""
    minute = np.convolve(storm.good[after:], np.full(60, 1 / 60), mode="valid")
    well = np.flatnonzero(minute >= share * rate)
    return float(well[0]) if len(well) else math.inf


@dataclass(frozen=True)
class After:
    """What became of a stall, over seeds: seconds until all was well again, and the share answered in the end.

    Attributes:
        soonest, latest: infinite if a run never recovered.
        answered: in the last ten minutes, the worst run.
        first: the first seed's storm.
    """

    soonest: float
    latest: float
    answered: float
    first: Storm


def after_stall(
    clients: Clients, load: float, seeds: Iterable[int], *, hour: int = 3600, expiring: bool = False
) -> After:
    """Two minutes of a load that 1,000 a second would do easily, two minutes of nothing, and an hour as before."""
    seconds = np.arange(240 + hour)
    power = np.where((seconds >= 120) & (seconds < 240), 0.0, 1000.0)
    runs = [storm(clients, np.full(len(seconds), float(load)), power, seed, expiring=expiring) for seed in seeds]
    well = [recovered(run, 240, load) for run in runs]
    return After(min(well), max(well), min(float(run.good[-600:].mean()) / load for run in runs), runs[0])
