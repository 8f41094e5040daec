"""The three services of ``docker/recommender/``: what they refuse, how they treat their neighbours, what they survive.

In this process with small stores of their own, and (slow) under gunicorn with the real PostgreSQL and Redis.
"""

import contextlib
import io
import json
import re
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import psycopg
import psycopg.sql
import pytest
import redis
import redis.crc as redis_crc
import requests
import urllib3
import yaml
from harness import contracts
from processes import until
from recommender import catalogue, features, ranking
from recommender.catalogue.load import load as load_products
from recommender.common import client, identity, resilience, settings, trace
from recommender.common.errors import StoreSlow, StoreUnavailable
from recommender.features import store as features_module
from recommender.features.store import KeyReused, RedisStore, Stored, TooOften
from recommender.ranking import neighbours
from recommender.ranking.model import rank
from recommender.ranking.neighbours import Upstreams
from serving import worker

from companion import EngineUnavailable, checkout, draw
from companion.engines import redis as redis_engine
from companion.errors import SettingError
from companion.labs.microservices import services
from companion.labs.microservices.relay import Relay
from companion.measure import load
from companion.processes.server import free_port
from companion.processes.supervised import SupervisedProcess

DOCKER = checkout.folder("docker")
PROBLEM = "application/problem+json"
TOKEN = "a-token-of-the-tests"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
LOGIN = "a-key-of-the-logins"


def session(customer, **more):
    return {"Authorization": f"Bearer {identity.issue(LOGIN, customer, **more)}"}


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
        key = event["customer"], key
        if key not in self.seen and self.patience:
            raise TooOften(self.patience)
        if key in self.seen and self.seen[key] != event:
            raise KeyReused
        new = self.seen.setdefault(key, event) is event
        return Stored("1-0", new)

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
    return ranking.create_app(ranking.Settings("http://c", "http://f", TOKEN, LOGIN), upstreams)


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
        ({"RANKING_READ_SECONDS": "0.8"}, "RANKING_DEADLINE_SECONDS must leave time"),
        ({"RANKING_SESSIONS_KEY": ""}, "RANKING_SESSIONS_KEY is not set"),
        ({"RANKING_TRACE_SHARE": "2"}, "RANKING_TRACE_SHARE must be from 0 to 1"),
    ],
)
def test_a_bad_setting_is_named_and_its_value_is_not_told(change, message):
    good = {
        "RECOMMENDER_TOKEN": TOKEN, "RANKING_SESSIONS_KEY": LOGIN, "CATALOGUE_URL": "http://c:1", "FEATURES_URL": "http://f:2",
    }  # fmt: skip
    assert ranking.Settings.from_environment(settings.Environment(good)).features == "http://f:2"
    with pytest.raises(settings.SettingsError, match=message) as refused:
        ranking.Settings.from_environment(settings.Environment({**good, **change}))
    assert not any(value and value in str(refused.value) for value in change.values() if len(value) > 10)


def test_secrets_are_in_no_representation():
    assert TOKEN not in repr(ranking.Settings("http://c", "http://f", TOKEN, LOGIN))
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
        "no key": (good, {}, 400),
        "a short key": (good, {"Idempotency-Key": "abc"}, 400),
        "a key with a line's end": (good, {"Idempotency-Key": "abcdefgh\t"}, 400),
        "half a quoted key": (good, {"Idempotency-Key": '"abcdefgh'}, 400),
        "a quoted key, as the draft has it": (good, {"Idempotency-Key": '"abcdefgh"'}, 201),
        "no such product": ({**good, "product": 99}, key, 404),
        "right": (good, key, 201),
    }


@pytest.mark.parametrize("name", bodies())
def test_each_bad_body_is_one_problem(edge, name):
    body, headers, status = bodies()[name]
    reply = edge.test_client().post("/feedback", json=body, headers={**session(7), **headers})
    answer = json.loads(reply.get_data())
    assert reply.status_code == status, answer
    if status >= 400:
        assert (reply.content_type, answer["status"]) == (PROBLEM, status)
        assert (status in (400, 422)) == ("errors" in answer)


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b'{"customer": 7, "customer": 8, "product": 3, "kind": "buy"}', "application/json", 400),
        (b"{", "application/json", 400), (b"a=1", "text/plain", 415), (b" " * 70_000, "application/json", 413),
    ],
)  # fmt: skip
def test_a_body_that_is_none(edge, data, kind, status):
    reply = edge.test_client().post("/feedback", data=data, content_type=kind, headers=session(7))
    assert (reply.status_code, reply.content_type) == (status, PROBLEM)


