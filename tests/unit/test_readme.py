"""README's commands, as typed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from companion import checkout

ROOT = checkout.folder()
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(heading: str) -> list[str]:
    """The fenced blocks below a heading."""
    section = re.search(rf"## {heading}\n(.*?)(?=\n## |\Z)", README, re.S)[1]
    return re.findall(r"```sh\n(.*?)```", section, re.S)


def test_the_figure_and_every_linked_file_are_there():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert targets and [t for t in targets if not (ROOT / t).exists()] == []


def test_every_make_target_it_names_exists():
    targets = set(re.findall(r"`?make ([a-z]+)", README)) - {"it"}
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert targets <= known


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "collects"), [(0, "make grade"), (1, "nbgrader zip_collect")], ids=["in one", "in steps"]
)
def test_a_grading_round_works_as_typed(tmp_path, number, collects):
    """Three students: one hands in the book's own solutions, one a blank copy, one a copy with tampered tests."""
    course = tmp_path / "a course"
    for name in ("Makefile", "nbgrader_config.py", "scripts", "notebooks/00-start-here"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, course / name)
    activate, *lines = blocks("How to grade")[number].splitlines()
    assert activate == ". .venv/bin/activate"  # this test's Python stands in for it

    python = tmp_path / "python"  # a path without a space, wherever the checkout is
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)

    def run(commands: list[str]) -> None:
        # the environment is made already: not again for this copy
        script = re.sub(r"\bmake (release|grade)", rf"make -s -o env PYTHON={python} \1", "\n".join(commands))
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-e"], input=script, cwd=course, capture_output=True, text=True, env={**os.environ, "PATH": path}
        )
        assert done.returncode == 0, done.stdout + done.stderr

    at = next(i for i, line in enumerate(lines) if collects in line)
    run(lines[:at])
    released = course / "release" / "00-start-here" / "start_here.ipynb"
    archive = course / "downloaded" / "00-start-here" / "archive"
    shutil.copy(ROOT / "notebooks" / "00-start-here" / "start_here.ipynb", archive / "ada__start_here.ipynb")
    shutil.copy(released, archive / "bob__start_here.ipynb")
    cheat = nbformat.read(released, as_version=4)
    for cell in cheat.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = "assert True"
    nbformat.write(cheat, archive / "eve__start_here.ipynb")
    run([lines[0], *lines[at:]])
    header, *rows = (line.split(",") for line in (course / "grades.csv").read_text().splitlines())
    scores = {row[header.index("student_id")]: float(row[header.index("score")]) for row in rows}
    maximum = float(rows[0][header.index("max_score")])
    assert scores == {"ada": maximum, "bob": 0, "eve": 0}
    assert (course / "feedback" / "ada" / "00-start-here" / "start_here.html").is_file()
