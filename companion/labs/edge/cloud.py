"""The far end of an edge device: a small real web service that collects events, keeps them on disk, and can be killed.

Flask under gunicorn, on loopback, behind a random token. ``POST /events`` stores an event once for each idempotency key;
``POST /log`` stores whatever comes, as a service without such keys does. ``GET`` on both returns what is stored.
"""

from __future__ import annotations

import hmac
import json
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
        if not hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {token}"):
            refused.inc()
            abort(HTTPStatus.UNAUTHORIZED)

    def event() -> dict:
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            abort(HTTPStatus.BAD_REQUEST, "an event is a JSON object")
        return body

    @app.post("/events")
    def add_once():
        body, key = event(), request.headers.get("Idempotency-Key")
        if not key:
            abort(HTTPStatus.BAD_REQUEST, "the header Idempotency-Key is missing")
        with store():
            new = store().execute("INSERT OR IGNORE INTO events VALUES (?, ?)", (key, json.dumps(body))).rowcount
        (received.labels("events") if new else repeated).inc()
        return jsonify(stored=bool(new)), HTTPStatus.CREATED if new else HTTPStatus.OK

    @app.post("/log")
    def add():
        with store():
            store().execute("INSERT INTO log VALUES (?)", (json.dumps(event()),))
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
