"""Pictures of ``case_philips``: a bed's day, alarms against lead time, detectors over noise, one patient's night. Each returns a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from companion import draw
from companion.datasets import ward as wards
from companion.datasets.ecg import RATE, Trace
from companion.labs.edge import ward_alarms
from companion.labs.edge.ward_alarms import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_UNITS = {
    "respiration": "breaths/min",
    "saturation": "SpO2, %",
    "pressure": "mmHg",
    "pulse": "beats/min",
    "temperature": "°C",
}


def _hours(axes: Axes, start: int, stop: int, every: int = 240) -> None:
    ticks = range(start - start % every + (every if start % every else 0), stop + 1, every)
    axes.set_xticks(list(ticks), [wards.clock(tick) for tick in ticks])
    axes.set_xlim(start, stop)


def bed_days(ward: wards.Ward, event: wards.Deterioration) -> Figure:
    """What the monitor reports of one bed until the collapse, and where it gets worse."""
    fig, axes = draw.figure(9, 6, rows=5, sharex=True)
    for ax, name in zip(axes, wards.SENSORS, strict=True):
        ax.plot(getattr(ward.monitor, name)[event.bed], linewidth=0.8, color=draw.BLUE)
        ax.axvspan(event.onset, event.collapse, color=draw.RED, alpha=0.15, linewidth=0)
        ax.set_ylabel(_UNITS[name], fontsize=8)
    _hours(axes[-1], 0, min(event.collapse + 60, ward.present.shape[1]))
    hours = (event.collapse - event.onset) / 60
    axes[0].set_title(f"Bed {event.bed}: {event.kind} over {hours:.1f} hours (red), among artefacts and gaps")
    axes[-1].set_xlabel("time of day")
    return fig


def frontier(families: Mapping[str, Sequence[Verdict]], ends: Sequence[Verdict], rounds: Verdict) -> Figure:
    """Alarms a patient-day against minutes gained over the rounds; crosses missed an event; ``ends`` get their 95 % limits."""
    fig, ax = draw.figure(8.5, 4.2)
    for (name, verdicts), colour in zip(families.items(), draw.PALETTE, strict=False):
        for marker, missing in (("o", False), ("x", True)):
            some = [verdict for verdict in verdicts if bool(verdict.missed) is missing]
            places = [v.per_day for v in some], [ward_alarms.gain(v, rounds) for v in some]
            ax.plot(*places, marker, color=colour, alpha=0.6, markersize=6)
        ax.plot([], [], "o", color=colour, label=name)
    for verdict in ends:
        low, high, worst, best = ward_alarms.interval(verdict, rounds)
        x, y = verdict.per_day, ward_alarms.gain(verdict, rounds)
        ax.errorbar(
            x, y, xerr=[[x - low], [high - x]], yerr=[[y - worst], [best - y]], fmt="none", color=draw.BLACK, capsize=3
        )
    ax.plot([], [], "x", color=draw.BLACK, label="missed one or more")
    ax.set_xscale("log")
    ax.set_xticks([0.3, 1, 3, 10], ["0.3", "1", "3", "10"])
    ax.set(xlabel="alarms a patient-day, unseen wards", ylabel="minutes earlier than the rounds")
    ax.legend(loc="lower right")
    few, many = min(ends, key=lambda v: v.per_day), max(ends, key=lambda v: v.per_day)
    price = ward_alarms.gain(many, rounds) - ward_alarms.gain(few, rounds)
    ax.set_title(f"{few.per_day:.1f} alarms a day instead of {many.per_day:.1f} cost {price:.0f} minutes of warning")
    return fig


def strip(trace: Trace, found: Mapping[str, np.ndarray], start: float, stop: float, title: str) -> Figure:
    """A piece of a trace with its planted beats and those that each detector found."""
    fig, ax = draw.figure(9, 2.8)
    samples = slice(int(start * RATE), int(stop * RATE))
    signal = trace.signal[samples]
    ax.plot(np.arange(samples.start, samples.stop) / RATE, signal, color=draw.BLACK, linewidth=0.7)
    top, step = signal.max(), 0.12 * np.ptp(signal)
    for row, (name, beats) in enumerate({"planted": trace.beats, **found}.items(), 1):
        inside = beats[(beats >= start) & (beats < stop)]
        ax.plot(
            inside, np.full(len(inside), top + row * step), "v", color=draw.PALETTE[row - 1], label=name, markersize=6
        )
    ax.set(xlabel="seconds", ylabel="mV", title=title, xlim=(start, stop))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def detectors(ratios: Sequence[float], scores: Mapping[str, np.ndarray], title: str) -> Figure:
    """Sensitivity and positive predictive value over the noise, mean and range of the middle 80 % of the seeds.

    Args:
        scores: for each detector shape (ratios, seeds, 2).
    """
    fig, axes = draw.figure(9, 3.4, columns=2, sharey=True)
    for which, (ax, label) in enumerate(zip(axes, ("sensitivity", "positive predictive value"), strict=True)):
        for number, (name, values) in enumerate(scores.items()):
            some = 100 * values[:, :, which]
            low, high = np.percentile(some, [10, 90], axis=1)
            middle = some.mean(axis=1)
            place = np.array(ratios, float) + 0.35 * (number - 1)
            reach = [np.maximum(middle - low, 0), np.maximum(high - middle, 0)]
            ax.errorbar(place, middle, yerr=reach, fmt="o-", color=draw.PALETTE[number], capsize=3, label=name)
        ax.set(xlabel="signal to noise, dB", ylabel=f"{label}, %" if which == 0 else "")
        ax.set_title(label, fontsize=10)
        ax.set_xticks(list(ratios))
        ax.invert_xaxis()
    axes[1].legend()
    fig.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    return fig


class Night(NamedTuple):
    """One patient's night: ``score`` (minutes,) from minute ``start``, NaN where incomplete; everything else in minutes."""

    start: int
    score: np.ndarray
    rounds: Mapping[int, int]
    alarm: int
    outage: tuple[int, int]
    gap: tuple[int, int]
    collapse: int


