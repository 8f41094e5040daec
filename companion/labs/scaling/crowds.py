"""Evenings with a crowd, and what is put in charge of them: announced concerts, surprises, and the size that would have done.

A seed gives five weeks of ordinary days and one Saturday evening with a concert. The shape of a day is the tenfold one of
:func:`companion.simulate.traffic.ten_x_day`; weekends peak earlier and higher, and the level of a day carries over to the next.
Days of even seeds are announced, those of odd ones a surprise. An instance answers 100 requests a second.

Source of the tenfold day: Epic Games at the AWS Summit New York, July 2018. All else is this book's assumption.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from companion.errors import SettingError
from companion.labs.scaling import scryer
from companion.simulate import hpa, target_tracking, traffic
from companion.simulate.target_tracking.state import resized

#: to choose settings on, and to report on: no evening is in both
CHOOSING, REPORTING = range(4), range(100, 112)
BOOT, LAG = 180.0, 60.0
PER_INSTANCE = 100.0  # requests/s of a busy instance: 8 workers, 12.5 each
EXPECTED = 1100.0  # what an announcement says of the crowd, requests/s
HISTORY_DAYS, MINUTES = 33, 1440
_STEPS = 5760


@dataclass(frozen=True)
class Evening:
    """One Saturday with a concert, and what was known before it.

    Attributes:
        trace: requests/s, shape (5760,), with the crowd.
        usual: the same day without it, shape (5760,).
        history: requests/s of the 33 days before, by minute, shape (33 * 1440,); it ends on a Friday.
        hour: the hour at which the crowd comes; ``announced`` says whether anybody knew.
        crowd: its size in requests/s; an announcement only says ``EXPECTED``.
    """

    seed: int
    trace: np.ndarray
    usual: np.ndarray
    history: np.ndarray
    hour: int
    announced: bool
    crowd: float


@cache
def evening(seed: int) -> Evening:
    """The evening of a seed; its last weeks and its concert are drawn from the seed alone."""
    rng = np.random.default_rng([seed, 12])
    levels = _levels(rng, HISTORY_DAYS + 1)
    past = np.concatenate([_shape(day, 60.0) * level for day, level in enumerate(levels[:-1])])
    history = traffic.with_noise(past, step_seconds=60.0, seed=seed + 10_000)
    usual = _shape(HISTORY_DAYS, traffic.STEP_SECONDS) * levels[-1]
    hour, crowd = int(rng.integers(15, 21)), float(rng.uniform(800, 1400))
    noisy = traffic.with_noise(usual + gathering(hour, crowd), seed=seed)
    plain = traffic.with_noise(usual, seed=seed)
    for array in (noisy, plain, history):
        array.setflags(write=False)  # it is kept, and given to everybody who asks
    return Evening(seed, noisy, plain, history, hour, seed % 2 == 0, crowd)


def gathering(hour: float, crowd: float) -> np.ndarray:
    """Requests/s that a concert adds, shape (5760,): there within two minutes, for half an hour, then fading."""
    return traffic.launch_spike(0, crowd, at_hour=hour, hold_minutes=30)


def _levels(rng: np.random.Generator, days: int, keep: float = 0.8, spread: float = 0.05) -> np.ndarray:
    """A day's level, of which four fifths carry over to the next day."""
    logs = [0.0]
    for shock in rng.normal(0, spread, days - 1):
        logs.append(keep * logs[-1] + shock)
    return np.exp(logs)


def _shape(day: int, step_seconds: float) -> np.ndarray:
    """Monday is day 0; a weekend peaks two hours earlier and a fifth higher. Ten times from trough to peak."""
    weekend = day % 7 >= 5
    base = 72.0 if weekend else 60.0
    return traffic.diurnal(
        base, 10 * base, step_seconds=step_seconds, peak_hour=18.0 if weekend else 20.0, sharpness=1.5
    )


# In charge


def in_charge(
    decide: Callable, trace: np.ndarray, *, start: int | None = None, boot: float = BOOT, lag: float = LAG
) -> traffic.Run:
    """Replay a trace with a policy in charge of a pool.

    Args:
        start: instances at the beginning; None for the policy's own first size if it books sizes, else eight, as the night
            before has left them.
    """
    if start is None:
        start = int(decide.sizes[0]) if isinstance(decide, Booked) else 8
    return traffic.replay(trace, traffic.ServerPool(start, boot_seconds=boot, lag_seconds=lag), decide)


def over(policies: Mapping[Any, Callable[[Evening], Callable]], seeds: Iterable[int]) -> pd.DataFrame:
    """Every policy on the same evenings; ``policies`` holds by name what makes one for an evening.

    Returns:
        A row a policy and seed: ``policy``, ``seed``, ``announced``, ``hours`` (instance-hours) and ``broken`` (minutes).
    """
    rows = []
    for seed in seeds:
        saturday = evening(seed)
        for name, make in policies.items():
            run = in_charge(make(saturday), saturday.trace)
            rows.append((name, seed, saturday.announced, traffic.instance_hours(run), traffic.slo_minutes(run)))
    return pd.DataFrame(rows, columns=["policy", "seed", "announced", "hours", "broken"])


