"""The closing report: what ran, by kind, with its seconds; the dearest modules; each notebook's seconds and memory.

The last are kept for ``make bench``.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from pathlib import Path

import psutil
import pytest

#: by the test's file, or by its folder
KINDS = {
    "test_runs.py": "nbval",
    "test_exercises.py": "exercises",
    "test_grading.py": "grading",
    "test_nbgrader.py": "grading",
    "test_grading_round.py": "grading",
    "test_killed_kernel.py": "drills",
    "test_lab.py": "browser",
    "tests/engines": "engines",
    "tests/notebooks": "rules of notebooks",
}
ORDER = ["units", "engines", "rules of notebooks", "nbval", "exercises", "grading", "drills", "browser"]
#: so many modules are listed by what they cost
DEAREST = 12
#: figures of one run of a notebook, as a test's property
FIGURES = "notebook"


def kind(nodeid: str) -> str:
    """What a test is, for the table."""
    folder, _, name = nodeid.partition("::")[0].rpartition("/")
    return KINDS.get(name) or KINDS.get(folder) or "units"


def processor_seconds() -> float:
    """Of this process and of its children that have ended and were waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Lines with the first column to the left and the others to the right."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join(c.ljust(w) if n == 0 else c.rjust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]


class Report:
    """A pytest plugin: measures in the workers, adds up and prints where the run was started."""

    def __init__(self, config: pytest.Config, kept: Path):
        self.config, self.kept = config, kept
        self.processor = processor_seconds()
        self.collections: list[tuple[float, float]] = []
        self.items: dict[str, set[str]] = defaultdict(set)
        self.modules: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self.notebooks: dict[str, dict] = {}

    @property
    def is_worker(self) -> bool:
        return hasattr(self.config, "workerinput")

    # in each process that collects

    def pytest_collection_finish(self) -> None:
        spent = processor_seconds(), time.time() - psutil.Process().create_time()
        if self.is_worker:
            self.config.workeroutput["collection"] = spent
        else:
            self.collections.append(spent)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self):
        report = yield
        before, self.processor = self.processor, processor_seconds()
        report.processor = self.processor - before
        return report

    # where the run was started

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node) -> None:
        if spent := getattr(node, "workeroutput", {}).get("collection"):
            self.collections.append(tuple(spent))

    def pytest_runtest_logreport(self, report) -> None:
        if self.is_worker:
            return
        name = kind(report.nodeid)
        self.items[name].add(report.nodeid)
        spent = self.modules[report.nodeid.partition("::")[0]]
        spent[0] += getattr(report, "processor", 0.0)
        spent[1] += report.duration
        if report.when == "call" and (found := dict(report.user_properties).get(FIGURES)):
            self.notebooks[found["name"]] = found

    def lines(self) -> list[str]:
        """The tables."""
        rows = [("", "items", "processor s", "wall s")]
        if self.collections:
            spent = [f"{sum(column):.0f}" for column in zip(*self.collections, strict=True)]
            rows.append((f"collection ({len(self.collections)} processes)", "", *spent))
        for name in ORDER:
            if self.items[name]:
                spent = [seconds for module, seconds in self.modules.items() if kind(module) == name]
                processor, wall = map(sum, zip(*spent, strict=True))
                rows.append((name, str(len(self.items[name])), f"{processor:.0f}", f"{wall:.0f}"))
        lines = table(rows)
        dearest = sorted(self.modules.items(), key=lambda module: -module[1][0])[:DEAREST]
        body = [(name, *(f"{seconds:.0f}" for seconds in spent)) for name, spent in dearest]
        lines += ["", *table([("module", "processor s", "wall s"), *body])]
        if self.notebooks:
            runs = sorted(self.notebooks.values(), key=lambda run: -run["seconds"])
            body = [(r["name"], f"{r['seconds']:.1f}", f"{r['peak_mib']:.0f}") for r in runs]
            lines += ["", *table([("notebook", "s", "peak MiB"), *body])]
        return lines

    def keep(self) -> None:
        """Add this run's notebooks to those of earlier runs."""
        try:
            known = json.loads(self.kept.read_text())
        except (OSError, ValueError):
            known = {}
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        self.kept.write_text(json.dumps({**known, **self.notebooks}, indent=1) + "\n")

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter) -> None:
        if self.is_worker or not any(self.items.values()):
            return
        terminalreporter.section("what ran (added up over the workers)", sep="-")
        for line in self.lines():
            terminalreporter.write_line(line)
        if self.notebooks:
            self.keep()
