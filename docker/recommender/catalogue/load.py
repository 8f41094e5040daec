"""Makes the catalogue's tables and fills them: a job of its owner's, run before the service and never by it.

usage: CATALOGUE_OWNER_URL=postgresql://... CATALOGUE_PASSWORD=... python -m recommender.catalogue.load [FILE.csv]

The file has a header and the columns product, title, aisle, units; by default it is the sample in this package. ``CATALOGUE_PASSWORD`` is that of the role ``catalogue``,
which the service uses, and which may only read.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import StringIO
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier, Literal
from recommender.common.settings import Environment

ROLE = "catalogue"


def load(
    owner: psycopg.Connection, products: Iterable[tuple[int, str, int, int]], password: str, role: str = ROLE
) -> int:
    """Replace all products in one transaction; returns how many there are now.

    Args:
        owner: a connection that may create schemas and roles.
        products: (product, title, aisle, units).
        password: of the role that only reads.
    """
    with owner.transaction():
        owner.execute(files(__package__).joinpath("schema.sql").read_text())
        owner.execute("DELETE FROM catalogue.products")
        with owner.cursor().copy("COPY catalogue.products (product, title, aisle, units) FROM STDIN") as copy:
            for row in products:
                copy.write_row(row)
        if not owner.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
            owner.execute(SQL("CREATE ROLE {} LOGIN NOINHERIT").format(Identifier(role)))
        owner.execute(SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(role), Literal(password)))
        owner.execute(SQL("GRANT USAGE ON SCHEMA catalogue TO {}").format(Identifier(role)))
        owner.execute(SQL("GRANT SELECT ON catalogue.products TO {}").format(Identifier(role)))
    owner.execute("ANALYZE catalogue.products")
    counted = owner.execute("SELECT count(*) FROM catalogue.products").fetchone()
    return int(counted[0]) if counted else 0


def read(file: Traversable) -> list[tuple[int, str, int, int]]:
    """The products of a CSV file."""
    lines = csv.DictReader(StringIO(file.read_text(encoding="utf-8")))
    return [(int(r["product"]), r["title"], int(r["aisle"]), int(r["units"])) for r in lines]


def main(arguments: list[str]) -> int:
    if len(arguments) > 1:
        print(__doc__, file=sys.stderr)
        return 2
    environment = Environment()
    url = environment.address("CATALOGUE_OWNER_URL", "postgresql")
    password = environment.token("CATALOGUE_PASSWORD")
    rows = read(Path(arguments[0]) if arguments else files(__package__) / "products.csv")
    with psycopg.connect(url, autocommit=True) as owner:
        print(f"{load(owner, rows, password)} products")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
