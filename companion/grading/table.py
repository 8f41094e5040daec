"""The end of a round: who handed in what, what it earned, and with what trouble, by name."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from nbgrader.api import MissingEntry

from companion.errors import SettingError
from companion.grading.collect import RECORD
from companion.grading.round import faults, open_gradebook, submitted
from companion.grading.submission import KEY

SAVED = "round.txt"


@dataclass
class Row:
    """A student, or a file of nobody.

    Attributes:
        student: the id; empty for a file of nobody.
        name: the student as written on the file.
        state: ``graded``, ``not graded``, ``nothing to grade``, ``no student``.
        score: points; None where nothing was graded.
        maximum: of these points.
        troubles: what an instructor should know.
    """

    student: str
    name: str
    state: str
    score: float | None = None
    maximum: float | None = None
    troubles: list[str] = field(default_factory=list)


def rows(root: Path, unit: str) -> list[Row]:
    """The table of a unit's round as it lies on the disk, by name.

    Args:
        root: the course's folder.
        unit: the assignment.

    Raises:
        SettingError: nothing was collected yet.
    """
    record = root / "downloaded" / unit / RECORD
    if not record.is_file():
        raise SettingError(f"nothing of {unit} was collected yet: make grade UNIT={unit}")
    uploads = json.loads(record.read_text(encoding="utf-8"))
    found: dict[str, Row] = {student: Row(student, student, "not graded") for student in submitted(root, unit)}
    faults_of_the_round, nobodys = faults(root, unit), []
    for upload in uploads:
        if not upload["student"]:
            nobodys.append(Row("", upload["file"], "no student", troubles=upload["notes"]))
            continue
        row = found.setdefault(upload["student"], Row(upload["student"], upload["name"], "nothing to grade"))
        row.name = upload["name"]
        row.troubles += [text if upload["taken"] else f"{upload['file']}: {text}" for text in upload["notes"]]
    for student, row in found.items():
        _add_grade(root, unit, row)
        if fault := faults_of_the_round.get(student):
            row.state, row.troubles = "not graded", [*row.troubles, fault]
    return [*sorted(found.values(), key=lambda row: row.name.casefold()), *sorted(nobodys, key=lambda row: row.name)]


def _add_grade(root: Path, unit: str, row: Row) -> None:
    notebooks = sorted((root / "autograded" / row.student / unit).glob("*.ipynb"))
    for path in notebooks:
        noted = json.loads(path.read_text(encoding="utf-8"))["metadata"].get(KEY, {}).get("notes", [])
        row.troubles += [f"{path.stem}: {text}" if len(notebooks) > 1 else text for text in noted]
    if notebooks:
        row.state = "graded"
        with open_gradebook(root) as gradebook:
            try:
                submission = gradebook.find_submission(unit, row.student)
            except MissingEntry:
                return
            row.score, row.maximum = float(submission.score), float(submission.max_score)
            missing = sorted({n.name for n in submission.assignment.notebooks} - {path.stem for path in notebooks})
            row.troubles += [f"{name} was not handed in" for name in missing]
            if submission.needs_manual_grade:
                row.troubles.append("parts of it wait for a grade by hand")


def text(table: list[Row]) -> str:
    """The table for reading: a line a student, and a line each for further troubles; last, the sums."""
    head = ("student", "points", "state", "trouble")
    lines: list[tuple[str, ...]] = []
    for row in table:
        name = row.name if row.name == row.student or not row.student else f"{row.name} [{row.student}]"
        points = "" if row.score is None else f"{row.score:g}/{row.maximum:g}"
        first, *more = row.troubles or [""]
        lines.append((_shown(name), points, row.state, _shown(first)))
        lines += [("", "", "", _shown(trouble)) for trouble in more]
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    table_text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (head, *lines)
    ]
    students = [row for row in table if row.student]
    graded = [row for row in students if row.state == "graded"]
    table_text += [
        "",
        f"{len(students)} students: {len(graded)} graded, {sum(bool(row.troubles) for row in graded)} of them with trouble, "
        f"{len(students) - len(graded)} not; {len(table) - len(students)} files of nobody",
    ]
    return "\n".join(table_text)


def _shown(text: str) -> str:
    """What a student wrote must not move the instructor's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
