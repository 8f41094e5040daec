"""The three services of ``docker/recommender/``: what they refuse, how they treat their neighbours, what they survive.

In this process with small stores of their own, and (slow) under gunicorn with the real PostgreSQL and Redis.
"""

import json
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest
import requests
import yaml
from harness import contracts
from processes import until
from recommender import catalogue, features, ranking
from recommender.common import client, resilience, settings, trace
from recommender.common.errors import StoreSlow, StoreUnavailable
from recommender.features.store import KeyReused, Stored
from recommender.ranking.model import rank
from recommender.ranking.neighbours import Upstreams

from companion import EngineUnavailable, checkout, draw
from companion.errors import SettingError
from companion.labs.microservices import services
from companion.measure import load
from companion.processes.supervised import SupervisedProcess

DOCKER = checkout.folder("docker")
PROBLEM = "application/problem+json"
TOKEN = "a-token-of-the-tests"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
ROWS = [(n, f"Product {n}", n % 3, 100 - n) for n in range(30)]
PRODUCTS = [dict(zip(("product", "title", "aisle", "units"), row, strict=True)) for row in ROWS]


class Goods:
    """A catalogue in memory."""

    def product(self, product):
        return next((p for p in PRODUCTS if p["product"] == product), None)

    def page(self, after, limit):
        return [p for p in PRODUCTS if p["product"] > after][:limit]

    def candidates(self, per_aisle):
        return [p for aisle in range(3) for p in [p for p in PRODUCTS if p["aisle"] == aisle][:per_aisle]]

    def aisles(self):
        return [{"aisle": a, "units": sum(p["units"] for p in PRODUCTS if p["aisle"] == a)} for a in range(3)]

    def check(self):
        pass


class Memory:
    """Features in memory; ``patience`` is what a full bucket answers."""

    def __init__(self, patience=0.0):
        self.counts, self.seen, self.patience = {7: {2: 5}}, {}, patience

    def aisles(self, customer):
        return self.counts.get(customer, {})

    def add(self, key, event):
        if key in self.seen and self.seen[key] != event:
            raise KeyReused
        new = self.seen.setdefault(key, event) is event
        return Stored("1-0", new)

    def wait(self, customer):
        return self.patience

    def check(self):
        pass


class Neighbour:
    """A neighbour that is asked in this process; ``away`` makes it unavailable."""

    def __init__(self, name, app):
        self.name, self.away = name, False
        self.breaker, self.budget = resilience.CircuitBreaker(), resilience.RetryBudget()
        self._client = app.test_client()

    def _answer(self, reply):
        if reply.status_code >= 400:
            raise client.Refused(reply.status_code, json.loads(reply.get_data()), reply.headers)
        return reply.json

    def get(self, path, **query):
        if self.away:
            raise client.Unavailable(self.name, "away")
        return self._answer(self._client.get(path, query_string=query, headers=SHOWN))

    def post(self, path, body, idempotency_key):
        if self.away:
            raise client.Unavailable(self.name, "away")
        return self._answer(self._client.post(path, json=body, headers={**SHOWN, "Idempotency-Key": idempotency_key}))


@pytest.fixture
def goods():
    return catalogue.create_app(catalogue.Settings("postgresql://nowhere/x", TOKEN), Goods())


@pytest.fixture
def tastes():
    return features.create_app(features.Settings("redis://nowhere", TOKEN), Memory())


@pytest.fixture
def upstreams(goods, tastes):
    return Upstreams(Neighbour("catalogue", goods), Neighbour("features", tastes), parallel=False)


@pytest.fixture
def edge(upstreams):
    return ranking.create_app(ranking.Settings("http://c", "http://f", TOKEN), upstreams)


# Settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"RECOMMENDER_TOKEN": ""}, "RECOMMENDER_TOKEN is not set"),
        ({"RECOMMENDER_TOKEN": "short"}, "RECOMMENDER_TOKEN must have at least 16"),
        ({"RECOMMENDER_TOKEN": "with a space in between"}, "RECOMMENDER_TOKEN must have"),
        ({"CATALOGUE_URL": "ftp://host"}, "CATALOGUE_URL must be an address that begins with http://"),
        ({"FEATURES_URL": "http://"}, "FEATURES_URL must be an address"),
        ({"FEATURES_URL": "http://host:port"}, "FEATURES_URL must be an address"),
        ({"RANKING_READ_SECONDS": "soon"}, "RANKING_READ_SECONDS must be a number"),
        ({"RANKING_READ_SECONDS": "0"}, "RANKING_READ_SECONDS must be from 0.01 to 60"),
        ({"RANKING_READ_SECONDS": "nan"}, "RANKING_READ_SECONDS must be from"),
    ],
)
def test_a_bad_setting_is_named_and_its_value_is_not_told(change, message):
    good = {"RECOMMENDER_TOKEN": TOKEN, "CATALOGUE_URL": "http://c:1", "FEATURES_URL": "http://f:2"}
    assert ranking.Settings.from_environment(settings.Environment(good)).features == "http://f:2"
    with pytest.raises(settings.SettingsError, match=message) as refused:
        ranking.Settings.from_environment(settings.Environment({**good, **change}))
    assert not any(value and value in str(refused.value) for value in change.values() if len(value) > 10)


def test_secrets_are_in_no_representation():
    assert TOKEN not in repr(ranking.Settings("http://c", "http://f", TOKEN))
    assert "secret" not in repr(catalogue.Settings("postgresql://x:secret@host/z", TOKEN))


# What a request may be


def bodies():
    good = {"customer": 7, "product": 3, "kind": "buy"}
    key = {"Idempotency-Key": "abcdefgh"}
    return {
        "a text for a number": ({**good, "customer": "7"}, key, 422),
        "a truth value for a number": ({**good, "customer": True}, key, 422),
        "a fraction": ({**good, "product": 1.5}, key, 422),
        "below": ({**good, "customer": -1}, key, 422),
        "above": ({**good, "customer": 2**31}, key, 422),
        "another kind": ({**good, "kind": "steal"}, key, 422),
        "an unknown field": ({**good, "admin": True}, key, 422),
        "a missing field": ({"customer": 7}, key, 422),
        "a list": ([good], key, 422),
        "no key": (good, {}, 422),
        "a short key": (good, {"Idempotency-Key": "abc"}, 422),
        "a key with a line's end": (good, {"Idempotency-Key": "abcdefgh\t"}, 422),
        "no such product": ({**good, "product": 99}, key, 404),
        "right": (good, key, 201),
    }


@pytest.mark.parametrize("name", bodies())
def test_each_bad_body_is_one_problem(edge, name):
    body, headers, status = bodies()[name]
    reply = edge.test_client().post("/feedback", json=body, headers=headers)
    answer = json.loads(reply.get_data())
    assert reply.status_code == status, answer
    if status >= 400:
        assert (reply.content_type, answer["status"]) == (PROBLEM, status)
        assert (status == 422) == ("errors" in answer)


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [(b"{", "application/json", 400), (b"a=1", "text/plain", 415), (b" " * 70_000, "application/json", 413)],
)
def test_a_body_that_is_none(edge, data, kind, status):
    reply = edge.test_client().post("/feedback", data=data, content_type=kind)
    assert (reply.status_code, reply.content_type) == (status, PROBLEM)


@pytest.mark.parametrize("query", ["k=0", "k=11", "k=ten", "n=3", "k=1&debug=1"])
def test_a_bad_query_is_refused(edge, query):
    reply = edge.test_client().get(f"/recommendations/7?{query}")
    assert reply.status_code == 422 and "query" in json.loads(reply.get_data())["errors"]


def test_neighbours_ask_for_the_token_and_the_edge_does_not(edge, goods, tastes):
    for app, path in ((goods, "/candidates"), (goods, "/products/1"), (tastes, "/customers/7"), (edge, "/neighbours")):
        for shown in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": "Bearer é"}):
            refused = app.test_client().get(path, headers=shown)
            assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert app.test_client().get(path, headers=SHOWN).status_code == 200
    assert edge.test_client().get("/recommendations/7").status_code == 200
    assert goods.test_client().get("/nowhere").status_code == 401, "nobody learns what there is"


def test_every_answer_has_the_headers_and_debug_is_off(edge, goods, monkeypatch):
    for app, path in ((edge, "/healthz"), (edge, "/nowhere"), (goods, "/candidates")):
        headers = app.test_client().get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    monkeypatch.setenv("FLASK_DEBUG", "1")
    app = catalogue.create_app(catalogue.Settings("postgresql://x/y", TOKEN), Goods())
    assert app.debug is False


