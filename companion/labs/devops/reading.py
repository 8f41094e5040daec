"""What a pipeline does and means, whatever its spelling: a rehearsal of it, its limit of time, its agents, and the same pipeline with
a stage that fails.

For a test of a pipeline that somebody else has written. The text has to be without faults (``jenkinsfile.check``).
"""

from __future__ import annotations

import functools
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jenkinsfile
from jenkinsfile import groovy, pipeline, runner

from companion.workspace import workspace

_MINUTES = {"MILLISECONDS": 1 / 60_000, "SECONDS": 1 / 60, "MINUTES": 1.0, "HOURS": 60.0, "DAYS": 1_440.0}


def attempt(source: str, programs: Mapping[str, str] | None = None, **settings: Any) -> tuple[str, list[str]]:
    """Run a pipeline in an empty folder, beside some programs: its result, and the words of the file ``log``.

    Args:
        programs: by their names the shell commands of programs in that folder.
        settings: as of ``jenkinsfile.runner.run``: ``parameters``, ``branch`` ...

    Raises:
        AssertionError: the rehearsal refuses this pipeline; the message says why.
    """
    folder = Path(tempfile.mkdtemp(dir=workspace("exercise")))
    for name, commands in (programs or {}).items():
        (folder / name).write_text(f"#!/bin/sh\n{commands}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    try:
        result = runner.run(_read(source), folder, **settings).result
    except jenkinsfile.PipelineError as refusal:
        raise AssertionError(f"The rehearsal does not run this pipeline: {refusal}") from None
    log = folder / "log"
    return result, log.read_text(encoding="utf-8").split() if log.exists() else []


@functools.lru_cache(maxsize=8)
def _read(source: str) -> pipeline.Pipeline:
    """A pipeline, read once for all attempts at it."""
    return pipeline.read_pipeline(source)


def limit(read: pipeline.Pipeline) -> float | None:
    """The minutes that a pipeline as a whole may take; None without a limit, infinity where silence is limited, not time."""
    for option in pipeline.calls_in(read.sections.get("options")):
        if option.name == "timeout":
            named = pipeline.named_arguments(option)
            if isinstance(activity := named.get("activity"), groovy.Literal) and activity.value:
                return math.inf
            unit = groovy.text_of(named["unit"]) if "unit" in named else "MINUTES"
            time = groovy.walk(named.get("time") or option.arguments[0])
            factors = [float(n.value) for n in time if isinstance(n, groovy.Literal) and isinstance(n.value, int)]
            return round(math.prod(factors) * _MINUTES.get(unit or "", math.nan), 6) if factors else math.nan
    return None


def agents(read: pipeline.Pipeline) -> set[str]:
    """Where its steps run: the nearest agent of each stage that holds steps, as ``any``, ``none`` or ``label NAME``."""
    found: set[str] = set()

    def look(stage: pipeline.Stage, outer: str) -> None:
        section = stage.sections.get("agent")
        own = outer if section is None else _agent(section)
        if not stage.children:
            found.add(own)
        for child in stage.children:
            look(child, own)

    for stage in read.stages:
        look(stage, _agent(read.sections["agent"]))
    return found


def _agent(section: groovy.Call) -> str:
    value = section.arguments[0]
    if isinstance(value, groovy.Name):
        return value.name
    texts = [n.value for n in groovy.walk(value) if isinstance(n, groovy.Literal) and isinstance(n.value, str)]
    return f"label {texts[0]}" if texts and texts[0] else "any"


def failing(source: str, name: str) -> str:
    """The pipeline with the command of the first ``sh`` in a stage's steps replaced by one that fails.

    Raises:
        KeyError: there is no such stage, or it runs no ``sh``.
    """
    for path, stage in pipeline.read_pipeline(source).walk():
        if path[-1] == name and "steps" in stage.sections:
            calls = [n for n in groovy.walk(stage.sections["steps"]) if isinstance(n, groovy.Call) and n.name == "sh"]
            if calls:
                first = min(calls, key=lambda call: call.start)
                command = pipeline.named_arguments(first).get("script") or first.arguments[0]
                return source[: command.start] + "'exit 3'" + source[command.end :]
    raise KeyError(f"no stage {name!r} that runs sh")
