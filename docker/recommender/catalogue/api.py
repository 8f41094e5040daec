"""The catalogue's routes."""

from __future__ import annotations

from http import HTTPStatus

from apiflask import APIBlueprint, HTTPError, Schema
from apiflask.fields import Integer, List, Nested, String
from apiflask.validators import Range
from marshmallow import RAISE
from recommender.catalogue.store import Store
from serving.fields import Digits, Strict
from serving.web import problems

MOST_ID = 2**31 - 1
MOST_ROWS = 100


class Product(Schema):
    """What the shop sells."""

    product = Integer(required=True)
    title = String(required=True)
    aisle = Integer(required=True)
    units = Integer(required=True, metadata={"description": "events of the last 90 days"})


class Listed(Product):
    """A product among others."""


class Aisle(Schema):
    """An aisle, and the units of all its products."""

    aisle = Integer(required=True)
    units = Integer(required=True)


class Candidates(Schema):
    """The best of every aisle."""

    aisles = List(Nested(Aisle), required=True)
    products = List(Nested(Listed), required=True)


class Page(Schema):
    """Some products in the order of their numbers."""

    products = List(Nested(Listed), required=True)


class PageQuery(Strict):
    """Products after one, so many."""

    after = Digits(load_default=-1, validate=Range(-1, MOST_ID))
    limit = Digits(load_default=20, validate=Range(1, MOST_ROWS))


class CandidatesQuery(Strict):
    """So many of each aisle."""

    per_aisle = Digits(load_default=10, validate=Range(1, MOST_ROWS))


def blueprint(store: Store) -> APIBlueprint:
    """The routes over a store."""
    api = APIBlueprint("catalogue", __name__)
    answers = problems(401, 503, 504)

    @api.get("/products")
    @api.input(PageQuery, location="query", arg_name="query", unknown=RAISE)
    @api.output(Page)
    @api.doc(summary="A page of products", operation_id="products", security="token", responses=answers)
    def products(query):
        return {"products": store.page(query["after"], query["limit"])}

    @api.get("/products/<int:product>")
    @api.output(Product)
    @api.doc(summary="One product", operation_id="product", security="token", responses=answers | problems(404))
    def product(product: int):
        found = store.product(product) if product <= MOST_ID else None
        if found is None:
            raise HTTPError(HTTPStatus.NOT_FOUND, "there is no such product")
        return found

    @api.get("/candidates")
    @api.input(CandidatesQuery, location="query", arg_name="query", unknown=RAISE)
    @api.output(Candidates)
    @api.doc(summary="The best of every aisle", operation_id="candidates", security="token", responses=answers)
    def candidates(query):
        return {"aisles": store.aisles(), "products": store.candidates(query["per_aisle"])}

    return api
