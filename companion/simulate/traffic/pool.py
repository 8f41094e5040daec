"""Servers that answer: a queue with c servers, and a pool of instances that boot, serve and measure, step by step."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy.special import pdtr  # the Poisson distribution function

from companion.errors import SettingError
from companion.simulate.traffic.traces import STEP_SECONDS, check_positive

ALWAYS = -math.inf  # the launch time of an instance that was there from the start


def erlang_c(arrival_rate: float | np.ndarray, service_rate: float, servers: int | np.ndarray) -> Any:
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
    return _erlang_c(float(arrival_rate) / service_rate, int(servers))


def _erlang_c(load: float, c: int) -> float:
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
        check_positive(
            service_rate=self.service_rate, step_seconds=self.step_seconds, timeout_seconds=self.timeout_seconds
        )
        for name in ("boot_seconds", "lag_seconds"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SettingError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.workers < 1 or self.instances < 0:
            raise SettingError(f"workers must be at least 1 and instances at least 0: {self.workers}, {self.instances}")
        self.launches = [ALWAYS] * self.instances
        self._late: deque[Sample] = deque()
        self._visible: Sample | None = None

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
        waits = _erlang_c(arrivals / rate, servers)
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
