"""The command ``jenkinsfile-lint``: what is wrong with a declarative Jenkinsfile, and where.

Prints FILE:LINE:COLUMN: REASON for every fault. Exit code 0 when there is none, 1 when there are some, 2 when a file can't be
read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence

from jenkinsfile import __version__, examine, read


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code (0 no faults, 1 faults, 2 a wrong call or a file that can't be read)."""
    parser = argparse.ArgumentParser(prog="jenkinsfile-lint", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("file", nargs="+", metavar="FILE", help="a Jenkinsfile; - is the standard input")
    try:
        return lint(parser.parse_args(arguments).file)
    except BrokenPipeError:  # the reader's `head` has seen enough
        sys.stderr.close()
        return 0


def lint(files: Iterable[str]) -> int:
    """Check files and print what is wrong with them; returns the exit code."""
    code = 0
    for name in files:
        try:
            source = read(name)
        except (OSError, UnicodeDecodeError) as error:
            print(f"{name}: can't be read: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
            code = 2
            continue
        examined = examine(source)
        found = examined.findings
        for finding in found:
            print(f"{name}:{finding}")
        for note in examined.notes:
            print(f"{name}:{note.line}:{note.column}: note: {note.message}")
        if not found:
            print(f"{name}: no faults")
        code = max(code, bool(found))
    return code


if __name__ == "__main__":
    raise SystemExit(main())
