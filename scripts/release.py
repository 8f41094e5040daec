"""Write the student version of the book's units into release/: no solutions, no hidden tests, no outputs.

usage: python scripts/release.py [UNIT ...]      default: every unit
"""

import argparse
import shutil
import sys

from companion.book import BOOK, UNITS
from companion.grading.round import course, grader


def main(arguments: list[str]) -> int:
    units = sorted({chapter.unit for chapter in BOOK})
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("unit", nargs="*", help=", ".join(UNITS))
    chosen = parser.parse_args(arguments).unit or units
    for unit in chosen:
        if unit not in units:
            parser.error(f"no unit {unit!r}; the book has: {', '.join(units)}")
    root = course()
    api = grader(root)
    for unit in chosen:
        target = root / "release" / unit
        shutil.rmtree(target, ignore_errors=True)
        answer = api.generate_assignment(unit)
        if not answer["success"]:
            print(answer.get("error") or answer.get("log"), file=sys.stderr)
            return 1
        print(f"release/{unit}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
