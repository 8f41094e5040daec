"""What is counted. No label has a shop's name in it: two thousand shops would be two thousand series of each."""

from __future__ import annotations

from prometheus_client import Counter

_COUNTERS = {
    "hit": Counter("shops_cache_hits", "Requests whose model was held."),
    "miss": Counter("shops_cache_misses", "Requests whose model was not held: they loaded it, or waited for who did."),
    "load": Counter("shops_model_loads", "Models loaded."),
    "eviction": Counter("shops_model_evictions", "Models put out for others."),
    "degraded": Counter("shops_degraded", "Answers with the shop's bestsellers, because its model can't be used."),
    "limited": Counter("shops_limited", "Requests refused, because their shop sent too many."),
}


def count(what: str) -> None:
    """One more of a name in the list above."""
    _COUNTERS[what].inc()
