"""The stages of a declarative pipeline as a tree, and as a drawing in Mermaid's language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jenkinsfile import groovy, vocabulary
from jenkinsfile.declarative import check, find_pipeline
from jenkinsfile.groovy import Call, Literal, text_of

from companion.errors import CompanionError


class PipelineError(CompanionError):
    """The pipeline can't be used as it is; the message says where and why."""


@dataclass(frozen=True)
class Stage:
    """A stage.

    Attributes:
        line: where it begins in the file.
        kind: what it holds: ``steps``, ``stages``, ``parallel`` or ``matrix``.
        sections: the calls that make its sections, by name.
        children: the stages in it.
    """

    name: str
    line: int
    kind: str
    sections: dict[str, Call]
    children: tuple[Stage, ...] = ()

    @property
    def commands(self) -> tuple[str, ...]:
        """The fixed shell commands of its steps."""
        if self.kind != "steps":
            return ()
        calls = [
            node for node in groovy.walk(self.sections["steps"].block) if isinstance(node, Call) and node.name == "sh"
        ]
        values = [
            call.arguments[0].value for call in calls if call.arguments and isinstance(call.arguments[0], Literal)
        ]
        return tuple(value for value in values if isinstance(value, str))


@dataclass(frozen=True)
class Pipeline:
    """A pipeline without faults: its sections by name, and its stages."""

    sections: dict[str, Call]
    stages: tuple[Stage, ...]

    def walk(self) -> Iterator[tuple[tuple[str, ...], Stage]]:
        """Every stage with the names on the way to it, in the order of the file."""
        yield from _walk(self.stages, ())


def read_pipeline(source: str) -> Pipeline:
    """The pipeline of a source; PipelineError with every fault when it has some."""
    if faults := check(source):
        raise PipelineError("the pipeline has faults:\n" + "\n".join(f"  line {f.line}: {f.message}" for f in faults))
    sections = _sections(find_pipeline(groovy.parse(source)))
    return Pipeline(sections, _stages(sections["stages"]))


def _sections(call: Call) -> dict[str, Call]:
    return {section.name: section for section in call.block.body}


def _stages(call: Call) -> tuple[Stage, ...]:
    return tuple(_stage(statement) for statement in call.block.body)


def _stage(call: Call) -> Stage:
    sections = _sections(call)
    kind = next(name for name in vocabulary.CONTENTS if name in sections)
    holder = sections[kind]
    if kind == "matrix":
        holder = _sections(holder)["stages"]
    children = _stages(holder) if kind != "steps" else ()
    return Stage(text_of(call.arguments[0]), call.line, kind, sections, children)


def _walk(stages: tuple[Stage, ...], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Stage]]:
    for stage in stages:
        yield (*path, stage.name), stage
        yield from _walk(stage.children, (*path, stage.name))


def mermaid(pipeline: Pipeline) -> str:
    """A flow chart of the stages; what runs at the same time stands side by side in a frame."""
    lines, numbers = ["flowchart LR"], {}

    def node(stage: Stage, indent: str) -> tuple[list[str], list[str]]:
        """Write a stage; returns the boxes that an arrow to it, and from it, has to touch."""
        number = numbers.setdefault(id(stage), len(numbers) + 1)
        guard = " ?" if "when" in stage.sections else ""
        if stage.kind == "steps":
            lines.append(f'{indent}s{number}["{_escape(stage.name)}{guard}"]')
            return [f"s{number}"], [f"s{number}"]
        lines.append(f'{indent}subgraph s{number}["{_escape(stage.name)}{guard}"]')
        if stage.kind == "parallel":
            ends = [node(child, indent + "  ") for child in stage.children]
            first, last = [n for end in ends for n in end[0]], [n for end in ends for n in end[1]]
        else:
            first, last = chain(stage.children, indent + "  ")
        lines.append(f"{indent}end")
        return first, last

    def chain(stages: tuple[Stage, ...], indent: str) -> tuple[list[str], list[str]]:
        first, last = [], []
        for stage in stages:
            begin, end = node(stage, indent)
            if last:
                lines.append(f"{indent}{' & '.join(last)} --> {' & '.join(begin)}")
            first, last = first or begin, end
        return first, last

    chain(pipeline.stages, "  ")
    return "\n".join(lines)


def _escape(text: str) -> str:
    return text.replace('"', "#quot;")
