"""The Kubernetes manifests in ``k8s/``: rendered as Kustomize would, checked against the published schemas, all offline.

``render`` knows the part of Kustomize that ``k8s/`` uses, and refuses the rest by name: ``resources``, ``namespace``,
``labels``, ``patches`` (strategic merge and JSON 6902), ``images``, ``replicas`` and ``configMapGenerator`` without name
suffixes. Where ``kubectl`` is on the PATH a test compares the two.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from companion import checkout
from companion.errors import SettingError

Manifest = dict[str, Any]

#: of the published schemas that kubernetes-validate carries: every release that is still supported, and some before
RELEASES = tuple(f"1.{minor}" for minor in range(30, 38))

#: kinds that live in no namespace
_CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding", "PersistentVolume", "StorageClass", "PriorityClass"}
_KNOWN = {
    "apiVersion", "kind", "resources", "namespace", "labels", "patches", "images", "replicas", "configMapGenerator",
    "generatorOptions",
}  # fmt: skip
#: lists that a strategic merge joins by a key; every other list is replaced (patchMergeKey in the API's types)
_MERGE_KEYS = {
    "containers": "name", "initContainers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath",
    "imagePullSecrets": "name", "ports": ("containerPort", "port"), "topologySpreadConstraints": "topologyKey",
}  # fmt: skip
_NOT_FOUND = object()


def render(kustomization: str | Path) -> list[Manifest]:
    """Every object of a Kustomize folder, such as ``overlays/laptop`` (below ``k8s/``) or any absolute path.

    Raises:
        SettingError: a file is missing or no YAML, or the kustomization asks for something that is not supported here.
    """
    return [dict(o) for o in _render(checkout.folder("k8s") / kustomization)]


def load(path: Path) -> list[Manifest]:
    """The objects of one YAML file, empty documents left out."""
    import yaml

    try:
        documents = [d for d in yaml.safe_load_all(path.read_text(encoding="utf-8")) if d is not None]
    except FileNotFoundError:
        raise SettingError(f"{checkout.shown(path)}: there is no such file") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise SettingError(f"{checkout.shown(path)}:{line} is not YAML: {getattr(error, 'problem', error)}") from None
    for document in documents:
        if not isinstance(document, dict):
            raise SettingError(f"{checkout.shown(path)}: a manifest is a mapping, not {type(document).__name__}")
    return documents


def dump(objects: Iterable[Mapping[str, Any]]) -> str:
    """The objects as YAML, as ``kubectl apply -f -`` takes it."""
    import yaml

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
        SettingError: the first fault, in one line: the object, the path of the field, what is wrong, and for which release.
    """
    objects = list(objects)
    for release in releases:
        for manifest in objects:
            _check(manifest, release)


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


def _fault(error) -> str:
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


# Render


class _Object(dict):
    """A manifest that remembers the namespaces it has had: a patch finds it by any of them."""

    def __init__(self, manifest: Mapping[str, Any]):
        super().__init__(manifest)
        self.namespaces = {self["metadata"].get("namespace", "default")}


def _render(place: Path) -> list[_Object]:
    where = checkout.shown(place / "kustomization.yaml")
    documents = load(place / "kustomization.yaml")
    if len(documents) != 1:
        raise SettingError(f"{where}: holds {len(documents)} documents instead of one")
    plan = documents[0]
    if unknown := sorted(set(plan) - _KNOWN):
        raise SettingError(f"{where}: {unknown[0]}: is not supported here; it knows {', '.join(sorted(_KNOWN))}")
    objects: list[_Object] = []
    for resource in plan.get("resources", []):
        source = (place / resource).resolve()
        objects += _render(source) if source.is_dir() else _loaded(source)
    objects += [_Object(_config_map(entry, place, plan, where)) for entry in plan.get("configMapGenerator", [])]
    _check_unique(objects, where)
    for patch in plan.get("patches", []):
        _patch(objects, patch, place, where)
    if "namespace" in plan:
        _set_namespace(objects, plan["namespace"])
    for labels in plan.get("labels", []):
        _set_labels(objects, labels)
    for image in plan.get("images", []):
        _set_image(objects, image)
    for entry in plan.get("replicas", []):
        _set_replicas(objects, entry, where)
    return objects


def _loaded(source: Path) -> list[_Object]:
    documents = load(source)
    for document in documents:
        if not (document.get("kind") and document.get("apiVersion") and (document.get("metadata") or {}).get("name")):
            raise SettingError(
                f"{checkout.shown(source)}: {named(document)}: a manifest has apiVersion, kind and metadata.name"
            )
    return [_Object(document) for document in documents]


