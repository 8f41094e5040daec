"""The shops and what was planted in them, Che's approximation, the lab, and the references of the exercises by their statements."""

import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from harness import chapters
from hypothesis import strategies as st
from recommender.shops import model as shop_model
from recommender.shops.cache import ModelCache

from companion import SettingError
from companion.book import chapter
from companion.datasets import storefronts
from companion.labs.containers import rush
from companion.labs.containers import storefronts as lab
from companion.simulate.cache import che

REFERENCES = chapters.references(chapter("case_shopify"))


# The shops


def written(folder: Path, salt: str) -> dict[str, bytes]:
    code = (
        "import sys, pathlib; from companion.labs.containers import storefronts as lab; "
        "lab.write_models(pathlib.Path(sys.argv[1]), ['shop-0007'])"
    )
    folder.mkdir()
    subprocess.run([sys.executable, "-c", code, str(folder)], env={**os.environ, "PYTHONHASHSEED": salt}, check=True)
    return {path.name: path.read_bytes() for path in (folder / "shop-0007").iterdir()}


def test_two_processes_write_the_same_bytes(tmp_path):
    first = written(tmp_path / "one", "1")
    assert first == written(tmp_path / "two", "2")
    assert set(first) == {"model.json", "manifest.json", "bestsellers.json"}


def test_no_sku_belongs_to_two_shops_and_partners_are_mutual():
    owners = {}
    for name in storefronts.names(300):
        shop = storefronts.storefront(name)
        assert storefronts.LEAST <= len(shop.skus) == storefronts.products(name) <= storefronts.MOST
        assert np.array_equal(shop.partner[shop.partner], np.arange(len(shop.skus)))
        assert sum(shop.partner == np.arange(len(shop.skus))) == len(shop.skus) % 2
        for sku in shop.skus:
            assert owners.setdefault(sku, name) == name
    prefixes = {storefronts.storefront(name, 1).skus[0][:10] for name in storefronts.names(2_000)}
    assert len(prefixes) == 2_000


def test_the_model_finds_the_planted_partner_and_the_bestseller_does_not():
    found = np.array([lab.partner_found(storefronts.storefront(name)) for name in storefronts.names(60)]).sum(axis=0)
    assert found[0] > 0.9 * found[2] > 9 * found[1]


def test_bought_together_by_hand():
    orders = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 0, 1]], bool)
    together = lab.bought_together(orders)
    assert together[0] == [[1, round(2 / 6**0.5, 4)], [2, round(1 / 6**0.5, 4)]]
    assert together[1] == [[0, round(2 / 6**0.5, 4)]]
    assert lab.bought_together(orders, 1)[0] == together[0][:1]
    assert lab.bought_together(np.zeros((2, 2), bool)) == [[], []]


def test_visits_follow_the_shares_and_ask_for_what_there_is():
    visits = storefronts.visits(20_000, 50, seed=1)
    counts = np.bincount([int(shop[-4:]) for shop, _ in visits], minlength=50) / 20_000
    assert abs(counts - storefronts.shares(50)).max() < 0.01
    assert all(0 <= product < storefronts.products(shop) for shop, product in visits)
    assert visits == storefronts.visits(20_000, 50, seed=1) != storefronts.visits(20_000, 50, seed=2)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: storefronts.names(0), lambda: storefronts.names(10_001), lambda: storefronts.storefront("a", 0),
        lambda: storefronts.shares(0), lambda: storefronts.shares(5, -1), lambda: storefronts.visits(0),
        lambda: che([0.5, 0.5], 0), lambda: che([], 1), lambda: che([-1, 2], 1), lambda: che([0, 0], 1),
        lambda: rush.under_load(lambda: None, [], lambda visit: visit),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(SettingError):
        wrong()


def test_golden_pairs_are_the_models_own_answers(tmp_path):
    lab.write_models(tmp_path, ["shop-0001"])
    held = shop_model.Shelf(tmp_path).load("shop-0001")
    assert not held.degraded and held.recommend(0, 3) == shop_model.best(held.model, 0, 3)
    with pytest.raises(shop_model.NoSuchProduct):
        held.recommend(len(held.model["skus"]), 1)


# Che's approximation


def test_che_by_hand_and_at_its_ends():
    assert che([1] * 10, 3) == pytest.approx(0.3)
    assert che([3, 2, 1], 3) == che([1], 5) == 1.0
    assert che([5, 0, 5], 2) == 1.0
    assert che(storefronts.shares(2_000), 100) == pytest.approx(0.506, abs=1e-3)


@hypothesis.given(weights=st.lists(st.floats(1e-3, 1), min_size=3, max_size=40), data=st.data())
def test_che_grows_with_the_cache_and_stays_below_the_most_asked(weights, data):
    size = data.draw(st.integers(1, len(weights) - 1))
    shares = np.sort(np.array(weights) / sum(weights))[::-1]
    assert 0 < che(shares, size) <= che(shares, size + 1) + 1e-9
    assert che(shares, size) <= shares[:size].sum() + 1e-9
    assert che(shares[::-1], size) == pytest.approx(che(weights, size))


def test_the_services_cache_obeys_it():
    shops = [shop for shop, _ in storefronts.visits(20_000, 500, seed=5)]
    cache = ModelCache(str, 50)
    found = [cache.get(shop)[1] == "hit" for shop in shops]
    assert np.mean(found[3_000:]) == pytest.approx(che(storefronts.shares(500), 50), abs=0.015)


