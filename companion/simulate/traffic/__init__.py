"""Requests that arrive, servers that answer them: traces of a day, a queueing server pool, and what it cost.

A *trace* is a float array, requests a second at every step. A :class:`ServerPool` serves it step by step: instances take
time to boot, their metrics arrive late, and requests queue as in an M/M/c system. :func:`replay` closes the loop with a
policy, a plain function from an :class:`Observation` to the number of instances that it wants. Nothing here knows AWS or
Kubernetes: their rules are in the packages beside this one.

Sources: A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone
exchanges", 1917; L. Kleinrock, "Queueing Systems I", 1975 (M/M/c).
"""

from __future__ import annotations

from companion.simulate.traffic.pool import ALWAYS, Observation, Sample, ServerPool, erlang_c
from companion.simulate.traffic.run import Run, cost, instance_hours, latency, replay, slo_minutes, slow_share
from companion.simulate.traffic.traces import STEP_SECONDS, check_trace, diurnal, launch_spike, ten_x_day, with_noise

__all__ = [
    "ALWAYS",
    "STEP_SECONDS",
    "Observation",
    "Run",
    "Sample",
    "ServerPool",
    "check_trace",
    "cost",
    "diurnal",
    "erlang_c",
    "instance_hours",
    "latency",
    "launch_spike",
    "replay",
    "slo_minutes",
    "slow_share",
    "ten_x_day",
    "with_noise",
]
