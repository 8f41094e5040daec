"""What a service with a model adds to ``serving.web``: ``/predict``, the model's version, and what is counted of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from apiflask import APIFlask, Schema
from apiflask.fields import List, Nested, String
from apiflask.validators import OneOf
from prometheus_client import Counter, Gauge
from serving import web
from serving.fields import request_schema

if TYPE_CHECKING:
    from serving.artefact import Artefact

MOST_BYTES = 1024 * 1024
MOST_INSTANCES = 256

_predictions = Counter("service_predictions", "Predictions made.")
_model = Gauge(
    "service_model", "Always 1; the labels say what is served.", ["version", "sha256"], multiprocess_mode="max"
)


class Ready(Schema):
    """The process wants traffic."""

    status = String(required=True, validate=OneOf(["ready"]))
    service = String(required=True)
    model_version = String(required=True)


def _answer(prediction: type[Schema]) -> type[Schema]:
    """The schema of an answer: the model's version, and a prediction for each instance."""
    fields: dict[str, Any] = {
        "model_version": String(required=True),
        "predictions": List(Nested(prediction), required=True),
    }
    return cast("type[Schema]", Schema.from_dict(fields, name="Answer"))


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
    app = web.new_app(name, title, artefact.version, most_bytes=MOST_BYTES)
    web.speak_problems(app)
    _model.labels(artefact.version, artefact.manifest["sha256"][:12]).set(1)
    ready = {"status": "ready", "service": name, "model_version": artefact.version}
    web.add_probes(app, lambda: ready, Ready)

    @app.post("/predict")
    @app.input(
        request_schema(title.title().replace(" ", ""), properties, MOST_INSTANCES),
        arg_name="body",
        example={"instances": [example]},
    )
    @app.output(_answer(prediction))
    @app.doc(
        summary="Predict, one answer an instance", operation_id="predict", responses=web.problems(400, 411, 413, 415)
    )
    def predict_(body: dict[str, Any]) -> dict[str, Any]:
        predictions = predict(artefact.model, body["instances"])
        _predictions.inc(len(predictions))
        return {"model_version": artefact.version, "predictions": predictions}

    return app