@pytest.mark.parametrize(
    ("given", "status"), [("1", 504), ("0", 504), ("5000", 200), ("soon", 400), ("-5", 400), ("1e3", 400), ("²", 400)]
)
def test_a_deadline_is_kept_or_refused(edge, given, status):
    reply = edge.test_client().get("/recommendations/7", headers={"X-Deadline-Ms": given})
    assert reply.status_code == status


def test_ids_are_kept_unless_they_could_forge_a_line(edge):
    asked = edge.test_client().get("/healthz", headers={"X-Request-ID": "page-1"})
    assert asked.headers["X-Request-ID"] == "page-1"
    assert edge.test_client().get("/healthz", headers={"X-Request-ID": "a b"}).headers["X-Request-ID"] != "a b"


@pytest.mark.parametrize(
    ("header", "understood"),
    [
        ("00-" + "a" * 32 + "-" + "b" * 16 + "-01", ("a" * 32, "b" * 16, True)),
        ("00-" + "a" * 32 + "-" + "b" * 16 + "-00", ("a" * 32, "b" * 16, False)),
        ("cc-" + "a" * 32 + "-" + "b" * 16 + "-01-later", ("a" * 32, "b" * 16, True)),
        ("00-" + "a" * 32 + "-" + "b" * 16 + "-01-later", None),
        ("ff-" + "a" * 32 + "-" + "b" * 16 + "-01", None),
        ("00-" + "0" * 32 + "-" + "b" * 16 + "-01", None),
        ("00-" + "A" * 32 + "-" + "b" * 16 + "-01", None),
        ("", None),
    ],
)
def test_traceparent_is_read_as_w3c_says(header, understood):
    assert trace.parse(header) == understood


# Without a neighbour


def test_the_label_says_what_is_missing(edge, upstreams):
    ask = edge.test_client().get
    full = ask("/recommendations/7").json
    assert (full["strategy"], full["degraded"]) == ("personal", []) and full["items"][0]["aisle"] == 2
    upstreams.features.away = True
    popular = ask("/recommendations/7").json
    assert (popular["strategy"], popular["degraded"]) == ("popularity", ["features"])
    assert [item["product"] for item in popular["items"]] == list(range(10))
    upstreams.features.away, upstreams.catalogue.away = False, True
    assert ask("/recommendations/7").json == {**full, "degraded": ["catalogue"]}, "its last answer will do"
    upstreams.features.away = True
    assert ask("/recommendations/7").json["degraded"] == ["catalogue", "features"]


def test_without_a_last_answer_it_says_so(edge, upstreams):
    upstreams.catalogue.away = True
    reply = edge.test_client().get("/recommendations/7")
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
    assert edge.test_client().get("/readyz").status_code == 200, "one outage is not two"


def test_an_event_is_not_swallowed(edge, upstreams):
    upstreams.features.away = True
    event = {"customer": 7, "product": 3, "kind": "buy"}
    reply = edge.test_client().post("/feedback", json=event, headers={"Idempotency-Key": "abcdefgh"})
    assert reply.status_code == 503 and "same Idempotency-Key" in json.loads(reply.get_data())["detail"]


def test_a_refusal_comes_through_with_its_wait(goods):
    busy = features.create_app(features.Settings("redis://nowhere", TOKEN), Memory(patience=2.3))
    upstreams = Upstreams(Neighbour("catalogue", goods), Neighbour("features", busy), parallel=True)
    edge = ranking.create_app(ranking.Settings("http://c", "http://f", TOKEN), upstreams)
    event = {"customer": 7, "product": 3, "kind": "buy"}
    reply = edge.test_client().post("/feedback", json=event, headers={"Idempotency-Key": "abcdefgh"})
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "3")


@pytest.mark.parametrize(("error", "status"), [(StoreUnavailable("gone"), 503), (StoreSlow("slow"), 504)])
def test_a_store_that_does_not_answer_is_a_problem_and_unready(error, status):
    class Broken(Goods):
        def check(self):
            raise error

        candidates = aisles = lambda self, *_: self.check()

    app = catalogue.create_app(catalogue.Settings("postgresql://x/y", TOKEN), Broken())
    for path in ("/readyz", "/candidates"):
        reply = app.test_client().get(path, headers=SHOWN)
        assert (reply.status_code, reply.content_type, reply.headers["Retry-After"]) == (status, PROBLEM, "1")
    assert app.test_client().get("/healthz").status_code == 200


