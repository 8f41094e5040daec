"""The orders with their two times, the notebook's own functions held against brute force, its lab, and the references of its exercises."""

import ast
import hashlib
from dataclasses import replace
from math import isnan

import numpy as np
import pandas as pd
import pytest
from harness import chapters
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from companion import SettingError
from companion.book import chapter
from companion.datasets import orders
from companion.datasets.orders import DAY, HOUR
from companion.labs.devops import feature_store as lab

CHAPTER = chapter("case_uber_michelangelo")
KEEPS = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
SMALL = orders.simulate(restaurants=3, days=4, seed=5)


def defined(names: tuple[str, ...]) -> dict:
    """What the notebook's cells define: their functions, classes and imports, and what is assigned in capitals."""
    found: dict = {"np": np, "pd": pd, "DAY": DAY, "HOUR": HOUR, "lab": lab}
    for source in chapters.taught(CHAPTER):
        if not any(f"def {name}(" in source or f"class {name}:" in source for name in names):
            continue
        tree = ast.parse(source)
        constants = [n for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]).isupper()]
        kept = [n for n in tree.body if isinstance(n, KEEPS) or "FEATURES" in ast.unparse(n) or n in constants]
        exec(compile(ast.Module(kept, []), "cell", "exec"), found)  # noqa: S102  (the project's own cells)
    return found


def references() -> dict:
    """The solutions alone: the set-up would start Redis, which three of the four don't need."""
    found: dict = {"np": np, "pd": pd}
    for source in chapters.solutions(CHAPTER).values():
        exec(source, found)  # noqa: S102
    return found


REFERENCES = references()
NB = defined(("Feature", "stream", "backfill", "latest", "as_of_known"))
FEATURES = NB["FEATURES"]
BUSY = FEATURES[0]
HISTORY = {f.name: NB["backfill"](f, SMALL.events) for f in FEATURES}
TTL = {f.name: f.ttl for f in FEATURES}


def test_the_same_seed_gives_the_same_bytes():
    def digest(seed: int) -> str:
        drawn = orders.simulate(2, 3, seed)
        tables = (drawn.events.drop(columns="source"), drawn.requests.drop(columns="minutes"))
        return hashlib.sha256(b"".join(table.to_numpy(float).tobytes() for table in tables)).hexdigest()[:16]

    assert digest(1) == digest(1) != digest(2)
    assert digest(1) == "b3e54e0afce06f4e", (
        "on every machine: the times are whole seconds, drawn with room for the last bit of a logarithm"
    )


@pytest.mark.parametrize(
    ("arguments", "message"), [((0, 3), "restaurants must"), ((3, 0), "days must be at least 1, got 0")]
)
def test_a_bad_argument_is_named(arguments, message):
    with pytest.raises(SettingError, match=message):
        orders.simulate(*arguments)


def test_nothing_is_known_before_it_happened_and_what_is_late_was_under_a_planted_outage():
    events, offline = SMALL.events, SMALL.offline
    late = events["known_time"] - events["event_time"]
    assert (late > 0).all() and events["known_time"].is_monotonic_increasing
    for row in events[late > 60].itertuples():
        spans = offline[(offline["restaurant"] == row.restaurant) & (offline["begin"] <= row.event_time)]
        span = spans[spans["end"] > row.event_time]
        assert len(span) == 1 and row.known_time >= span["end"].item() and row.source == "ticket"
    begins = {(row.restaurant, row.begin) for row in offline.itertuples()}
    assert len(begins) == len(offline) > 0


def test_a_backlog_comes_oldest_first_and_ten_a_minute():
    tickets = SMALL.events[SMALL.events["source"] == "ticket"]
    late = tickets[tickets["known_time"] - tickets["event_time"] > HOUR]
    for _, some in late.sort_values("event_time").groupby("restaurant"):
        assert some["known_time"].is_monotonic_increasing
        assert some["known_time"].value_counts().max() <= orders.UPLOAD


