"""Requests that arrive, servers that answer them: traces of a day, a queueing server pool, and what it cost.

A *trace* is a float array, requests a second at every step. A :class:`ServerPool` serves it step by step: instances take
time to boot, their metrics arrive late, and requests queue as in an M/M/c system. :func:`replay` closes the loop with a
policy, a plain function from an :class:`Observation` to the number of instances that it wants. Nothing here knows AWS or
Kubernetes: their rules are in the modules beside this one.

Sources: A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone
exchanges", 1917; L. Kleinrock, "Queueing Systems I", 1975 (M/M/c).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.special import pdtr  # the Poisson distribution function

from companion.errors import SettingError

STEP_SECONDS = 15.0
ALWAYS = -math.inf  # the launch time of an instance that was there from the start


# Traces


def diurnal(
    base: float = 100.0,
    peak: float = 400.0,
    *,
    hours: float = 24.0,
    step_seconds: float = STEP_SECONDS,
    peak_hour: float = 20.0,
    sharpness: float = 1.0,
    seed: int | None = None,
) -> np.ndarray:
    """A day's breathing: ``base`` requests/s in the small hours, ``peak`` at ``peak_hour``, a raised cosine in between.

    Args:
        hours: length; the curve repeats every 24.
        step_seconds: seconds a step; the result has shape (round(3600 * hours / step_seconds),).
        sharpness: above 1 the peak is narrower than the trough.
        seed: when given, ``with_noise(…, seed=seed)`` on top.
    """
    _check(base=base, peak=peak, hours=hours, step_seconds=step_seconds, sharpness=sharpness)
    if peak < base:
        raise SettingError(f"peak must be at least base, got peak={peak} below base={base}")
    hour = _hours(hours, step_seconds)
    wave = (0.5 + 0.5 * np.cos(2 * np.pi * (hour - peak_hour) / 24)) ** sharpness
    return _noisy(base + (peak - base) * wave, step_seconds, seed)


def ten_x_day(
    base: float = 100.0, *, hours: float = 24.0, step_seconds: float = STEP_SECONDS, seed: int | None = None
) -> np.ndarray:
    """A day whose peak is ten times its trough, as Epic reported for each region of Fortnite (AWS Summit New York, 2018)."""
    return diurnal(base, 10 * base, hours=hours, step_seconds=step_seconds, sharpness=1.5, seed=seed)


def launch_spike(
    base: float = 100.0,
    peak: float = 1000.0,
    *,
    hours: float = 24.0,
    step_seconds: float = STEP_SECONDS,
    at_hour: float = 18.0,
    ramp_minutes: float = 2.0,
    hold_minutes: float = 60.0,
    seed: int | None = None,
) -> np.ndarray:
    """A release at a known hour: flat ``base``, up to ``peak`` within ``ramp_minutes``, held, then gone with a half-life of 30 min."""
    _check(base=base, peak=peak, hours=hours, step_seconds=step_seconds)
    minute = 60 * (_hours(hours, step_seconds) - at_hour)
    rise = np.clip(minute / max(ramp_minutes, 1e-9), 0, 1)
    decay = 0.5 ** (np.clip(minute - ramp_minutes - hold_minutes, 0, None) / 30)
    return _noisy(base + (peak - base) * rise * decay, step_seconds, seed)


def flash_crowd(
    base: float = 100.0,
    peak: float = 800.0,
    *,
    hours: float = 24.0,
    step_seconds: float = STEP_SECONDS,
    doubling_minutes: float = 3.0,
    half_life_minutes: float = 20.0,
    seed: int = 0,
) -> np.ndarray:
    """A link that goes round the world: nobody knows when. The excess doubles every ``doubling_minutes`` up to ``peak``.

    The moment of the peak is drawn from ``seed``, between a quarter and three quarters of the trace.
    """
    _check(base=base, peak=peak, hours=hours, step_seconds=step_seconds)
    at = hours * (0.25 + 0.5 * np.random.default_rng(seed).random())
    minute = 60 * (_hours(hours, step_seconds) - at)
    shape = np.where(minute < 0, 2.0 ** (minute / doubling_minutes), 0.5 ** (minute / half_life_minutes))
    return _noisy(base + (peak - base) * shape, step_seconds, seed)


def with_noise(
    trace: np.ndarray,
    *,
    deviation: float = 0.06,
    memory_seconds: float = 120.0,
    step_seconds: float = STEP_SECONDS,
    seed: int = 0,
) -> np.ndarray:
    """The trace times a log-normal AR(1) noise of mean 1: neighbours in time go up and down together.

    Args:
        deviation: standard deviation of the noise's logarithm.
        memory_seconds: after this long its autocorrelation has fallen to 1/e.
    """
    trace = check_trace(trace)
    _check(memory_seconds=memory_seconds, step_seconds=step_seconds)
    keep = math.exp(-step_seconds / memory_seconds)
    shocks = np.random.default_rng(seed).standard_normal(len(trace))
    noise = shocks.copy()
    for step in range(1, len(noise)):
        noise[step] = keep * noise[step - 1] + math.sqrt(1 - keep**2) * shocks[step]
    return np.round(trace * np.exp(deviation * noise - deviation**2 / 2), 3)


def check_trace(trace: np.ndarray) -> np.ndarray:
    """``trace`` as a float array, or a SettingError: one-dimensional, not empty, finite, nothing negative."""
    trace = np.asarray(trace, float)
    if trace.ndim != 1 or not len(trace):
        raise SettingError(f"a trace has one dimension and at least one step, got shape {trace.shape}")
    if not np.isfinite(trace).all() or (trace < 0).any():
        step = int(np.flatnonzero(~np.isfinite(trace) | (trace < 0))[0])
        raise SettingError(f"trace[{step}] must be a number of requests/s, at least 0, got {trace[step]}")
    return trace


def _hours(hours: float, step_seconds: float) -> np.ndarray:
    return np.arange(max(1, round(3600 * hours / step_seconds))) * step_seconds / 3600


def _noisy(trace: np.ndarray, step_seconds: float, seed: int | None) -> np.ndarray:
    # rounded: the same bytes on every machine, whatever its cosine's last bit
    return np.round(trace, 3) if seed is None else with_noise(trace, step_seconds=step_seconds, seed=seed)


def _check(**positive: float) -> None:
    for name, value in positive.items():
        if not (math.isfinite(value) and (value > 0 or (value == 0 and name in ("base", "peak")))):
            raise SettingError(f"{name} must be a positive number, got {value}")


# The queue


def erlang_c(arrival_rate, service_rate: float, servers):
    """Probability that a request has to wait in an M/M/c queue (Erlang, 1917); 1 when the load is at or above capacity.

    Args:
        arrival_rate: requests a second, a number or an array.
        service_rate: requests a second that one busy server completes.
        servers: c, a whole number or an array of the same shape; with 0 servers everything waits.

    Through Erlang B as the ratio of a Poisson probability to its distribution function, which neither overflows nor
    cancels: ``B = p(c; a) / P(N <= c; a)``, ``C = B / (1 - rho (1 - B))`` with ``a = arrival/service``, ``rho = a/c``.
    """
    if np.ndim(arrival_rate) or np.ndim(servers):
        pairs = np.broadcast(np.asarray(arrival_rate, float), np.asarray(servers))
        return np.array([erlang_c(a, service_rate, c) for a, c in pairs], float).reshape(pairs.shape)
    load, c = float(arrival_rate) / service_rate, int(servers)
    if load >= c:
        return 1.0
    if load <= 0:
        return 0.0
    blocked = math.exp(c * math.log(load) - load - math.lgamma(c + 1)) / pdtr(c, load)
    return float(blocked / (1 - load / c * (1 - blocked)))


class Sample(NamedTuple):
    """One step of the pool, measured over ``[time - step_seconds, time]``.

    Attributes:
        time: seconds at the end of the step.
        requests_per_second: that arrived.
        launches: launch time of every instance, serving or booting, in ascending order.
        serving: instances that have booted.
        utilisation: busy share of the serving instances, 0 to 1.
        waiting: requests in the queue at the end.
        failed: requests a second that gave up.
        wait_probability, wait_rate, delay: the waiting time is ``delay`` seconds, plus with ``wait_probability`` an
            exponential time of ``wait_rate`` a second.
    """

    time: float
    requests_per_second: float
    launches: tuple[float, ...]
    serving: int
    utilisation: float
    waiting: float
    failed: float
    wait_probability: float
    wait_rate: float
    delay: float

    @property
    def capacity(self) -> int:
        """Instances, serving or booting: what is paid for."""
        return len(self.launches)


@dataclass(frozen=True)
class Observation:
    """What a policy sees: the time and the group as they are, the metrics as they were ``lag_seconds`` ago.

    Attributes:
        now: seconds.
        launches: of every instance that there is now.
        sample: the newest visible one; None until the first has arrived.
    """

    now: float
    launches: tuple[float, ...]
    sample: Sample | None

    @property
    def capacity(self) -> int:
        return len(self.launches)


@dataclass
class ServerPool:
    """Identical instances behind one queue, advanced step by step.

    Attributes:
        instances: that serve from the start.
        service_rate: requests a second that one busy worker completes.
        workers: requests that one instance serves at the same time; the queue is M/M/c with c = serving * workers.
        boot_seconds: from launch to the first request served. It is paid for.
        lag_seconds: until a metric is visible (collecting, aggregating, publishing).
        timeout_seconds: a request that would wait longer than this gives up.
        step_seconds: length of a step.

    Between steps only the number of waiting requests is carried on. Below capacity it relaxes to Erlang's stationary
    value at the spectral gap ``(sqrt(c mu) - sqrt(lambda))**2``, above it grows, and drains, as a fluid.
    A removed instance is the newest, so one that boots goes before one that serves, and finishes nothing.
    """

    instances: int = 2
    service_rate: float = 12.5
    workers: int = 8
    boot_seconds: float = 180.0
    lag_seconds: float = 60.0
    timeout_seconds: float = 10.0
    step_seconds: float = STEP_SECONDS
    now: float = field(default=0.0, init=False)
    launches: list[float] = field(init=False, repr=False)
    waiting: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        _check(service_rate=self.service_rate, step_seconds=self.step_seconds, timeout_seconds=self.timeout_seconds)
        for name in ("boot_seconds", "lag_seconds"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SettingError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.workers < 1 or self.instances < 0:
            raise SettingError(f"workers must be at least 1 and instances at least 0: {self.workers}, {self.instances}")
        self.launches = [ALWAYS] * self.instances
        self._late: deque[Sample] = deque()
        self._visible: Sample | None = None

    @property
    def instance_rate(self) -> float:
        """Requests a second that one instance completes when all its workers are busy."""
        return self.service_rate * self.workers

    def observe(self) -> Observation:
        """What a policy can know now."""
        while self._late and self._late[0].time <= self.now - self.lag_seconds + 1e-9:
            self._visible = self._late.popleft()
        return Observation(self.now, tuple(self.launches), self._visible)

    def resize(self, desired: int) -> None:
        """Launch or remove instances, so that there are ``desired`` of them, serving or booting."""
        if desired < 0:
            raise SettingError(f"a pool can't have {desired} instances")
        del self.launches[desired:]
        self.launches += [self.now] * (desired - len(self.launches))

    def step(self, requests_per_second: float) -> Sample:
        """Serve one step of the trace and move the clock."""
        arrivals, dt, rate = requests_per_second, self.step_seconds, self.service_rate
        serving = bisect_right(self.launches, self.now - self.boot_seconds)
        servers = serving * self.workers
        full = servers * rate  # requests/s when all are busy
        before = self.waiting
        waits = erlang_c(arrivals, rate, servers)
        if arrivals < full:
            settled = waits * arrivals / (full - arrivals)  # Erlang's mean number of waiting requests
            if self.waiting > settled:
                self.waiting = max(settled, self.waiting - (full - arrivals) * dt)
            else:
                gap = (math.sqrt(full) - math.sqrt(arrivals)) ** 2
                self.waiting = settled + (self.waiting - settled) * math.exp(-gap * dt)
            delay = max(0.0, self.waiting - settled) / full
            wait_rate = max(full - arrivals, waits * arrivals / self.waiting) if self.waiting > 0 else full
        else:
            self.waiting += (arrivals - full) * dt
            waits, wait_rate = 0.0, full or 1.0
            delay = min(self.waiting / full, self.timeout_seconds) if full else self.timeout_seconds
        failed = max(0.0, self.waiting - full * self.timeout_seconds)
        self.waiting -= failed
        self.now += dt
        served = arrivals - (self.waiting - before + failed) / dt
        busy = min(max(served / full, 0.0), 1.0) if full else 0.0
        sample = Sample(
            self.now, arrivals, tuple(self.launches), serving, busy, self.waiting, failed / dt, waits, wait_rate, delay
        )
        self._late.append(sample)
        return sample


# The loop, and what came of it


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


def _tail(t, run: Run) -> np.ndarray:
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


def mean_latency(run: Run) -> np.ndarray:
    """Mean response time in seconds at each step, of the requests that did not fail; shape (steps,)."""
    return run.delay + run.wait_probability / run.wait_rate + 1 / run.service_rate


def slo_minutes(run: Run, seconds: float = 0.5, share: float = 0.05) -> float:
    """Minutes in which more than ``share`` of the requests took longer than ``seconds`` or failed."""
    return float((slow_share(run, seconds) > share).sum() * run.step_seconds / 60)


def instance_hours(run: Run) -> float:
    """Instance-hours paid for, booting ones included."""
    return float(run.capacity.sum() * run.step_seconds / 3600)


def cost(run: Run, price_per_hour: float = 0.1) -> float:
    """Price of the run, billed by the second from launch on."""
    return instance_hours(run) * price_per_hour
