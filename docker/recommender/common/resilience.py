"""What a caller does about a neighbour that is slow, broken or gone: a deadline, jitter, a budget, a circuit breaker.

Sources: M. Nygard, *Release It!*, 2nd edition, 2018 (circuit breaker); M. Brooker, "Exponential Backoff And Jitter", AWS
Architecture Blog, 2015 (full jitter); *Site Reliability Engineering*, chapter 22, Google, 2016 (retry budget, deadlines).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

Clock = Callable[[], float]


class Deadline:
    """How much time is left for a request. Passed on as a duration: two machines' clocks may differ."""

    HEADER = "X-Deadline-Ms"

    def __init__(self, seconds: float, clock: Clock = time.monotonic):
        self._clock, self._end = clock, clock() + seconds

    def left(self) -> float:
        """Seconds, never below 0."""
        return max(0.0, self._end - self._clock())


def full_jitter(attempt: int, base: float = 0.02, cap: float = 0.2, draw: Callable[[], float] = random.random) -> float:
    """Seconds to wait before retry number ``attempt`` (0 is the first): anything up to an exponentially growing limit."""
    return draw() * min(cap, base * 2**attempt)


class RetryBudget:
    """Retries may add ``share`` to the load, no more: each request pays in ``share``, each retry takes out 1."""

    def __init__(self, share: float = 0.1, most: float = 10.0):
        self.share, self.most, self.tokens = share, most, most
        self._lock = threading.Lock()

    def request(self) -> None:
        """A new request, no retry."""
        with self._lock:
            self.tokens = min(self.most, self.tokens + self.share)

    def retry(self) -> bool:
        """Whether a retry may go out."""
        with self._lock:
            if self.tokens < 1:
                return False
            self.tokens -= 1
            return True


class CircuitBreaker:
    """Closed: calls go through. After ``threshold`` failures in a row open: they don't. After ``cooldown`` seconds
    half-open: one call is let through as a probe; its success closes, its failure opens again.
    """

    def __init__(self, threshold: int = 5, cooldown: float = 1.0, clock: Clock = time.monotonic):
        self.threshold, self.cooldown, self._clock = threshold, cooldown, clock
        self._lock = threading.Lock()
        self.failures = 0
        self._opened: float | None = None
        self._probing: float | None = None

    @property
    def state(self) -> str:
        if self._opened is None:
            return "closed"
        return "half-open" if self._clock() - self._opened >= self.cooldown else "open"

    def allow(self) -> bool:
        """Whether a call may go out now; one that does has to be followed by success(), failure() or cancel()."""
        with self._lock:
            if self.state != "half-open":
                return self.state == "closed"
            # a probe that never came back does not close the door for ever
            if self._probing is not None and self._clock() - self._probing < self.cooldown:
                return False
            self._probing = self._clock()
            return True

    def cancel(self) -> None:
        """The call came to nothing, and the neighbour is not to blame: nothing is learnt, and another may be the probe."""
        with self._lock:
            self._probing = None

    def success(self) -> None:
        with self._lock:
            self.failures, self._opened, self._probing = 0, None, None

    def failure(self) -> None:
        with self._lock:
            self.failures += 1
            if self.failures >= self.threshold or self._opened is not None:
                self._opened, self._probing = self._clock(), None
