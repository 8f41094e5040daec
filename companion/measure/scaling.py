"""How far it carries: speed-up tables, and the scaling laws of Amdahl and Gunther.

Two baselines are kept apart. The *plain* version is what a reader would write without the engine; *one worker* is the engine on
one. From the one to the other one pays for the engine, from one worker to n for being several. The laws speak of the second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from companion.errors import SettingError
from companion.measure.timing import Timing, faster, student

if TYPE_CHECKING:
    import pandas as pd

#: the row of the version without the engine
PLAIN = "plain"


def worker_counts(most: int) -> list[int]:
    """1, 2, 4 ... and ``most`` itself: what to measure on a machine or cluster that has so many."""
    if most < 1:
        raise SettingError(f"a machine has at least one worker, got {most}")
    return sorted({2**power for power in range(most.bit_length()) if 2**power <= most} | {most})


def speedup_table(plain: Timing, parallel: Mapping[int, Timing]) -> pd.DataFrame:
    """One row for the plain version, and one for each number of workers of the engine.

    Columns: median ``seconds``; ``speed-up`` over the plain version with the ends ``low`` and ``high`` of its 95 % interval;
    ``over one worker``, the same over one worker of the engine, and ``efficiency``, that for each worker (both NaN where one
    worker was not measured).
    """
    import pandas as pd

    one = parallel.get(1)

    def row(timing: Timing, workers: int) -> dict[str, float]:
        speedup = faster(plain, timing)
        over_one = faster(one, timing).estimate if one else float("nan")
        return {
            "seconds": timing.median,
            "speed-up": speedup.estimate,
            "low": speedup.low,
            "high": speedup.high,
            "over one worker": over_one,
            "efficiency": over_one / workers,
        }

    first = {"seconds": plain.median, "speed-up": 1.0}
    rows = {PLAIN: first} | {n: row(timing, n) for n, timing in sorted(parallel.items())}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("workers")


@dataclass(frozen=True)
class Law:
    """A scaling law, fitted to each round by itself: what the fits of the rounds differ by is the interval.

    An interval knows what varied between the rounds. It does not know whether the law holds beyond what was measured.

    Attributes:
        name: of the law.
        parameters: estimate by name, from all rounds together.
        intervals: 95 % interval by name; one round leaves all that is possible.
        measured: the worker counts it was fitted to.
        curve: speed-up over one worker for an array of worker counts.
    """

    name: str
    parameters: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    measured: tuple[int, ...]
    curve: Callable[[np.ndarray], np.ndarray] = field(repr=False)
    _rounds: np.ndarray = field(repr=False)

    def predict(self, workers: float) -> tuple[float, float, float]:
        """Speed-up at ``workers``: estimate and ends of its 95 % interval, between 0 and ``workers``."""
        at = np.array([workers], float)
        of_rounds = np.log([_LAWS[self.name](at, *parameters)[0] for parameters in self._rounds])
        low, high = np.exp(student(of_rounds))
        return float(self.curve(at)[0]), float(low), float(min(high, workers))


def _amdahl(workers: np.ndarray, serial_share: float) -> np.ndarray:
    return 1.0 / (serial_share + (1.0 - serial_share) / workers)


def _usl(workers: np.ndarray, contention: float, coherency: float) -> np.ndarray:
    return workers / (1.0 + contention * (workers - 1.0) + coherency * workers * (workers - 1.0))


_LAWS: dict[str, Callable[..., np.ndarray]] = {"Amdahl": _amdahl, "USL": _usl}


def fit_amdahl(parallel: Mapping[int, Timing]) -> Law:
    """Amdahl's law ``S(n) = 1 / (s + (1 - s) / n)`` by least squares, with s in [0, 1].

    Args:
        parallel: rounds (``measure.rounds``) by number of workers: one, and at least two more. Through two points goes any law.

    Source: G. M. Amdahl, AFIPS Spring Joint Computer Conference 1967.
    """
    return _fit("Amdahl", parallel, ("serial_share",), 0.05)


def fit_usl(parallel: Mapping[int, Timing]) -> Law:
    """The Universal Scalability Law ``S(n) = n / (1 + a (n - 1) + b n (n - 1))`` by least squares, with a, b in [0, 1].

    With b > 0 the curve has a summit at ``sqrt((1 - a) / b)`` workers: more of them make it slower.

    Args:
        parallel: rounds by number of workers: one, and at least three more.

    Source: N. J. Gunther, "Guerrilla Capacity Planning", Springer 2007.
    """
    return _fit("USL", parallel, ("contention", "coherency"), 0.01)


def outlook(parallel: Mapping[int, Timing], workers: int = 100) -> str:
    """What these measurements say of so many workers, in a sentence; of too few, that they say nothing."""
    counts = ", ".join(str(n) for n in sorted(parallel))
    if len(parallel) < 3:
        return f"{workers} workers: nothing can be said from {counts}; any law goes through so few points, measure 4 or more"
    estimate, low, high = (_round(value) for value in fit_amdahl(parallel).predict(workers))
    return f"{workers} workers: {estimate} times one ({low} to {high}), if Amdahl's law, fitted to {counts}, holds that far"


def _round(times: float) -> str:
    return f"{times:.0f}" if times >= 10 else f"{times:.1f}"


def _fit(name: str, parallel: Mapping[int, Timing], names: tuple[str, ...], start: float) -> Law:
    from scipy.optimize import curve_fit

    counts = sorted(parallel)
    if 1 not in parallel:
        raise SettingError(f"{name} speaks of speed-up over one worker: measure one as well, got {counts}")
    if len(counts) < len(names) + 2:
        raise SettingError(
            f"{name} has {len(names)} parameter(s), and one point more has to agree: "
            f"measure one worker and at least {len(names) + 1} counts more, got {counts}"
        )
    if len({len(timing.seconds) for timing in parallel.values()}) > 1:
        raise SettingError(f"measure every number of workers equally often, got {_repeats(parallel)}")
    workers = np.array(counts, float)
    seconds = np.array([parallel[n].seconds for n in counts])  # (counts, rounds)
    law = _LAWS[name]

    def fitted(took: np.ndarray) -> np.ndarray:
        return curve_fit(law, workers, took[0] / took, [start] * len(names), bounds=(0.0, 1.0))[0]

    estimate = fitted(np.exp(np.log(seconds).mean(axis=1)))
    of_rounds = np.array([fitted(took) for took in seconds.T])
    return Law(
        name,
        dict(zip(names, estimate.tolist(), strict=True)),
        {n: _possible(student(values)) for n, values in zip(names, of_rounds.T, strict=True)},
        tuple(counts),
        lambda n: law(np.asarray(n, float), *estimate),
        of_rounds,
    )


def _possible(ends: tuple[float, float]) -> tuple[float, float]:
    low, high = np.clip(ends, 0.0, 1.0)
    return float(low), float(high)


def _repeats(parallel: Mapping[int, Timing]) -> dict[int, int]:
    return {n: len(timing.seconds) for n, timing in sorted(parallel.items())}
