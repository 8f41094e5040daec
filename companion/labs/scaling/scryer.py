"""A day predicted and planned, by the recipe that Netflix published of its engine Scryer.

What the two posts say: two predictors, one by fast Fourier transform, one "augmented linear regression"; a combiner; an action plan
that knows throughput and start time and is "optimized to minimize the number of scale-up events"; padding by hand for holidays.
What they leave open is this book's: how many components are kept, which terms augment the regression, and what an event is worth.

A history is requests/s by minute, shape (1440 * days,), of whole days.

Source: D. Jacobson, D. Yuan, N. Joshi, "Scryer: Netflix's Predictive Auto Scaling Engine", Netflix Technology Blog, 5 November 2013;
D. Yuan, N. Joshi, D. Jacobson, P. Oberai, part 2, 4 December 2013.
"""

from __future__ import annotations

import numpy as np

from companion.errors import SettingError

MINUTES, WEEK = 1440, 7 * 1440


def _whole(history: np.ndarray, days: int) -> np.ndarray:
    history = np.asarray(history, float)
    if history.ndim != 1 or len(history) % MINUTES or len(history) < days * MINUTES:
        raise SettingError(f"a history is at least {days} whole days by minute, got shape {history.shape}")
    return history


def last_week(history: np.ndarray) -> np.ndarray:
    """The baseline: the same minute a week ago; shape (1440,)."""
    return _whole(history, 7)[-WEEK:][:MINUTES]


def mean_week(history: np.ndarray, weeks: int = 4) -> np.ndarray:
    """A stronger baseline: the mean of the same minute in the last weeks."""
    return _whole(history, 7 * weeks)[-weeks * WEEK :].reshape(weeks, WEEK)[:, :MINUTES].mean(axis=0)


def by_fourier(history: np.ndarray, keep: int = 60, weeks: int = 4) -> np.ndarray:
    """The last weeks' strongest Fourier components, continued for a day; shape (1440,).

    Args:
        keep: components, of which a day's shape needs a few for each of the week's rhythms.
    """
    past = _whole(history, 7 * weeks)[-weeks * WEEK :]
    spectrum = np.fft.rfft(past)
    strongest = np.argsort(np.abs(spectrum), kind="stable")[-keep:]
    kept = np.zeros_like(spectrum)
    kept[strongest] = spectrum[strongest]
    # the transform repeats after these weeks: the day that follows is their first
    return np.maximum(np.fft.irfft(kept, len(past))[:MINUTES], 0.0)


def by_regression(history: np.ndarray, fitted_days: int = 12) -> np.ndarray:
    """Least squares on terms that are known the day before, fitted to the last days; shape (1440,).

    The terms of a minute: a constant; the same minute of last week, and of the two weeks before that, smoothed; and last week's
    once more, times how far yesterday was above its own last week.
    """
    past = _whole(history, 21 + fitted_days)
    last = len(past) // MINUTES
    days = range(last - fitted_days, last)
    terms = np.concatenate([_terms(past, day) for day in days])
    answer = np.concatenate([past[day * MINUTES :][:MINUTES] for day in days])
    weights, *_ = np.linalg.lstsq(terms, answer, rcond=None)
    return np.maximum(_terms(past, last) @ weights, 0.0)


def _terms(past: np.ndarray, day: int) -> np.ndarray:
    """Shape (1440, 4), from what was there before the day."""

    def of(back: int) -> np.ndarray:
        return past[(day - back) * MINUTES :][:MINUTES]

    week = _smooth(of(7))
    above = of(1).sum() / of(8).sum() - 1
    return np.column_stack([np.ones(MINUTES), week, _smooth((of(14) + of(21)) / 2), above * week])


def _smooth(day: np.ndarray, minutes: int = 15) -> np.ndarray:
    padded = np.concatenate([np.full(minutes // 2, day[0]), day, np.full(minutes // 2, day[-1])])
    return np.convolve(padded, np.full(minutes, 1 / minutes), mode="valid")


def combined(history: np.ndarray) -> np.ndarray:
    """Both predictors, averaged; shape (1440,)."""
    return (by_fourier(history) + by_regression(history)) / 2


def error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Absolute error as a share of what came: sum of |predicted - truth| over sum of truth."""
    return float(np.abs(predicted - truth).sum() / np.sum(truth))


def action_plan(needed: np.ndarray, per_event: float, slot: int = 60) -> np.ndarray:
    """Sizes of at least ``needed`` that grow at few moments; shape of ``needed``.

    The sum of sizes, plus ``per_event`` for each moment at which they grow, is as small as it can be; they shrink as they like.

    Args:
        needed: whole numbers, one a step.
        per_event: what a scale-up is worth, in instance-steps.
        slot: steps between two moments at which sizes may grow.
    """
    needed = np.asarray(needed)
    if needed.ndim != 1 or not len(needed) or per_event < 0 or slot < 1:
        raise SettingError("needed is one-dimensional and not empty, per_event at least 0, slot at least 1")
    starts = np.arange(0, len(needed), slot)
    ends = np.append(starts[1:], len(needed))
    # within a stretch sizes only fall: each is the most that is still to come in it
    envelopes = [np.maximum.accumulate(needed[a:b][::-1])[::-1] for a, b in zip(starts, ends, strict=True)]
    best, came = np.full(len(starts) + 1, np.inf), np.zeros(len(starts) + 1, int)
    best[0] = 0.0
    for end in range(1, len(starts) + 1):
        highest, area = 0, 0.0
        for start in range(end - 1, -1, -1):
            area += float(np.maximum(envelopes[start], highest).sum())
            highest = max(highest, int(envelopes[start][0]))
            total = best[start] + area + (per_event if start else 0.0)
            if total < best[end]:
                best[end], came[end] = total, start
    sizes, end = np.empty(len(needed), needed.dtype), len(starts)
    while end:
        start = came[end]
        part = slice(starts[start], ends[end - 1])
        sizes[part] = np.maximum.accumulate(needed[part][::-1])[::-1]
        end = start
    return sizes


def scale_ups(sizes: np.ndarray) -> int:
    """How often sizes grow."""
    return int((np.diff(sizes) > 0).sum())
