"""Runs the stages of a declarative pipeline on this machine: real processes, real exit codes, Jenkins's order of things.

For trying a pipeline before it is pushed. What it knows: ``sh`` and the steps in ``_Run.steps``; environment, parameters and
their defaults; ``when``; ``timeout`` and ``retry``; stages in stages, parallel stages, ``failFast``; ``post``. What only a
controller has (agents, input, script blocks, matrices, credentials) is refused before anything runs; what would only keep
results (``junit``, ``archiveArtifacts``, ``stash``) is noted and left out.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from jenkinsfile import groovy, vocabulary
from jenkinsfile.groovy import (
    Binary,
    Call,
    GString,
    ListLiteral,
    Literal,
    MapLiteral,
    Name,
    Node,
    Property,
    Ternary,
    Unary,
    text_of,
)
from jenkinsfile.pipeline import Pipeline, PipelineError, Stage, read_pipeline

_SECONDS = dict(zip(vocabulary.TIME_UNITS, (1e-9, 1e-6, 1e-3, 1, 60, 3600, 86400), strict=True))
_RANK = {"success": 0, "unstable": 1, "failure": 2, "aborted": 3}
_LEFT_OUT = frozenset(
    (
        "archiveArtifacts",
        "junit",
        "stash",
        "unstash",
        "checkout",
        "cleanWs",
        "deleteDir",
        "mail",
        "emailext",
        "milestone",
    )
)


@dataclass
class StageRun:
    """What became of a stage.

    Attributes:
        path: the names on the way to it, its own last.
        status: ``success``, ``unstable``, ``failure``, ``aborted``; ``skipped`` by its when; ``not reached`` after an
            earlier failure; ``left out`` because it was not chosen.
        reason: why, when it is not success.
        seconds: how long it took.
        output: what its commands printed, and those of its post.
    """

    path: tuple[str, ...]
    line: int
    status: str = "not reached"
    reason: str = ""
    seconds: float = 0.0
    began: float = 0.0
    output: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.path[-1]


@dataclass
class Run:
    """What became of a pipeline: its result, and every stage in the order of the file."""

    result: str
    stages: list[StageRun]
    output: list[str]
    left_out: list[str]

    def __getitem__(self, name: str) -> StageRun:
        """The first stage of this name."""
        return next(stage for stage in self.stages if stage.name == name)


def run(
    source: str,
    folder: Path,
    *,
    parameters: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    only: Iterable[str] | None = None,
    branch: str | None = None,
) -> Run:
    """Run a pipeline in ``folder``, all of it or the stages named in ``only``.

    Args:
        parameters: instead of the defaults in the file.
        environment: for every command, on top of this process's own.
        branch: what ``when { branch ... }`` compares with.

    Raises:
        PipelineError: the pipeline has faults, or needs something that only a controller has; nothing has run then.
    """
    pipeline = read_pipeline(source)
    chosen = _chosen(pipeline, only)
    _refuse_what_is_not_here(pipeline, chosen)
    job = _Run(pipeline, Path(folder), chosen, branch)
    scope = _Scope({**(environment or {})}, _parameters(pipeline, parameters or {}))
    return job.run(scope)


def _chosen(pipeline: Pipeline, only: Iterable[str] | None) -> set[tuple[str, ...]]:
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


def _parameters(pipeline: Pipeline, given: Mapping[str, object]) -> dict[str, object]:
    """Parameters by name: the defaults of the file, and what was given instead."""
    values: dict[str, object] = {}
    section = pipeline.sections.get("parameters")
    for call in section.block.body if section else ():
        named = {text_of(key): value for key, value in _named(call)}
        name = text_of(named["name"]) if "name" in named else text_of(call.arguments[0])
        default = named.get("defaultValue")
        values[name] = default.value if isinstance(default, Literal) else (False if call.name == "booleanParam" else "")
        if call.name == "choice" and isinstance(named["choices"], ListLiteral):
            choices = [item.value for item in named["choices"].items]
            values[name] = choices[0]
            if name in given and given[name] not in choices:
                raise PipelineError(f"{name} is one of {', '.join(map(str, choices))}, not {given[name]!r}")
    for name in given:
        if name not in values:
            raise PipelineError(f"the pipeline has no parameter {name!r}; it has: {', '.join(values) or 'none'}")
    return values | dict(given)


def _named(call: Call) -> list[tuple[Node, Node]]:
    first = call.arguments[0] if call.arguments else None
    return first.entries if isinstance(first, MapLiteral) and first.named else []


def _refuse_what_is_not_here(pipeline: Pipeline, chosen: set[tuple[str, ...]]) -> None:
    for path, stage in pipeline.walk():
        if path not in chosen:
            continue
        if stage.kind == "matrix" or "input" in stage.sections:
            what = "a matrix" if stage.kind == "matrix" else "input"
            raise PipelineError(f"line {stage.line}: stage {stage.name!r} has {what}, which only a controller runs")
        blocks = [stage.sections[name].block for name in ("steps", "post") if name in stage.sections]
        _refuse_steps([statement for block in blocks for statement in block.body])
    post = pipeline.sections.get("post")
    _refuse_steps(post.block.body if post else [])


def _refuse_steps(statements: list[Node]) -> None:
    for statement in statements:
        name = statement.name
        known = hasattr(_Run, f"step_{name}") or name in _LEFT_OUT or name in vocabulary.CONDITIONS
        if not known:
            raise PipelineError(f"line {statement.line}: the step {name} runs on a controller only")
        if statement.block:
            _refuse_steps(statement.block.body)


class _Failed(Exception):
    """A step failed; the message says which and how."""

    status = "failure"


class _Aborted(_Failed):
    status = "aborted"


@dataclass
class _Scope:
    """What a step sees: variables, parameters, the folder, until when, and where it prints."""

    variables: dict[str, str]
    parameters: dict[str, object]
    folder: Path = Path()
    deadline: float = float("inf")
    stop: threading.Event = field(default_factory=threading.Event)
    output: list[str] = field(default_factory=list)

    def inside(self, **changes: object) -> _Scope:
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return _Scope(**{**fields, "variables": dict(self.variables), **changes})


class _Run:
    def __init__(self, pipeline: Pipeline, folder: Path, chosen: set[tuple[str, ...]], branch: str | None):
        self.pipeline, self.folder, self.chosen, self.branch = pipeline, folder, chosen, branch
        self.stages = {path: StageRun(path, stage.line) for path, stage in pipeline.walk()}
        for path, record in self.stages.items():
            if path not in chosen:
                record.status = "left out"
        self.left_out: list[str] = []
        self.always_fail_fast = any(
            call.name == "parallelsAlwaysFailFast" for call in self._body(pipeline.sections.get("options"))
        )

    def run(self, scope: _Scope) -> Run:
        start = time.monotonic()
        scope = scope.inside(folder=self.folder)
        scope.variables.setdefault("JOB_NAME", "local")
        scope.variables.setdefault("BUILD_NUMBER", "1")
        output: list[str] = []
        self.origin = start

        def body(inner: _Scope) -> str:
            return self.sequence(self.pipeline.stages, (), inner)

        try:
            status, _ = self.guarded(self.pipeline.sections, scope.inside(output=output), body)
        finally:
            scope.stop.set()
        return Run(status, list(self.stages.values()), output, self.left_out)

    # stages

    def guarded(self, sections: dict[str, Call], scope: _Scope, body: Callable[[_Scope], str]) -> tuple[str, str]:
        """Environment and options around a body, and post after it; the status and the reason."""
        status, reason = "success", ""
        try:
            self.set_environment(sections.get("environment"), scope)
            status = self.with_options(self._body(sections.get("options")), scope, body)
        except _Failed as error:
            status, reason = error.status, str(error)
        except BaseException:
            scope.stop.set()
            raise
        post_status, post_reason = self.post(sections.get("post"), scope, status)
        return (post_status, post_reason) if _RANK[post_status] > _RANK[status] else (status, reason)

    def with_options(self, options: list[Call], scope: _Scope, body: Callable[[_Scope], str]) -> str:
        for option in options:
            if option.name == "timeout":
                scope = scope.inside(deadline=min(scope.deadline, time.monotonic() + self.duration(option, scope)))
        attempts = next((self.count(option, scope) for option in options if option.name == "retry"), 1)
        for attempt in range(attempts):
            try:
                return body(scope)
            except _Aborted:
                raise
            except _Failed as error:
                if attempt + 1 == attempts:
                    raise
                scope.output.append(f"attempt {attempt + 1} failed: {error}")
        raise AssertionError("a retry of zero attempts")

    def sequence(self, stages: tuple[Stage, ...], path: tuple[str, ...], scope: _Scope) -> str:
        """One after the other; the first failure ends it."""
        worst = "success"
        for stage in stages:
            if (*path, stage.name) in self.chosen:
                status = self.stage(stage, (*path, stage.name), scope)
                worst = max(worst, status, key=_RANK.__getitem__)
        return worst

    def stage(self, stage: Stage, path: tuple[str, ...], scope: _Scope) -> str:
        record, start = self.stages[path], time.monotonic()
        record.began = start - self.origin
        scope = scope.inside(output=record.output)
        if scope.stop.is_set():
            record.status, record.reason = "aborted", "another branch failed"
            raise _Aborted(record.reason)
        when = stage.sections.get("when")
        if when is not None:
            inner = scope.inside()
            self.set_environment(stage.sections.get("environment"), inner)
            if not all(self.holds(condition, inner) for condition in self._body(when)):
                self.skip(path)
                return "success"

        def body(inner: _Scope) -> str:
            if stage.kind == "steps":
                return self.run_steps(stage.sections["steps"].block.body, inner)
            if stage.kind == "stages":
                return self.sequence(stage.children, path, inner)
            return self.parallel(stage, path, inner)

        record.status = "running"
        status, reason = self.guarded(stage.sections, scope, body)
        record.status, record.reason, record.seconds = status, reason, time.monotonic() - start
        if _RANK[status] >= _RANK["failure"]:
            raise (_Aborted if status == "aborted" else _Failed)(f"stage {stage.name!r}: {reason}")
        return status

    def skip(self, path: tuple[str, ...]) -> None:
        for other, record in self.stages.items():
            if other[: len(path)] == path and other in self.chosen:
                record.status, record.reason = "skipped", "its when does not hold"

    def parallel(self, stage: Stage, path: tuple[str, ...], scope: _Scope) -> str:
        """All at once; with failFast a failure ends the others."""
        fail_fast = self.always_fail_fast or "failFast" in stage.sections
        chosen = [child for child in stage.children if (*path, child.name) in self.chosen]
        stop = threading.Event() if fail_fast else scope.stop
        failures: list[_Failed] = []

        def one(child: Stage) -> str:
            try:
                return self.stage(child, (*path, child.name), scope.inside(stop=stop))
            except _Failed as error:
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
        return max((future.result() for future in futures), key=_RANK.__getitem__, default="success")

    def post(self, section: Call | None, scope: _Scope, status: str) -> tuple[str, str]:
        """The conditions of post that hold, in Jenkins's order; the status after them."""
        blocks = {call.name: call for call in self._body(section)}
        holds = {"always", "cleanup", status} | ({"unsuccessful"} if status != "success" else set())
        scope = scope.inside(deadline=float("inf"), stop=threading.Event())
        result, reason = status, ""
        for name in vocabulary.CONDITIONS:
            if name in blocks and name in holds:
                scope.output.append(f"post: {name}")
                try:
                    self.run_steps(blocks[name].block.body, scope)
                except _Failed as error:
                    result, reason = "failure", f"post {name}: {error}"
        return result, reason

    # conditions

    def holds(self, call: Call, scope: _Scope) -> bool:
        name, named = call.name, {text_of(key): value for key, value in _named(call)}
        if name in vocabulary.WHEN_FLAGS:
            return True
        if name in vocabulary.NESTING:
            inner = [self.holds(condition, scope) for condition in call.block.body]
            return {"allOf": all, "anyOf": any, "not": lambda held: not held[0]}[name](inner)
        if name == "expression":
            value = None
            for statement in call.block.body:
                returned = isinstance(statement, groovy.Statement) and statement.keyword == "return"
                value = self.value(statement.children[0] if returned else statement, scope)
            return bool(value)
        if name == "branch":
            pattern = named.get("pattern") or call.arguments[0]
            return self.branch is not None and fnmatchcase(self.branch, str(self.value(pattern, scope)))
        if name == "environment":
            return scope.variables.get(self.value(named["name"], scope)) == self.value(named["value"], scope)
        if name == "equals":
            return self.value(named["expected"], scope) == self.value(named["actual"], scope)
        # what a controller alone knows of a build does not hold here: a tag, a change request, a restart, its cause
        return False

    # values

    def value(self, node: Node, scope: _Scope) -> object:
        """The value of an expression; only what can be known here."""
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, GString):
            return "".join(part if isinstance(part, str) else _shown(self.value(part, scope)) for part in node.parts)
        if isinstance(node, ListLiteral):
            return [self.value(item, scope) for item in node.items]
        if isinstance(node, Name) and node.name in scope.variables:
            return scope.variables[node.name]
        if isinstance(node, Name) and node.name in scope.parameters:
            return scope.parameters[node.name]
        if isinstance(node, Property) and isinstance(node.object, Name) and node.object.name in ("env", "params"):
            held = scope.parameters if node.object.name == "params" else {**os.environ, **scope.variables}
            return held.get(text_of(node.name))
        if isinstance(node, Unary) and node.operator == "!":
            return not self.value(node.operand, scope)
        if isinstance(node, Ternary):
            condition = self.value(node.condition, scope)
            if condition and node.yes is None:
                return condition
            return self.value(node.yes if condition else node.no, scope)
        if isinstance(node, Binary):
            return self.calculated(node, scope)
        if isinstance(node, Call) and text_of(node.method) == "trim" and node.object is not None:
            return str(self.value(node.object, scope)).strip()
        if isinstance(node, Call) and node.name == "sh":
            return self.step_sh(node, scope, capture=True)
        raise _Failed(f"line {node.line}: this expression is known on a controller only")

    def calculated(self, node: Binary, scope: _Scope) -> object:
        left = self.value(node.left, scope)
        if node.operator == "&&":
            return bool(left) and bool(self.value(node.right, scope))
        if node.operator == "||":
            return bool(left) or bool(self.value(node.right, scope))
        right = self.value(node.right, scope)
        if node.operator in ("==", "!="):
            return (left == right) == (node.operator == "==")
        if node.operator == "+":
            return _shown(left) + _shown(right) if isinstance(left, str) or isinstance(right, str) else left + right
        if node.operator in ("==~", "=~"):
            return bool((re.fullmatch if node.operator == "==~" else re.search)(str(right), str(left)))
        raise _Failed(f"line {node.line}: {node.operator} is known on a controller only")

    def set_environment(self, section: Call | None, scope: _Scope) -> None:
        for line in self._body(section):
            scope.variables[line.left.name] = _shown(self.value(line.right, scope))

    def argument(self, call: Call, name: str, scope: _Scope, default: object = None) -> object:
        """An argument by its name, or the one without a name."""
        for key, value in _named(call):
            if text_of(key) == name:
                return self.value(value, scope)
        plain = [argument for argument in call.arguments if not isinstance(argument, MapLiteral | groovy.Closure)]
        first = vocabulary.STEPS.get(call.name) or vocabulary.STAGE_OPTIONS.get(call.name)
        if plain and first and first.single == name:
            return self.value(plain[0], scope)
        return default

    def duration(self, call: Call, scope: _Scope) -> float:
        return self.argument(call, "time", scope) * _SECONDS[self.argument(call, "unit", scope, "MINUTES")]

    def count(self, call: Call, scope: _Scope) -> int:
        return max(1, int(self.argument(call, "count", scope)))

    # steps

    def run_steps(self, statements: list[Call], scope: _Scope) -> str:
        worst = "success"
        for statement in statements:
            if statement.name in _LEFT_OUT:
                self.left_out.append(f"line {statement.line}: {statement.name}")
                continue
            status = getattr(self, f"step_{statement.name}")(statement, scope)
            worst = max(worst, status if status in _RANK else "success", key=_RANK.__getitem__)
        return worst

    def step_echo(self, call: Call, scope: _Scope) -> None:
        scope.output.append(_shown(self.argument(call, "message", scope)))

    def step_error(self, call: Call, scope: _Scope) -> None:
        raise _Failed(_shown(self.argument(call, "message", scope)))

    def step_unstable(self, call: Call, scope: _Scope) -> str:
        scope.output.append(_shown(self.argument(call, "message", scope)))
        return "unstable"

    def step_sleep(self, call: Call, scope: _Scope) -> None:
        seconds = self.argument(call, "time", scope) * _SECONDS[self.argument(call, "unit", scope, "SECONDS")]
        if scope.stop.wait(max(0, min(seconds, scope.deadline - time.monotonic()))):
            raise _Aborted("another branch failed")
        if time.monotonic() >= scope.deadline:
            raise _Aborted(f"line {call.line}: out of time")

    def step_dir(self, call: Call, scope: _Scope) -> str:
        folder = scope.folder / str(self.argument(call, "path", scope))
        folder.mkdir(parents=True, exist_ok=True)
        return self.run_steps(call.block.body, scope.inside(folder=folder))

    def step_withEnv(self, call: Call, scope: _Scope) -> str:
        inner = scope.inside()
        inner.variables |= dict(pair.split("=", 1) for pair in self.argument(call, "overrides", scope))
        return self.run_steps(call.block.body, inner)

    def step_timeout(self, call: Call, scope: _Scope) -> str:
        return self.with_options([call], scope, lambda inner: self.run_steps(call.block.body, inner))

    step_retry = step_timeout

    def step_timestamps(self, call: Call, scope: _Scope) -> str:
        return self.run_steps(call.block.body, scope)

    def step_catchError(self, call: Call, scope: _Scope) -> str:
        try:
            return self.run_steps(call.block.body, scope)
        except _Aborted:
            raise
        except _Failed as error:
            scope.output.append(f"caught: {error}")
            return str(self.argument(call, "buildResult", scope, "FAILURE")).lower()

    def step_warnError(self, call: Call, scope: _Scope) -> str:
        return "unstable" if self.step_catchError(call, scope) == "failure" else "success"

    def step_writeFile(self, call: Call, scope: _Scope) -> None:
        (scope.folder / str(self.argument(call, "file", scope))).write_text(str(self.argument(call, "text", scope)))

    def step_sh(self, call: Call, scope: _Scope, capture: bool = False) -> str | None:
        """A command in a shell that stops at the first failing one, as Jenkins's does."""
        script = str(self.argument(call, "script", scope))
        code, printed = self.process(script, scope, quiet=capture)
        if code and not self.argument(call, "returnStatus", scope, False):
            raise _Failed(f"line {call.line}: {script.strip().splitlines()[0][:60]!r} ended with exit code {code}")
        return "\n".join(printed) if capture else None

    def process(self, script: str, scope: _Scope, quiet: bool) -> tuple[int, list[str]]:
        variables = {**os.environ, **{k: _shown(v) for k, v in scope.parameters.items()}, **scope.variables}
        guard = [sys.executable, "-m", "companion.processes.guard", str(os.getpid()), "", "--"]
        process = subprocess.Popen(
            [*guard, "sh", "-ec", script],
            cwd=scope.folder,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        printed: list[str] = []
        target = printed if quiet else scope.output
        reader = threading.Thread(
            target=lambda: target.extend(line.rstrip("\n") for line in process.stdout), daemon=True
        )
        reader.start()
        try:
            ended = self.wait_for(process, scope)
        finally:
            # the guard ends the command, and all that it started, when this pipe closes
            with suppress(OSError):
                process.stdin.close()
            code = process.wait()
            reader.join()
            process.stdout.close()
        if not ended:
            raise _Aborted("another branch failed" if scope.stop.is_set() else f"{script[:40]!r} was out of time")
        return code, printed

    def wait_for(self, process: subprocess.Popen, scope: _Scope) -> bool:
        """Wait for the end; False when there is no more time, or another branch has failed."""
        while process.poll() is None:
            if scope.stop.wait(0.02) or time.monotonic() > scope.deadline:
                return False
        return True

    @staticmethod
    def _body(section: Call | None) -> list[Node]:
        return section.block.body if section is not None and section.block else []


def _shown(value: object) -> str:
    """A value as Groovy prints it."""
    return (
        {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else str(value)
    )
