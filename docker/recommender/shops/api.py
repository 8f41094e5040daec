"""The route of the shops."""

from __future__ import annotations

import math
import time
from http import HTTPStatus
from typing import Protocol

from apiflask import APIBlueprint, HTTPError, Schema
from apiflask.fields import Boolean, Float, Integer, List, Nested, String
from apiflask.validators import OneOf, Range
from marshmallow import RAISE
from recommender.common import trace
from recommender.shops.cache import ModelCache
from recommender.shops.metrics import count
from recommender.shops.model import MOST, NoSuchProduct, Shelf, ShopModel
from serving.fields import Digits, Strict
from serving.web import problems

MOST_NUMBER = 2**31 - 1


class Limits(Protocol):
    """How much a shop may ask."""

    def wait(self, shop: str) -> float:
        """Seconds until it may ask again; 0 counts this request."""
        ...


class Item(Schema):
    """A product of this shop, and how strongly it goes with the one asked about."""

    sku = String(required=True)
    score = Float(required=True)


class Recommendations(Schema):
    """The best first, and how good an answer this is."""

    shop = String(required=True)
    product = Integer(required=True)
    strategy = String(required=True, validate=OneOf(["bought together", "bestsellers"]))
    degraded = Boolean(required=True)
    model = String(required=True, allow_none=True)
    items = List(Nested(Item), required=True)


class Query(Strict):
    """What is looked at, and how many are wanted."""

    product = Digits(required=True, validate=Range(0, MOST_NUMBER))
    k = Digits(load_default=5, validate=Range(1, MOST))


def blueprint(shelf: Shelf, models: ModelCache[ShopModel], limits: Limits, lookup_seconds: float) -> APIBlueprint:
    """The route over a shelf of shops."""
    api = APIBlueprint("shops", __name__)

    @api.get("/shops/<string:shop>/recommendations")
    @api.input(Query, location="query", arg_name="query", unknown=RAISE)
    @api.output(Recommendations)
    @api.doc(
        summary="What goes with this product", operation_id="recommendations", security="token",
        responses=problems(401, 404, 429, 503, 504),
    )  # fmt: skip
    def recommendations(shop: str, query):
        if not shelf.has(shop):
            raise HTTPError(HTTPStatus.NOT_FOUND, "there is no such shop")
        # before anything is loaded: a refusal must be cheap
        if (wait := limits.wait(shop)) > 0:
            count("limited")
            raise HTTPError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "this shop asks too often",
                headers={"Retry-After": str(math.ceil(wait))},
            )
        held, how = models.get(shop, trace.current.get().deadline.left())
        if lookup_seconds:
            time.sleep(lookup_seconds)
        try:
            items = held.recommend(query["product"], query["k"])
        except NoSuchProduct as error:
            raise HTTPError(HTTPStatus.NOT_FOUND, "this shop has no such product") from error
        if held.degraded:
            count("degraded")
        answer = {
            "shop": shop,
            "product": query["product"],
            "strategy": "bestsellers" if held.degraded else "bought together",
            "degraded": held.degraded,
            "model": held.version,
            "items": items,
        }
        return answer, 200, {"X-Model-Cache": how}

    return api
