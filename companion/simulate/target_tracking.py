"""AWS's control loop: target tracking, step and scheduled policies of an EC2 auto-scaling group, as pure functions.

:func:`plan` reads the very dictionaries that AWS uses (the properties of a CloudFormation template, or the answers of
boto3's ``describe_*``). :func:`evaluate` is one evaluation: a plan, a state and a datapoint a policy go in, the next state
comes out, nothing else changes. :class:`Controller` lets it drive ``traffic.replay``.

Every rule names its source, one of these pages of the Amazon EC2 Auto Scaling User Guide (the text published as
``awsdocs/amazon-ec2-auto-scaling-user-guide``):

* [TT] *Target tracking scaling policies*;
* [STEP] *Step and simple scaling policies*;
* [MANY] *Dynamic scaling*, section *Multiple scaling policies*;
* [WARM] *Set the default instance warmup*;
* [PLAN] *Scheduled scaling*;

or [APP] the *Application Auto Scaling User Guide* (cooldowns of target tracking on ECS and others), or [CW] the *CloudWatch
User Guide*, *Using alarms*. What AWS does not publish is said to be this book's assumption: how much a gradual scale-in
removes at once (``scale_in_share``), and the alarms' datapoints (3 out, 15 in: observed on the alarms that AWS creates;
since November 2024 it tunes them for some groups).

Simplified: an instance is warm ``warmup`` seconds after its launch (AWS counts from ``InService``), removed instances go at
once, and every alarm has the period of the group's metrics.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise

from companion.errors import SettingError
from companion.simulate.traffic import Observation, Sample

CPU, REQUESTS = "ASGAverageCPUUtilization", "ALBRequestCountPerTarget"
#: the metric of an alarm, by CloudWatch's name for it
_OF_ALARM = {"CPUUtilization": CPU, "RequestCountPerTarget": REQUESTS}
_COMPARE = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
_KEPT_ACTIVITIES = 100
_NEVER = -math.inf


# Plain data


@dataclass(frozen=True)
class Alarm:
    """A CloudWatch alarm: ``datapoints`` of the last ``periods`` datapoints must breach."""

    threshold: float
    comparison: str
    periods: int = 1
    datapoints: int = 1
    missing: str = "missing"


@dataclass(frozen=True)
class TargetTracking:
    """Hold ``metric`` at ``target``.

    Attributes:
        disable_scale_in: it only ever adds.
        warmup: seconds; None for the group's.
        scale_out_cooldown, scale_in_cooldown: of Application Auto Scaling; an EC2 policy has none.
        datapoints_out, datapoints_in: of the two alarms that AWS creates.
        slack: the low alarm's threshold is this share below the target; "usually more than 10 % lower" [APP].
        scale_in_share: at most this share of the group goes at once, and at least one instance.
    """

    name: str
    metric: str
    target: float
    disable_scale_in: bool = False
    warmup: float | None = None
    scale_out_cooldown: float = 0.0
    scale_in_cooldown: float = 0.0
    datapoints_out: int = 3
    datapoints_in: int = 15
    slack: float = 0.1
    scale_in_share: float = 0.1

    @property
    def high(self) -> Alarm:
        return Alarm(self.target, "GreaterThanThreshold", self.datapoints_out, self.datapoints_out)

    @property
    def low(self) -> Alarm:
        return Alarm(self.target * (1 - self.slack), "LessThanThreshold", self.datapoints_in, self.datapoints_in)


@dataclass(frozen=True)
class Step:
    """An adjustment for breaches from ``lower`` to ``upper``, both relative to the alarm's threshold."""

    lower: float
    upper: float
    adjustment: int


@dataclass(frozen=True)
class StepScaling:
    """Adjust by the size of the breach of an alarm."""

    name: str
    metric: str
    alarm: Alarm
    steps: tuple[Step, ...]
    adjustment_type: str = "ChangeInCapacity"
    least: int = 0
    warmup: float | None = None


@dataclass(frozen=True)
class ScheduledAction:
    """New sizes at the minutes that a cron expression names; None leaves a size as it is."""

    name: str
    recurrence: str
    minimum: int | None = None
    maximum: int | None = None
    desired: int | None = None


@dataclass(frozen=True)
class Plan:
    """An auto-scaling group with all that scales it.

    Attributes:
        warmup: seconds from launch until an instance counts; None: not enabled, it counts at once.
        period: of the metrics in seconds.
        drain_seconds: what is being terminated counts as capacity for the next scale-in [TT]; how long that takes is this
            book's assumption. Shorter than the metrics are late, and the group removes twice for one reason.
    """

    minimum: int
    maximum: int
    desired: int
    warmup: float | None = None
    policies: tuple[TargetTracking | StepScaling, ...] = ()
    schedule: tuple[ScheduledAction, ...] = ()
    period: float = 60.0
    drain_seconds: float = 180.0


