"""The section post: which of its conditions hold, and in which order."""

from __future__ import annotations

from jenkinsfile.groovy import Call
from jenkinsfile.pipeline import calls_in
from jenkinsfile.runner.results import Build, Failed, StageRun, is_worse, worst
from jenkinsfile.runner.scope import Scope
from jenkinsfile.runner.steps import run_steps

#: in Jenkins's order: by the ordinal of each class in modeldefinition/model/conditions, unsuccessful (650) before failure (500)
ORDER = (
    "always", "changed", "fixed", "regression", "aborted", "success", "unsuccessful", "unstable", "failure", "notBuilt", "cleanup",
)  # fmt: skip


def run_post(section: Call | None, scope: Scope, error: Failed | None, record: StageRun | None = None) -> Failed | None:
    """Run the conditions of post that hold; the error, which a condition may add.

    Each condition is looked at when its turn comes: what an earlier one did counts. (PR 90 of pipeline-model-definition-plugin)
    """
    blocks = {call.name: call for call in calls_in(section)}
    if not any(_holds(name, scope.build, error, record) for name in blocks):
        return error
    for name in ORDER:
        if name not in blocks or not _holds(name, scope.build, error, record):
            continue
        scope.output.append(f"post: {name}")
        try:
            run_steps(blocks[name], scope)
        except Failed as failure:
            scope.build.worsen(failure.status)
            scope.output.append(f"post {name}: {failure}")
            error = error or failure.within(f"post {name}")
    return error


def _holds(name: str | None, build: Build, error: Failed | None, record: StageRun | None) -> bool:
    """Whether a condition holds: by BuildCondition.getCombinedResult the worst of the build's result, the error, and what steps
    gave the stage without failing.
    """
    own = error.status if error else record.warning if record else "success"
    status, previous = worst(build.result, own), build.previous
    match name:
        case "always" | "cleanup":
            return True
        case "changed":  # without a build before, it is inherently changed
            return previous is None or status != previous
        case "fixed":
            return status == "success" and previous in ("failure", "unstable")
        case "regression":
            return previous is not None and is_worse(status, previous)
        case "unsuccessful":
            return status != "success"
        case "notBuilt":
            return status == "not_built"
    return status == name
