"""Commands in a shell, each under a guard that leaves none of its processes behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from jenkinsfile.runner.results import Aborted
from jenkinsfile.runner.scope import Scope

#: a plain script without the package around it, and without the user's own Python settings
_GUARD = (sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")))


def shell(script: str, variables: dict[str, str], scope: Scope, *, quiet: bool) -> tuple[int, list[str]]:
    """Run a script in a shell that stops at the first failing command.

    Args:
        variables: the environment.
        quiet: return what it prints, instead of adding it to the scope's output.

    Returns:
        the exit code, and what it printed if ``quiet``.

    Raises:
        Aborted: the scope's deadline has passed, or another branch has failed; the command and all its processes are gone.
    """
    process = subprocess.Popen(
        [*_GUARD, str(os.getpid()), "sh", "-ec", script],
        cwd=scope.folder,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    assert process.stdin is not None
    printed: list[str] = []
    reader = threading.Thread(target=_read, args=(process, printed if quiet else scope.output), daemon=True)
    reader.start()
    try:
        ended = _wait_for(process, scope)
    finally:
        # the guard ends the command, and all that it started, when this pipe closes
        with suppress(OSError):
            process.stdin.close()
        code = process.wait()
        reader.join()
    if not ended:
        raise Aborted("another branch failed" if scope.stop.is_set() else f"{script[:40]!r} was out of time")
    return code, printed


def _read(process: subprocess.Popen[str], lines: list[str]) -> None:
    assert process.stdout is not None
    with process.stdout as stream:
        lines.extend(line.rstrip("\n") for line in stream)


def _wait_for(process: subprocess.Popen[str], scope: Scope) -> bool:
    """Wait for the end; False when there is no more time, or another branch has failed."""
    while process.poll() is None:
        if scope.stop.wait(0.02) or time.monotonic() > scope.deadline:
            return False
    return True
