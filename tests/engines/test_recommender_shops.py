"""``recommender.shops``: whose answer it is, what it holds, whom it limits, what a damaged shop costs; and its pool."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import hypothesis
import pytest
from containers import skip_or_fail
from harness import contracts
from hypothesis import strategies as st
from processes import until
from prometheus_client import REGISTRY
from recommender import shops
from recommender.common import settings
from recommender.common.errors import StoreSlow, StoreUnavailable
from recommender.shops import model
from recommender.shops.cache import ModelCache
from recommender.shops.limit import TokenBuckets
from serving import artefact

from companion import EngineUnavailable
from companion.datasets import storefronts
from companion.labs.containers import storefronts as lab
from companion.labs.containers.pool import Pool

TOKEN = "a-token-of-the-tests"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
NAMES = storefronts.names(6)
PROBLEM = "application/problem+json"


@pytest.fixture
def folder(tmp_path):
    lab.write_models(tmp_path, NAMES)
    return tmp_path


def client(folder, **more):
    return shops.create_app(shops.Settings(folder, TOKEN, **more)).test_client()


def get(client, shop="shop-0000", query="product=3", headers=SHOWN):
    return client.get(f"/shops/{shop}/recommendations?{query}", headers=headers)


def counted(name):
    return REGISTRY.get_sample_value(f"shops_{name}_total")


# Settings


def test_settings_come_from_the_environment(tmp_path):
    given = {
        "SHOPS_MODELS": str(tmp_path), "RECOMMENDER_TOKEN": TOKEN, "SHOPS_SIZE": "7", "SHOPS_WARM": "a,b", "SHOPS_RATE": "2.5",
        "SHOPS_BURST": "4", "SHOPS_STORE_SECONDS": "0.1", "SHOPS_LOOKUP_SECONDS": "0.2", "SHOPS_DEADLINE_SECONDS": "3",
    }  # fmt: skip
    found = shops.Settings.from_environment(settings.Environment(given))
    assert found == shops.Settings(tmp_path, TOKEN, 7, ("a", "b"), 2.5, 4, 0.1, 0.2, 3)
    assert TOKEN not in repr(found)
    plain = shops.Settings.from_environment(settings.Environment({"SHOPS_MODELS": "m", "RECOMMENDER_TOKEN": TOKEN}))
    assert (plain.warm, plain.rate) == ((), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"SHOPS_MODELS": ""}, "SHOPS_MODELS is not set"),
        ({"RECOMMENDER_TOKEN": ""}, "RECOMMENDER_TOKEN"),
        ({"SHOPS_SIZE": "0"}, "SHOPS_SIZE must be from 1"),
        ({"SHOPS_BURST": "many"}, "SHOPS_BURST must be a number"),
    ],
)
def test_a_bad_setting_is_named(change, message):
    with pytest.raises(settings.SettingsError, match=message):
        shops.Settings.from_environment(
            settings.Environment({"SHOPS_MODELS": "m", "RECOMMENDER_TOKEN": TOKEN, **change})
        )


def test_without_models_nothing_starts(tmp_path):
    for missing in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(StoreUnavailable, match="folder with the models"):
            client(missing)


# The route


def test_an_answer_is_the_models(folder):
    reply = get(client(folder))
    shop = storefronts.storefront("shop-0000")
    expected = lab.bought_together(shop.orders)[3][:5]
    assert (reply.status_code, reply.headers["X-Model-Cache"]) == (200, "load")
    assert [(item["sku"], item["score"]) for item in reply.json["items"]] == [(shop.skus[n], s) for n, s in expected]
    assert reply.json["model"] == json.loads((folder / "shop-0000/manifest.json").read_text())["sha256"][:12]
    assert (reply.json["degraded"], reply.json["strategy"]) == (False, "bought together")


@pytest.mark.parametrize(
    ("shop", "query", "headers", "status"),
    [
        ("shop-0000", "product=3", {}, 401),
        ("shop-0000", "product=3", {"Authorization": "Bearer x"}, 401),
        ("nobody", "product=3", SHOWN, 404),
        ("..", "product=3", SHOWN, 404),
        ("%2e%2e", "product=3", SHOWN, 404),
        ("Shop-0000", "product=3", SHOWN, 404),
        ("shop-0000%0a", "product=3", SHOWN, 404),
        ("shop-0000", "product=99", SHOWN, 404),
        ("shop-0000", "product=-1", SHOWN, 422),
        ("shop-0000", "product=x", SHOWN, 422),
        ("shop-0000", "", SHOWN, 422),
        ("shop-0000", "product=3&k=11", SHOWN, 422),
        ("shop-0000", "product=3&k=0", SHOWN, 422),
        ("shop-0000", "product=3&secret=1", SHOWN, 422),
    ],
)
def test_each_bad_request_is_one_problem(folder, shop, query, headers, status):
    reply = get(client(folder), shop, query, headers)
    assert (reply.status_code, reply.content_type) == (status, PROBLEM)
    assert json.loads(reply.get_data())["status"] == status


def test_the_contract_names_what_it_answers(folder):
    paths = client(folder).get("/openapi.json").json["paths"]
    answers = paths["/shops/{shop}/recommendations"]["get"]["responses"]
    assert {"200", "401", "404", "422", "429", "503", "504"} <= set(answers)


def test_a_fuzzer_finds_no_broken_promise_in_the_contract(folder):
    assert contracts.broken(shops.create_app(shops.Settings(folder, TOKEN)), SHOWN) == []


def test_probes_ask_for_no_token_and_readiness_for_the_models(folder):
    asked = client(folder)
    assert (
        asked.get("/readyz").status_code
        == asked.get("/healthz").status_code
        == asked.get("/metrics").status_code
        == 200
    )
    shutil.rmtree(folder)
    assert (asked.get("/readyz").status_code, asked.get("/healthz").status_code) == (503, 200)


def test_no_metric_has_a_label_for_a_shop(folder):
    asked = client(folder)
    get(asked)
    assert "shop-0000" not in asked.get("/metrics").text


def test_warm_models_are_there_before_the_first_request(folder):
    asked = client(folder, warm=tuple(NAMES[:2]))
    assert [get(asked, name).headers["X-Model-Cache"] for name in NAMES[:3]] == ["hit", "hit", "load"]


def test_a_shop_that_is_refused_loads_nothing_and_harms_nobody(folder):
    asked, loads = client(folder, rate=0.4, burst=2), counted("model_loads")
    replies = [get(asked) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 429, 429]
    assert replies[2].headers["Retry-After"] == "3" and replies[2].content_type == PROBLEM
    assert get(asked, "shop-0001").status_code == 200
    assert counted("model_loads") - loads == 2


# Whose answer it is


def test_no_pair_of_shops_leaks_under_threads_and_evictions(folder):
    asked = client(folder, size=2)
    owners = {sku: name for name in NAMES for sku in storefronts.storefront(name).skus}
    visits = storefronts.visits(300, 6, exponent=0.2, seed=3)

    def one(visit):
        answer = get(asked.application.test_client(), visit[0], f"product={visit[1]}").json
        return answer["shop"] == visit[0] and {owners[item["sku"]] for item in answer["items"]} <= {visit[0]}

    with ThreadPoolExecutor(8) as together:
        assert all(together.map(one, visits))


def test_the_same_bytes_before_and_after_eviction_and_in_another_application(folder):
    first, second = client(folder, size=1), client(folder)
    before = get(first).get_data()
    get(first, "shop-0001")
    again = get(first)
    assert again.headers["X-Model-Cache"] == "load"
    assert before == again.get_data() == get(second).get_data()


def test_a_model_in_another_shops_folder_is_refused(folder):
    for file in ("model.json", "manifest.json"):
        shutil.copy(folder / "shop-0001" / file, folder / "shop-0000" / file)
    reply = get(client(folder))
    assert reply.json["degraded"] and reply.json["model"] is None
    assert {item["sku"] for item in reply.json["items"]} <= set(storefronts.storefront("shop-0000").skus)


def test_a_model_that_was_stored_for_another_shop_is_refused_by_its_own_name(folder):
    found = model.Shelf(folder).load("shop-0001").model
    artefact.write(
        folder / "shop-0000", found, service=model.service("shop-0000"), model_version="1", schema=model.SCHEMA,
        metrics={"products": 1}, golden=[{"instance": {"product": 0, "k": 1}, "prediction": model.predict(found, [{"product": 0, "k": 1}])[0]}],
        form=artefact.JSON,
    )  # fmt: skip
    assert model.Shelf(folder).load("shop-0000").degraded


@pytest.mark.parametrize("damage", ["cut", "gone", "no manifest", "not JSON"])
def test_a_damaged_shop_shows_its_bestsellers_and_all_others_are_untouched(folder, damage):
    file = folder / "shop-0000" / ("manifest.json" if damage == "no manifest" else "model.json")
    if damage in ("gone", "no manifest"):
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:100] if damage == "cut" else b"\xff")
    asked, degraded = client(folder), counted("degraded")
    answer, shop = get(asked).json, storefronts.storefront("shop-0000")
    sales = shop.orders.sum(axis=0)
    assert (answer["degraded"], answer["strategy"], answer["model"]) == (True, "bestsellers", None)
    assert answer["items"][0]["sku"] == shop.skus[int(sales.argmax())] and len(answer["items"]) == 5
    assert counted("degraded") - degraded == 1
    assert not get(asked, "shop-0001").json["degraded"] and asked.get("/readyz").status_code == 200


@pytest.mark.parametrize("bestsellers", ["gone", "another shop's", "no list"])
def test_without_model_and_bestsellers_it_is_a_503_of_this_shop_alone(folder, bestsellers):
    place = folder / "shop-0000"
    (place / "model.json").unlink()
    if bestsellers == "gone":
        (place / model.BESTSELLERS).unlink()
    elif bestsellers == "no list":
        (place / model.BESTSELLERS).write_text('{"shop": "shop-0000", "skus": [1]}')
    else:
        shutil.copy(folder / "shop-0001" / model.BESTSELLERS, place)
    asked = client(folder)
    assert get(asked).status_code == 503 and get(asked, "shop-0001").status_code == 200
    assert asked.get("/readyz").status_code == 200


def test_a_repaired_model_is_looked_at_again_after_a_while(folder, monkeypatch):
    file = folder / "shop-0000" / "model.json"
    whole = file.read_bytes()
    file.write_bytes(whole[:50])
    asked = client(folder)
    assert get(asked).json["degraded"]
    file.write_bytes(whole)
    assert get(asked).json["degraded"], "what is known to be damaged is not loaded at each request"
    later = time.monotonic() + model.TRY_AGAIN_SECONDS
    monkeypatch.setattr(model.time, "monotonic", lambda: later)
    assert not get(asked).json["degraded"]


# The cache


def test_many_who_ask_at_once_cause_one_load():
    entered, release, loads = threading.Event(), threading.Event(), []

    def slow(key):
        loads.append(key)
        entered.set()
        release.wait(30)
        return key.upper()

    cache = ModelCache(slow, 3)
    with ThreadPoolExecutor(8) as together:
        first = together.submit(cache.get, "a")
        assert entered.wait(30)
        others = [together.submit(cache.get, "a") for _ in range(5)]
        with pytest.raises(StoreSlow):
            cache.get("a", 0.01)
        release.set()
        assert first.result() == ("A", "load")
        assert {other.result()[0] for other in others} == {"A"}
    assert loads == ["a"] and cache.get("a") == ("A", "hit")


def test_a_slow_load_holds_up_nobody_else():
    release = threading.Event()
    cache = ModelCache(lambda key: release.wait(30) if key == "slow" else key, 3)
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(cache.get, "slow")
        assert until(lambda: bool(cache._flights), 30)
        assert cache.get("quick") == ("quick", "load")
        release.set()
        waiting.result()


def test_an_error_reaches_everybody_and_is_not_held():
    answers = iter([OSError("away"), "there"])

    def load(_):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cache = ModelCache(load, 2)
    with pytest.raises(OSError, match="away"):
        cache.get("a")
    assert cache.get("a") == ("there", "load")


def test_a_cache_of_none_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        ModelCache(str, 0)


@hypothesis.given(keys=st.lists(st.integers(0, 9).map(str), max_size=80), size=st.integers(1, 12))
def test_it_is_an_lru_and_counts_what_it_does(keys, size):
    told, order = [], []
    cache = ModelCache(lambda key: key, size, on=told.append)
    for key in keys:
        value, how = cache.get(key)
        assert value == key and how == ("hit" if key in order[-size:] else "load")
        order = [other for other in order if other != key] + [key]
        assert len(cache) <= size
    assert told.count("hit") + told.count("miss") == len(keys)
    assert told.count("load") == told.count("miss") and told.count("load") - told.count("eviction") == len(cache)


# The limit


@hypothesis.given(
    asked=st.lists(st.tuples(st.floats(0, 2), st.sampled_from("ab")), max_size=60),
    rate=st.floats(0.1, 20),
    burst=st.integers(1, 5),
)
def test_no_shop_gets_more_than_its_bucket_and_waiting_as_told_is_enough(asked, rate, burst):
    now = [0.0]
    buckets = TokenBuckets(rate, burst, lambda: now[0])
    passed = {"a": [], "b": []}
    for pause, shop in asked:
        now[0] += pause
        wait = buckets.wait(shop)
        if wait > 0:
            now[0] += wait + 1e-6
            assert buckets.wait(shop) == 0
        passed[shop].append(now[0])
    for moments in passed.values():
        for first in range(len(moments)):
            for last in range(first, len(moments)):
                assert last - first + 1 <= burst + rate * (moments[last] - moments[first]) + 1e-3


def test_full_buckets_are_forgotten():
    now = [0.0]
    buckets = TokenBuckets(1, 2, lambda: now[0], most=10)
    for number in range(11):
        buckets.wait(f"old-{number}")
    now[0] = 100.0
    buckets.wait("new")
    assert len(buckets) == 1


# The pool


@pytest.mark.slow
@pytest.mark.parametrize("stand_in", [True, False], ids=["processes", "containers"])
def test_a_pool_answers_drains_dies_and_leaves_nothing(folder, stand_in):
    import requests

    with Pool(folder, stand_in=stand_in) as pool:
        if pool.why and not stand_in:
            skip_or_fail(pool.why)
        one, two = pool.start_all(["a", "b"], {"a": NAMES[:2]}, size=3)

        def ask(replica):
            return requests.get(
                f"{replica.url}/shops/shop-0000/recommendations?product=3", headers=pool.headers, timeout=10
            )

        assert ask(one).content == ask(two).content
        assert (ask(one).headers["X-Model-Cache"], one.counts()["hits"], two.counts()["misses"]) == ("hit", 2, 1)
        assert requests.get(f"{one.url}/shops/shop-0000/recommendations?product=3", timeout=10).status_code == 401
        one.drain()
        one.until_ended()
        two.kill()
        assert not one.is_ready() and not two.is_ready()
        with pytest.raises(EngineUnavailable, match="did not get ready"):
            pool.start("c", size=0)
    pool.close()
