"""The line between a street's lamps and their gateway: a real process on loopback, and a datagram for each thing that is said.

Lamps say what has changed, an event a datagram, and then which step it is; the gateway answers each step with the lamps that
are to change, and that answer is its heartbeat. Steps are simulated and go in lock-step, so that a run is the same whatever the
machine is doing. The gateway is killed with SIGKILL, and a gateway that is gone is heard as silence: None.
"""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np

from companion.errors import SettingError
from companion.processes import wait, worker

_SILENCE_SECONDS = (
    30.0  # of a gateway that is there and says nothing; one that is gone is refused by the system at once
)
_START_SECONDS = 60.0
_LARGEST = 65_000


class Gateway(Protocol):
    """What runs in the process."""

    def step(self, now: int, events: list[tuple[int, bool]]) -> np.ndarray:
        """The lamps that are to be lit, bool (lamps,), after the events of step ``now``."""


class Link:
    """The lamps' end of the line. In a ``with`` block: the process and the sockets go with it.

    Args:
        gateway: makes the gateway, without arguments; a class of a notebook will do.

    Attributes:
        events, commands, heartbeats: messages so far. A heartbeat is one broadcast to all lamps.
    """

    def __init__(self, gateway: Callable[[], Gateway]):
        self._make = gateway
        self._process: Any = None
        self._socket: socket.socket | None = None
        self.events = self.commands = self.heartbeats = 0

    def __enter__(self) -> Link:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """The gateway killed, and the lamps' end of the line closed."""
        self.kill()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def start(self) -> None:
        """Start a gateway that knows nothing, in a new process; the one before is killed."""
        self.close()
        token = secrets.token_hex(16)
        line = self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        line.bind(("127.0.0.1", 0))
        line.settimeout(0.05)
        self._process = worker.start(serve, line.getsockname(), token, self._make)

        def hello() -> Any:
            try:
                word, place = line.recvfrom(_LARGEST)
            except TimeoutError:
                return None
            return place if secrets.compare_digest(word, token.encode()) else None

        def ended() -> str | None:
            return None if self._process.is_alive() else "it has ended"

        try:
            line.connect(wait.until(hello, _START_SECONDS, "the gateway did not start", over=ended, pause=0))
        except BaseException:
            self.close()
            raise
        line.settimeout(_SILENCE_SECONDS)

    def kill(self) -> None:
        """SIGKILL; nothing is tidied up. The lamps' end of the line stays as it is, until ``start``."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def step(self, now: int, events: Iterable[tuple[int, bool]]) -> list[tuple[int, bool]] | None:
        """Send a step's events; the lamps that change with it, [(lamp, lit)], or None when nobody answers.

        Raises:
            SettingError: outside the ``with`` block.
        """
        if self._socket is None:
            raise SettingError("the line is closed: use it inside its with block")
        try:
            for lamp, somebody in events:
                self.events += 1
                self._say({"lamp": int(lamp), "somebody": bool(somebody)})
            self._say({"step": now})
            while (answer := json.loads(self._socket.recv(_LARGEST)))["step"] != now:
                pass  # of a step that was given up
        except (ConnectionError, TimeoutError):
            return None
        self.heartbeats += 1
        self.commands += len(answer["change"])
        return [(lamp, lit) for lamp, lit in answer["change"]]

    def _say(self, what: dict[str, Any]) -> None:
        assert self._socket is not None
        self._socket.send(json.dumps(what).encode())


def serve(lamps: tuple[str, int], token: str, make: Callable[[], Gateway]) -> None:
    """The gateway's process: listen to these lamps only, answer each step, until it is killed."""
    gateway, waiting, lit = make(), list[tuple[int, bool]](), None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        line.connect(lamps)
        line.send(token.encode())
        while True:
            said = json.loads(line.recv(_LARGEST))
            if "lamp" in said:
                waiting.append((said["lamp"], said["somebody"]))
                continue
            now_lit = gateway.step(said["step"], waiting)
            changed = range(len(now_lit)) if lit is None else np.flatnonzero(now_lit != lit)
            answer = {"step": said["step"], "change": [[int(lamp), bool(now_lit[lamp])] for lamp in changed]}
            line.send(json.dumps(answer).encode())
            waiting, lit = [], now_lit.copy()