def summary(judged: pd.DataFrame) -> pd.DataFrame:
    """Of each policy: instance-hours and broken minutes, as mean and smallest to largest, by announced and surprise."""
    by = judged.groupby("policy", sort=False)
    table = pd.DataFrame({"hours": by["hours"].mean().round(0).astype(int), "hours, spread": _spread(by["hours"], 0)})
    for name, part in (("announced", judged[judged["announced"]]), ("surprise", judged[~judged["announced"]])):
        some = part.groupby("policy", sort=False)["broken"]
        table[f"{name}, min"] = some.mean().round(1)
        table[f"{name}, spread"] = _spread(some, 1)
    return table


def _spread(grouped: Any, digits: int) -> pd.Series:
    return grouped.agg(lambda values: f"{values.min():.{digits}f} to {values.max():.{digits}f}")


def booked(needed: np.ndarray, boot: float = BOOT, step_seconds: float = traffic.STEP_SECONDS) -> np.ndarray:
    """Sizes that have ``needed`` instances serving at each step: each is launched ``boot`` earlier and kept until then.

    The fewest, too: an instance that serves at step u was launched by u - boot, and has been there since.
    """
    ahead = math.ceil(boot / step_seconds)
    padded = np.concatenate([needed, np.full(ahead, needed.min())])
    return np.lib.stride_tricks.sliding_window_view(padded, ahead + 1).max(axis=1)


class Booked:
    """A policy that follows a list of sizes, one a step; with a plan, they are the minimum that its policies start from.

    On AWS: scheduled actions that set ``MinSize``, and the group's own policies above it.
    """

    def __init__(self, sizes: np.ndarray, above: target_tracking.Plan | None = None):
        self.sizes = np.asarray(sizes, int)
        self.above = target_tracking.Controller(above) if above else None

    def __call__(self, seen: traffic.Observation) -> int:
        size = int(self.sizes[min(round(seen.now / traffic.STEP_SECONDS), len(self.sizes) - 1)])
        if self.above is None:
            return size
        state = self.above.state
        if state.minimum != size:
            state = replace(state, minimum=size)
            self.above.state = resized(state, state.desired, seen.now, "schedule")
        return self.above(seen)


class Demand:
    """The quickest policy that only reacts: reads the requests (which don't saturate) and orders at once for the target.

    Nothing but boot and lag holds it back: no alarm, no cooldown, no limit.
    """

    def __init__(self, target: float):
        if not 0 < target <= 1:
            raise SettingError(f"a target is a share of an instance, above 0 and at most 1: {target}")
        self.target = target

    def __call__(self, seen: traffic.Observation) -> int:
        if seen.sample is None:
            return seen.capacity
        return max(1, math.ceil(round(seen.sample.requests_per_second / (PER_INSTANCE * self.target), 9)))


class Formula:
    """The autoscalers' one line and nothing else: instances there are now, times what was busy a while ago, over the target.

    It has bounds, and none of what real autoscalers have around the line: it does not wait for what it has ordered.
    """

    def __init__(self, target: float, least: int = 3, most: int = 40):
        self.target, self.least, self.most = target, least, most

    def __call__(self, seen: traffic.Observation) -> int:
        if seen.sample is None:
            return seen.capacity
        wanted = math.ceil(round(seen.capacity * seen.sample.utilisation / self.target, 9))
        return min(max(wanted, self.least), self.most)


def manifest_hpa(objects: list, boot: float = BOOT) -> hpa.Controller:
    """The HPA of a rendered manifest, in charge of pods that are this book's instances."""
    scaler = hpa.read(objects)
    limits = hpa.limits_of(objects, scaler)
    (busy,) = {amounts["cpu"] for amounts in limits.values()}
    return hpa.Controller(scaler, hpa.requests_of(objects, scaler), busy=busy, boot_seconds=boot)


# What would have done


@cache
def _keeps_up_to(instances: int) -> float:
    """Requests/s that so many instances can answer in a step that begins with an empty queue, within the objective."""
    low, high = 0.0, 2 * PER_INSTANCE * instances
    for _ in range(50):
        middle = (low + high) / 2
        run = traffic.replay(np.array([middle]), traffic.ServerPool(instances), lambda seen: seen.capacity)
        low, high = (middle, high) if traffic.slo_minutes(run) == 0 else (low, middle)
    return low


def least(trace: np.ndarray) -> np.ndarray:
    """The fewest serving instances without which a step is lost, even if the queue before it is empty; shape of the trace."""
    most = 1 + math.ceil(trace.max() / PER_INSTANCE)
    return 1 + np.searchsorted([_keeps_up_to(n) for n in range(1, most + 1)], trace)


def oracle(trace: np.ndarray, boot: float = BOOT) -> tuple[np.ndarray, np.ndarray]:
    """Sizes that break no minute of a trace that is known ``boot`` ahead, and a bound that no such sizes can go below.

    Returns:
        The sizes, tried by replay and raised where a queue was left over, and the bound; each of shape (steps,).
    """
    needed = least(trace)
    bound = booked(needed, boot)
    for _ in range(60):
        sizes = booked(needed, boot)
        run = in_charge(Booked(sizes), trace, boot=boot)
        broken = traffic.slow_share(run, 0.5) > 0.05
        if not broken.any():
            return sizes, bound
        needed = np.maximum(needed, np.where(broken, run.serving + 1, 0))
    raise SettingError("no sizes found that keep the objective")


