"""What is wrong, and the list that the checks write it into."""

from __future__ import annotations

from dataclasses import dataclass, field

from jenkinsfile.groovy import Node


@dataclass(frozen=True, order=True)
class Finding:
    """One fault: where (line and column from 1) and why."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        """``line:column: message``."""
        return f"{self.line}:{self.column}: {self.message}"


@dataclass
class Report:
    """The faults found so far, in the order in which they were found.

    Attributes:
        notes: what is no fault, and can't be judged without a controller.
        source: the text that the nodes come from.
    """

    findings: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    source: str = ""

    def add(self, node: Node, message: str) -> None:
        """Note a fault at a node."""
        self.findings.append(Finding(node.line, node.column, message))

    def note(self, node: Node, message: str) -> None:
        """Note what only a controller can judge."""
        self.notes.append(Finding(node.line, node.column, message))
