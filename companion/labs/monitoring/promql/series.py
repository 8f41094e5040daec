"""Series and vectors: samples as arrays, read from an exposition or from a server's answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: labels as sorted pairs
Labels = tuple[tuple[str, str], ...]
#: labels to an array over the moments asked for
Vector = dict[Labels, np.ndarray]


def labels(**pairs: str) -> Labels:
    """The key of a series in a :data:`Vector`."""
    return tuple(sorted(pairs.items()))


def nameless(pairs: Mapping[str, str]) -> dict[str, str]:
    """Labels without the name of the series."""
    return {k: v for k, v in pairs.items() if k != "__name__"}


@dataclass(frozen=True)
class Series:
    """One series: its labels (the name among them, as ``__name__``), times in seconds, values; both of shape (samples,)."""

    labels: Mapping[str, str]
    times: np.ndarray
    values: np.ndarray


def parse(exposition: str, at: float = 0.0, **target: str) -> list[Series]:
    """The samples of an exposition (the text that a service shows at ``/metrics``), all of one moment.

    Args:
        at: that moment, seconds.
        target: labels that each gets, as a scrape gives its target's.
    """
    from prometheus_client.parser import text_string_to_metric_families

    return [
        Series(
            {"__name__": sample.name, **sample.labels, **target}, np.array([float(at)]), np.array([float(sample.value)])
        )
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    ]


def read(answer: Mapping[str, Any], at: Sequence[float] | np.ndarray) -> Vector:
    """The ``data`` of a server's answer to a range query (or an instant one), as :func:`evaluate` would give it.

    Times are matched to the millisecond, NaN where the server has nothing.
    """
    moments = {round(1000 * t): i for i, t in enumerate(np.asarray(at, float))}
    result = answer["result"]
    if answer["resultType"] == "scalar":
        result = [{"metric": {}, "value": result}]
    found: Vector = {}
    for entry in result:
        key = labels(**entry["metric"])
        line = found.setdefault(key, np.full(len(moments), np.nan))
        for time, value in entry.get("values") or [entry["value"]]:
            line[moments[round(1000 * float(time))] if "values" in entry else 0] = float(value)
    return found
