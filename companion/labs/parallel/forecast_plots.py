"""What the forecasts of a site's pages look like: pages, differences from last year, coverage, and the signs of sick pages.

The tables are those of ``companion.labs.parallel.forecasting``; each function returns a figure for ``companion.draw.show``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from companion import draw
from companion.datasets import pageviews

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def one_page(history: pd.DataFrame) -> Figure:
    """The history of one page."""
    fig, ax = draw.figure(9, 2.8)
    ax.plot(history["ds"], history["y"], ".", markersize=2)
    ax.set(ylabel="log of views a day", title=f"{len(history):,} days of one page")
    return fig


def one_of_each(panel: pageviews.Panel) -> Figure:
    """The first page of each kind of sickness, up to today."""
    import pandas as pd

    known = panel.views.iloc[: pageviews.TODAY]
    fig, axes = draw.figure(9, 4, rows=2, columns=2, sharex=True)
    for ax, kind in zip(axes.flat, pageviews.KINDS, strict=True):
        name = panel.truth.index[panel.truth["kind"] == kind][0]
        ax.plot(np.log(known[name]), linewidth=1)
        ax.set_title(f"{name}: {kind}", fontsize=10)
        ax.set_xticks(pd.to_datetime(["2024-01-01", "2025-01-01", "2026-01-01"]), ["2024", "2025", "2026"])
    return fig


def differences(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """By how much Prophet's error exceeds the naive one at each cutoff, a panel a series, flags as rings.

    Args:
        tables: by the name of the series; index: cutoffs; ``difference`` and ``flag``.
    """
    fig, axes = draw.figure(9, 2.2 * len(tables), rows=len(tables), sharex=True, sharey=True)
    for ax, (who, table) in zip(axes, tables.items(), strict=True):
        ax.margins(y=0.15)  # room for the rings
        ax.axhline(0, color=draw.BLACK, linewidth=1)
        ax.vlines(table.index, 0, table["difference"], color=draw.SKY, linewidth=2)
        ax.plot(table.index, table["difference"], "o", color=draw.BLUE, label="cutoff")
        rings = table[table["flag"]]
        ax.plot(rings.index, rings["difference"], "o", color=draw.RED, markersize=13, fillstyle="none", label="flag")
        better, mean = (table["difference"] < 0).sum(), table["difference"].mean()
        ax.set_title(f"{who}: better at {better} of {len(table)}, mean {mean:+.2f}")
        ax.set_ylabel("Prophet - naive")
    axes[0].legend(loc="upper right")
    return fig


def coverage(days: pd.DataFrame, hits: pd.DataFrame, nominal: float = 0.8) -> Figure:
    """What each kind of interval covers of the last day of each week, and the band of a binomial draw of so many pages.

    Args:
        days: as of ``days_ahead``; hits: whether a day is covered, with the same rows, a column a kind of interval.
    """
    from scipy.stats import binom

    last = (days["day"] % 7 == 0).to_numpy()
    dots = hits[last].groupby(days["week"].to_numpy()[last]).mean()
    pages = last.sum() // len(dots)
    low, high = binom.ppf([0.025, 0.975], pages, nominal) / pages
    fig, ax = draw.figure(8, 3.6)
    ax.axhspan(low, high, color=draw.BLACK, alpha=0.1, label=f"binomial band of {nominal:.0%}")
    for way in dots:
        ax.plot(dots.index, dots[way], "o-", label=way)
    means = ", ".join(f"{way} {share:.0%}" for way, share in hits.mean().items())
    ax.set(
        xlabel="weeks ahead", ylabel="covered", ylim=(0, 1), xticks=dots.index, title=f"Nominal {nominal:.0%}: {means}"
    )
    ax.legend(loc="lower left", ncols=2)
    return fig


def signs(table: pd.DataFrame, flag: pd.Series, most: tuple[float, float]) -> Figure:
    """Each page by the two signs that have a threshold, its kind, and how many of each kind are flagged.

    Args:
        table: ``mase``, ``worst`` and ``kind`` by page; flag: with the same index; most: the two thresholds.
    """
    fig, ax = draw.figure(9, 4)
    colours = dict(zip(pageviews.KINDS, (draw.BLUE, draw.ORANGE, draw.GREEN, draw.PINK), strict=True))
    for kind, colour in {"healthy": "#BBBBBB", **colours}.items():
        some, found = table[table["kind"] == kind], flag[table["kind"] == kind]
        label = f"{kind}, {found.sum()} of {len(found)} flagged"
        marker = "^" if kind == "short history" else "o"
        ax.plot(some["mase"], some["worst"], marker, color=colour, label=label)
    ax.axvline(most[0], color=draw.BLACK, linestyle="--", linewidth=1)
    ax.axhline(most[1], color=draw.BLACK, linestyle="--", linewidth=1)
    sick = table["kind"] != "healthy"
    ax.set(xlabel="mase: error of the last forecast, in naive steps", xscale="log")
    ax.set(ylabel="worst: five odd days, in deviations", yscale="log")
    ax.set_xticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
    ax.set_yticks([2, 4, 8], ["2", "4", "8"])
    ax.minorticks_off()
    false = (flag & ~sick).sum()
    ax.set_title(
        f"{flag.sum()} flags on {len(flag)} pages: {(flag & sick).sum()} of {sick.sum()} sick ones, {false} healthy ones"
    )
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig
