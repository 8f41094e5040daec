"""What a cache does in time, without waiting for it: expiries under load, and every order of the steps of its users."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from companion.errors import SettingError


def expiries(
    rate: float, delta: float, ttl: float, beta: float = 1.0, requests: int = 60_000, seed: int = 0
) -> tuple[float, float]:
    """One popular entry under Poisson requests, recomputed early by XFetch.

    A request that finds the entry expired, or for which ``now - delta * beta * ln(U) >= expiry``, computes it anew; its
    answer is there ``delta`` later and lives for ``ttl``. Nobody waits for anybody.

    Args:
        rate: requests a second.
        delta, ttl: seconds of a computation, and of an entry's life.
        beta: 0 for no early start.

    Returns:
        Computations per expiry, and the share of requests that found nothing.

    Raises:
        SettingError: a rate, delta or ttl that is not positive, or a negative beta.

    Source: A. Vattani, F. Chierichetti, K. Lowenstein, VLDB 2015.
    """
    if min(rate, delta, ttl) <= 0 or beta < 0 or requests < 1:
        raise SettingError("rate, delta and ttl must be positive, beta at least 0, and requests at least 1")
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1 / rate, requests))
    early = delta * beta * rng.exponential(1.0, requests)  # -ln U
    running: deque[float] = deque()
    expiry, first, computed, missed = ttl, 0, 0, 0
    for now, ahead in zip(arrivals.tolist(), early.tolist(), strict=True):
        while running and running[0] <= now:
            expiry = running.popleft() + ttl
        missed += now >= expiry
        if now + ahead >= expiry:
            first, computed = first + (not running), computed + 1
            running.append(now + delta)
    return computed / max(1, first), missed / requests


def che(shares: Sequence[float] | np.ndarray, size: int) -> float:
    """Hit ratio of an LRU cache of ``size`` entries under independent requests, by Che's approximation; 1 when all fit.

    Args:
        shares: how often each entry is asked for, in proportion; at least 0, not all 0.

    Raises:
        SettingError: a negative share, no positive one, or a size below 1.

    Source: H. Che, Y. Tung, Z. Wang, IEEE JSAC 2002; why it is so exact: C. Fricker, P. Robert, J. Roberts, ITC 2012.
    """
    from scipy.optimize import brentq

    p = np.asarray(shares, float)
    if size < 1 or not len(p) or p.min() < 0 or not p.sum() > 0:
        raise SettingError("size must be at least 1, and the shares at least 0 and not all 0")
    p = p[p > 0] / p.sum()
    if size >= len(p):
        return 1.0

    def too_many(log_time: float) -> float:
        return float(-np.expm1(-p * np.exp(log_time)).sum() - size)

    # the characteristic time, in requests: at least `size`, and long enough for the rarest
    time = np.exp(brentq(too_many, 0.0, np.log(1e3 / p.min()), xtol=1e-12))
    return float(-(p * np.expm1(-p * time)).sum())


def every_order(
    start: Callable[[], Mapping[str, Iterator]], steps: Mapping[str, int], end: Callable[[], object]
) -> list:
    """Run some processes in every order of their steps.

    Args:
        start: makes everything new, and returns the processes by name: generators that stop between their steps.
        steps: how many steps each has; one that ends early does nothing in those that are left.
        end: what is to be known at the end of an order.

    Returns:
        Its answers, one an order, in the orders' alphabetical order.

    Raises:
        SettingError: a process has more steps than were said: what it does last, in no order would be done.
    """
    endings = []
    for order in _orders(steps):
        running = start()
        for name in order:
            next(running[name], None)
        endings.append(end())
        if left := [name for name, process in running.items() if next(process, _DONE) is not _DONE]:
            raise SettingError(f"{left[0]} has more than {steps.get(left[0], 0)} steps")
    return endings


_DONE = object()


def _orders(steps: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    """Every different order of the names, each as often as it has steps: by the alphabet."""
    left = {name: count for name, count in sorted(steps.items()) if count > 0}
    if not left:
        yield ()
    for name in left:
        for order in _orders({**left, name: left[name] - 1}):
            yield (name, *order)
