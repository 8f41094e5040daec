"""A home's sensors: five-minute readings of six sensors over weeks, driven by what the people in it do.

Simulated from a weekly routine with chance in it, so that the true activity at every moment is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion.errors import DatasetError, SettingError

if TYPE_CHECKING:
    import pandas as pd

SENSORS = ("motion", "co2", "power", "temperature", "humidity", "light")
ACTIVITIES = ("asleep", "away", "awake", "cooking")
MINUTES = 5
PER_DAY = 24 * 60 // MINUTES
WINDOW = 12  # readings that a decision looks back on: one hour

ASLEEP, AWAY, AWAKE, COOKING = range(4)


def readings(days: int = 90, seed: int = 0) -> pd.DataFrame:
    """One row every five minutes: ``hour`` (0 to 24), the six sensors, and ``activity`` (planted, index into ACTIVITIES).

    Units: motion in events a reading, CO2 in ppm, power in W, temperature in degrees Celsius, humidity in %, light in lux.
    The CO2 follows a mass balance: two people, 40 m3 of air each, a leakage of 0.5 air changes an hour.

    Raises:
        SettingError: fewer than two days.
    """
    import pandas as pd

    if days < 2:
        raise SettingError(f"days must be at least 2, got {days}")
    rng = np.random.default_rng(seed)
    activity = np.concatenate([_day(day, rng) for day in range(days)])
    count = len(activity)
    hour = np.arange(count) % PER_DAY * MINUTES / 60
    sun = np.clip(np.sin((hour - 6) / 12 * np.pi), 0, None) * np.repeat(rng.uniform(0.3, 1, days), PER_DAY)
    at_home = activity != AWAY

    motion = rng.poisson(np.choose(activity, [0.5, 0.35, 1.4, 1.9]))  # there is a cat
    source = np.choose(activity, [24.0, 0.0, 36.0, 60.0])  # litres of CO2 an hour, of everybody and the stove
    co2 = _decay(420 + source / 80 / 0.5 * 1000, 420, rate=0.5) + rng.normal(0, 60, count)
    stove = (activity == COOKING) * (rng.random(count) < 0.6) * rng.uniform(500, 1800, count)
    machine = np.repeat(rng.random(-(-count // 9)) < 0.08, 9)[:count] * rng.uniform(
        300, 1500, count
    )  # washes when it likes
    power = 90 + np.choose(activity, [0, 0, 120, 150]) * rng.uniform(0, 1.4, count) + stove + machine
    power = power + 120 * (rng.random(count) < 0.3)
    warm = _decay(np.where(at_home, 21.0, 18.5) + 2 * sun + 2 * (activity == COOKING), 20, rate=0.8)
    moist = _decay(np.choose(activity, [50, 42, 48, 70]), 45, rate=1.5)
    lamps = ((activity == AWAKE) | (activity == COOKING)) & (sun < 0.25) & (rng.random(count) < 0.6)
    return pd.DataFrame(
        {
            "hour": hour,
            "motion": motion,
            "co2": co2,
            "power": power + rng.normal(0, 10, count),
            "temperature": warm + rng.normal(0, 0.6, count),
            "humidity": moist + rng.normal(0, 4, count),
            "light": 300 * sun + 120 * lamps + rng.exponential(15, count),
            "activity": activity,
        }
    ).round(2)


def _day(day: int, rng: np.random.Generator) -> np.ndarray:
    """The activity of every five minutes of one day; Saturday and Sunday differ."""
    weekend = day % 7 >= 5
    plan = np.full(PER_DAY, AWAKE)

    def fill(start: float, stop: float, activity: int) -> None:
        plan[max(0, round(start * 60 / MINUTES)) : max(0, round(stop * 60 / MINUTES))] = activity

    up, bed = rng.normal(8.5 if weekend else 6.8, 0.4), rng.normal(23.2, 0.5)
    if weekend:
        leave = rng.uniform(10, 15)
        if rng.random() < 0.7:
            fill(leave, leave + rng.uniform(1, 5), AWAY)
    elif rng.random() < 0.85:  # now and then somebody works at home
        fill(rng.normal(8.2, 0.3), rng.normal(17.3, 0.6), AWAY)
    supper = rng.normal(18.8, 0.5)
    fill(supper, supper + rng.uniform(0.4, 1.0), COOKING)
    if rng.random() < 0.5:
        fill(up + 0.3, up + 0.6, COOKING)
    fill(0, up, ASLEEP)
    fill(bed, 24, ASLEEP)
    return plan


def _decay(target: np.ndarray, start: float, rate: float) -> np.ndarray:
    """First-order approach to a moving target; ``rate`` an hour."""
    from scipy.signal import lfilter

    keep = float(np.exp(-rate * MINUTES / 60))
    return lfilter([1 - keep], [1, -keep], target, zi=[keep * start])[0]


def windows(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """What a decision is made from: the last hour of every reading, and the activity at its end.

    Returns:
        ``(inputs, labels)``: float32, shape (n, 12, 6), unscaled; int64, shape (n,).

    Raises:
        DatasetError: a column is missing, or there are fewer rows than one window has.
    """
    if missing := [name for name in (*SENSORS, "activity") if name not in table]:
        raise DatasetError(f"not a table of readings, missing: {', '.join(missing)}")
    if len(table) < WINDOW:
        raise DatasetError(f"a window takes {WINDOW} readings, got {len(table)}")
    values = table[list(SENSORS)].to_numpy(np.float32)
    inputs = np.lib.stride_tricks.sliding_window_view(values, WINDOW, axis=0).transpose(0, 2, 1)
    return np.ascontiguousarray(inputs), table["activity"].to_numpy(np.int64)[WINDOW - 1 :]
