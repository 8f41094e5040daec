"""The Kubernetes manifests in ``k8s/``: rendered by ``kubectl kustomize``, checked against the published schemas, all offline."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from companion import checkout
from companion.configs import kustomize
from companion.configs.plain_yaml import Loader
from companion.errors import SettingError

if TYPE_CHECKING:
    from jsonschema import ValidationError

Manifest = dict[str, Any]

#: of the published schemas that kubernetes-validate carries: every release that is still supported, and some before
RELEASES = tuple(f"1.{minor}" for minor in range(30, 38))


def render(kustomization: str | Path) -> list[Manifest]:
    """Every object of a Kustomize folder, in kubectl's order: namespaces first, then what others refer to.

    Args:
        kustomization: folder below ``k8s/``, such as ``overlays/laptop``, or any absolute path.

    Raises:
        SettingError: there is no such folder, it wants something remote, or kubectl refuses it, in kubectl's own words.
        EngineUnavailable: there is no kubectl.
    """
    place = checkout.folder("k8s") / kustomization
    return _read(kustomize.build(place), checkout.shown(place))


def load(path: Path) -> list[Manifest]:
    """The objects of one YAML file, empty documents left out.

    Raises:
        SettingError: there is no such file, or it holds no manifests.
    """
    try:
        return _read(path.read_text(encoding="utf-8"), checkout.shown(path))
    except FileNotFoundError:
        raise SettingError(f"{checkout.shown(path)}: there is no such file") from None


def _read(text: str, where: str) -> list[Manifest]:
    try:
        documents = [d for d in yaml.load_all(text, Loader) if d is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise SettingError(f"{where}:{line} is not YAML: {getattr(error, 'problem', error)}") from None
    for document in documents:
        if not isinstance(document, dict):
            raise SettingError(f"{where}: a manifest is a mapping, not {type(document).__name__}")
    return documents


def dump(objects: Iterable[Mapping[str, Any]]) -> str:
    """The objects as YAML, as ``kubectl apply -f -`` takes it."""
    return "---\n".join(yaml.safe_dump(dict(o), sort_keys=False, width=120) for o in objects)


def named(manifest: Mapping[str, Any]) -> str:
    """``Kind name``, for messages."""
    return f"{manifest.get('kind', 'no kind')} {(manifest.get('metadata') or {}).get('name', 'without a name')}"


def find(objects: Iterable[Manifest], kind: str, name: str | None = None) -> Manifest:
    """The only object of a kind (and name); SettingError when there is none or more than one."""
    found = [o for o in objects if o.get("kind") == kind and name in (None, o["metadata"]["name"])]
    if len(found) != 1:
        raise SettingError(f"expected one {kind} {name or ''}, found {len(found)}".replace("  ", " "))
    return found[0]


# Check


def check(objects: Iterable[Mapping[str, Any]], releases: Iterable[str] = RELEASES) -> None:
    """Validate objects against the published schemas of some Kubernetes releases, unknown fields included.

    Raises:
        SettingError: an object that is there twice, or the first fault, in one line: the object, the path of the field, what is
            wrong, and for which release.
    """
    objects = list(objects)
    _check_unique(objects)
    for release in releases:
        for manifest in objects:
            _check(manifest, release)


def _check_unique(objects: Iterable[Mapping[str, Any]]) -> None:
    """kubectl refuses two objects of one name within a kustomization; of two that are applied together the later wins."""
    seen = set()
    for o in objects:
        key = (o.get("apiVersion"), named(o), (o.get("metadata") or {}).get("namespace"))
        if key in seen:
            raise SettingError(f"{named(o)}: is there twice")
        seen.add(key)


def _check(manifest: Mapping[str, Any], release: str) -> None:
    import kubernetes_validate
    from kubernetes_validate.utils import SchemaNotFoundError

    for field in ("apiVersion", "kind"):
        if not isinstance(manifest.get(field), str):
            raise SettingError(f"{named(manifest)}: {field}: is missing")
    try:
        kubernetes_validate.validate(dict(manifest), release, strict=True)
    except SchemaNotFoundError:
        version = manifest["apiVersion"]
        raise SettingError(
            f"{named(manifest)}: apiVersion: Kubernetes {release} knows no {manifest['kind']} in {version}"
        ) from None
    except kubernetes_validate.ValidationError as error:
        raise SettingError(f"{named(manifest)}: {_fault(error)} (Kubernetes {release})") from None


def _fault(error: ValidationError) -> str:
    """Path and reason of a schema error: the deepest one where the schema offers alternatives."""
    from jsonschema.exceptions import best_match

    deepest = best_match(error.context) if error.context else error
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in deepest.absolute_path).lstrip(".")
    reason = deepest.message
    if missing := re.fullmatch(r"'(\w+)' is a required property", reason):
        path, reason = f"{path}.{missing[1]}".lstrip("."), "is missing"
    elif unknown := re.match(r"Additional properties are not allowed \('(\w+)'", reason):
        path, reason = f"{path}.{unknown[1]}".lstrip("."), "is unknown"
    elif len(reason) > 160:
        reason = f"must be {deepest.validator_value!r}" if deepest.validator in ("type", "enum") else reason[:160] + "…"
    return f"{path or 'the object'}: {reason}"