@pytest.mark.parametrize("query", ["k=0", "k=11", "k=ten", "n=3", "k=1&debug=1", "k=٣", "k=1_0", "k=%205", "k=+5"])
def test_a_bad_query_is_refused(edge, query):
    reply = edge.test_client().get(f"/recommendations/7?{query}", headers=SHOWN)
    assert reply.status_code == 422 and "query" in json.loads(reply.get_data())["errors"]


def test_neighbours_ask_for_the_token_and_the_edge_does_not(edge, goods, tastes):
    for app, path in ((goods, "/candidates"), (goods, "/products/1"), (tastes, "/customers/7"), (edge, "/neighbours")):
        for shown in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": "Bearer é"}):
            refused = app.test_client().get(path, headers=shown)
            assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert app.test_client().get(path, headers=SHOWN).status_code == 200
    for shown in ({"Authorization": f"bearer {TOKEN}"}, {"Authorization": f"BEARER  {TOKEN}"}):
        assert goods.test_client().get("/candidates", headers=shown).status_code == 200, (
            "a scheme has no case (RFC 9110)"
        )
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
def test_a_deadline_of_a_neighbour_is_kept_or_refused_and_a_strangers_is_not_read(edge, goods, given, status):
    asked = {"X-Deadline-Ms": given}
    assert goods.test_client().get("/candidates", headers={**SHOWN, **asked}).status_code == status
    assert edge.test_client().get("/recommendations/7", headers={**SHOWN, **asked}).status_code == status
    assert edge.test_client().get("/recommendations/7", headers={**session(7), **asked}).status_code == 200


# Who asks


def test_a_customer_gets_what_is_theirs(edge):
    ask, event = edge.test_client().get, {"customer": 8, "product": 3, "kind": "buy"}
    assert ask("/recommendations/7", headers=session(7)).status_code == 200
    for headers, status in (({}, 401), (session(8), 403), (session(7, seconds=-1), 401), (SHOWN, 200)):
        reply = ask("/recommendations/7", headers=headers)
        assert reply.status_code == status
        assert (status == 401) == (reply.headers.get("WWW-Authenticate") == "Bearer")
    sent = edge.test_client().post("/feedback", json=event, headers={**session(7), "Idempotency-Key": "abcdefgh"})
    assert sent.status_code == 403, "nobody acts in another's name"
    for inside in ("/neighbours", "/metrics"):
        assert [ask(inside, headers=h).status_code for h in ({}, session(7), SHOWN)] == [401, 401, 200]


def test_a_session_is_whole_or_none():
    good = identity.issue(LOGIN, 7, 60, now=1000)
    assert identity.customer_of(LOGIN, good, now=1059) == 7
    assert identity.customer_of(LOGIN, good, now=1060) is None, "expired"
    assert identity.customer_of("another-key-of-logins", good, now=1000) is None
    _, until, signature = good.split(".")
    for forged in (
        f"8.{until}.{signature}", f"07.{until}.{signature}", f"7.{int(until) + 1}.{signature}", f"7.{until}.{signature[:-1]}",
        f"7.{until}.{'A' * 43}", f"٧.{until}.{signature}", f"{good}\n", f"{good} ", "", "..", f"7..{signature}",
    ):  # fmt: skip
        assert identity.customer_of(LOGIN, forged, now=1000) is None, forged
    for place in range(len(good)):
        changed = good[:place] + ("1" if good[place] != "1" else "2") + good[place + 1 :]
        # the last letter of 43 holds two bits that stand for nothing
        assert place == len(good) - 1 or identity.customer_of(LOGIN, changed, now=1000) is None


def test_digits_of_other_scripts_are_no_second_name(edge, goods):
    assert edge.test_client().get("/recommendations/٧", headers=SHOWN).status_code == 404
    assert goods.test_client().get("/products/٣", headers=SHOWN).status_code == 404


