"""How many replicas one metric asks for: ``replica_calculator.go`` of the Kubernetes controller, rule by rule.

All values are whole thousandths (``500`` is half a processor), all times seconds on one clock.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from companion.errors import MetricError
from companion.simulate.hpa.manifest import Autoscaler, Metric

#: longer ago than any period, and still a number: a moment after it is later than it (Go's zero time)
LONG_AGO = -1e9
_MOST_REPLICAS = 2**31 - 1


@dataclass(frozen=True)
class Settings:
    """The controller's own settings (flags of ``kube-controller-manager``), and whose rules it follows.

    Attributes:
        sync_seconds: one turn of the loop.
        tolerance: share around the target within which nothing changes, where the manifest says nothing.
        cpu_initialization_seconds, initial_readiness_seconds: see ``group_pods``.
        down_window_seconds: stabilisation on the way down, where the manifest says nothing.
        rules: ``current``, or those of release ``1.20``, which differ in that
            pods that have *succeeded* still count (now they are ignored);
            the tolerance is checked as ``|1 - ratio| <= tolerance`` (now ``1 - down <= ratio <= 1 + up``: they disagree in the
            last bit, 110 against 100 at a tolerance of 0.1);
            on the way down a pod without a metric counts as its whole request (now as the target, if that is more);
            a plain metric is not checked for a change of direction by count (now it is);
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
        requests: thousandths by resource, by container.
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


class Sample(NamedTuple):
    """A pod's metric: ``usage`` in thousandths, the mean over the ``window`` seconds that ended at ``taken``."""

    usage: int
    taken: float = LONG_AGO
    window: float = 60


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


def group_pods(
    pods: Sequence[Pod],
    having: Collection[str],
    samples: Mapping[str, Sample],
    now: float,
    *,
    cpu: bool,
    settings=DEFAULTS,
) -> Groups:
    """Sort pods into ready, unready, missing and ignored (``groupPods``).

    Deleted and failed pods are ignored. Pending ones are unready. A running pod without a sample is missing. For CPU only, a
    pod with a sample is still unready when it has no start time or no Ready condition; within ``cpu_initialization_seconds``
    of its start, when it is not ready or its sample reaches back before it became so; later, when it is not ready and was so
    since ``initial_readiness_seconds`` after its start at the latest (it has never been ready).

    Args:
        having: names of the pods with a sample.
    """
    over = ("Failed",) if settings.rules == "1.20" else ("Failed", "Succeeded")
    ready, unready, missing, ignored = 0, [], [], []
    for pod in pods:
        if pod.deleted or pod.phase in over:
            ignored.append(pod.name)
        elif pod.phase == "Pending":
            unready.append(pod.name)
        elif pod.name not in having:
            missing.append(pod.name)
        elif cpu and _still_starting(pod, samples[pod.name], now, settings):
            unready.append(pod.name)
        else:
            ready += pod.count
    return Groups(ready, frozenset(unready), frozenset(missing), frozenset(ignored))


def _still_starting(pod: Pod, sample: Sample, now: float, settings: Settings) -> bool:
    if pod.ready is None or pod.started is None:
        return True
    changed = LONG_AGO if pod.ready_changed is None else pod.ready_changed
    if pod.started + settings.cpu_initialization_seconds > now:
        return pod.ready is False or sample.taken < changed + sample.window
    return pod.ready is False and pod.started + settings.initial_readiness_seconds > changed


