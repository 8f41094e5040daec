"""One turn of the control loop (``reconcileAutoscaler`` in ``horizontal.go``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from companion.errors import SettingError
from companion.simulate.hpa import behaviour as rules
from companion.simulate.hpa.behaviour import History, Recommendation
from companion.simulate.hpa.manifest import Autoscaler, Metric
from companion.simulate.hpa.replicas import Proposal, propose, tolerance_of
from companion.simulate.hpa.turn import MetricError, Reading, Turn

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
    turn: Turn,
    readings: Sequence[Reading],
    history: History | None = None,
    conditions: Mapping[str, Condition] | None = None,
) -> Decision:
    """Decide how many replicas the target shall have.

    Zero replicas with a minimum above zero switch the autoscaler off. Outside the bounds the nearest bound is taken and metrics
    are not asked. Otherwise the largest proposal counts; when a metric fails and the others would scale down, or when all
    fail, nothing changes. Then windows, rates and bounds.

    Args:
        readings: one for each of the autoscaler's metrics.
        history, conditions: of the turn before; nothing at the first.

    Raises:
        SettingError: not as many readings as metrics, or one of the wrong kind.
    """
    current, history = turn.current, history or History()
    if not history.recommendations:
        history = replace(history, recommendations=(Recommendation(turn.now, current),))
    states = dict(conditions or {}) | {"AbleToScale": Condition(True, "SucceededGetScale")}
    if current == 0 and scaler.minimum != 0:
        states["ScalingActive"] = Condition(False, "ScalingDisabled")
        return Decision(0, None, "", states, history)
    if not scaler.minimum <= current <= scaler.maximum:
        bound, word = (
            (scaler.maximum, "above Spec.Max") if current > scaler.maximum else (scaler.minimum, "below Spec.Min")
        )
        why = f"Current number of replicas {word}Replicas"
        return _rescaled(Decision(bound, None, why, states, history), scaler, turn)

    proposals = _proposals(scaler, turn, readings)
    answers = list(zip(proposals, scaler.metrics, strict=True))
    good = [(proposal.replicas, metric) for proposal, metric in answers if isinstance(proposal, Proposal)]
    failed = [metric for proposal, metric in answers if isinstance(proposal, MetricError)]
    desired = max((replicas for replicas, _ in good), default=0)
    # 1.20 carried on with the metrics that work, whichever way; now a failed one forbids the way down
    careful = turn.settings.rules == "current" and desired < current
    if not good or (failed and careful):
        states["ScalingActive"] = Condition(False, _FAILED[failed[0].type])
        return Decision(current, None, "", states, history, proposals)
    states["ScalingActive"] = Condition(True, "ValidMetricFound")
    stable, limited, history = _restrained(desired, scaler, turn, history)
    states["AbleToScale"] = Condition(True, stable.reason)
    states["ScalingLimited"] = Condition(limited.replicas != stable.replicas, limited.reason)
    if limited.replicas == current:
        return Decision(current, desired, "", states, history, proposals)
    leading = next(metric for replicas, metric in good if replicas == desired)
    why = f"{describe(leading)} above target" if desired > current else ""
    why = "All metrics below target" if desired < current else why
    return _rescaled(Decision(limited.replicas, desired, why, states, history, proposals), scaler, turn)


def describe(metric: Metric) -> str:
    """A metric as events name it."""
    if metric.type in ("Resource", "ContainerResource"):
        if metric.target_type == "Utilization":
            inner = " container" if metric.container else ""
            return f"{metric.name}{inner} resource utilization (percentage of request)"
        return f"{metric.name} resource"
    return f"{metric.type.lower()} metric {metric.name}"


def _proposals(scaler: Autoscaler, turn: Turn, readings: Sequence[Reading]) -> tuple[Proposal | MetricError, ...]:
    if len(readings) != len(scaler.metrics):
        raise SettingError(f"{scaler.name} has {len(scaler.metrics)} metrics, but {len(readings)} readings were given")
    found: list[Proposal | MetricError] = []
    for metric, reading in zip(scaler.metrics, readings, strict=True):
        try:
            found.append(propose(metric, reading, turn, tolerance_of(scaler, turn.settings)))
        except MetricError as error:
            found.append(error)
    return tuple(found)


def _restrained(
    desired: int, scaler: Autoscaler, turn: Turn, history: History
) -> tuple[rules.Outcome, rules.Outcome, History]:
    """What the windows leave of a recommendation, what rates and bounds leave of that, and the history with it."""
    bounds = (scaler.minimum, scaler.maximum)
    if scaler.behaviour is None:
        stable, history = rules.stabilise_down(desired, turn, history)
        return stable, rules.limit_without_behaviour(turn.current, stable.replicas, bounds), history
    stable, history = rules.stabilise(desired, turn, history, scaler.behaviour)
    return stable, rules.limit(stable.replicas, turn, history, scaler.behaviour, bounds), history


def _rescaled(decision: Decision, scaler: Autoscaler, turn: Turn) -> Decision:
    """A decision that changes something, remembered."""
    history = rules.remember(decision.history, turn.current, decision.replicas, turn.now, scaler.behaviour)
    able = {"AbleToScale": Condition(True, "SucceededRescale")}
    return replace(decision, conditions={**decision.conditions, **able}, history=history)
