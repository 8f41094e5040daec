"""The pytest plugin that runs what was asked for: ``--about NAME``, ``--changed REFERENCE``, ``--drills``."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pytest

from harness import drills, order, selection
from harness.imports import Project


def add_options(parser: pytest.Parser) -> None:
    """The options; empty ones are as good as none, so that a Makefile can pass them as they are."""
    group = parser.getgroup("the book")
    group.addoption(
        "--about", default="", metavar="NAMES", help="run everything about these notebooks (by name, with spaces)"
    )
    group.addoption(
        "--changed", default="", metavar="REF", help="run what a change since this reference of git can touch"
    )
    group.addoption("--drills", action="store_true", help="drill every notebook, not only the shortest of each engine")


class Choice:
    """Chooses the tests, the same ones in every worker, and says what was chosen and why.

    Args:
        config: of the run.
        root: the checkout.
    """

    def __init__(self, config: pytest.Config, root: Path):
        self.config, self.root = config, root

    @cached_property
    def selection(self) -> selection.Selection:
        if hasattr(self.config, "workerinput"):
            return selection.Selection.loaded(self.config.workerinput["selection"])
        names, reference = self.config.getoption("about").split(), self.config.getoption("changed").strip()
        if names and reference:
            raise pytest.UsageError("one of the two: --about (NAME=...) or --changed (CHANGED=...)")
        if not names and not reference:
            return selection.Selection(everything="nothing was left out")
        project = Project(self.root, selection.project_files(self.root))
        try:
            if names:
                return selection.about(names, project)
            return selection.touched_by(selection.changes_since(self.root, reference), project)
        except (KeyError, ValueError) as error:
            raise pytest.UsageError(str(error.args[0])) from None

    @cached_property
    def drilled(self) -> dict[str, list[str]]:
        """The notebooks that are drilled without being asked for, by the drill's file; told to the workers, because it takes reading
        all sources."""
        if hasattr(self.config, "workerinput"):
            return self.config.workerinput["drilled"]
        return {file: [entry.name for entry in chosen()] for file, chosen in drills.DRILLS.items()}

    @property
    def chooses(self) -> bool:
        return bool(self.config.getoption("about").split() or self.config.getoption("changed").strip())

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node) -> None:
        node.workerinput["selection"] = self.selection.dumped()
        node.workerinput["drilled"] = self.drilled

    def pytest_report_header(self) -> list[str]:
        lines = []
        if self.chooses:
            lines += [f"chosen: {line}" for line in self.selection.lines()]
        if not self.config.getoption("drills"):
            killed, graded = (len(self.drilled[file]) for file in ("test_killed_kernel.py", "test_nbgrader.py"))
            lines.append(
                f"drills: {killed} kernels killed, {graded} notebooks graded in kernels, the shortest of each engine"
            )
        return lines

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """A file of which nothing can be chosen is not even imported."""
        chosen = self.selection
        if chosen.everything or collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
            return None
        path = collection_path.relative_to(self.root).as_posix()
        return None if any(chosen.takes(path, name) for name in [None, *chosen.notebooks]) else True

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = [item for item in items if self.takes(item)]
        if len(kept) < len(items):
            gone = [item for item in items if not self.takes(item)]
            self.config.hook.pytest_deselected(items=gone)
            items[:] = kept

    def takes(self, item: pytest.Item) -> bool:
        """Whether a test runs."""
        entry = order.chapter_of(item.nodeid)
        path = item.path.relative_to(self.root).as_posix() if item.path.is_relative_to(self.root) else ""
        if not self.selection.takes(path, entry.name if entry else None, item.name):
            return False
        if item.get_closest_marker("drill") is None or entry is None or self.config.getoption("drills"):
            return True
        # one notebook is drilled when it is asked for by its name
        return (
            entry.name in self.drilled.get(item.path.name, ()) or entry.name in self.config.getoption("about").split()
        )

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.chooses and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter) -> None:
        if self.chooses and self.selection.empty:
            terminalreporter.write_line("nothing to run: " + self.selection.lines()[0])
