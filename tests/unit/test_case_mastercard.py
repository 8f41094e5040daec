"""Banks that learn together: what is planted, what a federation, a mask and a rule must do, and the notebook's references."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from harness import chapters
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from companion import SettingError
from companion.book import chapter
from companion.datasets import fraud
from companion.labs.federated import bank_figures, bank_tables, banks

CHAPTER = chapter("case_mastercard")
REFERENCES = chapters.references(CHAPTER)


@pytest.fixture(scope="module")
def payments() -> pd.DataFrame:
    return banks.payments(40_000, seed=3)


@pytest.fixture(scope="module")
def notebook() -> dict:
    """What the notebook's cells define: training, averaging, masks, rules; none of it starts PySyft."""
    wanted, given = {"TRAINING", "BUDGET", "UNIT", "LIAR"}, {"START": np.zeros((18, 5)), "ROUNDS": 20, "STEPS": 5}
    defined = chapters.definitions(
        CHAPTER, lambda node: getattr(node.targets[0], "id", "") in wanted, without="pysyft_engine", **given
    )
    exec(defined["TRAINING"], defined)  # noqa: S102
    return defined


# what is planted


def test_the_same_seed_gives_the_same_payments(payments):
    again, other = banks.payments(40_000, seed=3), banks.payments(40_000, seed=4)
    pd.testing.assert_frame_equal(again, payments)
    assert not again["amount"].equals(other["amount"]) and payments["time"].is_monotonic_increasing


def test_no_card_and_no_ring_is_in_training_and_in_the_test_or_at_two_banks(payments):
    crimes = payments[payments["kind"] > 0]
    for name, table in (("card", payments), ("ring", crimes), ("merchant", crimes)):
        assert (table.groupby(name)[["test", "bank"]].nunique() == 1).all().all(), name
    assert crimes.groupby("ring")["kind"].nunique().eq(1).all() and crimes.groupby("ring").size().max() <= 8
    assert (crimes["merchant"] >= fraud.MERCHANTS).all() and (payments.loc[payments["kind"] == 0, "ring"] == -1).all()


def test_each_bank_trains_on_the_kinds_that_it_has_met_and_is_tested_on_all(payments):
    counts = payments.groupby(["test", "bank", "kind"]).size().unstack(fill_value=0)
    assert ((counts.loc[False, [1, 2, 3, 4]] > 0).to_numpy() == banks.MET).all()
    assert (counts.loc[True, [1, 2, 3, 4]] > 0).all().all()
    shares = payments.groupby("bank").size() / len(payments)
    assert shares.to_numpy() == pytest.approx(banks.SIZES, abs=0.03)
    expected = (counts.xs(True)[0] * banks.RATE_TEST).round()
    assert (counts.loc[True, [1, 2, 3, 4]].sub(expected, axis=0).abs() <= 1).all().all()


def test_the_kinds_look_as_their_descriptions_say(payments):
    crimes = payments[payments["kind"] > 0].groupby("kind")
    assert crimes["distance"].median()[1] > 200 and (crimes["distance"].max()[[2, 3, 4]] == 0).all()
    assert crimes["amount"].median()[2] < 5 < 300 < crimes["amount"].median()[4]
    assert (payments.loc[payments["kind"] == 3, "category"] == fraud.CATEGORIES.index("gift cards")).all()


def test_tables_keep_all_frauds_and_every_payment_of_the_tests(payments):
    training, tests = banks.tables(payments)
    for bank, (table, test) in enumerate(zip(training, tests, strict=True)):
        here = payments[payments["bank"] == bank]
        assert len(test.kind) == here["test"].sum() and test.x.shape == (len(test.kind), 18)
        assert (table.kind > 0).sum() == ((here["kind"] > 0) & ~here["test"]).sum()
        assert (table.kind == 0).sum() == pytest.approx((~here["test"]).sum() / banks.KEEP_ONE_IN, rel=0.2)
        assert (table.x[:, 0] == 1).all() and np.isfinite(table.x).all()


