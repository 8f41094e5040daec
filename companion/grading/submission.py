"""A submitted file, read whatever state it is in, and its exercise cells put back in order: before anything of it is run."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbformat.validator import normalize
from nbgrader.api import Gradebook
from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, NbGraderPreprocessor

from companion.errors import DatasetError

#: where a notebook keeps what grading found odd about it
KEY = "grading"
_SCHEMA = 3  # of nbgrader's metadata


def notes(notebook: NotebookNode) -> list[str]:
    """The list of what grading found odd about a notebook, kept in the notebook itself."""
    kept = notebook.metadata.setdefault(KEY, NotebookNode(notes=[]))
    found: list[str] = kept.setdefault("notes", [])
    return found


def note(notebook: NotebookNode, text: str) -> None:
    """Add a line to :func:`notes`, once."""
    if text not in notes(notebook):
        notes(notebook).append(text)


def read(data: bytes) -> NotebookNode:
    """The notebook in a file, of any format from 1 to 4, with what was mended noted in it.

    Raises:
        DatasetError: it is none.
    """
    text, found = _text(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # missing ids of cells: mended below
        try:
            raw = json.loads(text)
            if not isinstance(raw, dict) or not ("cells" in raw or "worksheets" in raw):
                raise DatasetError("not a notebook: it has no cells")
            _add_what_is_left_out(raw)
            notebook = nbformat.reads(json.dumps(raw), as_version=4)
            _tidy(notebook)
            nbformat.validate(notebook)
        except DatasetError:
            raise
        except RecursionError:
            raise DatasetError("not a notebook: too deeply nested") from None
        except json.JSONDecodeError as error:
            raise DatasetError(_reason(text, error)) from None
        except Exception as error:  # whatever nbformat stumbles over
            raise DatasetError(f"not a notebook that can be read ({str(error).splitlines()[0][:100]})") from None
    if raw.get("nbformat") != 4:
        found.append(f"of the old format {raw.get('nbformat')}, converted")
    notebook.metadata.pop(KEY, None)
    for line in found:
        note(notebook, line)
    return notebook


def _text(data: bytes) -> tuple[str, list[str]]:
    """The text of a file, and what was odd about its encoding."""
    if not data.strip():
        raise DatasetError("an empty file")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace"), ["stored as UTF-16, read as such"]
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace"), ["not stored as UTF-8: letters with accents may be wrong"]


def _reason(text: str, error: json.JSONDecodeError) -> str:
    start = text.lstrip()
    if start.startswith("<<<<<<<") or "\n<<<<<<<" in text:
        return "a file with git's conflict markers in it"
    if start.startswith("<"):
        return "a web page, not a notebook"
    if (start.startswith("{") and error.pos >= len(text.rstrip()) - 1) or "Unterminated" in error.msg:
        return "a notebook that is cut off: the upload was not complete"
    return "not a notebook: not JSON"


def _add_what_is_left_out(raw: dict[str, Any]) -> None:
    """Give the notebook and its cells the fields that every reader asks for; programs that write notebooks leave some out."""
    cells = raw.get("cells", [])
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise DatasetError("not a notebook: its cells are none")
    for part in (raw, *cells):
        if not isinstance(part.get("metadata"), dict):
            part["metadata"] = {}
    for cell in cells:
        cell.setdefault("source", "")
        cell["outputs"] = []  # they are made anew
    raw.setdefault("nbformat", 4 if "cells" in raw else 3)
    raw.setdefault("nbformat_minor", 0)


def _tidy(notebook: NotebookNode) -> None:
    """Make the cells what the format says, whatever their kind."""
    for cell in notebook.cells:
        if cell.cell_type not in ("code", "markdown", "raw"):
            cell.cell_type = "raw"
        if isinstance(cell.source, list):
            cell.source = "".join(map(str, cell.source))
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
            cell.pop("attachments", None)
        else:
            cell.pop("outputs", None)
            cell.pop("execution_count", None)
    notebook.update(nbformat=4, nbformat_minor=5)
    _, fixed = normalize(notebook, strip_invalid_metadata=True)
    notebook.update(fixed)


class SubmissionExporter(NotebookExporter):
    """Reads a submission by :func:`read`. In the place of an unreadable one stands an empty notebook that says so: its exercises
    earn nothing, its student has a page of feedback, and the next student's turn comes.
    """

    def from_file(
        self, file_stream: IO[Any], resources: dict[str, Any] | None = None, **options: Any
    ) -> tuple[NotebookNode, dict[str, Any]]:
        path = Path(file_stream.name)
        if not getattr(self.parent, "_sanitizing", True):  # what was read and put in order already
            notebook = nbformat.read(path, as_version=4)
        else:
            try:
                notebook = read(path.read_bytes())
            except DatasetError as error:
                notebook = nbformat.v4.new_notebook()
                note(notebook, f"{error}: nothing in it could be graded")
                notebook.metadata[KEY]["unreadable"] = True
        return self.from_notebook_node(notebook, resources=resources, **options)


@dataclass(frozen=True)
class Original:
    """An exercise cell: ``source`` with its hidden tests, ``released`` as it was handed out."""

    grade_id: str
    cell_type: str
    source: str
    released: str
    checksum: str
    locked: bool
    grade: bool
    solution: bool
    task: bool
    points: float | None

    @property
    def metadata(self) -> NotebookNode:
        """nbgrader's, whatever a student has made of them."""
        made = NotebookNode(
            schema_version=_SCHEMA,
            grade_id=self.grade_id,
            grade=self.grade,
            solution=self.solution,
            locked=self.locked,
            task=self.task,
            cell_type=self.cell_type,
            checksum=self.checksum,
        )
        if self.points is not None:
            made.points = self.points
        return made

    def cell(self) -> NotebookNode:
        """The cell itself."""
        make = nbformat.v4.new_code_cell if self.cell_type == "code" else nbformat.v4.new_markdown_cell
        metadata = {"nbgrader": self.metadata, "deletable": False, "editable": not self.locked}
        made: NotebookNode = make(self.source, metadata=metadata)
        return made

    def is_blank(self, cell: NotebookNode) -> bool:
        """Whether a student's cell still holds what was handed out."""
        return cell.source.strip() in (self.released.strip(), self.source.strip())


