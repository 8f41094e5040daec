"""Fields of a manifest: the way to each, so that a complaint can name it; which there are in autoscaling/v2; quantities.

Names of fields: ``staging/src/k8s.io/api/autoscaling/v2/types.go``. A field that is not there is refused, as kubectl does it
(strict validation, the default since 1.27), with the name that was probably meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from companion.errors import SettingError

_SUFFIXES: dict[str, int | Decimal] = {"": 1, "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}
_SUFFIXES |= {letter: 1000**power for power, letter in enumerate("kMGTPE", 1)}
_SUFFIXES |= {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", 1)}
_QUANTITY = re.compile(r"([+-]?\d*\.?\d+|[+-]?\d+\.)(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i))?")

#: what is below a field: a mapping of names, a list of such a mapping, or None for anything
Shape = Mapping[str, Any] | list[Any] | None


def _names(text: str) -> dict[str, Shape]:
    return dict.fromkeys(text.split())


_EXPRESSIONS = [_names("key operator values")]
_METRIC = {"name": None, "selector": {"matchLabels": None, "matchExpressions": _EXPRESSIONS}}
_TARGET = _names("type value averageValue averageUtilization")
_RULES = {
    **_names("stabilizationWindowSeconds selectPolicy tolerance"),
    "policies": [_names("type value periodSeconds")],
}
_SOURCES = {
    "type": None,
    "resource": {"name": None, "target": _TARGET},
    "containerResource": {"name": None, "container": None, "target": _TARGET},
    "pods": {"metric": _METRIC, "target": _TARGET},
    "object": {"describedObject": _names("apiVersion kind name"), "metric": _METRIC, "target": _TARGET},
    "external": {"metric": _METRIC, "target": _TARGET},
}
#: every field of a HorizontalPodAutoscaler in autoscaling/v2; the status is the server's own
AUTOSCALER: Shape = {
    **_names("apiVersion kind status"),
    "metadata": _names(
        "annotations creationTimestamp deletionGracePeriodSeconds deletionTimestamp finalizers generateName generation "
        "labels managedFields name namespace ownerReferences resourceVersion selfLink uid"
    ),
    "spec": {
        "scaleTargetRef": _names("apiVersion kind name"),
        "minReplicas": None,
        "maxReplicas": None,
        "metrics": [_SOURCES],
        "behavior": {"scaleUp": _RULES, "scaleDown": _RULES},
    },
}
#: fields of the older forms of the same object, and what they are now
_OLDER = {
    "targetCPUUtilizationPercentage": "it is of autoscaling/v1; here it is averageUtilization in the target of a metric "
    "of type Resource",
    "targetAverageUtilization": "it is of autoscaling/v2beta1; here it is target.averageUtilization",
    "targetAverageValue": "it is of autoscaling/v2beta1; here it is target.averageValue",
    "targetValue": "it is of autoscaling/v2beta1; here it is target.value",
    "metricName": "it is of autoscaling/v2beta1; here it is metric.name",
    "metricSelector": "it is of autoscaling/v2beta1; here it is metric.selector",
}


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


class Field:
    """A value with the way to it; a value that is not there is None."""

    def __init__(self, value: Any, where: str, path: str = ""):
        self.value, self.where, self.path = value, where, path

    def error(self, message: str) -> SettingError:
        return SettingError(f"{self.where}: {self.path}: {message}")

    def get(self, key: str | int) -> Field:
        """The field below; its value is None when it is not there."""
        if isinstance(key, int):
            return Field(self.value[key], self.where, f"{self.path}[{key}]")
        if self.value is not None and not isinstance(self.value, Mapping):
            raise self.error("must be a mapping")
        value = (self.value or {}).get(key)
        return Field(value, self.where, f"{self.path}.{key}".lstrip("."))

    def items(self) -> list[Field]:
        """Those of a list; none of one that is not there."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            raise self.error("must be a list")
        return [self.get(index) for index in range(len(self.value))]

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value:
            raise self.error("is missing" if self.value in (None, "") else "must be a text")
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

    def quantities(self) -> dict[str, int]:
        """A mapping of resources to quantities, in thousandths; what is null is not there."""
        if self.value is None:
            return {}
        self.get("")  # it is a mapping, or says that it must be one
        return {str(name): self.get(name).quantity(0) for name, value in self.value.items() if value is not None}

    def refuse_unknown(self, shape: Shape, everywhere: Shape = None) -> None:
        """Refuse fields that ``shape`` has not, at every depth. Of ``everywhere``, the whole shape, comes the advice."""
        everywhere = everywhere or shape
        if isinstance(shape, list) and isinstance(self.value, list):
            for item in self.items():
                item.refuse_unknown(shape[0], everywhere)
        elif isinstance(shape, Mapping) and isinstance(self.value, Mapping):
            for name in self.value:
                if name not in shape:
                    raise self.get(name).error(f"is unknown{_advice(str(name), shape, everywhere)}")
                self.get(name).refuse_unknown(shape[name], everywhere)


def _advice(name: str, shape: Mapping[str, Any], everywhere: Shape) -> str:
    """What was probably meant by a field that is not there."""
    if name in _OLDER:
        return f"; {_OLDER[name]}"
    here = {known.lower(): known for known in shape}
    begins = [known for known in here if min(len(known), len(name)) > 3 and known[: len(name)] == name.lower()]
    if near := begins or get_close_matches(name.lower(), here, 1, 0.7):
        return f"; did you mean {here[near[0]]}?"
    places: dict[str, list[str]] = {}
    for path in paths(everywhere):
        if path.startswith("spec."):
            places.setdefault(path.rpartition(".")[2].lower(), []).append(path)
    if near := get_close_matches(name.lower(), places, 1, 0.85):
        return f" here; did you mean {' or '.join(places[near[0]])}?"
    return f"; here is room for {', '.join(shape)}"


def paths(shape: Shape, path: str = "") -> Iterator[str]:
    """Every field of a shape with its path, lists left out of it."""
    if isinstance(shape, list):
        yield from paths(shape[0], path)
    elif isinstance(shape, Mapping):
        for name, below in shape.items():
            yield f"{path}.{name}".lstrip(".")
            yield from paths(below, f"{path}.{name}".lstrip("."))