def test_wrong_settings_are_refused():
    with pytest.raises(SettingError, match="met"):
        banks.payments(20_000, sizes=(0.5, 0.5))
    with pytest.raises(SettingError, match="10,000"):
        banks.payments(5_000)
    table = banks.Table(np.ones((3, 18)), np.array([0, 4, 4]))
    with pytest.raises(SettingError, match="false entries"):
        banks.with_false_entries(table, table, count=3)


def test_false_entries_are_frauds_called_genuine():
    books = banks.Table(np.zeros((2, 18)), np.array([0, 1]))
    elsewhere = banks.Table(np.arange(4 * 18.0).reshape(4, 18), np.array([4, 0, 4, 4]))
    cooked = banks.with_false_entries(books, elsewhere, kind=4, count=2)
    assert cooked.kind.tolist() == [0, 1, 0, 0] and np.array_equal(cooked.x[2:], elsewhere.x[[0, 2]])


# tables and pictures


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 4)), min_size=2, max_size=60, unique_by=lambda p: p[0]))
def test_average_precision_is_that_of_scikit_learn(pairs):
    score, kind = (np.array(column, float) for column in zip(*pairs, strict=True))
    if (kind > 0).any():
        ours = bank_tables.average_precision(score, kind.astype(int))
        assert ours == pytest.approx(average_precision_score(kind > 0, score))


def test_the_gap_closed_is_0_alone_and_1_pooled():
    seeds = pd.DataFrame({"alone": [0.2, 0.4], "together": [0.7, 0.5], "pooled": [0.7, 0.8]})
    closed = bank_tables.gap_closed(seeds)
    assert closed["alone"].tolist() == [0, 0] and closed["pooled"].tolist() == [1, 1]
    assert closed["together"].tolist() == pytest.approx([1, 0.25])


def test_gains_and_prices_by_hand():
    alone, together = np.zeros((2, 5, 4)), np.ones((2, 5, 4))
    together[:, 0] = 0.5
    table = bank_tables.gains(alone, together)
    assert table["Alder gains"].tolist() == [0.5, 0.5] and table["others gain"].tolist() == [1, 1]
    assert table["scam"].tolist() == [0.9, 0.9]
    honest = {"mean": (together, 0.5), "median": (together / 2, 0.4)}
    prices = bank_tables.prices(honest, {"mean": (alone, 0.0), "median": (together / 2, 0.3)})
    assert prices.loc["mean"].tolist() == pytest.approx([0.9, 0, 0, 0.5, 0])
    assert prices.loc["median"].tolist() == pytest.approx([0.45, 0.45, 0.45, 0.4, 0.3])


def test_a_frame_stands_where_a_bank_has_met_a_kind():
    fig = bank_figures.recall_maps({"alone": np.zeros((5, 4)), "together": np.ones((5, 4))}, "heading")
    assert [len(ax.patches) for ax in fig.axes] == [banks.MET.sum()] * 2
    assert "1 of 5" in bank_figures.price_of_rules({"median": np.zeros(4)}, "h").axes[0].get_xticklabels()[3].get_text()


# what the notebook defines


def test_one_step_each_is_one_pooled_step(notebook, payments):
    training, _ = banks.tables(payments)
    weights = np.random.default_rng(0).normal(size=(18, 5))
    joined = notebook["fedavg"](training, 1, 1, weights=weights)
    assert np.abs(joined - notebook["train"](weights, *banks.pool(training), 1)).max() < 1e-12


def test_the_gradient_is_the_slope_of_the_weighted_log_loss(notebook):
    rng = np.random.default_rng(1)
    x, kind, weights = rng.normal(size=(30, 18)), rng.integers(0, 5, 30), rng.normal(size=(18, 5)) / 5

    def loss(w):
        z = x @ w
        worth = np.where(kind > 0, notebook["COST"], 1)
        return (worth * (np.log(np.exp(z).sum(axis=1)) - z[np.arange(30), kind])).mean()

    slope = notebook["gradient"](weights, x, kind)
    for place in ((0, 0), (3, 4), (17, 2)):
        step = np.zeros((18, 5))
        step[place] = 1e-6
        assert slope[place] == pytest.approx((loss(weights + step) - loss(weights - step)) / 2e-6, abs=1e-6)


