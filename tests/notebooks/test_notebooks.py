"""Rules for every stored notebook that nbval does not check: `companion check` holds them (companion/check/), and each is broken here."""

import json
import re

import nbformat
import pytest

from companion import __main__ as command
from companion import book, check, checkout
from companion.check import RULES, Subject
from companion.check.stored import IGNORED

SKELETON = checkout.folder("scripts/skeleton")


def test_stored_notebook_has_no_faults(notebook, chapter):
    found = check.faults(Subject.of(notebook, chapter))
    assert [str(fault) for fault in found if not fault.advice] == []


def test_every_notebook_is_in_the_book():
    stored = {
        p.relative_to(book.folder()).as_posix() for p in book.folder().rglob("*.ipynb") if ".ipynb_" not in str(p)
    }
    assert stored == {chapter.file for chapter in book.BOOK}


def test_every_rule_is_written_down():
    text = (checkout.folder() / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [rule for rule in RULES if f"`{rule}`" not in text] == []


# Prove by breaking: each rule rejects the fault it is for.


class Broken:
    """A sound notebook to be broken: the start page, or one made by `make new`."""

    def __init__(self, name: str, root=None):
        if name == "start_here":
            self.chapter, self.root = book.BOOK[0], checkout.folder()
            self.notebook = nbformat.read(book.folder() / self.chapter.file, as_version=4)
        else:
            self.chapter, self.root = book.Chapter("13-later", name, "Later", "Later.", "Redis"), root
            self.notebook = later()

    @property
    def code(self) -> list:
        return Subject(self.notebook, self.chapter.name).code

    @property
    def prose(self) -> list:
        return [cell for cell in self.notebook.cells if cell.cell_type == "markdown"]

    def marked(self, grade_id: str):
        return next(c for c in self.notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)

    def faults(self) -> list:
        return check.faults(Subject(self.notebook, self.chapter.name, self.chapter, self.root))


def later():
    """The skeleton as `make new` would store it, with outputs that are its own but for their content."""
    notebook = nbformat.read(SKELETON / "notebook.ipynb", as_version=4)
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = number
        if "raises-exception" in cell.metadata.get("tags", []):
            cell.outputs = [nbformat.v4.new_output("error", ename="ResponseError", evalue="WRONGTYPE", traceback=[])]
    for place, name in ((0, "top"), (2, "facts"), (len(notebook.cells) + 2, "bottom")):
        cell = nbformat.v4.new_markdown_cell("·", id=f"generated-{name}", metadata={"tags": ["generated"]})
        notebook.cells.insert(place, cell)
    return notebook


@pytest.fixture
def answered(tmp_path):
    """A checkout that holds the skeleton's answers and data card, and nothing else."""
    (tmp_path / "tests" / "notebooks" / "answers").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (answers_of(tmp_path)).write_text((SKELETON / "answers.py").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "data" / "README.md").write_text((SKELETON / "card.md").read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def answers_of(root):
    return root / "tests" / "notebooks" / "answers" / "skeleton.py"


def stream(text: str, name: str = "stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def tag(cell, *names: str) -> None:
    cell.metadata["tags"] = list(names)


def grader(cell, **changes) -> None:
    cell.metadata["nbgrader"].update(changes)


def replace(cell, old: str, new: str) -> None:
    assert old in cell.source, "the case breaks nothing"
    cell.source = cell.source.replace(old, new)


def retag(broken: Broken, name: str) -> None:
    """Take a tag from every cell that has it."""
    for cell in broken.notebook.cells:
        cell.metadata["tags"] = [other for other in cell.metadata.get("tags", []) if other != name]


#: (rule, what is done to the start page, a part of the complaint)
STORED = [
    ("executed", lambda b: b.code[3].update(execution_count=None), "not executed from top to bottom"),
    ("executed", lambda b: b.code[3].update(execution_count=9), "not executed from top to bottom"),
    ("ignored", lambda b: [tag(c, IGNORED) for c in b.code[:8]], "20 % or more"),
    ("machine-path", lambda b: b.code[1].outputs.append(stream("/home/ada/x.csv")), "a machine's path in the output"),
    ("machine-path", lambda b: b.code[1].update(source="open('/home/ada/x.csv')"), "a machine's path in the source"),
    (
        "machine-path",
        lambda b: b.code[1].outputs.append(stream("PATH=/app:/opt/x")),
        "a machine's path in the output",
    ),
    ("object-address", lambda b: b.code[1].outputs.append(stream("<object at 0x7f12ab34cd56>")), "an object's address"),
    ("network-address", lambda b: b.code[1].outputs.append(stream("tcp://127.0.0.1:41231")), "a network address"),
    ("warning", lambda b: b.code[1].outputs.append(stream("UserWarning: old")), "a warning"),
    ("stderr", lambda b: b.code[1].outputs.append(stream("hm", "stderr")), "stderr"),
    ("remote", lambda b: b.code[1].update(source="'<img src=\"https://example.org/x.png\">'"), "from another server"),
    ("remote", lambda b: b.prose[1].update(source="# A\n\nB\n\n![c](//example.org/x.png)"), "from another server"),
    ("remote", lambda b: b.code[1].outputs.append(stream('<script src="//a.b/c.js">')), "a remote picture"),
    ("error-untagged", lambda b: [c.metadata.pop("tags", None) for c in b.code], "without the tag raises-exception"),
    (
        "error-unasserted",
        lambda b: [c.update(source=c.source.replace("sys.last_value", "x")) for c in b.code],
        "assert",
    ),
    ("error-missing", lambda b: tag(b.code[1], "raises-exception"), "but raised nothing"),
    ("metadata", lambda b: b.notebook.metadata.pop("kernelspec"), "its kernel is not named"),
    ("metadata", lambda b: b.notebook.metadata.kernelspec.update(name="my-conda"), "its kernel is my-conda"),
    ("metadata", lambda b: b.notebook.metadata.update(widgets={}), "too much or too little: widgets"),
    ("format", lambda b: b.code[1].pop("metadata"), "not in the format of notebooks"),
    ("format", lambda b: b.code[1].update(id=b.code[2].id), "not in the format of notebooks"),
    ("format", lambda b: b.code[1].outputs.append({"output_type": "oops"}), "not in the format of notebooks"),
]
#: the same for a notebook that came after the first edition
LATER = [
    ("three-exercises", lambda b: b.marked("skeleton-3").metadata.pop("nbgrader"), "2 exercises"),
    ("exercise-setup", lambda b: retag(b, "exercise-setup"), "no cell is tagged exercise-setup"),
    (
        "grade-id",
        lambda b: grader(b.marked("skeleton-1"), grade_id="cell-1abcdef"),
        "'cell-1abcdef' does not begin with",
    ),
    ("grade-id", lambda b: b.marked("skeleton-1").metadata.nbgrader.pop("grade_id"), "grade id '' does not begin with"),
    ("grade-id", lambda b: grader(b.marked("skeleton-2"), grade_id="skeleton-1"), "skeleton-1 stands 2 times"),
    ("solution-marks", lambda b: replace(b.marked("skeleton-1"), "### END SOLUTION", ""), "are: BEGIN"),
    ("solution-marks", lambda b: replace(b.marked("skeleton-1"), "SOLUTION", "ANSWER"), "are: none"),
    ("solution-shown", lambda b: b.marked("skeleton-1").metadata.pop("jupyter"), "its solution collapsed"),
    ("solution-shown", lambda b: b.marked("skeleton-1").metadata.jupyter.clear(), "its solution collapsed"),
    ("no-test", lambda b: grader(b.marked("skeleton-1-test"), grade_id="skeleton-9"), "skeleton-1 has no test cell"),
    ("lost-test", lambda b: grader(b.marked("skeleton-1-test"), grade_id="skeleton-9"), "'skeleton-9' belongs to no"),
    ("points", lambda b: grader(b.marked("skeleton-1-test"), points=0), "gives no points (0)"),
    ("points", lambda b: b.marked("skeleton-1-test").metadata.nbgrader.pop("points"), "gives no points (None)"),
    ("points", lambda b: grader(b.marked("skeleton-1-test"), locked=False), "not locked"),
    ("hidden-test", lambda b: replace(b.marked("skeleton-1-test"), "### BEGIN HIDDEN", "###"), "no hidden test"),
    ("title", lambda b: replace(b.prose[1], "# Title", "Title"), "is no title with one sentence of promise"),
    ("title", lambda b: b.notebook.cells.pop(1), "is no title with one sentence of promise"),
    ("goals", lambda b: replace(b.prose[1], "3. break", "break"), "2 goals at the top, 3 of them at the end"),
    ("goals", lambda b: replace(b.prose[-2], "## What you have now", "## The end"), "3 goals at the top, 0 of them"),
    ("sources", lambda b: replace(b.prose[-2], "**Sources.**", "Sources"), "no sources with their years"),
    (
        "sources",
        lambda b: b.prose[-2].update(source=b.prose[-2].source.replace("20", "")),
        "no sources with their years",
    ),
    ("picture", lambda b: [c.update(source=c.source.replace("```mermaid", "```")) for c in b.prose], "no picture"),
    ("picture-alt", lambda b: replace(b.prose[3], "*The events", "The events"), "without a sentence"),
    (
        "plot-alt",
        lambda b: b.code[0].outputs.append(nbformat.v4.new_output("display_data", {"image/png": "aGk="})),
        "code cell 1: a plot without alternative text",
    ),
    ("prose", lambda b: [b.notebook.cells.remove(c) for c in b.prose[8:-2]], "are prose: fewer than 40 %"),
    ("long-cell", lambda b: b.code[2].update(source="x = 1\n" * 31), "code cell 3: 31 lines of code: more than 30"),
    ("would-notice", lambda b: retag(b, "would-notice"), "would notice a wrong answer"),
    ("sections", lambda b: [c.update(source=c.source.replace("## Same", "## The")) for c in b.prose], "Same answer?"),
    ("words", lambda b: b.code[2].update(source="x = 1\n" * 500), "fewer than 10 a line"),
    (
        "length",
        lambda b: [b.notebook.cells.insert(4, nbformat.v4.new_markdown_cell("More.")) for _ in range(40)],
        "cells before the exercises: more than 60",
    ),
    ("navigation", lambda b: b.notebook.cells.pop(2), "its navigation is missing"),
    ("engine-name", lambda b: replace(b.code[3], "redis as redis_engine", "redis"), "module redis is called redis"),
    ("engine-name", lambda b: b.code[3].update(source="import companion.engines.spark as s"), "spark is called s"),
    ("data-card", lambda b: (b.root / "data" / "README.md").write_text("# Cards"), "no card describes the data"),
    ("in-book", lambda b: setattr(b, "chapter", None), "has no such file"),
    ("answers", lambda b: answers_of(b.root).unlink(), "no answers are kept"),
    ("answers", lambda b: answers_of(b.root).write_text("RIGHT = {"), "can't be imported: SyntaxError, line 1"),
    ("answers", lambda b: answers_of(b.root).write_text("RIGHT = []"), "RIGHT is no dictionary"),
    ("answers", lambda b: answers_of(b.root).write_text("RIGHT = {'skeleton-7': []}"), "no exercise: 'skeleton-7'"),
    ("answers", lambda b: answers_of(b.root).write_text("RIGHT = {'skeleton-1': ['def f(:']}"), "not Python, line 1"),
    (
        "answers",
        lambda b: answers_of(b.root).write_text("RIGHT = {'skeleton-1': 'x = 1'}"),
        "['skeleton-1'] is no list",
    ),
    ("answers", lambda b: answers_of(b.root).write_text("WRONG = {'skeleton-1': [('a', 'b')]}"), "a part of the hint"),
    ("answers", lambda b: answers_of(b.root).write_text("WRONG = {'skeleton-1': [('a', 'b', '(')]}"), "no regular"),
    ("answers-few", lambda b: answers_of(b.root).write_text("RIGHT = {}"), "skeleton-1: 0 other right answer kept, 1"),
    ("answers-few", lambda b: answers_of(b.root).write_text("WRONG = {}"), "skeleton-1: 0 wrong answers kept, 2"),
]


def test_what_is_broken_below_is_sound(answered):
    assert [str(fault) for fault in Broken("start_here").faults() if not fault.advice] == []
    assert Broken("skeleton", answered).faults() == []


@pytest.mark.parametrize(
    ("rule", "change", "complaint"), [*STORED, *LATER], ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_broken_notebook_is_rejected(rule, change, complaint, answered):
    broken = Broken("start_here") if (rule, change, complaint) in STORED else Broken("skeleton", answered)
    change(broken)
    if broken.chapter is None:
        found = check.faults(Subject(broken.notebook, "skeleton", None, broken.root))
    else:
        found = broken.faults()
    (fault, *_) = [fault for fault in found if fault.rule == rule and complaint in str(fault)]
    assert fault.mend and "{" not in fault.mend.replace('{"source_hidden": true}', "")
    assert fault.advice == (rule in {"sections", "words", "length"})


def test_every_rule_is_broken_once():
    assert {rule for rule, *_ in [*STORED, *LATER]} == set(RULES)


@pytest.mark.parametrize(
    "value", [None, "text", 7, [], {"grade_id": 5}, {"solution": True}, {"grade": True, "points": "1"}]
)
def test_odd_metadata_are_faults_and_no_traceback(value, answered):
    """What other editors and hands have left in a cell."""
    broken = Broken("skeleton", answered)
    broken.marked("skeleton-1").metadata.update(nbgrader=value, jupyter=value if isinstance(value, dict) else {})
    assert any(fault.where.startswith("code cell") for fault in broken.faults())


# The command, as a newcomer calls it.


def test_the_command_lists_every_fault_at_once_with_its_mend(tmp_path, capsys):
    """A notebook as the menus of JupyterLab make it, before its author has read a word of CONTRIBUTING.md."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    for solution in (True, False):
        marks = {"grade_id": "cell-1abcdef", "solution": solution, "grade": not solution, "schema_version": 3}
        notebook.cells.append(nbformat.v4.new_code_cell("x = 1", metadata={"nbgrader": marks}))
    nbformat.write(notebook, tmp_path / "mine.ipynb")
    assert command.main(["check", str(tmp_path / "mine.ipynb")]) == 1
    said = capsys.readouterr().out
    head, *lines = said.splitlines()
    assert re.match(r"mine\.ipynb: \d\d faults, advice: \d", head)
    rules = re.findall(r"\[([a-z-]+)\]$", said, re.M)
    assert {"metadata", "executed", "grade-id", "solution-shown", "lost-test", "picture", "title", "in-book"} <= set(
        rules
    )
    assert len(lines) == 2 * len(rules) and all(line.strip().startswith("→") for line in lines[1::2])


def test_advice_is_no_failure(capsys):
    assert command.main(["check", "start_here"]) == 0
    assert "00-start-here/start_here.ipynb: no faults, advice:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't be read: No such file"),
        (b"", "no JSON at line 1, column 1"),
        (b'{"cells": [', "no JSON at line 1"),
        (b"\xff\xfe\x00", "byte 0 is no UTF-8"),
        (b"[]", "not a notebook of format 4"),
        (b'{"nbformat": 3, "worksheets": []}', "not a notebook of format 4"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [7]}', "not a notebook of format 4"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{}]}', "not a notebook of format 4"),
    ],
)
def test_a_file_that_is_no_notebook_gets_one_clear_line(content, message, tmp_path, capsys):
    path = tmp_path / "mine.ipynb"
    if content is not None:
        path.write_bytes(content)
    assert command.main(["check", str(path), "start_here"]) == 2
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1 and f"{path}: " in said.err and message in said.err
    assert "start_here.ipynb: no faults" in said.out, "the others are checked all the same"


def test_a_notebook_without_a_cell_or_metadata_is_judged_too(tmp_path, capsys):
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}))
    assert command.main(["check", str(path)]) == 1
    assert "0 exercises" in capsys.readouterr().out
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": []}))
    assert command.main(["check", str(path)]) in (1, 2)


def test_help_says_what_the_exit_codes_mean(capsys):
    with pytest.raises(SystemExit, match="0"):
        command.main(["check", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "Exit code 0 when there is no fault" in said and "2 when a file is no notebook" in said


def test_no_notebook_is_a_usage_error():
    with pytest.raises(SystemExit, match="2"):
        command.main(["check"])
