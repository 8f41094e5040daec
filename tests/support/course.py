"""A small nbgrader course in a temporary folder, made from one notebook of the book.

nbgrader is imported when a course is made: it costs more than all that the tests of a notebook import beside it.
"""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from companion import checkout

ROOT = checkout.folder()


@cache
def empty_gradebook() -> bytes:
    """A gradebook with its tables: to make them nbgrader starts another Python, which takes longer than a release."""
    from nbgrader.api import Gradebook

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gradebook.db"
        Gradebook(f"sqlite:///{path}", course_id="scalable-ai").close()
        return path.read_bytes()


class Course:
    """The course, with the calls that an instructor makes; every call that fails raises with nbgrader's own log."""

    def __init__(self, root: Path, chapter):
        from release import grader

        self.root, self.unit, self.name = root, chapter.unit, chapter.name
        source = root / "notebooks" / chapter.unit
        source.mkdir(parents=True)
        shutil.copy(ROOT / "notebooks" / chapter.file, source)
        shutil.copy(ROOT / "nbgrader_config.py", root)
        self.source = source / f"{chapter.name}.ipynb"
        self.released = root / "release" / chapter.unit / f"{chapter.name}.ipynb"
        self.api = grader(root)
        (root / "gradebook.db").write_bytes(empty_gradebook())

    def release(self):
        """The student version, as a notebook."""
        import nbformat

        self._check(self.api.generate_assignment(self.unit))
        return nbformat.read(self.released, as_version=4)

    def submit(self, student: str, path: Path) -> None:
        folder = self.root / "submitted" / student / self.unit
        folder.mkdir(parents=True)
        shutil.copy(path, folder / f"{self.name}.ipynb")

    def autograde(self, student: str) -> tuple[float, float]:
        """``(score, maximum)`` of a student's submission."""
        from nbgrader.api import Gradebook

        self._check(self.api.autograde(self.unit, student))
        with Gradebook(f"sqlite:///{self.root / 'gradebook.db'}") as book:
            submission = book.find_submission(self.unit, student)
            return submission.score, submission.max_score

    def graded(self, student: str):
        import nbformat

        return nbformat.read(self.root / "autograded" / student / self.unit / f"{self.name}.ipynb", as_version=4)

    @staticmethod
    def _check(answer: dict) -> None:
        assert answer["success"], answer.get("error") or answer.get("log")
