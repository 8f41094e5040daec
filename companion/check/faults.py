"""The rules by name, each with its mend; what a fault is; what is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion import book, checkout

#: the mend of each rule; {name} is the notebook's
RULES = {
    # what is stored
    "format": "open it in JupyterLab and save it again, or take the last commit's",
    "metadata": "`make notebooks NAME={name}` stores a kernel that is nobody's in particular",
    "executed": "`make notebooks NAME={name}` runs every cell in order, in a fresh kernel",
    "ignored": "seed, sort and round what is printed; keep the tag nbval-ignore-output for times, in few cells of their own",
    "machine-path": "write below companion.workspace() and print a file's name, not where it lies",
    "object-address": "print what the object holds; a semicolon after the last line of a cell keeps its value out of the output",
    "network-address": "print that it answers, not where: addresses and ports differ from run to run",
    "warning": "do what the warning asks for; what can't be mended is kept quiet with `with companion.quiet():`",
    "stderr": "leave no log and no progress bar behind: `with companion.quiet():`, or `tqdm(..., leave=False)`",
    "remote": "draw it in Mermaid or with companion.draw: a page loads nothing from another server",
    "error-untagged": "mend the cell; an error that is meant is tagged raises-exception",
    "error-missing": "take the tag raises-exception away, or let the cell fail",
    "error-unasserted": "let the next code cell say what was raised: `assert isinstance(sys.last_value, TheError)`",
    # what is asked and graded
    "three-exercises": "three exercises or more: check, apply, stretch (each cell marked by the menu Nbgrader → Create Assignment)",
    "exercise-setup": "tag the cell that the exercises need exercise-setup; the tests run it and nothing else before an answer",
    "grade-id": "name the cells {name}-1, {name}-1-test, {name}-1-testb, {name}-2 …, each once (Create Assignment has a field for it)",
    "solution-marks": "put the answer between ### BEGIN SOLUTION and ### END SOLUTION, in this order",
    "solution-shown": 'collapse the cell: its metadata hold "jupyter": {{"source_hidden": true}}',
    "no-test": "give it a locked test cell whose grade id is the solution's with -test behind it",
    "lost-test": "begin its grade id with its solution's, followed by -test",
    "points": "lock the test cell and give it points",
    "hidden-test": "put at least one of its tests between ### BEGIN HIDDEN TESTS and ### END HIDDEN TESTS",
    "answers": "keep RIGHT and WRONG in tests/notebooks/answers/{name}.py, in the form that CONTRIBUTING.md shows",
    "answers-few": "keep one right answer of another kind and two classic wrong ones for each exercise",
    # how it reads
    "title": "begin with '# The title', then one sentence of promise",
    "goals": "'**You will**' and three numbered goals in the first cell; the same in the past tense under '## What you have now'",
    "sources": "end with '**Sources.**', each with its year",
    "picture": "draw the system as a ```mermaid block in a cell near the top",
    "picture-alt": "under the block, one sentence in *italics* says what the picture shows",
    "plot-alt": "show a figure with `draw.show(fig, alt=…)`: the text is what a screen reader reads",
    "prose": "say before a code cell what to look for, and after it what was seen",
    "long-cell": "cut it in steps, a cell each; what distracts goes to companion/",
    "sections": "the order of a notebook is in CONTRIBUTING.md; where this one is better for another order, leave it",
    "would-notice": "run the check once on a wrong answer, which it must find, in a cell tagged would-notice",
    "length": "a second idea is a second notebook",
    "words": "explain more, or move what distracts to companion/: ten words of prose to a line of code",
    # where it stands
    "in-book": "`make new` enters a notebook in companion/book.py; to do it by hand, add a Chapter at the end of its unit",
    "navigation": "`make navigation` writes the first, third and last cell",
    "engine-name": "one name for an engine everywhere: `from companion.engines import redis as redis_engine`",
    "data-card": "describe the data in data/README.md, with `{name}` in the card's text",
}
#: never more than advice: where a notebook is better for another order or length, it keeps it
ADVICE = frozenset({"sections", "length", "words"})


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        rule: its name, a key of ``RULES``.
        where: the cell, or the file.
        what: what was found there.
        mend: what to do.
        advice: it breaks no promise; the notebook may stay as it is.
    """

    rule: str
    where: str
    what: str
    mend: str
    advice: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Subject:
    """The notebook that is looked at.

    Attributes:
        notebook: as nbformat reads it.
        name: its file's name without the ending.
        chapter: its entry in the book; None without one.
        root: the checkout whose answers and data cards belong to it.
    """

    notebook: Any
    name: str
    chapter: book.Chapter | None = None
    root: Path = Path()

    @classmethod
    def of(cls, notebook: Any, chapter: book.Chapter) -> Subject:
        """A notebook of the book."""
        return cls(notebook, chapter.name, chapter, checkout.folder())

    @property
    def code(self) -> list[Any]:
        """The code cells that hold something, in order: the n-th is ``[n]`` in JupyterLab once all were run."""
        return [cell for cell in self.notebook.cells if cell.cell_type == "code" and cell.source.strip()]

    @property
    def own(self) -> list[Any]:
        """The cells that an author wrote (the others follow from the book's list)."""
        return [cell for cell in self.notebook.cells if "generated" not in tags(cell)]

    @property
    def solutions(self) -> list[Any]:
        return [cell for cell in self.notebook.cells if nbgrader(cell).get("solution")]

    @property
    def tests(self) -> list[Any]:
        return [
            cell for cell in self.notebook.cells if nbgrader(cell).get("grade") and not nbgrader(cell).get("solution")
        ]

    def fault(self, rule: str, cell: Any, what: str) -> Fault:
        """A fault in a cell, or in what ``cell`` names."""
        return Fault(rule, self._where(cell), what, RULES[rule].format(name=self.name), rule in ADVICE)

    def _where(self, cell: Any) -> str:
        if isinstance(cell, str):
            return cell
        for number, code in enumerate(self.code, 1):
            if code is cell:
                identity = nbgrader(cell).get("grade_id")
                return f"code cell {number}" + (f" ({identity})" if identity else "")
        return f"{cell.cell_type} cell {cell.source.strip().partition(chr(10))[0][:40]!r}"


Rule = Iterator[Fault]


def tags(cell: Any) -> list[str]:
    """The cell's tags; none where its metadata have no such list."""
    found = cell.get("metadata", {}).get("tags", [])
    return found if isinstance(found, list) else []


def nbgrader(cell: Any) -> Mapping[str, Any]:
    """What nbgrader stored in the cell; empty where it stored nothing."""
    return mapping(cell.get("metadata", {}).get("nbgrader"))


def mapping(value: Any) -> Mapping[str, Any]:
    """``value`` where it is a mapping; an empty one where somebody wrote something else there."""
    return value if isinstance(value, Mapping) else {}
