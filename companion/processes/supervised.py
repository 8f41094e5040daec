"""What a container engine does for one service, done for a local process: limits, a health check, restarts, logs.

The stand-in for readers without an engine. It keeps the engine's words (``logs``, ``exec_run``, ``kill``, ``reload``,
``attrs``) for the few things that the notebooks ask, so that a cell reads the same on both paths. What it can't give is
isolation: the process sees this machine's files and network.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from companion.processes.server import Server, free_port

if TYPE_CHECKING:
    import psutil

_BACK_OFF_SECONDS = 0.2
_NOT_PASSED_ON = ("SERVICE_", "PROMETHEUS_", "FLASK_", "DATABASE_URL", "REDIS_URL")


class Answer(NamedTuple):
    """Of a command that ran in the container, as the SDK gives it."""

    exit_code: int
    output: bytes


class Container:
    """A local process under a supervisor of its own.

    Attributes:
        url: where the service listens, on loopback.
        attrs: what ``reload()`` found: ``State`` (with ``Status``, ``ExitCode`` and ``Health``) and ``RestartCount``.
    """

    def __init__(self, folder: Path, url: str, env: dict[str, str], server: Server):
        self.url, self.attrs = url, {}
        self._folder, self._env, self._server = folder, env, server
        self.reload()

    def _state(self) -> dict:
        try:
            return json.loads((self._folder / "state.json").read_text())
        except (OSError, ValueError):  # not written yet
            return {"pid": 0, "restarts": 0, "status": "created", "exit": 0}

    @property
    def restarts(self) -> int:
        """How often its main process was started again."""
        return int(self._state()["restarts"])

    def reload(self) -> None:
        """Look again."""
        state = self._state()
        healthy = state["status"] == "running" and self.exec_run(["python", "-m", "serving.healthcheck"]).exit_code == 0
        self.attrs = {
            "State": {
                "Status": state["status"],
                "ExitCode": state["exit"],
                "Health": {"Status": "healthy" if healthy else "starting"},
            },
            "RestartCount": state["restarts"],
        }

    def logs(self) -> bytes:
        """All that the service has written."""
        return (self._folder / "log").read_bytes()

    def exec_run(self, command: list[str]) -> Answer:
        """Run a command as the service would: in its folder, with its environment."""
        command = [sys.executable if part == "python" else part for part in command]
        done = subprocess.run(
            command, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, cwd=self._folder
        )
        return Answer(done.returncode, done.stdout)

    def processes(self) -> list[psutil.Process]:
        """Its main process and all below it; empty while it is not running."""
        import psutil

        with contextlib.suppress(psutil.NoSuchProcess):
            if pid := self._state()["pid"]:
                main = psutil.Process(pid)
                return [main, *main.children(recursive=True)]
        return []

    def crash(self) -> None:
        """SIGKILL to all its processes, from nobody in particular: with ``restart`` it is started again."""
        self._each("kill")

    def pause(self) -> None:
        """Stop its processes where they are: the port still takes connections, and nobody answers."""
        self._each("suspend")

    def resume(self) -> None:
        """Go on after ``pause``."""
        self._each("resume")

    def _each(self, what: str) -> None:
        import psutil

        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                getattr(process, what)()

    def kill(self, signal: str = "SIGKILL") -> None:
        """A signal to the service's main process; it is not restarted after this."""
        (self._folder / "stopped").touch()
        self._signal(signal)

    def _signal(self, name: str) -> None:
        with contextlib.suppress(ProcessLookupError):
            if pid := self._state()["pid"]:
                os.kill(pid, getattr(signal, name))

    def wait(self, timeout: float = 30) -> dict:
        """Until the main process has ended for good; its exit code as ``StatusCode``."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if (state := self._state())["status"] == "exited":
                return {"StatusCode": state["exit"]}
            time.sleep(0.05)
        raise TimeoutError(f"the service has not ended within {timeout} s")

    def stop(self) -> None:
        """SIGTERM, and wait; SIGKILL after ten seconds."""
        self.kill("SIGTERM")
        try:
            self.wait(10)
        except TimeoutError:
            self._signal("SIGKILL")

    def remove(self, force: bool = False) -> None:
        """End it for good."""
        (self._folder / "stopped").touch()
        self._server.stop()


def run(
    folder: Path,
    service: Path,
    *,
    memory: int | None = None,
    cpus: int | None = None,
    restart: bool = False,
    environment: dict[str, str] | None = None,
    application: str = "service:create_app()",
    config: str = "python:serving.gunicorn_conf",
) -> Container:
    """Start a service of ``docker/`` on loopback, under gunicorn; it dies with this process.

    Args:
        folder: an empty one, for its log and its temporary files.
        service: its folder, with ``service.py`` and ``model/``; the folder above holds the package ``serving``.
        memory: bytes that each of its processes may have.
        cpus: how many cores they may use together.
        restart: start it again when its main process ends by itself or by somebody else's signal.
        environment: variables beside this process' own; those that name an engine are not passed on.
        application, config: what gunicorn runs, and how.
    """
    url = f"http://127.0.0.1:{free_port()}"
    folder.mkdir(parents=True, exist_ok=True)
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)},
        "PYTHONPATH": f"{service.parent}{os.pathsep}{service}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(folder),
        "SERVICE_BIND": url.removeprefix("http://"),
        "SERVICE_PIDFILE": str(folder / "pid"),
        **(environment or {}),
    }
    command = [sys.executable, "-m", "gunicorn", "--config", config, application]
    options = json.dumps({"folder": str(folder), "memory": memory, "cpus": cpus, "restart": restart})
    supervisor = [sys.executable, "-m", "companion.processes.supervised", options, *command]
    return Container(folder, url, env, Server(supervisor, log=folder / "log", env=env))


def _limit(memory: int | None, cpus: int | None) -> None:
    import resource

    if memory:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cpus])


def _wait_for_the_rest(address: str, patience: float = 15) -> None:
    """In a container everything ends with the main process. Here gunicorn's workers notice a moment later that it is gone:
    until then they would answer in the place of the next one.
    """
    host, _, port = address.rpartition(":")
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            return
        time.sleep(0.1)


def _supervise(options: dict, command: list[str]) -> int:
    """Run the command, and again when it ends unasked; its state goes to a file after each change."""
    folder, restarts = Path(options["folder"]), 0

    def note(**state) -> None:
        part = folder / "state.part"
        part.write_text(json.dumps(state))
        part.replace(folder / "state.json")

    def run_once(restarts: int) -> int:
        child = subprocess.Popen(command, preexec_fn=lambda: _limit(options["memory"], options["cpus"]))
        note(pid=child.pid, restarts=restarts, status="running", exit=0)
        code = child.wait()
        return code if code >= 0 else 128 - code

    while True:
        code = run_once(restarts)
        _wait_for_the_rest(os.environ["SERVICE_BIND"])
        if not options["restart"] or (folder / "stopped").exists():
            break
        restarts += 1
        note(pid=0, restarts=restarts, status="restarting", exit=code)
        time.sleep(_BACK_OFF_SECONDS * 2 ** min(restarts - 1, 6))
    note(pid=0, restarts=restarts, status="exited", exit=code)
    return code


if __name__ == "__main__":
    raise SystemExit(_supervise(json.loads(sys.argv[1]), sys.argv[2:]))