def test_the_best_of_each_aisle_are_enough():
    whole = {"aisles": Goods().aisles(), "products": PRODUCTS}
    few = {"aisles": Goods().aisles(), "products": Goods().candidates(4)}
    for counts in ({}, {0: 3}, {1: 50, 2: 1}, {99: 5}):
        assert rank(counts, whole, 4) == rank(counts, few, 4)
    empty = {"aisles": [{"aisle": 0, "units": 0}], "products": [{"product": 1, "title": "x", "aisle": 0, "units": 0}]}
    assert rank({}, empty, 3)[0]["score"] == 0


# How a neighbour is called


def test_the_breaker_lets_one_probe_through():
    now = [0.0]
    breaker = resilience.CircuitBreaker(2, 1.0, clock=lambda: now[0])
    assert breaker.allow()
    breaker.failure()
    assert breaker.state == "closed" and breaker.allow()
    breaker.failure()
    assert (breaker.state, breaker.allow()) == ("open", False)
    now[0] = 1.0
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(lambda _: breaker.allow(), range(64))) == 1
    breaker.failure()
    assert breaker.state == "open", "a failed probe"
    now[0] = 2.0
    assert breaker.allow() and not breaker.allow()
    now[0] = 3.5
    assert breaker.allow(), "a probe that never came back"
    breaker.success()
    assert (breaker.state, breaker.failures) == ("closed", 0)


def test_retries_are_paid_for():
    budget = resilience.RetryBudget(0.5, 2)
    assert [budget.retry() for _ in range(3)] == [True, True, False]
    for _ in range(2):
        budget.request()
    assert [budget.retry() for _ in range(2)] == [True, False]


