"""Daily page views: a simulated twin of the series that Prophet's own manual forecasts, and panels of hundreds of series.

The panels have planted pathologies, which a flagger has to find; the public original comes only when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from companion.datasets._fetch import fetch
from companion.errors import DatasetError, SettingError

if TYPE_CHECKING:
    import pandas as pd

#: what can be planted in a series of a panel; of every BLOCK series in a row one has each
KINDS = ("level shift", "outlier week", "moved holiday", "short history")
BLOCK = 20
FIRST_DAY = "2024-01-01"
HORIZON = 56  #: days: the panel's last HORIZON are the future that nobody knows yet
TODAY = 735 + HORIZON  #: days from the first to today; one HORIZON earlier there were two years and a week
DAYS = TODAY + HORIZON
#: two movable feasts, five days each from these on: lunar new year and western Easter
FEASTS = {
    "new year": ("2024-02-10", "2025-01-29", "2026-02-17"),
    "easter": ("2024-03-31", "2025-04-20", "2026-04-05"),
}
FEAST_DAYS = 5
MOVED_BY = 7  #: days after the calendar's date on which a series with a moved holiday has its feasts

# the commit at which the file was pinned: main as of Prophet 1.1.2
_COMMIT = "313f1a7bf90ddf423db980bb4f8fa97c8045f095"
PEYTON = f"https://raw.githubusercontent.com/facebook/prophet/{_COMMIT}/examples/example_wp_log_peyton_manning.csv"
PEYTON_SHA256 = "6b1383a6f458e317c5da0488abaf2cadccd7e80c84c7a543d084e1159d5bfa56"
PEYTON_NAME = "example_wp_log_peyton_manning.csv"
_PEYTON_DAYS = 2905
#: first row of ``performance_metrics`` on the original in Prophet's manual (Diagnostics; 365 days ahead, 11 cutoffs)
DOCUMENTED_ROW = {
    "mse": 0.493358, "rmse": 0.702395, "mae": 0.503977, "mape": 0.058376, "mdape": 0.049365, "coverage": 0.676565,
}  # fmt: skip
#: what that protocol gave here on the original, on 27 November 2026 with Prophet 1.5.0: cutoff, mean absolute error of Prophet,
#: of the same weekday of last year, and the trend that Prophet extrapolates over the horizon, in steps from year to year
PEYTON_CUTOFFS = (
    ("2010-02-15", 1.104, 0.433, 2.08),
    ("2010-08-14", 1.002, 0.448, -2.04),
    ("2011-02-10", 0.386, 0.455, 0.53),
    ("2011-08-09", 0.489, 0.635, 0.35),
    ("2012-02-05", 0.569, 0.642, 0.94),
    ("2012-08-03", 0.962, 0.618, 1.03),
    ("2013-01-30", 0.423, 0.681, -0.87),
    ("2013-07-29", 0.651, 0.461, -1.18),
    ("2014-01-25", 0.454, 0.462, 0.08),
    ("2014-07-24", 0.479, 0.526, 0.02),
    ("2015-01-20", 0.413, 0.544, -0.33),
)


@dataclass(frozen=True)
class Panel:
    """Many series of one site.

    Attributes:
        views: page views, one column a series (``s000`` on), one row a day, shape (DAYS, series), floats that are whole
            numbers; NaN before the first day of a short history. The last HORIZON rows are the future.
        truth: one row a series: ``kind`` (of KINDS, or ``healthy``), ``day`` on which it happens (level shift, outlier week:
            first day; short history: first observation; else NaT), ``size`` (of a shift or an outlier, as a logarithm).
        holidays: the calendar, in Prophet's form: ``holiday``, ``ds``, ``lower_window``, ``upper_window``.
    """

    views: pd.DataFrame
    truth: pd.DataFrame
    holidays: pd.DataFrame


def calendar(days_late: int = 0) -> pd.DataFrame:
    """FEASTS as Prophet's table of holidays, each ``days_late`` days after its date."""
    import pandas as pd

    rows = [(name, date) for name, dates in FEASTS.items() for date in dates]
    table = pd.DataFrame(rows, columns=["holiday", "ds"])
    table["ds"] = pd.to_datetime(table["ds"]) + pd.Timedelta(days=days_late)
    return table.assign(lower_window=0, upper_window=FEAST_DAYS - 1)


def panel(count: int, seed: int = 0) -> Panel:
    """Daily page views of ``count`` pages, of which one in five is sick in one of KINDS.

    A series has a level between a hundred and a million views a day, a slope that changes now and then, a yearly and a weekly
    cycle, its own effect of each feast, and noise that remembers the day before. More series from one seed begin with the
    same ones.

    Raises:
        SettingError: not a positive number of series.
    """
    import pandas as pd

    if count < 1:
        raise SettingError(f"count must be at least 1, got {count}")
    dates = pd.date_range(FIRST_DAY, periods=DAYS)
    names = [f"s{number:03d}" for number in range(count)]
    columns, rows = [], []
    for number in range(count):
        block, place = divmod(number, BLOCK)
        order = np.random.default_rng([seed, block, 1]).permutation(BLOCK)
        kind = KINDS[order[place]] if order[place] < len(KINDS) else "healthy"
        values, day, size = _series(kind, np.random.default_rng([seed, number, 0]))
        columns.append(values)
        rows.append((kind, dates[day] if day is not None else pd.NaT, size))
    truth = pd.DataFrame(rows, columns=["kind", "day", "size"], index=pd.Index(names, name="series"))
    views = pd.DataFrame(np.column_stack(columns), index=dates, columns=names)
    return Panel(views, truth, calendar())