def originals(gradebook: Gradebook, notebook: str, assignment: str, clear: Iterable[Any] = ()) -> dict[str, Original]:
    """The exercise cells of a notebook by their grade ids, in the order in which they were handed out.

    ``clear`` are the preprocessors that took out what students don't see: the gradebook has the cells before them.
    """
    stored = gradebook.find_notebook(notebook, assignment)
    grades = {cell.name: cell.max_score for cell in stored.grade_cells}
    tasks = {cell.name: cell.max_score for cell in stored.task_cells}
    solutions = {cell.name for cell in stored.solution_cells}
    return {
        cell.name: Original(
            grade_id=cell.name,
            cell_type=cell.cell_type,
            source=cell.source or "",
            released=_cleared(cell.cell_type, cell.source or "", clear),
            checksum=cell.checksum or "",
            locked=bool(cell.locked),
            grade=cell.name in grades,
            solution=cell.name in solutions,
            task=cell.name in tasks,
            points=grades.get(cell.name, tasks.get(cell.name)),
        )
        for cell in stored.source_cells
    }


def _cleared(cell_type: str, source: str, clear: Iterable[Any]) -> str:
    make = nbformat.v4.new_code_cell if cell_type == "code" else nbformat.v4.new_markdown_cell
    notebook = nbformat.v4.new_notebook(cells=[make(source, metadata={"nbgrader": {"grade": True}})])
    for preprocessor in clear:
        notebook, _ = preprocessor.preprocess(notebook, {})
    return str(notebook.cells[0].source)


class RestoreExercises(NbGraderPreprocessor):
    """Puts the exercise cells of a submission back in order, whatever was copied, split, moved, deleted or edited.

    Afterwards each id is there once, with the metadata that were handed out; locked cells hold what was handed out, come after the
    answer that they test, and are there. What a student wrote is kept, and run: cells that count no more as exercises are ordinary
    ones. nbgrader's own DeduplicateIds, CheckCellMetadata and ``add_missing_cells`` end with an error on some of these cases, and
    with them the round of everybody else.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        about = resources["nbgrader"]
        with Gradebook(about["db_url"]) as gradebook:
            clear = [ClearHiddenTests(parent=self), ClearMarkScheme(parent=self)]
            handed_out = originals(gradebook, about["notebook"], about["assignment"], clear)
        restore(nb, handed_out)
        return nb, resources


def restore(notebook: NotebookNode, handed_out: dict[str, Original]) -> None:
    """Put a notebook's exercise cells back in order, in place; what was done is noted in it."""
    found = _by_id(notebook, handed_out)
    if not found and handed_out and notebook.cells:
        note(notebook, "none of the exercise cells that were handed out is in it")
    kept = {}
    for grade_id, cells in found.items():
        kept[grade_id] = _one_of(notebook, handed_out[grade_id], cells)
        _restore_cell(notebook, handed_out[grade_id], kept[grade_id])
    _put_back(notebook, handed_out, kept)
    _tests_after_answers(notebook, handed_out, kept)