def test_jitter_is_full_and_has_a_limit():
    assert [resilience.full_jitter(i, 0.1, 1.0, lambda: 1.0) for i in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert resilience.full_jitter(3, draw=lambda: 0.0) == 0


class Scripted:
    """urllib3's pool, with answers of ours: statuses, or an exception to raise."""

    def __init__(self, *answers):
        self.answers, self.headers = list(answers), []

    def request(self, method, url, *, headers, **_):
        self.headers.append(headers)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return type("Reply", (), {"status": answer, "data": b'{"detail": "x"}', "headers": {}})


def neighbour(*answers, seconds=10.0, **options):
    trace.begin("test", "request-1", resilience.Deadline(seconds), "00-" + "a" * 32 + "-" + "b" * 16 + "-00")
    budget = options.pop("budget", resilience.RetryBudget())
    breaker = options.pop("breaker", resilience.CircuitBreaker())
    made = client.Neighbour(
        "n", "http://n", TOKEN, read_seconds=1, breaker=breaker, budget=budget, sleep=lambda _: None
    )
    made._pool = Scripted(*answers)
    return made


def test_a_call_is_repeated_and_passes_everything_on():
    import urllib3

    called = neighbour(urllib3.exceptions.ConnectTimeoutError(), 503, 200)
    assert called.post("/events", {}, "key-12345") == {"detail": "x"}
    sent = called._pool.headers
    assert [h["Idempotency-Key"] for h in sent] == ["key-12345"] * 3, "the same key each time"
    assert all(h["X-Request-ID"] == "request-1" and "a" * 32 in h["traceparent"] for h in sent)
    assert all(0 < int(h["X-Deadline-Ms"]) <= 1000 for h in sent), "never more than what is waited"


def test_a_refusal_is_not_repeated():
    called = neighbour(404)
    with pytest.raises(client.Refused):
        called.get("/products/1")
    assert called.breaker.failures == 0


def test_it_stops_for_the_budget_the_breaker_and_the_deadline():
    for options, attempts in (
        ({"budget": resilience.RetryBudget(0.0, 0.0)}, 1),
        ({"breaker": resilience.CircuitBreaker(2)}, 2),
        ({"seconds": 0.03}, 1),
        ({"seconds": 0.0}, 0),
        ({}, 3),
    ):
        called = neighbour(500, 500, 500, **options)
        with pytest.raises(client.Unavailable):
            called.get("/x")
        assert len(called._pool.headers) == attempts, options


# The contract


@pytest.mark.parametrize("name", services.NAMES)
def test_the_contract_fuzzed_finds_nothing(name, goods, tastes, edge):
    app = {"catalogue": goods, "features": tastes, "ranking": edge}[name]
    assert app.test_client().get("/openapi.json").json["openapi"].startswith("3.1")
    assert contracts.broken(app, SHOWN) == []


def test_the_contract_fuzzed_finds_a_planted_bug():
    class Careless(Goods):
        def page(self, after, limit):
            return [super().page(after, limit)[0]]

    app = catalogue.create_app(catalogue.Settings("postgresql://x/y", TOKEN), Careless())
    assert contracts.broken(app, SHOWN) == ["/products"]


# Loads


def test_an_open_loop_waits_for_nobody_and_a_closed_one_does():
    under_way, gate = [], threading.Event()

    def call() -> bool:
        under_way.append(1)
        if len(under_way) == 5:
            gate.set()
        return gate.wait(60)

    held = load.open_loop(call, 50, 0.4, seed=1, warm_up=0)
    assert len(held.due) > 5 and held.failed == 0, "the fifth is sent while the first four have no answer"
    assert held.latency.max() > held.latency.min() and (held.due + held.latency).min() >= held.due[4]
    one = load.closed_loop(lambda: time.sleep(0.2) or True, 0.3, threads=1, warm_up=0)
    assert len(one.due) <= 2
    assert load.closed_loop(lambda: 1 / 0, 0.05, threads=2, warm_up=0).failed > 0


@pytest.mark.parametrize("bad", [{"rate": 0}, {"seconds": -1}, {"threads": 0}])
def test_a_load_that_is_none_is_refused(bad):
    with pytest.raises(SettingError, match=next(iter(bad))):
        load.open_loop(bool, **{"rate": 1, "seconds": 1, **bad})


def test_a_background_gives_up_waiting():
    with load.Background(lambda: 1 / 0) as running, pytest.raises(TimeoutError):
        running.until(lambda seen: bool(seen), seconds=0.1)
    assert isinstance(running.errors[0], ZeroDivisionError)


def test_a_waterfall_has_children_below_their_parents():
    def span(name, parent, start):
        return {"span_id": name, "parent_id": parent, "start": start, "ms": 1.0, "service": "s", "name": name}

    spans = [
        span("b", "root", 2),
        span("a", "root", 1),
        span("b1", "b", 2.5),
        span("a1", "a", 3),
        span("root", "out", 0),
    ]
    assert [s["span_id"] for s in draw._as_tree(spans)] == ["root", "a", "a1", "b", "b1"]
    _, axes = draw.figure()
    draw.waterfall(axes, spans)
    assert [label.get_text().strip() for label in axes.get_yticklabels()] == ["root", "a", "a1", "b", "b1"]


# Under gunicorn, with the real engines


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_WORKSPACE", str(tmp_path_factory.mktemp("workspace")))
        for name in ("DATABASE_URL", "REDIS_URL"):
            patch.delenv(name, raising=False)
        with services.recommender(ROWS, [(7, 2)] * 5, read_seconds=2, deadline_seconds=6, cooldown=0.3) as running:
            yield running


def ask(service: SupervisedProcess, path: str, method: str = "GET", **options) -> requests.Response:
    return requests.request(method, service.url + path, timeout=60, **options)


@pytest.mark.slow
def test_the_three_answer_as_one_function(system):
    reply = ask(system.ranking, "/recommendations/7?k=5").json()
    expected = rank({2: 5}, {"aisles": Goods().aisles(), "products": PRODUCTS}, 5)
    assert (reply["degraded"], reply["items"]) == ([], expected)


@pytest.mark.slow
def test_an_event_is_stored_once_and_its_key_is_its_own(system):
    event, key = {"customer": 8, "product": 3, "kind": "buy"}, {"Idempotency-Key": "once-and-only"}
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: ask(system.ranking, "/feedback", "POST", json=event, headers=key), range(16)))
    assert {r.status_code for r in replies} == {201} and len({r.text for r in replies}) == 1
    shown = {"Authorization": f"Bearer {system.token}"}
    assert ask(system.features, "/customers/8", headers=shown).json()["events"] == 1
    assert ask(system.ranking, "/feedback", "POST", json={**event, "kind": "view"}, headers=key).status_code == 409


