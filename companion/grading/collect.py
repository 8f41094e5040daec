"""Which uploaded file is whose and which notebook: nbgrader's plug-in for the second half of a collection, and its record.

What was taken, what was left and why, file by file, stands in ``downloaded/UNIT/collected.json`` afterwards: the table of a
round is made from it (:mod:`companion.grading.table`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.plugins import FileNameCollectorPlugin

from companion.grading import names

RECORD = "collected.json"
_GRADE_ID = re.compile(rb'"grade_id":\s*"([^"\\]{1,200})"')


@dataclass
class Upload:
    """A file that came back.

    Attributes:
        file: its name as the instructor sees it, with its archive.
        name: the student as written; None when nothing says who it is.
        student: the student's id; None as before.
        notebook: the notebook of the unit that it is; None when it is none.
        taken: whether it is what gets graded.
        notes: what was odd about it, or why it was not taken.
        path: where it lies below ``extracted``.
        changed: when it was changed last, in seconds.
        copy: the number of a copy that its name has.
    """

    file: str
    name: str | None
    student: str | None
    notebook: str | None = None
    taken: bool = False
    notes: list[str] = field(default_factory=list)
    path: str = ""
    changed: float = 0.0
    copy: int = 0


@dataclass(frozen=True)
class Exercises:
    """The exercise cells' ids of the unit's notebooks, and where an id of another unit belongs (``UNIT/NAME``)."""

    here: dict[str, frozenset[str]]
    elsewhere: Callable[[], dict[str, str]]


class UploadCollector(FileNameCollectorPlugin):
    """Looks at all files at once: the newest of several uploads is taken, and what is left out is said by name."""

    valid_ext = [".ipynb"]  # noqa: RUF012  (a trait of nbgrader's)

    def collect(self, submitted_file: str) -> dict[str, str] | None:
        """``student_id`` and ``file_id`` of a file that is taken, None of the others."""
        taken = self._plan().get(Path(submitted_file))
        return None if taken is None else {"student_id": taken.student or "", "file_id": taken.notebook or ""}

    def _plan(self) -> dict[Path, Upload]:
        if not hasattr(self, "_taken"):
            app = self.parent
            extracted = Path(app._format_collect_path(app.extracted_directory))
            uploads = self._uploads(extracted)
            self._record(uploads, extracted.parent / RECORD)
            self._taken = {extracted / upload.path: upload for upload in uploads if upload.taken}
        return self._taken

    def _uploads(self, extracted: Path) -> list[Upload]:
        extractor, course = self.parent.extractor_plugin_inst, self.parent.coursedir
        root, unit = Path(course.root), course.assignment_id
        exercises = Exercises(
            {path.stem: grade_ids(path) for path in sorted((root / course.release_directory / unit).glob("*.ipynb"))},
            lambda: {
                grade_id: f"{path.parent.name}/{path.stem}"
                for path in (root / course.source_directory).glob("*/*.ipynb")
                for grade_id in grade_ids(path)
            },
        )
        called = getattr(extractor, "called", {})
        paths = sorted(path for path in extracted.rglob("*") if path.is_file())
        uploads = [
            look_at(path.relative_to(extracted), path, called.get(path, str(path.relative_to(extracted))), exercises)
            for path in paths
        ]
        for refused in getattr(extractor, "refused", []):
            stem = names.without_ending(refused.name)
            name, _ = names.split(stem if stem is not None else Path(refused.name).stem, refused.folders)
            uploads.append(Upload(refused.file, name, name and names.student_id(name), notes=[refused.reason]))
        choose(uploads)
        return uploads

    def _record(self, uploads: list[Upload], path: Path) -> None:
        for upload in uploads:
            for note in upload.notes:
                self.log.warning("%s: %s", upload.file, note)
        path.write_text(json.dumps([asdict(u) for u in uploads], indent=1, ensure_ascii=False), encoding="utf-8")
        # a student whose every file is unusable has a line in grades.csv all the same
        course = self.parent.coursedir
        with Gradebook(course.db_url, course.course_id) as gradebook:
            for student in {u.student for u in uploads if u.student} - {u.student for u in uploads if u.taken}:
                gradebook.update_or_create_student(student)


def grade_ids(path: Path) -> frozenset[str]:
    """The exercise cells' ids in a notebook's file, also in one that is cut off."""
    return frozenset(found.decode(errors="replace") for found in _GRADE_ID.findall(path.read_bytes()))


def look_at(relative: Path, path: Path, shown: str, exercises: Exercises) -> Upload:
    """What a file's name and exercise cells say about it; ``notebook`` is None when it can't be graded in this unit."""
    stem = names.without_ending(relative.name)
    name, notebook = names.split(stem if stem is not None else relative.stem, relative.parts[:-1])
    upload = Upload(
        shown,
        name,
        name and names.student_id(name),
        path=relative.as_posix(),
        changed=path.stat().st_mtime,
        copy=names.copy_number(notebook),
    )
    if stem is None:
        upload.notes.append("not a notebook (.ipynb)")
    elif name is None:
        upload.notes.append("no student in its name: it has to be STUDENT__NOTEBOOK.ipynb")
    else:
        upload.notebook = _notebook(notebook, grade_ids(path), exercises, upload.notes)
        if upload.student != name:
            upload.notes.append(f"the student is {name!r}, with the id {upload.student}")
    return upload


def _notebook(written: str, ids: frozenset[str], exercises: Exercises, notes: list[str]) -> str | None:
    """Which notebook of the unit a file is: by its name, unless its exercise cells are another's."""
    named = names.known(written, exercises.here)
    cells = Counter({notebook: len(ids & own) for notebook, own in exercises.here.items()})
    found, count = cells.most_common(1)[0] if cells else ("", 0)
    if named is not None and (cells[named] or not count):
        foreign = Counter(filter(None, map(exercises.elsewhere().get, ids))) if ids and not count else None
        if foreign:
            notes.append(f"holds {foreign.most_common(1)[0][0]}, which is not of this unit")
            return None
        if named != written:
            notes.append(f"called {written!r}, taken for {named}")
        return named
    if count:
        notes.append(f"called {written!r}, but holds {found}")
        return found
    foreign = Counter(filter(None, map(exercises.elsewhere().get, ids)))
    if foreign:
        notes.append(f"holds {foreign.most_common(1)[0][0]}, which is not of this unit")
    elif not exercises.here:
        notes.append("the unit is not released yet (make release UNIT=...)")
    else:
        notes.append(f"no notebook of this unit is called {written!r}; it has: {', '.join(exercises.here)}")
    return None


def choose(uploads: list[Upload]) -> None:
    """Mark one upload for each student's notebook as taken: the one changed last, of equally old ones the highest copy."""
    several: dict[tuple[str, str], list[Upload]] = {}
    for upload in uploads:
        if upload.student and upload.notebook:
            several.setdefault((upload.student, upload.notebook), []).append(upload)
    for group in several.values():
        *left, last = sorted(group, key=lambda u: (u.changed, u.copy, u.file))
        last.taken = True
        for upload in left:
            newer = "is newer" if last.changed > upload.changed else "has the same date and comes later by its name"
            upload.notes = [f"left: {last.file} {newer}"]
        if left:
            last.notes.append(f"the newest of {len(group)} uploads: {', '.join(u.file for u in left)} left")
    spelt: dict[str, set[str]] = {}
    for student in {upload.student for upload in uploads if upload.student}:
        spelt.setdefault(student.casefold(), set()).add(student)
    for upload in uploads:
        if upload.taken and upload.student and len(alike := spelt[upload.student.casefold()]) > 1:
            upload.notes.append(f"graded as different students: {', '.join(sorted(alike))}")
