"""What ``companion grade UNIT`` prints while a round runs, and at its end."""

from __future__ import annotations

import sys

from companion.errors import SettingError
from companion.grading import round as grading_round
from companion.grading import table


def main(unit: str, *, jobs: int | None = None, everybody: bool = False, only_table: bool = False) -> int:
    """Run the round, or only print its table; returns the exit code (0 everybody graded, 1 somebody not, 2 it can't begin)."""
    root = grading_round.course()
    try:
        if jobs is not None and jobs < 1:
            raise SettingError(f"jobs must be at least 1, got {jobs}")
        if not only_table:
            graded_so_far = grading_round.grade(root, unit, jobs=jobs, everybody=everybody)
            for done, graded in enumerate(graded_so_far, 1):
                print(f"{done:4}  {graded.student}: {_how(graded)}", flush=True)
            print()
        rows = table.rows(root, unit)
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    text = table.text(rows)
    (root / "downloaded" / unit / table.SAVED).write_text(text + "\n", encoding="utf-8")
    print(text)
    if not only_table:
        print(f"grades: grades.csv; feedback: feedback/STUDENT/{unit}; this table: downloaded/{unit}/{table.SAVED}")
    return 1 if any(row.state == "not graded" for row in rows) else 0


def _how(graded: grading_round.Graded) -> str:
    if graded.fault:
        return graded.fault
    return "graded" if graded.again else "graded before, and not changed"
