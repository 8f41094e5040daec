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
from typing import LiteralString

import psycopg
from psycopg.sql import SQL, Identifier, Literal
from recommender.common.settings import Environment

ROLE = SCHEMA = "catalogue"


def load(
    owner: psycopg.Connection,
    products: Iterable[tuple[int, str, int, int]],
    password: str,
    role: str = ROLE,
    schema: str = SCHEMA,
) -> int:
    """Replace all products in one transaction; returns how many there are now.

    Args:
        owner: a connection that may create schemas and roles.
        products: (product, title, aisle, units).
        password: of the role that only reads.
        schema: where the table is; the role finds it there by its search path.
    """
    where = {"schema": Identifier(schema), "role": Identifier(role), "database": Identifier(owner.info.dbname)}

    def execute(statement: LiteralString, **values: Identifier | Literal) -> psycopg.Cursor:
        return owner.execute(SQL(statement).format(**where, **values))

    with owner.transaction():
        execute("CREATE SCHEMA IF NOT EXISTS {schema}")
        execute("SET LOCAL search_path = {schema}")
        owner.execute(files(__package__).joinpath("schema.sql").read_bytes())
        owner.execute("DELETE FROM products")
        with owner.cursor().copy("COPY products (product, title, aisle, units) FROM STDIN") as copy:
            for row in products:
                copy.write_row(row)
        if not owner.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
            execute("CREATE ROLE {role} LOGIN NOINHERIT")
        # a statement may end in a log: what the server has to know is made here, and is not the password
        verifier = owner.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
        execute("ALTER ROLE {role} PASSWORD {verifier}", verifier=Literal(verifier.decode()))
        execute("ALTER ROLE {role} IN DATABASE {database} SET search_path = {schema}")
        execute("GRANT USAGE ON SCHEMA {schema} TO {role}")
        execute("GRANT SELECT ON products TO {role}")
    execute("ANALYZE {schema}.products")
    counted = execute("SELECT count(*) FROM {schema}.products").fetchone()
    return counted[0] if counted else 0


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
