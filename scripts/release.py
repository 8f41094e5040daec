"""Write the student version of the book's units into release/: no solutions, no hidden tests, no outputs.

usage: python scripts/release.py [UNIT ...]      default: every unit
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from nbgrader.apps import NbGraderAPI
from traitlets.config.loader import PyFileConfigLoader

from companion import checkout
from companion.book import BOOK, UNITS

ROOT = checkout.folder()


def grader(root: Path) -> NbGraderAPI:
    """nbgrader's own interface, configured by the course's ``nbgrader_config.py`` in ``root``."""
    # nbgrader calls alembic by its bare name, and this environment may not be activated
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    config.CourseDirectory.root = str(root)
    return NbGraderAPI(config=config)


def main(arguments: list[str]) -> int:
    units = sorted({chapter.unit for chapter in BOOK})
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("unit", nargs="*", help=", ".join(UNITS))
    chosen = parser.parse_args(arguments).unit or units
    for unit in chosen:
        if unit not in units:
            parser.error(f"no unit {unit!r}; the book has: {', '.join(units)}")
    api = grader(ROOT)
    for unit in chosen:
        target = ROOT / "release" / unit
        shutil.rmtree(target, ignore_errors=True)
        answer = api.generate_assignment(unit)
        if not answer["success"]:
            print(answer.get("error") or answer.get("log"), file=sys.stderr)
            return 1
        print(f"release/{unit}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
