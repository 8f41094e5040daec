"""One turn of the control loop (``reconcileAutoscaler`` in ``horizontal.go``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from companion.errors import SettingError
from companion.simulate.hpa import behaviour as rules
from companion.simulate.hpa.behaviour import History, Recommendation
from companion.simulate.hpa.manifest import Autoscaler, Metric
from companion.simulate.hpa.replicas import (
    DEFAULTS,
    MetricError,
    Pod,
    Proposal,
    Reading,
    Settings,
    propose,
    tolerance_of,
)

#: the reason of ScalingActive=False when a metric of this type fails
_FAILED = {
    "Resource": "FailedGetResourceMetric",
    "ContainerResource": "FailedGetContainerResourceMetric",
    "Pods": "FailedGetPodsMetric",
    "Object": "FailedGetObjectMetric",
    "External": "FailedGetExternalMetric",
}


class Condition(NamedTuple):
    status: bool
    reason: str


@dataclass(frozen=True)
class Decision:
    """What a turn came to.

    Attributes:
        replicas: that the target is set to.
        recommended: by the metrics, before windows, rates and bounds; None when metrics were not asked.
        reason: of a rescale, as its event says it; empty when nothing changed.
        conditions: ``AbleToScale``, ``ScalingActive`` and ``ScalingLimited``, each with status and reason.
        proposals: one a metric; a MetricError where it failed.
        history: to hand to the next turn.
    """

    replicas: int
    recommended: int | None
    reason: str
    conditions: Mapping[str, Condition]
    history: History
    proposals: tuple[Proposal | MetricError, ...] = field(default=())


def reconcile(
    scaler: Autoscaler,
    current: int,
    pods: Sequence[Pod],
    readings: Sequence[Reading],
    now: float,
    history: History | None = None,
    *,
    status_replicas: int | None = None,
    conditions: Mapping[str, Condition] | None = None,
    settings: Settings = DEFAULTS,
) -> Decision:
    """Decide how many replicas the target shall have.

    Zero replicas with a minimum above zero switch the autoscaler off. Outside the bounds the nearest bound is taken and metrics
    are not asked. Otherwise the largest proposal counts; when a metric fails and the others would scale down, or when all
    fail, nothing changes. Then windows, rates and bounds.

    Args:
        current: replicas that the target's spec asks for.
        readings: one for each of the autoscaler's metrics.
        now: seconds.
        history, conditions: of the turn before; nothing at the first.
        status_replicas: that the target has; ``current`` by default.
    """
    history = history or History()
    if not history.recommendations:
        history = replace(history, recommendations=(Recommendation(now, current),))
    states = dict(conditions or {}) | {"AbleToScale": Condition(True, "SucceededGetScale")}
    if current == 0 and scaler.minimum != 0:
        states["ScalingActive"] = Condition(False, "ScalingDisabled")
        return Decision(0, None, "", states, history)
    if current > scaler.maximum:
        why = "Current number of replicas above Spec.MaxReplicas"
        return _rescaled(scaler, current, scaler.maximum, None, why, states, history, now)
    if current < scaler.minimum:
        why = "Current number of replicas below Spec.MinReplicas"
        return _rescaled(scaler, current, scaler.minimum, None, why, states, history, now)

    proposals = _proposals(scaler, current, pods, readings, now, status_replicas, settings)
    good = [
        (p.replicas, metric) for p, metric in zip(proposals, scaler.metrics, strict=True) if isinstance(p, Proposal)
    ]
    failed = [m for p, m in zip(proposals, scaler.metrics, strict=True) if isinstance(p, MetricError)]
    desired, leading = max(good, key=lambda pair: pair[0], default=(0, None))
    # 1.20 carried on with the metrics that work, whichever way; now a failed one forbids the way down
    careful = settings.rules == "current" and desired < current
    if not good or (failed and careful):
        states["ScalingActive"] = Condition(False, _FAILED[failed[0].type])
        return Decision(current, None, "", states, history, proposals)
    states["ScalingActive"] = Condition(True, "ValidMetricFound")
    why = ""
    if desired > current:
        why = f"{describe(leading)} above target"
    elif desired < current:
        why = "All metrics below target"
    bounds = (scaler.minimum, scaler.maximum)
    if scaler.behaviour is None:
        stable, history = rules.stabilise_down(desired, history, now, settings)
        limited = rules.limit_without_behaviour(current, stable.replicas, bounds)
    else:
        stable, history = rules.stabilise(desired, current, history, now, scaler.behaviour, settings)
        limited = rules.limit(current, stable.replicas, bounds, scaler.behaviour, history, now, settings)
    states["AbleToScale"] = Condition(True, stable.reason)
    states["ScalingLimited"] = Condition(limited.replicas != stable.replicas, limited.reason)
    if limited.replicas == current:
        return Decision(current, desired, "", states, history, proposals)
    return _rescaled(scaler, current, limited.replicas, desired, why, states, history, now, proposals)


def describe(metric: Metric) -> str:
    """A metric as events name it."""
    if metric.type in ("Resource", "ContainerResource"):
        if metric.target_type == "Utilization":
            inner = " container" if metric.container else ""
            return f"{metric.name}{inner} resource utilization (percentage of request)"
        return f"{metric.name} resource"
    return f"{metric.type.lower()} metric {metric.name}"


def _proposals(scaler, current, pods, readings, now, status_replicas, settings) -> tuple[Proposal | MetricError, ...]:
    if len(readings) != len(scaler.metrics):
        raise SettingError(f"{scaler.name} has {len(scaler.metrics)} metrics, but {len(readings)} readings were given")
    found, tolerance = [], tolerance_of(scaler, settings)
    options = {"current": current, "now": now, "status_replicas": status_replicas, "settings": settings}
    for metric, reading in zip(scaler.metrics, readings, strict=True):
        try:
            found.append(propose(metric, reading, pods, tolerance=tolerance, **options))
        except MetricError as error:
            found.append(error)
    return tuple(found)


def _rescaled(scaler, before, after, recommended, why, states, history, now, proposals=()) -> Decision:
    states["AbleToScale"] = Condition(True, "SucceededRescale")
    history = rules.remember(history, before, after, now, scaler.behaviour)
    return Decision(after, recommended, why, states, history, proposals)
