"""A whole round of grading with one unit: collect, grade everybody in processes of their own, write the grades and the feedback.

Each student's notebooks are graded by nbgrader in a process that this one starts, watches and cleans up after. What happens to
that process happens to nobody else: it can run out of time, and a student's code can kill it.
"""

from __future__ import annotations

import gc
import json
import logging
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGraderAPI
from nbgrader.apps.zipcollectapp import ZipCollectApp
from nbgrader.plugins import CsvExportPlugin
from sqlalchemy import URL
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from companion import checkout
from companion.errors import SettingError
from companion.processes import guard

_POLL_SECONDS = 0.1
_WAIT_FOR_GRADEBOOK_SECONDS = 120  # several processes write into one file, each for milliseconds
_TO_END_SECONDS = 300  # beyond the time of its notebooks: start, gradebook, feedback
_GRACE_SECONDS = 6
_STATE = "graded.json"


def course() -> Path:
    """The course's folder: this one if nbgrader's settings are in it, else the checkout.

    Raises:
        SettingError: there are none in either.
    """
    here = Path.cwd()
    return here if (here / "nbgrader_config.py").is_file() else checkout.folder()


def settings(root: Path) -> Config:
    """nbgrader's settings of the course in ``root``."""
    config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    config.CourseDirectory.root = str(root)
    config.CourseDirectory.db_url = URL.create(
        "sqlite", database=str(root / "gradebook.db"), query={"timeout": str(_WAIT_FOR_GRADEBOOK_SECONDS)}
    ).render_as_string()
    return config


def grader(root: Path) -> NbGraderAPI:
    """nbgrader's own interface, configured by the course's ``nbgrader_config.py`` in ``root``."""
    # nbgrader calls alembic by its bare name, and this environment may not be activated
    programs = str(Path(sys.executable).parent)
    if programs not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([programs, os.environ["PATH"]])
    return NbGraderAPI(config=settings(root))


@dataclass(frozen=True)
class Graded:
    """How the grading of a student's submission went: whether it came to its end, and if not, why."""

    student: str
    fault: str | None = None
    again: bool = True


def grade(root: Path, unit: str, *, jobs: int | None = None, everybody: bool = False) -> Iterator[Graded]:
    """Run the round in the course's folder ``root``, and tell of each student when done.

    Args:
        root: holds ``nbgrader_config.py``, ``notebooks/UNIT``, and ``downloaded/UNIT/archive`` with what came back.
        unit: the assignment.
        jobs: how many students at a time; default: the number of cores.
        everybody: grade again what has not changed since the last round.

    Raises:
        SettingError: there is no such unit, it was not released, or nothing came back.
    """
    check(root, unit)
    collect(root, unit)
    waiting = [student for student in submitted(root, unit) if everybody or _changed(root, unit, student)]
    for student in sorted(set(submitted(root, unit)) - set(waiting)):
        yield Graded(student, again=False)
    yield from _in_processes(root, unit, waiting, jobs or os.cpu_count() or 1)
    with open_gradebook(root) as gradebook:
        CsvExportPlugin(to=str(root / "grades.csv"), parent=None).export(gradebook)


def check(root: Path, unit: str) -> None:
    """Raise SettingError when a round with ``unit`` can't begin; the message says what has to come first."""
    if not unit or not (root / "notebooks" / unit).is_dir():
        units = sorted(p.name for p in (root / "notebooks").glob("*") if p.is_dir())
        raise SettingError(f"there is no unit {unit!r}; the book has: {', '.join(units)}")
    if not _is_released(root, unit):
        raise SettingError(f"unit {unit} was not released here: make release UNIT={unit}, and hand out release/{unit}")
    archive = root / "downloaded" / unit / "archive"
    if not archive.is_dir() or not any(archive.iterdir()):
        raise SettingError(f"nothing came back yet: put the students' files into downloaded/{unit}/archive")


def _is_released(root: Path, unit: str) -> bool:
    if not (root / "gradebook.db").is_file():
        return False
    try:
        with open_gradebook(root) as gradebook:
            gradebook.find_assignment(unit)
    except MissingEntry:
        return False
    return True


def collect(root: Path, unit: str) -> None:
    """``nbgrader zip_collect --force``: sort what came back into ``submitted/``."""
    app = ZipCollectApp(config=settings(root), force=True)
    app.coursedir = grader(root).coursedir
    app.coursedir.assignment_id = unit
    app.log.setLevel(logging.ERROR)
    app.init_plugins()
    app.extract_archive_files()
    app.process_extracted_files()


def submitted(root: Path, unit: str) -> list[str]:
    """The ids of the students who have handed something in, sorted."""
    return sorted(path.parent.name for path in (root / "submitted").glob(f"*/{unit}") if any(path.glob("*.ipynb")))


def open_gradebook(root: Path) -> Gradebook:
    """The course's gradebook, to be used in a ``with`` block."""
    config = settings(root).CourseDirectory
    return Gradebook(config.db_url, config.course_id)


def _digest(root: Path, unit: str, student: str) -> str:
    """What the student handed in, and what it is graded by, as one number."""
    files = [
        *(root / "submitted" / student / unit).rglob("*"),
        *(root / "release" / unit).rglob("*"),
        root / "nbgrader_config.py",
    ]
    digest = sha256()
    for path in sorted(path for path in files if path.is_file()):
        digest.update(f"{path.relative_to(root)}\0".encode() + sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _state(root: Path, unit: str) -> tuple[dict[str, str], dict[str, str]]:
    """Of the rounds so far, by student: the digest of what was graded, and why somebody could not be graded."""
    path = root / "downloaded" / unit / _STATE
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"graded": {}, "faults": {}}
    return kept["graded"], kept["faults"]