def test_the_real_load_makes_a_delivery_slow_whether_it_was_known_or_not():
    drawn = orders.simulate(8, 6, seed=3)
    tickets = drawn.events[drawn.events["source"] == "ticket"]
    load = [
        ((tickets["restaurant"] == r) & (tickets["event_time"] > t - HOUR // 2) & (tickets["event_time"] <= t)).sum()
        for r, t in drawn.requests[["restaurant", "asked"]].itertuples(index=False)
    ]
    in_outage = lab.during(drawn.requests, drawn.offline)
    table = drawn.requests.assign(load=load)
    for some in (table[in_outage], table[~in_outage]):
        assert stats.spearmanr(some["load"], some["minutes"] - 3.2 * some["distance_km"]).statistic > 0.5


@pytest.mark.parametrize("feature", FEATURES[:2], ids=lambda f: f.name)
def test_stream_and_batch_give_the_same_rows(feature):
    assert lab.as_history(NB["stream"](feature, SMALL.events)).equals(HISTORY[feature.name])


@pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.name)
def test_a_row_counts_what_of_its_window_was_known_by_then(feature):
    events = SMALL.events[SMALL.events["source"] == feature.source]
    for row in HISTORY[feature.name].sample(min(100, len(HISTORY[feature.name])), random_state=1).itertuples():
        mine = events[(events["restaurant"] == row.restaurant) & (events["known_time"] <= row.known_time)]
        inside = mine[(mine["event_time"] > row.event_time - feature.window) & (mine["event_time"] <= row.event_time)]
        assert feature.value(inside["amount"].tolist()) == row.value
    assert not HISTORY[feature.name].duplicated(lab.COLUMNS[:3]).any()


def test_the_daily_job_is_ready_when_it_says_so():
    table = HISTORY[FEATURES[2].name]
    assert (table["event_time"] % DAY == 0).all() and (table["known_time"] - table["event_time"] == 13 * HOUR).all()


def test_the_store_in_memory_and_the_join_agree_in_every_bit():
    served = lab.served_in_memory(HISTORY, SMALL.requests, TTL)
    joined = np.column_stack([NB["as_of_known"](SMALL.requests, HISTORY[f.name], f) for f in FEATURES])
    assert not lab.differ(served, joined).any() and np.isnan(served).any()
    assert lab.differ(served[:, 0], NB["as_of_event"](SMALL.requests, HISTORY[BUSY.name], BUSY)).mean() > 0.05


times = st.integers(0, 40)
history_rows = st.lists(
    st.tuples(st.integers(0, 1), times, times, st.floats(0, 9)), max_size=14, unique_by=lambda r: r[:3]
)


def tables(rows, questions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A history that is known after it happened, and requests in order."""
    history = pd.DataFrame([(r, e, e + late, v) for r, e, late, v in rows], columns=lab.COLUMNS)
    history = history.astype({"restaurant": int, "event_time": int, "known_time": int, "value": float})
    requests = pd.DataFrame(questions, columns=["restaurant", "asked"], dtype=int).sort_values(
        "asked", ignore_index=True
    )
    return history, requests


def by_hand(history: pd.DataFrame, restaurant: int, asked: int, ttl: float) -> float:
    rows = history[(history["restaurant"] == restaurant) & (history["known_time"] <= asked)]
    known = max(rows[["event_time", "known_time", "value"]].itertuples(index=False, name=None), default=None)
    return known[2] if known and asked - known[0] <= ttl else float("nan")


questions = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 90)), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(history_rows, questions, st.integers(0, 60))
def test_the_join_as_of_known_time_is_what_one_finds_by_hand(rows, asked, ttl):
    history, requests = tables(rows, asked)
    got = NB["as_of_known"](requests, history, replace(BUSY, ttl=ttl))
    expected = [by_hand(history, r, t, ttl) for r, t in requests.itertuples(index=False)]
    assert not lab.differ(np.asarray(got, float), np.array(expected)).any()
    assert not lab.differ(lab.served_in_memory({"f": history}, requests, {"f": ttl})[:, 0], np.array(expected)).any()


@settings(max_examples=150, deadline=None)
@given(history_rows, questions, st.integers(0, 60), st.randoms())
def test_the_reference_of_exercise_2_in_any_order_and_with_any_index(rows, asked, ttl, random):
    history, requests = tables(rows, asked)
    shuffled = requests.sample(frac=1, random_state=random.randrange(99)).set_index(pd.Index([3] * len(requests)))
    mixed = history.sample(frac=1, random_state=random.randrange(99))
    got = REFERENCES["as_of"](shuffled, mixed, ttl)
    expected = [by_hand(history, r, t, ttl) for r, t in shuffled.itertuples(index=False)]
    assert got.dtype == float and not lab.differ(got, np.array(expected)).any()


@settings(max_examples=150, deadline=None)
@given(history_rows, st.integers(0, 90))
def test_the_reference_of_exercise_1(rows, asked):
    history, _ = tables(rows, [(0, asked)])
    one = history.drop_duplicates(["event_time", "known_time"])
    plain = list(one[lab.COLUMNS[1:]].itertuples(index=False, name=None))
    got = REFERENCES["online_value"](plain, asked)
    expected = by_hand(one.assign(restaurant=0), 0, asked, float("inf"))
    assert (got is None and isnan(expected)) or got == expected


shares = st.floats(0, 0.03)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.integers(1, 9), st.tuples(shares, st.floats(1, 1.1)), min_size=1))
def test_the_reference_of_exercise_4(table):
    chosen = REFERENCES["choose_ttl"](list(table), [1, 2], lambda ttl, day: table[ttl])
    best = min(error for _, error in table.values())
    good = [ttl for ttl, (nulls, error) in table.items() if nulls < 0.01 and error <= 1.02 * best]
    assert chosen == min(good, default=None)


def test_within_a_second_writes_come_before_questions():
    history, requests = tables([(0, 5, 2, 1.0), (0, 6, 1, 2.0)], [(0, 7), (0, 6)])
    kinds = [step[0] for step in lab.timeline({"f": history}, requests)]
    assert kinds == ["ask", "put", "put", "ask"]
    assert np.isnan(lab.served_in_memory({"f": history}, requests, {"f": 9})[0, 0])
    assert lab.served_in_memory({"f": history}, requests, {"f": 9})[1, 0] == 2.0


def test_two_nulls_are_equal_and_every_null_has_one_digest():
    other = np.frombuffer(np.uint64(0x7FF8000000000001).tobytes(), np.float64)
    assert np.isnan(other).all() and lab.digest(other) == lab.digest(np.array([np.nan])) != lab.digest(np.array([0.0]))
    assert lab.differ(np.array([np.nan, 1, np.nan]), np.array([np.nan, 1, 2.0])).tolist() == [False, False, True]


def test_known_midnights_and_the_time_of_day():
    assert lab.midnights(np.array([1, DAY, DAY + 1])).tolist() == [DAY, DAY, 2 * DAY]
    assert lab.clock(3 * DAY + 19 * HOUR + 42 * 60) == "19:42"


def test_the_index_of_quiet_windows_follows_the_law_only_with_both_samples():
    rng, shares_of_ten = np.random.default_rng(2), np.full(10, 0.1)
    found = lab.indices(4_000, (500, shares_of_ten), (500, shares_of_ten), rng)
    assert found.mean() == pytest.approx((1 / 500 + 1 / 500) * 9, rel=0.05)
    alarms = int((found > (2 / 500) * stats.chi2.isf(0.01, 9)).sum())
    low, high = stats.binomtest(alarms, len(found)).proportion_ci(method="wilson")
    assert low < 0.012 and high > 0.008
    assert (found > stats.chi2.isf(0.01, 9) / 500).mean() > 0.1


def test_neighbours_that_share_their_level_ring_though_nothing_has_changed():
    rng = np.random.default_rng(3)
    level = np.repeat(rng.normal(size=40), 100)
    values = level + rng.normal(size=4_000)
    edges, limit = np.quantile(values, np.linspace(0.1, 0.9, 9)), stats.chi2.isf(0.01, 9) / 100
    assert lab.alarms(values, values, edges, 100, limit) > 0.5
    assert lab.alarms(values, rng.permutation(values), edges, 100, limit) < 0.2


def test_the_mean_so_far_counts_a_delivery_once_it_is_over():
    asked = np.array([10 * DAY, 10 * DAY + 60, 10 * DAY + 3_000])
    requests = pd.DataFrame({"restaurant": 0, "asked": asked, "distance_km": 1.0, "minutes": [10.0, 20.0, 40.0]})
    first = pd.DataFrame({"restaurant": 0, "asked": [9 * DAY], "distance_km": 1.0, "minutes": [30.0]})
    errors = lab.simple_errors(pd.concat([first, requests], ignore_index=True))
    assert errors["restaurant's mean so far"][0] == pytest.approx((20 + 10 + 20) / 3)  # means 30, 30, and 20 of three


def test_the_interval_is_student_s():
    assert lab.interval(np.array([1.0, 2.0, 3.0])) == "2.0 minutes (95 % interval -0.5 to 4.5)"
