"""The cells of redis_caching on a real server, attacked: damaged entries, failing backends, a full server, a user with no rights.

And the instrument of its exercises, which looks into the gaps between commands, and the references of both Redis notebooks.
"""

import contextlib
import io
import math
import secrets
import sqlite3
import threading
import time
from collections import Counter
from fractions import Fraction

import hypothesis
import pytest
import redis
from harness import chapters
from hypothesis import strategies as st

from companion.book import chapter
from companion.engines import redis as redis_engine
from companion.labs.data.gaps import before_each_parcel
from companion.measure import load
from companion.simulate.cache import che

ANSWER = [[3, 0.5], [7, 0.25]]
CHEAP = hypothesis.settings(max_examples=60, deadline=None)


class Backend:
    """A backend that takes a moment, counts its calls, and fails as often as it is told to."""

    def __init__(self, failures=0, error=OSError):
        self.calls, self.failures, self.error, self.guard = 0, failures, error, threading.Lock()

    def __call__(self, product):
        with self.guard:
            self.calls += 1
            fails = self.calls <= self.failures
        time.sleep(0.03)
        if fails:
            raise self.error("the disk does not answer")
        return ANSWER


@pytest.fixture(scope="module")
def notebook():
    """What the notebook's cells define up to the service, on a server of its own."""
    space: dict = {"recommend": Backend(), "time": time, "secrets": secrets}
    wanted = ("def key(", "RELEASE = ", "LOOK = ", "def sound(", "def serve(")
    with contextlib.redirect_stdout(io.StringIO()):
        space["calls"], space["hot"], space["load"] = [], 1, load
        for source in chapters.taught(chapter("redis_caching")):
            if any(mark in source for mark in wanted):
                exec(source.partition("\n\ncalls.clear()")[0], space)  # noqa: S102  (the project's own cells)
    yield space
    space["cache"].close()


@pytest.fixture
def cache(notebook):
    notebook["cache"].flushall()
    return notebook["cache"]


def keys(notebook):
    return [notebook["key"](1) + end for end in ("", ":lease", ":marks")]


DAMAGED = [
    *(b"", b"{}", b'""', b"[]", b"[[]]", b"[[1]]", b"[[1, 0.5, 2]]", b"[[1, 2]]", b"[[true, 0.5]]", b"[[1.0, 0.5]]"),
    *(b'[["1", 0.5]]', b"[[1, NaN]]", b"[[1, Infinity]]", b"[[1, -0.5]]", b"[[1, 1.5]]", b"[[1, true]]", b"[1, 0.5]"),
    *(
        b"0",
        b"true",
        b'"ab"',
        b'["ab"]',
        b'{"ab": 1}',
        b"nul",
        b"null null",
        b"[[1, 0.5]",
        b"\xff\xfe[\x00",
        b"\x80\x05",
    ),
    *(b"[" * 100_000, b"[[" + b"9" * 400 + b", 0.5]]", b"[[1, 1e400]]", b"[[1, 0.5]]" * 2, b"\x00" * 2**20),
    b"[" + b",".join([b"[1, 0.5]"] * 21) + b"]",
]


@pytest.mark.parametrize("entry", DAMAGED, ids=lambda entry: repr(entry[:14]))
def test_a_damaged_entry_costs_eight_readers_one_computation(notebook, cache, entry):
    backend = Backend()
    cache.set(keys(notebook)[0], entry)
    answers = load.together(lambda: notebook["serve"](cache, 1, backend), threads=8)
    assert [answer for answer, _ in answers] == [ANSWER] * 8 and backend.calls == 1
    assert notebook["serve"](cache, 1, backend) == (ANSWER, "cache")


@pytest.mark.parametrize("kind", ["list", "hash", "set", "sorted set", "stream"])
def test_a_key_of_another_type_is_a_damaged_entry(notebook, cache, kind):
    entry, backend = keys(notebook)[0], Backend()
    {
        "list": lambda: cache.rpush(entry, "a"),
        "hash": lambda: cache.hset(entry, "a", "b"),
        "set": lambda: cache.sadd(entry, "a"),
        "sorted set": lambda: cache.zadd(entry, {"a": 1}),
        "stream": lambda: cache.xadd(entry, {"a": "b"}),
    }[kind]()
    answers = load.together(lambda: notebook["serve"](cache, 1, backend), threads=8)
    assert [answer for answer, _ in answers] == [ANSWER] * 8 and backend.calls == 1


