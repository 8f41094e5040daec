"""An evening on which the cloud has fewer instances to give than the plan has room for, and what two dashboards show of it.

In front of the pool stands a waiting room that admits players while the instances have room, and refuses the others. That is what
keeps those inside well, and what the instances' own metrics can't see.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from companion.errors import SettingError
from companion.labs.scaling import crowds
from companion.simulate import target_tracking, traffic


@dataclass(frozen=True)
class Evening:
    """A value a step, shape (steps,).

    Attributes:
        arrived, refused: requests/s at the door, and those that were not let in.
        desired: instances that the group wants.
        running: those that there are, serving or booting.
        alarm: whether an alarm of the scaling policy that asks for more is in ALARM.
        run: the pool's own account, of what was let in.
    """

    arrived: np.ndarray
    refused: np.ndarray
    desired: np.ndarray
    running: np.ndarray
    alarm: np.ndarray
    run: traffic.Run

    def refused_minutes(self, share: float = 0.05) -> float:
        """Minutes in which more than a share of the players was refused."""
        return float((self.refused > share * self.arrived).sum() * self.run.step_seconds / 60)

    def worst(self) -> float:
        """The largest share of the players that was refused in a step."""
        return float((self.refused / self.arrived).max())

    def lamps(self) -> dict[str, int]:
        """What two dashboards show: of the instances, how long the scaling alarm rang, how busy they were at most, how long
        answers were slow and how many were wanted; then how long more were wanted than ran, and what the door counted."""
        step = self.run.step_seconds / 60
        return {
            "scaling alarm, min": round(self.alarm.sum() * step),
            "busiest, %": round(100 * self.run.utilisation.max()),
            "slow answers, min": round(traffic.slo_minutes(self.run)),
            "most desired": int(self.desired.max()),
            "desired > running, min": round((self.desired > self.running).sum() * step),
            "more than 5 % refused, min": round(self.refused_minutes()),
        }


def first_minute(wrong: np.ndarray, minutes: float, after: int) -> float:
    """Minutes from a step until something has been wrong for so many minutes without a break; infinite if never.

    Args:
        wrong: a truth a step of 15 s.
    """
    length = round(4 * minutes)
    lasting = np.convolve(wrong[after:].astype(int), np.ones(length, int))[: len(wrong) - after] == length
    return (int(np.argmax(lasting)) + 1) / 4 if lasting.any() else math.inf


@dataclass
class _BehindADoor(traffic.ServerPool):
    """A pool that is reached through a waiting room, which admits up to a busy share of the serving instances."""

    admitted: float = 1.0

    def step(self, arrivals: float) -> traffic.Sample:
        serving = sum(self.now - at >= self.boot_seconds for at in self.launches)
        return super().step(min(arrivals, self.admitted * crowds.PER_INSTANCE * serving))


def evening(
    trace: np.ndarray, sizes: np.ndarray, above: target_tracking.Plan, *, quota: int, admitted: float
) -> Evening:
    """Follow booked sizes with a plan above them; of what the group wants, at most ``quota`` instances are there to have.

    Args:
        admitted: the busy share of the serving instances up to which the waiting room lets players in.

    Raises:
        SettingError: a quota below 1 or a share that is not above 0 and at most 1.
    """
    if quota < 1 or not 0 < admitted <= 1:
        raise SettingError(f"quota is at least 1 and admitted above 0 and at most 1, got {quota} and {admitted}")
    decide = crowds.Booked(sizes, above)
    pool = _BehindADoor(int(min(sizes[0], quota)), boot_seconds=crowds.BOOT, lag_seconds=crowds.LAG, admitted=admitted)
    desired, alarm = [], []

    def wanted(seen: traffic.Observation) -> int:
        size = decide(seen)
        assert decide.above is not None
        alarm.append(
            any(
                state == target_tracking.ALARM
                for name, state in decide.above.state.alarms.items()
                if name.endswith("high")
            )
        )
        desired.append(size)
        return min(size, quota)

    run = traffic.replay(trace, pool, wanted)
    refused = trace - run.requests_per_second
    return Evening(trace, refused, np.array(desired), run.capacity, np.array(alarm), run)
