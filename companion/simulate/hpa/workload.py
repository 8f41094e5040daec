"""The workload that an autoscaler scales, among the manifests: what its containers request, with the API server's defaults.

A utilisation is a share of what a pod requests (``calculatePodRequests`` in ``replica_calculator.go``). What counts as requested:

* of each container its request, else its limit (the API server's default, ``pkg/apis/core/v1/defaults.go``), else what a
  LimitRange of the namespace gives it;
* native sidecars too: init containers with ``restartPolicy: Always`` (kubernetes/kubernetes#120001);
* of the pod as a whole what ``spec.resources`` requests, where it has one (KEP-2837): that stands for the sum of its containers,
  and is kept under ``WHOLE_POD``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from companion.errors import SettingError
from companion.simulate.hpa.fields import Field

if TYPE_CHECKING:
    from companion.simulate.hpa.manifest import Autoscaler

#: where a pod's own request stands among those of its containers; no container has an empty name
WHOLE_POD = ""

Amounts = dict[str, int]
_HAVE_PODS = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")


def flat(objects: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One object, many, or what a ``List`` holds of them; empty documents are left out.

    Items of a list with a kind of its own, as the API server gives it, need not repeat that kind.
    """
    found: list[Mapping[str, Any]] = []
    for item in [objects] if isinstance(objects, Mapping) else objects:
        if item is not None and not isinstance(item, Mapping):
            raise SettingError(f"a manifest is a mapping, not {type(item).__name__}")
        kind = str(item.get("kind")) if item else ""
        if item and kind.endswith("List") and isinstance(item.get("items"), list):
            of_all = {} if kind == "List" else {"apiVersion": item.get("apiVersion"), "kind": kind.removesuffix("List")}
            found += flat({**of_all, **inner} if isinstance(inner, Mapping) else inner for inner in item["items"])
        elif item:
            found.append(item)
    return found


def metadata(manifest: Mapping[str, Any], field: str) -> Any:
    """A field of the metadata, which may be null."""
    found = manifest.get("metadata")
    return found.get(field) if isinstance(found, Mapping) else None


def target_of(objects: Iterable[Mapping[str, Any]], scaler: Autoscaler) -> Mapping[str, Any] | None:
    """The object that the autoscaler scales: of its namespace, else one that names none (or any, if the autoscaler does not)."""
    named = [o for o in flat(objects) if f"{o.get('kind')}/{metadata(o, 'name')}" == scaler.target]
    spaces = [metadata(o, "namespace") for o in named]
    for wanted in (lambda space: (space or "default") == (scaler.namespace or "default"), lambda space: not space):
        for other, space in zip(named, spaces, strict=True):
            if wanted(space):
                return other
    return named[0] if named and not scaler.namespace else None


def requests_of(objects: Iterable[Mapping[str, Any]], scaler: Autoscaler) -> dict[str, Amounts]:
    """What each container of the autoscaler's target requests, thousandths by resource, defaults included.

    A pod that requests something as a whole has that under ``""``, for every resource.

    Raises:
        SettingError: the target is not there, or has no pods; a quantity is none.
    """
    objects = flat(objects)
    pod = _pod(_there(objects, scaler), scaler, needed=True)
    assert pod is not None
    return _requests(pod, _given(objects, scaler))


def limits_of(objects: Iterable[Mapping[str, Any]], scaler: Autoscaler) -> dict[str, Amounts]:
    """What each container of the autoscaler's target may use at most, thousandths by resource; as ``requests_of``."""
    pod = _pod(_there(flat(objects), scaler), scaler, needed=True)
    assert pod is not None
    limits = {c.get("name").text(): c.get("resources").get("limits").quantities() for c in _running(pod)}
    whole = pod.get("resources").get("limits").quantities()
    return limits | ({WHOLE_POD: whole} if whole else {})