def test_a_stranger_decides_neither_what_is_traced_nor_under_which_id(upstreams, monkeypatch):
    edge = ranking.create_app(ranking.Settings("http://c", "http://f", TOKEN, LOGIN, trace_share=0), upstreams)
    lines = []
    monkeypatch.setattr(trace, "log", lambda what, /, **fields: lines.append((what, fields)))
    header = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    edge.test_client().get("/recommendations/7", headers={**session(7), **header})
    assert [what for what, f in lines if f["service"] == "ranking"] == ["request"]
    edge.test_client().get("/recommendations/7", headers={**SHOWN, **header})
    assert {f["trace_id"] for what, f in lines if what == "span"} == {"a" * 32}
    lines.clear()
    every = ranking.create_app(ranking.Settings("http://c", "http://f", TOKEN, LOGIN, trace_share=1), upstreams)
    every.test_client().get("/recommendations/7", headers={**session(7), **header})
    kept = {f["trace_id"] for what, f in lines if what == "span"}
    assert len(kept) == 1 and kept != {"a" * 32}, "the edge decides"


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
    def ask(path):
        return edge.test_client().get(path, headers=SHOWN)

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
    reply = edge.test_client().get("/recommendations/7", headers=SHOWN)
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
    assert edge.test_client().get("/readyz").status_code == 200, "one outage is not two"


