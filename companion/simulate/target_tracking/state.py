"""What the loop remembers between two evaluations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from companion.simulate.target_tracking.policies import Plan

#: a moment before all others
NEVER = -math.inf
_KEPT_ACTIVITIES = 100


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
    scheduled_until: float = NEVER
    points: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    alarms: Mapping[str, str] = field(default_factory=dict)
    last_out: float = NEVER
    last_in: float = NEVER
    out_from: int = 0
    in_from: int = 0
    activities: tuple[Activity, ...] = ()


def initial(plan: Plan) -> State:
    """The state before the first datapoint: every alarm at INSUFFICIENT_DATA."""
    return State(plan.desired, plan.minimum, plan.maximum)


def resized(state: State, wanted: int, now: float, cause: str) -> State:
    """``wanted`` within the bounds [MANY], noted when it changes anything."""
    after = min(max(wanted, state.minimum), state.maximum)
    if after == state.desired:
        return state
    activity = Activity(now, state.desired, after, cause)
    return replace(state, desired=after, activities=(*state.activities, activity)[-_KEPT_ACTIVITIES:])
