"""An autoscaler from its manifest (``autoscaling/v2``), with the API server's defaults and its checks.

Every fault is one ``SettingError`` of one line: the object, the path of the field, what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from companion.errors import SettingError
from companion.simulate.hpa.fields import AUTOSCALER, Field, quantity
from companion.simulate.hpa.workload import check_requests, flat, limits_of, metadata, requests_of

__all__ = ["Autoscaler", "Behaviour", "Metric", "Policy", "Rules", "limits_of", "quantity", "read", "requests_of"]

#: type of a metric, the field that holds it, and the fields of its target that are read, the first that is there
_SOURCES = {
    "Resource": ("resource", ("averageValue", "averageUtilization")),
    "ContainerResource": ("containerResource", ("averageValue", "averageUtilization")),
    "Pods": ("pods", ("averageValue",)),
    "Object": ("object", ("value", "averageValue")),
    "External": ("external", ("averageValue", "value")),
}
_TYPES = {"averageUtilization": "Utilization", "averageValue": "AverageValue", "value": "Value"}
_LONGEST_WINDOW, _LONGEST_PERIOD = 3600, 1800
_V1 = (
    "autoscaling/v1 is the older form of the same object, and is served still; what is read here is autoscaling/v2, where "
    "targetCPUUtilizationPercentage is a metric of type Resource with that averageUtilization"
)


@dataclass(frozen=True)
class Metric:
    """One entry of ``spec.metrics``.

    Attributes:
        type: ``Resource``, ``ContainerResource``, ``Pods``, ``Object`` or ``External``.
        name: of the resource (``cpu``) or of the metric.
        target_type: ``Utilization`` (target in % of the request), ``AverageValue`` (a pod), ``Value`` (in total): as the
            controller takes it, which looks at the value that is there, and at the written type of an ``Object`` only.
        target: in %, or in thousandths of the metric's unit.
        container: of a ``ContainerResource``.
    """

    type: str
    name: str
    target_type: str
    target: int
    container: str | None = None


@dataclass(frozen=True)
class Policy:
    """How much may change in a period: ``value`` pods (``Pods``) or per cent (``Percent``) in ``period`` seconds."""

    type: str
    value: int
    period: int


@dataclass(frozen=True)
class Rules:
    """Behaviour in one direction.

    Attributes:
        window: of stabilisation, in seconds; None leaves it to the controller's own setting.
        policies: limits of the rate.
        select: which policy counts: ``Max`` (the one that allows most), ``Min``, or ``Disabled`` (never in this direction).
        tolerance: share around the target within which nothing changes; None leaves it to the controller's own.
    """

    window: int | None
    policies: tuple[Policy, ...]
    select: str = "Max"
    tolerance: float | None = None


#: what an empty field means (``pkg/apis/autoscaling/v2/defaults.go``)
DEFAULT_UP = Rules(0, (Policy("Pods", 4, 15), Policy("Percent", 100, 15)))
DEFAULT_DOWN = Rules(None, (Policy("Percent", 100, 15),))


@dataclass(frozen=True)
class Behaviour:
    up: Rules = DEFAULT_UP
    down: Rules = DEFAULT_DOWN


@dataclass(frozen=True)
class Autoscaler:
    """What a HorizontalPodAutoscaler says; ``behaviour`` is None when the manifest has none, which is not the same as empty."""

    name: str
    target: str
    minimum: int
    maximum: int
    metrics: tuple[Metric, ...]
    behaviour: Behaviour | None = None
    namespace: str | None = None


def read(objects: Mapping[str, Any] | Iterable[Mapping[str, Any]], name: str | None = None) -> Autoscaler:
    """The autoscaler among ``objects`` (one manifest as a dictionary, or all of an application, as ``manifests.render`` gives
    them; a ``List`` is looked into).

    Where its target is among them too (of the same namespace), the target's containers must request what a utilisation is a
    share of.

    Raises:
        SettingError: there is none of that name, or more than one without one; a field is missing or wrong.
    """
    objects = flat(objects)
    scalers = [o for o in objects if o.get("kind") == "HorizontalPodAutoscaler"]
    scalers = [o for o in scalers if name in (None, metadata(o, "name"))]
    if len(scalers) != 1:
        named = f" named {name!r}" if name else ""
        raise SettingError(f"expected one HorizontalPodAutoscaler{named} among the manifests, found {len(scalers)}")
    scaler = _read(scalers[0])
    check_requests(objects, scaler)
    return scaler


def _read(manifest: Mapping[str, Any]) -> Autoscaler:
    name = metadata(manifest, "name") or metadata(manifest, "generateName") or "without a name"
    root = Field(manifest, f"HorizontalPodAutoscaler {name}")
    version = root.get("apiVersion")
    if version.value == "autoscaling/v1":
        raise version.error(_V1)
    if version.value != "autoscaling/v2":
        found = "is missing" if version.value is None else f"{version.value!r} is not served any more or never was"
        raise version.error(f"{found}; use autoscaling/v2")
    root.refuse_unknown(AUTOSCALER)
    names, spec = root.get("metadata"), root.get("spec")
    target = spec.get("scaleTargetRef")
    # the API's default: 80 % of the CPU request
    metrics = tuple(map(_metric, spec.get("metrics").items())) or (Metric("Resource", "cpu", "Utilization", 80),)
    to_zero = any(metric.type in ("Object", "External") for metric in metrics)
    minimum = spec.get("minReplicas").integer(0 if to_zero else 1, default=1)
    maximum = spec.get("maxReplicas").integer(1)
    if minimum > maximum:
        raise spec.get("maxReplicas").error(f"{maximum} is below minReplicas, {minimum}")
    return Autoscaler(
        name=(names.get("name") if names.get("generateName").value is None else names.get("generateName")).text(),
        target=f"{target.get('kind').text()}/{target.get('name').text()}",
        minimum=minimum,
        maximum=maximum,
        metrics=metrics,
        behaviour=_behaviour(spec.get("behavior")),
        namespace=None if names.get("namespace").value in (None, "") else names.get("namespace").text(),
    )


def _metric(entry: Field) -> Metric:
    kind = entry.get("type").one_of(_SOURCES)
    field, _ = _SOURCES[kind]
    for other, _ in _SOURCES.values():
        if other != field and entry.get(other).value is not None:
            raise entry.get(other).error(f"stands beside type {kind}, which reads {field} only")
    source = entry.get(field)
    if source.value is None:
        raise source.error(f"is missing; type {kind} needs it")
    if kind == "Object":
        source.get("describedObject").get("kind").text()
        source.get("describedObject").get("name").text()
    target_type, target = _target(kind, source.get("target"))
    named = source if kind.endswith("Resource") else source.get("metric")
    container = source.get("container").text() if kind == "ContainerResource" else None
    return Metric(kind, named.get("name").text(), target_type, target, container)


def _target(kind: str, target: Field) -> tuple[str, int]:
    """Type and value. The API server takes any type beside any value (``validateMetricTarget``); the controller reads the
    value that is there, and only for an ``Object`` the one that the type names (``computeReplicasForMetric``)."""
    written = target.get("type").one_of(_TYPES.values())
    values = {field: _value(target.get(field)) for field in _TYPES if target.get(field).value is not None}
    _, fields = _SOURCES[kind]
    there = [field for field in fields if field in values]
    if kind == "Object":
        there = [field for field in fields if _TYPES[field] == written]
        if not there:
            raise target.get("type").error(f"{written!r} is unknown; it is one of Value, AverageValue")
    elif len(there) > 1:
        raise target.get(there[0]).error(f"stands beside {there[1]}; a target is one of them")
    # where there is none, the one that the type promises is missing
    field = there[0] if there else next((f for f in fields if _TYPES[f] == written), fields[-1])
    return _TYPES[field], values[field] if field in values else _value(target.get(field))


def _value(field: Field) -> int:
    return field.integer(1) if field.path.endswith("averageUtilization") else field.quantity()


def _behaviour(field: Field) -> Behaviour | None:
    if field.value is None:
        return None
    return Behaviour(_rules(field.get("scaleUp"), DEFAULT_UP), _rules(field.get("scaleDown"), DEFAULT_DOWN))


def _rules(field: Field, default: Rules) -> Rules:
    """One direction: every field that is empty takes the default's, each by itself."""
    if field.value is None:
        return default
    window, policies, select = (field.get(k) for k in ("stabilizationWindowSeconds", "policies", "selectPolicy"))
    tolerance = field.get("tolerance")
    if policies.value == []:
        raise policies.error("is empty; leave it out for the default, or use selectPolicy: Disabled")
    return Rules(
        window=default.window if window.value is None else window.integer(0, _LONGEST_WINDOW),
        policies=default.policies if policies.value is None else tuple(_policy(p) for p in policies.items()),
        select="Max" if select.value is None else select.one_of(("Max", "Min", "Disabled")),
        tolerance=None if tolerance.value is None else tolerance.quantity(least=0) / 1000,
    )


def _policy(field: Field) -> Policy:
    return Policy(
        field.get("type").one_of(("Pods", "Percent")),
        field.get("value").integer(1),
        field.get("periodSeconds").integer(1, _LONGEST_PERIOD),
    )