@dataclass(frozen=True)
class Activity:
    """One change of the desired capacity."""

    time: float
    before: int
    after: int
    cause: str


@dataclass(frozen=True)
class State:
    """What the loop remembers: a bounded number of datapoints and activities."""

    desired: int
    minimum: int
    maximum: int
    scheduled_until: float = _NEVER
    points: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    alarms: Mapping[str, str] = field(default_factory=dict)
    last_out: float = _NEVER
    last_in: float = _NEVER
    out_from: int = 0
    in_from: int = 0
    activities: tuple[Activity, ...] = ()


def initial(plan: Plan) -> State:
    """The state before the first datapoint: every alarm at INSUFFICIENT_DATA."""
    return State(plan.desired, plan.minimum, plan.maximum)


# Alarms


def alarm_state(alarm: Alarm, points: tuple[float | None, ...], before: str = INSUFFICIENT_DATA) -> str:
    """The state after the newest datapoint; None in ``points`` is a missing one.

    ALARM when enough of the last ``periods`` datapoints breach, OK when that can't be any more, the state before when the
    datapoints that there are don't decide it, INSUFFICIENT_DATA when there are none. Missing ones count as breaching, as
    not breaching, or not at all, and with ``ignore`` an alarm without any data stays as it is. [CW]
    """
    recent = ((None,) * alarm.periods + tuple(points))[-alarm.periods :]
    compare = _COMPARE[alarm.comparison]
    filled = {"breaching": True, "notBreaching": False}.get(alarm.missing)
    breaches = [filled if value is None else compare(value, alarm.threshold) for value in recent]
    if breaches.count(True) >= alarm.datapoints:
        return ALARM
    if breaches.count(False) > alarm.periods - alarm.datapoints:
        return OK
    if all(value is None for value in recent) and alarm.missing != "ignore":
        return INSUFFICIENT_DATA
    return before


# How many


def tracked_capacity(capacity: int, value: float, target: float) -> int:
    """Instances that bring a metric that falls as they grow from ``value`` to ``target``, rounded up.

    Adding 1.5 adds two, removing 1.5 removes one [TT]: both are this one ceiling.
    """
    return math.ceil(round(capacity * value / target, 9))


def gradual(capacity: int, wanted: int, share: float) -> int:
    """On the way down to ``wanted``: at most ``share`` of the group, at least one instance. [TT] says only "more gradually"."""
    return max(wanted, capacity - max(1, math.floor(capacity * share)))


def rounded_change(change: float) -> int:
    """A change in whole instances: towards zero, but at least one in size (12.7 is 12, 0.67 is 1, -6.67 is -6). [STEP]"""
    return math.trunc(change) if abs(change) >= 1 else int(math.copysign(math.ceil(abs(change)), change))


def stepped_capacity(policy: StepScaling, capacity: int, value: float) -> int:
    """Capacity that a step policy wants for a breaching ``value``, from ``capacity`` instances. [STEP]

    Above the threshold a step takes in its lower bound, below it its upper one. Where no step fits nothing changes.
    """
    excess = value - policy.alarm.threshold
    for step in policy.steps:
        above = excess >= 0 and step.lower <= excess < step.upper
        if above or (excess < 0 and step.lower < excess <= step.upper):
            return _adjusted(policy, capacity, step.adjustment)
    return capacity


def _adjusted(policy: StepScaling, capacity: int, adjustment: int) -> int:
    if policy.adjustment_type == "ExactCapacity":
        return adjustment
    if policy.adjustment_type == "ChangeInCapacity":
        return capacity + adjustment
    change = rounded_change(capacity * adjustment / 100)
    if change and abs(change) < policy.least:
        change = int(math.copysign(policy.least, change))
    return capacity + change


def metric_value(metric: str, sample: Sample, warmup: float = 0.0, boot_utilisation: float = 0.0) -> float | None:
    """What CloudWatch would hold for one step of a pool; None when there is nothing to measure.

    CPU in %, averaged over the instances that are warm [WARM]; one that is warm but still boots counts with
    ``boot_utilisation``. Requests a minute for each instance that serves; they don't saturate, and are 0 without data [TT].
    """
    if metric == REQUESTS:
        return sample.requests_per_second * 60 / max(sample.serving, 1)
    warm = warmed(sample.launches, sample.time, warmup)
    if not warm:
        return None
    busy = min(sample.serving, warm)
    return 100 * (sample.utilisation * busy + boot_utilisation * (warm - busy)) / warm


