"""Jenkins without a controller: parse a declarative pipeline, say what is wrong with it, draw its stages, run them here.

``check`` is the linter. ``groovy.parse`` gives the tree, ``pipeline.read_pipeline`` the stages, ``pipeline.mermaid`` their
drawing, ``runner.run`` runs them. A source that is checked and then read needs no second parse: ``examine`` it, and hand that on.
"""

import sys
from pathlib import Path

from jenkinsfile.declarative import Examined, Finding, check, examine
from jenkinsfile.errors import GroovySyntaxError, JenkinsfileError, PipelineError

__version__ = "0.1.0"

__all__ = [
    "Examined",
    "Finding",
    "GroovySyntaxError",
    "JenkinsfileError",
    "PipelineError",
    "check",
    "examine",
    "read",
]


def read(name: str | Path) -> str:
    """The text of a Jenkinsfile, of the standard input when it is called ``-``; OSError or UnicodeDecodeError else."""
    content = sys.stdin.buffer.read() if str(name) == "-" else Path(name).read_bytes()
    return content.decode("utf-8-sig")
