"""`make new`, and README's way to a notebook as typed, in a copy of the checkout: the real one is not touched."""

import os
import re
import shutil
import subprocess
import sys

import new
import pytest

from companion import book, checkout
from companion.errors import SettingError

ROOT = checkout.folder()
MADE_HERE = (".venv", ".cache", ".workspace", ".git", ".hypothesis", "*_cache", "__pycache__", "release", "*.egg-info")
OWNED = ("companion/book.py", "data/README.md", "README.md", "notebooks", "tests/notebooks/answers")


def state(root) -> dict[str, int]:
    """What `make new` writes to, by file, with the time of its last change."""
    files = [path for name in OWNED for path in (root / name, *(root / name).rglob("*")) if path.is_file()]
    # a notebook that runs beside this has its caches there
    caches = ("__pycache__", ".hypothesis", ".ipynb_checkpoints")
    return {
        path.relative_to(root).as_posix(): path.stat().st_mtime_ns
        for path in files
        if not set(caches) & set(path.parts)
    }


@pytest.fixture
def copy(tmp_path):
    """A copy of the checkout in a folder whose name has a space."""
    before = state(ROOT)
    yield shutil.copytree(ROOT, tmp_path / "a checkout", ignore=shutil.ignore_patterns(*MADE_HERE))
    assert state(ROOT) == before


def run(commands: str, folder) -> subprocess.CompletedProcess:
    """Shell commands in a copy of the checkout, with this test's environment in place of the one that make would make."""
    python = folder.parent / "python"  # a path without a space, wherever the checkout is
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    script = re.sub(r"^make ", f"make -s -o env PYTHON={python} ", commands, flags=re.M)
    script = script.replace(".venv/bin/companion", f"{python} -m companion")
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MAKE", "MFLAGS"))
    }
    environment = {**inherited, "PYTHONPATH": str(folder), "COMPANION_WORKSPACE": str(folder.parent / "workspace")}
    return subprocess.run(["sh", "-ex"], input=script, cwd=folder, env=environment, capture_output=True, text=True)


