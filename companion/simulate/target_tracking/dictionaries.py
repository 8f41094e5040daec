"""A plan from AWS's own dictionaries, each fault with the path of its field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from companion.errors import SettingError
from companion.simulate.target_tracking.alarms import COMPARE
from companion.simulate.target_tracking.policies import (
    CPU,
    REQUESTS,
    Alarm,
    Plan,
    ScheduledAction,
    StepAdjustment,
    StepScaling,
    TargetTracking,
)
from companion.simulate.target_tracking.schedule import cron

#: the metric of an alarm, by CloudWatch's name for it
_OF_ALARM = {"CPUUtilization": CPU, "RequestCountPerTarget": REQUESTS}


def plan(
    group: Mapping[str, Any],
    policies: Iterable[Mapping[str, Any]] = (),
    alarms: Iterable[Mapping[str, Any]] = (),
    actions: Iterable[Mapping[str, Any]] = (),
    *,
    period: float = 60.0,
) -> Plan:
    """A plan from AWS's dictionaries: of ``describe_auto_scaling_groups``, ``describe_policies``, ``describe_alarms`` and
    ``describe_scheduled_actions``, or the properties of the resources in a template.

    Args:
        period: of the metrics in seconds: 60 with detailed monitoring, 300 without.

    Raises:
        SettingError: with the path of the field.
    """
    group = _mapping(group, "group")
    minimum = _whole(group, "MinSize", "group", 0)
    maximum = _whole(group, "MaxSize", "group", 0)
    if minimum > maximum:
        raise SettingError(f"group.MinSize is {minimum}, above group.MaxSize, which is {maximum}")
    desired = _whole(group, "DesiredCapacity", "group", 0, minimum)
    if not minimum <= desired <= maximum:
        raise SettingError(f"group.DesiredCapacity is {desired}, outside of {minimum} to {maximum}")
    warmup = _number(group, "DefaultInstanceWarmup", "group", 0, default=None)
    alarms = list(alarms)
    read = tuple(_policy(policy, f"policies[{n}]", alarms, period) for n, policy in enumerate(policies))
    if len({policy.name for policy in read}) < len(read):
        raise SettingError(f"policies: a PolicyName is used twice: {', '.join(policy.name for policy in read)}")
    schedule = tuple(_action(action, f"actions[{n}]") for n, action in enumerate(actions))
    for n, action in enumerate(schedule):
        low, high = action.minimum or 0, maximum if action.maximum is None else action.maximum
        if low > high:
            raise SettingError(f"actions[{n}].MinSize is {low}, above MaxSize, which is {high}")
    return Plan(minimum, maximum, desired, warmup, read, schedule, period)


def _policy(
    policy: Mapping[str, Any], path: str, alarms: list[Mapping[str, Any]], period: float
) -> TargetTracking | StepScaling:
    policy = _mapping(policy, path)
    kind = policy.get("PolicyType", "SimpleScaling")
    if kind == "TargetTrackingScaling":
        return _tracking(policy, path)
    if kind == "StepScaling":
        return _stepping(policy, path, alarms, period)
    raise SettingError(f"{path}.PolicyType must be TargetTrackingScaling or StepScaling, got {kind!r}")


def _name(policy: Mapping[str, Any], path: str) -> str:
    return str(policy.get("PolicyName") or path)


def _tracking(policy: Mapping[str, Any], path: str) -> TargetTracking:
    inner = f"{path}.TargetTrackingConfiguration"
    settings = _mapping(policy.get("TargetTrackingConfiguration") or {}, inner)
    predefined = f"{inner}.PredefinedMetricSpecification"
    metric = _mapping(settings.get("PredefinedMetricSpecification") or {}, predefined).get("PredefinedMetricType")
    if metric not in (CPU, REQUESTS):
        raise SettingError(f"{predefined}.PredefinedMetricType must be {CPU} or {REQUESTS}, got {metric!r}")
    target = _number(settings, "TargetValue", inner)
    if not 0 < target < math.inf:
        raise SettingError(f"{inner}.TargetValue must be above 0, got {target}")
    return TargetTracking(
        _name(policy, path),
        metric,
        target,
        disable_scale_in=str(settings.get("DisableScaleIn", False)).lower() == "true",
        warmup=_number(policy, "EstimatedInstanceWarmup", path, 0, default=None),
        scale_out_cooldown=_number(settings, "ScaleOutCooldown", inner, 0, default=0.0),
        scale_in_cooldown=_number(settings, "ScaleInCooldown", inner, 0, default=0.0),
    )


def _stepping(policy: Mapping[str, Any], path: str, alarms: list[Mapping[str, Any]], period: float) -> StepScaling:
    known = {name for name in (policy.get("PolicyName"), policy.get("PolicyARN")) if isinstance(name, str)}
    mine = [(n, a) for n, a in enumerate(alarms) if known & _names_of_actions(a)]
    if len(mine) != 1:
        unread = " (an action that only AWS can resolve, such as Fn::If, names none)" if not mine and alarms else ""
        raise SettingError(
            f"{path}: exactly one alarm must name {_name(policy, path)} in AlarmActions, found {len(mine)}{unread}"
        )
    kind = policy.get("AdjustmentType", "ChangeInCapacity")
    if kind not in ("ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"):
        raise SettingError(
            f"{path}.AdjustmentType must be ChangeInCapacity, ExactCapacity or PercentChangeInCapacity, got {kind!r}"
        )
    number, alarm = mine[0]
    metric = _OF_ALARM.get(str(alarm.get("MetricName")))
    if metric is None:
        choices = " or ".join(_OF_ALARM)
        raise SettingError(f"alarms[{number}].MetricName must be {choices}, got {alarm.get('MetricName')!r}")
    return StepScaling(
        _name(policy, path),
        metric,
        _alarm(alarm, f"alarms[{number}]", period),
        _steps(_listed(policy.get("StepAdjustments") or (), f"{path}.StepAdjustments"), f"{path}.StepAdjustments"),
        kind,
        _whole(policy, "MinAdjustmentMagnitude", path, 0, 0),
        _number(policy, "EstimatedInstanceWarmup", path, 0, default=None),
    )


def _names_of_actions(alarm: Any) -> set[str]:
    """What an alarm's actions name; one that only AWS can resolve (a dictionary in a template) names no policy of this one."""
    actions = alarm.get("AlarmActions") if isinstance(alarm, Mapping) else None
    listed = actions if isinstance(actions, list | tuple) else [actions]
    return {action for action in listed if isinstance(action, str)}


