"""The exercises of the monitoring notebooks: their own answers hold what their statements say, on inputs drawn at random."""

import math

import numpy as np
from harness.chapters import references
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from companion.book import chapter
from companion.labs.monitoring import promql

METERS = references(chapter("prometheus_metrics"), np=np, math=math, promql=promql)
ALERTS = references(chapter("prometheus_alerts"), np=np, math=math, promql=promql)
shares = st.floats(0, 1, allow_nan=False)
bounds = st.lists(st.floats(0.001, 100), min_size=1, max_size=8, unique=True).map(sorted)


@settings(max_examples=40, deadline=None)
@given(bounds, st.lists(st.integers(1, 4), max_size=3))
def test_series_is_what_the_library_shows(bounds, sizes):
    labels = {f"l{i}": size for i, size in enumerate(sizes)}
    registry = CollectorRegistry()
    histogram = Histogram("t", "t", list(labels), buckets=bounds, registry=registry)
    for place in np.ndindex(*sizes):
        histogram.labels(*map(str, place)).observe(1) if sizes else histogram.observe(1)
    shown = [s for family in registry.collect() for s in family.samples if not s.name.endswith("_created")]
    assert METERS["series"](bounds, labels) == len(shown)


@settings(max_examples=100, deadline=None)
@given(shares, bounds, st.lists(st.integers(0, 20), min_size=9, max_size=9))
def test_quantile_is_that_of_the_second_path(q, bounds, counts):
    edges = [*bounds, math.inf]
    cumulative = np.cumsum(counts[: len(edges)]).astype(float).tolist()
    if q == 0 and cumulative[0] == 0:
        return  # rank 0 of an empty first bucket is 0 / 0, which the statement leaves open
    wanted = promql.bucket_quantile(q, np.array(edges), np.array(cumulative)[:, None])[0]
    # atol: the smallest floats of all have no ninth digit that could agree
    np.testing.assert_allclose(METERS["quantile"](q, edges, cumulative), wanted, rtol=1e-9, atol=1e-290, equal_nan=True)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6).map(lambda n: n / 10**6), st.floats(0.5, 0.9999), st.floats(0, 2, allow_nan=False))
def test_hours_left_spends_what_is_left(failing, objective, spent):
    hours = ALERTS["hours_left"](failing, objective, spent)
    if spent >= 1:
        assert hours == 0
    elif failing == 0:
        assert math.isinf(hours)
    else:
        assert math.isclose(spent + failing / (1 - objective) * hours / 720, 1, rel_tol=1e-9)


minutes = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30)


@settings(max_examples=100, deadline=None)
@given(minutes, st.integers(1, 12), st.integers(1, 12))
def test_first_ring_is_the_first_minute_of_which_it_is_true(pairs, long, short):
    failed, asked = [min(p) for p in pairs], [max(p) for p in pairs]

    def over(window: range) -> bool:  # the line is 0.30001, which no share of so few requests is
        return sum(failed[m] for m in window) > 0.30001 * sum(asked[m] for m in window)

    rings = [all(over(range(max(0, m - n + 1), m + 1)) for n in (long, short)) for m in range(len(asked))]
    assert ALERTS["first_ring"](failed, asked, 3.0001, 0.9, long, short) == (rings.index(True) if any(rings) else None)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.002, 5), st.floats(0.1, 0.8), st.integers(0, 1000))
def test_bounds_hold_their_promise_for_services_of_any_speed(median, spread, seed):
    rng = np.random.default_rng(seed)
    known, unseen = rng.lognormal(math.log(median), spread, 20_000), rng.lognormal(math.log(median), spread, 50_000)
    promise = 4 * median
    bounds = METERS["choose_bounds"](known, promise)
    assert promise in bounds and len(bounds) <= 12 and bounds == sorted(set(bounds))
    edges = np.array([*bounds, math.inf])
    counts = np.searchsorted(np.sort(unseen), edges, side="right")[:, None].astype(float)
    for q in (0.5, 0.9, 0.95, 0.99):
        assert abs(promql.bucket_quantile(q, edges, counts)[0] / np.quantile(unseen, q) - 1) <= 0.08
