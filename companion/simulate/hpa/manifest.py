"""An autoscaler from its manifest (``autoscaling/v2``), with the API server's defaults and its checks.

Every fault is one ``SettingError`` of one line: the object, the path of the field, what is wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from companion.errors import SettingError

_SUFFIXES: dict[str, int | Decimal] = {"": 1, "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}
_SUFFIXES |= {letter: 1000**power for power, letter in enumerate("kMGTPE", 1)}
_SUFFIXES |= {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", 1)}
_QUANTITY = re.compile(r"([+-]?\d*\.?\d+|[+-]?\d+\.)(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i))?")

#: type of a metric, the field that holds it, and the kinds of target that it may have
_SOURCES = {
    "Resource": ("resource", ("Utilization", "AverageValue")),
    "ContainerResource": ("containerResource", ("Utilization", "AverageValue")),
    "Pods": ("pods", ("AverageValue",)),
    "Object": ("object", ("Value", "AverageValue")),
    "External": ("external", ("Value", "AverageValue")),
}
_TARGET_FIELD = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}
_LONGEST_WINDOW, _LONGEST_PERIOD = 3600, 1800


def quantity(text: str | float) -> int:
    """A Kubernetes quantity (``500m``, ``2``, ``128Mi``, ``1e3``) in thousandths, rounded up as the API does.

    Raises:
        SettingError: it is none.
    """
    match = _QUANTITY.fullmatch(str(text).strip())
    if not match or isinstance(text, bool):
        raise SettingError(f"{text!r} is not a quantity; one looks like 500m, 2, 1.5 or 128Mi")
    number, exponent, suffix = match.groups()
    return math.ceil(Decimal(number + (exponent or "")) * _SUFFIXES[suffix or ""] * 1000)


@dataclass(frozen=True)
class Metric:
    """One entry of ``spec.metrics``.

    Attributes:
        type: ``Resource``, ``ContainerResource``, ``Pods``, ``Object`` or ``External``.
        name: of the resource (``cpu``) or of the metric.
        target_type: ``Utilization`` (target in % of the request), ``AverageValue`` (a pod), ``Value`` (in total).
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


def read(objects: Mapping[str, Any] | Iterable[Mapping[str, Any]], name: str | None = None) -> Autoscaler:
    """The autoscaler among ``objects`` (one manifest as a dictionary, or all of an application, as ``manifests.render`` gives
    them).

    Where its target is among them too, the target's containers must request what a utilisation is a share of.

    Raises:
        SettingError: there is none of that name, or more than one without one; a field is missing or wrong.
    """
    objects = [objects] if isinstance(objects, Mapping) else list(objects)
    scalers = [o for o in objects if o.get("kind") == "HorizontalPodAutoscaler"]
    scalers = [o for o in scalers if name in (None, o.get("metadata", {}).get("name"))]
    if len(scalers) != 1:
        named = f" named {name!r}" if name else ""
        raise SettingError(f"expected one HorizontalPodAutoscaler{named} among the manifests, found {len(scalers)}")
    scaler = _read(scalers[0])
    for other in objects:
        if f"{other.get('kind')}/{other.get('metadata', {}).get('name')}" == scaler.target:
            _check_requests(scaler, other)
    return scaler


def requests_of(objects: Iterable[Mapping[str, Any]], scaler: Autoscaler) -> dict[str, dict[str, int]]:
    """What each container of the autoscaler's target requests, thousandths by resource; SettingError without the target."""
    return _resources(objects, scaler, "requests")


def limits_of(objects: Iterable[Mapping[str, Any]], scaler: Autoscaler) -> dict[str, dict[str, int]]:
    """What each container of the autoscaler's target may use at most, thousandths by resource."""
    return _resources(objects, scaler, "limits")


def _resources(objects: Iterable[Mapping[str, Any]], scaler: Autoscaler, which: str) -> dict[str, dict[str, int]]:
    for other in objects:
        if f"{other.get('kind')}/{other.get('metadata', {}).get('name')}" == scaler.target:
            containers = other["spec"]["template"]["spec"]["containers"]
            return {
                c["name"]: {n: quantity(q) for n, q in c.get("resources", {}).get(which, {}).items()}
                for c in containers
            }
    raise SettingError(f"{scaler.name} scales {scaler.target}, which is not among the manifests")