def faults(root: Path, unit: str) -> dict[str, str]:
    """Why students could not be graded in the last round, by id."""
    return _state(root, unit)[1]


def _not_graded(root: Path, unit: str, student: str) -> None:
    """A line in the grades, and no half-graded notebook."""
    shutil.rmtree(root / "autograded" / student / unit, ignore_errors=True)
    with open_gradebook(root) as gradebook:
        gradebook.update_or_create_student(student)


def _changed(root: Path, unit: str, student: str) -> bool:
    there = (root / "autograded" / student / unit).is_dir() and (root / "feedback" / student / unit).is_dir()
    return not there or _state(root, unit)[0].get(student) != _digest(root, unit, student)


def _warm_up() -> None:
    """Load what every student's process would load anew, before they are forked."""
    import ipykernel.kernelspec
    import nbformat
    from nbconvert import HTMLExporter

    cells = [nbformat.v4.new_markdown_cell("*a*"), nbformat.v4.new_code_cell("1")]
    HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=cells))
    assert ipykernel.kernelspec


def _in_processes(root: Path, unit: str, waiting: list[str], jobs: int) -> Iterator[Graded]:
    """Grade ``waiting``, ``jobs`` at a time; each student's process has an end, and leaves nothing behind."""
    context = multiprocessing.get_context("fork")  # nbgrader takes seconds to import: the children have it already
    if waiting:
        _warm_up()
        # what is loaded is no garbage: each child would look through all of it, and so make copies of its pages
        gc.collect()
        gc.freeze()
    guard.adopt_orphans()
    logs = root / "downloaded" / unit / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    config = settings(root)
    patience = float(config.get("Execute", {}).get("notebook_timeout", 1800)) + _TO_END_SECONDS
    running: dict[str, tuple[Any, Any, float]] = {}
    mine = {child.pid for child in psutil.Process().children()}
    graded, faults = _state(root, unit)
    queue = list(reversed(waiting))
    try:
        while queue or running:
            while queue and len(running) < jobs:
                student = queue.pop()
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_one, args=(root, unit, student, logs / f"{student}.log", theirs))
                process.start()
                theirs.close()
                notebooks = len(list((root / "submitted" / student / unit).glob("*.ipynb")))
                running[student] = process, ours, time.monotonic() + patience * notebooks
            for student, (process, ours, deadline) in list(running.items()):
                late = time.monotonic() > deadline
                if process.is_alive() and not late:
                    continue
                result = _result(process, ours, late)
                del running[student]
                graded.pop(student, None)
                faults.pop(student, None)
                if result is None:
                    graded[student] = _digest(root, unit, student)
                else:
                    faults[student] = result
                    _not_graded(root, unit, student)
                text = json.dumps({"graded": graded, "faults": faults}, indent=1, ensure_ascii=False)
                (root / "downloaded" / unit / _STATE).write_text(text, encoding="utf-8")
                _kill_orphans(mine | {p.pid for p, _, _ in running.values()})
                yield Graded(student, result)
            time.sleep(_POLL_SECONDS)
    finally:
        gc.unfreeze()
        for process, _, _ in running.values():
            _kill(process)


def _result(process: Any, answer: Any, late: bool) -> str | None:
    """Why a student's process did not grade; None when it did."""
    if late and process.is_alive():
        _kill(process)
        return "not graded: it took too long"
    process.join()
    with suppress(EOFError, OSError):
        if answer.poll():
            fault: str | None = answer.recv()
            return fault
    code = process.exitcode
    how = signal.Signals(-code).name if code and code < 0 else f"exit code {code}"
    return f"not graded: its code ended the process that graded it ({how})"


def _kill(process: Any) -> None:
    with suppress(psutil.NoSuchProcess):
        for child in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            with suppress(psutil.NoSuchProcess):
                child.kill()
    process.join()


def _kill_orphans(keep: set[int]) -> None:
    """SIGKILL to what a student's process has left behind; it has become this process' own child (Linux)."""
    for child in psutil.Process().children():
        if child.pid not in keep:
            with suppress(psutil.NoSuchProcess):
                for left in [*child.children(recursive=True), child]:
                    left.kill()


def _one(root: Path, unit: str, student: str, log: Path, answer: Any) -> None:
    """Grade one student and write the feedback; the process of its own that this runs in sends why it failed, or None."""
    guard.adopt_orphans()
    with log.open("w", encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        api = grader(root)
        fault = None
        for call, what in ((api.autograde, "not graded"), (api.generate_feedback, "no feedback")):
            done = call(unit, student, force=True)
            file.write(done.get("log", ""))
            if not done["success"]:
                file.write(done.get("error", ""))
                lines = [line for line in done.get("log", done.get("error", "")).splitlines() if "Error" in line]
                fault = f"{what}: {(lines or ['see the log'])[-1].strip()[:120]} (downloaded/{unit}/logs)"
                break
    # an engine that a notebook has started goes by itself in seconds, what a student has left behind does not
    psutil.wait_procs(psutil.Process().children(recursive=True), timeout=_GRACE_SECONDS)
    guard.kill_detached()
    answer.send(fault)
    answer.close()
