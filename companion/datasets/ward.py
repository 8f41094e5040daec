"""Vital signs on a ward, minute by minute: what the monitors report, what a nurse would measure, and planted deteriorations.

Simulated. Noise is autocorrelated (a fast and a slow part), days differ from nights, patients differ from one another; sensors fall
off, more often from patients who get worse, and motion makes readings that are wrong and not missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from companion.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

DAY = 24 * 60
STARTS = 12  # the hour of minute 0
CUFF = 30  # minutes between two measurements of the blood pressure
ROUND = 240  # minutes between two rounds of a nurse
SENSORS = ("respiration", "saturation", "pressure", "pulse", "temperature")
KINDS = ("sepsis", "respiratory", "bleeding", "sedation")
LONGEST_HOURS = 12.0
LEAST_DAYS = 1

#: mean and spread between patients; spread of the slow and of the fast noise; how much less at four in the morning than by day
_BODY = {
    "respiration": (16.0, 1.8, 0.9, 1.1, 1.5),
    "saturation": (96.9, 0.8, 0.4, 0.6, 0.4),
    "pressure": (128.0, 12.0, 5.0, 5.0, 10.0),
    "pulse": (76.0, 8.0, 3.5, 3.5, 8.0),
    "temperature": (36.8, 0.2, 0.1, 0.04, 0.4),
}
_SCALE_2_SATURATION = 90.3
_SLOW, _FAST = 120.0, 4.0  # minutes after which the noise has lost all but 1/e of itself
_HOURS = {"sepsis": (6.0, 12.0), "respiratory": (3.0, 7.0), "bleeding": (1.5, 4.0), "sedation": (1.5, 3.0)}
#: what a deterioration has added when it ends, in the order of SENSORS
_CHANGE = {
    "sepsis": (11.0, -4.0, -40.0, 48.0, 2.2),
    "respiratory": (13.0, -10.0, 0.0, 34.0, 0.3),
    "bleeding": (9.0, -1.0, -50.0, 58.0, -0.4),
    "sedation": (-10.0, -10.0, -12.0, -14.0, 0.0),
}
_DROWSY = {"sepsis": 0.85, "respiratory": 0.9, "bleeding": 0.9, "sedation": 0.5}  # from which part of the way
_RAMP = 0.8  # after this part of its time a deterioration is as bad as it gets
#: motion: a sensor, how often a day, by how much at most, minutes at most
_MOTION = (("respiration", 5.0, 16.0, 6), ("saturation", 5.0, -14.0, 6), ("pulse", 2.0, 45.0, 4))
_OFF_A_DAY, _OFF_MINUTES = 1.5, 12.0
_RESTLESS = 6.0  # so many times as often does a probe fall off a patient who gets worse
_LIMITS = {
    "respiration": (3, 60),
    "saturation": (50, 100),
    "pressure": (40, 260),
    "pulse": (20, 220),
    "temperature": (33, 42),
}


class Vitals(NamedTuple):
    """Seven readings, each of shape (beds, minutes), in the chart's units and rounded as the chart is read; NaN is missing."""

    respiration: np.ndarray  # breaths a minute
    saturation: np.ndarray  # SpO2, %
    oxygen: np.ndarray  # bool, supplementary oxygen
    pressure: np.ndarray  # systolic, mmHg
    pulse: np.ndarray  # beats a minute
    alert: np.ndarray  # bool; False for new confusion, voice, pain or unresponsive
    temperature: np.ndarray  # degrees Celsius, one decimal


class Deterioration(NamedTuple):
    """One planted deterioration; ``onset`` and ``collapse`` are minutes."""

    bed: int
    kind: str
    onset: int
    collapse: int


class Ward(NamedTuple):
    """``monitor``: what the machines report. ``attended``: what a nurse at the bed would measure in that minute, without artefacts."""

    monitor: Vitals
    attended: Vitals
    scale2: np.ndarray  # (beds,) bool: the second oxygen scale is prescribed
    present: np.ndarray  # (beds, minutes) bool: until a collapse, after which the patient is elsewhere
    events: tuple[Deterioration, ...]


