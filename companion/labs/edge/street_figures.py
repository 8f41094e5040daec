"""Pictures of ``case_barcelona``: burning hours, light along the pavement, the street in space and time, shares. Each returns a figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from companion import draw
from companion.labs.edge import street

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def clock(hours: float) -> str:
    """A clock hour as people write it: 25.5 is 01:30."""
    minutes = round(hours * 60)
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def burning_hours(hours: Mapping[str, float], dark: float) -> Figure:
    """Hours a year that each claim implies, as bars against the dark hours of the year."""
    fig, ax = draw.figure(8.5, 2.9)
    names = list(hours)
    ahead = [100 * (hours[name] / dark - 1) for name in names]
    ax.barh(names, list(hours.values()), color=[draw.GREEN if abs(a) < 0.5 else draw.ORANGE for a in ahead])
    for row, (name, more) in enumerate(zip(names, ahead, strict=True)):
        ax.text(3520, row, f"{hours[name]:,.0f} h  ({more:+.1f} %)", va="center", color=draw.BLACK)
    ax.axvline(dark, color=draw.BLACK, linestyle="--", linewidth=1)
    ax.invert_yaxis()
    ax.set(xlim=(3500, 4800), xlabel="hours of full light a year")
    ax.grid(axis="y", visible=False)
    fits = sum(abs(a) < 0.5 for a in ahead)
    ax.set_title(f"{dark:,.0f} hours are dark: {fits} of {len(names)} claims fits them")
    return fig


def along_the_street(patterns: Mapping[str, np.ndarray], name: str) -> Figure:
    """Lux along eight spacings for patterns of lamps (lamps,), against a class's mean and minimum."""
    fig, ax = draw.figure(8.5, 3.2)
    inside = slice(8 * street.POINTS_A_SPACING, 16 * street.POINTS_A_SPACING)
    place = street.point_places()[inside]
    asked, short = street.CLASSES[name], []
    for (label, levels), colour in zip(patterns.items(), draw.PALETTE, strict=False):
        light = street.lux(levels)[inside]
        ax.plot(place, light, color=colour, label=f"{label}: mean {light.mean():.1f}, darkest {light.min():.1f} lx")
        short += [label] if light.min() < asked.least <= asked.mean <= light.mean() * 1.001 else []
    ax.axhline(asked.least, color=draw.RED, linestyle="--", linewidth=1)
    ax.text(place[0], asked.least / 1.4, f"{name}: {asked.least:g} lx at the darkest point", color=draw.RED)
    ax.set(yscale="log", ylim=(1, 100), xlabel="metres along the street", ylabel="lux on the ground")
    ax.legend(loc="upper right", fontsize=8, ncols=2)
    ax.set_title(f"The mean of {name} and not its minimum: {', '.join(short)}")
    return fig


def space_time(
    night: street.Night,
    levels: np.ndarray,
    begin: float,
    end: float,
    title: str,
    marks: Mapping[str, float] | None = None,
) -> Figure:
    """Light over the clock and the street as a picture, and everybody who walks there as a line.

    Args:
        levels: (steps, lamps), shares of full light.
        begin, end: clock hours.
        marks: vertical lines with their words, at clock hours.
    """
    fig, ax = draw.figure(9.5, 4)
    first, last = night.at(begin), night.at(end)
    minutes = (last - first) * street.STEP / 60
    image = ax.imshow(
        street.lux(levels[first:last]).T,
        aspect="auto",
        origin="lower",
        extent=(0, minutes, 0, street.LENGTH),
        cmap="inferno",
        vmin=0,
        vmax=25,
        interpolation="nearest",
    )
    walks = (night.step >= first) & (night.step < last)
    ax.scatter((night.step[walks] - first) * street.STEP / 60, night.place[walks], s=3, color=draw.SKY, linewidths=0)
    for words, hour in (marks or {}).items():
        at = (hour - begin) * 60
        ax.axvline(at, color="white", linewidth=1, linestyle="--")
        ax.text(
            at + minutes / 150,
            street.LENGTH * 0.97,
            words,
            color="white",
            va="top",
            fontsize=9,
            backgroundcolor="black",
        )
    ticks = np.linspace(0, minutes, 7)
    ax.set_xticks(ticks, [clock(begin + tick / 60) for tick in ticks])
    ax.set(xlim=(0, minutes), ylim=(0, street.LENGTH), xlabel="clock", ylabel="metres along the street")
    ax.grid(False)
    fig.colorbar(image, label="lux")
    ax.set_title(title)
    return fig


def shares(orders: pd.DataFrame, average: pd.Series, colours: Mapping[str, str]) -> Figure:
    """What each measure adds, a bar for each order in which they come, and the average over the orders below.

    Args:
        orders: a row an order (its label), a column a measure, percent of the old consumption.
        average: the Shapley value of each measure.
    """
    fig, ax = draw.figure(9, 3.8)
    rows = [*orders.iterrows(), ("average of all six", average)]
    for row, (_, adds) in enumerate(rows):
        left, below = 0.0, 0.0
        for name in adds.index:
            begin = left if adds[name] >= 0 else below + adds[name]
            width = abs(adds[name])
            ax.barh(row, width, left=begin, color=colours[name], label=name if row == 0 else None, height=0.7)
            if width > 2:
                ax.text(begin + width / 2, row, f"{adds[name]:.0f}", ha="center", va="center", fontsize=9)
            left, below = left + max(adds[name], 0), below + min(adds[name], 0)
    ax.set_yticks(range(len(rows)), [str(label) for label, _ in rows])
    ax.invert_yaxis()
    ax.axhline(len(orders) - 0.5, color=draw.BLACK, linewidth=1)
    ax.grid(axis="y", visible=False)
    ax.set(xlabel="percent of the old street's consumption")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, -0.38), ncols=len(average))
    least, most = orders["presence"].min(), orders["presence"].max()
    ax.set_title(f"Presence saves {least:.0f} to {most:.0f} %, by the order: on average {average['presence']:.1f}")
    return fig
