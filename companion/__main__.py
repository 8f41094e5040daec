"""The command ``companion``: what runs on this machine, and what is in the book."""

from __future__ import annotations

import argparse
import sys

from companion import __version__, book, engines


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code (0 well, 1 an engine is missing, 2 a wrong call)."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except BrokenPipeError:  # the reader's `head` has seen enough
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="companion", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    doctor = commands.add_parser(
        "doctor",
        help="which engines are embedded, live or missing here",
        description="A table of the engines. Exit code 1 when one that the book needs is missing, or one that you name.",
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
    found = engines.probe(tuple(options.engine) or engines.NAMES)
    _print_table(("engine", "state", "version", "where, or how to get it"), [_row(s) for s in found])
    missing = [s.engine for s in found if s.mode == "missing" and (options.engine or not s.optional)]
    if missing:
        print(f"\nmissing: {', '.join(missing)}")
    return 1 if missing else 0


def _row(status: engines.Status) -> tuple[str, ...]:
    mode = "missing (optional)" if status.mode == "missing" and status.optional else status.mode
    return status.engine, mode, status.version, status.detail


def _list(_: argparse.Namespace) -> int:
    rows = [(book.UNITS[c.unit], c.name, c.engine, book.run_time(c), c.title) for c in book.BOOK]
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


def _jenkins_lint(options: argparse.Namespace) -> int:
    import jenkinsfile

    code = 0
    for name in options.file:
        try:
            source = jenkinsfile.read(name)
        except (OSError, UnicodeDecodeError) as error:
            print(f"{name}: can't be read: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
            code = 2
            continue
        found = jenkinsfile.check(source)
        for finding in found:
            print(f"{name}:{finding}")
        if not found:
            print(f"{name}: no faults")
        code = max(code, bool(found))
    return code


def _print_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head) - 1)]
    for row in (head, *rows):
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]))


if __name__ == "__main__":
    raise SystemExit(main())
