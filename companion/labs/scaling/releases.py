"""What ``kubernetes_hpa`` needs beside its idea: the fewest pods that would do, lines through many replays, and its plots."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from companion import draw
from companion.simulate import traffic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: boot times and metric lags that a line is fitted to, in seconds: up to the 300 s after which a pod's metric is trusted
BOOTS, LAGS = (0, 45, 90, 180), (0, 60)


def late_share(rate: float, pods: int, service_rate: float, seconds: float) -> float:
    """Share of an M/M/c queue's requests that take longer than ``seconds``, waiting and service together.

    Args:
        rate: requests a second; ``service_rate``: those that one pod answers when it is busy all the time.

    Source: Erlang C for the share that waits; the sum of the exponential wait and the exponential service.
    """
    spare = pods * service_rate - rate
    if spare <= 0:
        return 1.0
    waits = float(traffic.erlang_c(rate, service_rate, pods))
    served, queued = math.exp(-service_rate * seconds), math.exp(-spare * seconds)
    if math.isclose(spare, service_rate):  # both rates alike: the limit of the fraction below
        return (1 - waits) * served + waits * served * (1 + spare * seconds)
    return (1 - waits) * served + waits * (spare * served - service_rate * queued) / (spare - service_rate)


def fewest_pods(rate: float, service_rate: float, seconds: float, share: float = 0.05) -> int:
    """The fewest pods of which at most ``share`` of the requests take longer than ``seconds``."""
    pods = max(1, math.ceil(rate / service_rate))
    while late_share(rate, pods, service_rate, seconds) > share:
        pods += 1
    return pods


def delay_lines(
    minutes: Callable[[np.ndarray, float, float], float], traces: Iterable[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """A straight line for each trace, fitted to the minutes broken over boot time plus lag (in minutes).

    Args:
        minutes: broken on a trace with a boot time and a lag, in seconds.

    Returns:
        Slopes (minutes broken for a minute of delay) and what is broken at no delay at all, one of each a trace.
    """
    grid = [(boot, lag) for boot in BOOTS for lag in LAGS]
    lines = [
        np.polyfit([(boot + lag) / 60 for boot, lag in grid], [minutes(trace, boot, lag) for boot, lag in grid], 1)
        for trace in traces
    ]
    slopes, starts = np.transpose(lines)
    return slopes, starts


def panel(axes: Sequence[Axes], runs: Mapping[str, traffic.Run], seconds: float, price: float = 0.05) -> None:
    """Replicas, latency and cost over the hours, one line a run; the legend has the totals.

    Args:
        axes: three, one above the other.
        seconds: that the promise allows; ``price``: of a pod-hour, in dollars.
    """
    colours = dict(zip(runs, (draw.ORANGE, draw.GREEN, draw.BLUE, draw.PINK), strict=False))
    for name, run in runs.items():
        hours = run.time / 3600
        style: dict[str, Any] = {"color": colours[name], "linewidth": 1.2}
        paid, broken = traffic.cost(run, price), traffic.slo_minutes(run, seconds)
        axes[0].plot(hours, run.capacity, label=f"{name}: {paid:.2f} $, {broken:.1f} min broken", **style)
        axes[1].plot(hours, 1000 * np.clip(traffic.latency(run), 0, 20), **style)
        axes[2].plot(hours, np.cumsum(run.capacity) * run.step_seconds / 3600 * price, **style)
    axes[1].axhline(1000 * seconds, color=draw.BLACK, linestyle="--", linewidth=1)
    axes[1].set(yscale="log", ylabel="95 % within, ms")
    axes[2].set(xlabel="hour", ylabel="$ so far")
    axes[0].set(ylabel="pods paid for", ylim=(0, 1.4 * max(run.capacity.max() for run in runs.values())))
    axes[0].legend(loc="upper left", fontsize=8, ncols=2)


def draw_grid(ax: Axes, minutes: np.ndarray, boots: Sequence[float], lags: Sequence[float]) -> None:
    """Minutes broken, a row a boot time, a column a lag, each written into its field."""
    ax.imshow(minutes, cmap="Blues", origin="lower", aspect="auto")
    for (row, column), value in np.ndenumerate(minutes):
        colour = "white" if value > 0.55 * minutes.max() else draw.BLACK
        ax.text(column, row, f"{value:.0f}", ha="center", va="center", color=colour)
    ax.set(xticks=range(len(lags)), xticklabels=lags, yticks=range(len(boots)), yticklabels=boots)
    ax.set(xlabel="metric lag, s", ylabel="boot time, s")
    ax.grid(False)
