"""The loop of pool and policy, and what came of it: latency, broken promises, cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from companion.simulate.traffic.pool import Observation, Sample, ServerPool
from companion.simulate.traffic.traces import check_trace


@dataclass(frozen=True)
class Run:
    """A replayed trace as arrays of shape (steps,), named as in :class:`Sample`."""

    time: np.ndarray
    requests_per_second: np.ndarray
    capacity: np.ndarray
    serving: np.ndarray
    utilisation: np.ndarray
    waiting: np.ndarray
    failed: np.ndarray
    wait_probability: np.ndarray
    wait_rate: np.ndarray
    delay: np.ndarray
    service_rate: float
    step_seconds: float


def replay(trace: np.ndarray, pool: ServerPool, decide: Callable[[Observation], int]) -> Run:
    """Serve a trace with a policy in charge: before each step it sees an :class:`Observation` and says how many it wants."""
    samples = []
    for arrivals in check_trace(trace).tolist():
        pool.resize(int(decide(pool.observe())))
        samples.append(pool.step(arrivals))
    names = [name for name in Run.__dataclass_fields__ if name in (*Sample._fields, "capacity")]
    columns = {name: np.array([getattr(sample, name) for sample in samples]) for name in names}
    return Run(**columns, service_rate=pool.service_rate, step_seconds=pool.step_seconds)


def slow_share(run: Run, seconds: float) -> np.ndarray:
    """Share of each step's requests that took longer than ``seconds`` from arrival to answer, or failed; shape (steps,).

    The response time is the delay, plus a wait of 0 or Exp(wait_rate), plus a service of Exp(service_rate).
    """
    t = np.maximum(seconds - run.delay, 0.0)
    slow = np.where(run.delay >= seconds, 1.0, _tail(t, run))
    # as shares of at most 1: requests of an earlier step can give up in this one
    lost = np.minimum(run.failed, run.requests_per_second)
    failed = np.divide(lost, run.requests_per_second, out=np.zeros_like(slow), where=run.requests_per_second > 0)
    return np.where(run.requests_per_second > 0, failed + (1 - failed) * slow, 0.0)


def _tail(t: np.ndarray, run: Run) -> np.ndarray:
    """P(wait + service > t) without the delay."""
    mu, theta, waits = run.service_rate, run.wait_rate, run.wait_probability
    theta = np.where(np.abs(theta - mu) < 1e-9 * mu, mu * (1 + 1e-6), theta)  # the formula's removable singularity
    both = (theta * np.exp(-mu * t) - mu * np.exp(-theta * t)) / (theta - mu)
    return (1 - waits) * np.exp(-mu * t) + waits * both


def latency(run: Run, quantile: float = 0.95) -> np.ndarray:
    """Quantile of the response time in seconds at each step, of the requests that did not fail; shape (steps,)."""
    low, high = np.zeros(len(run.time)), np.full(len(run.time), 60.0)
    for _ in range(40):
        middle = (low + high) / 2
        above = _tail(middle, run) > 1 - quantile
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return run.delay + high


def slo_minutes(run: Run, seconds: float = 0.5, share: float = 0.05) -> float:
    """Minutes in which more than ``share`` of the requests took longer than ``seconds`` or failed."""
    return float((slow_share(run, seconds) > share).sum() * run.step_seconds / 60)


def instance_hours(run: Run) -> float:
    """Instance-hours paid for, booting ones included."""
    return float(run.capacity.sum() * run.step_seconds / 3600)


def cost(run: Run, price_per_hour: float = 0.1) -> float:
    """Price of the run, billed by the second from launch on."""
    return instance_hours(run) * price_per_hour
