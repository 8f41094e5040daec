"""How well it ran: repeated timing, speed-up tables, the scaling laws of Amdahl and Gunther, peak memory.

A time is a sample, not a number: everything here carries its spread. Nothing here is ever asserted in a test of a notebook.
"""

from __future__ import annotations

import json
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from companion.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd
    import psutil
    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Timing:
    """Wall-clock seconds of repeated runs, in the order in which they ran."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    @property
    def quartiles(self) -> tuple[float, float]:
        low, high = np.percentile(self.seconds, [25, 75])
        return float(low), float(high)


def repeat(function: Callable[[], object], repeats: int = 5, warm_up: int = 1) -> Timing:
    """Time ``function()`` ``repeats`` times, after ``warm_up`` runs that don't count (imports, caches, page faults)."""
    if repeats < 1:
        raise SettingError(f"repeats must be at least 1, got {repeats}")
    for _ in range(warm_up):
        function()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return Timing(tuple(seconds))


def speedup_table(serial: Timing, parallel: Mapping[int, Timing]) -> pd.DataFrame:
    """One row a number of workers: median seconds, quartiles, speed-up over the serial run, efficiency.

    Row 1 is the plain serial version, not the parallel one on one worker: that is the version a reader would compare with.
    """
    import pandas as pd

    def row(timing: Timing, workers: int) -> dict[str, float]:
        low, high = timing.quartiles
        speedup = serial.median / timing.median
        return {"seconds": timing.median, "q1": low, "q3": high, "speed-up": speedup, "efficiency": speedup / workers}

    rows = {1: row(serial, 1)} | {n: row(timing, n) for n, timing in sorted(parallel.items()) if n != 1}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("workers")


@dataclass(frozen=True)
class Law:
    """A fitted scaling law.

    Attributes:
        name: of the law.
        parameters: estimate by name.
        intervals: 95 % interval by name, from the covariance of the fit and Student's t; a parameter that one point
            decides has an infinite one.
        curve: speed-up for an array of worker counts.
    """

    name: str
    parameters: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    curve: Callable[[np.ndarray], np.ndarray] = field(repr=False)

    def predict(self, workers: float) -> tuple[float, float, float]:
        """Speed-up at ``workers``: estimate, and the range over the corners of the parameters' intervals."""
        corners = np.meshgrid(*([low, high] for low, high in self.intervals.values()))
        values = [
            _LAWS[self.name](np.array([workers], float), *corner)[0]
            for corner in zip(*(c.ravel() for c in corners), strict=True)
        ]
        return float(self.curve(np.array([workers], float))[0]), float(np.nanmin(values)), float(np.nanmax(values))


def _amdahl(workers: np.ndarray, serial_share: float) -> np.ndarray:
    return 1.0 / (serial_share + (1.0 - serial_share) / workers)


def _usl(workers: np.ndarray, contention: float, coherency: float) -> np.ndarray:
    return workers / (1.0 + contention * (workers - 1.0) + coherency * workers * (workers - 1.0))


_LAWS: dict[str, Callable[..., np.ndarray]] = {"Amdahl": _amdahl, "USL": _usl}


def fit_amdahl(workers: np.ndarray, speedups: np.ndarray) -> Law:
    """Amdahl's law ``S(n) = 1 / (s + (1 - s) / n)`` by least squares, with s in [0, 1].

    Args:
        workers, speedups: shape (points,); repeated measurements are simply repeated points.

    Source: G. M. Amdahl, AFIPS Spring Joint Computer Conference 1967.
    """
    return _fit("Amdahl", workers, speedups, ("serial_share",), 0.05, (0.0, 1.0))


def fit_usl(workers: np.ndarray, speedups: np.ndarray) -> Law:
    """The Universal Scalability Law ``S(n) = n / (1 + a (n - 1) + b n (n - 1))`` by least squares, with a, b in [0, 1].

    With b > 0 the curve has a summit at ``sqrt((1 - a) / b)`` workers: more of them make it slower.

    Source: N. J. Gunther, "Guerrilla Capacity Planning", Springer 2007.
    """
    return _fit("USL", workers, speedups, ("contention", "coherency"), 0.01, (0.0, 1.0))


def _fit(
    name: str,
    at_workers: ArrayLike,
    measured: ArrayLike,
    names: tuple[str, ...],
    start: float,
    bounds: tuple[float, float],
) -> Law:
    from scipy.optimize import curve_fit
    from scipy.stats import t

    workers, speedups = np.asarray(at_workers, float), np.asarray(measured, float)
    if workers.shape != speedups.shape or workers.ndim != 1:
        raise SettingError(f"workers and speedups must be one-dimensional and alike: {workers.shape}, {speedups.shape}")
    if len(np.unique(workers[workers > 1])) < len(names):
        raise SettingError(f"{name} has {len(names)} parameter(s): measure at least as many worker counts above 1")
    law = _LAWS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no covariance from as many points as parameters: the interval says so
        estimate, covariance = curve_fit(law, workers, speedups, [start] * len(names), bounds=bounds)
    freedom = len(workers) - len(names)
    half = t.ppf(0.975, freedom) * np.sqrt(np.diag(covariance)) if freedom > 0 else np.full(len(names), np.inf)
    low, high = np.clip(estimate - half, *bounds), np.clip(estimate + half, *bounds)
    return Law(
        name,
        dict(zip(names, estimate.tolist(), strict=True)),
        {n: (float(a), float(b)) for n, a, b in zip(names, low, high, strict=True)},
        lambda n: law(np.asarray(n, float), *estimate),
    )


@dataclass
class Peak:
    """The largest memory seen so far, in bytes, of this process and its children together (shared pages counted once)."""

    bytes: int = 0

    @property
    def mib(self) -> float:
        return self.bytes / 2**20


@contextmanager
def peak_memory(pid: int | None = None, interval: float = 0.05) -> Iterator[Peak]:
    """Sample the memory of a process tree while the block runs.

    Args:
        pid: root of the tree; this process by default.
        interval: seconds between samples; a shorter peak can be missed.
    """
    import psutil

    peak, done = Peak(), threading.Event()
    root = psutil.Process(pid)

    def sample() -> None:
        while True:
            peak.bytes = max(peak.bytes, _tree_memory(root))
            if done.wait(interval):
                return

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _tree_memory(root: psutil.Process) -> int:
    import psutil

    total = 0
    try:
        tree = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in tree:
        try:
            # proportional set size where the system has it: pages shared by n processes count 1/n in each
            full = process.memory_full_info()
            total += getattr(full, "pss", full.uss)
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:
            total += process.memory_info().rss
    return total


def record(name: str, value: float, unit: str = "") -> None:
    """Hand a measured figure to the benchmark; does nothing unless ``make bench`` is running the notebook.

    Args:
        name: ``notebook.figure``, such as ``dask_audio.speedup_2_workers``.
        unit: ``x`` for a ratio, ``s``, ``MiB``, ``1/s`` ...
    """
    if path := os.environ.get("COMPANION_RECORD"):
        with open(path, "a", encoding="utf-8") as lines:
            lines.write(json.dumps({"name": name, "value": float(value), "unit": unit}) + "\n")
