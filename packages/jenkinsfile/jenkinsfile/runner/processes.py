"""Commands in a shell, each under a guard that leaves none of its processes behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

from jenkinsfile.runner.scope import Scope

#: a plain script without the package around it, and without the user's own Python settings
_GUARD = (sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")))


def shell(script: str, scope: Scope, *, capture: bool) -> tuple[int, str]:
    """Run a script in a shell that stops at the first failing command, or with the interpreter that its first line names.

    Args:
        capture: return what it prints on its standard output, instead of adding it to the scope's output.

    Returns:
        the exit code, and what it printed if ``capture``.

    Raises:
        Aborted: out of time, or another branch has failed; the command and all its processes are gone.
    """
    if not script.startswith("#!"):
        return _run(("sh", "-ec", script), scope, capture)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "script.sh"
        program.write_text(script, encoding="utf-8")
        program.chmod(0o700)
        return _run((str(program),), scope, capture)


def _run(command: tuple[str, ...], scope: Scope, capture: bool) -> tuple[int, str]:
    process = subprocess.Popen(
        [*_GUARD, str(os.getpid()), *command],
        cwd=scope.folder,
        env=scope.seen(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if capture else subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    printed: list[str] = []
    readers = [threading.Thread(target=_read, args=(process.stdout, printed if capture else scope.output), daemon=True)]
    if process.stderr is not None:
        readers.append(threading.Thread(target=_read, args=(process.stderr, scope.output), daemon=True))
    for reader in readers:
        reader.start()
    try:
        while process.poll() is None:
            scope.wait(0.02)
    finally:
        # the guard ends the command, and all that it started, when this pipe closes
        with suppress(OSError):
            process.stdin.close()
        code = process.wait()
        for reader in readers:
            reader.join()
    return code, "".join(line + "\n" for line in printed) if capture else ""


def _read(stream: IO[str], lines: list[str]) -> None:
    with stream:
        lines.extend(line.rstrip("\n") for line in stream)
