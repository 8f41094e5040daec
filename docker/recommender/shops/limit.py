"""How much a shop may ask: a token bucket each, in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class NoLimit:
    """Everybody may ask as much as they like."""

    def wait(self, shop: str) -> float:
        return 0.0


class TokenBuckets:
    """A bucket for each shop: ``burst`` tokens when full, ``rate`` a second come in; a request takes one.

    A bucket that is full again is no different from one that was never made, so it is forgotten: memory follows the shops that
    asked lately.

    Args:
        clock: seconds, ascending.
        most: buckets kept before the full ones are looked for.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic, most: int = 10_000):
        self._rate, self._burst, self._clock, self._most = rate, burst, clock, most
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, shop: str) -> float:
        """Seconds until the shop may ask again; 0 takes a token."""
        with self._lock:
            now = self._clock()
            tokens = self._tokens(shop, now)
            wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
            self._buckets[shop] = (tokens - 1 if tokens >= 1 else tokens, now)
            if len(self._buckets) > self._most:
                self._buckets = {s: b for s, b in self._buckets.items() if self._tokens(s, now) < self._burst}
            return wait

    def _tokens(self, shop: str, now: float) -> float:
        tokens, then = self._buckets.get(shop, (float(self._burst), now))
        return min(self._burst, tokens + (now - then) * self._rate)