def test_recall_counts_the_most_suspicious_payments_only(notebook):
    kind = np.zeros(1000, int)
    kind[:8] = [1, 1, 2, 2, 3, 3, 4, 4]
    score = np.zeros(1000)
    score[[0, 2, 4, 5, 900]] = 5, 4, 3, 2, 1
    assert notebook["recall"](score, kind).tolist() == [0.5, 0.5, 1, 0]


def test_the_counts_of_frauds_are_read_exactly_from_one_step(notebook, payments):
    training, _ = banks.tables(payments)
    for site in training:
        step = notebook["train"](np.zeros((18, 5)), *site, 1)
        read = notebook["frauds_by_kind"](step, len(site.kind))
        assert read == pytest.approx(np.bincount(site.kind, minlength=5)[1:], abs=1e-6)


@given(seed=st.integers(0, 10_000), count=st.integers(2, 5))
@settings(max_examples=30)
def test_masks_cancel_to_the_last_bit_and_only_among_all(notebook, seed, count):
    rng, names = np.random.default_rng(seed), list(banks.BANKS[:count])
    notebook["shared"] = {frozenset(pair): rng.bytes(32) for pair in combinations(names, 2)}
    changes = {name: rng.normal(size=(18, 5)) for name in names}
    sent = {name: notebook["masked"](name, names, "r", 7, change) for name, change in changes.items()}
    exact = sum(np.round(change * 7 * 2**32).astype(np.int64) for change in changes.values())
    assert np.array_equal(notebook["total"](sent, names) * 2**32, exact)
    lost = sent.pop(names[seed % count])
    with pytest.raises(SettingError, match=names[seed % count]):
        notebook["total"](sent, names)
    with pytest.raises(SettingError, match="stranger"):
        notebook["total"](sent | {names[seed % count]: lost, "stranger": lost}, names)


def test_a_bound_is_the_weighted_mean_of_those_within_it(notebook):
    rng = np.random.default_rng(2)
    changes, sizes = rng.normal(size=(5, 18, 5)), np.array([5, 4, 3, 2, 1])
    mean, bound = notebook["by_payments"](changes, sizes), notebook["bound"](changes, sizes)
    assert np.array_equal(mean, bound)
    changes[3] *= -10
    assert np.allclose(
        notebook["bound"](changes, sizes), np.average(np.delete(changes, 3, 0), axis=0, weights=[5, 4, 3, 1])
    )


def test_what_one_bank_alone_has_met_a_trimmed_mean_cuts_and_a_median_too(notebook):
    changes = np.zeros((5, 18, 5))
    changes[2, :, 4] = 1.0
    sizes = np.full(5, 10)
    assert notebook["by_payments"](changes, sizes)[:, 4].tolist() == pytest.approx([0.2] * 18)
    assert not notebook["trimmed"](changes, sizes).any() and not notebook["median"](changes, sizes).any()


# the references


def test_the_references_agree_with_the_notebook(notebook):
    names = ["Alder", "Birch"]
    notebook["shared"] = {frozenset(names): b"key"}
    change = np.random.default_rng(5).normal(size=(18, 5))
    theirs = REFERENCES["mask_change"](change, 9, "Birch", names, notebook["shared"], "r")
    assert np.array_equal(theirs, notebook["masked"]("Birch", names, "r", 9, change))
    changes, sizes = np.random.default_rng(6).normal(size=(5, 18, 5)), np.arange(1, 6)
    changes[1] *= 40
    assert np.allclose(REFERENCES["join"](changes, sizes), notebook["bound"](changes, sizes))
