"""Re-execute notebooks in place and normalise what is stored, so that a second run changes nothing that is compared.

usage: python scripts/notebooks.py [NAME ...]      default: every notebook of the book

What a notebook records (``measure.record``) is kept in its metadata with the machine that it comes from. ``scaling_strategy`` reads
the figures of the others: it is the book's last notebook, and is executed after those that it cites.
"""

import argparse
import json
import math
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import joblib
import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from companion import book, checkout, engines
from companion.processes import kernels

NOTEBOOKS = checkout.folder("notebooks")
CELL_TIMEOUT_SECONDS = 300
_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_CELL_METADATA = ("tags", "nbgrader", "jupyter", "editable", "deletable")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
#: what a run adds to its names on a server (companion/this_run.py)
_THIS_RUN = re.compile(r"_\d+_[0-9a-f]{8}\b")
_WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(notebook: NotebookNode, folder: Path, lines: Path | None = None, *, live: bool = False) -> float:
    """Run every cell in a fresh kernel whose working directory is ``folder``; returns the seconds it took.

    Args:
        lines: the file that takes what the cells record; by default the one in the environment, if any.
        live: on the engines that the shell's variables point at. Without it on the embedded ones, whatever the shell says:
            stored outputs are theirs.
    """
    env = {name: value for name, value in os.environ.items() if live or name not in engines.VARIABLES}
    env |= {"COMPANION_RECORD": str(lines)} if lines else {}
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_SECONDS,
        kernel_name="python3",
        kernel_manager_class=kernels.Manager,
        resources={"metadata": {"path": str(folder)}},
    )
    start = time.perf_counter()
    client.execute(env=env)
    return time.perf_counter() - start


def figures(lines: Path) -> list[dict]:
    """What was recorded in a run, rounded to three digits: the last value of each name, in the order of the names' first values."""
    written = lines.read_text(encoding="utf-8").splitlines() if lines.exists() else []
    last = {figure["name"]: figure for figure in map(json.loads, written)}
    for name, figure in list(last.items()):
        numbers = [figure["value"], *figure.get("runs", ())]
        if not all(math.isfinite(number) for number in numbers):
            print(f"{name} is no number, and is not kept: {numbers}", file=sys.stderr)
            del last[name]
            continue
        figure["value"] = _three_digits(figure["value"])
        if "runs" in figure:
            figure["runs"] = [_three_digits(run) for run in figure["runs"]]
    return list(last.values())


def machine() -> str:
    """What figures depend on, and nothing that tells whose machine it is."""
    memory = psutil.virtual_memory().total / 2**30
    python = ".".join(platform.python_version_tuple()[:2])
    return f"{joblib.cpu_count()} cores, {platform.machine()}, {platform.system()}, {memory:.0f} GiB, Python {python}"


def _three_digits(number: float) -> float:
    return float(f"{number:.3g}")


def normalise(notebook: NotebookNode, seconds: float | None = None, recorded: Sequence[dict] = ()) -> None:
    """Drop what differs from run to run or from machine to machine without being compared: execution stamps, widget state,
    the frames of tracebacks (they hold paths), the run's tag in an error's message.

    Args:
        seconds: of the run that the outputs are of, kept rounded up to fives; without it what is known of the last run stays.
        recorded: the figures of that run (see :func:`figures`), kept with the machine; those of an earlier run go.
    """
    kept = dict(notebook.metadata.get("companion", {}))
    if seconds is not None:
        kept = {name: value for name, value in kept.items() if name not in ("recorded", "machine")}
        kept["seconds"] = 5 * (int(seconds) // 5 + 1)
        if recorded:
            kept |= {"machine": machine(), "recorded": list(recorded)}
    notebook.metadata = NotebookNode(
        companion=NotebookNode(kept), kernelspec=NotebookNode(_KERNEL), language_info=NotebookNode(name="python")
    )
    for cell in notebook.cells:
        cell.metadata = NotebookNode(
            {k: v for k, v in cell.metadata.items() if k in _CELL_METADATA and v not in ({}, [])}
        )
        if cell.cell_type == "code":
            cell.outputs = [_tidy(output) for output in cell.outputs if _WIDGET not in output.get("data", {})]


def _tidy(output: NotebookNode) -> NotebookNode:
    if output.output_type == "error":
        output.evalue = _THIS_RUN.sub("", _ANSI.sub("", output.evalue))
        output.traceback = [f"{output.ename}: {output.evalue}"]
    return output


def run(path: Path) -> None:
    """Execute one notebook and write it back; on an error the file is left as it was."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="recorded-") as folder:
        lines = Path(folder) / "lines"
        seconds = execute(notebook, path.parent, lines)
        normalise(notebook, seconds, figures(lines))
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    print(f"{path.stem:32} {seconds:6.1f} s", flush=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help="a notebook's name, such as dask_audio")
    names = parser.parse_args(arguments).name
    try:
        chapters = [book.chapter(name) for name in names] or list(book.BOOK)
    except KeyError as error:
        parser.error(str(error.args[0]))
    failed = []
    for chapter in chapters:
        try:
            run(NOTEBOOKS / chapter.file)
        except CellExecutionError as error:
            print(f"{chapter.name}: {_ANSI.sub('', str(error))}", file=sys.stderr)
            failed.append(chapter.name)
    if failed:
        print(f"not written, a cell failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
