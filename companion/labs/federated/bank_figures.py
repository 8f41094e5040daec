"""Pictures of ``case_mastercard``: what is caught of each kind, as tables of coloured cells. Each returns a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from companion import draw
from companion.labs.federated.banks import BANKS, KINDS, MET

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle


def four_kinds(payments: pd.DataFrame) -> Figure:
    """Hour and sum of every fraud of a table of payments."""
    fig, ax = draw.figure(7, 3.2)
    for kind, name in enumerate(KINDS, start=1):
        some = payments[payments["kind"] == kind]
        ax.plot(some["time"] % 24, some["amount"], "o", markersize=4, alpha=0.5, label=name)
    ax.set(yscale="log", xlabel="hour of the day", ylabel="euros", xlim=(0, 24))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    middle = payments.groupby("kind")["amount"].median()
    ax.set_title(f"Half of the scams above {middle[4]:.0f} euros, half of the tests below {middle[2]:.0f}")
    return fig


def recall_maps(maps: Mapping[str, np.ndarray], heading: str) -> Figure:
    """A map for each name: recall of each kind (column) at each bank (row), shape (5, 4); a frame where the bank has met the kind."""
    fig, axes = draw.figure(3.3 * len(maps), 3.2, columns=len(maps), sharey=True, squeeze=False)
    for ax, (name, recall) in zip(axes[0], maps.items(), strict=True):
        cells(ax, recall, BANKS, KINDS)
        for row, column in np.argwhere(MET):
            ax.add_patch(_frame(column, row))
        ax.set_title(name, fontsize=10)
    fig.suptitle(heading, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return fig


def _frame(column: int, row: int) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor=draw.ORANGE, linewidth=2)


def price_of_rules(recall: Mapping[str, np.ndarray], heading: str) -> Figure:
    """Recall of each kind (column) under each rule (row), shape (4,) a rule; under a kind: how many banks have met it."""
    fig, ax = draw.figure(7, 0.6 * len(recall) + 1.6)
    met = [f"{kind}\n{count} of {len(BANKS)} banks" for kind, count in zip(KINDS, MET.sum(axis=0), strict=True)]
    cells(ax, np.array(list(recall.values())), list(recall), met)
    ax.set_title(heading)
    return fig


def cells(ax: Axes, values: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Shares between 0 and 1 as coloured cells with their numbers in them."""
    ax.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ax.grid(False)
    for (row, column), value in np.ndenumerate(values):
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.5 else draw.BLACK)
    ax.set_xticks(range(len(columns)), columns, fontsize=8)
    ax.set_yticks(range(len(rows)), rows)
