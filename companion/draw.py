"""How it looks: one plotting style for the whole book, a palette safe for colour-blind readers, text for every picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from companion.interrupts import held_back

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from companion.measure import Law

#: Okabe and Ito (2008), in an order that keeps neighbours apart; black is for ideal lines
BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW, BLACK = PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#222222",
)  # fmt: skip

_STYLE: dict[str, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.labelsize": 10,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "font.size": 10,
    "grid.alpha": 0.25,
    "image.cmap": "viridis",
    "legend.frameon": False,
    "lines.linewidth": 2,
}


def figure(
    width: float = 8.0, height: float = 3.6, *, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """A styled figure and its axes, ``(Figure, Axes or array of Axes)``; sizes in inches; ``options`` as in plt.subplots."""
    with held_back():
        import matplotlib.pyplot as plt
        from cycler import cycler

    # for the whole kernel: titles and legends read these settings when they are made, after this function
    settings: Any = _STYLE | {"axes.prop_cycle": cycler(color=PALETTE)}
    plt.rcParams.update(settings)
    fig, axes = plt.subplots(rows, columns, figsize=(width, height), **options)
    plt.close(fig)  # shown by show(), once, and not again at the end of the cell
    return fig, axes


def show(fig: Figure, alt: str) -> None:
    """Display a figure with its alternative text.

    The text is what a screen reader and a terminal get, and what nbval compares in place of the picture: say what a reader
    should see in it, in words that stay true from run to run.
    """
    from IPython.display import display

    buffer = io.BytesIO()
    # no creation date or version: the same figure gives the same bytes
    fig.savefig(buffer, format="png", dpi=fig.dpi, metadata={"Software": None})
    display({"image/png": buffer.getvalue(), "text/plain": alt}, raw=True, metadata={"image/png": {"alt": alt}})


def speedup(axes: Axes, table: pd.DataFrame, law: Law | None = None, most_workers: int | None = None) -> None:
    """Measured speed-up over the plain version with its 95 % interval, the ideal line, and a law beyond the measurements.

    Args:
        table: from ``companion.measure.speedup_table``.
        law: from ``fit_amdahl`` or ``fit_usl``; drawn from where one worker stands.
        most_workers: right end of the axis; by default just behind the largest measured number.
    """
    import numpy as np

    measured = table.drop(index="plain")
    workers = measured.index.to_numpy(float)
    end = most_workers or 1.15 * workers.max()
    n = np.linspace(1, end, 200)
    axes.plot(n, n, color=BLACK, linestyle="--", linewidth=1, label="ideal")
    speedups, low, high = (measured[name].to_numpy(float) for name in ("speed-up", "low", "high"))
    reach = np.where(np.isfinite(high), [speedups - low, high - speedups], 0)
    axes.errorbar(workers, speedups, yerr=reach, fmt="o", color=BLUE, capsize=3, label="measured, 95 %")
    if law is not None:
        axes.plot(n, speedups[0] * law.curve(n), color=ORANGE, label=f"{law.name}, fitted")
    axes.axhline(1, color=BLACK, linewidth=0.5)
    axes.set(xlabel="workers", ylabel="times as fast as without", xlim=(0.9, end), ylim=(0, None))
    axes.set_xticks(workers, [f"{count:.0f}" for count in workers])
    axes.legend()


def confusion(axes: Axes, matrix: np.ndarray, labels: list[str]) -> None:
    """A confusion matrix of counts, shape (classes, classes), rows true and columns predicted."""
    axes.imshow(matrix, cmap="Blues")
    axes.grid(False)
    half = matrix.max() / 2
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            axes.text(j, i, str(count), ha="center", va="center", color="white" if count > half else BLACK)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="true")


Span = Mapping[str, Any]


def _as_tree(spans: Sequence[Span]) -> list[Span]:
    """Each span followed by all below it, in the order in which they began."""
    known = {span["span_id"] for span in spans}
    below: dict[str | None, list[Span]] = {}
    for span in sorted(spans, key=lambda span: span["start"]):
        below.setdefault(span["parent_id"] if span["parent_id"] in known else None, []).append(span)
    ordered, waiting = [], below.get(None, [])[::-1]
    while waiting:
        ordered.append(waiting.pop())
        waiting += below.get(ordered[-1]["span_id"], [])[::-1]
    return ordered


def waterfall(axes: Axes, spans: Sequence[Span]) -> None:
    """The spans of one trace as bars, parents above their children, one colour a service.

    Args:
        spans: each with ``service``, ``name``, ``start`` (seconds) and ``ms``, and with ``span_id`` and ``parent_id``.
    """
    depth: dict[str, int] = {}
    spans = _as_tree(spans)
    services = sorted({span["service"] for span in spans})
    begin = min(span["start"] for span in spans)
    for row, span in enumerate(spans):
        depth[span["span_id"]] = depth.get(span["parent_id"], -1) + 1
        left, colour = 1000 * (span["start"] - begin), PALETTE[services.index(span["service"]) % len(PALETTE)]
        axes.barh(row, span["ms"], left=left, color=colour, height=0.7)
    axes.set_yticks(range(len(spans)), ["   " * depth[span["span_id"]] + span["name"] for span in spans])
    for label in axes.get_yticklabels():
        label.set_horizontalalignment("left")
        label.set_fontfamily("monospace")
    axes.tick_params(axis="y", length=0, pad=230, labelsize=8)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    handles = [axes.barh(0, 0, color=PALETTE[i % len(PALETTE)], label=name) for i, name in enumerate(services)]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set(xlabel="milliseconds since the request came in")
