"""Jenkins without a controller: parse a declarative pipeline, say what is wrong with it, draw its stages, run them here."""

import sys
from pathlib import Path

from jenkinsfile.declarative import Finding, check

__all__ = ["Finding", "check", "read"]


def read(name: str | Path) -> str:
    """The text of a Jenkinsfile, of the standard input when it is called ``-``; OSError or UnicodeDecodeError else."""
    content = sys.stdin.buffer.read() if str(name) == "-" else Path(name).read_bytes()
    return content.decode("utf-8-sig")
