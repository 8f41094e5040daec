"""The controller as a policy for ``traffic.replay``: from what a pool shows to pods and samples, and one turn every 15 seconds."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from companion.errors import SettingError
from companion.simulate.hpa.behaviour import History
from companion.simulate.hpa.manifest import Autoscaler, Metric
from companion.simulate.hpa.reconcile import Condition, Decision, reconcile
from companion.simulate.hpa.turn import DEFAULTS, LONG_AGO, MetricError, Pod, PodMetric, Reading, Settings, Turn

if TYPE_CHECKING:
    import pandas as pd

    from companion.simulate.traffic import Observation

#: seconds over which metrics-server averages (it scrapes every 15 s and needs two points)
WINDOW_SECONDS = 15.0


class Controller:
    """Decides like the HPA of a manifest; call it with an Observation, or hand it to ``traffic.replay``.

    An instance of the pool is a pod. It starts when it is launched and becomes ready when it has booted; while it boots it
    uses ``booting`` of its processor. The pool's newest *visible* sample is what the metrics API answers, so its
    ``lag_seconds`` is the age of the metric.

    Args:
        scaler: whose metrics are CPU (``Resource`` or ``ContainerResource``), requests a second a pod (``Pods``), or requests a
            second in total (``External``); whichever a metric is, the pool has the number.
        requests: thousandths by resource, by container (``hpa.requests_of``).
        busy: thousandths of a processor that a pod uses when it is busy all the time: its limit.
        boot_seconds: of the pool.
        booting: share of ``busy`` that a booting pod uses.
        unready_above: utilisation from which a pod fails its readiness probe, as one does whose probe is impatient; None for a
            probe that a busy pod passes. The pool goes on serving with such a pod: what is simulated is what the controller sees.

    Attributes:
        log: ``(now, pods asked for before, Decision)`` of every turn.
    """

    def __init__(
        self,
        scaler: Autoscaler,
        requests: Mapping[str, Mapping[str, int]],
        *,
        busy: int,
        boot_seconds: float,
        booting: float = 1.0,
        unready_above: float | None = None,
        settings: Settings = DEFAULTS,
    ):
        if boot_seconds < 0 or busy <= 0:
            raise SettingError(f"boot_seconds must be at least 0 and busy positive, got {boot_seconds} and {busy}")
        self.scaler, self.requests, self.settings = scaler, requests, settings
        self.busy, self.boot_seconds, self.booting = busy, boot_seconds, booting
        self.unready_above, self._overrun, self._turned = unready_above, False, LONG_AGO
        self.log: list[tuple[float, int, Decision]] = []
        self._history, self._next = History(), LONG_AGO
        self._conditions: Mapping[str, Condition] = {}

    def __call__(self, seen: Observation) -> int:
        """Replicas wanted now; between two turns, those that there are."""
        current = len(seen.launches)
        if seen.now < self._next:
            return current
        self._next = seen.now + self.settings.sync_seconds
        pods, cpu = self._pods(seen)
        readings = [self._reading(metric, seen, pods, cpu) for metric in self.scaler.metrics]
        turn = Turn(current, pods, seen.now, settings=self.settings)
        decision = reconcile(self.scaler, turn, readings, self._history, self._conditions)
        self._history, self._conditions = decision.history, decision.conditions
        self.log.append((seen.now, current, decision))
        return decision.replicas

    def _pods(self, seen: Observation) -> tuple[list[Pod], dict[str, PodMetric]]:
        """Pods, those of one launch time together, and the CPU sample of each that was there when it was taken."""
        settled = seen.now - self.boot_seconds - self.settings.cpu_initialization_seconds
        self._probe(seen)
        pods: list[Pod] = []
        samples: dict[str, PodMetric] = {}
        for launched, group in groupby(seen.launches, key=lambda at: LONG_AGO if at < settled else at):
            booted = seen.now - launched >= self.boot_seconds
            name, turned = f"pod-{len(pods)}", max(launched + self.boot_seconds, self._turned) if booted else launched
            ready = booted and not self._overrun
            pods.append(Pod(name, "Running", ready, launched, turned, False, self.requests, sum(1 for _ in group)))
            if seen.sample is not None and launched < seen.sample.time:
                served = seen.sample.time - launched >= self.boot_seconds
                share = seen.sample.utilisation if served else self.booting
                samples[name] = PodMetric(round(share * self.busy), seen.sample.time, WINDOW_SECONDS)
        return pods, samples

    def _probe(self, seen: Observation) -> None:
        """Whether pods that have booted fail their readiness probe now, and since when it is as it is."""
        if self.unready_above is None or seen.sample is None:
            return
        overrun = seen.sample.utilisation >= self.unready_above
        if overrun is not self._overrun:
            self._overrun, self._turned = overrun, seen.now

    def _reading(self, metric: Metric, seen: Observation, pods: list[Pod], cpu: Mapping[str, PodMetric]) -> Reading:
        if seen.sample is None:
            return MetricError("no metrics returned from the metrics API yet")
        if metric.type == "External":
            return [round(1000 * seen.sample.requests_per_second)]
        if metric.type == "Pods":
            each = round(1000 * seen.sample.requests_per_second / max(seen.sample.serving, 1))
            there = [pod.name for pod in pods if pod.ready and pod.name in cpu]
            return {name: PodMetric(each, seen.sample.time, WINDOW_SECONDS) for name in there}
        if metric.name != "cpu":
            return MetricError(f"the simulated service reports no {metric.name}")
        return cpu

    def table(self) -> pd.DataFrame:
        """The log, one row a turn: seconds, replicas, what the metrics recommended, the decision, and why."""
        import pandas as pd

        rows = [
            {
                "seconds": now,
                "replicas": before,
                "recommended": decision.recommended,
                "decided": decision.replicas,
                "able": _reason(decision, "AbleToScale"),
                "active": _reason(decision, "ScalingActive"),
                "limited": _reason(decision, "ScalingLimited"),
                "event": f"New size: {decision.replicas}; reason: {decision.reason}" if decision.reason else "",
            }
            for now, before, decision in self.log
        ]
        return pd.DataFrame(rows).astype({"recommended": "Int64"})


def _reason(decision: Decision, condition: str) -> str:
    return decision.conditions[condition].reason if condition in decision.conditions else ""