def ward(beds: int = 20, days: int = 2, seed: int = 0, rate: float = 0.25) -> Ward:
    """Some days on a ward, a reading a minute from noon.

    The monitor has pulse, respiration, saturation and temperature each minute, the pressure from a cuff every half an hour, and
    what only a nurse can tell (is the patient alert?) from the last four-hourly round. A value stays until its next measurement is
    due; then it is missing.

    Args:
        beds: one patient each.
        rate: how likely a patient deteriorates, once, within the time.

    Raises:
        SettingError: no bed, less than a day, or a rate that is no probability.
    """
    if beds < 1 or days < LEAST_DAYS or not 0 <= rate <= 1:
        raise SettingError(f"a ward has at least a bed and a day, and a rate from 0 to 1: got {beds}, {days}, {rate}")
    rng = np.random.default_rng(seed)
    minutes = days * DAY
    scale2 = rng.random(beds) < 0.2
    oxygen = np.repeat((rng.random(beds) < np.where(scale2, 0.4, 0.15))[:, None], minutes, axis=1)
    events, progress = _deteriorations(beds, minutes, rate, rng)
    body = _bodies(scale2, minutes, rng)
    drowsy = np.zeros((beds, minutes), bool)
    for event, way in zip(events, progress, strict=True):
        for name, change in zip(SENSORS, _CHANGE[event.kind], strict=True):
            body[name][event.bed, event.onset : event.collapse] += change * way
        drowsy[event.bed, event.onset : event.collapse] = way >= _DROWSY[event.kind]
    present = np.ones((beds, minutes), bool)
    for event in events:
        present[event.bed, event.collapse :] = False
    measured = {name: np.clip(body[name], *_LIMITS[name]) for name in SENSORS}
    attended = _chart(measured, oxygen, ~drowsy)
    monitor = _chart(_reported(measured, events, rng), oxygen, _held(~drowsy, ROUND))
    gone = ~present
    for vitals in (monitor, attended):
        for name in SENSORS:
            getattr(vitals, name)[gone] = np.nan
    return Ward(monitor, attended, scale2, present, events)


def together(wards: Sequence[Ward]) -> Ward:
    """Several wards of equally many minutes as one: the beds of the first, of the second, and so on.

    Raises:
        SettingError: no ward.
    """
    if not wards:
        raise SettingError("at least one ward")
    first = np.cumsum([0, *(len(one.scale2) for one in wards)])
    events = [
        event._replace(bed=event.bed + start) for one, start in zip(wards, first, strict=False) for event in one.events
    ]

    def joined(which: str) -> Vitals:
        return Vitals(
            *(np.concatenate(columns) for columns in zip(*(getattr(one, which) for one in wards), strict=True))
        )

    return Ward(
        joined("monitor"),
        joined("attended"),
        np.concatenate([one.scale2 for one in wards]),
        np.concatenate([one.present for one in wards]),
        tuple(event._replace(bed=int(event.bed)) for event in events),
    )


def clock(minute: float) -> str:
    """The time of day of a minute, as ``03:20``."""
    hours, rest = divmod(int(minute) + STARTS * 60, 60)
    return f"{hours % 24:02d}:{rest:02d}"


def rows(vitals: Vitals, bed: int) -> pd.DataFrame:
    """One bed as a table, a row a minute."""
    import pandas as pd

    return pd.DataFrame({name: values[bed] for name, values in vitals._asdict().items()})


def _deteriorations(
    beds: int, minutes: int, rate: float, rng: np.random.Generator
) -> tuple[tuple[Deterioration, ...], list[np.ndarray]]:
    """The planted ones, and for each how far it has come in each of its minutes (1 and more: as severe as it gets)."""
    events, progress = [], []
    for bed in np.flatnonzero(rng.random(beds) < rate):
        kind = KINDS[rng.integers(len(KINDS))]
        length = int(60 * rng.uniform(*_HOURS[kind]))
        onset = int(rng.integers(60, minutes - int(60 * LONGEST_HOURS)))
        events.append(Deterioration(int(bed), kind, onset, onset + length))
        way = np.minimum(np.linspace(0, 1 / _RAMP, length), 1) ** rng.uniform(1.0, 1.8)
        progress.append(rng.uniform(0.9, 1.25) * way)
    return tuple(events), progress


