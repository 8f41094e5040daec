"""What a container engine does for one service, done for a local process: limits, a health check, restarts, logs.

The stand-in for readers without an engine. What it can't give is isolation: the process sees this machine's files and network.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from companion.processes import gunicorn, wait
from companion.processes.server import Server, answers

if TYPE_CHECKING:
    import psutil

_BACK_OFF_SECONDS = 0.2


class Answer(NamedTuple):
    """Of a command that ran as the service does, as Docker's SDK gives it."""

    exit_code: int
    output: bytes


class SupervisedProcess:
    """A local process under a supervisor of its own.

    Of the words of Docker's SDK for a container it keeps those that the notebooks use, so that a cell reads the same on both
    paths: ``logs``, ``exec_run``, ``kill``, ``stop``, ``wait``, ``remove``, ``reload``, and ``attrs`` with ``State``
    (``Status``, ``ExitCode``, ``Health``) and ``RestartCount`` as of the last ``reload``. ``crash``, ``pause``, ``resume``,
    ``processes`` and ``restarts`` are its own.

    Attributes:
        url: where the service listens, on loopback.
        attrs: what ``reload()`` found.
    """

    def __init__(self, folder: Path, url: str, server: Server):
        self.url = url
        self.attrs: dict[str, Any] = {}
        self._folder, self._server = folder, server
        self.reload()

    def _state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads((self._folder / "state.json").read_text())
        except (OSError, ValueError):  # not written yet
            return {"pid": 0, "restarts": 0, "status": "created", "exit": 0}
        return state

    @property
    def restarts(self) -> int:
        """How often its main process was started again."""
        return int(self._state()["restarts"])

    @property
    def status(self) -> str:
        """``created``, ``running``, ``restarting`` or ``exited``, now; it costs no more than a look into a file."""
        return str(self._state()["status"])

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
            command,
            env=self._server.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            cwd=self._folder,
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

    def wait(self, timeout: float = 30) -> dict[str, int]:
        """Until the main process has ended for good; its exit code as ``StatusCode``, or a WaitError after ``timeout`` seconds."""

        def ended() -> dict[str, int] | None:
            state = self._state()
            return {"StatusCode": state["exit"]} if state["status"] == "exited" else None

        return wait.until(ended, timeout, "the service has not ended")

    def stop(self) -> None:
        """SIGTERM, and wait; SIGKILL after ten seconds."""
        self.kill("SIGTERM")
        try:
            self.wait(10)
        except wait.WaitError:
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
    environment: Mapping[str, str] | None = None,
    application: str = "service:create_app()",
    config: str = "python:serving.gunicorn_conf",
) -> SupervisedProcess:
    """Start a service of ``docker/`` on loopback, under gunicorn; it dies with this process.

    Args:
        folder: its log and its temporary files lie in a new one beside it, so that a second start never meets the first.
        service: its folder, with ``service.py`` and ``model/``; the folder above holds the package ``serving``.
        memory: bytes that each of its processes may have.
        cpus: how many cores they may use together.
        restart: start it again when its main process ends by itself or by somebody else's signal.
        environment: variables beside what of this process' own a child may see (``companion.processes.environment``).
        application, config: what gunicorn runs, and how.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    options = json.dumps({"folder": str(folder), "memory": memory, "cpus": cpus, "restart": restart})
    variables = {
        "PYTHONPATH": f"{service.parent}{os.pathsep}{service}",
        "TMPDIR": str(folder),
        "SERVICE_PIDFILE": str(folder / "pid"),
        **(environment or {}),
    }
    server = gunicorn.start(
        application,
        url := gunicorn.free_url(),
        log=folder / "log",
        config=config,
        variables=variables,
        supervisor=[sys.executable, "-m", "companion.processes.supervised", options],
    )
    return SupervisedProcess(folder, url, server)


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
    wait.comes_true(lambda: not answers(address, 0), patience, pause=0.1)


def _supervise(options: dict[str, Any], command: list[str]) -> int:
    """Run the command, and again when it ends unasked; its state goes to a file after each change."""
    folder, restarts = Path(options["folder"]), 0

    def note(**state: object) -> None:
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
