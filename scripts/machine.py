"""The machine that releases run on where there is no Docker engine: it starts their services, and gives each place one address that stays.

usage: python scripts/machine.py      (or make machine) in the foreground, until Ctrl-C; all that it has started ends with it

It is to ``TARGET=process`` what dockerd is to ``TARGET=docker``: a program of its own, because what a pipeline's build leaves
running is killed. ``scripts/deploy.py`` finds it by the file ``machine.json`` in STATE, which holds its port and a key, for this
user alone. A place (staging, production) has an address for each service, in ``addresses.json``; behind it stands one release at a
time. A new release is started beside it, and the address is turned over once the new one is to be asked; the old one ends when its
last answer is given.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener
from typing import Any

from runtimes import READY_SECONDS, STATE

from companion.processes import gunicorn, wait
from companion.processes.server import Server, status

_DRAIN_SECONDS = 10.0
_PIECE = 1 << 16


class Front:
    """One address of a place: every new connection goes to the service that it points to at that moment."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self._target: str | None = None
        self._open: dict[str, int] = {}
        self._guard = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def point(self, url: str | None) -> None:
        """Turn the address over; returns when nobody waits for an answer of the service before, or patience is at its end."""
        with self._guard:
            before, self._target = self._target, url
            if before not in (None, url):
                self._guard.wait_for(lambda: not self._open.get(before), _DRAIN_SECONDS)

    def close(self) -> None:
        self.point(None)
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the one who accepts
        self.socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._guard:
            target = self._target
            if target is not None:
                self._open[target] = self._open.get(target, 0) + 1
        with client:
            if target is None:
                return
            try:
                host, _, port = target.removeprefix("http://").partition(":")
                with socket.create_connection((host, int(port)), timeout=5) as service:
                    service.settimeout(None)
                    there = threading.Thread(target=_pump, args=(client, service), daemon=True)
                    there.start()
                    _pump(service, client)
            except OSError:
                pass  # it is gone: the client is told by the end of its connection
            finally:
                with self._guard:
                    self._open[target] -= 1
                    self._guard.notify_all()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Bytes from one to the other, until there are no more."""
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Service:
    """One service of a release, as processes of this machine."""

    def __init__(self, where: str, tag: str, name: str) -> None:
        self.tag, self.url = tag, gunicorn.free_url()
        folder = STATE / "releases" / tag / name
        scratch = STATE / f"run-{where}-{name}-{self.url.rpartition(':')[2]}"
        scratch.mkdir(parents=True)
        log = STATE / f"{where}-{name}.log"
        log.write_bytes(b"")
        self.server: Server = gunicorn.start(
            "service:create_app()",
            self.url,
            log=log,
            config="python:serving.gunicorn_conf",
            folder=folder,
            removed=scratch,
            variables={
                "PYTHONPATH": str(folder),
                "SERVICE_WORKERS": "1",
                "SERVICE_DRAIN_SECONDS": "0",
                "SERVICE_PIDFILE": str(scratch / "gunicorn.pid"),
                "SERVICE_PLACE": where,
                "SERVICE_RELEASE": tag,
                "TMPDIR": str(scratch),
            },
        )

    @property
    def alive(self) -> bool:
        return self.server.process.poll() is None


class Machine:
    """Places, their addresses, and what stands behind each."""

    def __init__(self) -> None:
        self.fronts: dict[tuple[str, str], Front] = {}
        self.behind: dict[tuple[str, str], Service] = {}

    def up(self, where: str, tag: str, services: list[str], gently: bool) -> str | None:
        """Put a release behind the addresses of a place.

        Args:
            gently: what serves goes on until the new release is ready; if it does not become ready, nothing changes.

        Returns:
            Why it was refused; None when it was done.
        """
        new = {}
        for name in services:
            old = self.behind.get((where, name))
            same = old is not None and old.tag == tag and old.alive
            new[name] = old if old is not None and same else Service(where, tag, name)
        fresh = {name: service for name, service in new.items() if self.behind.get((where, name)) is not service}
        try:
            for name, service in fresh.items() if gently else ():
                wait_until_ready(service, name)
        except wait.WaitError as error:
            for service in fresh.values():
                service.server.stop()
            return str(error)
        for name, service in fresh.items():
            if (where, name) not in self.fronts:
                self.fronts[where, name] = Front()
            self.fronts[where, name].point(service.url)
            old = self.behind.get((where, name))
            self.behind[where, name] = service
            self.tell()
            if old is not None:
                old.server.stop()
        return None

    def tell(self) -> None:
        """Write the addresses where anybody can read them."""
        draft = STATE / "addresses.json.draft"
        draft.write_text(json.dumps(self.addresses(), indent=1) + "\n", encoding="utf-8")
        draft.replace(STATE / "addresses.json")

    def ready(self, where: str, name: str) -> tuple[str | None, str]:
        """The address of a service once it is ready, or None and why it is not."""
        service = self.behind.get((where, name))
        if service is None:
            return None, f"{name} does not run in {where}"
        try:
            wait_until_ready(service, name)
        except wait.WaitError as error:
            return None, str(error)
        return self.fronts[where, name].url, ""

    def addresses(self) -> dict[str, dict[str, str]]:
        """Of each place the address of each service."""
        found: dict[str, dict[str, str]] = {}
        for (where, name), front in self.fronts.items():
            found.setdefault(where, {})[name] = front.url
        return found

    def down(self, where: str) -> None:
        for key in [key for key in self.fronts if key[0] == where]:
            self.fronts.pop(key).close()
            self.behind.pop(key).server.stop()
        self.tell()

    def answer(self, question: tuple[Any, ...]) -> Any:
        command, *arguments = question
        known: dict[str, Callable[..., Any]] = {
            "up": self.up,
            "ready": self.ready,
            "addresses": self.addresses,
            "down": self.down,
        }
        return known[command](*arguments)


def wait_until_ready(service: Service, name: str) -> None:
    """A WaitError with the telling line of its log when it ends or takes too long."""
    wait.until(
        lambda: service.alive and status(f"{service.url}/readyz") == 200,
        READY_SECONDS,
        f"{name} did not become ready",
        over=lambda: None if service.alive else "",
        detail=lambda: wait.telling_line(service.server.said()),
        pause=0.05,
    )


def serve(machine: Machine, line: Connection) -> None:
    """Answer one caller."""
    with contextlib.suppress(EOFError, OSError), line:
        question = line.recv()
        try:
            line.send((True, machine.answer(question)))
        except Exception as error:
            line.send((False, f"{type(error).__name__}: {error}"))


def _only_one() -> Any:
    """A lock that holds as long as this process; another machine on the same STATE is refused."""
    STATE.mkdir(parents=True, exist_ok=True)
    lock = (STATE / "machine.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SystemExit(f"machine: one runs already for {STATE}") from None
    return lock


def main() -> int:
    held, key = _only_one(), secrets.token_bytes(32)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for left in STATE.glob("run-*"):  # of a machine that was killed
        shutil.rmtree(left, ignore_errors=True)
    machine, place = Machine(), STATE / "machine.json"
    machine.tell()
    with Listener(("127.0.0.1", 0), backlog=16, authkey=key) as listener:
        draft = STATE / f"machine.json.{os.getpid()}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"port": listener.address[1], "key": key.hex()}, file)
        draft.replace(place)
        print(f"machine: ready for the releases of {STATE}; Ctrl-C ends it and all that it runs", flush=True)
        try:
            while True:
                try:
                    line = listener.accept()
                except (ConnectionError, EOFError, AuthenticationError):  # a caller that went, or had the wrong key
                    continue
                serve(machine, line)
        except KeyboardInterrupt:
            return 0
        finally:
            place.unlink(missing_ok=True)
            for where in list(machine.addresses()):
                machine.down(where)
            held.close()


if __name__ == "__main__":
    raise SystemExit(main())
