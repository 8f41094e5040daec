"""Submissions of every kind that came back to instructors, made from one released notebook and its solutions.

Each entry of :func:`kinds` is a student: what to hand in, what it must earn, and the trouble that the table must name.
"""

from __future__ import annotations

import copy
import io
import json
import os
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

NAME = "start_here"
OLD, NEW = 1_600_000_000, 1_700_000_000


@dataclass(frozen=True)
class Kind:
    """A student: the id in the table, the points, a pattern for the trouble (None: there must be none), and the state."""

    student: str
    points: float | None
    trouble: str | None
    state: str = "graded"


class Class:
    """Writes what the students hand in into ``archive``, and keeps what has to come of it."""

    def __init__(self, archive: Path, released: Path, source: Path):
        self.archive, self.expected = archive, []
        self.blank = json.loads(released.read_text(encoding="utf-8"))
        answers = {
            cell.metadata.nbgrader.grade_id: cell.source
            for cell in nbformat.read(source, as_version=4).cells
            if cell.metadata.get("nbgrader", {}).get("solution")
        }
        self.right = copy.deepcopy(self.blank)
        for cell in self.right["cells"]:
            cell["source"] = answers.get(_id(cell), "".join(cell["source"]))

    def hand_in(
        self,
        student: str,
        points: float | None,
        trouble: str | None = None,
        *,
        change: Callable[[list[dict[str, Any]]], object] | None = None,
        notebook: dict[str, Any] | None = None,
        data: bytes | None = None,
        file: str | None = None,
        as_id: str | None = None,
        state: str = "graded",
        date: int = OLD,
        expect: bool = True,
    ) -> None:
        """One file. ``change`` gets the cells of the right notebook (or of ``notebook``)."""
        notebook = copy.deepcopy(notebook or self.right)
        if change:
            change(notebook["cells"])
        path = self.archive / (file or f"{student}__{NAME}.ipynb")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(json.dumps(notebook).encode() if data is None else data)
        os.utime(path, (date, date))
        if expect:
            self.expected.append(Kind(as_id or student, points, trouble, state))

    def bytes(self, *, right: bool = True) -> bytes:
        return json.dumps(self.right if right else self.blank).encode()


def _id(cell: dict[str, Any]) -> str | None:
    return cell["metadata"].get("nbgrader", {}).get("grade_id")


def answer(cells: list, number: int) -> dict:
    return next(c for c in cells if _id(c) == f"{NAME}-{number}")


def test(cells: list, number: int) -> dict:
    return next(c for c in cells if _id(c) == f"{NAME}-{number}-test")


test.__test__ = False


def own(source: str) -> dict:
    """A cell of the student's own."""
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None, "id": "own"}


def _after(cells: list, cell: dict, new: dict) -> None:
    cells.insert(cells.index(cell) + 1, new)


def _copy(cell: dict, source: str | None = None) -> dict:
    made = copy.deepcopy(cell)
    made["id"] = f"{cell.get('id', 'x')}c"
    return {**made, "source": cell["source"] if source is None else source}


def everybody(archive: Path, released: Path, source: Path) -> list[Kind]:
    """Write a hundred students' submissions; what has to come of each."""
    room = Class(archive, released, source)
    for add in (_plain, _cells, _metadata, _files, _names, _doubles, _code, _archives, _strangers):
        add(room)
    for number in range(max(0, 100 - len(room.expected))):
        room.hand_in(f"fine-{number}", 6)
    return room.expected


def _plain(room: Class) -> None:
    room.hand_in("right", 6)
    room.hand_in("blank", 0, notebook=room.blank)
    room.hand_in("a-third", 3, change=lambda cells: answer(cells, 3).update(source="raise NotImplementedError()"))


