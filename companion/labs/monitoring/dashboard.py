"""A Grafana dashboard file drawn without Grafana: its panels' titles, units and queries, on data from wherever."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from companion import draw
from companion.labs.monitoring import promql

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UNITS = {"percentunit": "share", "s": "seconds", "reqps": "1/s"}


def panels(file: Path) -> list[dict[str, Any]]:
    """The time series panels of a dashboard file, in its order."""
    return [p for p in json.loads(file.read_text(encoding="utf-8"))["panels"] if p["type"] == "timeseries"]


def draw_panel(
    axes: Axes, panel: Mapping[str, Any], hours: np.ndarray, ask: Callable[[str], Mapping[Any, np.ndarray]]
) -> None:
    """One panel: a line a series, its legend as the panel says.

    Args:
        hours: shape (moments,).
        ask: from an expression to values by labels, each of shape (moments,).
    """
    axes.set_prop_cycle(color=draw.PALETTE[:3])
    for target in panel["targets"]:
        for labels, values in ask(target["expr"]).items():
            axes.plot(hours, values, label=_legend(target["legendFormat"], dict(labels)), linewidth=1.1)
    unit = panel["fieldConfig"]["defaults"].get("unit", "")
    top = 1.4 * max((np.nanmax(np.asarray(line.get_ydata(), float)) for line in axes.lines), default=1)
    axes.set(xticks=range(0, 25, 6), xlim=(0, 24), ylim=(0, top or 1), ylabel=_UNITS.get(unit, ""))
    axes.set_title(panel["title"], fontsize=9.5)
    axes.legend(fontsize=7, loc="upper left")


def _legend(form: str, labels: Mapping[str, str]) -> str:
    """Grafana's ``{{label}}`` filled in; empty where the series has no such label."""
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), form)


def draw_alerts(
    axes: Axes, fires: Mapping[str, np.ndarray], urgent: Mapping[str, bool], hours: np.ndarray, planted: list
) -> None:
    """A strip an alert, coloured while it fires, over what was planted.

    Args:
        fires: whether it fires at each moment, by alert; shape (moments,).
        urgent: whether it wakes somebody, by alert.
        planted: events with ``name``, ``start`` and ``stop`` in hours.
    """
    step = hours[1] - hours[0]
    for row, (name, on) in enumerate(fires.items()):
        bars = [(hours[first], (end - first) * step) for first, end in promql.spans(on)]
        axes.broken_barh(bars, (row - 0.35, 0.7), color=draw.RED if urgent[name] else draw.SKY)
    for i, event in enumerate(planted):
        axes.axvspan(event.start, event.stop, color=draw.BLACK, alpha=0.08)
        axes.text(event.start, -0.65 - 0.5 * (i % 2), event.name, fontsize=8)
    axes.set(yticks=range(len(fires)), yticklabels=fires, ylim=(len(fires) - 0.5, -1.6), xlim=(0, 24), xlabel="hour")
