"""Whose file is it, and which notebook: read off the names that browsers, learning platforms and students give to files."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

#: what an id may hold beside letters and digits of any script: safe as a folder, in a glob, in an address, in a line of CSV
_SAFE = frozenset("._-@' ")
_LONGEST = 80

#: a notebook's ending as it comes back: written large, or with what a browser or an editor has hung on
_ENDING = re.compile(r"\.ipynb(?P<copy>\s*\(\d+\))?(?:\.(?:txt|json|download))?$", re.I)
#: "(1)" of browsers, "-Copy1" of Jupyter, "- Kopie", "- Copy (2)" of Windows, " copy 2" of macOS
_COPY = re.compile(
    r"[\s_-]*(?:\((?P<browser>\d+)\)|\(?(?:copy|kopie|copie|copia)\)?[\s_-]*\(?(?P<system>\d*)\)?)\s*$", re.I
)
#: "Copy of" of Google Drive
_COPY_OF = re.compile(r"^(?:copy of|kopie von|copie de|copia de)[\s_-]+", re.I)
#: the folder of a submission in a download from Moodle
_MOODLE = re.compile(r"_\d+_assignsubmission_file_?$")


def student_id(name: str) -> str:
    """The id of the student of this name, the same for the same name and another for another one.

    Letters and digits of any script, blanks and ``. _ - @ '`` stay as they are, composed (NFC) and with single blanks, so that
    an id reads like the name. Anything else becomes ``~`` and its code point in hexadecimal: nbgrader takes an id for a pattern
    of files, an entry of a list with commas and a folder.
    """
    composed = " ".join(unicodedata.normalize("NFC", name).split())
    made = "".join(_safe(letter, first=at == 0) for at, letter in enumerate(composed))
    if len(made) > _LONGEST or len(made.encode()) > 2 * _LONGEST:
        made = f"{made.encode()[:_LONGEST].decode(errors='ignore').rstrip()}~{hashlib.sha256(composed.encode()).hexdigest()[:8]}"
    return made


def _safe(letter: str, *, first: bool) -> str:
    # hidden folders, options, formulas of a spreadsheet, and ".." begin with a sign
    if unicodedata.category(letter)[0] in "LMN" or (letter in _SAFE and not (first and letter in ".-@'")):
        return letter
    return f"~{ord(letter):02x}"


def without_ending(file: str) -> str | None:
    """The name of a notebook's file without ``.ipynb`` in any of its spellings; None when it is no notebook's."""
    found = _ENDING.search(file)
    return None if found is None else file[: found.start()] + (found["copy"] or "")


def split(stem: str, folders: tuple[str, ...]) -> tuple[str | None, str]:
    """``(student, notebook)`` as they stand in ``STUDENT__NOTEBOOK``.

    A file without ``__`` belongs to the folder, or to the archive, that it lies in: the nearest one of ``folders`` (outermost
    first) that is called ``STUDENT__ANYTHING``, else the nearest one. The student is None when nothing says who it is.
    """
    student, mark, notebook = stem.rpartition("__")
    if mark:
        return student.strip() or None, notebook
    for folder in reversed(folders):
        student, mark, _ = folder.rpartition("__")
        if mark and student.strip():
            return student.strip(), stem
    if folders:
        return _MOODLE.sub("", folders[-1]).strip() or None, stem
    return None, stem


def copy_number(notebook: str) -> int:
    """Which copy a name says it is: 2 of ``start_here (2)``, 1 of ``start_here - Copy``, 0 of ``start_here``."""
    found = _COPY.search(notebook)
    return int(found["browser"] or found["system"] or 1) if found else 0


def known(notebook: str, notebooks: Iterable[str]) -> str | None:
    """The one of ``notebooks`` that is meant by a name with a copy's mark, in other letters or with other dashes."""
    meant = {_plain(name): name for name in notebooks}
    for name in (notebook, _COPY_OF.sub("", _COPY.sub("", _COPY.sub("", notebook)))):
        if _plain(name) in meant:
            return meant[_plain(name)]
    return None


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", unicodedata.normalize("NFKC", name).strip().casefold()).strip("_")