def test_the_catalogues_last_answer_has_an_age_and_a_last_day(goods, tastes, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(neighbours.time, "monotonic", lambda: now[0])
    upstreams = Upstreams(Neighbour("catalogue", goods), Neighbour("features", tastes), False, stale_seconds=60)
    edge = ranking.create_app(ranking.Settings("http://c", "http://f", TOKEN, LOGIN), upstreams)

    def ask():
        reply = edge.test_client().get("/recommendations/7", headers=SHOWN)
        return reply.status_code, json.loads(reply.get_data()).get("age")

    assert ask() == (200, 0)
    upstreams.catalogue.away = True
    now[0] += 42
    assert ask() == (200, 42)
    now[0] += 20
    assert ask() == (503, None), "old prices are no answer"


@pytest.mark.parametrize("answer", [{}, {"aisles": 3}, {"aisles": {"x": 1}}, {"aisles": [{}], "products": [{}]}])
def test_a_neighbour_that_breaks_its_contract_is_one_that_is_missing(edge, upstreams, answer):
    class Broken(Neighbour):
        def get(self, path, **query):
            return answer

    edge.test_client().get("/recommendations/7", headers=SHOWN)
    upstreams.catalogue.__class__ = upstreams.features.__class__ = Broken
    reply = edge.test_client().get("/recommendations/7", headers=SHOWN).json
    assert (reply["degraded"], len(reply["items"])) == (["catalogue", "features"], 10)
    event = {"customer": 7, "product": 3, "kind": "buy"}
    sent = edge.test_client().post("/feedback", json=event, headers={**SHOWN, "Idempotency-Key": "abcdefgh"})
    assert sent.status_code == 503


def test_a_token_that_is_refused_is_ours_to_put_right(upstreams, edge):
    def refuse(*_, **__):
        raise client.Refused(401, {"detail": "show the services' token"}, {})

    upstreams.features.get = upstreams.features.post = refuse
    assert edge.test_client().get("/recommendations/7", headers=session(7)).json["degraded"] == ["features"]
    event = {"customer": 7, "product": 3, "kind": "buy"}
    sent = edge.test_client().post("/feedback", json=event, headers={**session(7), "Idempotency-Key": "abcdefgh"})
    assert sent.status_code == 503 and "token" not in sent.text


def test_an_event_is_not_swallowed(edge, upstreams):
    upstreams.features.away = True
    event = {"customer": 7, "product": 3, "kind": "buy"}
    reply = edge.test_client().post("/feedback", json=event, headers={**SHOWN, "Idempotency-Key": "abcdefgh"})
    assert reply.status_code == 503 and "same Idempotency-Key" in json.loads(reply.get_data())["detail"]


def test_a_refusal_comes_through_with_its_wait(goods):
    busy = features.create_app(features.Settings("redis://nowhere", TOKEN), Memory(patience=2.3))
    upstreams = Upstreams(Neighbour("catalogue", goods), Neighbour("features", busy), parallel=True)
    edge = ranking.create_app(ranking.Settings("http://c", "http://f", TOKEN, LOGIN), upstreams)
    event = {"customer": 7, "product": 3, "kind": "buy"}
    reply = edge.test_client().post("/feedback", json=event, headers={**SHOWN, "Idempotency-Key": "abcdefgh"})
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
        return urllib3.HTTPResponse(io.BytesIO(b'{"detail": "x"}'), status=answer, preload_content=False)


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


def test_a_caller_in_a_hurry_does_not_open_the_breaker_for_the_others():
    late = urllib3.exceptions.ReadTimeoutError(None, "/x", "late")
    breaker = resilience.CircuitBreaker(2)
    for answer in (late, 504):
        for seconds in (0.05, 0.5):
            for _ in range(5):
                called = neighbour(answer, answer, answer, seconds=seconds, breaker=breaker)
                with pytest.raises(client.Unavailable):
                    called.get("/x")
    assert (breaker.state, breaker.failures) == ("closed", 0), "it never had the second that it is due"
    with pytest.raises(client.Unavailable):
        neighbour(500, seconds=0.05, breaker=breaker, budget=resilience.RetryBudget(0, 0)).get("/x")
    assert breaker.failures == 1, "an error of its own is its own, however little time it had"
    with pytest.raises(client.Unavailable):
        neighbour(late, seconds=5, breaker=breaker, budget=resilience.RetryBudget(0, 0)).get("/x")
    assert breaker.state == "open"


def test_a_probe_that_learns_nothing_leaves_room_for_the_next():
    now = [0.0]
    breaker = resilience.CircuitBreaker(1, 1.0, clock=lambda: now[0])
    breaker.failure()
    now[0] = 1.0
    assert breaker.allow() and not breaker.allow()
    breaker.cancel()
    assert breaker.state == "half-open" and breaker.allow()


class Peer:
    """A neighbour on a socket of its own that sends what it wants, as slowly as it wants."""

    def __init__(self, *pieces, pause=0.0):
        self.pieces, self.pause, self.sent = pieces, pause, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    for piece in self.pieces:
                        connection.sendall(piece)
                        self.sent += len(piece)
                        time.sleep(self.pause)

    def call(self, seconds=0.4):
        trace.begin("test", "request-1", resilience.Deadline(seconds), "")
        called = client.Neighbour(
            "n", self.url, TOKEN, read_seconds=0.3, breaker=resilience.CircuitBreaker(),
            budget=resilience.RetryBudget(0, 0),
        )  # fmt: skip
        began = time.monotonic()
        try:
            return called.get("/x"), time.monotonic() - began, called
        except client.Unavailable as error:
            return error.reason, time.monotonic() - began, called
        finally:
            self._listener.close()


def test_a_relay_is_a_line_that_takes_time_and_can_be_cut():
    body = b'{"a": 1}'
    peer = Peer(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 8\r\n\r\n" + body)
    with Relay(peer.url, delay=0.2) as line:
        began = time.monotonic()
        assert requests.get(line.url, timeout=30).content == body
        assert time.monotonic() - began >= 0.2
        line.delay, line.drip = 0, 0.002
        began = time.monotonic()
        assert requests.get(line.url, timeout=30).content == body
        assert time.monotonic() - began >= 0.002 * len(body)
    line.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(line.url, timeout=5)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD + b"Content-Length: 12\r\n\r\n", *[bytes([b]) for b in b'{"a": "bcd"}'] * 5],
        [bytes([b]) for b in HEAD * 3],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n1\r\n"] * 60],
        [HEAD + b"\r\n", *[b" "] * 60],
    ],
    ids=["body", "headers", "chunks", "no length"],
)
def test_a_neighbour_that_drips_does_not_outlast_the_deadline(pieces):
    peer = Peer(*pieces, pause=0.1)
    reason, took, called = peer.call()
    # the drip goes on for more than a second; a busy machine adds to the wait, the drip does not
    assert reason == "timed out" and called.breaker.failures == 1
    assert peer.sent < sum(map(len, pieces)) and took < 0.1 * len(pieces)


@pytest.mark.parametrize("length", [b"", b"Content-Length: 9000000\r\n"])
def test_an_answer_has_a_limit_while_it_is_read(length):
    peer = Peer(HEAD + length + b"\r\n", *[b" " * 100_000] * 90)
    reason, _, called = peer.call(seconds=30)
    assert reason == "an answer that is too large" and called.breaker.failures == 1
    assert peer.sent < 9_000_000


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[" * 100_000, "no JSON"), (b"[1]", "no JSON object"), (b"null", "no JSON object"), (b"\xff", "no JSON"),
        (b'{"a": 1}', None),
    ],
)  # fmt: skip
def test_an_answer_is_an_object_or_none(body, reason):
    found, _, _ = Peer(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body).call(seconds=30)
    assert found == {"a": 1} if reason is None else reason in found


