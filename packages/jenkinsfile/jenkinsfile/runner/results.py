"""What became of a run and of its stages, and how a step says that it failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

_RANK = {"success": 0, "unstable": 1, "failure": 2, "aborted": 3}
STATUSES = tuple(_RANK)


def worst(statuses: Iterable[str]) -> str:
    """The worst of some statuses; ``success`` when there is none."""
    return max(statuses, key=_RANK.__getitem__, default="success")


def is_failure(status: str) -> bool:
    """Whether what comes after a stage of this status is not reached."""
    return _RANK[status] >= _RANK["failure"]


@dataclass
class StageRun:
    """What became of a stage.

    Attributes:
        path: the names on the way to it, its own last.
        line: where it begins in the file.
        status: ``success``, ``unstable``, ``failure``, ``aborted``; ``skipped`` by its when; ``not reached`` after an
            earlier failure; ``left out`` because it was not chosen.
        reason: why, when it is not success.
        seconds: how long it took.
        began: seconds from the begin of the run to that of the stage.
        output: what its commands printed, and those of its post.
    """

    path: tuple[str, ...]
    line: int
    status: str = "not reached"
    reason: str = ""
    seconds: float = 0.0
    began: float = 0.0
    output: list[str] = field(default_factory=list)

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
        left_out: the steps that were noted and not run, each with its line.
    """

    result: str
    stages: list[StageRun]
    output: list[str]
    left_out: list[str]

    def __getitem__(self, name: str) -> StageRun:
        """The first stage of this name."""
        return next(stage for stage in self.stages if stage.name == name)


class Failed(Exception):
    """A step failed; the message says which and how. The stage that it belongs to takes it up."""

    status = "failure"


class Aborted(Failed):
    """A step was ended: out of time, or another branch has failed."""

    status = "aborted"