@pytest.mark.slow
def test_a_bucket_fills_again(system):
    from recommender.features.store import RedisStore

    trace.begin("test", "r", resilience.Deadline(60), "")
    store = RedisStore(system.environment("features")["FEATURES_REDIS_URL"], 5, rate=1e-3, burst=3)
    waits = [store.wait(4242) for _ in range(5)]
    assert [w == 0 for w in waits] == [True] * 3 + [False] * 2 and 900 < waits[-1] <= 1000
    quick = RedisStore(system.environment("features")["FEATURES_REDIS_URL"], 5, rate=50, burst=1)
    assert quick.wait(4243) == 0
    time.sleep(0.1)
    assert quick.wait(4243) == 0


@pytest.mark.slow
def test_nobody_can_read_the_other_stores_and_no_secret_is_logged(system):
    import psycopg

    assert set(system.environment("ranking")) == {"RECOMMENDER_TOKEN", "CATALOGUE_URL", "FEATURES_URL"}
    with psycopg.connect(system.environment("catalogue")["CATALOGUE_DATABASE_URL"]) as role:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            role.execute("DELETE FROM products")
    sampled = {"traceparent": f"00-{'e' * 32}-{'b' * 16}-01"}
    requests.get(f"{system.ranking.url}/recommendations/7", headers=sampled, timeout=30)
    written = "".join(path.read_text() for path in system.folder.rglob("*log") if path.is_file())
    secrets = [
        v
        for name in services.NAMES
        for k, v in system.environment(name).items()
        if k not in ("CATALOGUE_URL", "FEATURES_URL")
    ]
    assert "/recommendations/<int:customer>" in written
    assert not any(secret in written for secret in secrets)
    assert "features/customers/" in written, "the spans are there"
    assert not re.search(r"/customers/\d", written), "a path may be a person"


@pytest.mark.slow
def test_one_killed_the_others_go_on_and_it_comes_back(system):
    ask(system.ranking, "/recommendations/7")

    def glance():
        reply = ask(system.ranking, "/recommendations/7")
        return reply.status_code, reply.json().get("strategy"), tuple(reply.json().get("degraded", ()))

    with load.Background(glance) as page:
        page.until(lambda seen: len(seen) > 2)
        for victim, label in ((system.features, "features"), (system.catalogue, "catalogue")):
            start = len(page.answers)
            victim.crash()
            page.until(lambda seen, start=start, label=label: any(label in d for _, _, d in seen[start:]), 90)
            page.until(lambda seen: seen[-1] == (200, "personal", ()), 90)
    assert not page.errors and {status for status, _, _ in (answer for _, answer in page.answers)} == {200}


@pytest.mark.slow
def test_a_request_is_followed_through_the_three(system):
    trace_id = "d" * 32
    ask(
        system.ranking,
        "/recommendations/7",
        headers={"traceparent": f"00-{trace_id}-{'b' * 16}-01", "X-Request-ID": "one"},
    )

    def written() -> list[dict]:
        return [span for span in system.log() if span.get("trace_id") == trace_id]

    assert until(lambda: len(written()) >= 9)
    spans = written()
    known = {span["span_id"] for span in spans} | {"b" * 16}
    assert {span["service"] for span in spans} == set(services.NAMES)
    assert all(span["parent_id"] in known and span["request_id"] == "one" for span in spans)


@pytest.mark.slow
def test_a_readers_own_data_are_not_taken_for_ours(system, monkeypatch):
    """A second one on the same servers, as on a reader's own, which has a catalogue and features: all that is there stays."""
    info = system.database.info
    monkeypatch.setenv(
        "DATABASE_URL", f"postgresql://{info.user}:{info.password}@{info.host}:{info.port}/{info.dbname}"
    )
    monkeypatch.setenv("REDIS_URL", services._address(system.store))
    system.database.execute(
        "CREATE ROLE catalogue; CREATE SCHEMA catalogue; CREATE TABLE catalogue.products AS SELECT 1 AS precious"
    )
    system.store.set("features:taste:7", "precious")
    before = dump_of(system)
    with services.recommender(ROWS) as second:
        assert second.schema != system.schema and second.prefix != system.prefix
        assert ask(second.ranking, "/recommendations/7").json()["strategy"] == "popularity"
        assert ask(system.ranking, "/recommendations/7").json()["strategy"] == "personal"
        assert dump_of(system) != before
    assert dump_of(system) == before
    system.database.execute("DROP SCHEMA catalogue CASCADE; DROP ROLE catalogue")
    system.store.delete("features:taste:7")