def _bodies(scale2: np.ndarray, minutes: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What goes on in the patients, without a deterioration: level, rhythm, two kinds of noise, walks."""
    beds = len(scale2)
    hour = STARTS + np.arange(minutes) / 60
    night = (1 + np.cos((hour - 4) / 12 * np.pi)) / 2  # 1 at four in the morning, 0 at four in the afternoon
    frail = rng.random(beds) < 0.15  # whose normal is not the chart's
    effort = _bursts(beds, minutes, rng, a_day=6.0, longest=15) * (night < 0.5)
    body = {}
    for name, (mean, between, slow, fast, dip) in _BODY.items():
        level = np.full(beds, mean) + between * rng.standard_normal(beds)
        level += frail * {"respiration": 3.0, "pulse": 14.0}.get(name, 0.0)
        if name == "saturation":
            level = np.where(scale2, _SCALE_2_SATURATION + 0.8 * rng.standard_normal(beds), level)
        noise = slow * _autocorrelated(beds, minutes, _SLOW, rng) + fast * _autocorrelated(beds, minutes, _FAST, rng)
        walking = effort * {"respiration": 6.0, "saturation": -1.0, "pulse": 18.0, "pressure": 8.0}.get(name, 0.0)
        body[name] = level[:, None] - dip * night + noise + walking
    return body


def _autocorrelated(beds: int, minutes: int, memory: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of variance 1 that follows itself (AR(1)), stationary from its first minute."""
    from scipy.signal import lfilter

    keep = float(np.exp(-1 / memory))
    draws = rng.standard_normal((beds, minutes))
    draws[:, 1:] *= np.sqrt(1 - keep**2)
    return lfilter([1.0], [1.0, -keep], draws, axis=1)


def _bursts(beds: int, minutes: int, rng: np.random.Generator, *, a_day: float, longest: int) -> np.ndarray:
    """Episodes of up to ``longest`` minutes, each of a height between a quarter and 1; 0 elsewhere."""
    height = np.zeros((beds, minutes))
    for bed, start in zip(*np.nonzero(rng.random((beds, minutes)) < a_day / DAY), strict=True):
        height[bed, start : start + rng.integers(1, longest + 1)] = rng.uniform(0.25, 1)
    return height


def _reported(
    measured: dict[str, np.ndarray], events: tuple[Deterioration, ...], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """What the sensors make of it: motion, sensors that are off, and a cuff that measures twice an hour."""
    beds, minutes = measured["pulse"].shape
    reported = {name: values.copy() for name, values in measured.items()}
    for name, a_day, height, longest in _MOTION:
        reported[name] += height * _bursts(beds, minutes, rng, a_day=a_day, longest=longest)
        reported[name] = np.clip(reported[name], *_LIMITS[name])
    restless = np.ones((beds, minutes))
    for event in events:
        restless[event.bed, event.onset : event.collapse] = _RESTLESS
    for name in ("respiration", "saturation", "pulse", "temperature"):
        starts = np.nonzero(rng.random((beds, minutes)) < _OFF_A_DAY / DAY * restless)
        for bed, start in zip(*starts, strict=True):
            length = int(rng.lognormal(np.log(_OFF_MINUTES), 0.9)) + 1
            reported[name][bed, start : start + length] = np.nan
    failed = rng.random((beds, minutes)) < 0.05  # looked at only in the minutes of a measurement
    reported["pressure"] = _held(np.where(failed, np.nan, reported["pressure"]), CUFF)
    return reported


def _held(values: np.ndarray, every: int) -> np.ndarray:
    """What is measured once in ``every`` minutes, and stands until the next time."""
    return np.repeat(values[:, ::every], every, axis=1)[:, : values.shape[1]]


def _chart(values: dict[str, np.ndarray], oxygen: np.ndarray, alert: np.ndarray) -> Vitals:
    """Rounded as a chart is read: whole numbers, temperature to a tenth."""
    read = {name: np.round(column, 1 if name == "temperature" else 0) for name, column in values.items()}
    return Vitals(oxygen=oxygen, alert=alert, **read)
