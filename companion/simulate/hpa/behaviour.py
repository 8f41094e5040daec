"""What stands between a recommendation and a scale event: stabilisation windows, rates, bounds (``horizontal.go``)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from companion.simulate.hpa.manifest import Behaviour, Policy, Rules
from companion.simulate.hpa.turn import Settings, Turn


class Recommendation(NamedTuple):
    """What the metrics asked for at a moment, before any window."""

    at: float
    replicas: int


class ScaleEvent(NamedTuple):
    """A change that was made: how many were added or removed, always positive."""

    at: float
    change: int


@dataclass(frozen=True)
class History:
    """What the controller remembers of one autoscaler. What no window or period reaches any more is dropped."""

    recommendations: tuple[Recommendation, ...] = ()
    ups: tuple[ScaleEvent, ...] = ()
    downs: tuple[ScaleEvent, ...] = ()


class Outcome(NamedTuple):
    """A replica count with the reason of the condition that goes with it."""

    replicas: int
    reason: str


def stabilise(desired: int, turn: Turn, history: History, behaviour: Behaviour) -> tuple[Outcome, History]:
    """Both windows (``stabilizeRecommendationWithBehaviors``).

    The way up goes no further than the *lowest* recommendation of its window, the way down no further than the *highest*; the
    present one counts in both, and between the two nothing moves. A recommendation exactly as old as the window is out.
    Release 1.20 only looked at the window of the direction that the present recommendation points in, and could be taken to the
    other side of where it stood.
    """
    # only the way down may leave its window to the controller; empty is none on the way up
    up_from = turn.now - (behaviour.up.window or 0)
    down_from = turn.now - _down_window(behaviour, turn.settings)
    lowest = highest = desired
    for at, replicas in history.recommendations:
        if at > up_from and replicas < lowest:
            lowest = replicas
        if at > down_from and replicas > highest:
            highest = replicas
    if turn.settings.rules == "1.20":
        stable = lowest if desired >= turn.current else highest
    else:
        stable = min(max(turn.current, lowest), highest)
    reason = "ReadyForNewScale"
    if stable != desired:
        reason = "ScaleUpStabilized" if desired >= turn.current else "ScaleDownStabilized"
    return Outcome(stable, reason), _recommended(history, desired, turn.now, min(up_from, down_from))


def stabilise_down(desired: int, turn: Turn, history: History) -> tuple[Outcome, History]:
    """Without ``behavior``: the highest recommendation of the controller's own window (``stabilizeRecommendation``).

    A recommendation exactly as old as the window still counts: the two functions differ in that.
    """
    since = turn.now - turn.settings.down_window_seconds
    highest = max([desired, *(replicas for at, replicas in history.recommendations if at >= since)])
    reason = "ReadyForNewScale" if highest == desired else "ScaleDownStabilized"
    return Outcome(highest, reason), _recommended(history, desired, turn.now, since)


def _recommended(history: History, desired: int, now: float, since: float) -> History:
    kept = [entry for entry in history.recommendations if entry.at >= since]
    return replace(history, recommendations=(*kept, Recommendation(now, desired)))


def _down_window(behaviour: Behaviour, settings: Settings) -> int:
    return settings.down_window_seconds if behaviour.down.window is None else behaviour.down.window


def changed(events: Sequence[ScaleEvent], seconds: float, now: float) -> int:
    """Replicas that changed in the last ``seconds`` (``getReplicasChangePerPeriod``); exactly as old as that is out."""
    return sum(event.change for event in events if event.at > now - seconds)


def _at_start(turn: Turn, history: History, policy: Policy, *, up: bool) -> int:
    """Replicas at the beginning of the policy's period: the changes since are taken back."""
    both = turn.settings.rules == "current"
    added = changed(history.ups, policy.period, turn.now) if up or both else 0
    removed = changed(history.downs, policy.period, turn.now) if both or not up else 0
    return turn.current - added + removed


def up_limit(turn: Turn, history: History, rules: Rules) -> int:
    """The most replicas that the policies allow (``calculateScaleUpLimitWithScalingRules``).

    A policy counts from the replicas at the start of its period. Per cent are rounded up, so that one pod can become two.
    ``Max`` takes the policy that allows most, ``Min`` the one that allows least, ``Disabled`` none.
    """
    if rules.select == "Disabled":
        return turn.current
    limits = []
    for policy in rules.policies:
        start = _at_start(turn, history, policy, up=True)
        percent = policy.type == "Percent"
        limits.append(math.ceil(start * (1 + policy.value / 100)) if percent else start + policy.value)
    return max(turn.current, min(limits) if rules.select == "Min" else max(limits))


def down_limit(turn: Turn, history: History, rules: Rules) -> int:
    """The fewest replicas that the policies allow (``calculateScaleDownLimitWithBehaviors``).

    What remains after a percentage is rounded *down*: 10 % of 72 removes 8.
    """
    if rules.select == "Disabled":
        return turn.current
    limits = []
    for policy in rules.policies:
        start = _at_start(turn, history, policy, up=False)
        percent = policy.type == "Percent"
        limits.append(int(start * (1 - policy.value / 100)) if percent else start - policy.value)
    return min(turn.current, max(limits) if rules.select == "Min" else min(limits))


def limit(desired: int, turn: Turn, history: History, behaviour: Behaviour, bounds: tuple[int, int]) -> Outcome:
    """Rates, then bounds (``convertDesiredReplicasWithBehaviorRate``)."""
    minimum, maximum = bounds
    if desired > turn.current:
        most = up_limit(turn, history, behaviour.up)
        most, reason = (most, "ScaleUpLimit") if maximum > most else (maximum, "TooManyReplicas")
        if desired > most:
            return Outcome(most, reason)
    elif desired < turn.current:
        least = down_limit(turn, history, behaviour.down)
        least, reason = (least, "ScaleDownLimit") if minimum < least else (minimum, "TooFewReplicas")
        if desired < least:
            return Outcome(least, reason)
    return Outcome(desired, "DesiredWithinRange")


def limit_without_behaviour(current: int, desired: int, bounds: tuple[int, int]) -> Outcome:
    """Without ``behavior``: up to the double or to 4 in one step, whichever is more, within the bounds
    (``convertDesiredReplicasWithRules``)."""
    minimum, maximum = bounds
    most = max(2 * current, 4)
    most, reason = (most, "ScaleUpLimit") if maximum > most else (maximum, "TooManyReplicas")
    if desired < minimum:
        return Outcome(minimum, "TooFewReplicas")
    if desired > most:
        return Outcome(most, reason)
    return Outcome(desired, "DesiredWithinRange")


def remember(history: History, before: int, after: int, now: float, behaviour: Behaviour | None) -> History:
    """The history with a change added (``storeScaleEvent``); without ``behavior`` nobody would read it, and it is not kept."""
    if behaviour is None or before == after:
        return history
    # a rate looks at both directions, so an event stays while the longest period of either reaches it
    period = max(policy.period for rules in (behaviour.up, behaviour.down) for policy in rules.policies)
    ups = [event for event in history.ups if event.at >= now - period]
    downs = [event for event in history.downs if event.at >= now - period]
    (ups if after > before else downs).append(ScaleEvent(now, abs(after - before)))
    return replace(history, ups=tuple(ups), downs=tuple(downs))
