"""What a service with a model adds to ``serving.web``: ``/predict``, the model's version, and what is counted of both."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from apiflask import APIFlask, Schema
from apiflask.fields import List, Nested, String
from apiflask.validators import OneOf
from flask import request
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
# what is asked, before it is refused or answered. A bin is a tenth of the training data: counts of bins add up over workers and
# replicas, survive a restart as rates do, and whoever computes a distance from them chooses the window
_values = Counter(
    "service_feature_values", "Values of a feature, by the tenth of its training data.", ["feature", "bin"]
)
_missing = Counter("service_feature_missing", "Values of a feature that were missing.", ["feature"])
_out_of_range = Counter("service_feature_out_of_range", "Values of a feature outside its range.", ["feature"])


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


def value_meters(
    properties: Mapping[str, Mapping[str, Any]], tenths: Mapping[str, Sequence[float]]
) -> Callable[[object], None]:
    """A function that counts the numbers in the body of a request, whatever that body is.

    Args:
        properties: JSON Schema by field of one instance.
        tenths: by field, the nine values between ten equal shares of its training data.
    """
    for name, edges in tenths.items():
        _missing.labels(name), _out_of_range.labels(name)
        for place in range(len(edges) + 1):
            _values.labels(name, str(place))

    def count(body: object) -> None:
        instances = body.get("instances") if isinstance(body, dict) else None
        if not isinstance(instances, list) or len(instances) > MOST_INSTANCES:
            return
        for instance in (one for one in instances if isinstance(one, dict)):
            for name, edges in tenths.items():
                value, rule = instance.get(name), properties[name]
                if value is None:
                    _missing.labels(name).inc()
                elif isinstance(value, int | float) and not isinstance(value, bool):
                    if rule["minimum"] <= value <= rule["maximum"]:
                        _values.labels(name, str(bisect_right(edges, value))).inc()
                    else:
                        _out_of_range.labels(name).inc()

    return count


def create_app(
    name: str,
    title: str,
    *,
    artefact: Artefact,
    properties: dict[str, dict[str, Any]],
    prediction: type[Schema],
    predict: Callable[[Any, list[dict]], list[dict]],
    example: dict[str, Any],
    tenths: Mapping[str, Sequence[float]] | None = None,
) -> APIFlask:
    """The application for a model that has passed its checks.

    Args:
        properties: JSON Schema by field of one instance.
        prediction: marshmallow schema of one prediction.
        predict: ``(model, instances) -> predictions``; called from several threads at once.
        example: a valid instance, for the documentation.
        tenths: of the training data, for those fields whose values are counted.
    """
    app = web.new_app(name, title, artefact.version, most_bytes=MOST_BYTES)
    web.speak_problems(app)
    _model.labels(artefact.version, artefact.manifest["sha256"][:12]).set(1)
    ready = {"status": "ready", "service": name, "model_version": artefact.version}
    web.add_probes(app, lambda: ready, Ready)
    web.count_from_zero("/predict", "POST", 200, 400, 413, 415, 422, 500)
    count_values = value_meters(properties, tenths or {})

    @app.before_request
    def look() -> None:
        if request.endpoint == "predict_":
            count_values(request.get_json(silent=True))

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