def check_requests(objects: Iterable[Mapping[str, Any]], scaler: Autoscaler) -> None:
    """A utilisation is a share of what is requested: without requests the controller can only fail."""
    objects = flat(objects)
    workload = target_of(objects, scaler)
    pod = _pod(workload, scaler, needed=False) if workload else None
    if pod is None:
        return
    requests = _requests(pod, _given(objects, scaler))
    for metric in scaler.metrics:
        if metric.target_type != "Utilization":
            continue
        reason = f"is missing; {scaler.name} targets a share of the {metric.name} request"
        if metric.container is None and WHOLE_POD in requests:
            if metric.name not in requests[WHOLE_POD]:
                raise pod.get("resources").get("requests").get(metric.name).error(reason)
            continue
        counted = [c for c in _running(pod) if metric.container in (None, c.get("name").value)]
        if not counted:
            raise SettingError(f"{pod.where}: has no container named {metric.container!r}")
        for container in counted:
            if metric.name not in requests[container.get("name").value]:
                raise container.get("resources").get("requests").get(metric.name).error(reason)


def _there(objects: Iterable[Mapping[str, Any]], scaler: Autoscaler) -> Mapping[str, Any]:
    found = target_of(objects, scaler)
    if found is None:
        raise SettingError(f"{scaler.name} scales {scaler.target}, which is not among the manifests")
    return found


def _pod(workload: Mapping[str, Any], scaler: Autoscaler, *, needed: bool) -> Field | None:
    """The pod's spec; None for a kind of somebody's own that has its pods elsewhere."""
    where = scaler.target.replace("/", " ")
    root = Field(workload, where)
    own = workload.get("kind") not in _HAVE_PODS and not needed
    try:
        pod = root.get("spec").get("template").get("spec")
        containers = pod.get("containers")
        if not containers.items():
            raise containers.error("is missing")
    except SettingError:
        if own:
            return None
        raise
    return pod


def _running(pod: Field) -> Iterator[Field]:
    """Containers that run as long as the pod does: the sidecars first, as they start."""
    yield from pod.get("containers").items()
    yield from (c for c in pod.get("initContainers").items() if c.get("restartPolicy").value == "Always")


def _requests(pod: Field, given: Amounts) -> dict[str, Amounts]:
    def of(container: Field) -> Amounts:
        resources = container.get("resources")
        return given | resources.get("limits").quantities() | resources.get("requests").quantities()

    found = {container.get("name").text(): of(container) for container in _running(pod)}
    resources = pod.get("resources")
    limits, whole = resources.get("limits").quantities(), resources.get("requests").quantities()
    if limits or whole:
        together = _together(pod, of)
        if limits:  # what the pod limits and does not request is requested as its containers do, else as the limit
            whole = limits | {name: amount for name, amount in together.items() if name in ("cpu", "memory")} | whole
        found[WHOLE_POD] = together | whole
    return found


def _together(pod: Field, of: Callable[[Field], Amounts]) -> Amounts:
    """What the containers request together: their sum, or the most that starting needs, whichever is more."""
    total: Amounts = {}
    for container in _running(pod):
        for name, amount in of(container).items():
            total[name] = total.get(name, 0) + amount
    beside: Amounts = {}
    for container in pod.get("initContainers").items():
        always = container.get("restartPolicy").value == "Always"
        for name, amount in of(container).items():
            here = beside.get(name, 0) + amount
            total[name] = max(total.get(name, 0), here)
            if always:
                beside[name] = here
    return total


def _given(objects: Iterable[Mapping[str, Any]], scaler: Autoscaler) -> Amounts:
    """Requests that the LimitRanges of its namespace give to containers without one."""
    found: Amounts = {}
    for o in objects:
        space = (metadata(o, "namespace") or "default", scaler.namespace or "default")
        if o.get("kind") == "LimitRange" and space[0] == space[1]:
            for item in Field(o, f"LimitRange {metadata(o, 'name')}").get("spec").get("limits").items():
                if item.get("type").value == "Container":
                    for field in ("min", "max", "default", "defaultRequest"):
                        found |= item.get(field).quantities()
    return found
