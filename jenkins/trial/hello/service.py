"""The smallest service that can be released: a model of three numbers that is checked before it is served.

It stands in for ``docker/nlp_service`` and ``docker/model_server`` where a pipeline is tried in seconds: same layout, same
addresses, same manifest.
"""

import hashlib
import json
import os
from pathlib import Path

MODEL = Path(__file__).parent / "model"


class ModelError(RuntimeError):
    """The model on disk must not be served."""


def load() -> tuple[dict, dict]:
    """The weights and their manifest, if the one describes the other."""
    manifest = json.loads((MODEL / "manifest.json").read_text(encoding="utf-8"))
    content = (MODEL / "weights.json").read_bytes()
    if hashlib.sha256(content).hexdigest() != manifest["sha256"]:
        raise ModelError("weights.json is not the file that manifest.json describes: its SHA-256 differs")
    return json.loads(content), manifest


def predict(weights: dict, instances: list[dict]) -> list[float]:
    """Minutes to wait for an instance ``{"queue": people, "open": counters}``."""
    return [round(weights["base"] + weights["queue"] * i["queue"] / max(1, i["open"]), 3) for i in instances]


def create_app():
    """A WSGI application; ModelError when the model must not be served."""
    weights, manifest = load()
    version, release = manifest["model_version"], os.environ.get("SERVICE_RELEASE", "")

    def app(environ, start_response):
        status, answer = "404 Not Found", {"title": "Not Found"}
        if environ["PATH_INFO"] == "/readyz":
            status, answer = "200 OK", {"status": "ready", "model_version": version, "release": release}
        elif environ["PATH_INFO"] == "/predict":
            try:
                body = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
                status, answer = (
                    "200 OK",
                    {"model_version": version, "release": release, "predictions": predict(weights, body["instances"])},
                )
            except (ValueError, TypeError, KeyError):
                status, answer = "400 Bad Request", {"title": "Bad Request"}
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    return app