def _check_unique(objects: list[Manifest], where: str) -> None:
    seen = set()
    for o in objects:
        key = (o.get("apiVersion"), named(o), o.get("metadata", {}).get("namespace"))
        if key in seen:
            raise SettingError(f"{where}: {named(o)}: is there twice")
        seen.add(key)


def _config_map(entry: Mapping[str, Any], place: Path, plan: Mapping[str, Any], where: str) -> Manifest:
    options = {**plan.get("generatorOptions", {}), **entry.get("options", {})}
    if options.get("disableNameSuffixHash") is not True:
        raise SettingError(f"{where}: configMapGenerator: is supported with disableNameSuffixHash: true only")
    data = {}
    for file in entry.get("files", []):
        key, _, path = file.rpartition("=")
        try:
            data[key or Path(path).name] = (place / path).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise SettingError(f"{where}: configMapGenerator: there is no file {path}") from None
    for literal in entry.get("literals", []):
        key, _, value = literal.partition("=")
        data[key] = value
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": entry["name"]}, "data": data}


def _set_namespace(objects: list[_Object], namespace: str) -> None:
    for o in objects:
        if o["kind"] == "Namespace":
            o["metadata"]["name"] = namespace
        elif o["kind"] not in _CLUSTER_WIDE:
            o["metadata"]["namespace"] = namespace
            o.namespaces.add(namespace)
        for subject in o.get("subjects", []):
            # Kustomize touches the default account and those that it manages itself
            ours = any(a["kind"] == "ServiceAccount" and a["metadata"]["name"] == subject.get("name") for a in objects)
            if subject.get("kind") == "ServiceAccount" and (ours or subject.get("name") == "default"):
                subject["namespace"] = namespace


def _set_labels(objects: list[Manifest], entry: Mapping[str, Any]) -> None:
    pairs, selectors = entry["pairs"], entry.get("includeSelectors", False)
    for o in objects:
        o["metadata"].setdefault("labels", {}).update(pairs)
        spec = o.get("spec") or {}
        if (selectors or entry.get("includeTemplates", False)) and "template" in spec:
            spec["template"].setdefault("metadata", {}).setdefault("labels", {}).update(pairs)
        if not selectors:
            continue
        if o["kind"] == "Service" and "selector" in spec:
            spec["selector"].update(pairs)
        elif "selector" in spec and "matchLabels" in spec["selector"]:
            spec["selector"]["matchLabels"].update(pairs)


def _containers(o: Manifest) -> list[dict[str, Any]]:
    pod = (o.get("spec") or {}).get("template", {}).get("spec", {})
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


def _set_image(objects: list[Manifest], entry: Mapping[str, str]) -> None:
    for o in objects:
        for container in _containers(o):
            name, tag = re.fullmatch(r"(.*?)(?::([^:/]*))?", container.get("image", "")).groups()
            if name == entry["name"]:
                tag = entry.get("newTag", tag)
                container["image"] = f"{entry.get('newName', name)}:{tag}" if tag else entry.get("newName", name)


def _set_replicas(objects: list[Manifest], entry: Mapping[str, Any], where: str) -> None:
    matching = [o for o in objects if o["metadata"]["name"] == entry["name"] and "template" in (o.get("spec") or {})]
    if not matching:
        raise SettingError(f"{where}: replicas: nothing is named {entry['name']!r}")
    for o in matching:
        o["spec"]["replicas"] = entry["count"]


# Patches


def _patch(objects: list[_Object], entry: Mapping[str, Any], place: Path, where: str) -> None:
    import yaml

    documents = _patch_file(place / entry["path"]) if "path" in entry else list(yaml.safe_load_all(entry["patch"]))
    for document in documents:
        target = entry.get("target") or _target_of(document, where)
        chosen = [o for o in objects if _matches(o, target)]
        if not chosen:
            raise SettingError(f"{where}: patches: nothing matches {_words(target)}")
        for o in chosen:
            if isinstance(document, list):
                for operation in document:
                    _json_patch(o, operation, where)
            else:
                # the name in a patch with a target only identifies; it renames nothing
                own = (o["apiVersion"], o["kind"], o["metadata"]["name"])
                _merge(o, document)
                o["apiVersion"], o["kind"], o["metadata"]["name"] = own


