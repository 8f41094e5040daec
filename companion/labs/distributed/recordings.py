"""What the audio notebook draws beside its engine, and its account of worker-seconds.

A *stream* is what ``distributed.get_task_stream`` has recorded: a dictionary a task, with its ``key``, its ``worker`` and its
``startstops``, each an ``action`` from ``start`` to ``stop`` in seconds of the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from companion import draw
from companion.datasets import audio
from companion.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client
    from matplotlib.figure import Figure

    from companion.measure import Timing

    Stream = Iterable[Mapping[str, Any]]


def gallery(recorded: Mapping[str, np.ndarray], log_mel: Callable[[np.ndarray], np.ndarray]) -> Figure:
    """One recording of each kind: the sound that was planted above, and with its noise, as it was recorded, below.

    Args:
        recorded: samples by kind, those of the first clips of a corpus with seed 0.
        log_mel: samples to an image of shape (frames, bands).
    """
    fig, axes = draw.figure(9, 4.2, rows=2, columns=len(recorded), sharex=True, sharey=True)
    for column, (kind, samples) in enumerate(recorded.items()):
        planted = audio.clip(kind, column, snr_db=40)[0]
        for ax, sound in zip(axes[:, column], (planted, samples), strict=True):
            image = log_mel(sound).T
            ax.imshow(image, origin="lower", aspect="auto", extent=(0, audio.SECONDS, 0, len(image)))
            ax.grid(False)
        axes[0, column].set_title(kind)
        axes[1, column].set_xlabel("time in s")
    axes[0, 0].set_ylabel("planted\nmel band")
    axes[1, 0].set_ylabel("recorded\nmel band")
    return fig


def spans(stream: Stream) -> list[tuple[str, str, float, float]]:
    """Key, worker, begin and end in seconds of all computing, in the order in which it began."""
    found = [
        (task["key"], task["worker"], span["start"], span["stop"])
        for task in stream
        for span in task["startstops"]
        if span["action"] == "compute"
    ]
    return sorted(found, key=lambda span: span[2])


def limits(client: Client) -> list[int]:
    """The memory limit of each worker, bytes; 0 where it has none."""
    return [worker["memory_limit"] or 0 for worker in client.scheduler_info()["workers"].values()]


def spilled(client: Client) -> int:
    """Bytes that the workers keep on disk because their memory is full, as of their last heartbeats."""
    workers = client.scheduler_info()["workers"].values()
    return sum(worker["metrics"]["spilled_bytes"]["disk"] for worker in workers)


def inside(stream: Stream, memory: pd.DataFrame, limit: float) -> Figure:
    """What each worker did and when, and the memory of all of them.

    Args:
        memory: bytes by time, one column, as of ``MemorySampler.to_pandas(align=True)``.
        limit: of all workers together, bytes; 0 where there is none.
    """
    done = spans(stream)
    names = sorted({worker for _, worker, _, _ in done})
    began, ended = done[0][2], max(end for *_, end in done)
    fig, (ax, ax2) = draw.figure(9, 3.2, columns=2)
    for _, worker, start, stop in done:
        ax.barh(names.index(worker), stop - start, left=start - began, edgecolor="white", color=draw.BLUE)
    busy = sum(stop - start for *_, start, stop in done) / (len(names) * (ended - began))
    labels = [f"worker {number + 1}" for number in range(len(names))]
    ax.set(xlabel="seconds", yticks=range(len(names)), yticklabels=labels)
    ax.set_title(f"{len(names)} workers compute {busy:.0%} of the time")
    used = memory.to_numpy() / 2**20
    seconds = memory.index.to_numpy().astype("timedelta64[ns]").astype(float) / 1e9
    ax2.plot(seconds, used, color=draw.ORANGE)
    allowed = f", of {limit / 2**20:,.0f} allowed" if limit else ""
    ax2.set(xlabel="seconds", ylabel="MiB, all workers", ylim=(0, None))
    ax2.set_title(f"At most {np.nanmax(used):,.0f} MiB{allowed}")
    return fig


def worker_seconds(
    plain: Timing, cluster: Mapping[int, Timing], runs: Mapping[int, Sequence[Sequence[str]]], stream: Stream
) -> pd.DataFrame:
    """Where the time of the workers went: one row for each number of workers, means over the rounds, in seconds times workers.

    Columns: ``paid`` (workers times wall), ``computing`` (of all tasks, by the clock: also while the processor works for somebody
    else), ``waiting`` (the rest: no task to compute); and as shares
    ``longer``, by how much the computing takes longer than the plain loop over the same files, and ``idle``, waiting over paid.

    Args:
        plain, cluster: of the same rounds.
        runs: by number of workers the keys of each run's tasks; the last ones are those of the rounds.

    Raises:
        DatasetError: the stream does not hold a run's tasks, so that what they took is not known.
    """
    import pandas as pd

    seconds: dict[str, float] = {}
    for key, _, start, stop in spans(stream):
        seconds[key] = seconds.get(key, 0.0) + stop - start
    rows = {}
    for workers, timing in sorted(cluster.items()):
        counted = runs[workers][-len(timing.seconds) :]
        if missing := sum(key not in seconds for keys in counted for key in keys):
            raise DatasetError(f"{missing} tasks of the runs on {workers} workers are not in the task stream")
        paid = workers * float(np.mean(timing.seconds))
        computing = float(np.mean([sum(seconds[key] for key in keys) for keys in counted]))
        longer = computing / float(np.mean(plain.seconds)) - 1
        waiting = paid - computing
        rows[workers] = {
            "paid": paid,
            "computing": computing,
            "waiting": waiting,
            "longer": longer,
            "idle": waiting / paid,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("workers")


def speed(table: pd.DataFrame, account: pd.DataFrame) -> Figure:
    """Speed-up over the loop, and what the workers' seconds went into.

    Args:
        table: from ``measure.speedup_table``.
        account: from :func:`worker_seconds`.
    """
    fig, (ax, ax2) = draw.figure(10, 3.6, columns=2)
    draw.speedup(ax, table)
    most = account.index[-1]
    best = table.loc[most]
    ax.set_title(f"{most} workers: {best['speed-up']:.2f} x the loop ({best['low']:.2f} to {best['high']:.2f})")
    places = np.arange(len(account))
    ax2.bar(places, account["computing"], color=draw.BLUE, label="computing")
    ax2.bar(places, account["waiting"], bottom=account["computing"], color=draw.ORANGE, label="waiting")
    ax2.axhline(table.loc["plain", "seconds"], color=draw.BLACK, linestyle="--", linewidth=1, label="the loop")
    ax2.set_xticks(places, [str(count) for count in account.index])
    ax2.set(xlabel="workers", ylabel="workers x seconds", ylim=(0, 1.35 * account["paid"].max()))
    ax2.set_title(
        f"{most} workers: {account.loc[most, 'longer']:+.0%} computing, {account.loc[most, 'idle']:.0%} waiting"
    )
    ax2.legend(ncols=3, loc="upper center")
    return fig
