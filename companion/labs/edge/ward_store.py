"""What an edge program keeps in its one file: a state, and an outbox of events with numbers that are never given twice."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

_TABLES = """CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT);
CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY CHECK (one = 1), body TEXT);"""


def opened(path: str) -> sqlite3.Connection:
    """The file's tables, made if they are not there; ``":memory:"`` for a store that dies with its process."""
    store = sqlite3.connect(path)
    store.executescript(_TABLES)
    return store


def state(store: sqlite3.Connection) -> Any:
    """What was remembered last, or None."""
    for (body,) in store.execute("SELECT body FROM state"):
        return json.loads(body)
    return None


def waiting(store: sqlite3.Connection) -> list[tuple[int, dict]]:
    """The outbox in the order of its numbers."""
    return [(seq, json.loads(body)) for seq, body in store.execute("SELECT seq, body FROM outbox ORDER BY seq")]


def line(token: str) -> requests.Session:
    """A line to the cloud: no proxy, and its token in each request."""
    import requests

    session = requests.Session()
    session.trust_env, session.headers["Authorization"] = False, f"Bearer {token}"
    return session


def size(request: requests.PreparedRequest) -> int:
    """The bytes of a request that was sent: its body and its headers."""
    headers = sum(len(name) + len(value) + 4 for name, value in request.headers.items())
    return headers + len(request.body or b"")
