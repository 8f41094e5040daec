"""The exercises of the two notebooks of the three services: the references against their own statements."""

import json
import math
from fractions import Fraction

import hypothesis
import pytest
from harness import chapters
from hypothesis import strategies as st

from companion import book

#: sums of powers of two, which floats hold exactly
DYADIC = st.integers(1, 2**12).map(lambda n: n / 256)


@pytest.fixture(scope="module")
def core():
    return chapters.references(book.chapter("flask_service"))


@pytest.fixture(scope="module")
def deeper():
    return chapters.references(book.chapter("flask_resilience"), __name__="__main__")


@hypothesis.given(st.lists(st.integers(0, 9), max_size=6))
def test_attempts_multiply_as_when_each_is_made(core, attempts):
    def arriving(layers):
        return sum(arriving(layers[1:]) for _ in range(layers[0])) if layers else 1

    hypothesis.assume(math.prod(attempts) <= 5_000)
    assert core["worst_case"](attempts) == arriving(attempts)


@hypothesis.given(
    st.integers(0, 9), DYADIC, DYADIC, st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=9, max_size=9)
)
def test_pauses_fit_into_what_is_left_and_one_more_would_not(core, retries, left, need, draws):
    found = core["pauses"](retries, left, need, iter(draws).__next__)
    limits = [min(1.0, 0.1 * 2**i) for i in range(retries)]
    assert found == [d * limit for d, limit in zip(draws, limits, strict=False)][: len(found)]
    spent = sum(found) + need * len(found)
    assert spent <= left + 1e-9
    if len(found) < retries:
        assert spent + draws[len(found)] * limits[len(found)] + need > left - 1e-9


@hypothesis.given(
    st.sampled_from([0.25, 0.5, 1.0, 2.0]),
    st.integers(1, 4),
    st.lists(st.integers(0, 512).map(lambda n: n / 64), max_size=30),
)
def test_a_bucket_lets_in_what_exact_arithmetic_does_and_keeps_its_word(core, rate, size, gaps):
    bucket, now, tokens = core["TokenBucket"](rate, size), 0.0, Fraction(size)
    for gap in gaps:
        now += gap
        tokens = min(Fraction(size), tokens + Fraction(gap) * Fraction(rate))
        wait = bucket.take(now)
        assert wait == (0 if tokens >= 1 else (1 - tokens) / Fraction(rate))
        tokens -= wait == 0
        if wait:
            now, tokens = now + wait, Fraction(0)
            assert bucket.take(now) == 0


@hypothesis.given(
    st.lists(st.integers(1, 64).map(lambda n: n / 16), max_size=8), st.integers(1, 32).map(lambda n: n / 16)
)
def test_corrected_is_what_an_open_loop_would_have_seen(deeper, latencies, interval):
    found = deeper["corrected"](latencies, interval)
    expected = [late - n * interval for late in latencies for n in range(100) if late - n * interval > 0]
    assert sorted(found) == sorted(expected)


@hypothesis.given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["numbers", "a"]), inner, max_size=2), max_leaves=8))  # fmt: skip
@hypothesis.settings(deadline=None)
def test_the_door_takes_what_it_says_and_never_crashes(deeper, body):
    reply = deeper["application"](10_000).test_client().post("/sum", data=json.dumps(body).encode())
    numbers = body.get("numbers") if isinstance(body, dict) and set(body) == {"numbers"} else None
    good = isinstance(numbers, list) and all(type(n) is int for n in numbers)
    assert reply.status_code == (200 if good else 422)
    assert not good or reply.json == {"sum": sum(numbers)}


@hypothesis.given(st.binary(min_size=1, max_size=40))
@hypothesis.settings(deadline=None)
def test_the_door_survives_any_bytes(deeper, data):
    reply = deeper["application"](20).test_client().post("/sum", data=data, headers={"Content-Length": str(len(data))})
    assert reply.status_code == 413 if len(data) > 20 else reply.status_code in (200, 400, 422)


@hypothesis.given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=4), st.integers(0, 8)), max_size=8),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_all_is_read_in_time_and_within_the_limit_or_not_at_all(deeper, pieces, seconds, most):
    now, left, given = [0], list(pieces), []

    def read(timeout):
        given.append((now[0], timeout))
        piece, takes = left.pop(0) if left else (b"", 0)
        if takes > timeout:
            now[0] += timeout
            raise TimeoutError
        now[0] += takes
        return piece

    whole, took = b"".join(p for p, _ in pieces), sum(t for _, t in pieces)
    try:
        assert deeper["read_all"](read, lambda: now[0], seconds, most) == whole
        assert len(whole) <= most and took < seconds
    except ValueError:
        assert len(whole) > most
    except TimeoutError:
        assert took >= seconds
    assert all(at + timeout == seconds and timeout > 0 for at, timeout in given) and now[0] <= seconds
