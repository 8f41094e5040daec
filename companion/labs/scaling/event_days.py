"""Days with an announced event, and plans put in charge of many of them: what each keeps, and what it costs.

A day has 5,760 steps of 15 s: the tenfold day of :func:`companion.simulate.traffic.ten_x_day`, at 18:00 700 requests/s more within
two minutes, and noise. A seed gives one day; days differ in their noise alone. A plan is chosen on some days and judged on others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from companion import draw
from companion.errors import SettingError
from companion.simulate import target_tracking, traffic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: to choose on, and to report on: no day is in both
CHOOSING, REPORTING = range(6), range(100, 120)


def day(seed: int, excess: float = 700, at_hour: float = 18) -> np.ndarray:
    """Requests a second of one day with an event, shape (5760,)."""
    event = traffic.launch_spike(0, excess, at_hour=at_hour)
    return traffic.with_noise(traffic.ten_x_day(60) + event, seed=seed)


def in_charge(
    plan: target_tracking.Plan, trace: np.ndarray, *, boot: float = 180, lag: float = 60, **options: Any
) -> traffic.Run:
    """A plan in charge of a pool for a day; it starts with eight instances, as the night before left it, within its bounds.

    Args:
        boot, lag: seconds until an instance serves, and until a metric is seen.
        options: of :class:`companion.simulate.target_tracking.Controller`.
    """
    plan = replace(plan, desired=min(max(plan.minimum, 8), plan.maximum))
    pool = traffic.ServerPool(plan.desired, boot_seconds=boot, lag_seconds=lag)
    return traffic.replay(trace, pool, target_tracking.Controller(plan, **options))


def over_days(plans: Mapping[Any, target_tracking.Plan], seeds: Iterable[int]) -> pd.DataFrame:
    """Every plan on every day: columns ``plan``, ``seed``, ``hours`` (instance-hours) and ``broken`` (minutes)."""
    rows = []
    for seed in seeds:
        trace = day(seed)
        for name, plan in plans.items():
            run = in_charge(plan, trace)
            rows.append((name, seed, traffic.instance_hours(run), traffic.slo_minutes(run)))
    return pd.DataFrame(rows, columns=["plan", "seed", "hours", "broken"])


def summary(days: pd.DataFrame) -> pd.DataFrame:
    """Of each plan: days, days kept, the worst day's broken minutes, mean instance-hours; in the order in which the plans come."""
    by = days.groupby("plan", sort=False)
    return pd.DataFrame(
        {
            "days": by.size(),
            "days kept": by["broken"].agg(lambda minutes: int((minutes == 0).sum())),
            "worst day, min": by["broken"].max().round(2),
            "mean, min": by["broken"].mean().round(2),
            "instance-hours": by["hours"].mean().round(1),
        }
    )


def cheapest(days: pd.DataFrame) -> Any:
    """The plan with the fewest instance-hours of those that broke no minute of any day.

    Raises:
        SettingError: there is none.
    """
    table = summary(days)
    kept = table[table["days kept"] == table["days"]]
    if kept.empty:
        raise SettingError("no plan keeps the objective on all of these days: try larger ones")
    return kept["instance-hours"].idxmin()


def draw_candidates(
    ax: Axes, table: pd.DataFrame, *, percent: str = "", legend: str = "{}", price: float | None = None
) -> None:
    """Mean minutes outside over mean instance-hours or their cost, a line a kind of plan, its number beside each point.

    Args:
        table: of :func:`summary`, whose plans are pairs ``(kind, number)``, of four kinds at most.
        percent: the kind whose number is a share in %.
        legend: what a kind is called, such as ``"hold {} %"``.
        price: of an instance-hour in dollars; without one the hours themselves are drawn.
    """
    beside, size = ((3, 5), 8) if price else ((-16, 4), 10)
    kinds = list(dict.fromkeys(kind for kind, _ in table.index))
    for kind, colour in zip(kinds, (draw.BLACK, draw.ORANGE, draw.BLUE, draw.PINK), strict=False):
        part = table[[name[0] == kind for name in table.index]]
        across = part["instance-hours"] * (price or 1)
        ax.plot(across, part["mean, min"], "o-", color=colour, label=legend.format(kind))
        for (_, number), *spot in zip(part.index, across, part["mean, min"], strict=True):
            label, shift = (f"{number} %", (6, 4)) if kind == percent else (str(number), beside)
            ax.annotate(label, (spot[0], spot[1]), xytext=shift, textcoords="offset points", fontsize=size)
    days = int(table["days"].max())
    unit = "cost of the day in $" if price else "instance-hours a day"
    ax.set(xlabel=f"{unit} (at each point: its number)", ylabel=f"minutes outside, mean of {days} days")
    ax.margins(0.08, 0.15)
    ax.legend()
