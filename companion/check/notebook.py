"""One notebook from the disk to the list of its faults."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from companion import book, checkout
from companion.check import exercises, place, stored, style
from companion.check.faults import Fault, Subject
from companion.errors import DatasetError


def find(name: str) -> Path:
    """The file that a name of the book, or a path, means."""
    known = {chapter.name: chapter for chapter in book.BOOK}
    notebooks = book.folder()
    if name in known and notebooks is not None:
        return notebooks / known[name].file
    return Path(name)


def read(path: Path) -> Any:
    """The notebook in a file, as nbformat's nodes; its format is not judged yet.

    Raises:
        DatasetError: no such file, no JSON, or no notebook of format 4.
    """
    import nbformat

    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
    except OSError as error:
        raise DatasetError(f"{path}: can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not a notebook: byte {error.start} is no UTF-8") from error
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path}: not a notebook: no JSON at line {error.lineno}, column {error.colno}") from error
    if not isinstance(content, dict) or content.get("nbformat") != 4 or not isinstance(content.get("cells"), list):
        raise DatasetError(
            f"{path}: not a notebook of format 4 (JupyterLab writes it: open the file there and save it)"
        )
    try:
        return nbformat.v4.reads(text)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DatasetError(f"{path}: not a notebook of format 4: {type(error).__name__}: {error}") from error


def check(path: Path) -> list[Fault]:
    """Every fault of a stored notebook, in the order of the rules; advice among them.

    Raises:
        DatasetError: the file is no notebook.
    """
    notebook, here = read(path), path.resolve()
    notebooks = book.folder()
    chapter = next((c for c in book.BOOK if notebooks and here == (notebooks / c.file).resolve()), None)
    return faults(Subject(notebook, path.stem, chapter, checkout.folder()))


def faults(subject: Subject) -> list[Fault]:
    """Every fault of a notebook that is in memory; one whose format is broken has that fault alone."""
    import nbformat
    from nbformat.warnings import DuplicateCellId, MissingIDFieldWarning

    try:
        with warnings.catch_warnings():
            for category in (DuplicateCellId, MissingIDFieldWarning):
                warnings.simplefilter("error", category)
            nbformat.validate(subject.notebook)
    except (nbformat.ValidationError, DuplicateCellId, MissingIDFieldWarning) as error:
        return [
            subject.fault("format", "notebook", f"not in the format of notebooks: {str(error).partition(chr(10))[0]}")
        ]
    rooms = (stored, exercises, style, place)
    return [fault for room in rooms for rule in room.CHECKS for fault in rule(subject)]
