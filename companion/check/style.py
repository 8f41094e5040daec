"""How it reads: the style guide of CONTRIBUTING.md, as far as a machine can judge it."""

from __future__ import annotations

import re
from typing import Any

from companion.check.faults import Rule, Subject, mapping, nbgrader, tags

LEAST_PROSE, MOST_LINES, MOST_CELLS, LEAST_WORDS, GOALS = 0.4, 30, 60, 10, 3
#: beginnings of the headings, in their order
SECTIONS = (
    "Meet ",
    "The plain version",
    "The practice",
    "Same answer?",
    "Measure",
    "Break it",
    "Take it further",
    "Exercises",
    "What you have now",
)
ALT_TEXT = re.compile(r"```\s*\n\*[^*\n].*\*", re.DOTALL)


def lines_of_code(cell: Any) -> int:
    """Lines that are neither empty nor a comment."""
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in cell.source.splitlines())


def told(subject: Subject) -> list[Any]:
    """The code cells that a reader reads: not those of the exercises."""
    return [cell for cell in subject.code if not nbgrader(cell)]


def opening(subject: Subject) -> Rule:
    """A title with a promise, three goals, and at the end what became of them, with the sources."""
    first = subject.own[0] if subject.own else None
    if first is None or first.cell_type != "markdown" or not re.match(r"# \S.*\n\s*\n\s*[^\s*#]", first.source):
        yield subject.fault(
            "title", first or "notebook", "the first cell is no title with one sentence of promise below"
        )
    goals = items(first.source.partition("**You will**")[2]) if first else 0
    ends = [cell.source for cell in subject.own if cell.source.startswith("## What you have now")]
    reached = items(ends[-1]) if ends else 0
    if goals < GOALS or reached != goals:
        found = f"{goals} goals at the top, {reached} of them at the end"
        yield subject.fault("goals", first or "notebook", f"{found}: {GOALS} are asked for, and the same again")
    text = ends[-1].partition("**Sources.**")[2] if ends else ""
    if not re.search(r"\b(?:1[89]|20)\d\d\b", text):
        yield subject.fault("sources", "notebook", "no sources with their years at the end")


def items(text: str) -> int:
    """How many numbered items a text has."""
    return len(re.findall(r"^\d+\. \S", text, re.M))


def pictures(subject: Subject) -> Rule:
    """A picture of the system that diffs as text, and words for every picture."""
    drawn = [cell for cell in subject.own if cell.cell_type == "markdown" and "```mermaid" in cell.source]
    if not any("```mermaid" in cell.source for cell in subject.own):
        yield subject.fault("picture", "notebook", "no picture of the system in Mermaid")
    for cell in drawn:
        if not ALT_TEXT.search(cell.source):
            yield subject.fault("picture-alt", cell, "a picture without a sentence that says what it shows")
    for cell in subject.code:
        for output in cell.get("outputs", []):
            shown = [kind for kind in mapping(output.get("data")) if kind.startswith("image/")]
            told_of = mapping(output.get("metadata"))
            if any(not mapping(told_of.get(kind)).get("alt") for kind in shown):
                yield subject.fault("plot-alt", cell, "a plot without alternative text")


def composition(subject: Subject) -> Rule:
    """Prose in plenty, code in small bites."""
    cells = subject.notebook.cells
    prose = sum(cell.cell_type == "markdown" for cell in cells)
    if prose < LEAST_PROSE * len(cells):
        yield subject.fault("prose", "notebook", f"{prose} of {len(cells)} cells are prose: fewer than 40 %")
    for cell in told(subject):
        if (size := lines_of_code(cell)) > MOST_LINES:
            yield subject.fault("long-cell", cell, f"{size} lines of code: more than {MOST_LINES}")
    words = sum(len(cell.source.split()) for cell in subject.own if cell.cell_type == "markdown")
    lines = sum(map(lines_of_code, told(subject)))
    if words < LEAST_WORDS * lines:
        yield subject.fault(
            "words", "notebook", f"{words} words of prose to {lines} lines of code: fewer than 10 a line"
        )


def shape(subject: Subject) -> Rule:
    """The sections, the cell that tries the check itself, and an end in time."""
    prose = [cell.source for cell in subject.own if cell.cell_type == "markdown"]
    headings = [heading for source in prose for heading in re.findall(r"^## (.+)", source, re.M)]
    missing = [name.strip() for name in SECTIONS if not any(heading.startswith(name) for heading in headings)]
    if missing:
        yield subject.fault("sections", "notebook", f"no section begins with: {', '.join(missing)}")
    if not any("would-notice" in tags(cell) for cell in subject.code):
        yield subject.fault("would-notice", "notebook", "nothing shows that its check would notice a wrong answer")
    starts = [place for place, cell in enumerate(subject.own) if re.search(r"^## Exercises", cell.source, re.M)]
    before = starts[0] if starts else len(subject.own)
    if before > MOST_CELLS:
        yield subject.fault("length", "notebook", f"{before} cells before the exercises: more than {MOST_CELLS}")


CHECKS = (opening, pictures, composition, shape)