@pytest.mark.parametrize(
    "garbage", [b"", b"\r\n", b"SSH-2.0-x\r\n\r\n", HEAD + b"Content-Length: x\r\n\r\n{}", HEAD + b"Content-Length: 5\r\n\r\n{}", HEAD * 9000]
)  # fmt: skip
def test_what_is_no_answer_is_no_crash(garbage):
    found, _, _ = Peer(garbage).call(seconds=30)
    assert found == {} or isinstance(found, str)


# The contract


class Forgetful(Memory):
    """A key that was used for another event is a 422, as the draft wants it; the fuzzer takes that for a refusal of valid input."""

    def add(self, key, event):
        return Stored("1-0", True)


@pytest.mark.parametrize("name", services.NAMES)
def test_the_contract_fuzzed_finds_nothing(name, goods):
    tastes = features.create_app(features.Settings("redis://nowhere", TOKEN), Forgetful())
    upstreams = Upstreams(Neighbour("catalogue", goods), Neighbour("features", tastes), parallel=False)
    edge = ranking.create_app(ranking.Settings("http://c", "http://f", TOKEN, LOGIN), upstreams)
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


@pytest.fixture
def ask(system):
    """One request; of nobody in particular, as a service."""

    def send(service: SupervisedProcess, path: str, method: str = "GET", **options) -> requests.Response:
        headers = {"Authorization": f"Bearer {system.token}", **options.pop("headers", {})}
        return requests.request(method, service.url + path, timeout=60, headers=headers, **options)

    return send


@pytest.mark.slow
def test_the_three_answer_as_one_function(system, ask):
    reply = ask(system.ranking, "/recommendations/7?k=5").json()
    expected = rank({2: 5}, {"aisles": Goods().aisles(), "products": PRODUCTS}, 5)
    assert (reply["degraded"], reply["items"]) == ([], expected)


@pytest.mark.slow
def test_an_event_is_stored_once_and_its_key_is_its_own(system, ask):
    event, key = {"customer": 8, "product": 3, "kind": "buy"}, {"Idempotency-Key": "once-and-only"}
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: ask(system.ranking, "/feedback", "POST", json=event, headers=key), range(16)))
    assert {r.status_code for r in replies} == {201} and len({r.text for r in replies}) == 1
    shown = {"Authorization": f"Bearer {system.token}"}
    assert ask(system.features, "/customers/8", headers=shown).json()["events"] == 1
    assert ask(system.ranking, "/feedback", "POST", json={**event, "kind": "view"}, headers=key).status_code == 422
    other = ask(system.ranking, "/feedback", "POST", json={**event, "customer": 9}, headers=key)
    assert other.status_code == 201, "a key is its customer's own"


def features_store(system, **more):
    trace.begin("test", "r", resilience.Deadline(60), "")
    given = {"rate": 1e6, "burst": 10**6, "prefix": f"{system.prefix}store:", **more}
    return RedisStore(system.environment("features")["FEATURES_REDIS_URL"], 5, **given)


def put(store, customer, key, product=1):
    """1 when it is stored now, 0 for a repetition, or the seconds to wait."""
    try:
        return int(store.add(key, {"customer": customer, "product": product, "aisle": 2}).new)
    except TooOften as error:
        return error.wait


@pytest.mark.slow
def test_a_bucket_fills_again_and_a_repetition_takes_nothing_out(system):
    slow = features_store(system, rate=1e-3, burst=3)
    found = [put(slow, 4242, f"key-{n:05d}") for n in (0, 0, 0, 1, 1, 2, 0, 1, 2, 3)]
    assert found[:-1] == [1, 0, 0, 1, 0, 1, 0, 0, 0] and 900 < found[-1] <= 1000
    quick = features_store(system, rate=50, burst=1)
    assert put(quick, 4243, "key-00000") == 1
    time.sleep(0.1)
    assert put(quick, 4243, "key-00001") == 1