def section() -> str:
    """The commands of README's section on adding a notebook."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.search(r"## How to add a notebook\n.*?```sh\n(.*?)```", readme, re.S)[1]


def own_tests(command: str, copy) -> str:
    """What ``make test NAME=…`` would run, without the doctor, the linter and the tests of the engines and data that it uses: those
    know nothing of the notebook, and are run once already."""
    shown = run(command.replace("make test", "make test -n"), copy).stdout
    (selected,) = [line for line in shown.splitlines() if " -m pytest " in line]
    name = re.search(r"NAME=(\w+)", command)[1]
    assert name in selected
    return f"{selected} -n 0 -k {name} tests/notebooks"


@pytest.mark.slow
def test_readmes_way_to_a_notebook_passes_as_typed(copy):
    *lines, last = section().strip().splitlines()
    assert [re.match(r"(?:make|\.venv/bin/companion) (\w+)", line)[1] for line in lines] == [
        "new",
        "check",
        "notebooks",
    ]
    done = run("\n".join(lines), copy)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "my_notebook.ipynb: no faults\n" in done.stdout
    made = set(state(copy)) - set(state(ROOT))
    assert made == {"notebooks/01-distributed-computing/my_notebook.ipynb", "tests/notebooks/answers/my_notebook.py"}
    readme = (copy / "README.md").read_text(encoding="utf-8")
    assert "| Distributed computing | [My notebook](notebooks/01-distributed-computing/my_notebook.ipynb)" in readme
    tested = run(own_tests(last, copy), copy)
    assert tested.returncode == 0, tested.stdout[-4000:] + tested.stderr[-2000:]
    assert re.search(r"\b\d\d passed", tested.stdout) and "failed" not in tested.stdout


@pytest.mark.slow
def test_a_failed_start_leaves_nothing(copy):
    """The skeleton can't run: the copy is as it was, a new unit's folder included."""
    cell = copy / "scripts" / "skeleton" / "notebook.ipynb"
    cell.write_text(cell.read_text(encoding="utf-8").replace("plain = Counter(views)", "1 / 0"), encoding="utf-8")
    before = {name: (copy / name).read_bytes() for name in state(copy)}
    done = run('make new UNIT=13-later NAME=later UNIT_TITLE="Later"', copy)
    assert done.returncode != 0
    assert "ZeroDivisionError" in done.stderr and "nothing was made: scripts/notebooks.py later failed" in done.stderr
    assert {name: (copy / name).read_bytes() for name in state(copy)} == before
    assert not (copy / "notebooks" / "13-later").exists()


# What it refuses, and where the book's list grows.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "dask_audio"}, "the book has a notebook of this name, in 01-distributed-computing"),
        ({"name": "Dask-Audio"}, "a Python identifier in lower case"),
        ({"name": "lambda"}, "a Python identifier in lower case"),
        ({"name": ""}, "a Python identifier in lower case"),
        ({"name": "../../etc"}, "a Python identifier in lower case"),
        ({"name": "x" * 41}, "at most 40 characters"),
        ({"unit": "5-scaling"}, "two digits and words in lower case, such as 05-auto-scaling"),
        ({"unit": "../13-x"}, "two digits and words in lower case"),
        ({"unit": ""}, "two digits and words in lower case"),
        ({"unit": "13-later"}, "00-start-here, 01-distributed-computing.* a new unit needs a title"),
        ({"unit_title": "Others"}, "05-auto-scaling has a title, Auto-scaling"),
        ({"title": "a | b"}, "a title stands in a table"),
        ({"title": " "}, "a title stands in a table"),
        ({"unit": "13-later", "unit_title": "[Later]"}, "a title stands in a table"),
    ],
)
def test_what_can_t_become_a_notebook_is_said(changes, message):
    given = {"unit": "05-auto-scaling", "name": "later", "title": "Later", "unit_title": None} | changes
    with pytest.raises(SettingError, match=message):
        new.refuse_names(**given)


def test_a_file_that_is_there_is_not_written_over(tmp_path, monkeypatch):
    monkeypatch.setattr(new, "ROOT", tmp_path)
    new.answers_file("later").parent.mkdir(parents=True)
    new.answers_file("later").touch()
    with pytest.raises(SettingError, match=r"later\.py is there already"):
        new.refuse_names("05-auto-scaling", "later", "Later", None)


def test_a_refusal_is_one_line_and_a_usage_error(capsys):
    assert new.main(["05-auto-scaling", "dask_audio"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def grown(*arguments) -> tuple[list, dict]:
    """(names in order, units) of the book after one more entry."""
    text = new.with_chapter((ROOT / "companion" / "book.py").read_text(encoding="utf-8"), *arguments)
    module = {"__name__": "grown_book"}
    sys.modules["grown_book"] = type(sys)("grown_book")  # dataclasses look their module up
    exec(text, module)  # noqa: S102  (the project's own)
    del sys.modules["grown_book"]
    return [(chapter.unit, chapter.name, chapter.title) for chapter in module["BOOK"]], module["UNITS"]


@pytest.mark.parametrize("unit", ["00-start-here", "05-auto-scaling", "12-privacy-and-strategy"])
def test_an_entry_comes_at_the_end_of_its_unit(unit):
    chapters, units = grown(unit, "later", 'A "later" one')
    place = [name for _, name, _ in chapters].index("later")
    assert chapters[place] == (unit, "later", 'A "later" one') and chapters[place - 1][0] == unit
    assert unit not in [other for other, _, _ in chapters[place + 1 :]]
    assert [name for _, name, _ in chapters if name != "later"] == [chapter.name for chapter in book.BOOK]
    assert units == book.UNITS


@pytest.mark.parametrize("unit", ["04-between", "13-later"])
def test_a_new_unit_comes_in_its_order(unit):
    chapters, units = grown(unit, "later", "Later", "A new unit")
    assert list(units) == sorted(units) == sorted([*book.UNITS, unit]) and units[unit] == "A new unit"
    assert [chapter[0] for chapter in chapters] == sorted(chapter[0] for chapter in chapters)


def test_the_skeleton_s_files_take_the_new_name():
    for file in ("notebook.ipynb", "answers.py", "card.md"):
        text = new.filled(file, "later", 'Its "title"')
        assert "skeleton" not in text and "Title of the notebook" not in text and "later" in text