@pytest.mark.parametrize("error", [OSError, MemoryError, KeyboardInterrupt, SystemExit])
def test_a_computation_that_fails_gives_its_lease_back(notebook, cache, error):
    entry, lease, _ = keys(notebook)
    with pytest.raises(error):
        notebook["serve"](cache, 1, Backend(1, error))
    assert not cache.exists(entry, lease)
    assert notebook["serve"](cache, 1, Backend()) == (ANSWER, "backend")


def test_while_the_backend_fails_nobody_waits_for_a_lease_that_nobody_has(notebook, cache):
    backend, looks = Backend(3), Counter()

    def ask():
        try:
            return notebook["serve"](cache, 1, backend)[0]
        except OSError:
            return "failed"

    with before_each_parcel(lambda: looks.update(["parcels"])):
        answers = load.together(ask, threads=8)
    assert Counter(map(str, answers)) == {"failed": 3, str(ANSWER): 5} and backend.calls == 4
    assert looks["parcels"] < 8 * 500, "somebody has spent a patience of 1,000 looks"
    assert not cache.exists(keys(notebook)[1])


def test_a_failure_takes_away_no_other_readers_lease(notebook, cache):
    _, lease, _ = keys(notebook)

    def overtaken(product):
        cache.set(lease, "the next reader", px=60_000)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        notebook["serve"](cache, 1, overtaken)
    assert cache.get(lease) == b"the next reader"


def test_an_entry_is_not_filled_behind_a_writer(notebook, cache):
    entry, lease, marks = keys(notebook)

    def marked_meanwhile(product):
        cache.pipeline().delete(entry, lease).sadd(marks, "a writer").pexpire(marks, 60_000).execute()
        return ANSWER

    assert notebook["serve"](cache, 1, marked_meanwhile) == (ANSWER, "backend")
    assert not cache.exists(entry, lease), "a fill that began before the mark"
    with before_each_parcel(lambda: None):
        found, leased = notebook["LOOK"]([entry, lease, marks], ["a reader", 2_000])
    assert (found, leased) == (None, 0), "nobody gets a lease while there is a mark"
    cache.delete(marks)
    assert notebook["serve"](cache, 1, Backend())[1] == "backend"
    assert notebook["serve"](cache, 1, Backend())[1] == "cache"


def test_a_full_server_and_a_user_without_rights_are_no_cache_and_no_failure(notebook):
    with redis_engine.connect(retry=None) as small:
        small.config_set("maxmemory", 1)
        assert [notebook["serve"](small, 1, Backend()) for _ in range(2)] == [(ANSWER, "down")] * 2
        small.config_set("maxmemory", 0)
        small.acl_setuser("nobody", enabled=True, passwords=["+nobody"], keys=["other:*"], categories=["+@all"])
        kept = small.get_connection_kwargs()
        with redis.Redis(kept["host"], kept["port"], username="nobody", password="nobody", retry=None) as limited:
            assert notebook["serve"](limited, 1, Backend()) == (ANSWER, "down")
        assert small.dbsize() == 0


# Every order of readers and writers


@pytest.fixture
def orders(notebook, cache):
    """What the notebook's cells define on the way to its marks, on a price in a database of its own."""
    space = dict(notebook)
    space["database"] = sqlite3.connect(":memory:", isolation_level=None)
    space["database"].executescript("CREATE TABLE product (product, price); INSERT INTO product VALUES (1, 100)")
    for mark in ("PRICE, LEASE, MARKS", "def reader(", "def outcomes(", "def leased_reader(", "def mark("):
        (source,) = (source for source in chapters.taught(chapter("redis_caching")) if mark in source)
        exec(source.partition("\n\n\nprint(")[0], space)  # noqa: S102  (the project's own cells)
    yield space
    space["database"].close()


def test_a_mark_that_is_lost_is_as_good_as_a_lease(orders):
    def lost():
        orders["mark"]("a writer")
        yield
        orders["cache"].delete(orders["MARKS"])
        yield
        orders["set_price"](200)
        yield
        orders["done"]("a writer")

    told = [orders["outcomes"]([orders[read]], lost) for read in ("leased_reader", "visitor")]
    assert told[0] == "of 35 orders 0 leave an old price, 0 tell one late"
    assert told[1].startswith("of 15 orders 0 leave an old price, ") and not told[1].endswith(" 0 tell one late")


def test_a_writer_that_dies_behind_its_mark_leaves_no_old_price(orders):
    def dies():
        orders["mark"]("a writer")
        yield
        orders["set_price"](200)

    assert orders["outcomes"]([orders["leased_reader"], orders["visitor"]], dies).endswith(
        "orders 0 leave an old price, 0 tell one late"
    )


# The instrument


@pytest.fixture
def server():
    with redis_engine.connect(retry=None, decode_responses=True) as client:
        client.ping()
        yield client


