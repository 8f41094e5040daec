"""The pictures of the evenings with a crowd; their findings are in the titles, which the notebook writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from companion import draw
from companion.labs.scaling import crowds, quota, retries, shards

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_COLOURS = (draw.BLACK, draw.ORANGE, draw.RED, draw.PINK, draw.BLUE, draw.GREEN)
_MARKERS = "sv^Do*"


def draw_evening(axes: Sequence[Axes], evening: crowds.Evening) -> None:
    """The last week that was known, and the evening that came."""
    days = np.arange(7 * crowds.MINUTES) / crowds.MINUTES
    axes[0].plot(days, evening.history[-len(days) :], linewidth=0.8, color=draw.BLUE)
    axes[0].set(xlabel="days, Saturday to Friday", ylabel="requests/s")
    hours = np.arange(len(evening.trace)) / 240
    axes[1].plot(hours, evening.trace, linewidth=0.8, color=draw.ORANGE, label="with the concert")
    axes[1].plot(hours, evening.usual, linewidth=0.8, color=draw.BLUE, label="without it")
    axes[1].set(xlabel="hour of the Saturday")
    axes[1].legend(loc="upper left")


def front(points: np.ndarray) -> np.ndarray:
    """The points (cost, harm) that no other beats in one without losing in the other, by cost; shape (found, 2)."""
    kept: list[tuple[float, float]] = []
    for cost, harm in sorted(map(tuple, points)):
        if not kept or harm < kept[-1][1]:
            kept.append((cost, harm))
    return np.array(kept)


def draw_policies(axes: Axes, judged: pd.DataFrame) -> None:
    """A dot a policy and evening: filled for an announced one, hollow for a surprise; the line is the front of the means of
    all that don't see the future."""
    names = list(dict.fromkeys(judged["policy"]))
    for name, colour, marker in zip(names, _COLOURS, _MARKERS, strict=True):
        for announced in (True, False):
            part = judged[(judged["policy"] == name) & (judged["announced"] == announced)]
            axes.plot(
                part["hours"], part["broken"], marker, color=colour, fillstyle="full" if announced else "none",
                markersize=6, label=name if announced else None,
            )  # fmt: skip
    means = judged.groupby("policy", sort=False)[["hours", "broken"]].mean()
    line = front(means.drop(index="oracle", errors="ignore").to_numpy())
    axes.step(
        line[:, 0],
        line[:, 1],
        where="post",
        color=draw.BLACK,
        linewidth=1,
        linestyle="--",
        label="their front, oracle aside",
    )
    axes.plot(means["hours"], means["broken"], "+", color=draw.BLACK, markersize=9, label="means")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_yticks([0, 1, 3, 10, 30], ["0", "1", "3", "10", "30"])
    axes.set_xscale("log")
    ticks = (100, 150, 200, 300, 400, 600)
    axes.set_xticks(ticks, [f"{tick}" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="instance-hours of the day", ylabel="broken minutes", ylim=(-0.15, None))
    axes.legend(ncols=2, fontsize=8)


def draw_plane(
    axes: Axes, broken: np.ndarray, steepness: Sequence[float], delays: Sequence[float], bound: Callable[[float], float]
) -> None:
    """Steepness of the ramp over boot and lag: a dot where nothing broke, a cross where something did, and the bound."""
    for kept, marker, colour, label in ((True, "o", draw.GREEN, "kept"), (False, "x", draw.RED, "broken")):
        where = np.argwhere((broken == 0) == kept)
        axes.plot(
            [delays[j] for _, j in where],
            [steepness[i] for i, _ in where],
            marker,
            color=colour,
            label=label,
            linestyle="none",
        )
    across = np.linspace(min(delays) * 0.9, max(delays) * 1.05, 200)
    axes.plot(across, [bound(delay) for delay in across], color=draw.BLACK, label="bound")
    axes.set_yscale("log")
    ticks = list(steepness)[::2]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="boot and lag together, s", ylim=(min(steepness) * 0.8, max(steepness) * 1.25))


def draw_outages(axes: Sequence[Axes], outages: Mapping[str, shards.Outage]) -> None:
    """Seconds of a call to the hot shard, and the processor of the application servers, of each variant."""
    for (name, outage), colour in zip(outages.items(), (draw.ORANGE, draw.RED, draw.GREEN), strict=False):
        minutes = np.arange(len(outage.seconds)) / 60
        axes[0].semilogy(minutes, outage.seconds, color=colour, label=name)
        axes[1].plot(minutes, 100 * outage.processor, color=colour, linewidth=1)
    axes[0].axhline(40, color=draw.BLACK, linestyle=":", linewidth=1, label="40 s, Epic's")
    axes[0].set(xlabel="minutes", ylabel="a call to the hot shard, s")
    axes[1].set(xlabel="minutes", ylabel="busy processors, %", ylim=(0, None))
    axes[0].legend(fontsize=8)


def draw_quota(
    axes: Sequence[Axes], evening: quota.Evening, hour: int, quotas: Sequence[int], refused: np.ndarray
) -> None:
    """The evening around its concert as two dashboards show it, and the refused players over the quota."""
    hours = np.arange(len(evening.arrived)) / 240
    some = (hours > hour - 1.5) & (hours < hour + 3)
    axes[0].plot(hours[some], 100 * evening.run.utilisation[some], color=draw.GREEN, label="busy, of the instances")
    share = 100 * (evening.refused / evening.arrived)
    axes[0].plot(hours[some], share[some], color=draw.RED, label="refused, at the door")
    axes[0].set(xlabel="hour of the Saturday", ylabel="%", ylim=(0, 100))
    axes[0].legend(fontsize=8)
    axes[1].plot(quotas, 100 * refused, "o-", color=draw.RED)
    axes[1].set(xlabel="instances that there are to have", ylabel="refused at the worst moment, %", ylim=(-2, None))


def draw_storms(axes: Axes, storms: Mapping[str, retries.Storm], until: int = 900) -> None:
    """Answers in time, a second at a time, of each way to try again."""
    colours = (draw.RED, draw.ORANGE, draw.BLUE, draw.GREEN)
    for (name, storm), colour in zip(storms.items(), colours, strict=False):
        axes.plot(np.arange(until) / 60, storm.good[:until], color=colour, linewidth=1.2, label=name)
    axes.set(xlabel="minutes", ylabel="answers in time, a second")
    axes.legend(fontsize=8, loc=(0.76, 0.2))
