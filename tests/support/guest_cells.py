"""Runs some cells of a stored notebook in this process, as a kernel would, and ends as it is told to.

usage: python guest_cells.py NAME CELLS [FROM=TO ...] [--before CODE] [--then end|kill|raise]

CELLS are ids of code cells, and ranges of them in the notebook's order, such as ``a1..a7,b3``: a cell that is put in elsewhere moves
nothing. FROM=TO replaces text in all of them, to take less time. A cell tagged raises-exception has to raise, as nbval wants it.
``--before ID:CODE`` runs code before a cell.
"""

import argparse
import os
import signal
import sys

import matplotlib
import nbformat

from companion import book


def wanted(text: str, code: list) -> list:
    """The cells that the text names; ValueError for an id that none has."""
    ids, found = [cell.id for cell in code], []
    for part in text.split(","):
        first, _, last = part.partition("..")
        found += code[ids.index(first) : ids.index(last or first) + 1]
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("cells")
    parser.add_argument("replace", nargs="*")
    parser.add_argument("--before", action="append", default=[])
    parser.add_argument("--then", choices=("end", "kill", "raise"), default="end")
    options = parser.parse_args()
    matplotlib.use("agg")
    os.chdir(book.folder() / book.chapter(options.name).unit)
    cells = nbformat.read(book.folder() / book.chapter(options.name).file, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    before = dict(entry.split(":", 1) for entry in options.before)
    space = sys.modules["__main__"].__dict__
    for cell in wanted(options.cells, code):
        source = cell.source
        for pair in options.replace:
            source = source.replace(*pair.split("=", 1))
        meant = "raises-exception" in cell.metadata.get("tags", [])
        try:
            exec(compile(before.get(cell.id, ""), f"before {cell.id}", "exec"), space)  # noqa: S102
            exec(compile(source, f"{options.name}[{cell.id}]", "exec"), space)  # noqa: S102  (the project's own cells)
        except Exception as error:
            if not meant:
                raise
            sys.last_value = error
        else:
            assert not meant, f"{options.name}[{cell.id}] raised nothing"
    print("ran to the end", flush=True)
    if options.then == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if options.then == "raise":
        raise KeyboardInterrupt


if __name__ == "__main__":
    main()
