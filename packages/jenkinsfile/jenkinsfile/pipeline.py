"""The stages of a declarative pipeline as a tree, and as a drawing in Mermaid's language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jenkinsfile import vocabulary
from jenkinsfile.declarative import Examined, examine
from jenkinsfile.declarative.blocks import body_of, name_of
from jenkinsfile.errors import PipelineError
from jenkinsfile.groovy import Call, Literal, MapLiteral, Node, text_of, walk


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
        calls = [call for call in walk(self.sections["steps"].block) if isinstance(call, Call) and call.name == "sh"]
        scripts = [call.arguments[0] for call in calls if call.arguments]
        return tuple(s.value for s in scripts if isinstance(s, Literal) and isinstance(s.value, str))


@dataclass(frozen=True)
class Pipeline:
    """A pipeline without faults: its sections by name, its stages, and the statements around its block."""

    sections: dict[str, Call]
    stages: tuple[Stage, ...]
    outside: tuple[Node, ...] = ()

    def walk(self) -> Iterator[tuple[tuple[str, ...], Stage]]:
        """Every stage with the names on the way to it, in the order of the file."""
        yield from _walk(self.stages, ())


def read_pipeline(source: str | Examined) -> Pipeline:
    """The pipeline of a source, or of one that is examined already; PipelineError with every fault when it has some."""
    examined = examine(source) if isinstance(source, str) else source
    if examined.findings or examined.pipeline is None:
        faults = "\n".join(f"  line {fault.line}: {fault.message}" for fault in examined.findings)
        raise PipelineError(f"the pipeline has faults:\n{faults}")
    sections = _sections(examined.pipeline)
    return Pipeline(sections, _stages(sections["stages"]), examined.outside)


def calls_in(section: Call | None) -> list[Call]:
    """The calls in a section's block: its steps, stages, conditions; none where there is no section."""
    return [statement for statement in body_of(section) if isinstance(statement, Call)]


def named_arguments(call: Call) -> dict[str, Node]:
    """The values of a call's named arguments by name."""
    first = call.arguments[0] if call.arguments else None
    if not (isinstance(first, MapLiteral) and first.named):
        return {}
    return {name: value for key, value in first.entries if (name := text_of(key)) is not None}


def _sections(call: Call) -> dict[str, Call]:
    return {name_of(section): section for section in calls_in(call)}


def _stages(call: Call) -> tuple[Stage, ...]:
    return tuple(map(_stage, calls_in(call)))


def _stage(call: Call) -> Stage:
    sections = _sections(call)
    kind = next(name for name in vocabulary.CONTENTS if name in sections)
    holder = sections[kind]
    if kind == "matrix":
        holder = _sections(holder)["stages"]
    children = _stages(holder) if kind != "steps" else ()
    return Stage(text_of(call.arguments[0]) or "", call.line, kind, sections, children)


def _walk(stages: tuple[Stage, ...], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Stage]]:
    for stage in stages:
        yield (*path, stage.name), stage
        yield from _walk(stage.children, (*path, stage.name))


def mermaid(pipeline: Pipeline) -> str:
    """A flow chart of the stages; what runs at the same time stands side by side in a frame."""
    lines = ["flowchart LR"]
    numbers: dict[int, int] = {}

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
        first: list[str] = []
        last: list[str] = []
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
