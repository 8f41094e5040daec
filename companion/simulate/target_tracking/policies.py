"""A group with all that scales it, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

CPU, REQUESTS = "ASGAverageCPUUtilization", "ALBRequestCountPerTarget"


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
class StepAdjustment:
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
    steps: tuple[StepAdjustment, ...]
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


def policy_warmup(plan: Plan, policy: TargetTracking | StepScaling) -> float:
    """Seconds until an instance counts for this policy: its own, else the group's, else 0. [WARM]"""
    return next((w for w in (policy.warmup, plan.warmup) if w is not None), 0.0)
