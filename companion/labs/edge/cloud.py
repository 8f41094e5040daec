"""The far end of an edge device: a small real web service that collects events, keeps them on disk, and can be killed.

Flask under gunicorn, on loopback, behind a random token. ``POST /events`` stores an event once for each idempotency key, and
refuses a key that comes again with another event (422, as the IETF's draft asks): an edge that was told "known already" would
delete what was never stored. ``POST /log`` stores whatever comes, as a service without such keys does. ``GET`` on both returns
what is stored.
"""

from __future__ import annotations

import hmac
import json
import math
import os
import sqlite3
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from companion.processes import gunicorn
from companion.processes.server import Server, password, status

if TYPE_CHECKING:
    from flask import Flask

MOST_BYTES = 64 * 1024
LONGEST_KEY = 200
DEEPEST = 20


def parsed(text: str) -> dict:
    """The event in a request's body.

    Raises:
        ValueError: no JSON object, nested too deep, or with NaN or an infinity: JSON has none, and one that was stored would make
            the list of all events unreadable for everybody else.
    """

    def no_constant(name: str) -> float:
        raise ValueError(f"{name} is no JSON")

    def finite(digits: str) -> float:
        if not math.isfinite(number := float(digits)):
            raise ValueError(f"{digits} is too large")
        return number

    try:
        body = json.loads(text, parse_constant=no_constant, parse_float=finite)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(body, dict):
        raise ValueError("an event is a JSON object")
    level, depth = [body], 0
    while level:  # what can just be read here might be too deep for whoever writes it out again
        depth += 1
        level = [value for item in level for value in (item.values() if isinstance(item, dict) else item)]
        level = [value for value in level if isinstance(value, dict | list)]
        if depth > DEEPEST:
            raise ValueError("nested too deep")
    return body


def create_app(folder: str | None = None, token: str | None = None) -> Flask:
    """The application; its data folder and its token come from the environment when it runs under gunicorn."""
    from flask import Flask, Response, abort, g, jsonify, request
    from prometheus_client import CollectorRegistry, Counter, generate_latest

    folder, token = folder or os.environ["CLOUD_FOLDER"], token or os.environ["CLOUD_TOKEN"]
    app = Flask("cloud")
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    registry = CollectorRegistry()
    received = Counter("events_received", "Events that were stored.", ["endpoint"], registry=registry)
    repeated = Counter("events_repeated", "Events that were known already.", registry=registry)
    refused = Counter("requests_refused", "Requests with a wrong token.", registry=registry)

    def store() -> sqlite3.Connection:
        if "store" not in g:
            g.store = sqlite3.connect(Path(folder) / "cloud.db", timeout=10)
            g.store.execute("CREATE TABLE IF NOT EXISTS events (key TEXT PRIMARY KEY, body TEXT)")
            g.store.execute("CREATE TABLE IF NOT EXISTS log (body TEXT)")
        return g.store

    @app.teardown_appcontext
    def close(_) -> None:
        if "store" in g:
            g.store.close()

    @app.before_request
    def check_token() -> None:
        if request.path == "/healthz":
            return
        given = request.headers.get(
            "Authorization", ""
        ).encode()  # a header may hold any letter; texts compare only in ASCII
        if not hmac.compare_digest(given, f"Bearer {token}".encode()):
            refused.inc()
            abort(HTTPStatus.UNAUTHORIZED)

    def event() -> dict:
        if (
            request.content_length is None
        ):  # Werkzeug would cut such a body at the limit, and the first part may well be an event
            abort(HTTPStatus.LENGTH_REQUIRED)
        try:
            return parsed(request.get_data().decode())
        except ValueError as error:
            abort(HTTPStatus.BAD_REQUEST, f"not stored: {type(error).__name__}")

    @app.post("/events")
    def add_once():
        body, key = event(), request.headers.get("Idempotency-Key")
        if not key or len(key) > LONGEST_KEY:
            abort(HTTPStatus.BAD_REQUEST, f"the header Idempotency-Key has 1 to {LONGEST_KEY} characters")
        text = json.dumps(body, sort_keys=True)
        with store():
            new = store().execute("INSERT OR IGNORE INTO events VALUES (?, ?)", (key, text)).rowcount
            ((known,),) = store().execute("SELECT body FROM events WHERE key = ?", (key,)).fetchall()
        if known != text:
            abort(HTTPStatus.UNPROCESSABLE_ENTITY, "this key came before with another event")
        (received.labels("events") if new else repeated).inc()
        return jsonify(stored=bool(new)), HTTPStatus.CREATED if new else HTTPStatus.OK

    @app.post("/log")
    def add():
        with store():
            store().execute("INSERT INTO log VALUES (?)", (json.dumps(event(), sort_keys=True),))
        received.labels("log").inc()
        return jsonify(stored=True), HTTPStatus.CREATED

    @app.get("/events")
    def events():
        return jsonify([json.loads(body) for (body,) in store().execute("SELECT body FROM events ORDER BY rowid")])

    @app.get("/log")
    def log():
        return jsonify([json.loads(body) for (body,) in store().execute("SELECT body FROM log ORDER BY rowid")])

    @app.get("/metrics")
    def metrics():
        return Response(generate_latest(registry), mimetype="text/plain; version=0.0.4")

    @app.get("/healthz")
    def healthy():
        return jsonify(status="ok")

    return app


@dataclass
class Cloud:
    """A running cloud: its address, its token, and ``stop()``, which takes it down and leaves its data."""

    url: str
    token: str
    server: Server

    def stop(self) -> None:
        self.server.stop()


def start(folder: Path, *, url: str | None = None, token: str | None = None) -> Cloud:
    """Start the service on loopback, under gunicorn; it dies with this process.

    Args:
        folder: its data, which survive a restart.
        url, token: of a cloud that was stopped, to bring it back under the same address.

    Raises:
        EngineUnavailable: it does not start; the message has the end of its log.
    """
    url, token = url or gunicorn.free_url(), token or password()
    server = gunicorn.start(
        "companion.labs.edge.cloud:create_app()",
        url,
        log=folder / "cloud.log",
        workers=1,
        variables={"CLOUD_FOLDER": str(folder), "CLOUD_TOKEN": token},
    )
    server.wait_until(lambda: status(f"{url}/healthz") == HTTPStatus.OK, "the cloud")
    return Cloud(url, token, server)