def warmed(launches: Iterable[float], now: float, warmup: float) -> int:
    """How many of the instances were launched at least ``warmup`` seconds ago."""
    return sum(now - launch >= warmup for launch in launches)


# One evaluation


def evaluate(
    plan: Plan, state: State, now: float, launches: tuple[float, ...], values: Mapping[str, float | None]
) -> State:
    """The state after one datapoint of each policy.

    Args:
        launches: of the instances that there are.
        values: newest datapoint by policy name; None, or no entry, is a missing one.

    Alarms act as long as they are in ALARM, once a period [CW]. Any policy that wants more is enough to scale out, and the
    largest wins. Target tracking scales in only when every target tracking policy with scale-in is ready to; a step policy
    does not wait for them. The largest wins there too. [TT] [MANY]
    """
    state = _with_datapoints(plan, state, values)
    answers = {policy: _answer(plan, policy, state, now, launches) for policy in plan.policies}
    outs = {policy: n for policy, n in answers.items() if n is not None and n > state.desired}
    if outs:
        cause = max(outs, key=outs.get)
        grown = _resized(state, outs[cause], now, cause.name)
        if grown.desired == state.desired:
            return grown
        base = state.out_from if _cooling(cause, state, now) else state.desired
        return replace(grown, last_out=now, last_in=_NEVER, out_from=base)
    ins = {policy: n for policy, n in answers.items() if n is not None and n < state.desired}
    tracking = [p for p in plan.policies if isinstance(p, TargetTracking) and not p.disable_scale_in]
    if not all(policy in ins for policy in tracking):
        ins = {policy: n for policy, n in ins.items() if not isinstance(policy, TargetTracking)}
    if not ins:
        return state
    cause = max(ins, key=ins.get)
    shrunk = _resized(state, ins[cause], now, cause.name)
    return (
        shrunk if shrunk.desired == state.desired else replace(shrunk, last_in=now, in_from=_draining(plan, state, now))
    )


def _with_datapoints(plan: Plan, state: State, values: Mapping[str, float | None]) -> State:
    points, alarms = {}, {}
    for policy in plan.policies:
        kept = max(alarm.periods for _, alarm in _alarms(policy))
        points[policy.name] = (*state.points.get(policy.name, ()), values.get(policy.name))[-kept:]
        for name, alarm in _alarms(policy):
            alarms[name] = alarm_state(alarm, points[policy.name], state.alarms.get(name, INSUFFICIENT_DATA))
    return replace(state, points=points, alarms=alarms)


@cache
def _alarms(policy: TargetTracking | StepScaling) -> tuple[tuple[str, Alarm], ...]:
    if isinstance(policy, StepScaling):
        return ((f"{policy.name}-alarm", policy.alarm),)
    return ((f"{policy.name}-high", policy.high), (f"{policy.name}-low", policy.low))


def _answer(plan: Plan, policy, state: State, now: float, launches: tuple[float, ...]) -> int | None:
    """Capacity that a policy wants; None when it does not act."""
    value = state.points[policy.name][-1]
    if value is None:
        return None
    warmup = policy_warmup(plan, policy)
    warm = warmed(launches, now, warmup)
    if isinstance(policy, StepScaling):
        if state.alarms[f"{policy.name}-alarm"] != ALARM:
            return None
        out = stepped_capacity(policy, warm, value)
        if out > warm:
            return max(out, state.desired)
        settled = stepped_capacity(policy, _draining(plan, state, now), value)
        return settled if settled < state.desired and warm == len(launches) else None
    if state.alarms[f"{policy.name}-high"] == ALARM:
        # what still warms up, or was added within the cooldown, is counted as answered already: only a larger answer adds
        base = min(warm, state.out_from) if _cooling(policy, state, now) else warm
        return max(tracked_capacity(base, value, policy.target), state.desired)
    ready = state.alarms[f"{policy.name}-low"] == ALARM and not policy.disable_scale_in
    # no scale-in while a scale-out is in progress [TT], nor within the cooldown [APP]
    if not ready or warm < len(launches) or now - state.last_in < policy.scale_in_cooldown:
        return None
    wanted = tracked_capacity(_draining(plan, state, now), value, policy.target)
    return gradual(state.desired, wanted, policy.scale_in_share) if wanted < state.desired else None


def _cooling(policy, state: State, now: float) -> bool:
    return isinstance(policy, TargetTracking) and now - state.last_out < policy.scale_out_cooldown


