"""What every service of ``docker/`` is made of: probes, metrics, and errors that a program can read (RFC 9457).

``/healthz`` says that the process answers: when it doesn't, restart it. ``/readyz`` says that it wants traffic: when it
doesn't, send none, and don't restart it. ``/metrics`` is Prometheus' text format. ``/openapi.json`` is the contract.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint, APIFlask, HTTPError, Schema
from apiflask.fields import Dict, Integer, String
from apiflask.validators import OneOf
from flask import Response, g, request
from flask.json.provider import DefaultJSONProvider
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from werkzeug.routing import IntegerConverter

PROBLEM = "application/problem+json"
#: set by the worker on SIGTERM: still serving, but no longer asking for traffic
draining = threading.Event()

_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
#: what ``app.doc(responses=...)`` takes
Responses = dict[int | str, dict[str, str | dict[str, dict[str, Any]]]]


class _AsciiInteger(IntegerConverter):
    """Of a path: Python's own digits are those of every script, and ``/customers/٧`` would be a second name of number 7."""

    regex = "[0-9]{1,18}"


class Problem(Schema):
    """RFC 9457, with two members of our own: ``request_id``, and ``errors``."""

    type = String(required=True)
    title = String(required=True)
    status = Integer(required=True)
    detail = String(required=True)
    request_id = String(required=True)
    errors = Dict(metadata={"description": "What is wrong with the input, by place."})


class Live(Schema):
    """The process answers."""

    status = String(required=True, validate=OneOf(["ok"]))


def new_app(name: str, title: str, version: str, *, most_bytes: int) -> APIFlask:
    """An application without any route: its requests are counted and have ids, its contract knows problem documents.

    Whoever adds what comes before a request (a token, a deadline) adds it now, and then :func:`speak_problems`.

    Args:
        name: the service's, which is also its logger's.
        title, version: of the contract.
        most_bytes: of a body; a larger one is a 413.
    """
    app = APIFlask(name, title=title, version=version, docs_path=None, spec_path="/openapi.json")
    app.config.update(
        MAX_CONTENT_LENGTH=most_bytes,
        OPENAPI_VERSION="3.1.0",
        VALIDATION_ERROR_SCHEMA=Problem,
        HTTP_ERROR_SCHEMA=Problem,
        AUTO_404_RESPONSE=False,
    )
    app.url_map.converters["int"] = _AsciiInteger
    assert isinstance(app.json, DefaultJSONProvider)
    app.json.sort_keys = False
    count_requests(app)
    return app


def add_probes(
    place: APIFlask | APIBlueprint, ready: Callable[[], dict[str, Any]], schema: type[Schema], *statuses: int
) -> None:
    """``/healthz``, ``/readyz`` and ``/metrics``.

    Args:
        place: the application, or a blueprint of it.
        ready: the answer of a service that wants traffic; it raises an HTTPError for one that does not.
        schema: of that answer.
        statuses: of the problems that it may raise, beside the 503 of one that is about to end.
    """

    @place.get("/healthz")
    @place.output(Live)
    @place.doc(summary="The process answers", operation_id="healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @place.get("/readyz")
    @place.output(schema)
    @place.doc(summary="Send traffic here", operation_id="readyz", responses=problems(503, *statuses))
    def readyz() -> dict[str, Any]:
        if draining.is_set():
            raise HTTPError(
                HTTPStatus.SERVICE_UNAVAILABLE, "shutting down: requests under way are finished, send no new ones"
            )
        return ready()

    @place.get("/metrics")
    @place.doc(hide=True)
    def metrics() -> Response:
        return Response(generate_latest(registry()), mimetype="text/plain; version=0.0.4")


def problems(*statuses: int) -> Responses:
    """For ``app.doc(responses=...)``: these statuses answer with a problem document."""
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {PROBLEM: {"schema": Problem}}}
        for status in statuses
    }


