"""The steps that run here, and the options that govern a body of steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from jenkinsfile.groovy import Call
from jenkinsfile.pipeline import calls_in
from jenkinsfile.runner.results import STATUSES, Aborted, Failed, worst
from jenkinsfile.runner.scope import Scope
from jenkinsfile.runner.values import argument, count, duration, run_shell, shown

#: steps that keep, fetch or tell something, which only a controller can: noted, and not run
LEFT_OUT = frozenset(
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


def run_steps(steps: Iterable[Call], scope: Scope) -> str:
    """Run steps one after the other; their worst status. Failed at the first that fails."""
    statuses = ["success"]
    for call in steps:
        name = call.name or ""
        if name in LEFT_OUT:
            scope.left_out.append(f"line {call.line}: {name}")
            continue
        status = STEPS[name](call, scope)
        if status in STATUSES:
            statuses.append(status)
    return worst(statuses)


def with_options(options: Iterable[Call], scope: Scope, body: Callable[[Scope], str]) -> str:
    """Run a body under the options ``timeout`` and ``retry``, the step or the section's."""
    options = list(options)
    for option in options:
        if option.name == "timeout":
            end = time.monotonic() + duration(option, scope, "MINUTES")
            scope = scope.inside(deadline=min(scope.deadline, end))
    attempts = next((count(option, scope) for option in options if option.name == "retry"), 1)
    for attempt in range(1, attempts):
        try:
            return body(scope)
        except Aborted:
            raise
        except Failed as error:
            scope.output.append(f"attempt {attempt} failed: {error}")
    return body(scope)


def _sh(call: Call, scope: Scope) -> None:
    run_shell(call, scope)


def _echo(call: Call, scope: Scope) -> None:
    scope.output.append(shown(argument(call, "message", scope)))


def _error(call: Call, scope: Scope) -> None:
    raise Failed(shown(argument(call, "message", scope)))


def _unstable(call: Call, scope: Scope) -> str:
    scope.output.append(shown(argument(call, "message", scope)))
    return "unstable"


def _sleep(call: Call, scope: Scope) -> None:
    seconds = duration(call, scope, "SECONDS")
    if scope.stop.wait(max(0, min(seconds, scope.deadline - time.monotonic()))):
        raise Aborted("another branch failed")
    if time.monotonic() >= scope.deadline:
        raise Aborted(f"line {call.line}: out of time")


def _dir(call: Call, scope: Scope) -> str:
    folder = scope.folder / str(argument(call, "path", scope))
    folder.mkdir(parents=True, exist_ok=True)
    return run_steps(calls_in(call), scope.inside(folder=folder))


def _with_env(call: Call, scope: Scope) -> str:
    inner = scope.inside()
    inner.variables |= dict(pair.split("=", 1) for pair in argument(call, "overrides", scope))
    return run_steps(calls_in(call), inner)


def _with_option(call: Call, scope: Scope) -> str:
    return with_options([call], scope, lambda inner: run_steps(calls_in(call), inner))


def _timestamps(call: Call, scope: Scope) -> str:
    return run_steps(calls_in(call), scope)


def _catch_error(call: Call, scope: Scope) -> str:
    try:
        return run_steps(calls_in(call), scope)
    except Aborted:
        raise
    except Failed as error:
        scope.output.append(f"caught: {error}")
        return str(argument(call, "buildResult", scope, "FAILURE")).lower()


def _warn_error(call: Call, scope: Scope) -> str:
    return "unstable" if _catch_error(call, scope) == "failure" else "success"


def _write_file(call: Call, scope: Scope) -> None:
    (scope.folder / str(argument(call, "file", scope))).write_text(str(argument(call, "text", scope)))


#: what each step does; it returns a status where it has one of its own
STEPS: Mapping[str, Callable[[Call, Scope], str | None]] = {
    "sh": _sh,
    "echo": _echo,
    "error": _error,
    "unstable": _unstable,
    "sleep": _sleep,
    "dir": _dir,
    "withEnv": _with_env,
    "timeout": _with_option,
    "retry": _with_option,
    "timestamps": _timestamps,
    "catchError": _catch_error,
    "warnError": _warn_error,
    "writeFile": _write_file,
}
