"""How many replicas one metric asks for: ``replica_calculator.go`` of the Kubernetes controller, rule by rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from companion.errors import SettingError
from companion.simulate.hpa.manifest import Autoscaler, Metric
from companion.simulate.hpa.turn import DEFAULTS, LONG_AGO, MetricError, Pod, PodMetric, Reading, Settings, Turn
from companion.simulate.hpa.workload import WHOLE_POD

_MOST_REPLICAS = 2**31 - 1


class Groups(NamedTuple):
    """Pods by name: counted now (only their number), not ready, without a metric, out of the question."""

    ready_count: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


class Proposal(NamedTuple):
    """What one metric asks for.

    Attributes:
        replicas: before windows, rates and bounds.
        utilization: in % of the request, truncated, for a utilisation target; else None.
        value: mean a pod, or the total, in thousandths: what ``kubectl get hpa`` shows.
        ratio: of value to target, before pods are filled in.
    """

    replicas: int
    utilization: int | None
    value: int
    ratio: float


class Tolerance(NamedTuple):
    """Shares below and above the target; ``interval`` is the present check, else that of 1.20 (see ``Settings``)."""

    down: float
    up: float
    interval: bool = True

    def holds(self, ratio: float) -> bool:
        """Whether ``ratio`` is too close to 1 to act on."""
        if self.interval:
            return 1.0 - self.down <= ratio <= 1.0 + self.up
        return abs(1.0 - ratio) <= self.up


def tolerance_of(scaler: Autoscaler, settings: Settings = DEFAULTS) -> Tolerance:
    """The manifest's tolerances where it has them (KEP-4951), the controller's where not."""
    down = up = None
    if scaler.behaviour and settings.rules == "current":
        down, up = scaler.behaviour.down.tolerance, scaler.behaviour.up.tolerance
    down = settings.tolerance if down is None else down
    up = settings.tolerance if up is None else up
    return Tolerance(down, up, settings.rules == "current")


def group_pods(turn: Turn, samples: Mapping[str, PodMetric], *, cpu: bool) -> Groups:
    """Sort pods into ready, unready, missing and ignored (``groupPods``).

    Deleted and failed pods are ignored. Pending ones are unready. A running pod without a sample is missing. For CPU only, a
    pod with a sample is still unready when it has no start time or no Ready condition; within ``cpu_initialization_seconds``
    of its start, when it is not ready or its sample reaches back before it became so; later, when it is not ready and was so
    since ``initial_readiness_seconds`` after its start at the latest (it has never been ready).

    Args:
        samples: by pod.
    """
    over = ("Failed",) if turn.settings.rules == "1.20" else ("Failed", "Succeeded")
    ready = 0
    unready: list[str] = []
    missing: list[str] = []
    ignored: list[str] = []
    for pod in turn.pods:
        if pod.deleted or pod.phase in over:
            ignored.append(pod.name)
        elif pod.phase == "Pending":
            unready.append(pod.name)
        elif pod.name not in samples:
            missing.append(pod.name)
        elif cpu and _still_starting(pod, samples[pod.name], turn):
            unready.append(pod.name)
        else:
            ready += pod.count
    return Groups(ready, frozenset(unready), frozenset(missing), frozenset(ignored))


def _still_starting(pod: Pod, sample: PodMetric, turn: Turn) -> bool:
    if pod.ready is None or pod.started is None:
        return True
    changed = LONG_AGO if pod.ready_changed is None else pod.ready_changed
    if pod.started + turn.settings.cpu_initialization_seconds > turn.now:
        return pod.ready is False or sample.taken < changed + sample.window
    return pod.ready is False and pod.started + turn.settings.initial_readiness_seconds > changed


def request_of(pod: Pod, resource: str, container: str | None = None) -> int:
    """What a pod requests of a resource: as a whole where it does (KEP-2837), else over all its containers; or of one.

    Raises:
        MetricError: a container that counts requests nothing of it, or the container is not there.
    """
    if container is None and WHOLE_POD in pod.requests:
        if resource not in pod.requests[WHOLE_POD]:
            raise MetricError(f"missing pod-level request for {resource} in pod {pod.name}")
        return pod.requests[WHOLE_POD][resource]
    if container is not None and container not in pod.requests:
        raise MetricError(f"container {container} not found in pod {pod.name}")
    total = 0
    for name, requests in pod.requests.items():
        if container in (None, name):
            if resource not in requests:
                raise MetricError(f"missing request for {resource} in container {name} of pod {pod.name}")
            total += requests[resource]
    return total


def utilization_replicas(
    metric: Metric, samples: Mapping[str, PodMetric], turn: Turn, tolerance: Tolerance
) -> Proposal:
    """For a target in % of the request (``GetResourceReplicas``).

    The utilisation is an integer, truncated, and the ratio is made from that. Without pods that are unready on a way up or
    missing a metric, the answer is ``ceil(ratio * ready pods)``, not times the current replicas. Otherwise the ratio is made
    again with those pods filled in against the direction: on the way down a missing one counts as its whole request (or the
    target, if that is more), on the way up missing and unready ones as nothing. When that turns the direction, nothing happens.
    """
    groups, usage = _usable(turn, samples, cpu=metric.name == "cpu")
    counts = {pod.name: pod.count for pod in turn.pods}
    requests = {pod.name: request_of(pod, metric.name, metric.container) for pod in turn.pods}

    def measure(usage: Mapping[str, int]) -> tuple[float, int, int]:
        known = [name for name in usage if name in requests]
        requested = sum(requests[name] * counts[name] for name in known)
        if requested == 0:
            raise MetricError("no metrics returned matched known pods")
        used = sum(usage[name] * counts[name] for name in known)
        utilization = used * 100 // requested
        return utilization / metric.target, utilization, used // sum(counts[name] for name in known)

    fallback = max(100, metric.target) if turn.settings.rules == "current" else 100
    full = {name: requests[name] * fallback // 100 for name in groups.missing}
    ratio, utilization, value = measure(usage)
    measured = _Measured(groups, usage, counts, full, lambda filled: measure(filled)[0])
    return Proposal(_decide(measured, turn.current, tolerance), utilization, value, ratio)


def average_replicas(metric: Metric, samples: Mapping[str, PodMetric], turn: Turn, tolerance: Tolerance) -> Proposal:
    """For a target of so much a pod: ``Pods`` metrics and ``AverageValue`` of a resource (``calcPlainMetricReplicas``).

    As for a utilisation, but of the truncated mean; a missing pod counts as exactly the target on the way down.
    """
    groups, usage = _usable(turn, samples, cpu=metric.type != "Pods" and metric.name == "cpu")
    counts = {pod.name: pod.count for pod in turn.pods}

    def mean(usage: Mapping[str, int]) -> int:
        number = sum(counts.get(name, 1) for name in usage)
        return sum(value * counts.get(name, 1) for name, value in usage.items()) // number

    full = dict.fromkeys(groups.missing, metric.target)
    value, old = mean(usage), turn.settings.rules == "1.20"
    measured = _Measured(groups, usage, counts, full, lambda filled: mean(filled) / metric.target)
    return Proposal(
        _decide(measured, turn.current, tolerance, plain_of_1_20=old), None, value, measured.ratio_of(usage)
    )


def _usable(turn: Turn, samples: Mapping[str, PodMetric], *, cpu: bool) -> tuple[Groups, dict[str, int]]:
    """Groups, and the usage by name of those samples that count; a sample without a pod stays in, as it does upstream."""
    if not turn.pods:
        raise MetricError("no pods returned by selector while calculating replica count")
    groups = group_pods(turn, samples, cpu=cpu)
    usage = {n: s.usage for n, s in samples.items() if n not in groups.ignored and n not in groups.unready}
    if not usage:
        raise MetricError("did not receive metrics for targeted pods (pods might be unready)")
    return groups, usage


@dataclass(frozen=True)
class _Measured:
    """What both kinds of pod metrics have in common.

    Attributes:
        usage: by pod, of those that count.
        counts: pods that look alike, by name.
        full: what a missing pod counts on the way down, by name.
        ratio_of: from usage by pod to its ratio to the target.
    """

    groups: Groups
    usage: Mapping[str, int]
    counts: Mapping[str, int]
    full: Mapping[str, int]
    ratio_of: Callable[[Mapping[str, int]], float]


def _decide(measured: _Measured, current: int, tolerance: Tolerance, *, plain_of_1_20: bool = False) -> int:
    """Replicas from the ratio, with silent pods filled in. Release 1.20 fills them in with nothing for a plain metric that is
    exactly at its target, too, and does not check the direction of a plain metric by count."""
    groups, ratio = measured.groups, measured.ratio_of(measured.usage)
    up_with_unready = bool(groups.unready) and ratio > 1.0
    if not up_with_unready and not groups.missing:
        return current if tolerance.holds(ratio) else _ceil(ratio * groups.ready_count)
    filled = dict(measured.usage)
    if ratio < 1.0:
        filled |= measured.full
    elif ratio > 1.0 or plain_of_1_20:
        filled |= dict.fromkeys(groups.missing, 0)
    if up_with_unready:
        filled |= dict.fromkeys(groups.unready, 0)
    new = measured.ratio_of(filled)
    if tolerance.holds(new) or (ratio < 1.0 < new) or (new < 1.0 < ratio):
        return current
    replicas = _ceil(new * sum(measured.counts.get(name, 1) for name in filled))
    if not plain_of_1_20 and ((new < 1.0 and replicas > current) or (new > 1.0 and replicas < current)):
        return current
    return replicas


def total_replicas(metric: Metric, values: Sequence[int], turn: Turn, tolerance: Tolerance) -> Proposal:
    """For a target in total: ``Value`` of ``Object`` and ``External`` metrics (``getUsageRatioReplicaCount``).

    ``ceil(ratio * pods that are Running and Ready)``; from zero replicas ``ceil(ratio)``.
    """
    total = sum(values)
    ratio = total / metric.target
    if turn.current == 0:
        return Proposal(_ceil(ratio), None, total, ratio)
    if tolerance.holds(ratio):
        return Proposal(turn.current, None, total, ratio)
    if not turn.pods:
        raise MetricError(
            "unable to calculate ready pods: no pods returned by selector while calculating replica count"
        )
    ready = sum(pod.count for pod in turn.pods if pod.phase == "Running" and pod.ready)
    return Proposal(_ceil(ratio * ready), None, total, ratio)


def per_pod_replicas(metric: Metric, values: Sequence[int], turn: Turn, tolerance: Tolerance) -> Proposal:
    """For a share a pod of a total: ``AverageValue`` of ``Object`` and ``External`` metrics (``Get…PerPodMetricReplicas``).

    The replicas that count are those that the target's *status* reports; pods are not looked at.
    """
    replicas = turn.current if turn.status_replicas is None else turn.status_replicas
    total = sum(values)
    ratio = total / (metric.target * replicas) if replicas else math.inf
    value = _ceil(total / replicas) if replicas else 0
    if not tolerance.holds(ratio):
        replicas = _ceil(total / metric.target)
    return Proposal(replicas, None, value, ratio)


def _ceil(value: float) -> int:
    return min(math.ceil(value), _MOST_REPLICAS)


def propose(metric: Metric, reading: Reading, turn: Turn, tolerance: Tolerance | None = None) -> Proposal:
    """What one metric asks for, by its type and its kind of target (``computeReplicasForMetric``).

    Args:
        reading: metrics by pod name for pod metrics; values for ``Object`` and ``External``; a MetricError is raised.
        tolerance: the controller's own by default.

    Raises:
        MetricError: no replica count follows; the message is the controller's.
        SettingError: a reading of the wrong kind for the metric.
    """
    if isinstance(reading, MetricError):
        raise reading
    if tolerance is None:
        tolerance = Tolerance(turn.settings.tolerance, turn.settings.tolerance, turn.settings.rules == "current")
    if metric.type in ("Object", "External"):
        if isinstance(reading, Mapping):
            raise SettingError(f"the metric {metric.name} is one of type {metric.type}: it is read as a list of values")
        in_total = metric.target_type == "Value"
        return (total_replicas if in_total else per_pod_replicas)(metric, reading, turn, tolerance)
    if not isinstance(reading, Mapping):
        raise SettingError(f"the metric {metric.name} is one of type {metric.type}: it is read as metrics by pod")
    as_share = metric.target_type == "Utilization"
    return (utilization_replicas if as_share else average_replicas)(metric, reading, turn, tolerance)
