"""The Kubernetes Horizontal Pod Autoscaler as its controller does it, in pure functions over plain data.

The one-line formula of the documentation, ``ceil(replicas * value / target)``, is where it starts. What it leaves out decides
what really happens: which pods count, integers, a tolerance, two stabilisation windows, rates from past scale events, bounds.

========================  ============================================================================================
``read``                  an ``Autoscaler`` from the very manifest that a cluster would get
``Turn``                  what the controller sees: replicas, pods, the time, its settings (``turn.py``)
``propose``               what one metric asks for (``replicas.py``)
``reconcile``             one turn of the control loop: metrics, windows, rates, bounds, conditions (``reconcile.py``)
``Controller``            that turn every 15 seconds, as a policy for ``traffic.replay`` (``controller.py``)
========================  ============================================================================================

Source of every rule: Kubernetes' ``pkg/controller/podautoscaler`` (``replica_calculator.go``, ``horizontal.go``) and
``pkg/apis/autoscaling`` (defaults, validation). Release 1.20 and the present one differ in a few rules; ``Settings.rules`` says
which to follow. ``upstream.cases`` are the inputs and results of Kubernetes' own tests.
"""

from companion.simulate.hpa import upstream
from companion.simulate.hpa.behaviour import History, Recommendation, ScaleEvent
from companion.simulate.hpa.controller import Controller
from companion.simulate.hpa.manifest import (
    Autoscaler,
    Behaviour,
    Metric,
    Policy,
    Rules,
    limits_of,
    quantity,
    read,
    requests_of,
)
from companion.simulate.hpa.reconcile import Decision, reconcile
from companion.simulate.hpa.replicas import Proposal, group_pods, propose
from companion.simulate.hpa.turn import MetricError, Pod, PodMetric, Settings, Turn

__all__ = [
    "Autoscaler",
    "Behaviour",
    "Controller",
    "Decision",
    "History",
    "Metric",
    "MetricError",
    "Pod",
    "PodMetric",
    "Policy",
    "Proposal",
    "Recommendation",
    "Rules",
    "ScaleEvent",
    "Settings",
    "Turn",
    "group_pods",
    "limits_of",
    "propose",
    "quantity",
    "read",
    "reconcile",
    "requests_of",
    "upstream",
]
