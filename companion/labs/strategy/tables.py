"""The tables of ``scaling_strategy``, as text, and which recorded figures of the book they are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from companion import measure

if TYPE_CHECKING:
    import pandas as pd

    from companion.measure.load import LoadResult
    from companion.measure.timing import Timing

#: by job: the recorded timings of one thread without the engine, of one worker (none: not measured), and of two
JOBS = {
    "features of pictures, processes": ("multiprocessing_images.workers_plain", "multiprocessing_images.workers_1", "multiprocessing_images.workers_2"),
    "counts of words, processes": ("multiprocessing_text.workers_plain", "multiprocessing_text.workers_1", "multiprocessing_text.workers_2"),
    "seismic images, processes": ("case_chevron_seismic.workers_plain", "case_chevron_seismic.workers_1", "case_chevron_seismic.workers_2"),
    "features of sound, Dask": ("dask_audio.workers_plain", "dask_audio.workers_1", "dask_audio.workers_2"),
    "search for pulsars, Dask": ("case_ska_telescope.loop", "case_ska_telescope.1_worker", "case_ska_telescope.all_workers"),
    "factors of a shop, Spark": ("spark_recommendations.als_numpy", "", "spark_recommendations.als_spark"),
}  # fmt: skip


#: what the chapter ends with, each with a figure of the book behind it
JOURNEY = {
    "Begin with one competent thread": "multiprocessing_text.throughput_serial",
    "Use the cores that are there": "multiprocessing_images.speedup_2_workers",
    "Move names, not data": "multiprocessing_images.pickling_vs_shared",
    "An engine has to be up before it helps": "spark_recommendations.spark_start",
    "Count what is far away in machines": "case_ska_telescope.rate_loop",
    "Make the model small, and take it to the device": "tflite_images.int8_vs_float32_size",
    "Leave records where they are": "pysyft_hospitals.log_loss_gap",
    "Keep what has been computed": "redis_caching.miss_over_hit",
    "Let old data go by the month": "sql_partitioning.delete_vs_detach",
    "Be able to go back": "jenkins_pipeline.path",
}


class Runs(NamedTuple):
    """The recorded rounds of a job: of one thread, of one worker of the engine (None: not measured), of two."""

    plain: Timing
    one: Timing | None
    two: Timing


def book_runs() -> dict[str, Runs]:
    """The runs behind ``JOBS``, by job; a SettingError where a notebook has not recorded them."""
    rounds = {name: measure.Timing(runs) for name, runs in _cited()["runs"].items()}
    return {job: Runs(rounds[plain], rounds.get(one), rounds[two]) for job, (plain, one, two) in JOBS.items()}


def _cited() -> pd.DataFrame:
    """The recorded figures that ``JOBS`` names."""
    return measure.recorded(*(name for names in JOBS.values() for name in names if name))


def book(runs: Mapping[str, Runs]) -> str:
    """How many times as fast as one thread each job is on one worker and on two, with the 95 % interval, and on which machine."""
    lines = [f"{'times one thread':34}{'one worker':>10}{'two workers':>13}   95 %"]
    for job, (plain, one, two) in runs.items():
        both = measure.faster(plain, two)
        alone = f"{measure.faster(plain, one).estimate:.2f}" if one else "-"
        lines.append(f"{job:34}{alone:>10}{both.estimate:>13.2f}   {both.low:.2f} to {both.high:.2f}")
    for machine, names in _cited().groupby("machine", sort=False)["notebook"].unique().items():
        lines.append(f"\nrecorded on {machine}: {', '.join(names)}")
    return "\n".join(lines)


def costs(
    seconds: pd.DataFrame,
    started: Mapping[str, float],
    crossings: Mapping[str, float | None],
    straw: Mapping[str, float | None],
) -> str:
    """The times, and from which size each engine pays.

    Args:
        seconds: a row a size, a column a way, with ``one thread``.
        started: seconds until each engine was up.
        crossings, straw: where each first beats one thread, and where the obvious version; None: never.
    """
    last = seconds.index[-1]
    lines = [
        seconds.round(3).to_string(na_rep="-"),
        "",
        f"{'':11}{'up after':>9}{'beats one thread':>24}{'the obvious version':>24}   start earned back",
    ]
    for name, size in crossings.items():
        saved = seconds.loc[last, "one thread"] - seconds.loc[last, name]
        back = f"in {math.ceil(started[name] / saved):,} runs of {last:,}" if saved > 0 else "never"
        row = "".join(
            f"{f'from {at:,.0f} customers' if at else f'never up to {last:,}':>24}" for at in (size, straw[name])
        )
        lines.append(f"{name:11}{started[name]:>7.1f} s{row}   {back}")
    return "\n".join(lines)


def bands(over_one: Mapping[str, measure.Interval], ends: Mapping[str, Mapping[int, tuple[float, float]]]) -> str:
    """Speed-ups over one worker: at two as measured, at others from the lowest to the highest that agrees.

    Args:
        ends: by job, and by number of workers.
    """
    counts = list(next(iter(ends.values())))
    lines = [f"{'times one worker':34}{'two: measured':>22}" + "".join(f"{f'{n:,} workers':>18}" for n in counts)]
    for job, two in over_one.items():
        cells = "".join(f"{f'{low:.2g} to {high:,.0f}':>18}" for low, high in ends[job].values())
        lines.append(f"{job:34}{f'{two.estimate:.2f} ({two.low:.2f} to {two.high:.2f})':>22}{cells}")
    return "\n".join(lines)


def serving(closed: Mapping[int, LoadResult], counted: Mapping[int, float]) -> str:
    """What each number of callers got, and how many requests were in the house, as counted and by Little's law."""
    lines = ["callers  answers/s   mean ms    p95 ms  in the house: counted, by Little's law"]
    for callers, run in closed.items():
        mean, p95 = 1000 * run.latency.mean(), 1000 * run.percentile(95)
        lines.append(
            f"{callers:7}{run.rate:11.0f}{mean:10.1f}{p95:10.1f}{counted[callers]:23.2f}{run.rate * run.latency.mean():16.2f}"
        )
    return "\n".join(lines)


def journey() -> str:
    """Each sentence of ``JOURNEY`` with what the book has measured; a notebook that was not executed since it records says so."""
    known, lines = measure.recorded(), []
    for sentence, name in JOURNEY.items():
        said = f"{known['value'][name]:,.3g} {known['unit'][name]}" if name in known.index else "not recorded yet"
        lines.append(f"{sentence:48} {name}: {said}")
    return "\n".join(lines)
