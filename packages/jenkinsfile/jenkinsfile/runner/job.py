"""One run of a pipeline: its stages in Jenkins's order, each with its environment, its options and its post."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

from jenkinsfile.errors import PipelineError
from jenkinsfile.groovy import Call, Literal
from jenkinsfile.pipeline import Pipeline, Stage, calls_in, read_pipeline
from jenkinsfile.runner.conditions import CHANGE, Facts, holds
from jenkinsfile.runner.environment import set_environment
from jenkinsfile.runner.known import Known, is_of_a_build
from jenkinsfile.runner.parameters import parameter_values
from jenkinsfile.runner.plan import Plan, chosen_stages, has_node
from jenkinsfile.runner.post import run_post
from jenkinsfile.runner.results import STATUSES, Build, Failed, Run, StageRun, first_of, worst
from jenkinsfile.runner.scope import Interrupt, Scope
from jenkinsfile.runner.steps import run_steps, with_options
from jenkinsfile.runner.strings import shown


def run(
    source: str | Pipeline,
    folder: Path | str,
    *,
    parameters: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    only: str | Iterable[str] | None = None,
    branch: str | None = None,
    tag: str | None = None,
    change: Mapping[str, str] | None = None,
    cause: str | None = None,
    changes: Sequence[str] | None = None,
    previous: str | None = None,
) -> Run:
    """Run a pipeline in ``folder``, all of it or the stages named in ``only``.

    What the pipeline asks of its build and the caller does not say is refused.

    Args:
        source: the text of a Jenkinsfile, or a pipeline that is read already.
        parameters: instead of the defaults in the file.
        environment: for every command, on top of this process's own.
        branch: the branch that is built, ``BRANCH_NAME``, and no tag and no change request then; '' when the job has none.
        tag: the tag that is built, ``TAG_NAME``; '' when none is.
        change: the change request that is built, such as ``{"id": "7", "target": "main"}``; ``{}`` when none is.
        cause: what started the build, such as ``UserIdCause`` or ``TimerTrigger``.
        changes: the paths of the files that were changed, for ``changeset``.
        previous: the result of the build before, such as ``failure``; None: this is the first build.

    Raises:
        PipelineError: the pipeline has faults, or needs something that only a controller has; nothing has run then.
    """
    pipeline = read_pipeline(source) if isinstance(source, str) else source
    chosen = chosen_stages(pipeline, only)
    values = parameter_values(pipeline, parameters or {})
    branch = (environment or {}).get("BRANCH_NAME") if branch is None else branch
    if branch:  # a build of a branch is none of a tag, nor of a change request
        tag, change = tag or "", change or {}
    facts = Facts(branch, tag, change, cause, changes)
    _check_facts(change, previous)
    variables = _variables(facts, Path(folder), environment or {}, values)
    types = {name: "flag" if isinstance(value, bool) else "text" for name, value in values.items()}
    plan = Plan(pipeline, chosen, facts)
    # that there is no branch is known as well
    unset = {name for name, said in (("BRANCH_NAME", branch), ("TAG_NAME", tag)) if said == ""}
    plan.check(Known(frozenset(variables), types, frozenset(unset)))
    build = Build(previous=previous, began=time.time())
    scope = Scope(variables, values, Path(folder), left_out=plan.notes, build=build)
    return _Job(pipeline, chosen, facts).run(scope)


def _check_facts(change: Mapping[str, str] | None, previous: str | None) -> None:
    if unknown := set(change or {}) - set(CHANGE):
        raise PipelineError(f"a change request has no {', '.join(sorted(unknown))}; it has: {', '.join(CHANGE)}")
    if previous is not None and previous not in STATUSES:
        raise PipelineError(f"previous is one of {', '.join(STATUSES)}, not {previous!r}")


def _variables(facts: Facts, folder: Path, environment: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    """The environment of the build: this machine's, what every controller sets, the caller's, the parameters."""
    machine = {name: value for name, value in os.environ.items() if not is_of_a_build(name)}
    job = {"JOB_NAME": "local", "JOB_BASE_NAME": "local", "BUILD_TAG": "jenkins-local-1", "WORKSPACE": str(folder)}
    number = {"BUILD_NUMBER": "1", "BUILD_ID": "1", "BUILD_DISPLAY_NAME": "#1"}
    given = {name: shown(value) for name, value in values.items()}
    return {**machine, **job, **number, **facts.variables(), **environment, **given}


class _Job:
    def __init__(self, pipeline: Pipeline, chosen: set[tuple[str, ...]], facts: Facts):
        self.pipeline, self.chosen, self.facts = pipeline, chosen, facts
        self.stages = {path: StageRun(path, stage.line) for path, stage in pipeline.walk()}
        for path, record in self.stages.items():
            if path not in chosen:
                record.status = "left out"
        options = {option.name for option in calls_in(pipeline.sections.get("options"))}
        self.always_fail_fast = "parallelsAlwaysFailFast" in options
        self.skips_after_unstable = "skipStagesAfterUnstable" in options
        self.start = time.monotonic()

    def run(self, scope: Scope) -> Run:
        sections = self.pipeline.sections
        error: Failed | None = None
        scope = replace(scope, node=has_node(sections.get("agent"), False))
        posted = False

        def body(inner: Scope) -> None:
            nonlocal posted
            failure = self.sequence(self.pipeline.stages, (), inner)
            posted = True
            failure = run_post(sections.get("post"), inner, failure)
            if failure:
                raise failure

        try:
            within = scope.inside()
            set_environment(sections.get("environment"), within)
            with_options(calls_in(sections.get("options")), within, body)
        except Failed as failure:
            error = failure
            if not posted:  # the environment has failed: post runs, and no agent is there any more
                error = run_post(sections.get("post"), scope.inside(node=False), error)
        finally:
            scope.halt.set()
            scope.starter.close()
        result = worst(scope.build.result, error.status if error else "success")
        return Run(result, list(self.stages.values()), scope.output, scope.left_out)

    def sequence(self, stages: tuple[Stage, ...], path: tuple[str, ...], scope: Scope) -> Failed | None:
        """One after the other; the first failure, after which no other one is reached."""
        for stage in stages:
            if (*path, stage.name) in self.chosen:
                try:
                    self.stage(stage, (*path, stage.name), scope)
                except Failed as failure:
                    return failure
        return None

    def stage(self, stage: Stage, path: tuple[str, ...], scope: Scope) -> None:
        """One stage. Failed or Aborted, with the reason, when what follows it is not reached."""
        record, began = self.stages[path], time.monotonic()
        record.began = began - self.start
        scope = scope.inside(output=record.output, enclosing=(*scope.enclosing, record))
        scope.variables["STAGE_NAME"] = stage.name
        if self.skips_after_unstable and scope.build.result == "unstable":
            return self.skip(path, "an earlier stage has made the build unstable")
        error: Failed | None = None
        record.status = "running"
        try:
            with_options(calls_in(stage.sections.get("options")), scope, lambda inner: self.body(stage, path, inner))
        except Failed as failure:
            error = failure
        if stage.kind == "parallel" and record.status != "skipped":
            error = run_post(stage.sections.get("post"), scope, error, record)
        record.seconds = time.monotonic() - began
        if record.status == "skipped":
            return None
        record.status = error.status if error else record.warning
        if error:
            record.reason = str(error)
            raise error.within(f"stage {stage.name!r}")
        return None

    def body(self, stage: Stage, path: tuple[str, ...], scope: Scope) -> None:
        """What a stage does within its options."""
        node = has_node(stage.sections.get("agent"), scope.node)
        before = any(flag.name == "beforeAgent" and _is_true(flag) for flag in calls_in(stage.sections.get("when")))
        when = scope if before else scope.inside(node=node)
        if not all(holds(condition, when, self.facts) for condition in calls_in(stage.sections.get("when"))):
            return self.skip(path, "its when does not hold")
        scope = scope.inside(node=node)
        set_environment(stage.sections.get("environment"), scope)
        if stage.kind == "parallel":
            return self.parallel(stage, path, scope)
        error: Failed | None = None
        if stage.kind == "stages":
            error = self.sequence(stage.children, path, scope)
        else:
            try:
                run_steps(stage.sections["steps"], scope)
            except Failed as failure:
                error = failure
        error = run_post(stage.sections.get("post"), scope, error, self.stages[path])
        if error:
            raise error
        return None

    def skip(self, path: tuple[str, ...], reason: str) -> None:
        """Note that a stage, and all within it, is skipped."""
        for other, record in self.stages.items():
            if other[: len(path)] == path and other in self.chosen:
                record.status, record.reason = "skipped", reason

    def parallel(self, stage: Stage, path: tuple[str, ...], scope: Scope) -> None:
        """All at once; with failFast a failure ends the others."""
        fail_fast = self.always_fail_fast or _is_true(stage.sections.get("failFast"))
        chosen = [child for child in stage.children if (*path, child.name) in self.chosen]
        signal = threading.Event()
        failures: list[Failed] = []
        branches: list[Scope] = []

        def one(child: Stage, inner: Scope) -> None:
            try:
                self.stage(child, (*path, child.name), inner)
            except Failed as error:
                failures.append(error)
                if fail_fast:
                    signal.set()

        with ThreadPoolExecutor(len(chosen) or 1) as pool:
            futures = []
            for child in chosen:
                # each branch takes an interrupt for itself
                interrupts = tuple(replace(interrupt) for interrupt in scope.interrupts)
                inner = scope.inside(interrupts=(*interrupts, Interrupt("another branch failed", signal=signal)))
                branches.append(inner)
                futures.append(pool.submit(one, child, inner))
            try:
                wait(futures)
            except BaseException:
                scope.halt.set()
                raise
        for future in futures:
            future.result()
        for n, interrupt in enumerate(scope.interrupts):
            interrupt.taken = interrupt.taken or any(branch.interrupts[n].taken for branch in branches)
        if failure := first_of(failures):
            raise failure


def _is_true(flag: Call | None) -> bool:
    """``name true``."""
    value = flag.arguments[0] if flag is not None and flag.arguments else None
    return isinstance(value, Literal) and value.value is True