def _cells(room: Class) -> None:
    blank = {n: "".join(answer(room.blank["cells"], n)["source"]) for n in (1, 2, 3)}

    def copied_blank_below(cells):
        _after(cells, answer(cells, 2), _copy(answer(cells, 2), blank[2]))

    def answered_below_the_tests(cells):
        _after(cells, test(cells, 2), _copy(answer(cells, 2)))
        answer(cells, 2)["source"] = blank[2]

    def split(cells):
        whole = answer(cells, 1)
        _after(cells, whole, _copy(whole))
        whole["source"] = "one = 1"

    def moved(cells):
        cells.insert(0, cells.pop(cells.index(test(cells, 3))))

    def in_a_cell_of_its_own(cells, with_test):
        cells[cells.index(answer(cells, 2))] = own(answer(cells, 2)["source"])
        if with_test:
            cells.remove(test(cells, 2))

    times = r"there 2 times"
    room.hand_in("copied-answer", 6, times, change=lambda c: _after(c, answer(c, 1), _copy(answer(c, 1))))
    room.hand_in("copied-answer-blank", 6, times, change=copied_blank_below)
    room.hand_in("copied-answer-filled-below", 6, "stood before its answer", change=answered_below_the_tests)
    room.hand_in("copied-test", 6, times, change=lambda c: _after(c, test(c, 2), _copy(test(c, 2), "assert True")))
    room.hand_in("copied-all", 6, times, change=lambda c: c.extend([_copy(cell) for cell in c]))
    room.hand_in("split-answer", 6, times, change=split)
    room.hand_in("moved-test", 6, "stood before its answer", change=moved)
    room.hand_in("deleted-test", 6, "start_here-2-test was missing", change=lambda c: c.remove(test(c, 2)))
    room.hand_in(
        "deleted-tests", 6, "start_here-3-test was missing", change=lambda c: [c.remove(test(c, n)) for n in (1, 2, 3)]
    )
    room.hand_in("deleted-answer", 6, change=lambda c: in_a_cell_of_its_own(c, False))
    room.hand_in(
        "deleted-answer-and-test", 6, "start_here-2-test was missing", change=lambda c: in_a_cell_of_its_own(c, True)
    )
    room.hand_in("deleted-all", 0, "none of the exercise cells", change=lambda c: c.__delitem__(slice(1, None)))
    room.hand_in("no-cells", 0, "start_here-1-test was missing", change=lambda c: c.clear())
    room.hand_in("reversed", 0, change=lambda c: c.reverse(), trouble="stood before its answer")
    room.hand_in("emptied-tests", 0, "start_here-1-test was changed", notebook=room.blank,
                 change=lambda c: [test(c, n).update(source="assert True") for n in (1, 2, 3)])  # fmt: skip
    room.hand_in("test-as-markdown", 6, "had become a markdown cell",
                 change=lambda c: [test(c, 1).update(cell_type="markdown"), test(c, 1).pop("outputs")])  # fmt: skip
    room.hand_in("answer-as-raw", 6, "had become a raw cell", change=lambda c: answer(c, 1).update(cell_type="raw"))


