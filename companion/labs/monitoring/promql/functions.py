"""The functions of the language on arrays: quantiles from buckets, rates of counters, the newest sample.

Source: Prometheus' ``promql/functions.go`` (``extrapolatedRate``) and ``promql/quantile.go`` (``bucketQuantile``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from companion.errors import SettingError
from companion.labs.monitoring.promql.series import Series

LOOKBACK_SECONDS = 300.0


def bucket_quantile(q: float, bounds: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """``histogram_quantile``: the rank's bucket is found, and within it observations are taken as spread evenly.

    Args:
        bounds: upper bounds, ascending, the last one infinite; shape (buckets,).
        counts: cumulative; shape (buckets, moments).

    Returns:
        Shape (moments,); NaN where nothing was observed. A rank in the last bucket gives the largest finite bound.
    """
    if np.isnan(q) or not 0 <= q <= 1:
        return np.full(counts.shape[1], np.nan if np.isnan(q) else np.inf if q > 1 else -np.inf)
    if len(bounds) < 2 or not np.isposinf(bounds[-1]):
        return np.full(counts.shape[1], np.nan)
    counts = np.maximum.accumulate(counts, axis=0)
    total = counts[-1]
    rank = q * total
    at = np.minimum((counts[:-1] < rank).sum(axis=0), len(bounds) - 1)
    column, inside = np.arange(counts.shape[1]), np.minimum(at, len(bounds) - 2)
    low = np.where(inside > 0, bounds[inside - 1], 0.0)
    before = np.where(inside > 0, counts[inside - 1, column], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (rank - before) / (counts[inside, column] - before)
    value = low + (bounds[inside] - low) * share
    value = np.where((inside == 0) & (bounds[0] <= 0), bounds[0], value)
    return np.where(total > 0, np.where(at == len(bounds) - 1, bounds[-2], value), np.nan)


def quantile_errors(values: np.ndarray, bounds: Sequence[float], q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far quantiles from buckets are off, and how far they can be: relative to the exact ones, each of shape of ``q``.

    The second is the width of the bucket that holds the exact quantile; infinite beyond the last bound.
    """
    edges, exact = np.array([0.0, *bounds, np.inf]), np.quantile(values, q)
    counts = np.searchsorted(np.sort(values), edges[1:], side="right")[:, None].astype(float)
    guessed = np.array([bucket_quantile(one, edges[1:], counts)[0] for one in q])
    return guessed / exact - 1, np.diff(edges)[np.searchsorted(edges, exact) - 1] / exact


def extrapolated(series: Series, at: np.ndarray, window: float, per_second: bool) -> tuple[np.ndarray, np.ndarray]:
    """``rate`` or ``increase`` of a counter, and where there is one: resets are bridged, the ends of the window extrapolated to.

    Raises:
        SettingError: a sample that is exactly as old as the window (a server of version 2 counts it, one of version 3 does not),
            or that no counter has.
    """
    times, name = series.times, series.labels.get("__name__", "")
    if not (series.values >= 0).all():
        raise SettingError(f"{name} is no counter: a value of it is negative, or none")
    if np.isin(at - window, times).any():
        raise SettingError(f"a sample of {name} is exactly {window:g} s old: Prometheus 2 counts it in, 3 does not")
    drops = np.where(np.diff(series.values) < 0, series.values[:-1], 0.0)
    whole = series.values + np.concatenate([[0.0], np.cumsum(drops)])
    first = np.searchsorted(times, at - window, "left")
    last = np.searchsorted(times, at, "right") - 1
    enough = last > first
    if not enough.any():
        return np.zeros(len(at)), enough
    first, last = np.where(enough, first, 0), np.where(enough, last, 1)
    result, sampled = whole[last] - whole[first], times[last] - times[first]
    between = sampled / (last - first)
    to_start, to_end = times[first] - (at - window), at - times[last]
    to_zero = np.where(result > 0, sampled * series.values[first] / np.where(result > 0, result, 1), np.inf)
    to_start = np.minimum(to_start, to_zero)
    covered = sampled + np.where(to_start < 1.1 * between, to_start, between / 2)
    covered = covered + np.where(to_end < 1.1 * between, to_end, between / 2)
    return result * covered / sampled / (window if per_second else 1.0), enough


def latest(series: Series, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The newest sample at each moment, and whether there is one that is not too old; shapes of ``at``.

    Raises:
        SettingError: a newest sample that is exactly as old as it may be: versions 2 and 3 of Prometheus disagree on it.
    """
    last = np.searchsorted(series.times, at, "right") - 1
    age = at - series.times[last]
    if ((last >= 0) & (age == LOOKBACK_SECONDS)).any():
        name = series.labels.get("__name__", "")
        raise SettingError(f"a sample of {name} is exactly five minutes old: Prometheus 2 takes it, 3 does not")
    return series.values[last], (last >= 0) & (age < LOOKBACK_SECONDS)