def dump_of(system):
    """All schemas, roles and tables of the database, the precious row, and all keys with what they hold."""
    rows = [
        system.database.execute(statement).fetchall()
        for statement in (
            "SELECT nspname FROM pg_namespace ORDER BY 1",
            "SELECT rolname FROM pg_roles ORDER BY 1",
            "SELECT oid, relname FROM pg_class WHERE relnamespace > 16384 ORDER BY 1",
            "SELECT precious FROM catalogue.products",
        )
    ]
    return rows, {key: system.store.dump(key) for key in system.store.scan_iter() if b":bucket:" not in key}


@pytest.mark.slow
def test_a_service_that_cannot_start_says_why(system):
    with pytest.raises(EngineUnavailable, match=r"the service ranking did not get ready.*RANKING_READ_SECONDS"):
        system.start("ranking", read_seconds=1000)
    with pytest.raises(SettingError, match="no service 'basket'"):
        system.start("basket")


# The files beside the applications


def test_the_image_has_the_versions_of_the_notebooks_environment():
    def pins(path):
        return dict(re.findall(r"^([\w.-]+)==([\w.]+)", path.read_text(), re.MULTILINE))

    image, here = pins(DOCKER / "recommender/requirements.txt"), pins(DOCKER.parent / "requirements.lock")
    assert image and {name: here.get(name) for name in image if name != "tzdata"} == {
        name: version for name, version in image.items() if name != "tzdata"
    }
    assert "--hash=sha256:" in (DOCKER / "recommender/requirements.txt").read_text()


def test_the_scan_finds_a_requirement_that_lets_others_in(tmp_path):
    import scan

    digest = "    --hash=sha256:" + "0" * 64
    good = f"flask=={version('flask')} \\\n{digest}\n"
    path = tmp_path / "requirements.txt"
    path.write_text(f"# ours\n{good}not-installed-here==1.0 ; sys_platform == 'win32' \\\n{digest}\n")
    assert scan.pins([path]) == []
    path.write_text(f"{good}apiflask\nredis>=5\nurllib3==2.0.0\nclick==0.1 \\\n{digest}\n")
    apiflask, redis, urllib3, click = scan.pins([path])
    assert "requirements.txt:3: apiflask is not pinned" in apiflask and "redis is not pinned" in redis
    assert "urllib3 has no hash" in urllib3 and "click is 0.1, tested is" in click


def test_the_dockerfile_keeps_what_it_promises():
    path = DOCKER / "recommender" / "Dockerfile"
    done = subprocess.run([Path(sys.executable).parent / "hadolint", path], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    last = path.read_text().rpartition("\nFROM ")[2]
    assert "USER 10001:10001" in last and "HEALTHCHECK" in last and "pip install" not in last
    code = "".join(p.read_text() for p in (DOCKER / "recommender").rglob("*.py"))
    assert "companion" not in code, "the image does not hold the book's library"


def test_compose_gives_each_service_its_own_data_only():
    parts = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    for name, variables in {
        "catalogue": {"CATALOGUE_DATABASE_URL"},
        "features": {"FEATURES_REDIS_URL"},
        "ranking": {"CATALOGUE_URL", "FEATURES_URL"},
    }.items():
        assert set(parts[name]["environment"]) == variables | {"RECOMMENDER_TOKEN"}
        assert parts[name]["read_only"] and parts[name]["cap_drop"] == ["ALL"]
        assert all(port.startswith("127.0.0.1:") for port in parts[name].get("ports", []))
    every = (DOCKER / ".dockerignore").read_text()
    for path in (DOCKER / "recommender").rglob("*.py"):
        folder = path.parent.relative_to(DOCKER).as_posix()
        assert f"!{folder}/*.py" in every, f"{folder} is not in the build's context"
