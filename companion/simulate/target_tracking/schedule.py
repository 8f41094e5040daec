"""Scheduled actions: which minutes a cron expression names, and what happens then. [PLAN]"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

from companion.errors import SettingError
from companion.simulate.target_tracking.policies import Plan, ScheduledAction
from companion.simulate.target_tracking.state import NEVER, State, resized


def apply_schedule(plan: Plan, state: State, now: float) -> State:
    """The state after every action due since the last call up to ``now``, in order; no warm-up holds it back. [PLAN]

    An action that names no desired capacity moves it only as far as the new bounds demand.
    """
    if not plan.schedule:
        return state
    # the first call looks at its own minute only
    start = now - 60 if state.scheduled_until == NEVER else state.scheduled_until
    if math.floor(start / 60) == math.floor(now / 60):  # no new minute has begun
        return state
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
    return resized(state, state.desired if action.desired is None else action.desired, now, action.name)


def minute_matches(recurrence: str, minute: int) -> bool:
    """Whether a cron expression (minute, hour, day of month, month, day of week) names a minute counted from Monday 0:00."""
    minutes, hours, weekdays = cron(recurrence)
    return minute % 60 in minutes and minute // 60 % 24 in hours and (minute // 1440 + 1) % 7 in weekdays


@cache
def cron(recurrence: str) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
    """Minutes, hours and weekdays (0 is Sunday) of a cron expression; SettingError when it is none, or has a day or a month."""
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
