"""One run of a pipeline: its stages in Jenkins's order, each with its environment, its options and its post."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from jenkinsfile import vocabulary
from jenkinsfile.declarative.blocks import body_of
from jenkinsfile.groovy import Binary, Call, Name
from jenkinsfile.pipeline import Pipeline, Stage, calls_in, read_pipeline
from jenkinsfile.runner.conditions import holds
from jenkinsfile.runner.plan import chosen_stages, parameter_values, refuse_what_is_not_here
from jenkinsfile.runner.results import Aborted, Failed, Run, StageRun, is_failure, worst
from jenkinsfile.runner.scope import Scope
from jenkinsfile.runner.steps import run_steps, with_options
from jenkinsfile.runner.values import evaluate, shown


def run(
    source: str | Pipeline,
    folder: Path | str,
    *,
    parameters: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    only: str | Iterable[str] | None = None,
    branch: str | None = None,
) -> Run:
    """Run a pipeline in ``folder``, all of it or the stages named in ``only``.

    Args:
        source: the text of a Jenkinsfile, or a pipeline that is read already.
        parameters: instead of the defaults in the file.
        environment: for every command, on top of this process's own.
        branch: what ``when { branch ... }`` compares with.

    Raises:
        PipelineError: the pipeline has faults, or needs something that only a controller has; nothing has run then.
    """
    pipeline = read_pipeline(source) if isinstance(source, str) else source
    chosen = chosen_stages(pipeline, only)
    refuse_what_is_not_here(pipeline, chosen)
    variables = {"JOB_NAME": "local", "BUILD_NUMBER": "1", **(environment or {})}
    scope = Scope(variables, parameter_values(pipeline, parameters or {}), Path(folder))
    return _Job(pipeline, chosen, branch).run(scope)


class _Job:
    def __init__(self, pipeline: Pipeline, chosen: set[tuple[str, ...]], branch: str | None):
        self.pipeline, self.chosen, self.branch = pipeline, chosen, branch
        self.stages = {path: StageRun(path, stage.line) for path, stage in pipeline.walk()}
        for path, record in self.stages.items():
            if path not in chosen:
                record.status = "left out"
        options = calls_in(pipeline.sections.get("options"))
        self.always_fail_fast = any(option.name == "parallelsAlwaysFailFast" for option in options)
        self.start = time.monotonic()

    def run(self, scope: Scope) -> Run:
        def body(inner: Scope) -> str:
            return self.sequence(self.pipeline.stages, (), inner)

        try:
            status, _ = self.guarded(self.pipeline.sections, scope.inside(), body)
        finally:
            scope.stop.set()
        return Run(status, list(self.stages.values()), scope.output, scope.left_out)

    def guarded(self, sections: dict[str, Call], scope: Scope, body: Callable[[Scope], str]) -> tuple[str, str]:
        """Environment and options around a body, and post after it; the status and the reason."""
        status, reason = "success", ""
        try:
            _set_environment(sections.get("environment"), scope)
            status = with_options(calls_in(sections.get("options")), scope, body)
        except Failed as error:
            status, reason = error.status, str(error)
        except BaseException:
            scope.stop.set()
            raise
        after, after_reason = _post(sections.get("post"), scope, status)
        return (status, reason) if worst((status, after)) == status else (after, after_reason)

    def sequence(self, stages: tuple[Stage, ...], path: tuple[str, ...], scope: Scope) -> str:
        """One after the other; the first failure ends it."""
        chosen = [stage for stage in stages if (*path, stage.name) in self.chosen]
        return worst([self.stage(stage, (*path, stage.name), scope) for stage in chosen])

    def stage(self, stage: Stage, path: tuple[str, ...], scope: Scope) -> str:
        """One stage; its status. Failed or Aborted, with the reason, when what follows it is not reached."""
        record, start = self.stages[path], time.monotonic()
        record.began = start - self.start
        scope = scope.inside(output=record.output)
        if scope.stop.is_set():
            record.status, record.reason = "aborted", "another branch failed"
            raise Aborted(record.reason)
        if not self.wanted(stage, scope):
            self.skip(path)
            return "success"

        def body(inner: Scope) -> str:
            if stage.kind == "steps":
                return run_steps(calls_in(stage.sections["steps"]), inner)
            if stage.kind == "stages":
                return self.sequence(stage.children, path, inner)
            return self.parallel(stage, path, inner)

        record.status = "running"
        status, reason = self.guarded(stage.sections, scope, body)
        record.status, record.reason, record.seconds = status, reason, time.monotonic() - start
        if is_failure(status):
            raise (Aborted if status == "aborted" else Failed)(f"stage {stage.name!r}: {reason}")
        return status

    def wanted(self, stage: Stage, scope: Scope) -> bool:
        """Whether the conditions of its ``when`` hold."""
        when = stage.sections.get("when")
        if when is None:
            return True
        inner = scope.inside()
        _set_environment(stage.sections.get("environment"), inner)
        return all(holds(condition, inner, self.branch) for condition in calls_in(when))

    def skip(self, path: tuple[str, ...]) -> None:
        """Note that a stage, and all within it, is skipped."""
        for other, record in self.stages.items():
            if other[: len(path)] == path and other in self.chosen:
                record.status, record.reason = "skipped", "its when does not hold"

    def parallel(self, stage: Stage, path: tuple[str, ...], scope: Scope) -> str:
        """All at once; with failFast a failure ends the others."""
        fail_fast = self.always_fail_fast or "failFast" in stage.sections
        chosen = [child for child in stage.children if (*path, child.name) in self.chosen]
        stop = threading.Event() if fail_fast else scope.stop
        failures: list[Failed] = []

        def one(child: Stage) -> str:
            try:
                return self.stage(child, (*path, child.name), scope.inside(stop=stop))
            except Failed as error:
                failures.append(error)
                if fail_fast:
                    stop.set()
                return "success"

        with ThreadPoolExecutor(len(chosen) or 1) as pool:
            futures = [pool.submit(one, child) for child in chosen]
            try:
                wait(futures)
            except BaseException:
                scope.stop.set()
                stop.set()
                raise
        if failures:
            raise failures[0]
        return worst([future.result() for future in futures])


def _post(section: Call | None, scope: Scope, status: str) -> tuple[str, str]:
    """Run the conditions of post that hold, in Jenkins's order; the status after them, and the reason of a failure."""
    blocks = {call.name: call for call in calls_in(section)}
    holding = {"always", "cleanup", status} | ({"unsuccessful"} if status != "success" else set())
    scope = scope.inside(deadline=float("inf"), stop=threading.Event())
    result, reason = status, ""
    for name in vocabulary.CONDITIONS:
        if name in blocks and name in holding:
            scope.output.append(f"post: {name}")
            try:
                run_steps(calls_in(blocks[name]), scope)
            except Failed as error:
                result, reason = "failure", f"post {name}: {error}"
    return result, reason


def _set_environment(section: Call | None, scope: Scope) -> None:
    for line in body_of(section):
        if isinstance(line, Binary) and isinstance(line.left, Name):
            scope.variables[line.left.name] = shown(evaluate(line.right, scope))