def night(one: Night) -> Figure:
    """The staircase of scores, the rounds as dots, the alarm, the outage with the alarm inside it, and the gap of the kill."""
    fig, ax = draw.figure(9, 4)
    minutes = one.start + np.arange(len(one.score))
    ax.step(minutes, one.score, where="post", color=draw.BLUE, linewidth=1, label="NEWS2, each minute")
    ax.axvspan(*one.outage, color=draw.SKY, alpha=0.3, linewidth=0, label="no cloud")
    ax.axvspan(one.gap[0], one.gap[1] + 1, color=draw.RED, alpha=0.8, linewidth=0, label="edge killed: a gap")
    fine = {minute: score for minute, score in one.rounds.items() if score < 5}
    late = {minute: score for minute, score in one.rounds.items() if score >= 5}
    ax.plot(list(fine), list(fine.values()), "o", color=draw.GREEN, markersize=10, label="round: below 5")
    ax.plot(list(late), list(late.values()), "o", color=draw.RED, markersize=10, label="round: 5 or more")
    ax.axvline(one.alarm, color=draw.ORANGE, linewidth=2, label="alarm at the bed")
    ax.axvline(one.collapse, color=draw.BLACK, linestyle="--", linewidth=1, label="collapse")
    ax.axhline(5, color=draw.BLACK, linewidth=0.5)
    _hours(ax, one.start, one.start + len(one.score), every=120)
    ax.set(xlabel="time of day", ylabel="NEWS2", ylim=(-0.5, max(15, np.nanmax(one.score) + 1)))
    ax.legend(loc="upper left", fontsize=8)
    earlier = min(late, default=one.collapse) - one.alarm
    ax.set_title(
        f"The alarm comes {earlier // 60} h {earlier % 60:02d} before the round that sees it, and without a cloud"
    )
    return fig
