"""The routes of the features."""

from __future__ import annotations

import math
from http import HTTPStatus

from apiflask import APIBlueprint, HTTPError, Schema
from apiflask.fields import Dict, Integer, String
from apiflask.validators import OneOf, Range, Regexp
from marshmallow import EXCLUDE, post_load
from recommender.features.store import KeyReused, Store, TooOften
from serving.fields import Strict, Text, Whole
from serving.web import problems

MOST_ID = 2**31 - 1
KINDS = ("view", "cart", "buy")
#: a quoted string, as the draft says (a Structured Field), or bare, as most clients send it
KEY = r"""^("?)[A-Za-z0-9_-]{8,64}\1\Z"""


class Customer(Schema):
    """What a customer did, by aisle."""

    customer = Integer(required=True)
    events = Integer(required=True)
    aisles = Dict(keys=String(), values=Integer(), required=True)


class Event(Strict):
    """A customer did something with a product."""

    customer = Whole(required=True, validate=Range(0, MOST_ID))
    product = Whole(required=True, validate=Range(0, MOST_ID))
    aisle = Whole(required=True, validate=Range(0, 10_000))
    kind = Text(required=True, validate=OneOf(KINDS))


class Key(Schema):
    """Names the intention, so that a repetition is known as one (draft-ietf-httpapi-idempotency-key-header-07, 2025)."""

    class Meta:
        unknown = EXCLUDE

    key = String(
        required=True, data_key="Idempotency-Key", validate=Regexp(KEY, error="8 to 64 letters, digits, - or _")
    )

    @post_load
    def bare(self, found: dict[str, str], **_: object) -> dict[str, str]:
        return {"key": found["key"].strip('"')}


class Accepted(Schema):
    """The event is stored: now, or before."""

    event = String(required=True)


def blueprint(store: Store) -> APIBlueprint:
    """The routes over a store."""
    api = APIBlueprint("features", __name__)
    answers = problems(401, 503, 504)

    @api.get("/customers/<int:customer>")
    @api.output(Customer)
    @api.doc(
        summary="A customer's features", operation_id="customer", security="token", responses=answers | problems(404)
    )
    def customer(customer: int):
        if customer > MOST_ID:
            raise HTTPError(HTTPStatus.NOT_FOUND, "there is no such customer")
        aisles = store.aisles(customer)
        return {
            "customer": customer,
            "events": sum(aisles.values()),
            "aisles": {str(a): n for a, n in sorted(aisles.items())},
        }

    @api.post("/events")
    @api.input(Event, arg_name="event", example={"customer": 7, "product": 12, "aisle": 3, "kind": "buy"})
    @api.input(Key, location="headers", arg_name="headers")
    @api.output(Accepted, status_code=201)
    @api.doc(
        summary="Store an event once", operation_id="events", security="token",
        responses=answers | problems(400, 411, 413, 415, 429),
    )  # fmt: skip
    def events(event, headers):
        try:
            stored = store.add(headers["key"], event)
        except TooOften as error:
            # whole seconds, rounded up: who comes back then is let in
            raise HTTPError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too many events of this customer",
                headers={"Retry-After": str(math.ceil(error.wait))},
            ) from error
        except KeyReused as error:
            raise HTTPError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "Idempotency-Key was used for another event: take a new one",
            ) from error
        return {"event": stored.event}, 201, {"Idempotency-Replayed": "false" if stored.new else "true"}

    return api
