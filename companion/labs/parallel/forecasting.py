"""What forecasting a site's pages needs beside its idea: scores, checks of a score, and the judging of flags.

A *history* is a table with ``ds`` (days, ascending, some may be missing) and ``y`` (logarithm of the views). The *rows* of a
historical forecast have ``ds``, ``y``, ``yhat``, ``yhat_lower``, ``yhat_upper``, ``trend`` and ``cutoff``: first the past, up to and
including the cutoff, then the days ahead. Forecasts come by key, such as ``(panel, page)``.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from companion.datasets import pageviews

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future
    from pathlib import Path

    import pandas as pd
    from prophet import Prophet

    Rows = Mapping[Any, pd.DataFrame]
    Metric = Callable[[pd.DataFrame, pd.DataFrame], float]

#: what a function of the notebook needs in a module of its own: in the module's folder, Stan's files
IMPORTS = """from pathlib import Path

import numpy as np
import pandas as pd

from companion.labs.parallel import forecasting as lab

lab.prepare(Path(__file__).parent)
from prophet import Prophet
"""
#: the residuals that count as one odd episode: the mean of so many days in a row
_EPISODE = 5
#: standard deviations in a median absolute deviation, for a normal distribution
_ROBUST = 1.4826


# Prophet and its pool


def silence() -> None:
    """Switch off the log lines of Prophet and of Stan, in this process."""
    for logger in ("prophet", "prophet.plot", "cmdstanpy"):
        logging.getLogger(logger).disabled = True


def prepare(folder: Path) -> None:
    """Import Prophet with its log lines off, and have Stan write the files of every fit below ``folder``.

    Stan takes its folder from ``tempfile`` when it is first imported, so this comes before any fit of the process.
    """
    silence()
    usual = tempfile.tempdir
    tempfile.tempdir = str(folder)
    try:
        import cmdstanpy  # noqa: F401  (Prophet would import it at its first fit)
        import prophet  # noqa: F401
    finally:
        tempfile.tempdir = usual


def finished(pool: Executor, futures: Mapping[Any, Future]) -> dict:
    """The results, by key, of those tasks that ended before the pool broke, if it did; an error of a task itself is raised.

    An interrupt cancels what has not begun.
    """
    from concurrent.futures import wait
    from concurrent.futures.process import BrokenProcessPool

    try:
        wait(futures.values())
    except KeyboardInterrupt:
        pool.shutdown(cancel_futures=True)
        raise
    return {key: each.result() for key, each in futures.items() if not isinstance(each.exception(), BrokenProcessPool)}


# tables


def table_of(panel: pageviews.Panel, page: str) -> pd.DataFrame:
    """A page's history as Prophet takes it, from its first day to the last of the panel, the future included."""
    import pandas as pd

    views = panel.views[page].dropna()
    return pd.DataFrame({"ds": views.index, "y": np.log(views.to_numpy())})


