"""What became of a run and of its stages, and how a step says that it failed."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

#: from the best to the worst, the order of hudson.model.Result
STATUSES = ("success", "unstable", "failure", "not_built", "aborted")
_RANK = {status: rank for rank, status in enumerate(STATUSES)}


def worst(*statuses: str) -> str:
    """The worst of some statuses; ``success`` when there is none."""
    return max(statuses, key=_RANK.__getitem__, default="success")


def is_worse(status: str, other: str) -> bool:
    """Whether the first status is worse than the second."""
    return _RANK[status] > _RANK[other]


@dataclass
class StageRun:
    """What became of a stage.

    Attributes:
        path: the names on the way to it, its own last.
        line: where it begins in the file.
        status: ``success``, ``unstable``, ``failure``, ``not_built``, ``aborted``; ``skipped`` by its when or after an unstable
            stage; ``not reached`` after an earlier failure; ``left out`` because it was not chosen.
        reason: why, when it is not success.
        seconds: how long it took.
        began: seconds from the begin of the run to that of the stage.
        output: what its commands printed, and those of its post.
        warning: the worst status that a step gave it without failing: ``unstable``, ``catchError`` and the like.
    """

    path: tuple[str, ...]
    line: int
    status: str = "not reached"
    reason: str = ""
    seconds: float = 0.0
    began: float = 0.0
    output: list[str] = field(default_factory=list)
    warning: str = "success"

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path[-1]


@dataclass
class Run:
    """What became of a pipeline.

    Attributes:
        result: the status of the whole.
        stages: every stage in the order of the file.
        output: what the pipeline's own post printed.
        left_out: what was noted and not done, each with its line.
    """

    result: str
    stages: list[StageRun]
    output: list[str]
    left_out: list[str]

    def __getitem__(self, name: str) -> StageRun:
        """The first stage of this name."""
        return next(stage for stage in self.stages if stage.name == name)


@dataclass
class Build:
    """The result of the build so far: it can only get worse.

    Attributes:
        previous: the result of the build before; None when this is the first one.
        began: when it began, in seconds since 1970.
        assigned: the environment variables that ``env.NAME = ...`` has set, from then on for the whole build.
    """

    previous: str | None = None
    began: float = 0.0
    result: str = "success"
    assigned: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def worsen(self, status: str) -> None:
        """Take a status up, if it is worse than the result so far."""
        with self.lock:
            self.result = worst(self.result, status)


class Failed(Exception):
    """A step failed; the message says which and how. The stage that it belongs to takes it up."""

    status = "failure"

    def within(self, where: str) -> Failed:
        """The same failure, as what is around it sees it."""
        outer = type(self)(f"{where}: {self}")
        outer.__dict__.update(self.__dict__)
        return outer


class Aborted(Failed):
    """A step was ended: out of time, or another branch has failed.

    Attributes:
        source: what ended it.
        actual: whether it is still on its way to what ended it; a timeout that has left its own block can be tried again.
    """

    status = "aborted"
    source: object = None
    actual = True


class Halted(Exception):
    """The runner itself was interrupted: everything ends, and nothing more of the pipeline runs."""


def first_of(failures: Iterable[Failed]) -> Failed | None:
    """The failure that a parallel ends with: the first one, but what was interrupted comes after what failed."""
    return min(failures, key=lambda failure: failure.status == "aborted", default=None)
