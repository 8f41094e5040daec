"""The command ``companion``: what runs on this machine, and what is in the book."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from companion import __version__, book
from companion.errors import ON_WINDOWS

if TYPE_CHECKING:
    from companion import engines


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code (0 well, 1 an engine is missing, 2 a wrong call or a system that can't run it)."""
    if sys.platform == "win32":
        print(ON_WINDOWS, file=sys.stderr)
        return 2
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        return code
    except BrokenPipeError:  # the reader's `head` has seen enough
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    from companion import engines

    parser = argparse.ArgumentParser(prog="companion", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    doctor = commands.add_parser(
        "doctor",
        help="which engines are embedded, live or missing here",
        description="A table of the engines: which version each has, and which the Python package that speaks to it. Exit code 1 when one that the book needs is missing, or one that you name.",
    )
    doctor.add_argument("engine", nargs="*", choices=engines.NAMES, metavar="ENGINE", help=", ".join(engines.NAMES))
    doctor.set_defaults(run=_doctor)
    lint = commands.add_parser(
        "jenkins-lint",
        help="what is wrong with a declarative Jenkinsfile, and where",
        description="Prints FILE:LINE:COLUMN: REASON for every fault. Exit code 0 when there is none, 1 when there are some, "
        "2 when a file can't be read.",
    )
    lint.add_argument("file", nargs="+", metavar="FILE", help="a Jenkinsfile; - is the standard input")
    lint.set_defaults(run=_jenkins_lint)
    check = commands.add_parser(
        "check",
        help="what is wrong with a notebook, all at once, each fault with its mend",
        description="Prints every fault of a notebook with its cell, its rule (CONTRIBUTING.md lists them) and the mend, and "
        "advice. Exit code 0 when there is no fault (advice is none), 1 when there are some, 2 when a file is no notebook.",
    )
    check.add_argument(
        "notebook", nargs="+", metavar="NOTEBOOK", help="a file, or a notebook's name such as dask_audio"
    )
    check.set_defaults(run=_check)
    grade = commands.add_parser(
        "grade",
        help="a round of grading: collect, grade everybody, grades.csv, feedback, and a table of who had which trouble",
        description="Run in the course's folder (nbgrader_config.py), after `make release UNIT=UNIT`; what came back lies in "
        "downloaded/UNIT/archive. Students are graded side by side, each in processes of their own; a second round grades what "
        "is new. Exit code 0 when everybody has a grade, 1 when somebody could not be graded, 2 for a wrong call.",
    )
    grade.add_argument("unit", metavar="UNIT", help="a folder of notebooks/, such as 00-start-here")
    grade.add_argument("--jobs", type=int, metavar="N", help="students at a time; default: the number of cores")
    grade.add_argument("--everybody", action="store_true", help="grade again what has not changed since the last round")
    grade.add_argument("--table", action="store_true", help="only the table of what was collected and graded")
    grade.set_defaults(run=_grade)
    contents = commands.add_parser("list", help="the book's notebooks with unit, engine and run time")
    contents.set_defaults(run=_list)
    return parser


def _doctor(options: argparse.Namespace) -> int:
    from companion import engines

    found = engines.probe(tuple(options.engine) or engines.NAMES)
    _print_table(("engine", "state", "version", "client", "where, or how to get it"), [_row(s) for s in found])
    missing = [s.engine for s in found if s.mode == "missing" and (options.engine or not s.optional)]
    if missing:
        print(f"\nmissing: {', '.join(missing)}")
    return 1 if missing else 0


def _row(status: engines.Status) -> tuple[str, ...]:
    mode = "missing (optional)" if status.mode == "missing" and status.optional else status.mode
    return status.engine, mode, status.version, status.client, status.detail


def _list(_: argparse.Namespace) -> int:
    rows = [(book.UNITS[c.unit], c.name, c.engine_label, book.run_time(c), c.title) for c in book.BOOK]
    _print_table(("unit", "notebook", "engine", "run time", "title"), rows)
    return 0


def _grade(options: argparse.Namespace) -> int:
    try:
        from companion.grading import command
    except ModuleNotFoundError as error:
        print(
            f"{error.name} is not installed: grading needs what an instructor has (make, or the extra dev)",
            file=sys.stderr,
        )
        return 2
    return command.main(options.unit, jobs=options.jobs, everybody=options.everybody, only_table=options.table)


def _check(options: argparse.Namespace) -> int:
    from companion import check, checkout, errors

    code = 0
    for name in options.notebook:
        path = check.find(name)
        try:
            found = check.check(path)
        except errors.DatasetError as error:
            print(error, file=sys.stderr)
            code = 2
            continue
        wrong = sum(not fault.advice for fault in found)
        hints = f", advice: {len(found) - wrong}" if len(found) > wrong else ""
        print(f"{checkout.shown(path)}: {_count(wrong, 'fault')}{hints}")
        for fault in sorted(found, key=lambda fault: fault.advice):
            print(f"  {'advice: ' if fault.advice else ''}{fault} [{fault.rule}]\n      → {fault.mend}")
        code = max(code, bool(wrong))
    return code


def _count(number: int, thing: str) -> str:
    return f"{number or 'no'} {thing}{'' if number == 1 else 's'}"


def _jenkins_lint(options: argparse.Namespace) -> int:
    from jenkinsfile.__main__ import main as lint

    return lint(["--", *options.file])


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head) - 1)]
    for row in (head, *rows):
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]))


if __name__ == "__main__":
    raise SystemExit(main())
