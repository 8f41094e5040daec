"""The layer cache of a container engine, as far as a Dockerfile alone decides it: which steps run again after a change.

A step is taken from the cache when the step before it was, its own text and build arguments are the same, and the files that
it copies hold the same bytes. This says which steps *may* run again: a step whose inputs were made anew, but with the same
bytes, is found in the cache all the same.
"""

from __future__ import annotations

import fnmatch
import re
import shlex
from dataclasses import dataclass, field

from companion.errors import SettingError


@dataclass(frozen=True)
class Step:
    """One instruction: the stage it belongs to, its keyword, and the rest of it on one line."""

    stage: str
    keyword: str
    rest: str

    @property
    def makes_files(self) -> bool:
        """Whether its layer can hold files; the other instructions only change the image's settings."""
        return self.keyword in ("RUN", "COPY", "ADD")

    def __str__(self) -> str:
        return f"{self.keyword} {self.rest}"


@dataclass
class _Stage:
    again: bool
    arguments: set[str] = field(default_factory=set)


def steps(dockerfile: str) -> list[Step]:
    """The instructions of a Dockerfile, in order; stages without a name are called ``final``.

    Raises:
        SettingError: a line does not start with an instruction.
    """
    text = re.sub(r"^\s*#.*\n?", "", dockerfile, flags=re.MULTILINE)
    text = re.sub(r"\\\s*\n\s*", " ", text)
    found, stage = [], ""
    for line in filter(None, map(str.strip, text.splitlines())):
        keyword, _, rest = line.partition(" ")
        if not re.fullmatch("[A-Z]+", keyword):
            raise SettingError(f"not an instruction: {line[:60]!r}")
        if keyword == "FROM":
            name = re.search(r"\sAS\s+(\S+)$", rest, re.IGNORECASE)
            stage = name[1] if name else "final"
        found.append(Step(stage, keyword, " ".join(rest.split())))
    return found


def again(dockerfile: str, changed: set[str]) -> list[Step]:
    """The steps that may run again when these paths of the context, or these build arguments, have changed."""
    stages: dict[str, _Stage] = {}
    found = []
    for step in steps(dockerfile):
        if step.keyword == "FROM":
            base = step.rest.split()[0]
            stages[step.stage] = _Stage(stages[base].again if base in stages else False)
            continue
        if not step.stage:  # an ARG before the first FROM
            continue
        stage = stages[step.stage]
        if step.keyword == "ARG":
            stage.arguments.add(step.rest.partition("=")[0])
        stage.again = stage.again or _starts_again(step, stage, stages, changed)
        if stage.again:
            found.append(step)
    return found


def _starts_again(step: Step, stage: _Stage, stages: dict[str, _Stage], changed: set[str]) -> bool:
    if step.keyword == "RUN":
        return bool(stage.arguments & changed)
    if step.keyword not in ("COPY", "ADD"):
        return False
    words = shlex.split(step.rest)
    if source := next((w.partition("=")[2] for w in words if w.startswith("--from=")), None):
        return source in stages and stages[source].again
    patterns = [w for w in words if not w.startswith("--")][:-1]
    return any(_matches(path, pattern) for pattern in patterns for path in changed)


def _matches(path: str, pattern: str) -> bool:
    pattern = pattern.rstrip("/")
    return pattern in (".", path) or fnmatch.fnmatch(path, pattern) or path.startswith(pattern + "/")
