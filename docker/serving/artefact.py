"""A trained model on disk: a file beside a manifest that says what it is, and a reader that believes neither.

skops stores arrays and names of classes, and loads only classes that it knows; what is numbers and texts alone is stored as
JSON, which knows no classes at all. A pickle runs whatever its author wants.
The manifest's hash finds damage and mix-ups. It is no signature: who can change the model can change the manifest.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED

MODEL, MANIFEST = "model.skops", "manifest.json"
#: whose versions decide what the numbers in the file mean
PACKAGES = ("numpy", "scikit-learn", "scipy", "skops")
#: beyond what skops trusts by itself; a tree is arrays of numbers
TRUSTED = {"sklearn.tree._tree.Tree", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"}
_KEYS: dict[str, type] = {
    "service": str,
    "model_version": str,
    "sha256": str,
    "bytes": int,
    "schema": dict,
    "versions": dict,
    "metrics": dict,
    "golden": list,
}


class ArtefactError(RuntimeError):
    """The model on disk must not be served; the message says which file, what is wrong, and what to do."""


@dataclass(frozen=True)
class Form:
    """How a model is stored.

    Attributes:
        file: the name of its file.
        dumps, loads: model to bytes, and back; ``loads`` raises an ArtefactError for what is no such model.
        packages: whose versions decide what the content means.
    """

    file: str
    dumps: Callable[[Any], bytes]
    loads: Callable[[bytes], Any]
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Artefact:
    """A model that has passed every check, and its manifest."""

    model: Any
    manifest: dict[str, Any]

    @property
    def version(self) -> str:
        return self.manifest["model_version"]


def running_versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Versions of Python and of the packages that a stored model depends on."""
    return {"python": ".".join(platform.python_version_tuple()[:2]), **{name: version(name) for name in packages}}


def _dump_skops(model: Any) -> bytes:
    from skops.io import dumps

    return dumps(model, compression=ZIP_DEFLATED)


def _load_skops(content: bytes) -> Any:
    from skops.io import get_untrusted_types, loads

    try:
        unknown = set(get_untrusted_types(data=content)) - TRUSTED
        if unknown:
            raise ArtefactError(f"{MODEL} holds types that are not trusted: {', '.join(sorted(unknown))}")
        return loads(content, trusted=sorted(TRUSTED))
    except ArtefactError:
        raise
    except Exception as error:  # a zip, a JSON and arrays that anybody may have written: any error is one in the file
        raise ArtefactError(f"{MODEL} can't be loaded: {type(error).__name__}: {error}") from error


def _dump_json(model: Any) -> bytes:
    return json.dumps(model, sort_keys=True, separators=(",", ":")).encode()


def _load_json(content: bytes) -> Any:
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{JSON.file} can't be loaded: {error}") from error


SKOPS = Form(MODEL, _dump_skops, _load_skops, PACKAGES)
#: for a model of numbers and texts alone: it needs no package, and so no package's version
JSON = Form("model.json", _dump_json, _load_json, ())


def write(
    folder: Path,
    model: Any,
    *,
    service: str,
    model_version: str,
    schema: dict[str, Any],
    metrics: dict[str, float],
    golden: list[dict[str, Any]],
    form: Form = SKOPS,
) -> dict[str, Any]:
    """Store a model and its manifest in ``folder``; returns the manifest.

    Args:
        schema: what the service accepts, as JSON Schema by field.
        metrics: measured on data that the model has not seen.
        golden: pairs ``{"instance": ..., "prediction": ...}`` that the server must reproduce before it serves.
        form: how the model is stored.
    """
    content = form.dumps(model)
    manifest = {
        "service": service,
        "model_version": model_version,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "schema": schema,
        "versions": running_versions(form.packages),
        "metrics": metrics,
        "golden": golden,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / form.file).write_bytes(content)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return manifest


def load(
    folder: Path,
    *,
    service: str,
    schema: dict[str, Any],
    floors: dict[str, float],
    predict: Callable[[Any, list[dict]], list[dict]],
    form: Form = SKOPS,
) -> Artefact:
    """Check everything that can be checked, then load.

    Args:
        floors: the least value of each metric with which the service may start.
        predict: ``(model, instances) -> predictions``, for the golden pairs.
        form: how the model is stored.

    Raises:
        ArtefactError: with the first thing that is wrong.
    """
    manifest = _read_manifest(folder / MANIFEST)
    if manifest["service"] != service:
        raise ArtefactError(f"{MANIFEST} belongs to the service {manifest['service']!r}, this is {service!r}")
    content = _read(folder / form.file)
    if hashlib.sha256(content).hexdigest() != manifest["sha256"]:
        raise ArtefactError(
            f"{form.file} is not the file that {MANIFEST} describes: its SHA-256 differs. Copy both again, or train again."
        )
    _check_versions(manifest["versions"], form.packages)
    if manifest["schema"] != schema:
        fields = sorted(k for k in {*schema, *manifest["schema"]} if schema.get(k) != manifest["schema"].get(k))
        raise ArtefactError(f"the model was trained for another schema; it differs in: {', '.join(fields)}")
    for name, floor in floors.items():
        value = manifest["metrics"].get(name)
        if not isinstance(value, int | float) or not value >= floor:
            raise ArtefactError(f"metric {name!r} is {value!r} in {MANIFEST}; this service needs at least {floor}")
    model = form.loads(content)
    _check_golden(manifest["golden"], lambda instances: predict(model, instances))
    return Artefact(model, manifest)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtefactError(f"can't read {path.name} in the model folder: {error.strerror}. Train first.") from error


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(_read(path).decode())
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(manifest, dict):
        raise ArtefactError(f"{path.name} must be a JSON object")
    for key, kind in _KEYS.items():
        if not isinstance(manifest.get(key), kind):
            raise ArtefactError(f"{path.name}: {key!r} is missing or not {kind.__name__}")
    return manifest


def _check_versions(trained: dict[str, str], packages: tuple[str, ...]) -> None:
    for name, running in running_versions(packages).items():
        if trained.get(name) != running:
            raise ArtefactError(
                f"the model was stored with {name} {trained.get(name)}, this is {running}: predictions could differ. "
                "Build the image with the versions of the training, or train again."
            )


def _check_golden(golden: list, predict: Callable[[list[dict]], list[dict]]) -> None:
    try:
        expected = [pair["prediction"] for pair in golden]
        answers = predict([pair["instance"] for pair in golden])
    except Exception as error:
        raise ArtefactError(f"the golden predictions can't be made: {type(error).__name__}: {error}") from error
    if not golden or answers != expected:
        raise ArtefactError(
            "the loaded model does not reproduce the manifest's golden predictions: model and code don't belong together"
        )
