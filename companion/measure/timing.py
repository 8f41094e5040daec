"""How long it took: repeated timing, rounds of several ways, and a ratio of times with its interval.

A time is a sample, not a number: everything here carries its spread. Nothing here is ever asserted in a test of a notebook.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from companion.errors import SettingError


@dataclass(frozen=True)
class Timing:
    """Wall-clock seconds of repeated runs, in the order in which they ran."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    @property
    def quartiles(self) -> tuple[float, float]:
        low, high = np.percentile(self.seconds, [25, 75])
        return float(low), float(high)


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval; without a second run it reaches from 0 to infinity."""

    estimate: float
    low: float
    high: float


def repeat(function: Callable[[], object], repeats: int = 5, warm_up: int = 1) -> Timing:
    """Time ``function()`` ``repeats`` times, after ``warm_up`` runs that don't count (imports, caches, page faults)."""
    return rounds({"": function}, repeats, warm_up)[""]


def rounds[Way: Hashable](
    ways: Mapping[Way, Callable[[], object]], repeats: int = 5, warm_up: int = 1
) -> dict[Way, Timing]:
    """Time each way once a round, so that a busy minute of the machine hits them all alike.

    Each round begins with another of them: none is always the one that runs behind a certain other.

    Args:
        ways: functions by name, or by number of workers. Where runs differ by how they begin (new processes, another
            placement on the cores), begin anew within the function: only what happens again in each round can be seen to vary.
        repeats: rounds that count.
        warm_up: rounds before them that don't.

    Returns:
        the timings by the same keys; the i-th second of each is of the i-th round.
    """
    if repeats < 1:
        raise SettingError(f"repeats must be at least 1, got {repeats}")
    seconds: dict[Way, list[float]] = {way: [] for way in ways}
    order = list(ways)
    for turn in range(warm_up + repeats):
        for way in order:
            start = time.perf_counter()
            ways[way]()
            took = time.perf_counter() - start
            if turn >= warm_up:
                seconds[way].append(took)
        order = order[1:] + order[:1]
    return {way: Timing(tuple(took)) for way, took in seconds.items()}


def faster(plain: Timing, other: Timing) -> Interval:
    """How many times faster ``other`` is than ``plain``: ratio of their geometric means, with the runs of both as what varies.

    Timings of equally many runs are taken as rounds: the i-th is compared with the i-th, and what slows a whole round cancels.
    Others are compared as independent samples.

    Source: Student's t on the logarithms of the ratios; B. L. Welch, Biometrika 34 (1947) for unequal numbers.
    """
    a, b = np.log(plain.seconds), np.log(other.seconds)
    ends = student(a - b) if len(a) == len(b) else _welch(a, b)
    return Interval(*(float(np.exp(value)) for value in (a.mean() - b.mean(), *ends)))


def student(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Interval for the mean of independent values, shape (n,); one value leaves everything open."""
    from scipy.special import stdtrit  # scipy.stats says the same, and takes a second to import

    if len(values) < 2:
        return -np.inf, np.inf
    half = stdtrit(len(values) - 1, 0.5 + confidence / 2) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() - half, values.mean() + half


def _welch(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    from scipy.stats import ttest_ind

    if min(len(a), len(b)) < 2:
        return -np.inf, np.inf
    low, high = ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    return float(low), float(high)


def record(name: str, value: float | Timing, unit: str = "") -> None:
    """Hand a measured figure to whoever runs the notebook and collects them (``make notebooks``, ``make bench``, the tests).

    In a reader's own kernel it does nothing. What ``make notebooks`` collects stands in the notebook (:mod:`companion.measure.figures`).

    Args:
        name: ``notebook.figure``, such as ``dask_audio.speedup_2_workers``. One that is recorded twice has its last value.
        value: a number, or a timing: then the value is its median, and its runs are kept beside it.
        unit: ``x`` for a ratio, ``s``, ``MiB``, ``1/s`` ...
    """
    if path := os.environ.get("COMPANION_RECORD"):
        runs = {"runs": list(value.seconds)} if isinstance(value, Timing) else {}
        median = value.median if isinstance(value, Timing) else float(value)
        with open(path, "a", encoding="utf-8") as lines:
            lines.write(json.dumps({"name": name, "value": median, "unit": unit, **runs}) + "\n")