def _metadata(room: Class) -> None:
    def marks(change):
        return lambda cells: [change(c["metadata"]["nbgrader"], c) for c in cells if _id(c)]

    def skip(cells):
        for n in (1, 2, 3):
            test(cells, n)["metadata"]["tags"] = ["skip-execution"]

    room.hand_in(
        "changed-ids", 6, "never handed out", change=marks(lambda m, c: m.update(grade_id=m["grade_id"] + "x"))
    )
    room.hand_in("no-marks", 6, "none of the exercise cells", change=marks(lambda m, c: c["metadata"].clear()))
    room.hand_in("empty-marks", 6, "none of the exercise cells", change=marks(lambda m, c: m.clear()))
    room.hand_in(
        "marks-of-another-kind",
        6,
        "none of the exercise",
        change=marks(lambda m, c: c["metadata"].update(nbgrader=[1])),
    )
    room.hand_in("old-schema", 6, change=marks(lambda m, c: m.update(schema_version=1)))
    room.hand_in("points-edited", 3, "start_here-1-test: points changed to 100", change=lambda c: [
        test(c, 1)["metadata"]["nbgrader"].update(points=100), answer(c, 3).update(source="pass")])  # fmt: skip
    room.hand_in("not-a-test-any-more", 0, notebook=room.blank, change=marks(lambda m, c: m.update(grade=False)))
    room.hand_in(
        "all-answers", 0, notebook=room.blank, change=marks(lambda m, c: m.update(solution=True, locked=False))
    )
    room.hand_in(
        "answers-as-tests", 6, change=marks(lambda m, c: m.update(grade=True, points=m.get("points", 9))), trouble=None
    )
    room.hand_in("skipped-tests", 0, notebook=room.blank, change=skip)
    other = {"display_name": "R", "language": "R", "name": "ir"}
    for name, metadata in {
        "other-kernel": {"kernelspec": other},
        "no-metadata": {},
        "planted": {"grading": {"notes": ["x"]}},
    }.items():
        room.hand_in(name, 6, notebook={**room.right, "metadata": metadata})
    room.hand_in("no-cell-ids", 6, change=lambda c: [cell.pop("id", None) for cell in c])
    room.hand_in("same-cell-ids", 6, change=lambda c: [cell.update(id="x") for cell in c])
    room.hand_in(
        "no-cell-metadata-on-own", 6, change=lambda c: c.append({k: v for k, v in own("1").items() if k != "metadata"})
    )


