"""The online store's one rule on a real Redis: whatever the order of the writes, the newest event is held, in its last version."""

from collections.abc import Callable, Iterator

import pytest
from harness import chapters
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.book import chapter
from companion.engines import redis as redis_engine
from companion.measure import load

SOLUTION = chapters.solutions(chapter("case_uber_michelangelo"))["case_uber_michelangelo-3"]
writes = st.lists(st.tuples(st.integers(0, 6), st.floats(allow_nan=False)), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def store() -> Iterator:
    with redis_engine.connect(decode_responses=True) as client:
        yield client


@pytest.fixture(scope="module")
def keep() -> Callable:
    found: dict = {}
    exec(SOLUTION, found)  # noqa: S102  (the project's own cell)
    return found["keep"]


@settings(max_examples=100, deadline=None)
@given(writes)
def test_the_newest_event_is_held_in_its_last_version_and_in_every_bit(store, keep, steps):
    store.delete("held")
    newest = None
    for event_time, value in steps:
        wanted = newest is None or event_time >= newest[0]
        assert keep(store, "held", event_time, value) is wanted
        newest = (event_time, value) if wanted else newest
    found = store.hgetall("held")
    assert (int(found["at"]), float(found["value"])) == newest


def test_of_many_writers_at_once_the_newest_event_stays(store, keep):
    for _ in range(20):
        store.delete("held")
        times = iter(range(16))
        load.together(lambda times=times: keep(store, "held", next(times), 1.0), threads=16)
        assert store.hget("held", "at") == "15"
