"""An electrocardiogram with known beats: the dynamical model of McSharry, Clifford, Tarassenko and Smith (ECGSYN, 2003), and what
spoils it: muscle, breathing, mains, motion, an electrode that falls off, and a heart that pauses.

The model's point goes round a circle once a beat; five Gaussian pulls at fixed angles (P, Q, R, S, T) raise and lower the trace.
Here the angle follows from planted beats, so the time of every R peak is known.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from companion.errors import SettingError

RATE = 250  # samples a second
RAIL = 5.0  # mV, where the amplifier ends
LEAST_SECONDS = 10
#: angle, height and width of the five waves, as published
_ANGLE = np.array([-1 / 3, -1 / 12, 0, 1 / 12, 1 / 2]) * np.pi
_HEIGHT = np.array([1.2, -5.0, 30.0, -7.5, 0.75])
_WIDTH = np.array([0.25, 0.1, 0.1, 0.1, 0.4])
_SCALE = 30.0  # model units to mV: an R peak of about 1 mV at 75 beats a minute
_PAUSE = 8.0  # seconds without a beat


class Trace(NamedTuple):
    """One lead, and what is known about it."""

    signal: np.ndarray  # (samples,) float64, mV
    beats: np.ndarray  # seconds of the planted R peaks
    off: np.ndarray  # (samples,) bool: the electrode is off
    moving: np.ndarray  # (samples,) bool: the patient moves
    pauses: tuple[tuple[float, float], ...]  # seconds from the last beat before a planted pause to the first after it


def trace(
    seconds: float = 60,
    seed: int = 0,
    *,
    pulse: float = 75.0,
    ectopic: float = 0.03,
    snr: float | None = None,
    off_an_hour: float = 0.0,
    motion_an_hour: float = 0.0,
    pauses: int = 0,
) -> Trace:
    """One lead at ``RATE`` samples a second.

    Args:
        pulse: mean rate, beats a minute; it varies with breathing and slower, as in the model's paper.
        ectopic: share of beats that come early and wide.
        snr: variance of the clean trace over that of the added noise, in decibels (half muscle, half electrode motion, and
            with it a little of the mains and of breathing); None for 20 dB.
        off_an_hour, motion_an_hour: how often an electrode falls off (for half a minute on average) and the patient moves (for
            twenty seconds on average).
        pauses: how often the heart pauses, for eight seconds.

    Raises:
        SettingError: shorter than ten seconds, or a rate outside 20 to 220.
    """
    if seconds < LEAST_SECONDS or not 20 <= pulse <= 220:
        raise SettingError(f"at least {LEAST_SECONDS} s at 20 to 220 beats a minute, got {seconds} s at {pulse}")
    rng = np.random.default_rng(seed)
    samples = int(seconds * RATE)
    beats, early, silent = _beats(seconds, pulse, ectopic, pauses, rng)
    clean = _model(beats, early, silent, samples)
    moving = _episodes(samples, motion_an_hour, 20.0, rng)
    signal = clean + _noise(clean.std(), 20.0 if snr is None else snr, samples, rng)
    signal += moving * 1.2 * _coloured(samples, 1.0, 12.0, rng)
    off = _episodes(samples, off_an_hour, 30.0, rng)
    hum = 0.02 * np.sin(2 * np.pi * 50 * np.arange(samples) / RATE) + 0.005 * rng.standard_normal(samples)
    signal = np.where(off, RAIL - 0.05 + hum, np.clip(signal, -RAIL, RAIL))
    inside = (beats > 0) & (beats < seconds)
    real = inside & ~silent
    missing = [(beats[k - 1], beats[k + 1]) for k in np.flatnonzero(silent)]
    return Trace(signal, beats[real], off, moving, tuple((float(a), float(b)) for a, b in missing))


def _beats(
    seconds: float, pulse: float, ectopic: float, pauses: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times of the beats, from before 0 to behind the end; which are ectopic; which are not there (a pause around each)."""
    count = int(seconds * pulse / 60 * 1.3) + 10
    at = np.arange(count) * 60 / pulse
    breathing = 0.03 * np.sin(2 * np.pi * 0.25 * at + rng.uniform(0, 6)) + 0.03 * np.sin(
        2 * np.pi * 0.1 * at + rng.uniform(0, 6)
    )
    interval = 60 / pulse * (1 + breathing + 0.01 * rng.standard_normal(count))
    early = rng.random(count) < ectopic
    early[1:] &= ~early[:-1]
    silent = np.zeros(count, bool)
    middle = int(seconds * pulse / 60)
    for k in range(pauses):
        place = int((k + rng.uniform(0.25, 0.75)) / pauses * middle)
        silent[place] = True
        early[place - 1 : place + 3] = False
        interval[place : place + 2] = _PAUSE / 2
    interval[early] *= 0.65
    interval[1:][early[:-1]] *= 1.35
    return np.cumsum(interval) - 60 / pulse, early, silent


def _model(beats: np.ndarray, early: np.ndarray, silent: np.ndarray, samples: int) -> np.ndarray:
    """The trace of the beats, mV: dz/dt = -sum a d exp(-d^2 / 2 b^2) - z, with d the angle from each wave's place."""
    from scipy.signal import lfilter

    time = np.arange(samples) / RATE
    turns = np.interp(time, beats, np.arange(len(beats)))
    beat = np.round(turns).astype(int)
    angle = 2 * np.pi * (turns - beat)
    there = ~silent[beat]
    wide = early[beat]
    pull = np.zeros(samples)
    for wave, (place, height, width) in enumerate(zip(_ANGLE, _HEIGHT, _WIDTH, strict=True)):
        away = (angle - place + np.pi) % (2 * np.pi) - np.pi
        spread = np.where(wide, 2.2 * width, width) if wave in (1, 2, 3) else width
        share = np.where(wide, 0.0 if wave == 0 else 0.6, 1.0)
        pull -= there * share * height * away * np.exp(-(away**2) / (2 * spread**2))
    keep = np.exp(-1 / RATE)
    return _SCALE * lfilter([1 - keep], [1, -keep], pull)


def _noise(level: float, snr: float, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Muscle and electrode motion at a stated ratio to the trace's standard deviation ``level``, with mains and breathing."""
    muscle, motion = rng.standard_normal(samples), _coloured(samples, 0.5, 10.0, rng)
    time = np.arange(samples) / RATE
    mixed = 0.68 * muscle + 0.68 * motion + 0.2 * np.sin(2 * np.pi * 50 * time) + 0.35 * np.sin(2 * np.pi * 0.25 * time)
    return level * 10 ** (-snr / 20) * mixed / mixed.std()


def _coloured(samples: int, low: float, high: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of one band (Hz), variance 1, that swells and ebbs as motion does."""
    from scipy.signal import butter, sosfilt

    band = sosfilt(butter(2, (low, high), "bandpass", fs=RATE, output="sos"), rng.standard_normal(samples))
    swell = np.repeat(rng.gamma(1.0, 1.0, samples // RATE + 1), RATE)[:samples]
    mixed = band * np.sqrt(swell)
    return mixed / mixed.std()


def _episodes(samples: int, an_hour: float, mean_seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Which samples lie in an episode; lengths are exponential."""
    inside = np.zeros(samples, bool)
    for start in np.sort(rng.integers(0, samples, rng.poisson(an_hour * samples / RATE / 3600))):
        inside[start : start + int(RATE * rng.exponential(mean_seconds)) + 1] = True
    return inside
