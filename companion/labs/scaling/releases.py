"""What ``kubernetes_hpa`` needs beside its idea: the fewest pods that would do, lines through many replays, and its plots."""

from __future__ import annotations

import heapq
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


def waiting_share(rate: float, pods: int, service_rate: float, customers: int = 200_000) -> float:
    """Share of an M/M/c queue's customers that found every pod busy, simulated one by one, the same for the same arguments.

    Args:
        rate: requests a second; ``service_rate``: those that one pod answers when it is busy all the time.
    """
    rng = np.random.default_rng(0)
    arrivals = np.cumsum(rng.exponential(1 / rate, customers)).tolist()
    free, waited = [0.0] * pods, 0
    for at, work in zip(arrivals, rng.exponential(1 / service_rate, customers).tolist(), strict=True):
        first = heapq.heappop(free)
        waited += first > at
        heapq.heappush(free, max(first, at) + work)
    return waited / customers


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


def draw_grid(ax: Axes, minutes: np.ndarray, boots: Sequence[float], lags: Sequence[float], *, digits: int = 0) -> None:
    """Minutes broken, a row a boot time, a column a lag (both in seconds), each written into its field.

    Args:
        minutes: shape (boots, lags); ``digits`` of them are written behind the point.
    """
    ax.imshow(minutes, cmap="Blues", origin="lower", aspect="auto")
    for (row, column), value in np.ndenumerate(minutes):
        colour = "white" if value > 0.55 * minutes.max() else draw.BLACK
        ax.text(column, row, f"{value:.{digits}f}", ha="center", va="center", color=colour)
    ax.set(xticks=range(len(lags)), xticklabels=lags, yticks=range(len(boots)), yticklabels=boots)
    ax.set(xlabel="metric lag, s", ylabel="boot time, s")
    ax.set_title(f"A release breaks {minutes.min():.0f} to {minutes.max():.0f} minutes")
    ax.grid(False)


def draw_delays(ax: Axes, delays: np.ndarray, minutes: np.ndarray, *, start: float, orders: int) -> None:
    """Minutes broken over boot time plus lag, and the rule's line: ``orders`` minutes for a minute of delay.

    Args:
        delays, minutes: arrays of one shape, both in minutes.
        start: what the line breaks without any delay, in minutes.
    """
    ax.plot(delays.ravel(), minutes.ravel(), "o", markersize=4, label="simulated")
    line: dict[str, Any] = {"color": draw.BLACK, "linestyle": "--", "linewidth": 1}
    ax.axline((0, start), slope=orders, label=f"{start:.1f} min and {orders} orders", **line)
    ax.set(xlabel="boot time + lag, minutes", ylabel="minutes broken", ylim=(0, 1.12 * max(minutes.max(), 1)))
    ax.legend()


def draw_traffic(axes: Sequence[Axes], day: np.ndarray, release: np.ndarray) -> None:
    """Two traces over their hours, requests a second at steps of 15 s, side by side."""
    hours = 3600 / traffic.STEP_SECONDS
    axes[0].plot(np.arange(len(day)) / hours, day, linewidth=0.8)
    axes[0].set(xlabel="hour", ylabel="requests/s", title=f"A day: {day.min():.0f} to {day.max():.0f} requests/s")
    axes[1].plot(np.arange(len(release)) / hours, release, linewidth=0.8, color=draw.ORANGE)
    axes[1].set(xlabel="hour", title=f"A release: from {release[:240].mean():.0f} to {release.max():.0f}")


def draw_windows(ax: Axes, windows: Sequence[int], minutes: np.ndarray, hours: np.ndarray) -> None:
    """Pod-hours over minutes broken, a point a run, and a line through the means of each window (in seconds).

    Args:
        minutes, hours: shape (windows, runs).
    """
    ax.plot(minutes.mean(axis=1), hours.mean(axis=1), color=draw.BLUE, linewidth=1)
    ax.plot(minutes.ravel(), hours.ravel(), "o", markersize=3, color=draw.BLUE)
    for window, across, up in zip(windows, minutes.mean(axis=1), hours.mean(axis=1), strict=True):
        ax.annotate(f" {window} s", (across, up), va="bottom", fontsize=8)
    ax.set(xlabel="minutes broken", ylabel="pod-hours")
