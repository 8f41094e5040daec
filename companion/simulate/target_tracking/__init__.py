"""AWS's control loop: target tracking, step and scheduled policies of an EC2 auto-scaling group, as pure functions.

:func:`plan` reads the very dictionaries that AWS uses (the properties of a CloudFormation template, or the answers of
boto3's ``describe_*``). :func:`evaluate` is one evaluation: a plan, a state and a datapoint a policy go in, the next state
comes out, nothing else changes. :class:`Controller` lets it drive ``traffic.replay``.

``policies`` and ``state`` hold the data, ``alarms``, ``rules`` and ``schedule`` what AWS documents, ``dictionaries`` reads AWS's own
words.

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

from companion.simulate.target_tracking.alarms import ALARM, INSUFFICIENT_DATA, OK, alarm_state
from companion.simulate.target_tracking.controller import Controller, metric_value
from companion.simulate.target_tracking.dictionaries import plan
from companion.simulate.target_tracking.policies import (
    CPU,
    REQUESTS,
    Alarm,
    Plan,
    ScheduledAction,
    StepAdjustment,
    StepScaling,
    TargetTracking,
    policy_warmup,
)
from companion.simulate.target_tracking.rules import (
    evaluate,
    gradual,
    rounded_change,
    stepped_capacity,
    tracked_capacity,
    warmed,
)
from companion.simulate.target_tracking.schedule import apply_schedule, minute_matches
from companion.simulate.target_tracking.state import Activity, State, initial

__all__ = [
    "ALARM",
    "CPU",
    "INSUFFICIENT_DATA",
    "OK",
    "REQUESTS",
    "Activity",
    "Alarm",
    "Controller",
    "Plan",
    "ScheduledAction",
    "State",
    "StepAdjustment",
    "StepScaling",
    "TargetTracking",
    "alarm_state",
    "apply_schedule",
    "evaluate",
    "gradual",
    "initial",
    "metric_value",
    "minute_matches",
    "plan",
    "policy_warmup",
    "rounded_change",
    "stepped_capacity",
    "tracked_capacity",
    "warmed",
]
