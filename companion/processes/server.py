"""What the engine modules share: a guarded server process, a free port, a password, an address that answers or not."""

import atexit
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from companion.errors import EngineUnavailable

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
        return probe.getsockname()[1]


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


class Server:
    """A server process that can't outlive this one (see ``companion.processes.guard``).

    Args:
        command: the server's command line; it must stay in the foreground.
        log: file that takes its output; the last lines go into the error when it does not start.
        folder: removed when the server has stopped.
        stop_with: the signal that ends it.
    """

    def __init__(
        self,
        command: list[str],
        *,
        log: Path,
        folder: Path | None = None,
        env: dict[str, str] | None = None,
        stop_with: signal.Signals = signal.SIGTERM,
    ):
        self.command, self.log = command, log
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
            env=env,
        )
        atexit.register(self.stop)

    def wait_until(self, ready: Callable[[], bool], engine: str, timeout: float = 30.0) -> None:
        """Poll ``ready`` until it is true; EngineUnavailable with the end of the log when the server ends or takes too long."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            if ready():
                return
            time.sleep(0.05)
        tail = "\n".join(self.said().splitlines()[-5:])
        self.stop()
        raise EngineUnavailable(f"{engine} did not start. The end of its log:\n{tail}")

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
