"""What customers did, in Redis. Every change is one script: Redis runs it whole, with nobody in between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import redis
from recommender.common import trace
from recommender.common.errors import StoreSlow, StoreUnavailable
from redis.backoff import NoBackoff
from redis.retry import Retry

PREFIX = "features:"
REMEMBER_SECONDS = 24 * 3600
RECENT = 10_000

# the key of the request is looked up and the event is stored in one step: two at the same time can't both find nothing
_ADD = """\
local known = redis.call('GET', KEYS[1])
if known then return {known, 0} end
local event = redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], '*', 'event', ARGV[2])
redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
known = ARGV[1] .. ' ' .. event
redis.call('SET', KEYS[1], known, 'EX', ARGV[4])
return {known, 1}"""

# a token bucket: what has come in since the last time, up to the brim; Redis' own clock, so all workers agree
_TAKE = """\
local rate, size = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(size, (tonumber(held[1]) or size) + (now - (tonumber(held[2]) or now)) * rate)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = (1 - tokens) / rate end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil(size / rate) + 1)
return tostring(wait)"""


class Stored(NamedTuple):
    """An event, and whether this call is the one that stored it."""

    event: str
    new: bool


class KeyReused(Exception):
    """The idempotency key belongs to another event."""


class Store(Protocol):
    """What the service needs of its data."""

    def aisles(self, customer: int) -> dict[int, int]: ...

    def add(self, key: str, event: dict) -> Stored: ...

    def wait(self, customer: int) -> float: ...

    def check(self) -> None: ...


class RedisStore:
    """Counts by customer and aisle, the last events, what has been seen, and buckets."""

    def __init__(self, url: str, seconds: float, rate: float, burst: int, prefix: str = PREFIX):
        self._rate, self._burst, self._prefix = rate, burst, prefix
        # no retries of its own: they would multiply with the caller's, and outlive its deadline
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        self._add, self._take = self._redis.register_script(_ADD), self._redis.register_script(_TAKE)

    def aisles(self, customer: int) -> dict[int, int]:
        found = self._ask("taste", lambda: self._redis.hgetall(f"{self._prefix}taste:{customer}"))
        return {int(aisle): int(count) for aisle, count in found.items()}

    def add(self, key: str, event: dict) -> Stored:
        text = json.dumps(event, sort_keys=True)
        print_ = hashlib.sha256(text.encode()).hexdigest()
        seen = hashlib.sha256(key.encode()).hexdigest()
        keys = [f"{self._prefix}seen:{seen}", f"{self._prefix}taste:{event['customer']}", f"{self._prefix}events"]
        known, new = self._ask("add", lambda: self._add(keys, [print_, text, event["aisle"], REMEMBER_SECONDS, RECENT]))
        known_print, identifier = known.split(" ")
        if known_print != print_:
            raise KeyReused
        return Stored(identifier, bool(new))

    def wait(self, customer: int) -> float:
        """Seconds until the customer may send again; 0 takes a token."""
        return float(
            self._ask("take", lambda: self._take([f"{self._prefix}bucket:{customer}"], [self._rate, self._burst]))
        )

    def check(self) -> None:
        self._ask("ping", self._redis.ping)

    def fill(self, events: Iterable[tuple[int, int]], batch: int = 2_000) -> int:
        """History in bulk, as (customer, aisle); returns how many. For whoever sets the service up, not for its routes."""
        counts: dict[tuple[int, int], int] = {}
        for customer, aisle in events:
            key = int(customer), int(aisle)
            counts[key] = counts.get(key, 0) + 1
        items = list(counts.items())
        for start in range(0, len(items), batch):
            with self._redis.pipeline(transaction=False) as pipe:
                for (customer, aisle), count in items[start : start + batch]:
                    pipe.hincrby(f"{self._prefix}taste:{customer}", aisle, count)
                pipe.execute()
        return sum(counts.values())

    def _ask(self, name: str, question):
        with trace.span(f"Redis {name}", "store"):
            try:
                return question()
            except redis.TimeoutError as error:
                raise StoreSlow("the feature store did not answer in time") from error
            except redis.RedisError as error:
                raise StoreUnavailable("the feature store does not answer") from error
