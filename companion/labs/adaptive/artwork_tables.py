"""Tables of ``case_netflix``: what a cell prints, counted from estimates, logs and runs that the notebook made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from companion.labs.adaptive import artwork
from companion.measure.timing import student

#: an estimate and the half-width of its interval, both of shape (logs,)
Estimate = tuple[np.ndarray, np.ndarray]
Judge = Callable[[artwork.Log, np.ndarray], Estimate]


def shown(table: pd.DataFrame, form: str) -> str:
    """A table as text, every number in one format; a figure that is rounded to zero has no minus."""
    zero = form.format(0.0)
    return table.map(
        lambda figure: zero if form.format(figure) == form.format(-0.0) else form.format(figure)
    ).to_string()


def planted(title: artwork.Title, rows: int = 5) -> str:
    """The first kinds of a title: how common they are, and what they click, in %."""
    table = pd.DataFrame((100 * title.click).round(1), columns=[f"p{number}" for number in range(title.pictures)])
    table.insert(0, "share", title.shares)
    return table.head(rows).to_string()


def coverage(found: Mapping[tuple[str, str], Estimate], truth: float, keeps: Callable[[np.ndarray], bool]) -> str:
    """For each way of logging and estimator: coverage with its exact interval, bias and width in clicks per 100, and a verdict."""
    from scipy.stats import binomtest

    lines = ["                     coverage (95 %)      bias  width   in clicks per 100 members"]
    for (way, name), (value, half) in found.items():
        hit = np.abs(value - truth) <= half
        low, high = binomtest(int(hit.sum()), len(hit)).proportion_ci()
        bias = round(100 * float(value.mean() - truth), 1) + 0.0  # no minus before a zero
        verdict = "kept" if keeps(hit) else "BROKEN"
        span = f"{hit.mean():4.0%} ({low:4.0%} to {high:4.0%})"
        lines.append(f"{way:8} {name:12} {span} {bias:+6.1f} {200 * half.mean():6.1f}   {verdict}")
    return "\n".join(lines)


def share_ahead(
    judges: Mapping[str, Judge], log: artwork.Log, better: np.ndarray, worse: np.ndarray
) -> dict[str, float]:
    """In which share of the logs each estimator gives ``better`` more than ``worse``."""
    return {name: float((judge(log, better)[0] > judge(log, worse)[0]).mean()) for name, judge in judges.items()}


def halves(new: np.ndarray, old: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each of the four tastes: the change for those who have it, and the change for the others."""
    for likes in artwork.FEATURES.T[1:] == 1:
        yield artwork.only_for(likes, new, old), artwork.only_for(~likes, new, old)


def learners(regret: Mapping[str, np.ndarray], taken: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Clicks per 100 members, slope of log regret over log members, and half of the slope's 95 % interval over titles.

    Args:
        regret: cumulative, (members, titles); the slope is from a tenth of the members to the end.
        taken: clicks a member at the end, (titles,).
    """
    rows = {}
    for name, lost in regret.items():
        slope = np.log(lost[-1] / lost[len(lost) // 10 - 1]) / np.log(10)
        low, high = student(slope)
        rows[name] = {"clicks": 100 * taken[name].mean(), "slope": slope.mean(), "+-": (high - low) / 2}
    return pd.DataFrame(rows).T


def ages(matched: np.ndarray, click: np.ndarray, live: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, ...]:
    """Replay's estimate, and a live learner's mean, after a tenth of ``at`` members and after all of them; each (runs, points).

    Args:
        matched, click: of the log, (members, runs).
        live: expected clicks of what the learner showed, (members, runs).
        at: numbers of members, increasing.
    """
    replayed = (matched & click).cumsum(axis=0) / matched.cumsum(axis=0).clip(1)
    mean = live.cumsum(axis=0) / np.arange(1, len(live) + 1)[:, None]
    return replayed[at - 1].T, mean[at // 10 - 1].T, mean[at - 1].T


def clipping(
    floors: Sequence[float], mean_weights: Sequence[float], after: Mapping[str, np.ndarray], truth: float
) -> pd.DataFrame:
    """Mean weight and coverage by the floor; ``after``: values and half-widths of each estimator, (floors, 2, logs)."""
    table = pd.DataFrame({"mean weight": mean_weights}, index=pd.Index(floors, name="floor"))
    for name, estimates in after.items():
        table[name] = (np.abs(estimates[:, 0] - truth) <= estimates[:, 1]).mean(axis=1)
    return table
