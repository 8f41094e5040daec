"""What a kubelet makes of a container's probes: one state machine, driven by the manifest's numbers.

The rules are those of Kubernetes' ``pkg/kubelet/prober/worker.go``; what is asked, and when, is not known here.
"""

from dataclasses import dataclass, field
from typing import Any

Manifest = dict[str, Any]
KINDS = ("startupProbe", "readinessProbe", "livenessProbe")
#: the API server's defaults
DEFAULTS = {
    "initialDelaySeconds": 0,
    "periodSeconds": 10,
    "timeoutSeconds": 1,
    "successThreshold": 1,
    "failureThreshold": 3,
}


@dataclass
class Status:
    """What is held of one container.

    A startup probe silences the others until it has passed. A readiness probe begins as failing, a liveness probe as passing;
    so many attempts of one kind in a row turn them. A failed startup or liveness probe kills, after which nobody asks any more.
    """

    container: Manifest
    #: every attempt: kind, whether it passed, what was heard
    heard: list[tuple[str, bool, str]] = field(default_factory=list)
    #: each time that readiness has turned
    turns: list[bool] = field(default_factory=list)
    killed_by: str | None = None

    def __post_init__(self) -> None:
        self.probes = {kind: DEFAULTS | self.container[kind] for kind in KINDS if kind in self.container}
        self.started = "startupProbe" not in self.probes
        self._passing = self.started and "readinessProbe" not in self.probes
        self._row: dict[str, tuple[bool, int]] = {}
        if self._passing:
            self.turns.append(True)

    @property
    def ready(self) -> bool:
        return self.started and self._passing and self.killed_by is None

    def wants(self, kind: str) -> bool:
        """Whether this kind is asked now."""
        return self.killed_by is None and (kind == "startupProbe") is not self.started

    def note(self, kind: str, passed: bool, why: str = "") -> None:
        """One attempt."""
        if not self.wants(kind):  # an answer that comes when nobody wants it any more
            return
        self.heard.append((kind, passed, why))
        last, count = self._row.get(kind, (passed, 0))
        count = count + 1 if last is passed else 1
        self._row[kind] = passed, count
        if count < self.probes[kind]["successThreshold" if passed else "failureThreshold"]:
            return
        before = self.ready
        if kind == "readinessProbe":
            self._passing = passed
        elif not passed:
            self.killed_by = kind
        elif kind == "startupProbe":
            self.started = True
            self._passing = "readinessProbe" not in self.probes
        if self.ready is not before:
            self.turns.append(self.ready)

    def worst(self, kind: str) -> int:
        """The most attempts of a kind that have failed in a row."""
        worst = row = 0
        for passed in (p for k, p, _ in self.heard if k == kind):
            row = 0 if passed else row + 1
            worst = max(worst, row)
        return worst
