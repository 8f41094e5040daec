"""A container engine's build, as far as a Dockerfile alone decides it: which steps run again after a change, which files lie where.

A step is taken from the cache when the step before it was, its own text and build arguments are the same, and the files that
it copies hold the same bytes. This says which steps *may* run again: a step whose inputs were made anew, but with the same
bytes, is found in the cache all the same.
"""

from __future__ import annotations

import fnmatch
import json
import posixpath
import re
import shlex
from dataclasses import dataclass, field
from typing import Any

from companion.errors import SettingError

INSTRUCTIONS = frozenset(
    re.findall(
        "[A-Z]+",
        "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR",
    )
)


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
        word, _, rest = line.replace("\t", " ").partition(" ")
        keyword = word.upper()
        if keyword not in INSTRUCTIONS:
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
    flags, sources, _ = _copied(step)
    if stage_copied := next((f.partition("=")[2] for f in flags if f.startswith("--from=")), None):
        return stage_copied in stages and stages[stage_copied].again
    return any(_matches(path, pattern) for pattern in map(_pattern, sources) for path in changed)


def _copied(step: Step) -> tuple[list[str], list[str], str]:
    """Flags, sources and destination of a COPY or ADD, in either of its two forms."""
    flags, rest = [], step.rest
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        flags.append(flag)
    try:
        words = _listed(rest) or shlex.split(rest)
    except ValueError as error:
        raise SettingError(f"can't read {str(step)[:60]!r}: {error}") from error
    if len(words) < 2:
        raise SettingError(f"{step.keyword} requires at least two arguments: {str(step)[:60]!r}")
    return flags, words[:-1], words[-1]


def _listed(rest: str) -> Any:
    """What a JSON list holds. What is none is read as words, as engines do: a pattern may begin with a bracket."""
    try:
        return json.loads(rest) if rest.startswith("[") else None
    except ValueError:
        return None


def _pattern(source: str) -> str:
    """A source of COPY as a path of the context, which is its root."""
    return posixpath.normpath(source.lstrip("/") or ".")


def _inside(path: str, folder: str) -> bool:
    return folder == "." or path.startswith(folder + "/")


def _matches(path: str, pattern: str) -> bool:
    return _inside(path, pattern) or fnmatch.fnmatch(path, pattern)


@dataclass(frozen=True)
class Placed:
    """A step of the last stage, the folder in which it runs, and the paths that files of the context have after it."""

    step: Step
    folder: str
    files: dict[str, str]


def placed(dockerfile: str, context: set[str]) -> list[Placed]:
    """Where the files of a build's context lie after each step of the last stage.

    Args:
        context: paths of files in the context.

    Returns:
        For each step the folder that WORKDIR has set, and by path in the image the file of the context that lies there.

    Raises:
        SettingError: what an engine refuses: a COPY of nothing, of several files to what does not end with a slash, or with a
            flag that is neither ``--from`` nor ``--chown``. (The classic builder refuses ``COPY a b .`` and ``COPY --link``;
            BuildKit lets both pass.)
    """
    found: list[Placed] = []
    folder, files, folders = "/", dict[str, str](), {"/", "/tmp", "/opt", "/srv", "/usr/local"}  # noqa: S108  (of the image)
    for step in steps(dockerfile):
        if not step.stage and step.keyword != "ARG":
            raise SettingError(f"a Dockerfile begins with FROM, not with {str(step)[:60]!r}")
        if step.keyword == "FROM":
            found, folder, files = [], "/", {}
        elif step.keyword == "WORKDIR":
            folder = posixpath.normpath(posixpath.join(folder, step.rest.strip("\"'")))
            folders.add(folder)
        elif step.keyword in ("COPY", "ADD"):
            files = {**files, **_copy(step, folder, folders, context)}
        folders |= {posixpath.dirname(path) for path in files}
        found.append(Placed(step, folder, files))
    return found


def _copy(step: Step, folder: str, folders: set[str], context: set[str]) -> dict[str, str]:
    flags, sources, to = _copied(step)
    if unknown := [flag for flag in flags if not flag.startswith(("--from=", "--chown="))]:
        raise SettingError(f"the classic builder knows no {unknown[0].partition('=')[0]} of {step.keyword}")
    if any(flag.startswith("--from=") for flag in flags):
        return {}
    target = posixpath.normpath(posixpath.join(folder, to))
    chosen: dict[str, str] = {}  # by path in the context, the path below the destination
    single = True
    for source, pattern in zip(sources, map(_pattern, sources), strict=True):
        inside = {path: path.removeprefix(pattern + "/") for path in context if _inside(path, pattern)}
        named = {path: posixpath.basename(path) for path in context if fnmatch.fnmatch(path, pattern)}
        if not inside and not named:
            raise SettingError(f"{step.keyword} failed: {source} is not in the build's context")
        single = single and not inside and len(named) == 1
        if len(sources) > 1 or len(named) > 1:
            _check_destination(step, to)
        chosen |= inside or named
    if single and not to.endswith("/") and target not in folders:
        return dict.fromkeys([target], next(iter(chosen)))
    return {posixpath.join(target, below): path for path, below in chosen.items()}


def _check_destination(step: Step, to: str) -> None:
    if not to.endswith("/"):
        raise SettingError(
            f"when {step.keyword} has more than one source file, the destination must be a directory and end with a /: {to!r}"
        )
