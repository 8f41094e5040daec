"""The one process beside a run that starts its commands, each under a guard."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from jenkinsfile.runner import guard

#: a plain script without the package around it, and without the user's own Python settings
_GUARD = (sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")))


class Starter:
    """The process beside one run that starts its commands; it begins with the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, command: tuple[str, ...], folder: Path, variables: Mapping[str, str], files: list[int]) -> None:
        """Start a command; the open files are those of ``guard``."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._end()
                self._begin()
            assert self._requests is not None
            guard.send(self._requests, list(command), str(folder.absolute()), dict(variables), files)

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._end()

    def _begin(self) -> None:
        self._requests, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                _GUARD, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, start_new_session=True
            )

    def _end(self) -> None:
        if self._requests is not None:
            self._requests.close()
        if self._process is not None:
            self._process.wait()
        self._requests = self._process = None
