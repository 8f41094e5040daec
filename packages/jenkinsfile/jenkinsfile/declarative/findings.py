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
    """The faults found so far, in the order in which they were found."""

    findings: list[Finding] = field(default_factory=list)

    def add(self, node: Node, message: str) -> None:
        """Note a fault at a node."""
        self.findings.append(Finding(node.line, node.column, message))
