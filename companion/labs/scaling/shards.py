"""Nine shards and the threads that wait for them: one hot shard under a game's service, at a hundredth of its size.

The shares and rates are Epic's; the rest is assumed: that a shard's writer is one server, that each thread holds a connection while
it waits, and that a shard gets slower with the connections that wait on it. The postmortem says none of the three in numbers.

Source: Epic Games, "Postmortem of Service Outage at 3.4M CCU", February 2018 (rates, shards, shares, "40k+ ms").
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.errors import SettingError

#: published: a second, at the peak
CLIENT_REQUESTS, READS, WRITES = 124_000.0, 318_000.0, 132_000.0
#: published: shards for users, and the share of all queries and of all writes on the one for matchmaking
USER_SHARDS, HOT_QUERIES, HOT_WRITES = 8, 0.15, 0.11


def mean_seconds(rate: float, service_rate: float, count: int, seed: int) -> float:
    """Mean time in a queue with one server, waiting and service, of ``count`` requests (Lindley, 1952).

    Args:
        rate, service_rate: of Poisson arrivals, and of exponential service; a second.
    """
    rng = np.random.default_rng([seed, 9])
    work = rng.exponential(1 / service_rate, count)
    # wait[n + 1] = max(0, wait[n] + work[n] - gap[n]): a walk above its lowest point so far
    walk = np.concatenate([[0.0], np.cumsum(work[:-1] - rng.exponential(1 / rate, count - 1))])
    return float((walk - np.minimum.accumulate(walk) + work).mean())


@dataclass(frozen=True)
class Service:
    """Application servers whose threads call the shards.

    Attributes:
        servers, threads: application servers, and threads of each.
        shares: of the calls that go to each shard; they add up to 1.
        service_rate: calls a second that a shard's writer completes when nobody crowds it.
        crowd: connections that may wait on a shard before it slows down.
        slowing: so many more connections halve its rate.
        server_rate: client requests a second that use a server's whole processor.
        patience: seconds after which a client without a thread gives up.
    """

    servers: int = 20
    threads: int = 100
    shares: tuple[float, ...] = (HOT_QUERIES, *[(1 - HOT_QUERIES) / USER_SHARDS] * USER_SHARDS)
    service_rate: float = CLIENT_REQUESTS / 100 * HOT_QUERIES / 0.9
    crowd: int = 100
    slowing: float = 600.0
    server_rate: float = 100.0
    patience: float = 10.0

    def __post_init__(self) -> None:
        if not math.isclose(sum(self.shares), 1, abs_tol=1e-9) or min(self.shares) < 0:
            raise SettingError(f"shares are at least 0 and add up to 1, got {self.shares}")
        if self.servers < 1 or self.threads < 1 or self.service_rate <= 0 or self.slowing <= 0:
            raise SettingError("servers and threads are at least 1, service_rate and slowing positive")


@dataclass(frozen=True)
class Outage:
    """What happened, a value a second, shape (seconds,).

    Attributes:
        seconds: seconds that a call to the first shard takes, by those in front of it and the shard's present rate.
        answered: client requests.
        processor: busy share of the application servers' processors.
        refused: client requests that gave up.
    """

    seconds: np.ndarray
    answered: np.ndarray
    processor: np.ndarray
    refused: np.ndarray


def outage(service: Service, rates: np.ndarray, seed: int, step: float = 0.1) -> Outage:
    """Client requests come at ``rates`` a second, shape (seconds,); each holds a thread until its shard has answered."""
    rng = np.random.default_rng([seed, 5])
    per_second = round(1 / step)
    shares = np.array(service.shares)
    pool, total = np.zeros(len(shares)), service.servers * service.threads
    waiting, lost, done, slow = 0, [], [], []
    for rate in np.repeat(np.asarray(rates, float), per_second):
        waiting += rng.poisson(rate * step)
        given_up = max(0, waiting - math.ceil(rate * service.patience))
        waiting -= given_up
        admitted = min(waiting, int(total - pool.sum()))
        waiting -= admitted
        pool += rng.multinomial(admitted, shares)
        speed = service.service_rate / (1 + np.maximum(0, pool - service.crowd) / service.slowing)
        left = np.minimum(pool, rng.poisson(speed * step))
        pool -= left
        lost.append(given_up)
        done.append(left.sum())
        slow.append((pool[0] + 1) / speed[0])
    answered = np.array(done).reshape(-1, per_second).sum(axis=1)
    return Outage(
        np.array(slow).reshape(-1, per_second).mean(axis=1),
        answered,
        np.minimum(1.0, answered / (service.servers * service.server_rate)),
        np.array(lost).reshape(-1, per_second).sum(axis=1),
    )


def table(outages: Mapping[str, Sequence[Outage]], last: int = 120) -> pd.DataFrame:
    """Of each variant the means of the last seconds, over its runs; and how far the runs differ, as a share of the mean."""
    fields = {"seconds": "call to the hot shard, s", "answered": "answered a second", "processor": "busy processors"}
    rows = {}
    for name, runs in outages.items():
        ends = {title: [float(getattr(run, field)[-last:].mean()) for run in runs] for field, title in fields.items()}
        apart = max(np.ptp(values) / np.mean(values) for title, values in ends.items() if title != fields["seconds"])
        rows[name] = {title: float(np.mean(values)) for title, values in ends.items()} | {
            "runs differ by": float(apart)
        }
    return pd.DataFrame(rows).T
