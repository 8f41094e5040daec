"""The routes of the ranking: what the shop's own pages ask."""

from __future__ import annotations

from http import HTTPStatus

from apiflask import APIBlueprint, HTTPError, Schema
from apiflask.fields import Dict, Float, Integer, List, Nested, String
from apiflask.validators import OneOf, Range
from marshmallow import RAISE
from recommender.common import trace
from recommender.common.app import only
from recommender.common.client import Refused, Unavailable
from recommender.features.api import KINDS, Accepted, Key
from recommender.ranking.model import rank
from recommender.ranking.neighbours import PER_AISLE, Upstreams
from serving.fields import Digits, Strict, Text, Whole
from serving.web import problems

MOST_ID = 2**31 - 1
#: refusals of a neighbour that are about the caller's own request
PASSED_ON = (404, 422, 429)


class Item(Schema):
    """A product, and how likely the customer's next event is about it."""

    product = Integer(required=True)
    title = String(required=True)
    aisle = Integer(required=True)
    score = Float(required=True)


class Recommendations(Schema):
    """The best first, and how good an answer this is."""

    customer = Integer(required=True)
    strategy = String(required=True, validate=OneOf(["personal", "popularity"]))
    degraded = List(String(validate=OneOf(["features", "catalogue"])), required=True)
    age = Integer(
        required=True, metadata={"description": "Seconds since the catalogue gave the products; 0: it just has."}
    )
    items = List(Nested(Item), required=True)


class Query(Strict):
    """How many."""

    k = Digits(load_default=10, validate=Range(1, PER_AISLE))


class Feedback(Strict):
    """A customer did something with a product."""

    customer = Whole(required=True, validate=Range(0, MOST_ID))
    product = Whole(required=True, validate=Range(0, MOST_ID))
    kind = Text(required=True, validate=OneOf(KINDS))


class State(Schema):
    """How this process sees a neighbour."""

    breaker = String(required=True, validate=OneOf(["closed", "open", "half-open"]))
    failures = Integer(required=True)
    retry_tokens = Float(required=True)


class States(Schema):
    """By name."""

    neighbours = Dict(keys=String(), values=Nested(State), required=True)


def blueprint(upstreams: Upstreams) -> APIBlueprint:
    """What everybody may ask."""
    api = APIBlueprint("ranking", __name__)

    @api.get("/recommendations/<int:customer>")
    @api.input(Query, location="query", arg_name="query", unknown=RAISE)
    @api.output(Recommendations)
    @api.doc(
        summary="What this customer may like", operation_id="recommendations", security="session",
        responses=problems(401, 403, 404, 503, 504),
    )  # fmt: skip
    def recommendations(customer: int, query):
        if customer > MOST_ID:
            raise HTTPError(HTTPStatus.NOT_FOUND, "there is no such customer")
        only(customer)
        counts, candidates, missing, age = upstreams.gather(customer)
        if candidates is None:
            raise _unavailable("the catalogue has not answered yet")
        with trace.span("rank", "work"):
            items = rank(counts, candidates, query["k"])
        strategy = "personal" if counts else "popularity"
        return {
            "customer": customer,
            "strategy": strategy,
            "degraded": sorted(missing),
            "age": round(age),
            "items": items,
        }

    @api.post("/feedback")
    @api.input(Feedback, arg_name="event", example={"customer": 7, "product": 12, "kind": "buy"})
    @api.input(Key, location="headers", arg_name="headers")
    @api.output(Accepted, status_code=201)
    @api.doc(
        summary="Tell what a customer did",
        operation_id="feedback",
        security="session",
        responses=problems(400, 401, 403, 404, 411, 413, 415, 429, 503, 504),
    )
    def feedback(event, headers):
        only(event["customer"])
        try:
            aisle = upstreams.catalogue.get(f"/products/{event['product']}")["aisle"]
            answer = upstreams.features.post("/events", {**event, "aisle": aisle}, headers["key"])
        except (Unavailable, KeyError) as error:
            # an event has no second best: the caller keeps it, and sends it again under the same key
            raise _unavailable("not stored: send it again with the same Idempotency-Key") from error
        except Refused as error:
            if error.status not in PASSED_ON:  # ours to put right, such as a token
                raise _unavailable("not stored: a service refused the other") from error
            passed = {name: error.headers[name] for name in ("Retry-After",) if name in error.headers}
            raise HTTPError(error.status, str(error), headers=passed) from error
        return answer, 201

    return api


def internal(upstreams: Upstreams) -> APIBlueprint:
    """What only who has the token may ask."""
    api = APIBlueprint("internal", __name__)

    @api.get("/neighbours")
    @api.output(States)
    @api.doc(summary="Breakers and retry budgets", operation_id="neighbours", security="token", responses=problems(401))
    def neighbours():
        return {
            "neighbours": {
                n.name: {
                    "breaker": n.breaker.state,
                    "failures": n.breaker.failures,
                    "retry_tokens": round(n.budget.tokens, 3),
                }
                for n in (upstreams.catalogue, upstreams.features)
            }
        }

    return api


def _unavailable(detail: str) -> HTTPError:
    return HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"})