def _draining(plan: Plan, state: State, now: float) -> int:
    """The group with what is still being terminated: the base of a scale-in. [TT] [STEP]"""
    return max(state.in_from, state.desired) if now - state.last_in < plan.drain_seconds else state.desired


def policy_warmup(plan: Plan, policy: TargetTracking | StepScaling) -> float:
    """Seconds until an instance counts for this policy: its own, else the group's, else 0. [WARM]"""
    return next((w for w in (policy.warmup, plan.warmup) if w is not None), 0.0)


def _resized(state: State, wanted: int, now: float, cause: str) -> State:
    """``wanted`` within the bounds [MANY], noted when it changes anything."""
    after = min(max(wanted, state.minimum), state.maximum)
    if after == state.desired:
        return state
    activity = Activity(now, state.desired, after, cause)
    return replace(state, desired=after, activities=(*state.activities, activity)[-_KEPT_ACTIVITIES:])


# The schedule


def apply_schedule(plan: Plan, state: State, now: float) -> State:
    """The state after every action due since the last call up to ``now``, in order; no warm-up holds it back. [PLAN]

    An action that names no desired capacity moves it only as far as the new bounds demand.
    """
    if not plan.schedule:
        return state
    # the first call looks at its own minute only
    start = now - 60 if state.scheduled_until == _NEVER else state.scheduled_until
    for minute in range(math.floor(start / 60) + 1, math.floor(now / 60) + 1):
        for action in plan.schedule:
            if minute_matches(action.recurrence, minute):
                state = _rescheduled(state, action, now)
    return replace(state, scheduled_until=now)


def _rescheduled(state: State, action: ScheduledAction, now: float) -> State:
    state = replace(
        state,
        minimum=state.minimum if action.minimum is None else action.minimum,
        maximum=state.maximum if action.maximum is None else action.maximum,
    )
    return _resized(state, state.desired if action.desired is None else action.desired, now, action.name)


def minute_matches(recurrence: str, minute: int) -> bool:
    """Whether a cron expression (minute, hour, day of month, month, day of week) names a minute counted from Monday 0:00."""
    minutes, hours, weekdays = _cron(recurrence)
    return minute % 60 in minutes and minute // 60 % 24 in hours and (minute // 1440 + 1) % 7 in weekdays


@cache
def _cron(recurrence: str) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
    fields = recurrence.split()
    if len(fields) != 5:
        raise SettingError(f"Recurrence {recurrence!r} needs five fields: minute hour day month weekday")
    if fields[2:4] != ["*", "*"]:
        raise SettingError(f"Recurrence {recurrence!r}: a trace has no day of month and no month, use * for both")
    minutes, hours = _cron_field(fields[0], 60, recurrence), _cron_field(fields[1], 24, recurrence)
    return minutes, hours, frozenset(day % 7 for day in _cron_field(fields[4], 8, recurrence))


def _cron_field(text: str, size: int, recurrence: str) -> frozenset[int]:
    chosen = set()
    try:
        for part in text.split(","):
            span, _, every = part.partition("/")
            low, _, high = span.partition("-")
            first = 0 if span == "*" else int(low)
            last = size - 1 if span == "*" or (every and not high) else int(high or low)
            if not 0 <= first <= last < size:
                raise ValueError
            chosen |= set(range(first, last + 1, int(every or 1)))
    except ValueError:
        raise SettingError(f"Recurrence {recurrence!r}: {text!r} is no list or range of 0 to {size - 1}") from None
    return frozenset(chosen)


# In charge of a pool


class Controller:
    """A plan in charge of a server pool: pass it to ``traffic.replay``; ``state`` holds what happened.

    Args:
        boot_utilisation: CPU share that a booting instance burns.

    Samples are averaged over ``plan.period`` into a datapoint, and each datapoint is evaluated as soon as it is visible.
    """

    def __init__(self, plan: Plan, *, boot_utilisation: float = 0.0):
        self.plan, self.state = plan, initial(plan)
        self._boot_utilisation = boot_utilisation
        self._seen = _NEVER
        self._period_end = plan.period
        self._open: dict[str, list[float]] = {policy.name: [] for policy in plan.policies}

    def __call__(self, seen: Observation) -> int:
        self.state = apply_schedule(self.plan, self.state, seen.now)
        if seen.sample is not None and seen.sample.time > self._seen:
            self._seen = seen.sample.time
            self._collect(seen.sample)
            if self._seen >= self._period_end - 1e-9:
                self._period_end += self.plan.period
                values = {name: sum(v) / len(v) if v else None for name, v in self._open.items()}
                self.state = evaluate(self.plan, self.state, seen.now, seen.launches, values)
                self._open = {name: [] for name in self._open}
        return self.state.desired

    def _collect(self, sample: Sample) -> None:
        for policy in self.plan.policies:
            warmup = policy_warmup(self.plan, policy)
            value = metric_value(policy.metric, sample, warmup, self._boot_utilisation)
            if value is not None:
                self._open[policy.name].append(value)


