"""The pictures of ``scaling_strategy``; the findings in their titles are computed from what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from companion import draw

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_COLOURS = (draw.BLACK, draw.BLUE, draw.ORANGE, draw.GREEN, draw.PINK, draw.SKY, draw.RED)
_MARKERS = "os^Dv*P"


def job(affinity: np.ndarray, scores: np.ndarray, customer: int) -> Figure:
    """How well aisles and products go together, and one customer's best scores, ties included.

    Args:
        affinity: shape (aisles, products).
        scores: shape (customers, products).
        customer: whose scores are drawn.
    """
    fig, axes = draw.figure(9, 3.4, columns=2)
    first = -np.sort(-scores, axis=1)[:, :11]
    tied = (np.diff(first, axis=1) == 0).any(axis=1).mean()
    fig.suptitle(f"{tied:.0%} of the customers have a tie among their best eleven", x=0.01, ha="left", weight="bold")
    axes[0].imshow(affinity, aspect="auto", interpolation="nearest")
    axes[0].grid(False)
    axes[0].set_title("per cent of its customers' events", fontsize=10)
    axes[0].set(xlabel="product", ylabel="aisle")
    best = -np.sort(-scores[customer])[:20]
    same = np.r_[False, best[1:] == best[:-1]] | np.r_[best[1:] == best[:-1], False]
    axes[1].bar(np.arange(1, 21), best, color=np.where(same, draw.ORANGE, draw.BLUE))
    axes[1].axvline(10.5, color=draw.BLACK, linewidth=1, linestyle="--")
    axes[1].set_title("a customer's best 20; orange: tied", fontsize=10)
    axes[1].set(xlabel="place", ylabel="score", ylim=(0.9 * best[-1], None), xticks=(1, 5, 10, 15, 20))
    return fig


def seconds(seconds: pd.DataFrame, crossings: Mapping[str, float | None]) -> Figure:
    """Seconds over the size of the job, a line a way, with a ring where a way first beats the first one.

    Args:
        seconds: a row a size, a column a way; NaN where it was not measured. The first column is the one to beat.
        crossings: sizes by column.
    """
    fig, axes = draw.figure(8.5, 4)
    one = seconds.columns[0]
    for name, colour, marker in zip(seconds, _COLOURS, _MARKERS, strict=False):
        column = seconds[name].dropna()
        axes.loglog(column.index, column, marker=marker, color=colour, label=name, markersize=5)
        if (size := crossings.get(str(name))) is not None:
            height = np.exp(np.interp(np.log(size), np.log(seconds.index), np.log(seconds[one])))
            axes.plot(size, height, "o", markersize=14, fillstyle="none", color=colour, markeredgewidth=2)
    found = [f"{name} from {size:,.0f}" for name, size in crossings.items() if size]
    axes.set_title(f"Beats {one} here: {', '.join(found) or 'nothing'}", fontsize=11)
    axes.set(xlabel="customers", ylabel="seconds")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def fan(fans: Mapping[str, tuple[np.ndarray, np.ndarray]], workers: np.ndarray) -> Figure:
    """For each job the band between the two laws that agree with what was measured, from the same two points.

    Args:
        fans: (lowest, highest) speed-ups by job, each of shape (workers,).
    """
    fig, axes = draw.figure(8.5, 3.8)
    axes.loglog(workers, workers, color=draw.BLACK, linestyle="--", linewidth=1, label="ideal")
    for (name, (low, high)), colour in zip(fans.items(), _COLOURS[1:], strict=False):
        axes.fill_between(workers, low, high, alpha=0.15, color=colour)
        axes.loglog(workers, high, color=colour, label=name)
        axes.loglog(workers, low, color=colour)
    axes.axhline(1, color=draw.BLACK, linewidth=0.5)
    lowest, highest = min(low[-1] for low, _ in fans.values()), max(high[-1] for _, high in fans.values())
    axes.set_title(
        f"From two cores, {workers[-1]:,.0f} workers are {lowest:.2g} to {highest:,.0f} times one", fontsize=11
    )
    axes.set(xlabel="workers", ylabel="times one worker", ylim=(0.01, workers.max()))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def tornado(way: str, ends: Mapping[str, tuple[float, float]], middle: float) -> Figure:
    """What an answer costs when one assumption goes from its low to its high end, the widest on top.

    Args:
        ends: the two costs by assumption, in any order.
        middle: the cost with none of them changed.
    """
    fig, axes = draw.figure(8.5, 2.8)
    ordered = sorted(ends.items(), key=lambda item: abs(item[1][1] - item[1][0]))
    for row, (_, (first, second)) in enumerate(ordered):
        axes.barh(row, second - first, left=first, color=draw.BLUE if second >= first else draw.ORANGE, height=0.6)
    axes.axvline(middle, color=draw.BLACK, linewidth=1)
    axes.set_yticks(range(len(ordered)), [name for name, _ in ordered])
    axes.grid(axis="y", visible=False)
    widest, span = ordered[-1]
    axes.set_title(f"{way}: {widest} moves the price most, {min(span):.0f} to {max(span):.0f} euros", fontsize=11)
    axes.set(xlabel="euros a million answers")
    return fig
