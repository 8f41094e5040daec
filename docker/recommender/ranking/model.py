"""The ranking itself: how likely a customer's next event is about a product. Plain arithmetic, no service in sight.

P(product | customer) = P(aisle | customer) * P(product | aisle). The first factor is the customer's own counts, pulled towards
everybody's by ``PRIOR_EVENTS`` imagined ones. Who is unknown gets everybody's: the answer is then the popularity ranking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PRIOR_EVENTS = 10.0


def rank(
    counts: Mapping[int, int], candidates: Mapping[str, Sequence[Mapping[str, Any]]], k: int
) -> list[dict[str, Any]]:
    """The ``k`` best products, best first, ties by number.

    The best k of every aisle are enough to find the best k of all: within an aisle the order is everybody's.

    Args:
        counts: the customer's events by aisle; empty for one who is unknown.
        candidates: ``aisles`` with the units of each, and ``products``, at least the best k of each aisle.
    """
    units = {row["aisle"]: row["units"] for row in candidates["aisles"]}
    everything = sum(units.values()) or 1
    total = sum(counts.values()) + PRIOR_EVENTS
    taste = {a: (counts.get(a, 0) + PRIOR_EVENTS * n / everything) / total for a, n in units.items()}
    scored = [(taste[p["aisle"]] * p["units"] / (units[p["aisle"]] or 1), p) for p in candidates["products"]]
    scored.sort(key=lambda pair: (-pair[0], pair[1]["product"]))
    return [
        {"product": p["product"], "title": p["title"], "aisle": p["aisle"], "score": round(s, 9)} for s, p in scored[:k]
    ]
