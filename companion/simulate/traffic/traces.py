"""A day's requests: how many arrive a second, at every step."""

from __future__ import annotations

import math

import numpy as np

from companion.errors import SettingError

STEP_SECONDS = 15.0


def diurnal(
    base: float = 100.0,
    peak: float = 400.0,
    *,
    hours: float = 24.0,
    step_seconds: float = STEP_SECONDS,
    peak_hour: float = 20.0,
    sharpness: float = 1.0,
    seed: int | None = None,
) -> np.ndarray:
    """A day's breathing: ``base`` requests/s in the small hours, ``peak`` at ``peak_hour``, a raised cosine in between.

    Args:
        hours: length; the curve repeats every 24.
        step_seconds: seconds a step; the result has shape (round(3600 * hours / step_seconds),).
        sharpness: above 1 the peak is narrower than the trough.
        seed: when given, ``with_noise(…, seed=seed)`` on top.
    """
    check_positive(base=base, peak=peak, hours=hours, step_seconds=step_seconds, sharpness=sharpness)
    if peak < base:
        raise SettingError(f"peak must be at least base, got peak={peak} below base={base}")
    hour = _hours(hours, step_seconds)
    wave = (0.5 + 0.5 * np.cos(2 * np.pi * (hour - peak_hour) / 24)) ** sharpness
    return _noisy(base + (peak - base) * wave, step_seconds, seed)


def ten_x_day(
    base: float = 100.0, *, hours: float = 24.0, step_seconds: float = STEP_SECONDS, seed: int | None = None
) -> np.ndarray:
    """A day whose peak is ten times its trough, as Epic reported for each region of Fortnite (AWS Summit New York, 2018)."""
    return diurnal(base, 10 * base, hours=hours, step_seconds=step_seconds, sharpness=1.5, seed=seed)


def launch_spike(
    base: float = 100.0,
    peak: float = 1000.0,
    *,
    hours: float = 24.0,
    step_seconds: float = STEP_SECONDS,
    at_hour: float = 18.0,
    ramp_minutes: float = 2.0,
    hold_minutes: float = 60.0,
    seed: int | None = None,
) -> np.ndarray:
    """A release at a known hour: flat ``base``, up to ``peak`` within ``ramp_minutes``, held, then gone with a half-life of 30 min."""
    check_positive(base=base, peak=peak, hours=hours, step_seconds=step_seconds)
    minute = 60 * (_hours(hours, step_seconds) - at_hour)
    rise = np.clip(minute / max(ramp_minutes, 1e-9), 0, 1)
    decay = 0.5 ** (np.clip(minute - ramp_minutes - hold_minutes, 0, None) / 30)
    return _noisy(base + (peak - base) * rise * decay, step_seconds, seed)


def with_noise(
    trace: np.ndarray,
    *,
    deviation: float = 0.06,
    memory_seconds: float = 120.0,
    step_seconds: float = STEP_SECONDS,
    seed: int = 0,
) -> np.ndarray:
    """The trace times a log-normal AR(1) noise of mean 1: neighbours in time go up and down together.

    Args:
        deviation: standard deviation of the noise's logarithm.
        memory_seconds: after this long its autocorrelation has fallen to 1/e.
    """
    trace = check_trace(trace)
    check_positive(memory_seconds=memory_seconds, step_seconds=step_seconds)
    keep = math.exp(-step_seconds / memory_seconds)
    shocks = np.random.default_rng(seed).standard_normal(len(trace))
    noise = shocks.copy()
    for step in range(1, len(noise)):
        noise[step] = keep * noise[step - 1] + math.sqrt(1 - keep**2) * shocks[step]
    return np.round(trace * np.exp(deviation * noise - deviation**2 / 2), 3)


def check_trace(trace: np.ndarray) -> np.ndarray:
    """``trace`` as a float array, or a SettingError: one-dimensional, not empty, finite, nothing negative."""
    trace = np.asarray(trace, float)
    if trace.ndim != 1 or not len(trace):
        raise SettingError(f"a trace has one dimension and at least one step, got shape {trace.shape}")
    if not np.isfinite(trace).all() or (trace < 0).any():
        step = int(np.flatnonzero(~np.isfinite(trace) | (trace < 0))[0])
        raise SettingError(f"trace[{step}] must be a number of requests/s, at least 0, got {trace[step]}")
    return trace


def _hours(hours: float, step_seconds: float) -> np.ndarray:
    return np.arange(max(1, round(3600 * hours / step_seconds))) * step_seconds / 3600


def _noisy(trace: np.ndarray, step_seconds: float, seed: int | None) -> np.ndarray:
    # rounded: the same bytes on every machine, whatever its cosine's last bit
    return np.round(trace, 3) if seed is None else with_noise(trace, step_seconds=step_seconds, seed=seed)


def check_positive(**values: float) -> None:
    """A SettingError with the name of the first value that is not positive; a rate (``base``, ``peak``) may be zero."""
    for name, value in values.items():
        if not (math.isfinite(value) and (value > 0 or (value == 0 and name in ("base", "peak")))):
            raise SettingError(f"{name} must be a positive number, got {value}")
