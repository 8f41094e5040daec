"""The pictures of ``scaling_strategy``; their findings are in the titles, which the notebook writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from companion import draw

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_COLOURS = (draw.BLACK, draw.BLUE, draw.ORANGE, draw.GREEN, draw.PINK, draw.SKY, draw.RED)
_MARKERS = "os^Dv*P"


def draw_job(axes: Sequence[Axes], affinity: np.ndarray, scores: np.ndarray) -> None:
    """How well aisles and products go together, and one customer's best scores, ties included.

    Args:
        axes: two.
        affinity: shape (aisles, products).
        scores: of one customer, shape (products,).
    """
    axes[0].imshow(affinity, aspect="auto", interpolation="nearest")
    axes[0].grid(False)
    axes[0].set(xlabel="product", ylabel="aisle", title="per cent of its customers' events")
    best = -np.sort(-scores)[:20]
    tied = np.r_[False, best[1:] == best[:-1]] | np.r_[best[1:] == best[:-1], False]
    axes[1].bar(np.arange(1, 21), best, color=np.where(tied, draw.ORANGE, draw.BLUE))
    axes[1].axvline(10.5, color=draw.BLACK, linewidth=1, linestyle="--")
    axes[1].set(xlabel="place", ylabel="score", title="a customer's best 20; orange: tied", ylim=(0.9 * best[-1], None))


def draw_seconds(axes: Axes, seconds: pd.DataFrame, crossings: Mapping[str, float | None]) -> None:
    """Seconds over the size of the job, a line a way, with a ring where a way first beats the first one.

    Args:
        seconds: a row a size, a column a way; NaN where it was not measured. The first column is the one to beat.
        crossings: sizes by column.
    """
    one = seconds.columns[0]
    for name, colour, marker in zip(seconds, _COLOURS, _MARKERS, strict=False):
        column = seconds[name].dropna()
        axes.loglog(column.index, column, marker=marker, color=colour, label=name, markersize=5)
        if (size := crossings.get(name)) is not None:
            height = np.exp(np.interp(np.log(size), np.log(seconds.index), np.log(seconds[one])))
            axes.plot(size, height, "o", markersize=14, fillstyle="none", color=colour, markeredgewidth=2)
    axes.set(xlabel="customers", ylabel="seconds")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def draw_fan(axes: Axes, fans: Mapping[str, tuple[np.ndarray, np.ndarray]], workers: np.ndarray) -> None:
    """For each job the band between the two laws that agree with what was measured, from the same two points.

    Args:
        fans: (lowest, highest) speed-ups by job, each of shape (workers,).
    """
    axes.loglog(workers, workers, color=draw.BLACK, linestyle="--", linewidth=1, label="ideal")
    for (name, (low, high)), colour in zip(fans.items(), _COLOURS[1:], strict=False):
        axes.fill_between(workers, low, high, alpha=0.15, color=colour)
        axes.loglog(workers, high, color=colour, label=name)
        axes.loglog(workers, low, color=colour)
    axes.axhline(1, color=draw.BLACK, linewidth=0.5)
    axes.set(xlabel="workers", ylabel="times one worker", ylim=(0.01, workers.max()))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def draw_tornado(axes: Axes, ends: Mapping[str, tuple[float, float]], middle: float) -> None:
    """What an answer costs when one assumption goes from its low to its high end, the widest on top.

    Args:
        ends: the two costs by assumption, in any order.
        middle: the cost with none of them changed.
    """
    ordered = sorted(ends.items(), key=lambda item: abs(item[1][1] - item[1][0]))
    for row, (_, (first, second)) in enumerate(ordered):
        axes.barh(row, second - first, left=first, color=draw.BLUE if second >= first else draw.ORANGE, height=0.6)
    axes.axvline(middle, color=draw.BLACK, linewidth=1)
    axes.set_yticks(range(len(ordered)), [name for name, _ in ordered])
    axes.grid(axis="y", visible=False)
    axes.set(xlabel="euros a million answers")
