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
#: a customer's keys are remembered so long after the last of them, and so many of the latest
REMEMBER_SECONDS = 24 * 3600
REMEMBER_KEYS = 1_000
RECENT = 1_000

# one step, so that two at the same time can't both find nothing. A repetition is known before it is counted: it takes no token
_ADD = """\
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then return {known, 0, '0'} end
-- a token bucket: what has come in since the last time, up to the brim; Redis' own clock, so all workers agree
local rate, size = tonumber(ARGV[7]), tonumber(ARGV[8])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local held = redis.call('HMGET', KEYS[5], 'tokens', 'at')
local tokens = math.min(size, (tonumber(held[1]) or size) + (now - (tonumber(held[2]) or now)) * rate)
if tokens < 1 then return {'', 0, tostring((1 - tokens) / rate)} end
redis.call('HSET', KEYS[5], 'tokens', tostring(tokens - 1), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[5], math.ceil(size / rate) + 1)
local event = redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[6], '*', 'event', ARGV[3])
redis.call('HINCRBY', KEYS[3], ARGV[4], 1)
known = ARGV[2] .. ' ' .. event
redis.call('HSET', KEYS[1], ARGV[1], known)
-- memory has a bound: of each customer so many keys, in the order in which they came
if redis.call('RPUSH', KEYS[2], ARGV[1]) > tonumber(ARGV[9]) then
  redis.call('HDEL', KEYS[1], redis.call('LPOP', KEYS[2]))
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return {known, 1, '0'}"""


class Stored(NamedTuple):
    """An event, and whether this call is the one that stored it."""

    event: str
    new: bool


class KeyReused(Exception):
    """This customer's idempotency key belongs to another event."""


class TooOften(Exception):
    """The customer's bucket is empty; ``wait`` seconds, and there is a token."""

    def __init__(self, wait: float):
        super().__init__(f"{wait:.3f} s")
        self.wait = wait


class Store(Protocol):
    """What the service needs of its data."""

    def aisles(self, customer: int) -> dict[int, int]: ...

    def add(self, key: str, event: dict) -> Stored: ...

    def check(self) -> None: ...


class RedisStore:
    """Of each customer: counts by aisle, the last events, the keys that were seen, and a bucket.

    All keys of a customer have the number in braces, so that on a Redis Cluster they lie together, as a script needs them.
    """

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
        self._add = self._redis.register_script(_ADD)

    def _key(self, customer: int, what: str) -> str:
        return f"{self._prefix}{{{customer}}}:{what}"

    def aisles(self, customer: int) -> dict[int, int]:
        found = self._ask("taste", lambda: self._redis.hgetall(self._key(customer, "taste")))
        return {int(aisle): int(count) for aisle, count in found.items()}

    def add(self, key: str, event: dict) -> Stored:
        """Store an event, once under its customer's key.

        Raises:
            KeyReused: the key is another event's.
            TooOften: the customer's bucket is empty; a repetition needs no token.
        """
        text = json.dumps(event, sort_keys=True)
        print_ = hashlib.sha256(text.encode()).hexdigest()
        seen = hashlib.sha256(key.encode()).hexdigest()
        keys = [self._key(event["customer"], what) for what in ("seen", "order", "taste", "events", "bucket")]
        values = [seen, print_, text, event["aisle"], REMEMBER_SECONDS, RECENT, self._rate, self._burst, REMEMBER_KEYS]
        known, new, wait = self._ask("add", lambda: self._add(keys, values))
        if not known:
            raise TooOften(float(wait))
        known_print, identifier = known.split(" ")
        if known_print != print_:
            raise KeyReused
        return Stored(identifier, bool(new))

    def check(self) -> None:
        """StoreUnavailable also when Redis makes room by forgetting: what was stored once would be stored again."""
        about = self._ask("info", lambda: self._redis.info("memory"))
        if about["maxmemory"] and about["maxmemory_policy"] != "noeviction":
            raise StoreUnavailable(
                f"the feature store may forget what it has to keep: maxmemory-policy is {about['maxmemory_policy']}, not noeviction"
            )

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
                    pipe.hincrby(self._key(customer, "taste"), aisle, count)
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
