"""The steps that run here, and the options that govern a body of steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from jenkinsfile.declarative.blocks import body_of
from jenkinsfile.groovy import Call, Node
from jenkinsfile.runner.known import SH
from jenkinsfile.runner.reports import archive_artifacts, junit
from jenkinsfile.runner.results import Aborted, Failed, is_worse
from jenkinsfile.runner.scope import Interrupt, Scope
from jenkinsfile.runner.script import Returned, run_statement
from jenkinsfile.runner.strings import shown
from jenkinsfile.runner.values import NO_NODE, argument, count, duration, run_shell, text

#: steps that tell somebody something, or need a controller and change no result: noted, and not run
LEFT_OUT = ("mail", "emailext", "milestone")
#: steps that empty the folder: noted in the pipeline's post, after which nothing comes, and refused elsewhere
EMPTYING = ("cleanWs", "deleteDir")


@dataclass(frozen=True)
class Step:
    """A step that runs here.

    Attributes:
        run: does it.
        arguments: those that are rehearsed, by their kind as in ``known.check_call``.
        node: whether it needs an agent.
        block: whether it holds steps.
    """

    run: Callable[[Call, Scope], object]
    arguments: Mapping[str, str] = field(default_factory=dict)
    node: bool = False
    block: bool = False


def run_steps(block: Call | None, scope: Scope) -> None:
    """Run the steps in a block, one after the other, and within ``script`` its code. Failed at the first that fails."""
    with suppress(Returned):
        _run_all(body_of(block), scope.with_locals())


def _run_all(statements: Iterable[Node], scope: Scope) -> None:
    for statement in statements:
        scope.check()
        if isinstance(statement, Call):
            _run_step(statement, scope)
        else:
            run_statement(statement, scope, _run_all)


def _run_step(call: Call, scope: Scope) -> None:
    name = call.name or ""
    step = STEPS.get(name)
    if (step.node if step else name in EMPTYING or name == "checkout") and not scope.node:
        raise Failed(NO_NODE)
    if step is None:
        scope.left_out.append(f"line {call.line}: {name}")
    else:
        step.run(call, scope)


def with_options(options: Iterable[Call], scope: Scope, body: Callable[[Scope], None]) -> None:
    """Run a body under ``timeout`` and ``retry``, the steps or the section's, the first one outermost."""
    if not (listed := list(options)):
        return body(scope)
    outer, *inner = listed
    if outer.name == "timeout":
        end = time.monotonic() + duration(outer, scope, "MINUTES")
        interrupt = Interrupt(f"line {outer.line}: out of time", end)
        try:
            with_options(inner, scope.interrupted_by(interrupt), body)
        except Aborted as error:
            if error.source is interrupt:
                error.actual = False
            raise
    elif outer.name == "retry":
        _retried(count(outer, scope), scope, lambda: with_options(inner, scope.inside(), body))
    else:
        with_options(inner, scope, body)


def _retried(attempts: int, scope: Scope, body: Callable[[], None]) -> None:
    for attempt in range(1, attempts):
        try:
            return body()
        except Failed as error:
            if isinstance(error, Aborted) and error.actual:  # retry does not catch an interruption from outside
                raise
            scope.output.append(f"attempt {attempt} failed: {error}")
    return body()


def _echo(call: Call, scope: Scope) -> None:
    scope.output.append(text(call, "message", scope))


def _error(call: Call, scope: Scope) -> None:
    raise Failed(text(call, "message", scope))


def _unstable(call: Call, scope: Scope) -> None:
    scope.output.append(text(call, "message", scope))
    scope.build.worsen("unstable")
    scope.warn("unstable")


def _sleep(call: Call, scope: Scope) -> None:
    scope.wait(duration(call, scope, "SECONDS"))


def _dir(call: Call, scope: Scope) -> None:
    folder = scope.folder / text(call, "path", scope)
    folder.mkdir(parents=True, exist_ok=True)
    run_steps(call, scope.inside(folder=folder))


def _with_env(call: Call, scope: Scope) -> None:
    inner = scope.inside()
    inner.override(dict(shown(pair).partition("=")[::2] for pair in argument(call, "overrides", scope)))
    run_steps(call, inner)


def _with_option(call: Call, scope: Scope) -> None:
    with_options([call], scope, lambda inner: run_steps(call, inner))


def _block(call: Call, scope: Scope) -> None:
    run_steps(call, scope)


def _catch_error(call: Call, scope: Scope) -> None:
    build = str(argument(call, "buildResult", scope) or ("UNSTABLE" if call.name == "warnError" else "FAILURE"))
    stage = str(argument(call, "stageResult", scope) or ("UNSTABLE" if call.name == "warnError" else "SUCCESS"))
    try:
        run_steps(call, scope)
    except Failed as error:
        interrupted = isinstance(error, Aborted)
        if isinstance(error, Aborted) and error.actual and not argument(call, "catchInterruptions", scope, True):
            raise
        scope.output.append(f"caught: {error}")
        # an interruption keeps its own result
        scope.build.worsen("aborted" if interrupted else build.lower())
        status = "aborted" if interrupted else stage.lower()
        if is_worse(status, "success"):
            scope.warn(status)
            for record in scope.enclosing[-1:]:
                record.reason = record.reason or f"caught: {error}"


def _write_file(call: Call, scope: Scope) -> None:
    path = scope.folder / text(call, "file", scope)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(call, "text", scope), encoding="utf-8")


_MESSAGE = {"message": "text"}
_CAUGHT = {"message": "text", "catchInterruptions": "flag"}
#: what each step does, and what it takes
STEPS: Mapping[str, Step] = {
    "sh": Step(run_shell, SH, node=True),
    "echo": Step(_echo, _MESSAGE),
    "error": Step(_error, _MESSAGE),
    "unstable": Step(_unstable, _MESSAGE),
    "sleep": Step(_sleep, {"time": "number", "unit": "unit"}),
    "dir": Step(_dir, {"path": "text"}, node=True, block=True),
    "withEnv": Step(_with_env, {"overrides": "list"}, block=True),
    "timeout": Step(_with_option, {"time": "number", "unit": "unit"}, block=True),
    "retry": Step(_with_option, {"count": "number"}, block=True),
    "timestamps": Step(_block, block=True),
    "script": Step(_block, block=True),
    "catchError": Step(_catch_error, {"buildResult": "status", "stageResult": "status"} | _CAUGHT, block=True),
    "warnError": Step(_catch_error, _CAUGHT, block=True),
    "writeFile": Step(_write_file, {"file": "text", "text": "text"}, node=True),
    "archiveArtifacts": Step(
        archive_artifacts,
        {"artifacts": "text", "excludes": "text"}
        | dict.fromkeys(("allowEmptyArchive", "fingerprint", "onlyIfSuccessful"), "flag"),
        node=True,
    ),
    "junit": Step(
        junit,
        {"testResults": "text", "checksName": "text"}
        | dict.fromkeys(("allowEmptyResults", "skipMarkingBuildUnstable", "skipMarkingStageUnstable"), "flag")
        | dict.fromkeys(("keepLongStdio", "keepProperties", "keepTestNames", "skipPublishingChecks"), "flag"),
        node=True,
    ),
}