def _files(room: Class) -> None:
    right = room.bytes()
    notebook = nbformat.from_dict(copy.deepcopy(room.right))
    old = nbformat.convert(notebook, 3)
    room.hand_in("format-3", 6, "old format 3", data=nbformat.writes(old, version=3).encode())
    room.hand_in("byte-order-mark", 6, data=b"\xef\xbb\xbf" + right)
    room.hand_in("utf-16", 6, "UTF-16", data=right.decode().encode("utf-16"))
    latin = json.dumps({**room.right, "cells": [own("é = 1"), *room.right["cells"]]}, ensure_ascii=False)
    room.hand_in("latin-1", 6, "not stored as UTF-8", data=latin.encode("latin-1"))
    for name, data, reason in (
        ("empty", b"", "empty file"),
        ("cut-off", right[: len(right) // 2], "cut off"),
        ("conflict", right.replace(b"[", b"\n<<<<<<< HEAD\n[\n=======\n[\n>>>>>>> b\n", 1), "conflict markers"),
        ("web-page", b"<!DOCTYPE html><title>Log in</title>", "web page"),
        ("text", b"def amdahl_ceiling(s): return 1 / s", "not JSON"),
        ("a-list", b"[]", "no cells"),
        (
            "cells-of-another-kind",
            b'{"cells": [1, 2], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
            "its cells are none",
        ),
        ("picture", b"\x89PNG\r\n\x1a\n\0\0\0", "not JSON"),
        ("deep", b"[" * 200_000, "nested"),
    ):
        room.hand_in(name, 0, reason, data=data)
    stored = {"output_type": "stream", "name": "stdout", "text": "x" * 30_000_000}
    room.hand_in("thirty-megabytes-stored", 6, change=lambda c: answer(c, 1).update(outputs=[stored]))


def _names(room: Class) -> None:
    """Names of files and of students. What is empty need not be run: one right notebook of each kind is enough."""

    def named(student: str, trouble: str, **options: Any) -> None:
        room.hand_in(student, 0, rf"(?s){trouble}.*an empty file", data=b"", **options)

    room.hand_in("as-the-browser", 6, "taken for start_here", file=f"as-the-browser__{NAME} (1).ipynb")
    for number, file in enumerate(
        ("{} - Kopie", "{} - Copy (2)", "{}-Copy1", "{}_copy", "{}.ipynb (1)", "Start_Here", "Copy of {}")
    ):
        ending = "" if ".ipynb" in file else ".ipynb"
        named(f"as-{number}", "taken for start_here", file=f"as-{number}__{file.format(NAME)}{ending}")
    for number, ending in enumerate((".IPYNB", ".ipynb.txt", ".ipynb.json")):
        named(f"ending-{number}", "", file=f"ending-{number}__{NAME}{ending}")
    room.hand_in("homework", 6, "called 'homework', but holds start_here", file="homework__homework.ipynb")
    room.hand_in("anna_b", 6)
    for name in [
        "müller",
        "eva smith",
        "anna@uni.de",
        "carl@uni.de",
        "carl_b",
        "Renée",
        "李明",
        "o'brien",
        "1234567",
        "a__b",
    ]:
        named(name, "")
    strange = {
        "x,y": "x~2cy",
        "=1+1": "~3d1~2b1",
        '"q"': "~22q~22",
        "-rf": "~2drf",
        ".hid": "~2ehid",
        "a*[b]": "a~2a~5bb~5d",
    }
    for name, as_id in strange.items():
        named(name, "with the id", as_id=as_id)


def _doubles(room: Class) -> None:
    for student, newer, points in (("late-and-right", room.right, 6), ("late-and-blank", room.blank, 0)):
        older = room.blank if points else room.right
        room.hand_in(student, points, "the newest of 2 uploads", notebook=older, expect=False)
        room.hand_in(
            student, points, "the newest of 2 uploads", notebook=newer, file=f"{student}__{NAME} (1).ipynb", date=NEW
        )
    composed, taken_apart = (unicodedata.normalize(form, "zoë") for form in ("NFC", "NFD"))
    room.hand_in(taken_apart, 6, notebook=room.blank, expect=False)
    room.hand_in(composed, 6, "the newest of 2 uploads", date=NEW)


def _code(room: Class) -> None:
    def first(source):
        return lambda cells: cells.insert(0, own(source))

    def last_of(number, source):
        return lambda cells: answer(cells, number).update(source=source)

    room.hand_in("input", 6, change=first("input('name?')"))
    room.hand_in("sys-exit", 6, change=first("import sys\nsys.exit(3)"))
    room.hand_in("quit", 6, "code cell 1 ended the kernel", change=first("quit()"))
    room.hand_in("syntax-error", 6, change=first("def f(:"))
    room.hand_in("magics", 6, change=first("%matplotlib inline\n!echo hello"))
    room.hand_in("warns", 6, change=lambda c: answer(c, 1).update(
        source=answer(c, 1)["source"].replace("return", "import warnings; warnings.warn('old', stacklevel=2); return")))  # fmt: skip
    room.hand_in("os-exit", 6, "code cell 1 ended the kernel", change=first("import os\nos._exit(0)"))
    room.hand_in("os-exit-in-answer", 4, "start_here-2-test ended the kernel",
                 change=last_of(2, "def workers_needed(speedup, serial_share):\n    import os\n    os._exit(0)"))  # fmt: skip
    room.hand_in("crash", 6, "code cell 1 ended the kernel", change=first("import ctypes\nctypes.string_at(0)"))
    room.hand_in("dies-everywhere", 0, "not run: 4 cells had ended",
                 change=lambda c: [c.insert(0, own("import os\nos._exit(0)")) for _ in range(6)])  # fmt: skip
    room.hand_in("for-ever", 4, "start_here-2 ran longer", change=last_of(2, "while True:\n    pass"))
    room.hand_in("for-ever-and-deaf", 4, "start_here-2 ran longer",
                 change=last_of(2, "import time\nwhile True:\n    try:\n        time.sleep(1)\n    except BaseException:\n        pass"))  # fmt: skip
    room.hand_in("greedy", 6, "more memory", change=first("hog = [0] * 10**10"))
    room.hand_in("thirty-megabytes-printed", 6, change=first("for _ in range(300):\n    print('x' * 100_000)"))
    room.hand_in("prints-for-ever", 6, "flood|ended the kernel", change=first("while  True:\n    print('x' * 100_000)"))
    room.hand_in("result-as-points", 0, notebook=room.blank, change=last_of(
        1, "def amdahl_ceiling(serial_share):\n    import sys\n    sys.displayhook(1)\n    return 0"))  # fmt: skip
    room.hand_in("removes-its-folder", 6, change=first("import os, shutil\nshutil.rmtree(os.getcwd())"))
    room.hand_in("leaves-a-process", 6, change=first(
        "import subprocess\nsubprocess.Popen(['sleep', '86399'], start_new_session=True)"))  # fmt: skip
    room.hand_in("kills-its-grader", None, "ended the process that graded it", state="not graded",
                 change=first("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"))  # fmt: skip


def _archives(room: Class) -> None:
    right = room.bytes()

    def packed(name: str, files: dict[str, bytes], links: tuple[str, ...] = ()) -> None:
        with zipfile.ZipFile(room.archive / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, data in files.items():
                archive.writestr(file, data)
            for link in links:
                info = zipfile.ZipInfo(link)
                info.external_attr = 0o120777 << 16
                archive.writestr(info, "/etc/passwd")

    packed("class.zip", {f"group/{s}__{NAME}.ipynb": right for s in ("zip-1", "zip-2")} | {"__MACOSX/._x": b"x"})
    room.expected += [Kind("zip-1", 6, None), Kind("zip-2", 6, None)]
    packed("zip-own.zip", {"start_here.ipynb": right})
    packed("zip-named__work.zip", {"work/start_here.ipynb": right})
    room.expected += [Kind("zip-own", 6, None), Kind("zip-named", 6, None)]
    tricks = {
        f"../zip-out__{NAME}.ipynb": right,
        f"/tmp/zip-abs__{NAME}.ipynb": right,
        f"zip-good__{NAME}.ipynb": right,
    }
    packed("tricks.zip", tricks, links=(f"zip-link__{NAME}.ipynb",))
    room.expected += [
        Kind("zip-good", 6, None),
        Kind("zip-out", None, "leads out of the archive", "nothing to grade"),
        Kind("zip-abs", None, "leads out of the archive", "nothing to grade"),
        Kind("zip-link", None, "a link", "nothing to grade"),
    ]
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr(f"zip-inner__{NAME}.ipynb", right)
    packed("outer.zip", {"inner.zip": inner.getvalue()})
    room.expected.append(Kind("zip-inner", 6, None))
    (room.archive / f"zip-broken__{NAME}.zip").write_bytes(b"PK\x03\x04 no more")
    room.expected.append(Kind("zip-broken", None, "can't be opened", "nothing to grade"))
    with tarfile.open(room.archive / "tar.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo(f"tar-1__{NAME}.ipynb")
        info.size = len(right)
        archive.addfile(info, io.BytesIO(right))
        link = tarfile.TarInfo(f"tar-link__{NAME}.ipynb")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    room.expected += [Kind("tar-1", 6, None), Kind("tar-link", None, "a link", "nothing to grade")]


def _strangers(room: Class) -> None:
    foreign = copy.deepcopy(room.right)
    for cell in foreign["cells"]:
        if _id(cell):
            cell["metadata"]["nbgrader"]["grade_id"] = _id(cell).replace(NAME, "other")
    for student, name in (("wrong-unit", "other"), ("wrong-unit-renamed", NAME)):
        room.hand_in(student, None, "01-other/other, which is not of this unit", notebook=foreign, file=f"{student}__{name}.ipynb",
                     state="nothing to grade")  # fmt: skip
    room.hand_in("essay", None, "not a notebook", data=b"%PDF", file="essay__start_here.pdf", state="nothing to grade")
    room.hand_in(
        "unknown", None, "no notebook of this unit", data=b"{}", file="unknown__essay.ipynb", state="nothing to grade"
    )
    os.symlink("/etc/passwd", room.archive / f"linked__{NAME}.ipynb")
    room.expected.append(Kind("linked", None, "a link", "nothing to grade"))
    room.hand_in(
        "", None, "no student in its name", file="start_here.ipynb", as_id="start_here.ipynb", state="no student"
    )
