"""Commands in a shell, each under a guard that leaves none of its processes behind."""

from __future__ import annotations

import os
import select
import tempfile
import threading
from pathlib import Path

from jenkinsfile.runner.scope import Scope


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
    printed: list[str] = []
    (stdin, alive), (out, stdout), (code, status) = os.pipe(), os.pipe(), os.pipe()
    readers = [(out, printed if capture else scope.output)]
    theirs = [stdin, stdout, stdout, status]
    if capture:
        errors, theirs[2] = os.pipe()
        readers.append((errors, scope.output))
    threads = [threading.Thread(target=_read, args=reader, daemon=True) for reader in readers]
    for thread in threads:
        thread.start()
    try:
        try:
            scope.starter.start(command, scope.folder, scope.seen(), theirs)
        finally:
            for file in set(theirs):
                os.close(file)
        ended = select.poll()
        ended.register(code)
        while not ended.poll(20):
            scope.check()
    finally:
        # the guard ends the command, and all that it started, when this pipe closes
        os.close(alive)
        for thread in threads:
            thread.join()
        with os.fdopen(code) as answer:
            said = answer.read()
    return int(said or 1), "".join(line + "\n" for line in printed) if capture else ""


def _read(file: int, lines: list[str]) -> None:
    with os.fdopen(file, errors="replace") as stream:
        lines.extend(line.rstrip("\n") for line in stream)
