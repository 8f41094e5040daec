"""What the engine modules share: a guarded server process, a free port, a password, an address that answers or not."""

from __future__ import annotations

import atexit
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from companion.processes import environment, wait

_MOST_KEPT = 2**18  # characters of a log, once its server has ended


def package_version(name: str) -> str | None:
    """The installed version of a package, without importing it; None when it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a port can be had; asked before a server starts, because the one who has it may be of its kind, and answer."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def password() -> str:
    """A random password, URL-safe, 192 bits."""
    return secrets.token_urlsafe(24)


def answers(url: str, default_port: int, timeout: float = 1.0) -> bool:
    """Whether something accepts a TCP connection at ``url`` (``scheme://host:port`` or ``host:port``)."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    try:
        with socket.create_connection((parts.hostname or "", parts.port or default_port), timeout):
            return True
    except (OSError, ValueError):
        return False


def status(url: str, timeout: float = 2.0) -> int | None:
    """The status of what an address on loopback answers, None when it gives no answer. No proxy is asked."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=timeout) as reply:
            return int(reply.status)
    except HTTPError as error:
        return error.code
    except (OSError, http.client.HTTPException):
        return None


class Server:
    """A server process that can't outlive this one (see ``companion.processes.guard``).

    Args:
        command: the server's command line; it must stay in the foreground.
        log: file that takes its output; the last lines go into the error when it does not start.
        folder: removed when the server has stopped.
        env: its whole environment; by default what of this process' a child may see (``companion.processes.environment``).
        stop_with: the signal that ends it.
    """

    def __init__(
        self,
        command: list[str],
        *,
        log: Path,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
        stop_with: signal.Signals = signal.SIGTERM,
    ):
        self.command, self.log = command, log
        self.env = environment.for_child() if env is None else dict(env)
        guard = [sys.executable, "-m", "companion.processes.guard", "--stop-with", stop_with.name]
        guard += [str(os.getpid()), str(folder or ""), "--"]
        # kept open while it runs: the guard may remove the file with its folder before anyone has read it
        self._output = log.open("a+b")
        self._said = ""
        self.process = subprocess.Popen(
            [*guard, *command],
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=self.env,
        )
        atexit.register(self.stop)

    def wait_until(self, ready: Callable[[], bool], engine: str, timeout: float = 30.0) -> None:
        """Wait until ``ready`` is true; a WaitError (an EngineUnavailable) with the end of the log when the server ends or
        takes too long, and then it is stopped.
        """
        try:
            wait.until(
                lambda: self.process.poll() is None and ready(),
                timeout,
                f"{engine} did not start",
                over=lambda: None if self.process.poll() is None else "it has ended",
                detail=lambda: wait.end_of(self.said()),
            )
        except wait.WaitError:
            self.stop()
            raise

    def said(self) -> str:
        """What the server has written to its log."""
        if self._output.closed:
            return self._said
        end = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), end, 0).decode(errors="replace")

    def stop(self) -> None:
        """End the server and wait until it is gone; a second call does nothing."""
        atexit.unregister(self.stop)
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(15)
        if not self._output.closed:
            self._said = self.said()[-_MOST_KEPT:]
            self._output.close()


def close_with(client: object, method: str, stop: Callable[[], None]) -> None:
    """Make ``client.method()`` (its own way of closing) also take down the embedded server behind it."""
    close = getattr(client, method)

    def close_both(*args: Any, **kwargs: Any) -> Any:
        try:
            return close(*args, **kwargs)
        finally:
            stop()

    setattr(client, method, close_both)
