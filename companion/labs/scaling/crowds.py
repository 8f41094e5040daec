"""Evenings with a crowd, and what is put in charge of them: announced concerts, surprises, and the size that would have done.

A seed gives five weeks of ordinary days and one Saturday evening with a concert. The shape of a day is the tenfold one of
:func:`companion.simulate.traffic.ten_x_day`; weekends peak earlier and higher, and the level of a day carries over to the next.
Days of even seeds are announced, those of odd ones a surprise. An instance answers 100 requests a second.

Source of the tenfold day: Epic Games at the AWS Summit New York, July 2018. All else is this book's assumption.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from companion.errors import SettingError
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
    return traffic.diurnal(base, 10 * base, step_seconds=step_seconds, peak_hour=18.0 if weekend else 20.0, sharpness=1.5)


# In charge


def in_charge(decide: Callable, trace: np.ndarray, *, start: int, boot: float = BOOT, lag: float = LAG) -> traffic.Run:
    """Replay a trace with a policy in charge of a pool that begins with ``start`` instances."""
    return traffic.replay(trace, traffic.ServerPool(start, boot_seconds=boot, lag_seconds=lag), decide)


def booked(needed: np.ndarray, boot: float = BOOT, step_seconds: float = traffic.STEP_SECONDS) -> np.ndarray:
    """Sizes that have ``needed`` instances serving at each step: each is launched ``boot`` earlier and kept until then.

    The fewest, too: an instance that serves at step u was launched by u - boot, and has been there since.
    """
    ahead = math.ceil(boot / step_seconds)
    padded = np.concatenate([needed, np.full(ahead, needed.min())])
    return np.lib.stride_tricks.sliding_window_view(padded, ahead + 1).max(axis=1)


class Booked:
    """A policy that follows a list of sizes, one a step; with a plan, they are the minimum that its policies start from.

    That is how Netflix ran Scryer: the prediction sets the minimum, Amazon's own auto scaling reacts above it.
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
        run = in_charge(Booked(sizes), trace, start=int(sizes[0]), boot=boot)
        broken = traffic.slow_share(run, 0.5) > 0.05
        if not broken.any():
            return sizes, bound
        needed = np.maximum(needed, np.where(broken, run.serving + 1, 0))
    raise SettingError("no sizes found that keep the objective")
