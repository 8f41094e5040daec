"""What is settled before anything runs: the stages that were chosen, the parameters, what has to be refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jenkinsfile import vocabulary
from jenkinsfile.errors import PipelineError
from jenkinsfile.groovy import Call, ListLiteral, Literal, text_of
from jenkinsfile.pipeline import Pipeline, calls_in, named_arguments
from jenkinsfile.runner.steps import LEFT_OUT, STEPS


def chosen_stages(pipeline: Pipeline, only: str | Iterable[str] | None) -> set[tuple[str, ...]]:
    """Paths of the stages to run: those named, with all within and around them."""
    paths = [path for path, _ in pipeline.walk()]
    if only is None:
        return set(paths)
    only = [only] if isinstance(only, str) else list(only)
    for name in only:
        if name not in {path[-1] for path in paths}:
            raise PipelineError(f"there is no stage {name!r}; there are: {', '.join(path[-1] for path in paths)}")
    named = [path for path in paths if path[-1] in only]
    within = {path for path in paths for top in named if path[: len(top)] == top}
    return within | {path[:n] for path in named for n in range(1, len(path))}


def parameter_values(pipeline: Pipeline, given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by name: the defaults of the file, and what was given instead."""
    values: dict[str, Any] = {}
    for call in calls_in(pipeline.sections.get("parameters")):
        named = named_arguments(call)
        name = text_of(named.get("name", call.arguments[0])) or ""
        default = named.get("defaultValue")
        values[name] = default.value if isinstance(default, Literal) else (False if call.name == "booleanParam" else "")
        choices = named.get("choices")
        if call.name == "choice" and isinstance(choices, ListLiteral):
            known = [item.value for item in choices.items if isinstance(item, Literal)]
            values[name] = known[0]
            if name in given and given[name] not in known:
                raise PipelineError(f"{name} is one of {', '.join(map(str, known))}, not {given[name]!r}")
    for name in given:
        if name not in values:
            raise PipelineError(f"the pipeline has no parameter {name!r}; it has: {', '.join(values) or 'none'}")
    return values | dict(given)


def refuse_what_is_not_here(pipeline: Pipeline, chosen: set[tuple[str, ...]]) -> None:
    """PipelineError when a chosen stage, or the pipeline's post, needs what only a controller has."""
    for path, stage in pipeline.walk():
        if path not in chosen:
            continue
        if stage.kind == "matrix" or "input" in stage.sections:
            what = "a matrix" if stage.kind == "matrix" else "input"
            raise PipelineError(f"line {stage.line}: stage {stage.name!r} has {what}, which only a controller runs")
        for section in ("steps", "post"):
            _refuse_steps(stage.sections.get(section))
    _refuse_steps(pipeline.sections.get("post"))


def _refuse_steps(block: Call | None) -> None:
    for call in calls_in(block):
        name = call.name
        if not (name in STEPS or name in LEFT_OUT or name in vocabulary.CONDITIONS):
            raise PipelineError(f"line {call.line}: the step {name} runs on a controller only")
        _refuse_steps(call)