def _patch_file(path: Path) -> list[Any]:
    import yaml

    try:
        return [d for d in yaml.safe_load_all(path.read_text(encoding="utf-8")) if d is not None]
    except FileNotFoundError:
        raise SettingError(f"{checkout.shown(path)}: there is no such file") from None
    except yaml.YAMLError as error:
        raise SettingError(f"{checkout.shown(path)}: is not YAML: {getattr(error, 'problem', error)}") from None


def _target_of(document: Any, where: str) -> dict[str, str]:
    if not isinstance(document, dict) or "kind" not in document or "name" not in document.get("metadata", {}):
        raise SettingError(
            f"{where}: patches: a patch needs a target, or apiVersion, kind and metadata.name of its own"
        )
    group, _, version = document.get("apiVersion", "").rpartition("/")
    namespace = document["metadata"].get("namespace", "default")
    return {
        "group": re.escape(group), "version": re.escape(version), "kind": document["kind"],
        "name": re.escape(document["metadata"]["name"]), "namespace": re.escape(namespace),
    }  # fmt: skip


def _matches(o: _Object, target: Mapping[str, str]) -> bool:
    group, _, version = o["apiVersion"].rpartition("/")
    found = {"group": {group}, "version": {version}, "kind": {o["kind"]}, "name": {o["metadata"]["name"]}}
    found["namespace"] = o.namespaces
    # each is an anchored regular expression, and an empty one says nothing
    return all(
        any(re.fullmatch(str(pattern), value) for value in found.get(field, ()))
        for field, pattern in target.items()
        if pattern
    )


def _words(target: Mapping[str, str]) -> str:
    return " ".join(f"{field} {value}".replace("\\", "") for field, value in target.items() if value)


def _merge(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """Strategic merge, in place: mappings are joined, None deletes, some lists are joined by a key, others replaced."""
    for field, value in patch.items():
        if field == "$patch":
            raise SettingError("patches: $patch directives are not supported here; use a JSON 6902 patch")
        if value is None:
            target.pop(field, None)
        elif isinstance(value, Mapping) and isinstance(target.get(field), dict):
            _merge(target[field], value)
        elif isinstance(value, list) and isinstance(target.get(field), list) and (key := _merge_key(field, value)):
            target[field] = _merge_list(target[field], value, key)
        else:
            target[field] = _without_nulls(value)


def _merge_key(field: str, items: list[Any]) -> str | None:
    keys = _MERGE_KEYS.get(field, ())
    keys = (keys,) if isinstance(keys, str) else keys
    return next((key for key in keys if items and all(isinstance(i, Mapping) and key in i for i in items)), None)


def _merge_list(ours: list[Any], theirs: list[Any], key: str) -> list[Any]:
    rest, first = copy.deepcopy(ours), []
    for item in theirs:
        same = next((o for o in rest if o.get(key) == item[key]), None)
        if same is None:
            first.append(_without_nulls(item))
        else:
            rest.remove(same)
            _merge(same, item)
            first.append(same)
    return [*first, *rest]  # Kustomize puts what a patch names first, in the patch's order


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return copy.deepcopy(value)


def _json_patch(o: Manifest, operation: Mapping[str, Any], where: str) -> None:
    """One operation of RFC 6902: add, replace, remove or test."""
    op, path = operation.get("op"), operation.get("path", "")
    if op not in ("add", "replace", "remove", "test"):
        raise SettingError(
            f"{where}: patches: the operation {op!r} is not supported here; use add, replace, remove, test"
        )
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.lstrip("/").split("/")]
    parent: Any = o
    for part in parts[:-1]:
        parent = _child(parent, part)
    last = parts[-1]
    there = _child(parent, last) if parent is not _NOT_FOUND else _NOT_FOUND
    adding = op == "add" and (
        isinstance(parent, dict) or (isinstance(parent, list) and (last == "-" or last.isdigit()))
    )
    if not adding and there is _NOT_FOUND:
        raise SettingError(f"{where}: patches: {op} {path}: {named(o)} has no such field")
    if op == "test" and there != operation["value"]:
        raise SettingError(f"{where}: patches: test {path}: {named(o)} has {there!r} there")
    if op == "remove":
        del parent[int(last) if isinstance(parent, list) else last]
    elif op == "add" and isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else int(last), copy.deepcopy(operation["value"]))
    elif op in ("add", "replace"):
        parent[int(last) if isinstance(parent, list) else last] = copy.deepcopy(operation["value"])


def _child(parent: Any, part: str) -> Any:
    if isinstance(parent, dict):
        return parent.get(part, _NOT_FOUND)
    if isinstance(parent, list) and part.isdigit() and int(part) < len(parent):
        return parent[int(part)]
    return _NOT_FOUND
