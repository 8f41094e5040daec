"""The products in PostgreSQL. Nobody else has its address. Its role's search path says in which schema; values travel beside the text of a statement."""

from __future__ import annotations

import threading
from typing import Any, Protocol

import psycopg
from psycopg.rows import dict_row
from recommender.common import trace
from recommender.common.errors import StoreSlow, StoreUnavailable

_PRODUCT = "SELECT product, title, aisle, units FROM products WHERE product = %(product)s"
_PAGE = """\
SELECT product, title, aisle, units FROM products
WHERE product > %(after)s ORDER BY product LIMIT %(limit)s"""
# the best of each aisle by its index, an aisle at a time
_CANDIDATES = """\
SELECT best.product, best.title, best.aisle, best.units
FROM (SELECT DISTINCT aisle FROM products) AS aisles,
     LATERAL (SELECT product, title, aisle, units FROM products AS p
              WHERE p.aisle = aisles.aisle ORDER BY units DESC, product LIMIT %(per_aisle)s) AS best
ORDER BY best.aisle, best.units DESC, best.product"""
_AISLES = "SELECT aisle, sum(units)::integer AS units FROM products GROUP BY aisle ORDER BY aisle"


class Store(Protocol):
    """What the service needs of its data."""

    def product(self, product: int) -> dict[str, Any] | None: ...

    def page(self, after: int, limit: int) -> list[dict[str, Any]]: ...

    def candidates(self, per_aisle: int) -> list[dict[str, Any]]: ...

    def aisles(self) -> list[dict[str, int]]: ...

    def check(self) -> None: ...


class PostgresStore:
    """One connection a thread, made when it is first needed, and made again after it broke."""

    def __init__(self, url: str, seconds: float):
        self._url, self._seconds, self._local = url, seconds, threading.local()

    def product(self, product: int) -> dict[str, Any] | None:
        rows = self._rows("product", _PRODUCT, product=product)
        return rows[0] if rows else None

    def page(self, after: int, limit: int) -> list[dict[str, Any]]:
        return self._rows("page", _PAGE, after=after, limit=limit)

    def candidates(self, per_aisle: int) -> list[dict[str, Any]]:
        return self._rows("candidates", _CANDIDATES, per_aisle=per_aisle)

    def aisles(self) -> list[dict[str, int]]:
        return self._rows("aisles", _AISLES)

    def check(self) -> None:
        self._rows("check", "SELECT 1")

    def _rows(self, name: str, statement: str, **values: int) -> list[dict[str, Any]]:
        left = min(self._seconds, trace.current.get().deadline.left())
        with trace.span(f"SQL {name}", "store") as notes:
            try:
                connection = self._connection()
                # the database gives up when nobody waits any longer: a lock, a slow plan
                limit = str(max(1, int(1000 * left)))
                connection.execute("SELECT set_config('statement_timeout', %s, false)", (limit,))
                cursor = connection.cursor(row_factory=dict_row)
                rows = cursor.execute(statement, values, prepare=True).fetchall()
            except psycopg.errors.QueryCanceled as error:
                raise StoreSlow("the database did not answer in time") from error
            except psycopg.OperationalError as error:
                self._local.connection = None
                raise StoreUnavailable("the database does not answer") from error
            notes["rows"] = len(rows)
        return rows

    def _connection(self) -> psycopg.Connection:
        connection = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = psycopg.connect(self._url, autocommit=True, connect_timeout=2)
            self._local.connection = connection
        return connection
