"""What the controller sees at one turn of its loop: its own settings, the pods, their metrics, the time.

All values are whole thousandths (``500`` is half a processor), all times seconds on one clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from companion.errors import MetricError

#: longer ago than any period, and still a number: a moment after it is later than it (Go's zero time)
LONG_AGO = -1e9


@dataclass(frozen=True)
class Settings:
    """The controller's own settings (flags of ``kube-controller-manager``), and whose rules it follows.

    Attributes:
        sync_seconds: one turn of the loop.
        tolerance: share around the target within which nothing changes, where the manifest says nothing.
        cpu_initialization_seconds, initial_readiness_seconds: see ``replicas.group_pods``.
        down_window_seconds: stabilisation on the way down, where the manifest says nothing.
        rules: ``current``, or those of release ``1.20``, which differ in that
            pods that have *succeeded* still count (now they are ignored);
            the tolerance is checked as ``|1 - ratio| <= tolerance`` (now ``1 - down <= ratio <= 1 + up``: they disagree in the
            last bit, 110 against 100 at a tolerance of 0.1);
            on the way down a pod without a metric counts as its whole request (now as the target, if that is more);
            a plain metric is not checked for a change of direction by count (now it is), and when it is exactly at its target,
            its silent pods count as nothing (now they are left out: nothing moves);
            only the window of one direction is looked at (now both); a rate only sees past events of its own direction (now
            both); and a failed metric does not forbid the way down (now it does).
    """

    sync_seconds: int = 15
    tolerance: float = 0.1
    cpu_initialization_seconds: float = 300
    initial_readiness_seconds: float = 30
    down_window_seconds: int = 300
    rules: Literal["current", "1.20"] = "current"


DEFAULTS = Settings()


@dataclass(frozen=True, slots=True)
class Pod:
    """What the controller sees of a pod.

    Attributes:
        phase: ``Pending``, ``Running``, ``Succeeded`` or ``Failed``.
        ready: the Ready condition; None when it has none yet.
        started: when its kubelet acknowledged it; None when none has.
        ready_changed: when the Ready condition last changed.
        deleted: it has a deletion timestamp.
        requests: thousandths by resource, by container; under ``""`` those of the pod as a whole, where it has any.
        count: how many pods look exactly like this one. A simulation saves its time with that; a cluster has ones.
    """

    name: str
    phase: str = "Running"
    ready: bool | None = True
    started: float | None = LONG_AGO
    ready_changed: float | None = LONG_AGO
    deleted: bool = False
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    count: int = 1


class PodMetric(NamedTuple):
    """A pod's metric: ``usage`` in thousandths, the mean over the ``window`` seconds that ended at ``taken``."""

    usage: int
    taken: float = LONG_AGO
    window: float = 60


#: what a metrics API answered: metrics by pod, values in total, or why it did not
Reading = Mapping[str, PodMetric] | Sequence[int] | MetricError


@dataclass(frozen=True)
class Turn:
    """One turn of the loop: what is the same for every metric of an autoscaler.

    Attributes:
        current: replicas that the target's spec asks for.
        pods: of the target.
        now: seconds.
        status_replicas: that the target has; None for ``current``.
        settings: the controller's own.
    """

    current: int
    pods: Sequence[Pod] = ()
    now: float = 0.0
    status_replicas: int | None = None
    settings: Settings = DEFAULTS