def forecast_errors(predictors: Mapping[str, Callable[[np.ndarray], np.ndarray]], seeds: Iterable[int]) -> pd.DataFrame:
    """Error of each predictor on each evening without its concert, in % of what came; a row a seed, a column a predictor."""
    days = {seed: evening(seed) for seed in seeds}
    return pd.DataFrame(
        {
            name: {
                seed: 100 * scryer.error(predict(day.history), day.usual.reshape(MINUTES, -1).mean(axis=1))
                for seed, day in days.items()
            }
            for name, predict in predictors.items()
        }
    )


# Ramps and swings


def ramp(percent_a_minute: float, seed: int, *, base: float = 1000.0, top: float = 4.0) -> np.ndarray:
    """An hour of requests/s: ``base``, from minute 15 on growing by a share of it each minute up to ``top`` times, and noise."""
    minute = np.arange(240) / 4 - 15
    grown = np.clip(1 + percent_a_minute / 100 * np.maximum(minute, 0), 1, top)
    return traffic.with_noise(base * grown, deviation=0.02, seed=seed)


def tried_on_ramps(
    make: Callable[[float], Callable],
    start: int,
    steepness: Iterable[float],
    delays: Iterable[float],
    seeds: Iterable[int],
) -> np.ndarray:
    """Mean broken minutes, shape (steepness, delays); half of each delay is boot, half of it lag.

    Args:
        make: a policy for a boot in seconds.
        start: instances that are at the policy's target before the ramp.
        steepness: of the ramps, % a minute.
        delays: boot and lag together, seconds.
    """
    delays, seeds = list(delays), list(seeds)

    def broken(steep: float, delay: float, seed: int) -> float:
        run = in_charge(make(delay / 2), ramp(steep, seed), start=start, boot=delay / 2, lag=delay / 2)
        return traffic.slo_minutes(run)

    return np.array(
        [[np.mean([broken(steep, delay, seed) for seed in seeds]) for delay in delays] for steep in steepness]
    )


def contradictions(
    broken: np.ndarray, steepness: Iterable[float], delays: Iterable[float], bound: Callable[[float], float]
) -> tuple[int, int]:
    """Ramps that were kept although they are steeper than the bound, and those that broke although they are not."""
    delays = list(delays)
    beyond = np.array([[steep > bound(delay) for delay in delays] for steep in steepness])
    return int((beyond & (broken == 0)).sum()), int((~beyond & (broken > 0)).sum())


def steady(seed: int, level: float = 800.0, hours: int = 6) -> np.ndarray:
    """A load that stays where it is but for noise, after a first hour at 60 % of it."""
    trace = np.full(240 * hours, level)
    trace[:240] *= 0.6
    return traffic.with_noise(trace, deviation=0.03, seed=seed)


def swing(run: traffic.Run, after: int = 480) -> tuple[int, int, float]:
    """Fewest and most instances after so many steps, and the seconds of one swing (infinite if there is none).

    A swing is the median time between two moments at which the size rises through the middle of its range.
    """
    sizes = run.capacity[after:]
    middle = (sizes.min() + sizes.max()) / 2
    ups = np.flatnonzero((sizes[:-1] <= middle) & (sizes[1:] > middle))
    period = float(np.median(np.diff(ups)) * run.step_seconds) if len(ups) > 2 else math.inf
    return int(sizes.min()), int(sizes.max()), period


def swings(make: Callable[[], Callable], lag: float, boot: float, seeds: Iterable[int]) -> dict[str, float]:
    """A policy under a steady load, over seeds: ``fewest`` and ``most`` instances, the median ``period`` of a swing in seconds
    with its ``spread``, and the broken minutes of the ``worst`` run."""
    runs = [in_charge(make(), steady(seed), start=10, boot=boot, lag=lag) for seed in seeds]
    lows, highs, periods = zip(*map(swing, runs), strict=True)
    return {
        "fewest": min(lows),
        "most": max(highs),
        "period": float(np.median(periods)),
        "spread": max(periods) - min(periods) if math.isfinite(max(periods)) else math.inf,
        "worst": max(map(traffic.slo_minutes, runs)),
    }


def held(
    hour: int, *, late: float = 0.0, size: float = 1.0, level: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The forecast of an ordinary Saturday, and what came: requests/s, each of shape (5760,).

    Args:
        hour: of the concert, as announced; it begins ``late`` minutes after that, or before if negative.
        size: of the crowd, as a share of ``EXPECTED``.
        level: of the day, as a share of its forecast.
    """
    forecast = _shape(HISTORY_DAYS, traffic.STEP_SECONDS)
    came = forecast * level + gathering(hour + late / 60, EXPECTED * size)
    return forecast, traffic.with_noise(came, deviation=0.03, seed=seed)
