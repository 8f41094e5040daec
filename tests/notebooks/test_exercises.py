"""Every exercise, with the answers kept in tests/notebooks/answers/: the book's own and other right ones pass, the classic wrong ones
fail with a useful hint, and so does a blank one."""

import importlib.util
import sys
import types
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import nbformat
import pytest
from conftest import missing_engines
from processes import shared_memory

from companion import book

ANSWERS = Path(__file__).parent / "answers"
BLANK = "raise NotImplementedError()"


def load_answers(chapter) -> types.ModuleType:
    """The kept answers; an empty pair where there is no file yet (a test of its own complains)."""
    if not (ANSWERS / f"{chapter.name}.py").is_file():
        return types.SimpleNamespace(RIGHT={}, WRONG={})
    spec = importlib.util.spec_from_file_location(f"answers_{chapter.name}", ANSWERS / f"{chapter.name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_notebook(chapter):
    return nbformat.read(book.folder() / chapter.file, as_version=4)


def setup_sources(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if "exercise-setup" in cell.metadata.get("tags", [])]


def solutions(notebook) -> dict[str, str]:
    """Source of each exercise's solution cell by its grade id."""
    return {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }


def test_sources(notebook, exercise: str) -> list[str]:
    """Sources of the test cells that belong to an exercise."""
    return [
        cell.source
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade")
        and cell.metadata.nbgrader.grade_id.startswith(f"{exercise}-test")
    ]


test_sources.__test__ = False


def cases():
    """(chapter, exercise, label, source or None for the book's own, hint or None when it has to pass)."""
    for chapter in book.BOOK:
        if not (book.folder() / chapter.file).is_file():
            continue  # test_notebooks says so
        answers = load_answers(chapter)
        for exercise in solutions(load_notebook(chapter)):
            yield chapter, exercise, "the book's own", None, None
            yield chapter, exercise, "blank", BLANK, NotImplementedError
            for number, source in enumerate(answers.RIGHT.get(exercise, ()), 1):
                yield chapter, exercise, f"right {number}", source, None
            for reason, source, hint in answers.WRONG.get(exercise, ()):
                yield chapter, exercise, reason, source, hint


CASES = list(cases())


class Runner:
    """Runs the set-up cells of one notebook once, and each answer in a namespace of its own on top of it."""

    def __init__(self, chapter):
        self.notebook = load_notebook(chapter)
        self.setup = types.ModuleType(f"exercise_{chapter.name}")
        sys.modules[self.setup.__name__] = self.setup
        for source in setup_sources(self.notebook):
            exec(source, vars(self.setup))  # noqa: S102  (the project's own cells)

    def grade(self, exercise: str, source: str | None) -> None:
        """Run an answer and its tests; raises what they raise."""
        module = types.ModuleType(self.setup.__name__)
        vars(module).update(vars(self.setup))
        sys.modules[module.__name__] = module  # functions pickle by the module they were defined in
        for code in [source or solutions(self.notebook)[exercise], *test_sources(self.notebook, exercise)]:
            exec(code, vars(module))  # noqa: S102


_runners: dict[str, Runner] = {}


def runner(chapter) -> Runner:
    if chapter.name not in _runners:
        _runners[chapter.name] = Runner(chapter)
    return _runners[chapter.name]


@pytest.fixture(autouse=True)
def _own_scratch(scratch):
    pass


@pytest.fixture(autouse=True)
def _no_leaked_shared_memory(monkeypatch):
    """What a wrong answer forgets to unlink goes with its test: tests that run beside it look for what is left behind."""
    made, register = set(), resource_tracker.register

    def noted(name, kind):
        if kind == "shared_memory":
            made.add(name.lstrip("/"))
        register(name, kind)

    monkeypatch.setattr(resource_tracker, "register", noted)
    yield
    for name in made & shared_memory():
        block = SharedMemory(name)
        block.close()
        block.unlink()


@pytest.mark.parametrize(
    ("where", "exercise", "label", "source", "hint"), CASES, ids=[f"{e}: {label}" for _, e, label, _, _ in CASES]
)
def test_answer(where, exercise, label, source, hint):
    if missing := missing_engines(where.engines):
        pytest.skip(f"{where.name} needs {missing[0]}")
    if hint is None:
        runner(where).grade(exercise, source)
    elif hint is NotImplementedError:
        blank = blanked(solutions(runner(where).notebook)[exercise])
        with pytest.raises((NotImplementedError, NameError, AssertionError)):
            runner(where).grade(exercise, blank)
    else:
        with pytest.raises(AssertionError, match=hint):
            runner(where).grade(exercise, source)


def blanked(solution: str) -> str:
    """The solution cell as a student receives it."""
    lines, inside = [], False
    for line in solution.splitlines():
        if "### BEGIN SOLUTION" in line:
            lines.append(line.partition("###")[0] + BLANK)
            inside = True
        elif "### END SOLUTION" in line:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def test_every_exercise_has_right_and_wrong_answers_kept(chapter):
    exercises, answers = set(solutions(load_notebook(chapter))), load_answers(chapter)
    assert set(answers.RIGHT) <= exercises and set(answers.WRONG) <= exercises, "an answer to no exercise"
    for exercise in exercises:
        assert answers.RIGHT.get(exercise), f"no other right answer kept for {exercise}"
        assert len(answers.WRONG.get(exercise, ())) >= 2, f"fewer than two wrong answers kept for {exercise}"


def test_grade_ids_are_unique_in_the_book():
    ids = [
        cell.metadata.nbgrader.grade_id
        for chapter in book.BOOK
        for cell in load_notebook(chapter).cells
        if "nbgrader" in cell.metadata
    ]
    assert len(ids) == len(set(ids))
