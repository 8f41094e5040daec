"""Change the reference solutions of a notebook's exercises in one place at a time, and list the changes that no test notices.

A mutant that gets full marks is a hole in the exercise's tests, or means the same as the solution: then it is listed once, with
the reason, in tests/notebooks/answers/NAME.py:

    EQUIVALENT = {"kubernetes_hpa-1": {"- old line / + new line": "why it means the same"}}

usage: python scripts/mutants.py NAME ... [--exercise ID] [--json FILE]

Exit code 0 when every mutant is caught or explained, 1 when one is not (or what is listed no longer gets full marks), 2 when there
is no such notebook or exercise, or its reference solution does not run here.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

from mutation import exercises as reading
from mutation.grading import How, SetupFailed, grade
from mutation.mutants import mutants
from mutation.report import Report, report
from tqdm import tqdm

from companion import book, checkout

ANSWERS = checkout.folder() / "tests" / "notebooks" / "answers"


class WrongCall(Exception):
    """There is no such notebook or exercise; the message says which there are."""


def examine(path: Path, equivalent: reading.Equivalent, how: How, *, only: str | None = None) -> Report:
    """Make the mutants of a notebook's exercises (of one, if ``only``), grade them and say what survived.

    Raises:
        WrongCall: there is no such exercise.
        SetupFailed: the set-up cells do not run, or a reference solution does not get full marks.
    """
    notebook = reading.read(path)
    names = [exercise.name for exercise in notebook.exercises]
    if only is not None:
        if only not in names:
            raise WrongCall(f"{path.stem} has no exercise {only!r}; it has: {', '.join(names)}")
        notebook = replace(notebook, exercises=tuple(one for one in notebook.exercises if one.name == only))
    unknown = sorted(set(equivalent) - set(names))
    if unknown:
        raise WrongCall(f"EQUIVALENT of {path.stem} names no exercise of it: {', '.join(unknown)}")
    made = [mutant for one in notebook.exercises for mutant in mutants(one.name, one.solution)]
    with tqdm(total=len(made), desc=path.stem, unit="mutant", disable=None, leave=False) as bar:
        graded = grade(notebook, made, how, lambda: bar.update())
    way = f"not forked: {graded.not_forked}" if graded.not_forked else "forked after one set-up"
    print(f"{path.stem}: {len(made)} mutants, {way} (it takes {graded.setup_seconds:.1f} s)", file=sys.stderr)
    return report(path.stem, [one.name for one in notebook.exercises], made, graded, equivalent)


def find(name: str) -> Path:
    """The file of a notebook of the book."""
    files = {chapter.name: chapter.file for chapter in book.BOOK}
    if name not in files:
        raise WrongCall(f"there is no notebook {name!r}; there are: {', '.join(files)}")
    return checkout.folder("notebooks") / files[name]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _options(arguments)
    fork = {"auto": None, "always": True, "never": False}[options.fork]
    how = How(options.at_a_time, fork, options.each, options.seconds)
    reports: list[Report] = []
    try:
        for path in map(find, options.name):
            equivalent = reading.equivalent(ANSWERS / f"{path.stem}.py")
            reports.append(examine(path, equivalent, how, only=options.exercise))
            print("\n".join(reports[-1].lines()), flush=True)
    except (WrongCall, SetupFailed) as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    finally:
        if options.json is not None:
            options.json.write_text(json.dumps([one.as_json() for one in reports], indent=1, ensure_ascii=False) + "\n")
    return 0 if all(one.fine for one in reports) else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="+", metavar="NAME", help="a notebook of the book, as `companion list` names it")
    parser.add_argument("--exercise", metavar="ID", help="of one exercise only, by its grade id")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every mutant with its verdict")
    parser.add_argument("--at-a-time", type=int, default=2, metavar="N", help="so many at the same time (2)")
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help="of a processor that a mutant may take (5 and five times the reference's)",
    )
    parser.add_argument(
        "--fork",
        choices=("auto", "always", "never"),
        default="auto",
        help="grade each mutant in a fork of the process with the set-up (auto: unless that has threads, children or connections)",
    )
    parser.add_argument(
        "--each", type=int, default=10, metavar="N", help="without fork: mutants that share one set-up (10)"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    raise SystemExit(main())
