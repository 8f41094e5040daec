"""Predicts whether a machine fails within a week. ``service:create_app()`` is what gunicorn runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from apiflask import APIFlask, Schema
from apiflask.fields import Boolean, Float
from serving import artefact
from serving import model as serving_model

NAME = "model_server"
KINDS = ("lathe", "mill", "press")
PROPERTIES: dict[str, dict[str, Any]] = {
    "temperature": {"type": "number", "minimum": -40, "maximum": 200, "description": "°C"},
    "vibration": {"type": "number", "minimum": 0, "maximum": 100, "description": "mm/s"},
    "load": {"type": "number", "minimum": 0, "maximum": 1, "description": "share of the most it can take"},
    "hours": {"type": "number", "minimum": 0, "maximum": 100_000, "description": "since the last service"},
    "kind": {"type": "string", "enum": list(KINDS)},
}
EXAMPLE = {"temperature": 71.5, "vibration": 3.2, "load": 0.7, "hours": 2600, "kind": "press"}
#: of the machines that the model has learned from, a tenth lies between two neighbours; `train` refuses others
TENTHS: dict[str, list[float]] = {
    "temperature": [53.7, 57.1, 59.4, 61.5, 63.4, 65.5, 67.7, 69.9, 73.0],
    "vibration": [1.4, 1.7, 1.94, 2.17, 2.39, 2.61, 2.88, 3.22, 3.76],
    "load": [0.34, 0.42, 0.48, 0.53, 0.58, 0.63, 0.68, 0.73, 0.79],
    "hours": [387.0, 773.0, 1167.0, 1580.0, 1983.0, 2382.0, 2792.0, 3202.0, 3589.1],
}
FLOORS = {"roc_auc": 0.7}
#: inspect a machine from this probability on: a missed failure costs ten inspections
ALARM = 1 / 11


class Prediction(Schema):
    """The probability of a failure within a week, and what to do."""

    risk = Float(required=True)
    inspect = Boolean(required=True)


def features(instances: list[dict]) -> np.ndarray:
    """What the model sees, shape (instances, 5), float64; the kind as its number."""
    return np.array(
        [[i["temperature"], i["vibration"], i["load"], i["hours"], KINDS.index(i["kind"])] for i in instances], float
    )


def predict(model: Any, instances: list[dict]) -> list[dict]:
    """A prediction for each instance, in order."""
    risks = model.predict_proba(features(instances))[:, 1]
    return [{"risk": round(float(risk), 6), "inspect": bool(risk >= ALARM)} for risk in risks]


def create_app() -> APIFlask:
    """The application around the model in ``MODEL_FOLDER``; an ArtefactError when that must not be served."""
    folder = Path(os.environ.get("MODEL_FOLDER", Path(__file__).parent / "model"))
    stored = artefact.load(folder, service=NAME, schema=PROPERTIES, floors=FLOORS, predict=predict)
    return serving_model.create_app(
        NAME,
        "Machine failures",
        artefact=stored,
        properties=PROPERTIES,
        prediction=Prediction,
        predict=predict,
        example=EXAMPLE,
        tenths=TENTHS,
    )