def registry() -> CollectorRegistry:
    """Every worker's numbers together (under gunicorn), or this process' own."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return registry


_worker_exits = Counter(
    "service_worker_exits", "Workers that have ended, killed or not; their requests are not counted."
)
_requests = Counter("service_requests", "Requests answered.", ["route", "method", "status"])
_seconds = Histogram(
    "service_request_seconds",
    "Time to answer.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
# added up over the workers that live: gunicorn says which have died (child_exit)
_in_flight = Gauge("service_requests_in_flight", "Requests under way, but for the probes.", multiprocess_mode="livesum")
_PROBES = ("/healthz", "/readyz", "/metrics")


def count_from_zero(route: str, method: str, *statuses: int) -> None:
    """Show these counts as 0 before the first request: of a counter that begins at 1 a rate does not see the first one."""
    _seconds.labels(route)
    for status in statuses:
        _requests.labels(route, method, str(status))


def count_worker_exit() -> None:
    """For gunicorn's main process: a request that dies with its worker is never counted by that worker."""
    _worker_exits.inc()


def count_requests(app: APIFlask) -> None:
    """Request ids, and a count and a time for each request by its route (never its path: those are endless)."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        if request.path not in _PROBES:
            _in_flight.inc()
            g.in_flight = True

    @app.teardown_request
    def done(_: BaseException | None) -> None:
        if g.pop("in_flight", False):
            _in_flight.dec()

    @app.after_request
    def end(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in ("GET", "HEAD", "OPTIONS", "POST") else "other"
        _requests.labels(route, method, str(response.status_code)).inc()
        _seconds.labels(route).observe(time.perf_counter() - g.began)
        response.headers["X-Request-ID"] = g.request_id
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def speak_problems(app: APIFlask) -> None:
    """Every error is a problem document; a body is refused as early as can be."""

    @app.before_request
    def check_body() -> None:
        if request.method != "POST" or request.url_rule is None:
            return
        if "Transfer-Encoding" in request.headers:
            # how long it will be is not known before it is there; a proxy in front that buffers says it
            raise HTTPError(HTTPStatus.LENGTH_REQUIRED, "send Content-Length: a body in chunks is not read")
        if request.mimetype != "application/json":
            raise HTTPError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json")
        try:
            # get_data refuses what is too large; json what is no JSON, what nests too deep, numbers of thousands of digits
            json.loads(request.get_data().decode(), parse_constant=_no_constant, object_pairs_hook=_no_twice)
        except (ValueError, RecursionError) as error:
            reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
            raise HTTPError(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {reason}") from error

    @app.error_processor
    def problem(error: HTTPError) -> Response:
        # a header that is missing or wrong is no matter of the body's content
        headers_only = isinstance(error.detail, dict) and set(error.detail) == {"headers"}
        status = HTTPStatus(HTTPStatus.BAD_REQUEST if headers_only else error.status_code)
        detail = error.message or status.description or status.phrase
        body = {
            "type": "about:blank",
            "title": status.phrase,
            "status": int(status),
            "detail": "the input is not valid: see errors" if error.detail else detail,
            "request_id": g.get("request_id", ""),
        }
        if error.detail:
            body["errors"] = error.detail.get("json", error.detail)
        headers = {
            k: v for k, v in dict(error.headers or {}).items() if k.lower() not in ("content-type", "content-length")
        }
        return Response(json.dumps(body), status, {**headers, "Content-Type": PROBLEM})

    @app.spec_processor
    def problems_only(spec: dict[str, Any] | str) -> dict[str, Any] | str:
        assert isinstance(spec, dict)  # a text only where the application asks for YAML
        for path in spec["paths"].values():
            for operation in path.values():
                if "requestBody" in operation:
                    operation["requestBody"]["required"] = True
                for code, answer in operation["responses"].items():
                    if int(code) >= HTTPStatus.BAD_REQUEST and "application/json" in answer.get("content", {}):
                        answer["content"] = {PROBLEM: answer["content"]["application/json"]}
        for schema in spec["components"]["schemas"].values():
            schema["additionalProperties"] = False
        return spec


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):  # of two readers one takes the first, one the last
        raise ValueError("a name stands in it twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
