"""Cases of Kubernetes' own unit tests of the replica calculation, from the JSON in ``data/hpa`` (which says how it came
about), as inputs and expected results of ``propose``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.errors import SettingError
from companion.simulate.hpa.manifest import Metric
from companion.simulate.hpa.replicas import propose
from companion.simulate.hpa.turn import MetricError, Pod, PodMetric, Reading, Settings, Turn

_KINDS = {
    "resource_utilization": ("Resource", "Utilization"),
    "pods_metric": ("Pods", "AverageValue"),
    "object": ("Object", "Value"),
    "object_per_pod": ("Object", "AverageValue"),
    "external": ("External", "Value"),
    "external_per_pod": ("External", "AverageValue"),
}


@dataclass(frozen=True)
class Case:
    """One table entry of a test.

    Attributes:
        current: replicas before.
        replicas, utilization, value: expected, as in ``Proposal``; all None where an error is expected.
        settings: the test's own, by the rules of release 1.20.
    """

    name: str
    metric: Metric
    reading: Reading
    pods: tuple[Pod, ...]
    current: int
    replicas: int | None
    utilization: int | None
    value: int | None
    settings: Settings

    def answer(self, settings: Settings | None = None) -> tuple[int | None, int | None, int | None]:
        """What ``propose`` says: replicas, utilisation and value, three times None for an error."""
        turn = Turn(self.current, self.pods, settings=settings or self.settings)
        try:
            return propose(self.metric, self.reading, turn)[:3]
        except MetricError:
            return (None, None, None)

    @property
    def expected(self) -> tuple[int | None, int | None, int | None]:
        return (self.replicas, self.utilization, self.value)


def cases(file: Path) -> list[Case]:
    """The applicable cases of a vectors file; SettingError when it is not there or none."""
    try:
        content = json.loads(Path(file).read_text(encoding="utf-8"))
        given = content["settings"]
        settings = Settings(
            tolerance=given["tolerance"],
            cpu_initialization_seconds=given["cpu_initialization_s"],
            initial_readiness_seconds=given["initial_readiness_delay_s"],
            rules="1.20",
        )
        return [_case(entry, settings) for entry in content["cases"] if entry["applicable"]]
    except FileNotFoundError:
        raise SettingError(f"{Path(file).name}: there is no such file; the vectors are part of the checkout") from None
    except (KeyError, TypeError, ValueError) as error:
        raise SettingError(f"{Path(file).name}: not a file of cases: {error!r}") from None


def _case(entry: dict[str, Any], settings: Settings) -> Case:
    target, expected = entry["target"], entry["expected"]
    kind, target_type = _KINDS[target["kind"]]
    resource = target.get("resource")
    return Case(
        name=f"{entry['upstream_test'].removeprefix('TestReplicaCalc')}-{entry['run']}",
        metric=Metric(kind, resource or "qps", target_type, target["value"], target.get("container")),
        reading=_reading(entry),
        pods=tuple(pod_of(pod, resource or "cpu") for pod in entry["pods"]),
        current=entry["current_replicas"],
        replicas=expected["replicas"],
        utilization=expected["utilization_percent"],
        value=expected["raw_value_milli"],
        settings=settings,
    )


def pod_of(entry: dict[str, Any], resource: str = "cpu") -> Pod:
    """A pod of the vectors file, with its containers' requests of a resource."""
    requests: dict[str, dict[str, int]] = {
        container["name"]: {resource: container["request_milli"]} if container["request_milli"] is not None else {}
        for container in entry.get("containers", [])
    }
    states = (entry["phase"], entry["ready"], entry["start_s"], entry["ready_transition_s"], entry["deleted"])
    return Pod(entry["name"], *states, requests)


def _reading(entry: dict[str, Any]) -> Reading:
    if "metric_values_milli" in entry:
        return entry["metric_values_milli"]
    sample = entry["metric_sample"]
    having = [pod for pod in entry["pods"] if not pod["metric_missing"]] + entry["metrics_without_pod"]
    return {pod["name"]: PodMetric(pod["usage_milli"], sample["taken_s"], sample["window_s"]) for pod in having}
