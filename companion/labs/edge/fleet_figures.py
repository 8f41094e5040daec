"""Pictures of ``case_tesla``: scenes, recall against labels, the flood of one vehicle. Each returns a figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from companion import draw
from companion.labs.edge import fleet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"random": draw.BLACK, "doubt": draw.BLUE, "disagreement": draw.GREEN, "tyre": draw.ORANGE}


def scenes(exam: fleet.Drive, each: int = 12) -> Figure:
    """The first ``each`` frames of every class, a row a class."""
    fig, axes = draw.figure(9, 5.6, rows=len(fleet.CLASSES), columns=each)
    for kind, row in enumerate(axes):
        for ax, frame in zip(row, exam.frames[exam.label == kind], strict=False):
            ax.imshow(frame, cmap="gray", vmin=0, vmax=255)
            ax.set(xticks=[], yticks=[])
            ax.grid(False)
        row[0].set_ylabel(fleet.CLASSES[kind], rotation=0, ha="right", va="center")
    fig.suptitle("What cameras see; the last row is the rare one", x=0.01, ha="left", fontweight="bold")
    return fig


def learning(recalls: Mapping[str, np.ndarray], claimed: np.ndarray, kind: int, labels_a_day: int) -> Figure:
    """Recall of one class against labels spent, mean and two standard errors over fleets; dashed: what a trigger's uploads claim.

    Args:
        recalls: of each way, shape (fleets, days + 1, classes).
        claimed: of the way ``tyre``, shape (days,), by the head of that day on that day's uploads.
    """
    fig, ax = draw.figure(8.5, 4.2)
    for name, values in recalls.items():
        curve = 100 * values[:, :, kind]
        at, middle = labels_a_day * np.arange(curve.shape[1]), curve.mean(axis=0)
        error = 2 * curve.std(axis=0, ddof=1) / np.sqrt(len(curve))
        ax.plot(at, middle, color=COLOURS[name], label=name)
        ax.fill_between(at, middle - error, middle + error, color=COLOURS[name], alpha=0.12, linewidth=0)
    ax.plot(at[:-1], 100 * claimed, "--", color=COLOURS["tyre"], label="tyre, as its own\nuploads claim")
    ahead = 100 * (recalls["doubt"] - recalls["random"])[:, -1, kind].mean()
    ax.set(xlabel="labels spent after the stock", ylabel="recall of tyres on the road in %", ylim=(0, 100))
    too_much = 100 * (claimed - recalls["tyre"][:, :-1, kind].mean(axis=0)).mean()
    ax.set_title(f"Doubt ends {ahead:.0f} points above random; uploads claim {too_much:.0f} too many")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def flood(share: float, fair: float, ends: Mapping[str, np.ndarray], clean: np.ndarray) -> Figure:
    """Left: one vehicle's share of the uploads without and with a quota. Right: recall of tyres, a dot a fleet, the bar the mean."""
    fig, (left, right) = draw.figure(9, 3.6, columns=2)
    left.bar(["without quota", "with quota"], [100 * share, 100 * fair], color=[draw.ORANGE, draw.BLUE])
    left.set(ylabel="uploads of the van in %", ylim=(0, 100))
    left.set_title(f"One of 51 vehicles: {share:.0%} of the uploads", fontsize=11)
    for place, (name, values) in enumerate((dict(ends) | {"clean fleet": clean}).items()):
        colour = (draw.ORANGE, draw.BLUE, draw.SKY)[place]
        right.bar(place, 100 * values.mean(), color=colour, alpha=0.7)
        spread = np.linspace(place - 0.25, place + 0.25, len(values))
        right.plot(spread, 100 * values, ".", color=draw.BLACK, markersize=4)
        right.text(place, 2, name, ha="center", fontsize=9)
    right.set(xticks=[], ylabel="recall of tyres in %", ylim=(0, 100))
    lost = 100 * (ends["with quota"] - ends["without quota"]).mean()
    right.set_title(f"The quota keeps {lost:.0f} points of recall", fontsize=11)
    return fig