# From AWS's own dictionaries


def plan(
    group: Mapping,
    policies: Iterable[Mapping] = (),
    alarms: Iterable[Mapping] = (),
    actions: Iterable[Mapping] = (),
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


def _policy(policy: Mapping, path: str, alarms: list[Mapping], period: float) -> TargetTracking | StepScaling:
    kind = policy.get("PolicyType", "SimpleScaling")
    if kind == "TargetTrackingScaling":
        return _tracking(policy, path)
    if kind == "StepScaling":
        return _stepping(policy, path, alarms, period)
    raise SettingError(f"{path}.PolicyType must be TargetTrackingScaling or StepScaling, got {kind!r}")


def _name(policy: Mapping, path: str) -> str:
    return str(policy.get("PolicyName") or path)


def _tracking(policy: Mapping, path: str) -> TargetTracking:
    settings, inner = policy.get("TargetTrackingConfiguration") or {}, f"{path}.TargetTrackingConfiguration"
    metric = (settings.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
    if metric not in (CPU, REQUESTS):
        where = f"{inner}.PredefinedMetricSpecification.PredefinedMetricType"
        raise SettingError(f"{where} must be {CPU} or {REQUESTS}, got {metric!r}")
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


def _stepping(policy: Mapping, path: str, alarms: list[Mapping], period: float) -> StepScaling:
    known = {policy.get("PolicyName"), policy.get("PolicyARN")} - {None}
    mine = [(n, a) for n, a in enumerate(alarms) if known & set(a.get("AlarmActions") or ())]
    if len(mine) != 1:
        raise SettingError(
            f"{path}: exactly one alarm must name {_name(policy, path)} in AlarmActions, found {len(mine)}"
        )
    kind = policy.get("AdjustmentType", "ChangeInCapacity")
    if kind not in ("ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"):
        raise SettingError(
            f"{path}.AdjustmentType must be ChangeInCapacity, ExactCapacity or PercentChangeInCapacity, got {kind!r}"
        )
    number, alarm = mine[0]
    metric = _OF_ALARM.get(alarm.get("MetricName"))
    if metric is None:
        choices = " or ".join(_OF_ALARM)
        raise SettingError(f"alarms[{number}].MetricName must be {choices}, got {alarm.get('MetricName')!r}")
    return StepScaling(
        _name(policy, path),
        metric,
        _alarm(alarm, f"alarms[{number}]", period),
        _steps(policy.get("StepAdjustments") or (), f"{path}.StepAdjustments"),
        kind,
        _whole(policy, "MinAdjustmentMagnitude", path, 0, 0),
        _number(policy, "EstimatedInstanceWarmup", path, 0, default=None),
    )


def _alarm(alarm: Mapping, path: str, period: float) -> Alarm:
    comparison, missing = alarm.get("ComparisonOperator"), alarm.get("TreatMissingData") or "missing"
    if comparison not in _COMPARE:
        raise SettingError(f"{path}.ComparisonOperator must be one of {', '.join(_COMPARE)}, got {comparison!r}")
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


def _steps(steps: Iterable[Mapping], path: str) -> tuple[Step, ...]:
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
        read.append(Step(lower, upper, _whole(step, "ScalingAdjustment", f"{path}[{n}]")))
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


def _action(action: Mapping, path: str) -> ScheduledAction:
    recurrence = str(action.get("Recurrence") or "")
    try:
        _cron(recurrence)
    except SettingError as error:
        raise SettingError(f"{path}.{error}") from None
    sizes = [_whole(action, key, path, 0, None) for key in ("MinSize", "MaxSize", "DesiredCapacity")]
    if sizes == [None] * 3:
        raise SettingError(f"{path} changes nothing: it needs MinSize, MaxSize or DesiredCapacity")
    return ScheduledAction(str(action.get("ScheduledActionName") or path), recurrence, *sizes)


_REQUIRED = object()


def _number(source: Mapping, key: str, path: str, least: float = -math.inf, default=_REQUIRED):
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


def _whole(source: Mapping, key: str, path: str, least: float = -math.inf, default=_REQUIRED):
    number = _number(source, key, path, least, default)
    if number is default:
        return default
    if number != math.floor(number):
        raise SettingError(f"{path}.{key} must be a whole number, got {source[key]}")
    return int(number)