@pytest.mark.slow
def test_a_customers_keys_have_a_bound_and_lie_together(system, monkeypatch):
    monkeypatch.setattr(features_module, "REMEMBER_KEYS", 5)
    store = features_store(system)
    assert [put(store, 5, f"key-{n:05d}") for n in range(8)] == [1] * 8
    assert [put(store, 5, f"key-{n:05d}") for n in (3, 7)] == [0, 0] and put(store, 5, "key-00002") == 1
    names = [name.decode() for name in system.store.scan_iter(f"{system.prefix}store:{{5}}:*")]
    assert len(names) == 5 and system.store.hlen(f"{system.prefix}store:{{5}}:seen") == 5
    assert {redis_crc.key_slot(name.encode()) for name in names} == {redis_crc.key_slot(b"5")}, "one slot of a cluster"


@pytest.mark.slow
def test_a_full_store_refuses_and_forgets_nothing(tmp_path):
    """What the policy of a cache would do to what must be kept, and that the service is not ready on such a server."""
    with redis_engine.connect(settings={"maxmemory": "8mb", "maxmemory-policy": "noeviction"}) as server:
        store = RedisStore(services._address(server), 5, 1e6, 10**6)
        trace.begin("test", "r", resilience.Deadline(60), "")
        store.check()
        assert put(store, 7, "purchase-1") == 1
        for size in (100_000, 1_000, 10):  # full to the last corner
            with contextlib.suppress(redis.OutOfMemoryError):
                for n in range(10_000):
                    server.set(f"cache:{size}:{n}", b"x" * size, ex=900)
        with pytest.raises(StoreUnavailable):
            put(store, 8, "key-00000001")
        with contextlib.suppress(StoreUnavailable):
            assert put(store, 7, "purchase-1") == 0, "stored once, known still"
        assert store.aisles(7) == {2: 1}
        server.config_set("maxmemory-policy", "volatile-lru")
        with pytest.raises(StoreUnavailable, match="maxmemory-policy is volatile-lru"):
            store.check()
        app = features.create_app(features.Settings("redis://nowhere", TOKEN), store)
        assert app.test_client().get("/readyz").status_code == 503


@pytest.mark.slow
def test_the_password_of_the_role_is_in_no_statement(system, tmp_path):
    """Seen on the wire, where a log and pg_stat_statements see it as well."""
    info = system.database.info
    role, schema = f"{system.schema}_again", f"{system.schema}_again"
    with (
        psycopg.connect(
            host=info.host, port=info.port, user=info.user, password=info.password, dbname=info.dbname, autocommit=True
        ) as owner,
        (tmp_path / "wire").open("w+b") as wire,
    ):
        owner.pgconn.trace(wire.fileno())
        try:
            assert load_products(owner, ROWS, "a-password-of-a-role", role, schema) == len(ROWS)
            owner.pgconn.untrace()
            sent = (tmp_path / "wire").read_bytes()
            assert b"ALTER ROLE" in sent and b"SCRAM-SHA-256$" in sent and b"a-password-of-a-role" not in sent
            with psycopg.connect(
                host=info.host, port=info.port, user=role, password="a-password-of-a-role", dbname=info.dbname
            ) as as_role:
                assert as_role.execute("SELECT count(*) FROM products").fetchone() == (len(ROWS),)
        finally:
            name = psycopg.sql.Identifier(role)
            owner.execute(psycopg.sql.SQL("DROP SCHEMA {0} CASCADE; DROP OWNED BY {0}; DROP ROLE {0}").format(name))


@pytest.mark.slow
def test_nobody_can_read_the_other_stores_and_no_secret_is_logged(system, ask):
    known = {"RECOMMENDER_TOKEN", "RANKING_SESSIONS_KEY", "CATALOGUE_URL", "FEATURES_URL"}
    assert set(system.environment("ranking")) == known
    with psycopg.connect(system.environment("catalogue")["CATALOGUE_DATABASE_URL"]) as role:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            role.execute("DELETE FROM products")
    ask(system.ranking, "/recommendations/7", headers={"traceparent": f"00-{'e' * 32}-{'b' * 16}-01"})
    own = system.session(7)
    assert requests.get(f"{system.ranking.url}/recommendations/7", headers=own, timeout=30).ok
    written = "".join(path.read_text() for path in system.folder.rglob("*log") if path.is_file())
    secrets = [
        v
        for name in services.NAMES
        for k, v in system.environment(name).items()
        if k not in ("CATALOGUE_URL", "FEATURES_URL")
    ] + [own["Authorization"].rpartition(" ")[2]]
    assert "/recommendations/<int:customer>" in written
    assert not any(secret in written for secret in secrets)
    assert "features/customers/" in written, "the spans are there"
    assert not re.search(r"/customers/\d", written), "a path may be a person"


