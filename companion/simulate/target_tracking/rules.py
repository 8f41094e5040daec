"""One evaluation: a plan, a state and a datapoint a policy go in, the next state comes out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from companion.simulate.target_tracking.alarms import ALARM, INSUFFICIENT_DATA, alarm_state
from companion.simulate.target_tracking.policies import Alarm, Plan, StepScaling, TargetTracking, policy_warmup
from companion.simulate.target_tracking.state import NEVER, State, resized

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
        cause = max(outs, key=outs.__getitem__)
        grown = resized(state, outs[cause], now, cause.name)
        if grown.desired == state.desired:
            return grown
        base = state.out_from if _cooling(cause, state, now) else state.desired
        return replace(grown, last_out=now, last_in=NEVER, out_from=base)
    ins = {policy: n for policy, n in answers.items() if n is not None and n < state.desired}
    tracking = [p for p in plan.policies if isinstance(p, TargetTracking) and not p.disable_scale_in]
    if not all(policy in ins for policy in tracking):
        ins = {policy: n for policy, n in ins.items() if not isinstance(policy, TargetTracking)}
    if not ins:
        return state
    cause = max(ins, key=ins.__getitem__)
    shrunk = resized(state, ins[cause], now, cause.name)
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


def _answer(
    plan: Plan, policy: TargetTracking | StepScaling, state: State, now: float, launches: tuple[float, ...]
) -> int | None:
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


def _cooling(policy: TargetTracking | StepScaling, state: State, now: float) -> bool:
    return isinstance(policy, TargetTracking) and now - state.last_out < policy.scale_out_cooldown


def _draining(plan: Plan, state: State, now: float) -> int:
    """The group with what is still being terminated: the base of a scale-in. [TT] [STEP]"""
    return max(state.in_from, state.desired) if now - state.last_in < plan.drain_seconds else state.desired