def parts(table: pd.DataFrame, cutoff: pd.Timestamp, days: int | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What was known at the cutoff, its own day included, and what came in the given days after it (by default all)."""
    import pandas as pd

    known = table["ds"] <= cutoff
    near = True if days is None else table["ds"] <= cutoff + pd.Timedelta(days=days)
    return table[known], table[~known & near]


def _at_cutoff(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of one historical forecast up to its cutoff, and those of the days ahead."""
    return parts(rows, rows["cutoff"].iloc[0])


def with_past(model: Prophet, past: pd.DataFrame, forecast: pd.DataFrame) -> pd.DataFrame:
    """The past as a fitted model sees it, then its forecast; without an interval in the past. Stan's files are removed.

    Args:
        past: the history that it was fitted on, with its regressors.
        forecast: what ``predict`` has given for the days ahead.
    """
    import pandas as pd

    model.uncertainty_samples = 0
    fitted = model.predict(past.drop(columns="y"))
    if model.stan_backend is not None:  # it is, once fitted
        model.stan_backend.cleanup()
    rows = pd.concat([fitted, forecast], ignore_index=True)
    return rows.reindex(columns=["ds", "yhat", "yhat_lower", "yhat_upper", "trend"])


# scores


def naive_step(known: pd.Series, season: int = 364) -> float:
    """The mean absolute difference of days a season apart, of values by day; a week apart for less than a season of them."""
    daily = known.asfreq("D")
    season = season if len(daily) > season else 7
    return (daily - daily.shift(season)).abs().mean()


def scores(forecasts: Rows, naive: Callable[[pd.Series, pd.DatetimeIndex], np.ndarray]) -> pd.DataFrame:
    """Each historical forecast in figures, a row a key.

    Args:
        forecasts: rows by key.
        naive: the forecast that costs nothing, from values by day that are known, for the days ahead.

    Returns:
        ``prophet``, ``naive``: mean absolute errors of the days ahead; ``difference``: the first less the second; ``views``: Prophet's in
        views instead of logarithms.
        ``scale``: the naive step within the past. ``mase``: Prophet's error in these steps. ``inside``: mean absolute residual of the past, of ``days`` rows.
        ``worst``: the mean residual of the five days in a row that fit worst, in robust standard deviations.
        ``trend``: by how much Prophet lets the trend go on over the horizon.
    """
    import pandas as pd

    return pd.DataFrame({key: _score(rows, naive) for key, rows in forecasts.items()}).T


def _score(rows: pd.DataFrame, naive: Callable[[pd.Series, pd.DatetimeIndex], np.ndarray]) -> dict[str, float]:
    import pandas as pd

    past, ahead = _at_cutoff(rows)
    known, residual = past.set_index("ds")["y"], past["y"] - past["yhat"]
    error, scale = (ahead["y"] - ahead["yhat"]).abs().mean(), naive_step(known)
    other = (ahead["y"] - naive(known, pd.DatetimeIndex(ahead["ds"]))).abs().mean()
    return {
        "prophet": error,
        "naive": other,
        "difference": error - other,
        "views": (np.exp(ahead["y"]) - np.exp(ahead["yhat"])).abs().mean(),
        "scale": scale,
        "mase": error / scale,
        "inside": residual.abs().mean(),
        "days": len(past),
        "worst": _worst(residual),
        "trend": ahead["trend"].iloc[-1] - past["trend"].iloc[-1],
    }


def _worst(residual: pd.Series) -> float:
    return residual.rolling(_EPISODE).mean().abs().max() / (_ROBUST * residual.abs().median())


def kept_cutoffs() -> pd.DataFrame:
    """What the public series gave (``pageviews.PEYTON_CUTOFFS``), by cutoff, with ``difference`` (Prophet - naive) and ``flag``."""
    import pandas as pd

    table = pd.DataFrame(pageviews.PEYTON_CUTOFFS, columns=["cutoff", "prophet", "naive", "moves"])
    table["cutoff"] = pd.to_datetime(table["cutoff"])
    table["difference"], table["flag"] = table["prophet"] - table["naive"], table["moves"].abs() > 1
    return table.set_index("cutoff")


def moved(one: list[pd.DataFrame], other: list[pd.DataFrame]) -> float:
    """How far the forecasts of the days ahead lie apart, as a share of the mean absolute error of the second."""
    apart = error = 0.0
    for rows, others in zip(one, other, strict=True):
        (_, ahead), (_, reference) = _at_cutoff(rows), _at_cutoff(others)
        apart += (ahead["yhat"] - reference["yhat"]).abs().mean()
        error += (reference["y"] - reference["yhat"]).abs().mean()
    return apart / error


def feast_days(calendar: pd.DataFrame) -> pd.DatetimeIndex:
    """All days of all holidays of a calendar, as of ``pageviews.calendar``."""
    import pandas as pd

    windows = zip(calendar["ds"], calendar["lower_window"], calendar["upper_window"], strict=True)
    return pd.DatetimeIndex([day + pd.Timedelta(days=n) for day, low, high in windows for n in range(low, high + 1)])


def compared(before: Rows, after: Rows, days: pd.DatetimeIndex) -> pd.DataFrame:
    """Mean absolute errors of the days ahead, of all and of the given ones, before and after a repair.

    Args:
        before: rows by key, a tuple; after: rows with these keys, of the same days.

    Returns:
        A row a key and, last, their ``mean``; four columns of errors, and ``trend``: by how much the repair moves the trend of the
        last day.
    """
    import pandas as pd

    def ahead(rows: pd.DataFrame) -> pd.DataFrame:
        return _at_cutoff(rows)[1].set_index("ds")

    found = {}
    for key in before:
        pair = {"before": ahead(before[key]), "after": ahead(after[key])}
        errors = {when: (rows["y"] - rows["yhat"]).abs() for when, rows in pair.items()}
        row = {f"all, {when}": error.mean() for when, error in errors.items()}
        row |= {f"these, {when}": error[error.index.isin(days)].mean() for when, error in errors.items()}
        found[" ".join(map(str, key))] = row | {"trend": (pair["after"]["trend"] - pair["before"]["trend"]).iloc[-1]}
    table = pd.DataFrame(found).T
    return pd.concat([table, table.mean().to_frame("mean").T])


# checks


def same(rows: pd.DataFrame, own: pd.DataFrame) -> bool:
    """Whether the days ahead have the forecast and the interval of Prophet's own cross-validation, in every bit."""
    names, (_, ahead) = ["yhat", "yhat_lower", "yhat_upper"], _at_cutoff(rows)
    return np.array_equal(ahead[names].to_numpy(), own[names].to_numpy())


def checks(metric: Metric, history: pd.DataFrame, rows: pd.DataFrame) -> dict[str, bool]:
    """Which of three things hold that an error measure of *one* series owes its reader.

    Args:
        metric: from a history and rows ahead of several cutoffs to the error.
    """
    whole = metric(history, rows)
    each = [metric(history, part) for _, part in rows.groupby("cutoff")]
    large = rows.assign(y=1000 * rows["y"], yhat=1000 * rows["yhat"])
    return {
        "the unit (times 1,000)": bool(np.isclose(metric(history.assign(y=1000 * history["y"]), large), whole)),
        "the order of the rows": bool(np.isclose(metric(history, rows.sample(frac=1, random_state=0)), whole)),
        "the whole between its parts": bool(min(each) <= whole <= max(each)),
    }


# intervals


def days_ahead(forecasts: Rows) -> pd.DataFrame:
    """All days ahead of all forecasts, with the factor that their interval needed.

    Returns:
        Rows with the key as index (``panel``, ``page``), and ``day`` and ``week`` ahead, from 1, and ``needed``: the factor by which
        the interval, seen from its middle, would just have reached what came; at most 1 means covered.
    """
    import pandas as pd

    ahead = pd.concat({key: _at_cutoff(rows)[1] for key, rows in forecasts.items()}, names=["panel", "page"])
    ahead["day"] = (ahead["ds"] - ahead["cutoff"]).dt.days
    ahead["week"] = (ahead["day"] + 6) // 7
    half_width = (ahead["yhat_upper"] - ahead["yhat_lower"]) / 2
    ahead["needed"] = (ahead["y"] - ahead["yhat_lower"] - half_width).abs() / half_width
    return ahead.droplevel(-1)


def all_splits(
    days: pd.DataFrame, covered: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame], sick: pd.Series
) -> pd.DataFrame:
    """What intervals cover when two panels calibrate them and the others judge, for all ways to choose the two.

    Args:
        days: as of ``days_ahead``.
        covered: from the days that judge and those that calibrate to a column of true or false for each kind of interval.
        sick: whether a page is sick, by key.

    Returns:
        A row a choice; three columns a kind of interval: the share of all days, of those of the first week, of those of sick pages.
    """
    import pandas as pd

    panel, ill = days.index.get_level_values("panel"), sick.reindex(days.index).to_numpy(bool)
    found = {}
    for pair in combinations(sorted(set(panel)), 2):
        chosen = panel.isin(pair)
        hits, week = covered(days[~chosen], days[chosen]), days["week"].to_numpy()[~chosen]
        near, theirs = hits.to_numpy()[week == 1].mean(axis=0), hits.to_numpy()[ill[~chosen]].mean(axis=0)
        shares = [hits.mean(), pd.Series(near, hits.columns + ", week 1")]
        found[pair] = pd.concat([*shares, pd.Series(theirs, hits.columns + ", sick pages")])
    return pd.DataFrame(found).T