def test_three_caches_by_shop_work_like_one_three_times_as_large():
    visits = storefronts.visits(12_000, 300, seed=2)
    shares = storefronts.shares(300)
    assert lab.hit_ratio(visits, [20] * 3, 2_000) == pytest.approx(che(shares, 20), abs=0.03)
    assert lab.hit_ratio(visits, [20] * 3, 2_000, by_shop=True) == pytest.approx(che(shares, 60), abs=0.03)
    assert lab.hit_ratio(visits, [60], 2_000) == pytest.approx(che(shares, 60), abs=0.03)


# The lab


def test_the_salt_of_a_process_is_another_hash():
    code = "print(hash('shop'))"
    assert lab.printed(code, "1") == lab.printed(code, "1") != lab.printed(code, "2")


class Reply:
    def __init__(self, status):
        self.status = status


def test_load_lasts_as_long_as_the_work_and_its_error_comes_out():
    visits, done, asked = [("a", 1), ("b", 2)], [], []
    replies = rush.under_load(lambda: done.append(1), visits, lambda visit: asked.append(visit) or Reply(200), rate=40)
    assert done and len(replies) > 10 and rush.failed([*replies, OSError(), Reply(429)]) == 2
    assert sorted(asked[:4]) == sorted(visits * 2)

    def breaks():
        raise OSError("the work")

    with pytest.raises(OSError, match="the work"):
        rush.under_load(breaks, visits, lambda _: Reply(200), rate=40)


def test_noise_is_added_in_the_order_of_time():
    visits, due = rush.with_noise([("quiet", 0)] * 200, ("noisy", 1), 20, 50, 2)
    assert (np.diff(due) >= 0).all() and len(visits) == len(due)
    alone, _ = rush.with_noise([("quiet", 0)] * 200, ("noisy", 1), 20, 0, 2)
    assert [visit for visit in visits if visit[0] == "quiet"] == alone
    assert 60 < sum(shop == "noisy" for shop, _ in visits) < 140


def test_ranks_fall_into_bins_that_grow_fourfold():
    bins, labels = rush.rank_bins([0, 2, 3, 14, 15, 1_999], 2_000)
    assert labels == ["1-3", "4-15", "16-63", "64-255", "256-1023", "1024-2000"]
    assert [labels[each] for each in bins] == ["1-3", "1-3", "4-15", "4-15", "16-63", "1024-2000"]
    assert rush.rank_bins([3], 4)[1] == ["1-3", "4-4"]


def test_the_noisy_shop_is_left_out_of_the_others():
    names = storefronts.names(10)
    visits = [(names[1], 0)] * 50 + [(names[0], 0)] * 10 + [(names[8], 0)] * 10
    latency = np.array([9.0] * 50 + [0.1] * 10 + [0.2] * 10)
    overall, parts = rush.p95_of_others(visits, latency, names[1], names)
    assert overall == pytest.approx(200) and parts == {"1-3": pytest.approx(100), "4-10": pytest.approx(200)}


# The references


@hypothesis.given(weights=st.lists(st.floats(0.01, 1), min_size=1, max_size=30), size=st.integers(1, 35))
def test_the_first_reference_is_ches(weights, size):
    shares = np.array(weights) / sum(weights)
    assert REFERENCES["hit_ratio"](shares, size) == pytest.approx(che(shares, size), abs=1e-6)


@hypothesis.given(
    asked=st.lists(st.tuples(st.floats(0, 3), st.sampled_from("ab")), max_size=50),
    rate=st.floats(0.1, 20),
    burst=st.integers(1, 6),
)
def test_the_second_reference_keeps_its_promises(asked, rate, burst):
    now = [0.0]
    limits, passed = REFERENCES["ShopLimits"](rate, burst, lambda: now[0]), {"a": [], "b": []}
    for pause, shop in asked:
        now[0] += pause
        before = limits.wait(shop)
        assert before >= 0
        if before:
            assert limits.wait(shop) == pytest.approx(before), "a refusal takes nothing"
            now[0] += before
            assert limits.wait(shop) == 0, "who waits as long as told is let in"
        passed[shop].append(now[0])
    for moments in passed.values():
        assert all(
            last - first + 1 <= burst + rate * (moments[last] - moments[first]) + 1e-4
            for first in range(len(moments))
            for last in range(first, len(moments))
        )


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(data=st.data())
def test_the_third_reference_is_the_cheapest_of_those_that_will_do(data):
    defined = REFERENCES
    some = st.floats(0.01, 2)
    need = defined["Need"](
        rate=data.draw(st.floats(1, 60)), lookup=data.draw(some), load=data.draw(some), p99=data.draw(st.floats(0.1, 4)),
        places=data.draw(st.integers(1, 40)), base=data.draw(some), most=data.draw(st.floats(5, 60)), per_replica=data.draw(some),
        per_megabyte=data.draw(some),
    )  # fmt: skip
    shares = storefronts.shares(40)
    megabytes = data.draw(st.lists(st.floats(0.5, 3), min_size=40, max_size=40))
    best = defined["cheapest"](shares, np.array(megabytes), need, [1, 2, 5], [3, 10, 20])
    prices = {}
    for count in (1, 2, 5):
        for size in (3, 10, 20):
            miss, memory = 1 - che(shares, count * size), need.base + sum(sorted(megabytes)[-size:])
            p99 = need.lookup + need.load * (miss > 0.01)
            use = need.rate * (need.lookup + miss * need.load) / (count * need.places)
            if use <= 0.7 and p99 <= need.p99 and memory <= need.most:
                prices[count, size] = count * (need.per_replica + memory * need.per_megabyte)
    if best is None:
        assert not prices
    else:
        assert prices[best] == pytest.approx(min(prices.values()))