def test_a_command_a_script_and_a_pipeline_are_one_parcel_each(server):
    script = server.register_script("return redis.call('GET', KEYS[1])")
    script(["a"])
    parcels = []
    with before_each_parcel(lambda: parcels.append(server.get("a"))):
        server.set("a", 1)
        script(["a"])
        server.pipeline().set("a", 2).get("a").execute()
        server.pipeline(transaction=False).get("a").get("a").execute()
    assert parcels == [None, "1", "1", "2"], "what act() sends itself is no parcel"
    server.get("a")
    assert len(parcels) == 4, "and behind the block nothing is looked at"


def test_what_happens_in_a_gap_happens_between_the_two_commands(server):
    server.set("n", 1)
    seen = []
    with before_each_parcel(lambda: seen.append(server.incr("n"))):
        before = server.get("n")
        server.set("n", int(before) + 10)
    assert (before, seen, server.get("n")) == ("2", [2, 3], "12"), "the increment in the gap is lost"


def test_an_error_in_a_gap_comes_out_and_the_block_ends(server):
    with pytest.raises(ZeroDivisionError), before_each_parcel(lambda: 1 / 0):
        server.get("a")
    assert server.ping()


# The references of the exercises


@pytest.fixture(scope="module")
def caching():
    found = chapters.references(chapter("redis_caching"))
    yield found
    found["lab"].close()


@pytest.fixture(scope="module")
def memory():
    found = chapters.references(chapter("redis_memory"))
    yield found
    found["lab"].close()


@CHEAP
@hypothesis.given(
    st.lists(st.integers(0, 6)), st.lists(st.integers(0, 50), min_size=7, max_size=7), st.sets(st.integers(0, 9))
)
def test_load_left_is_the_share_of_what_is_paid(caching, requests, costs, cached):
    whole = sum(Fraction(costs[product]) for product in requests)
    left = sum(Fraction(costs[product]) for product in requests if product not in cached)
    given = caching["load_left"](requests, dict(enumerate(costs)), cached)
    assert given == pytest.approx(float(left / whole) if whole else 0)


@CHEAP
@hypothesis.given(
    st.lists(st.floats(0.01, 10), min_size=1, max_size=25), st.floats(0, 1e4), st.floats(0, 5), st.floats(0, 50)
)
def test_no_size_is_cheaper_than_the_cheapest(memory, shares, rate, miss, entry):
    costs = [rate * (1 - (che(shares, n) if n else 0.0)) * miss + n * entry for n in range(len(shares) + 1)]
    size = memory["cheapest"](shares, rate, miss, entry)
    assert costs[size] == min(costs) and all(cost > costs[size] for cost in costs[:size])


@CHEAP
@hypothesis.given(*[st.floats(0, 100)] * 2, *[st.floats(0.01, 10)] * 2, st.floats(1e-9, 1))
def test_early_is_by_the_exponential_draw(memory, now, expiry, delta, beta, u):
    early = memory["compute_early"](now, expiry, delta, beta, u)
    gap, ahead = expiry - now, -math.log(u) * delta * beta
    hypothesis.assume(abs(gap - ahead) > 1e-6)
    assert early == (ahead >= gap)
    assert memory["compute_early"](expiry, expiry, delta, beta, u), "what has expired is always computed"


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(st.lists(st.lists(st.integers(0, 8), max_size=12), max_size=4))
def test_pages_are_what_was_computed_once(memory, pages):
    memory["clean"]()
    computed = []

    def compute(missing):
        computed.extend(missing)
        return {i: i * i or None for i in missing}

    for page in pages:
        assert memory["get_many"](memory["lab"], page, compute, 60) == [i * i or None for i in page]
    assert sorted(computed) == sorted({i for page in pages for i in page})


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(st.lists(st.sampled_from(["take", "fill", "wait"]), max_size=8))
def test_whatever_readers_do_in_the_gaps_nobody_holds_anything_at_the_commit(caching, doings):
    caching["clean"]()
    client, begin = caching["lab"], f"{caching['LAB']}x"
    entry, lease, marks = begin, f"{begin}:lease", f"{begin}:marks"
    client.set(lease, "a reader", px=60_000)
    left = list(doings)

    def reader():
        what = left.pop(0) if left else "wait"
        if what == "take" and not client.exists(entry, lease, marks):
            client.set(lease, "a reader", px=60_000)
        if what == "fill" and client.get(lease) == "a reader":
            client.set(entry, "old", px=60_000)

    with before_each_parcel(reader):
        assert caching["change"]("x", "ada", lambda: client.exists(entry, lease), 60_000) == 0
    assert not client.exists(marks)