def _by_id(notebook: NotebookNode, handed_out: dict[str, Original]) -> dict[str, list[NotebookNode]]:
    """The cells of each known id; cells of another id are ordinary ones from now on."""
    found: dict[str, list[NotebookNode]] = {}
    for cell in notebook.cells:
        marks = cell.metadata.pop("nbgrader", None)
        grade_id = marks.get("grade_id") if isinstance(marks, dict) else None
        if isinstance(grade_id, str) and grade_id in handed_out:
            found.setdefault(grade_id, []).append(cell)
            points = handed_out[grade_id].points
            if points is not None and marks.get("points", points) != points:
                note(notebook, f"{grade_id}: points changed to {str(marks['points'])[:20]}, {points:g} count")
        elif grade_id is not None:
            note(notebook, f"the exercise id {str(grade_id)[:60]!r} was never handed out: an ordinary cell")
    return found


def _one_of(notebook: NotebookNode, original: Original, cells: list[NotebookNode]) -> NotebookNode:
    """The cell that counts of those with the same id: the last one with an answer. Blank copies are not run: they would undo it."""
    if len(cells) == 1:
        return cells[0]
    answered = [cell for cell in cells if not original.is_blank(cell)]
    chosen = cells[-1] if original.locked or not answered else answered[-1]
    for cell in cells:
        if cell is not chosen and original.is_blank(cell):
            _become(cell, "raw")
    which = "the last" if chosen is cells[-1] else "the last with an answer"
    note(notebook, f"{original.grade_id} is there {len(cells)} times: {which} counts")
    return chosen


def _restore_cell(notebook: NotebookNode, original: Original, cell: NotebookNode) -> None:
    if cell.cell_type != original.cell_type:
        note(notebook, f"{original.grade_id} had become a {cell.cell_type} cell")
        _become(cell, original.cell_type)
    if original.locked:
        if not original.is_blank(cell):
            note(notebook, f"{original.grade_id} was changed: the original was run")
        cell.source = original.source
        cell.metadata = NotebookNode(
            deletable=False, editable=False
        )  # tags too: one of them keeps a cell from being run
    cell.metadata["nbgrader"] = original.metadata


def _become(cell: NotebookNode, cell_type: str) -> None:
    cell.cell_type = cell_type
    for field in ("outputs", "execution_count", "attachments"):
        cell.pop(field, None)
    if cell_type == "code":
        cell.update(outputs=[], execution_count=None)


def _position(notebook: NotebookNode, cell: NotebookNode) -> int:
    return next(at for at, other in enumerate(notebook.cells) if other is cell)


def _put_back(notebook: NotebookNode, handed_out: dict[str, Original], kept: dict[str, NotebookNode]) -> None:
    """Put back what was deleted, before the next exercise cell that is there: after whatever the student wrote in its place.

    A deleted answer stays deleted: a blank one would replace what the student wrote elsewhere.
    """
    order = list(handed_out)
    for at, grade_id in enumerate(order):
        if grade_id in kept or not (
            handed_out[grade_id].locked or handed_out[grade_id].grade or handed_out[grade_id].task
        ):
            continue
        before = max((_position(notebook, kept[name]) for name in order[:at] if name in kept), default=-1)
        after = [_position(notebook, kept[name]) for name in order[at:] if name in kept]
        cell = handed_out[grade_id].cell()
        notebook.cells.insert(min((p for p in after if p > before), default=len(notebook.cells)), cell)
        kept[grade_id] = cell
        if not notebook.metadata.get(KEY, {}).get("unreadable"):
            note(notebook, f"{grade_id} was missing and put back")


def _tests_after_answers(
    notebook: NotebookNode, handed_out: dict[str, Original], kept: dict[str, NotebookNode]
) -> None:
    """A test that stands before the answer that it tests goes behind it."""
    for answer, tests in _tests(handed_out):
        if answer not in kept:
            continue
        end = kept[answer]
        for test in (kept[name] for name in tests if name in kept):
            if _position(notebook, test) < _position(notebook, kept[answer]):
                note(notebook, f"{test.metadata.nbgrader.grade_id} stood before its answer: it was run after it")
                del notebook.cells[_position(notebook, test)]
                notebook.cells.insert(_position(notebook, end) + 1, test)
                end = test


def _tests(handed_out: dict[str, Original]) -> Iterable[tuple[str, list[str]]]:
    """``(answer, its tests)``: the locked cells that follow an answer when handed out."""
    answer: str | None = None
    tests: list[str] = []
    for original in handed_out.values():
        if original.solution:
            if answer:
                yield answer, tests
            answer, tests = original.grade_id, []
        elif original.grade:
            tests.append(original.grade_id)
    if answer:
        yield answer, tests
