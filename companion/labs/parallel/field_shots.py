"""Made-up shots for an exercise: each notes its runs in a file, and its process dies or fails as often as its task says."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from companion.processes.worker import end_with_parent
from companion.workspace import workspace

#: (shot, seconds that it takes, in how many of its first runs its process dies, whether it then raises)
Task = tuple[int, float, int, bool]


def picture(shot: int) -> np.ndarray:
    """Float32, shape (3, 4). Whatever order such pictures are added in decides the last bits of the sum."""
    return np.random.default_rng(shot).standard_normal((3, 4)).astype(np.float32) * np.float32(10.0 ** (shot % 7))


def plain(tasks: Sequence[Task]) -> np.ndarray:
    """The loop: the pictures of all tasks, added to zeros one by one."""
    total = np.zeros((3, 4), np.float32)
    for shot, *_ in tasks:
        total += picture(shot)
    return total


def image_of(task: tuple[str, int, float, int, bool]) -> np.ndarray:
    """The picture of a task, whose first field is the folder for its notes; runs in a worker.

    Raises:
        ValueError: if the task says so.
    """
    folder, shot, seconds, deaths, error = task
    notes = Path(folder) / f"{shot}.runs"
    with notes.open("a") as file:
        file.write("x")
    time.sleep(seconds)
    if notes.stat().st_size <= deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    if error:
        raise ValueError(f"shot {shot} has no record")
    return picture(shot)


class FewTasks(ProcessPoolExecutor):
    """A pool that breaks while the third task is handed in."""

    taken = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As every pool does; the third call finds it broken."""
        self.taken += 1
        if self.taken == 3:
            raise BrokenProcessPool("a worker died")
        return super().submit(fn, *args, **kwargs)


def tried(
    stack: Callable[..., Any],
    workers: int,
    tasks: Sequence[Task],
    pools: int = 3,
    kind: type[ProcessPoolExecutor] = ProcessPoolExecutor,
) -> tuple[Any, dict[int, int], int]:
    """What ``stack(make_pool, image_of, tasks, pools)`` gave or raised, how often each shot was run, how many pools it made.

    Raises:
        AssertionError: if it left a pool open.
    """
    place, made = workspace("field"), []

    def make_pool() -> ProcessPoolExecutor:
        made.append(kind(workers, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_parent))
        return made[-1]

    try:
        outcome = stack(make_pool, image_of, [(str(place), *task) for task in tasks], pools)
    except (RuntimeError, ValueError) as error:
        outcome = error
    if [pool for pool in made if not _closed(pool)]:
        raise AssertionError("A pool was left open: use it in a with block.")
    return outcome, {shot: _runs(place / f"{shot}.runs") for shot, *_ in tasks}, len(made)


def _closed(pool: ProcessPoolExecutor) -> bool:
    """Whether a pool takes no more work; one that does is closed here."""
    try:
        pool.submit(int)
    except RuntimeError:  # a broken pool's error is one, too
        return True
    pool.shutdown()
    return False


def _runs(notes: Path) -> int:
    return notes.stat().st_size if notes.exists() else 0
