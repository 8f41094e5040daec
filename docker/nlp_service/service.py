"""Says in which language a short text is written. ``service:create_app()`` is what gunicorn runs."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

from apiflask import APIFlask, Schema
from apiflask.fields import Float, String
from apiflask.validators import OneOf
from serving import artefact
from serving import model as serving_model

NAME = "nlp_service"
LANGUAGES = ("cs", "de", "en", "es", "fi", "fr", "it", "nl", "pl", "sv")
#: ISO 639's code for "undetermined": the answer when the model is less sure than SURE
UNDETERMINED, SURE = "und", 0.5
PROPERTIES: dict[str, dict[str, Any]] = {
    "text": {"type": "string", "minLength": 1, "maxLength": 2000, "description": "the text, in one language"},
}
EXAMPLE = {"text": "Vereinigtes Königreich"}
FLOORS = {"accuracy": 0.7}


class Prediction(Schema):
    """The language, and how sure the model is."""

    language = String(required=True, validate=OneOf([*LANGUAGES, UNDETERMINED]))
    confidence = Float(required=True)


def normalise(text: str) -> str:
    """One way to write a text that Unicode can write in several: composed, lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).lower().split())


def predict(model: Any, instances: list[dict]) -> list[dict]:
    """A prediction for each instance, in order."""
    texts = [normalise(instance["text"]) for instance in instances]
    answers = []
    for text, row in zip(texts, model.predict_proba(texts), strict=True):
        best = int(row.argmax())
        known = row[best] >= SURE and any(map(str.isalpha, text))
        language = str(model.classes_[best]) if known else UNDETERMINED
        answers.append({"language": language, "confidence": round(float(row[best]), 6)})
    return answers


def create_app() -> APIFlask:
    """The application around the model in ``MODEL_FOLDER``; an ArtefactError when that must not be served."""
    folder = Path(os.environ.get("MODEL_FOLDER", Path(__file__).parent / "model"))
    stored = artefact.load(folder, service=NAME, schema=PROPERTIES, floors=FLOORS, predict=predict)
    return serving_model.create_app(
        NAME,
        "Language of a text",
        artefact=stored,
        properties=PROPERTIES,
        prediction=Prediction,
        predict=predict,
        example=EXAMPLE,
    )