def raw(service, *pieces, read=True, pause=0.0):
    """Bytes to a service, a piece at a time; the first answer, or the open connection."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), 30)
    for piece in pieces:
        connection.sendall(piece)
        time.sleep(pause)
    if not read:
        return connection
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode("latin-1")


EVENT = b'{"customer": 7, "product": 3, "kind": "view"}'


@pytest.mark.slow
@pytest.mark.parametrize(
    "begun",
    [
        b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-", b"POST /feedback HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{",
        b"POST /feedback HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
        b"POST /feedback HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n{", b"GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n",
    ],
    ids=["nothing", "in a header", "in a body", "in chunks", "in a body that is too large", "does not hang up"],
)  # fmt: skip
def test_clients_that_stop_in_the_middle_take_no_thread(system, begun):
    """Four threads; twelve of these stopped the old worker, its liveness probe included, for more than twenty seconds."""
    with contextlib.ExitStack() as open_:
        for _ in range(40):
            open_.enter_context(raw(system.ranking, begun, read=False))
        for _ in range(3):
            assert requests.get(f"{system.ranking.url}/healthz", timeout=10).ok
            assert requests.get(f"{system.ranking.url}/recommendations/7", headers=system.session(7), timeout=10).ok


@pytest.mark.slow
def test_a_crowd_of_them_costs_the_slowest_and_not_the_next(system):
    half = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-"
    with contextlib.ExitStack() as open_:
        for _ in range(worker.MOST_WAITING + 20):
            open_.enter_context(raw(system.ranking, half, read=False))
        assert requests.get(f"{system.ranking.url}/healthz", timeout=10).ok


@pytest.mark.slow
def test_requests_in_pieces_in_a_row_and_in_all_forms_are_answered(system):
    def statuses(*pieces, **more):
        return [int(s) for s in re.findall(r"HTTP/1\.1 (\d+)", raw(system.ranking, *pieces, **more))]

    close = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    kept = close.replace(b"Connection: close\r\n", b"")
    own = system.session(7)["Authorization"].encode()
    post = (
        b"POST /feedback HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nAuthorization: " + own
        + b"\r\nIdempotency-Key: in-pieces\r\n"
    )  # fmt: skip
    length = b"Content-Length: %d\r\n" % len(EVENT)
    assert statuses(close) == [200]
    assert statuses(*[bytes([b]) for b in close], pause=0.001) == [200], "a byte at a time"
    assert statuses(kept, close, pause=0.1) == [200, 200], "one after the other on one line"
    assert statuses(kept * 3 + close) == [200] * 4, "all at once"
    assert statuses(kept * 2 + close[:20], close[20:], pause=0.2) == [200] * 3, "one and a half"
    assert statuses(post + length + b"\r\n" + EVENT) == [201]
    assert statuses(post + length + b"\r\n", EVENT[:9], EVENT[9:], pause=0.05) == [201]
    assert statuses(post + length + b"Expect: 100-continue\r\n\r\n", EVENT, pause=0.2)[-1] == 201
    assert statuses(post + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(EVENT) + EVENT + b"\r\n0\r\n\r\n") == [411]
    assert statuses(post + b"Transfer-Encoding: chunked\r\n\r\n30d40\r\n" + b" " * 200_000 + b"\r\n0\r\n\r\n") == [411]
    assert statuses(post + b"Content-Length: 200000\r\n\r\n" + b" " * 200_000) == [413]
    assert statuses(post + length + length.replace(b"4", b"3") + b"\r\n" + EVENT) == [400], "two lengths"
    assert statuses(post + length + b"Transfer-Encoding: chunked\r\n\r\n" + EVENT) == [400], "two ways to end"
    assert statuses(post + b"Content-Length: -1\r\n\r\n" + EVENT) == [400]
    assert statuses(close[:-2] + b"X: " + b"y" * 70_000) == [431]
    assert statuses(b"\x16\x03\x01\r\n\r\n") == [400]


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (b"", None), (b"GET / HTTP/1.1\r\nHost: x\r\n", None), (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\ncontent-LENGTH:  5 \r\n\r\n12", 3), (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345GET", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 0), (b"POST / HTTP/1.1\r\nX: 1\r\nContent-Length: x\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 0),
        (b"GET / HTTP/1.1\r\nX-Content-Length: 5\r\n\r\n", 0),
    ],
)  # fmt: skip
def test_a_worker_knows_how_much_of_a_request_is_missing(held, expected):
    assert worker.missing(held) == expected


@pytest.mark.slow
def test_one_killed_the_others_go_on_and_it_comes_back(system, ask):
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
def test_a_request_is_followed_through_the_three(system, ask):
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
def test_a_readers_own_data_are_not_taken_for_ours(system, monkeypatch, ask):
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
        assert ask(second.ranking, "/recommendations/7", headers=second.session(7)).json()["strategy"] == "popularity"
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
    return rows, {key: system.store.dump(key) for key in system.store.scan_iter() if not key.endswith(b":bucket")}


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


@pytest.mark.slow
def test_the_redis_of_compose_keeps_what_the_features_need_and_lets_them_do_nothing_else(tmp_path):
    """Its own settings, word for word, and the real store on them."""
    command = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["features_redis"]["command"][2]
    text = command.partition("<<END\n")[2].partition("END")[0].replace("$$FEATURES_REDIS_PASSWORD", "p" * 20)
    port = free_port()
    text = text.replace("dir /data", f"dir {tmp_path}\nport {port}\nbind 127.0.0.1")
    with subprocess.Popen(
        [redis_engine._executable(), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as server:
        try:
            server.stdin.write(text.encode())
            server.stdin.close()
            store = RedisStore(f"redis://features:{'p' * 20}@127.0.0.1:{port}/0", 5, 1e6, 10**6)
            trace.begin("test", "r", resilience.Deadline(60), "")

            def up():
                with contextlib.suppress(StoreUnavailable):
                    store.check()
                    return True

            assert until(up, 30)
            assert [put(store, 7, key) for key in ("key-00001", "key-00001", "key-00002")] == [1, 0, 1]
            assert store.aisles(7) == {2: 2}
            mine = store._redis
            for stolen in (("KEYS", "*"), ("CONFIG", "GET", "*"), ("FLUSHALL",), ("SET", "other", 1), ("ACL", "LIST")):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    mine.execute_command(*stolen)
            with pytest.raises(redis.AuthenticationError):
                redis.Redis(port=port).ping()
        finally:
            server.kill()


def test_customers_reach_the_ranking_through_the_proxy_only():
    parts = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    assert "ports" not in parts["ranking"] and "ports" not in parts["features_redis"]
    assert "maxmemory-policy noeviction" in parts["features_redis"]["command"][2]
    conf = (DOCKER / "proxy" / "nginx.conf").read_text()
    (public,) = re.findall(r"location ~ (\S*/shop\S*) \{", conf)
    public = public.replace("?<", "?P<")
    for path, passed in {
        "/shop/recommendations/7": True, "/shop/feedback": True, "/shop/metrics": False, "/shop/neighbours": False,
        "/shop/openapi.json": False, "/shop/readyz": False, "/shop/recommendations/7/../../metrics": False,
    }.items():  # fmt: skip
        assert bool(re.fullmatch(public.strip("^$"), path)) == passed, path
    assert 'X-Deadline-Ms ""' in conf and 'traceparent ""' in conf


def test_compose_gives_each_service_its_own_data_only():
    parts = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    for name, variables in {
        "catalogue": {"CATALOGUE_DATABASE_URL"},
        "features": {"FEATURES_REDIS_URL"},
        "ranking": {"CATALOGUE_URL", "FEATURES_URL", "RANKING_SESSIONS_KEY"},
    }.items():
        assert set(parts[name]["environment"]) == variables | {"RECOMMENDER_TOKEN"}
        assert parts[name]["read_only"] and parts[name]["cap_drop"] == ["ALL"]
        assert all(port.startswith("127.0.0.1:") for port in parts[name].get("ports", []))
    every = (DOCKER / ".dockerignore").read_text()
    for path in (DOCKER / "recommender").rglob("*.py"):
        folder = path.parent.relative_to(DOCKER).as_posix()
        assert f"!{folder}/*.py" in every, f"{folder} is not in the build's context"