def _series(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, int | None, float]:
    """Views, shape (DAYS,), the day on which something happens, its size as a logarithm."""
    day = np.arange(DAYS)
    slopes = rng.normal(0, 0.0004, DAYS // 120 + 1)
    log_views = np.log(10) * rng.uniform(2, 6) + np.cumsum(np.repeat(slopes, 120)[:DAYS])
    log_views += _memory(DAYS, 0.97, rng.uniform(0.01, 0.05), rng) + _memory(DAYS, 0.5, rng.uniform(0.05, 0.1), rng)
    for news in rng.integers(0, DAYS, 6):
        log_views[news:] += rng.uniform(0.2, 0.8) * np.exp(-np.arange(DAYS - news) / 1.5)
    log_views += _cycle(day / 365.25, rng.uniform(0.1, 0.5), 3, rng) + _cycle(day / 7, rng.uniform(0.05, 0.3), 2, rng)
    late = MOVED_BY if kind == "moved holiday" else 0
    for dates in FEASTS.values():
        effect = rng.choice((-1, 1)) * rng.uniform(0.3, 0.9)
        for date in dates:
            first = int((np.datetime64(date) - np.datetime64(FIRST_DAY)).astype(int)) + late
            log_views[first : first + FEAST_DAYS] += effect

    happens, size = None, 0.0
    sign, strength = rng.choice((-1, 1)), rng.uniform(0.3, 1.0)
    shift_on, outlier_on = rng.integers(TODAY - 50, TODAY - 14), rng.integers(TODAY - 364, TODAY - 364 + HORIZON - 7)
    begins = TODAY - rng.integers(130, 260)
    if kind == "level shift":
        happens, size = int(shift_on), float(sign * strength)
        log_views[happens:] += size
    elif kind == "outlier week":
        happens, size = int(outlier_on), float(1.5 * strength)
        log_views[happens : happens + 7] += size
    views = np.rint(np.exp(log_views)).clip(1)
    if kind == "short history":
        happens = int(begins)
        views[:happens] = np.nan
    return views, happens, size


def _cycle(turns: np.ndarray, amplitude: float, harmonics: int, rng: np.random.Generator) -> np.ndarray:
    """A periodic curve: sines of 1 to ``harmonics`` turns, each a half smaller than the last, with any phases."""
    phases = rng.uniform(0, 1, harmonics)
    return sum(amplitude / 2**k * np.sin(2 * np.pi * ((k + 1) * turns + phases[k])) for k in range(harmonics))


def _memory(length: int, kept: float, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of which a share is kept until the next day (an autoregression of the first order)."""
    from scipy.signal import lfilter

    return lfilter([1.0], [1.0, -kept], rng.normal(0, deviation, length))


def twin(seed: int = 0) -> pd.DataFrame:
    """A simulated twin of the public series: 2,905 days of 2007-12-10 to 2016-01-20 with gaps, as in the original.

    A page about a sportsman: a season from September to February with Sundays and Mondays on top, peaks in January that
    differ from year to year, a trend that turns, days in the news that fade away.

    Returns:
        ``ds`` (date) and ``y`` (logarithm of the views), as Prophet takes them, rounded to six digits.
    """
    import pandas as pd

    rng = np.random.default_rng([seed, 2])
    dates = pd.date_range("2007-12-10", "2016-01-20")
    count, day_of_year = len(dates), dates.day_of_year.to_numpy()
    turns = np.sort(rng.choice(np.arange(200, count - 200), 7, replace=False))
    slopes = rng.normal(0, 0.0014, 8)[np.searchsorted(turns, np.arange(count), side="right")]
    y = 7.9 + np.cumsum(slopes)
    season = 1 / (1 + np.exp(-((day_of_year - 245) / 6))) + 1 / (1 + np.exp((day_of_year - 35) / 6))
    y += season * (0.5 + np.select([dates.day_of_week == 6, dates.day_of_week == 0], [0.5, 0.7], 0.0))
    for year in dates.year.unique():
        peak = rng.uniform(0, 1.6) * np.exp(-0.5 * ((day_of_year - rng.uniform(8, 30)) / 5) ** 2)
        y += np.where(dates.year == year, peak, 0.0)
    for day in rng.choice(count, 25, replace=False):  # in the news: up on one day, down over a week
        y[day:] += rng.uniform(0.8, 2.5) * np.exp(-np.arange(count - day) / 2.5)
    y += _memory(count, 0.6, 0.2, rng)

    seen = np.ones(count, bool)
    hole = rng.integers(150, 300)
    seen[hole : hole + 19] = False
    scattered = rng.choice(np.flatnonzero(seen)[1:-1], count - 19 - _PEYTON_DAYS, replace=False)
    seen[scattered] = False
    return pd.DataFrame({"ds": dates[seen], "y": np.round(y[seen], 6)})


def fetch_peyton(*, progress: bool = True) -> pd.DataFrame:
    """The public original: logarithm of the daily views of Peyton Manning's page in the English Wikipedia, 2,905 days.

    Returns:
        ``ds`` (date) and ``y``, as in Prophet's manual.

    Raises:
        DatasetError: it can't be fetched, or is not the pinned file.
    """
    import pandas as pd

    path = fetch(PEYTON, f"sha256:{PEYTON_SHA256}", PEYTON_NAME, progress=progress)
    table = pd.read_csv(path, parse_dates=["ds"])
    if list(table.columns) != ["ds", "y"] or len(table) != _PEYTON_DAYS:
        raise DatasetError(f"{PEYTON_NAME}: expected ds and y of {_PEYTON_DAYS} days, found {table.shape}")
    return table