def _alarm(alarm: Mapping[str, Any], path: str, period: float) -> Alarm:
    comparison, missing = alarm.get("ComparisonOperator"), alarm.get("TreatMissingData") or "missing"
    if not isinstance(comparison, str) or comparison not in COMPARE:
        raise SettingError(f"{path}.ComparisonOperator must be one of {', '.join(COMPARE)}, got {comparison!r}")
    if missing not in ("missing", "ignore", "breaching", "notBreaching"):
        raise SettingError(
            f"{path}.TreatMissingData must be missing, ignore, breaching or notBreaching, got {missing!r}"
        )
    if (found := _number(alarm, "Period", path, 1, default=period)) != period:
        raise SettingError(f"{path}.Period must be that of the group's metrics, {period:g} s, got {found:g}")
    periods = _whole(alarm, "EvaluationPeriods", path, 1, 1)
    datapoints = _whole(alarm, "DatapointsToAlarm", path, 1, periods)
    if datapoints > periods:
        raise SettingError(f"{path}.DatapointsToAlarm is {datapoints}, above EvaluationPeriods, which is {periods}")
    return Alarm(_number(alarm, "Threshold", path), comparison, periods, datapoints, missing)


def _steps(steps: Iterable[Mapping[str, Any]], path: str) -> tuple[StepAdjustment, ...]:
    """Steps without an overlap or a gap, open-ended on the side where they lie. [STEP]"""
    read = []
    for n, step in enumerate(steps):
        lower = _number(step, "MetricIntervalLowerBound", f"{path}[{n}]", default=-math.inf)
        upper = _number(step, "MetricIntervalUpperBound", f"{path}[{n}]", default=math.inf)
        if not lower < upper:
            raise SettingError(
                f"{path}[{n}].MetricIntervalLowerBound is {lower:g}, not below the upper bound {upper:g}"
            )
        if (lower, upper) == (-math.inf, math.inf):
            raise SettingError(f"{path}[{n}] needs MetricIntervalLowerBound or MetricIntervalUpperBound")
        read.append(StepAdjustment(lower, upper, _whole(step, "ScalingAdjustment", f"{path}[{n}]")))
    if not read:
        raise SettingError(f"{path} is missing or empty")
    read.sort(key=lambda step: step.lower)
    for one, other in pairwise(read):
        if one.upper != other.lower:
            fault = "overlap" if one.upper > other.lower else "leave a gap"
            raise SettingError(f"{path}: two steps {fault} between {other.lower:g} and {one.upper:g}")
    if read[0].lower < 0 and read[0].lower != -math.inf:
        raise SettingError(f"{path}: with a negative bound one step must have no MetricIntervalLowerBound")
    if read[-1].upper > 0 and read[-1].upper != math.inf:
        raise SettingError(f"{path}: with a positive bound one step must have no MetricIntervalUpperBound")
    return tuple(read)


def _action(action: Mapping[str, Any], path: str) -> ScheduledAction:
    action = _mapping(action, path)
    recurrence = str(action.get("Recurrence") or "")
    try:
        cron(recurrence)
    except SettingError as error:
        raise SettingError(f"{path}.{error}") from None
    sizes = [_whole(action, key, path, 0, None) for key in ("MinSize", "MaxSize", "DesiredCapacity")]
    if sizes == [None] * 3:
        raise SettingError(f"{path} changes nothing: it needs MinSize, MaxSize or DesiredCapacity")
    return ScheduledAction(str(action.get("ScheduledActionName") or path), recurrence, *sizes)


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingError(f"{path} must be a mapping, got {value!r}")
    return value


def _listed(value: Any, path: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list | tuple):
        raise SettingError(f"{path} must be a list, got {value!r}: what only AWS can resolve can't be planned")
    return [_mapping(entry, f"{path}[{n}]") for n, entry in enumerate(value)]


_REQUIRED = object()


def _number(source: Mapping[str, Any], key: str, path: str, least: float = -math.inf, default=_REQUIRED):
    value = source.get(key)
    if value is None or value == "":
        if default is _REQUIRED:
            raise SettingError(f"{path}.{key} is missing")
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise SettingError(f"{path}.{key} must be a number, got {value!r}") from None
    if not number >= least:
        raise SettingError(f"{path}.{key} must be at least {least:g}, got {value}")
    return number


def _whole(source: Mapping[str, Any], key: str, path: str, least: float = -math.inf, default=_REQUIRED):
    number = _number(source, key, path, least, default)
    if number is default:
        return default
    if not math.isfinite(number) or number != math.floor(number):
        raise SettingError(f"{path}.{key} must be a whole number, got {source[key]}")
    return int(number)
