"""The web application around a model: predict, probes, metrics, and errors that a program can read (RFC 9457).

``/healthz`` says that the process answers: when it doesn't, restart it. ``/readyz`` says that it wants traffic: when it
doesn't, send none, and don't restart it. ``/metrics`` is Prometheus' text format. ``/openapi.json`` is the contract.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from apiflask import APIFlask, HTTPError, Schema
from apiflask.fields import Dict, Integer, List, Nested, String
from apiflask.validators import OneOf
from flask import Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from serving.fields import request_schema

if TYPE_CHECKING:
    from serving.artefact import Artefact

MOST_BYTES = 1024 * 1024
MOST_INSTANCES = 256
PROBLEM = "application/problem+json"
#: set by the worker on SIGTERM: still serving, but no longer asking for traffic
draining = threading.Event()

_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


class Problem(Schema):
    """RFC 9457."""

    type = String(required=True)
    title = String(required=True)
    status = Integer(required=True)
    detail = String(required=True)
    request_id = String(required=True)
    errors = Dict(metadata={"description": "What is wrong with the input, by place."})


class Live(Schema):
    """The process answers."""

    status = String(required=True, validate=OneOf(["ok"]))


class Ready(Schema):
    """The process wants traffic."""

    status = String(required=True, validate=OneOf(["ready"]))
    service = String(required=True)
    model_version = String(required=True)


def _answer(prediction: type[Schema]) -> type[Schema]:
    """The schema of an answer: the model's version, and a prediction for each instance."""
    fields = {"model_version": String(required=True), "predictions": List(Nested(prediction), required=True)}
    return Schema.from_dict(fields, name="Answer")


def create_app(
    name: str,
    title: str,
    *,
    artefact: Artefact,
    properties: dict[str, dict[str, Any]],
    prediction: type[Schema],
    predict: Callable[[Any, list[dict]], list[dict]],
    example: dict[str, Any],
) -> APIFlask:
    """The application for a model that has passed its checks.

    Args:
        properties: JSON Schema by field of one instance.
        prediction: marshmallow schema of one prediction.
        predict: ``(model, instances) -> predictions``; called from several threads at once.
        example: a valid instance, for the documentation.
    """
    app = APIFlask(__name__, title=title, version=artefact.version, docs_path=None, spec_path="/openapi.json")
    app.config.update(
        MAX_CONTENT_LENGTH=MOST_BYTES,
        OPENAPI_VERSION="3.1.0",
        VALIDATION_ERROR_SCHEMA=Problem,
        HTTP_ERROR_SCHEMA=Problem,
        AUTO_404_RESPONSE=False,
    )
    app.json.sort_keys = False
    _model.labels(artefact.version, artefact.manifest["sha256"][:12]).set(1)
    count_requests(app)
    speak_problems(app)

    @app.get("/healthz")
    @app.output(Live)
    @app.doc(summary="The process answers", operation_id="healthz")
    def healthz():
        return {"status": "ok"}

    @app.get("/readyz")
    @app.output(Ready)
    @app.doc(summary="Send traffic here", operation_id="readyz", responses=problems(503))
    def readyz():
        if draining.is_set():
            raise HTTPError(
                HTTPStatus.SERVICE_UNAVAILABLE, "shutting down: requests under way are finished, send no new ones"
            )
        return {"status": "ready", "service": name, "model_version": artefact.version}

    @app.get("/metrics")
    @app.doc(hide=True)
    def metrics_():
        return Response(generate_latest(registry()), mimetype="text/plain; version=0.0.4")

    @app.post("/predict")
    @app.input(
        request_schema(title.title().replace(" ", ""), properties, MOST_INSTANCES),
        arg_name="body",
        example={"instances": [example]},
    )
    @app.output(_answer(prediction))
    @app.doc(summary="Predict, one answer an instance", operation_id="predict", responses=problems(400, 413, 415))
    def predict_(body):
        predictions = predict(artefact.model, body["instances"])
        _predictions.inc(len(predictions))
        return {"model_version": artefact.version, "predictions": predictions}

    return app


def problems(*statuses: int) -> dict[int, dict[str, Any]]:
    """For ``app.doc(responses=...)``: these statuses answer with a problem document."""
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {PROBLEM: {"schema": Problem}}}
        for status in statuses
    }


def registry() -> CollectorRegistry:
    """Every worker's numbers together (under gunicorn), or this process' own."""
    import os

    from prometheus_client import REGISTRY

    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return registry


_requests = Counter("service_requests", "Requests answered.", ["route", "method", "status"])
_seconds = Histogram(
    "service_request_seconds",
    "Time to answer.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
_predictions = Counter("service_predictions", "Predictions made.")
_model = Gauge(
    "service_model", "Always 1; the labels say what is served.", ["version", "sha256"], multiprocess_mode="max"
)


def count_requests(app: APIFlask) -> None:
    """Request ids, and a count and a time for each request by its route (never its path: those are endless)."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex

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
        if request.mimetype != "application/json":
            raise HTTPError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json")
        try:
            # get_data refuses what is too large; json what is no JSON, what nests too deep, numbers of thousands of digits
            json.loads(request.get_data().decode(), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
            raise HTTPError(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {reason}") from error

    @app.error_processor
    def problem(error: HTTPError):
        status = HTTPStatus(error.status_code)
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
    def problems_only(spec: dict) -> dict:
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


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