# flags


def f1(flag: pd.Series, sick: pd.Series) -> float:
    """The harmonic mean of precision and recall."""
    return 2 * (flag & sick).sum() / (flag.sum() + sick.sum())


def judge(table: pd.DataFrame, flag: pd.Series, sick: pd.Series) -> dict[str, float]:
    """Precision and recall of flags, and of as many flags for the largest errors in views; precision of a draw by lot."""
    by_size = table["views"].rank(ascending=False, method="first") <= flag.sum()
    return {
        "flags": flag.sum(),
        "precision": sick[flag].mean(),
        "recall": flag[sick].mean(),
        "precision by size": sick[by_size].mean(),
        "recall by size": by_size[sick].mean(),
        "precision by lot": sick.mean(),
    }


def quick_scores(count: int, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """What a flagger may see of a panel, from a quick least-squares forecast, and the planted kind of each page.

    Returns:
        A table by page with ``error`` (mean absolute error of the last historical forecast, in views), ``mase``, ``worst``, ``days``
        of history, ``next_error`` (nobody knows it yet: empty), and the kinds, with the same index.
    """
    import pandas as pd

    panel, now, back = pageviews.panel(count, seed), pageviews.TODAY, pageviews.HORIZON
    days, day = panel.views.index[:now], np.arange(now)
    turns = 2 * np.pi * day[:, None] * np.arange(1, 5) / 365.25
    common = np.column_stack([day / now, np.eye(7)[day % 7], *_on_feasts(days, panel.holidays)])
    rows = {}
    for name in panel.views:
        views = panel.views[name].to_numpy()[:now]
        y, start = np.log(views), int(np.isnan(views).sum())
        columns = np.column_stack([common, np.sin(turns), np.cos(turns)]) if start == 0 else common
        past, ahead = slice(start, now - back), slice(now - back, now)
        fitted = columns @ np.linalg.lstsq(columns[past], y[past], rcond=None)[0]
        rows[name] = {
            "error": np.abs(views - np.exp(fitted))[ahead].mean(),
            "mase": np.abs(y - fitted)[ahead].mean() / naive_step(pd.Series(y[past], days[past])),
            "worst": _worst(pd.Series(y[past] - fitted[past])),
            "days": now - start,
        }
    return pd.DataFrame(rows).T.assign(next_error=np.nan), panel.truth["kind"]


def _on_feasts(days: pd.Index, calendar: pd.DataFrame) -> list[np.ndarray]:
    """For each feast, whether a day belongs to it: zeros and ones, shape (days,)."""
    return [days.isin(feast_days(dates)) * 1.0 for _, dates in calendar.groupby("holiday", sort=False)]