def request_of(pod: Pod, resource: str, container: str | None = None) -> int:
    """What a pod requests of a resource, over all its containers or of one.

    Raises:
        MetricError: a container that counts requests nothing of it, or the container is not there.
    """
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
    current: int,
    target: int,
    pods: Sequence[Pod],
    samples: Mapping[str, Sample],
    now: float,
    *,
    tolerance: Tolerance,
    resource: str = "cpu",
    container: str | None = None,
    settings: Settings = DEFAULTS,
) -> Proposal:
    """For a target in % of the request (``GetResourceReplicas``).

    The utilisation is an integer, truncated, and the ratio is made from that. Without pods that are unready on a way up or
    missing a metric, the answer is ``ceil(ratio * ready pods)``, not times the current replicas. Otherwise the ratio is made
    again with those pods filled in against the direction: on the way down a missing one counts as its whole request (or the
    target, if that is more), on the way up missing and unready ones as nothing. When that turns the direction, nothing happens.
    """
    groups, usage = _usable(pods, samples, now, resource == "cpu", settings)
    counts = {pod.name: pod.count for pod in pods}
    requests = {pod.name: request_of(pod, resource, container) for pod in pods}

    def measure(usage: Mapping[str, int]) -> tuple[float, int, int]:
        known = [name for name in usage if name in requests]
        requested = sum(requests[name] * counts[name] for name in known)
        if requested == 0:
            raise MetricError("no metrics returned matched known pods")
        used = sum(usage[name] * counts[name] for name in known)
        utilization = used * 100 // requested
        return utilization / target, utilization, used // sum(counts[name] for name in known)

    fallback = max(100, target) if settings.rules == "current" else 100
    full = {name: requests[name] * fallback // 100 for name in groups.missing}
    ratio, utilization, value = measure(usage)

    def again(filled: Mapping[str, int]) -> float:
        return measure(filled)[0]

    replicas = _decide(current, ratio, usage, groups, counts, full, again, tolerance, check_count=True)
    return Proposal(replicas, utilization, value, ratio)


def average_replicas(
    current: int,
    target: int,
    pods: Sequence[Pod],
    samples: Mapping[str, Sample],
    now: float,
    *,
    tolerance: Tolerance,
    cpu: bool = False,
    settings: Settings = DEFAULTS,
) -> Proposal:
    """For a target of so much a pod: ``Pods`` metrics and ``AverageValue`` of a resource (``calcPlainMetricReplicas``).

    As for a utilisation, but of the truncated mean; a missing pod counts as exactly the target on the way down.
    """
    groups, usage = _usable(pods, samples, now, cpu, settings)
    counts = {pod.name: pod.count for pod in pods}

    def mean(usage: Mapping[str, int]) -> int:
        number = sum(counts.get(name, 1) for name in usage)
        return sum(value * counts.get(name, 1) for name, value in usage.items()) // number

    value = mean(usage)
    full = dict.fromkeys(groups.missing, target)

    def again(filled: Mapping[str, int]) -> float:
        return mean(filled) / target

    check = settings.rules == "current"
    replicas = _decide(current, value / target, usage, groups, counts, full, again, tolerance, check_count=check)
    return Proposal(replicas, None, value, value / target)


def _usable(pods, samples, now, cpu, settings) -> tuple[Groups, dict[str, int]]:
    """Groups, and the usage by name of those samples that count; a sample without a pod stays in, as it does upstream."""
    if not pods:
        raise MetricError("no pods returned by selector while calculating replica count")
    groups = group_pods(pods, samples.keys(), samples, now, cpu=cpu, settings=settings)
    usage = {n: s.usage for n, s in samples.items() if n not in groups.ignored and n not in groups.unready}
    if not usage:
        raise MetricError("did not receive metrics for targeted pods (pods might be unready)")
    return groups, usage


def _decide(current, ratio, usage, groups, counts, full, again, tolerance, *, check_count) -> int:
    """The part that both kinds of pod metrics share; ``full`` is what a missing pod counts on the way down."""
    up_with_unready = bool(groups.unready) and ratio > 1.0
    if not up_with_unready and not groups.missing:
        return current if tolerance.holds(ratio) else _ceil(ratio * groups.ready_count)
    filled = dict(usage)
    if ratio < 1.0:
        filled |= full
    elif ratio > 1.0:
        filled |= dict.fromkeys(groups.missing, 0)
    if up_with_unready:
        filled |= dict.fromkeys(groups.unready, 0)
    new = again(filled)
    if tolerance.holds(new) or (ratio < 1.0 < new) or (new < 1.0 < ratio):
        return current
    replicas = _ceil(new * sum(counts.get(name, 1) for name in filled))
    if check_count and ((new < 1.0 and replicas > current) or (new > 1.0 and replicas < current)):
        return current
    return replicas


def total_replicas(
    current: int, target: int, values: Sequence[int], pods: Sequence[Pod], *, tolerance: Tolerance
) -> Proposal:
    """For a target in total: ``Value`` of ``Object`` and ``External`` metrics (``getUsageRatioReplicaCount``).

    ``ceil(ratio * pods that are Running and Ready)``; from zero replicas ``ceil(ratio)``.
    """
    total = sum(values)
    ratio = total / target
    if current == 0:
        return Proposal(_ceil(ratio), None, total, ratio)
    if tolerance.holds(ratio):
        return Proposal(current, None, total, ratio)
    if not pods:
        raise MetricError(
            "unable to calculate ready pods: no pods returned by selector while calculating replica count"
        )
    ready = sum(pod.count for pod in pods if pod.phase == "Running" and pod.ready)
    return Proposal(_ceil(ratio * ready), None, total, ratio)


def per_pod_replicas(replicas: int, target: int, values: Sequence[int], *, tolerance: Tolerance) -> Proposal:
    """For a share a pod of a total: ``AverageValue`` of ``Object`` and ``External`` metrics (``Get…PerPodMetricReplicas``).

    Args:
        replicas: that the target's *status* reports; pods are not looked at.
    """
    total = sum(values)
    ratio = total / (target * replicas) if replicas else math.inf
    value = _ceil(total / replicas) if replicas else 0
    if not tolerance.holds(ratio):
        replicas = _ceil(total / target)
    return Proposal(replicas, None, value, ratio)


def _ceil(value: float) -> int:
    return min(math.ceil(value), _MOST_REPLICAS)


#: what a metrics API answered: samples by pod, values in total, or why it did not
Reading = Mapping[str, Sample] | Sequence[int] | MetricError


def propose(
    metric: Metric,
    reading: Reading,
    pods: Sequence[Pod],
    *,
    current: int,
    now: float,
    status_replicas: int | None = None,
    tolerance: Tolerance | None = None,
    settings: Settings = DEFAULTS,
) -> Proposal:
    """What one metric asks for, by its type and its kind of target (``computeReplicasForMetric``).

    Args:
        reading: samples by pod name for pod metrics; values for ``Object`` and ``External``; a MetricError is raised.
        current: replicas that the target's spec asks for.
        status_replicas: that it has; ``current`` by default.

    Raises:
        MetricError: no replica count follows; the message is the controller's.
    """
    if isinstance(reading, MetricError):
        raise reading
    if tolerance is None:
        tolerance = Tolerance(settings.tolerance, settings.tolerance, settings.rules == "current")
    if metric.type in ("Object", "External"):
        if metric.target_type == "Value":
            return total_replicas(current, metric.target, reading, pods, tolerance=tolerance)
        has = current if status_replicas is None else status_replicas
        return per_pod_replicas(has, metric.target, reading, tolerance=tolerance)
    if metric.target_type == "Utilization":
        options = {"resource": metric.name, "container": metric.container, "settings": settings}
        return utilization_replicas(current, metric.target, pods, reading, now, tolerance=tolerance, **options)
    cpu = metric.type != "Pods" and metric.name == "cpu"
    return average_replicas(current, metric.target, pods, reading, now, tolerance=tolerance, cpu=cpu, settings=settings)
