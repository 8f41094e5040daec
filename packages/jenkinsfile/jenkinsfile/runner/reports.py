"""The steps that keep what others have written: their checks are made here, and nothing is kept."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from jenkinsfile.groovy import Call
from jenkinsfile.runner.patterns import files
from jenkinsfile.runner.results import Failed, is_worse
from jenkinsfile.runner.scope import Scope
from jenkinsfile.runner.values import argument, text


def archive_artifacts(call: Call, scope: Scope) -> None:
    """``archiveArtifacts``: Failed when there is nothing to keep and that is not allowed."""
    if argument(call, "onlyIfSuccessful", scope, False) and is_worse(scope.build.result, "unstable"):
        return
    found = files(scope.folder, text(call, "artifacts", scope), str(argument(call, "excludes", scope, "") or ""))
    allowed = argument(call, "allowEmptyArchive", scope, False) or is_worse(scope.build.result, "unstable")
    if not found and not allowed:
        raise Failed(f"line {call.line}: no artifacts found that match the file pattern")
    scope.left_out.append(f"line {call.line}: archiveArtifacts")


def junit(call: Call, scope: Scope) -> None:
    """``junit``: a failed test makes the build unstable; Failed when there are no new reports and that is not allowed."""
    found = files(scope.folder, text(call, "testResults", scope))
    new = [path for path in found if path.stat().st_mtime >= scope.build.began - 3]
    allowed = argument(call, "allowEmptyResults", scope, False)
    cases, failures = map(sum, zip(*map(_counted, new), strict=True)) if new else (0, 0)
    if found and not new:
        raise Failed(f"line {call.line}: test reports were found but none of them are new")
    if not cases and not allowed:
        raise Failed(f"line {call.line}: no test report files were found, or no results in them")
    scope.left_out.append(f"line {call.line}: junit")
    if failures:
        if not argument(call, "skipMarkingBuildUnstable", scope, False):
            scope.build.worsen("unstable")
            if not argument(call, "skipMarkingStageUnstable", scope, False):
                scope.warn("unstable")
        scope.output.append(f"{failures} of {cases} tests failed")


def _counted(path: Path) -> tuple[int, int]:
    """How many tests a report names, and how many of them failed; a report that can't be read is a failed test."""
    try:
        cases = ElementTree.parse(path).iter("testcase")  # noqa: S314  the pipeline itself has written it
        failed = [case.find("failure") is not None or case.find("error") is not None for case in cases]
    except ElementTree.ParseError:
        return 1, 1
    return len(failed), sum(failed)
