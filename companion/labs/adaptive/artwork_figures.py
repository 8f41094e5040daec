"""Pictures of ``case_netflix``: tastes, two hundred intervals, effective sample sizes, learners, prices. Each returns a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from companion import draw
from companion.labs.adaptive import artwork
from companion.labs.adaptive.artwork_tables import Estimate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def tastes(title: artwork.Title, chosen: np.ndarray) -> Figure:
    """The planted probability of a click for every kind and picture; rings: what a policy (kinds, pictures) shows."""
    fig, ax = draw.figure(8, 4.4)
    image = ax.imshow(100 * title.click, aspect="auto")
    ax.grid(False)
    kind, picture = np.nonzero(chosen)
    ax.plot(picture, kind, "o", color=draw.ORANGE, fillstyle="none", markersize=10, markeredgewidth=2)
    names = [
        " ".join(t[0] for t, likes in zip(artwork.TASTES, row[1:], strict=True) if likes) for row in artwork.FEATURES
    ]
    ax.set_yticks(range(artwork.KINDS), [name or "none" for name in names], fontsize=7)
    ax.set_xticks(range(title.pictures))
    ax.set(xlabel="picture", ylabel="tastes of the kind (initials)")
    fig.colorbar(image, label="clicks in %")
    used = len(np.unique(picture))
    ax.set_title(f"No picture for all: {used} of the {title.pictures} are the best one for somebody")
    return fig


def intervals(columns: Mapping[str, Estimate], truth: float, count: int = 200) -> Figure:
    """The first ``count`` intervals of each column as horizontal lines against the truth; those that miss it in orange."""
    fig, axes = draw.figure(9.5, 5, columns=len(columns), sharey=True, sharex=True)
    for ax, (name, (value, half)) in zip(axes, columns.items(), strict=True):
        middle, reach, rows = 100 * value[:count], 100 * half[:count], np.arange(count)
        missed = np.abs(middle - 100 * truth) > reach
        for mask, colour, width in ((~missed, draw.BLUE, 0.7), (missed, draw.ORANGE, 1.3)):
            ax.hlines(rows[mask], (middle - reach)[mask], (middle + reach)[mask], color=colour, linewidth=width)
        ax.axvline(100 * truth, color=draw.BLACK, linewidth=1.2)
        ax.set_title(f"{name}:\n{missed.sum()} miss", fontsize=10)
        ax.set(xlabel="clicks per 100 members", yticks=[])
        ax.grid(False)
    axes[0].set_ylabel(f"{count} logs")
    return fig


def trust(chosen: pd.DataFrame, judged: pd.DataFrame, bound: float) -> Figure:
    """Coverage over effective sample size, the titles that a bound was chosen on and those it is judged on.

    Args:
        chosen, judged: columns ``effective`` and ``coverage``, a row a title and log.
    """
    fig, ax = draw.figure(8, 3.8)
    for table, colour, label in ((chosen, draw.SKY, "chosen on"), (judged, draw.BLUE, "judged on")):
        ax.plot(
            table["effective"], 100 * table["coverage"], "o", color=colour, markersize=4, label=f"titles it is {label}"
        )
    ax.axvline(bound, color=draw.ORANGE, label=f"bound {bound:.0f}")
    ax.axhline(95, color=draw.BLACK, linewidth=1, linestyle="--", label="promised")
    above = judged[judged["effective"] >= bound]["coverage"]
    ax.set(xscale="log", xlabel="effective sample size (members, median of the logs)", ylabel="coverage of IPS in %")
    ax.set_title(f"Above {bound:.0f} effective members coverage is {above.min():.0%} or more, below it anything")
    ax.legend(loc="upper left", bbox_to_anchor=(0, 0.92), fontsize=8)
    return fig


def ages(rounds: np.ndarray, curves: Mapping[str, np.ndarray], title: str) -> Figure:
    """Mean over runs of each curve, shape (runs, points), with two standard errors, over logged members."""
    fig, ax = draw.figure(8, 3.6)
    for (name, values), colour in zip(curves.items(), (draw.ORANGE, draw.BLACK, draw.BLUE), strict=True):
        middle, error = 100 * values.mean(axis=0), 200 * values.std(axis=0, ddof=1) / np.sqrt(len(values))
        ax.plot(rounds, middle, "--" if colour == draw.BLACK else "-", color=colour, label=name)
        ax.fill_between(rounds, middle - error, middle + error, color=colour, alpha=0.15, linewidth=0)
    ax.set(xlabel="members in the log", ylabel="clicks per 100 members", title=title)
    ax.legend()
    return fig


def learners(regret: Mapping[str, np.ndarray], taken: Mapping[str, np.ndarray], title: str, right_title: str) -> Figure:
    """Left: clicks per 100 members of each learner, a dot a title. Right: cumulative regret, shape (members, titles), log-log."""
    fig, (left, right) = draw.figure(9.5, 4, columns=2)
    colours = dict(zip(regret, (draw.PINK, draw.SKY, draw.BLUE, draw.GREEN), strict=True))
    for place, (name, values) in enumerate(taken.items()):
        left.bar(place, 100 * values.mean(), color=colours[name], alpha=0.6)
        left.plot(
            np.linspace(place - 0.25, place + 0.25, len(values)), 100 * values, ".", color=draw.BLACK, markersize=3
        )
    left.set_xticks(range(len(taken)), taken, rotation=20)
    left.set(ylabel="clicks per 100 members, last third")
    left.set_title(title, fontsize=11)
    for name, values in regret.items():
        at = np.unique(np.geomspace(30, len(values), 60).astype(int)) - 1
        low, high = np.percentile(values[at], [10, 90], axis=1)
        right.loglog(at + 1, values[at].mean(axis=1), color=colours[name], label=name)
        right.fill_between(at + 1, low, high, color=colours[name], alpha=0.15, linewidth=0)
    right.set(xlabel="members", ylabel="clicks lost so far (cumulative regret)")
    right.set_title(right_title, fontsize=11)
    right.legend(fontsize=8)
    return fig


def price(table: pd.DataFrame, nothing: float) -> Figure:
    """Clicks lost per 1,000 members over epsilon (the index): while logging, and afterwards by the choice that the log led to."""
    fig, ax = draw.figure(8, 3.6)
    for name, colour in zip(("while logging", "afterwards"), (draw.ORANGE, draw.BLUE), strict=True):
        ax.plot(table.index, table[name], "o-", color=colour, label=name)
    ax.axhline(nothing, color=draw.BLACK, linestyle="--", linewidth=1, label="afterwards, without exploring")
    ax.set(xscale="log", xlabel="share of members who see a random picture (epsilon)", ylabel="clicks lost per 1,000")
    half = table[table["afterwards"] < nothing / 10].index[0]
    ax.set_title(f"Random pictures for {half:.0%} avoid nine tenths of a wrong choice's cost")
    ax.set_xticks(table.index, [f"{epsilon:.1%}" for epsilon in table.index], fontsize=8)
    ax.legend()
    return fig


def clipped(floors: Sequence[float], found: Mapping[str, np.ndarray], truth: float) -> Figure:
    """Mean and standard deviation over logs of each estimator, shape (floors, logs), over the floor under the propensities."""
    fig, ax = draw.figure(8, 3.8)
    for shift, (name, values), colour in zip(
        (-1, 0, 1), found.items(), (draw.ORANGE, draw.BLUE, draw.GREEN), strict=True
    ):
        places = np.arange(len(floors)) + 0.12 * shift
        middle, spread = 100 * values.mean(axis=1), 100 * values.std(axis=1)
        ax.errorbar(places, middle, yerr=spread, fmt="o", color=colour, capsize=3, label=name)
    ax.axhline(100 * truth, color=draw.BLACK, linewidth=1, linestyle="--", label="truth")
    ax.set_xticks(range(len(floors)), ["as logged", *(f"{floor:g}" for floor in floors[1:])])
    ax.set(xlabel="floor under the rounded propensities", ylabel="clicks per 100, mean and sd", ylim=(0, None))
    lost = 1 - found["IPS"][1].mean() / truth
    ax.set_title(f"Clipping takes at least {lost:.0%} of IPS away; the spread shrinks, the error stays")
    ax.legend(loc="lower left", ncols=2)
    return fig


def late(shares: Mapping[str, np.ndarray], floor: float, title: str) -> Figure:
    """The new picture's share of the impressions, shape (hours, runs), with the band of four runs in five, and the floor."""
    fig, ax = draw.figure(8, 3.6)
    for (name, values), colour in zip(shares.items(), (draw.ORANGE, draw.BLUE), strict=True):
        days = (np.arange(len(values)) + 0.5) / 24
        low, high = 100 * np.percentile(values, [10, 90], axis=1)
        ax.plot(days, 100 * values.mean(axis=1), color=colour, label=name)
        ax.fill_between(days, low, high, color=colour, alpha=0.15, linewidth=0)
    ax.axhline(100 * floor, color=draw.BLACK, linestyle="--", linewidth=1, label="exploration floor")
    ax.set(xlabel="days since the picture came", ylabel="share of the members who see it in %", title=title)
    ax.legend(loc="upper left")
    return fig