class _Field:
    """A value with the way to it, so that a complaint can name it."""

    def __init__(self, value: Any, where: str, path: str = ""):
        self.value, self.where, self.path = value, where, path

    def error(self, message: str) -> SettingError:
        return SettingError(f"{self.where}: {self.path}: {message}")

    def get(self, key: str | int) -> _Field:
        """The field below; its value is None when it is not there."""
        if isinstance(key, int):
            return _Field(self.value[key], self.where, f"{self.path}[{key}]")
        if self.value is not None and not isinstance(self.value, Mapping):
            raise self.error("must be a mapping")
        value = (self.value or {}).get(key)
        return _Field(value, self.where, f"{self.path}.{key}".lstrip("."))

    def items(self) -> list[_Field]:
        if not isinstance(self.value, list):
            raise self.error("must be a list")
        return [self.get(index) for index in range(len(self.value))]

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value:
            raise self.error("is missing" if self.value is None else "must be a text")
        return self.value

    def one_of(self, allowed: Iterable[str]) -> str:
        if self.value not in (allowed := list(allowed)):
            found = "is missing" if self.value is None else f"{self.value!r} is unknown"
            raise self.error(f"{found}; it is one of {', '.join(allowed)}")
        return self.value

    def integer(self, least: int, most: int | None = None, default: int | None = None) -> int:
        if self.value is None and default is not None:
            return default
        if self.value is None:
            raise self.error("is missing")
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.error(f"must be a whole number, not {self.value!r}")
        if self.value < least or (most is not None and self.value > most):
            bounds = f"at least {least}" if most is None else f"from {least} to {most}"
            raise self.error(f"must be {bounds}, not {self.value}")
        return self.value

    def quantity(self, least: int = 1) -> int:
        if self.value is None:
            raise self.error("is missing")
        try:
            milli = quantity(self.value)
        except SettingError as error:
            raise self.error(str(error)) from None
        if milli < least:
            raise self.error(f"must be {'positive' if least else 'zero or more'}, not {self.value}")
        return milli


def _read(manifest: Mapping[str, Any]) -> Autoscaler:
    name = manifest.get("metadata", {}).get("name") or "without a name"
    root = _Field(manifest, f"HorizontalPodAutoscaler {name}")
    version = root.get("apiVersion")
    if version.value != "autoscaling/v2":
        raise version.error(f"{version.value!r} is not served any more or never was; use autoscaling/v2")
    spec = root.get("spec")
    target = spec.get("scaleTargetRef")
    metrics = spec.get("metrics")
    read_metrics = tuple(_metric(m) for m in metrics.items()) if metrics.value else ()
    # the API's default: 80 % of the CPU request
    read_metrics = read_metrics or (Metric("Resource", "cpu", "Utilization", 80),)
    to_zero = any(metric.type in ("Object", "External") for metric in read_metrics)
    minimum = spec.get("minReplicas").integer(0 if to_zero else 1, default=1)
    maximum = spec.get("maxReplicas").integer(1)
    if minimum > maximum:
        raise spec.get("maxReplicas").error(f"{maximum} is below minReplicas, {minimum}")
    return Autoscaler(
        name=root.get("metadata").get("name").text(),
        target=f"{target.get('kind').text()}/{target.get('name').text()}",
        minimum=minimum,
        maximum=maximum,
        metrics=read_metrics,
        behaviour=_behaviour(spec.get("behavior")),
    )


def _metric(entry: _Field) -> Metric:
    kind = entry.get("type").one_of(_SOURCES)
    field, allowed = _SOURCES[kind]
    for other, _ in _SOURCES.values():
        if other != field and entry.get(other).value is not None:
            raise entry.get(other).error(f"stands beside type {kind}, which reads {field} only")
    source = entry.get(field)
    if source.value is None:
        raise source.error(f"is missing; type {kind} needs it")
    named = source if kind.endswith("Resource") else source.get("metric")
    target = source.get("target")
    target_type = target.get("type").one_of(allowed)
    value = target.get(_TARGET_FIELD[target_type])
    return Metric(
        type=kind,
        name=named.get("name").text(),
        target_type=target_type,
        target=value.integer(1) if target_type == "Utilization" else value.quantity(),
        container=source.get("container").text() if kind == "ContainerResource" else None,
    )


def _behaviour(field: _Field) -> Behaviour | None:
    if field.value is None:
        return None
    return Behaviour(_rules(field.get("scaleUp"), DEFAULT_UP), _rules(field.get("scaleDown"), DEFAULT_DOWN))


def _rules(field: _Field, default: Rules) -> Rules:
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


def _policy(field: _Field) -> Policy:
    return Policy(
        field.get("type").one_of(("Pods", "Percent")),
        field.get("value").integer(1),
        field.get("periodSeconds").integer(1, _LONGEST_PERIOD),
    )


def _check_requests(scaler: Autoscaler, workload: Mapping[str, Any]) -> None:
    """A utilisation is a share of what the containers request: without requests the controller can only fail."""
    pod = _Field(workload, scaler.target.replace("/", " ")).get("spec").get("template").get("spec")
    containers = pod.get("containers").items()
    for metric in scaler.metrics:
        if metric.target_type != "Utilization":
            continue
        counted = [c for c in containers if metric.container in (None, c.get("name").value)]
        if not counted:
            raise SettingError(f"{scaler.target.replace('/', ' ')}: has no container named {metric.container!r}")
        for container in counted:
            request = container.get("resources").get("requests").get(metric.name)
            if request.value is None:
                raise request.error(f"is missing; {scaler.name} targets a share of the {metric.name} request")
            request.quantity()
