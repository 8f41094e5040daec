"""CloudWatch's alarms: what a few datapoints, some of them missing, make of a state. [CW]"""

from __future__ import annotations

from companion.simulate.target_tracking.policies import Alarm

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
COMPARE = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


def alarm_state(alarm: Alarm, points: tuple[float | None, ...], before: str = INSUFFICIENT_DATA) -> str:
    """The state after the newest datapoint; None in ``points`` is a missing one.

    ALARM when enough of the last ``periods`` datapoints breach, OK when that can't be any more, the state before when the
    datapoints that there are don't decide it, INSUFFICIENT_DATA when there are none. Missing ones count as breaching, as
    not breaching, or not at all, and with ``ignore`` an alarm without any data stays as it is. [CW]
    """
    recent = ((None,) * alarm.periods + tuple(points))[-alarm.periods :]
    compare = COMPARE[alarm.comparison]
    filled = {"breaching": True, "notBreaching": False}.get(alarm.missing)
    breaches = [filled if value is None else compare(value, alarm.threshold) for value in recent]
    if breaches.count(True) >= alarm.datapoints:
        return ALARM
    if breaches.count(False) > alarm.periods - alarm.datapoints:
        return OK
    if all(value is None for value in recent) and alarm.missing != "ignore":
        return INSUFFICIENT_DATA
    return before
