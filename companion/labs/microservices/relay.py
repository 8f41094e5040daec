"""A network of one's own between two processes: it takes time, or drips. On loopback, in a thread of this process."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from types import TracebackType

_PIECE = 64 * 1024


class Relay:
    """Passes bytes on to an address, both ways, later.

    Args:
        url: where to, ``http://HOST:PORT``.
        delay: seconds that each answer takes longer, as behind a line; requests under way at the same time don't wait for each other.
        drip: seconds between one byte of an answer and the next; 0 sends them as they come.

    Attributes:
        url: where it listens; delay and drip may be changed while it runs.
    """

    def __init__(self, url: str, *, delay: float = 0.0, drip: float = 0.0):
        host, _, port = url.removeprefix("http://").rpartition(":")
        self.delay, self.drip, self._target = delay, drip, (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(self._target, 5)
                except OSError:
                    near.close()
                    continue
                far.settimeout(None)
                for line in (near, far):
                    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open |= {near, far}
                pieces: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
                for work in (
                    partial(self._questions, near, far),
                    partial(self._answers, far, pieces),
                    partial(self._hand_out, pieces, near),
                ):
                    threading.Thread(target=work, daemon=True).start()

    def _questions(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(_PIECE):
                far.sendall(data)
        self._cut(far)

    def _answers(self, far: socket.socket, pieces: SimpleQueue[tuple[float, bytes]]) -> None:
        with suppress(OSError):
            while data := far.recv(_PIECE):
                pieces.put((time.monotonic() + self.delay, data))
        pieces.put((0.0, b""))

    def _hand_out(self, pieces: SimpleQueue[tuple[float, bytes]], target: socket.socket) -> None:
        """Each piece when its time has come; those behind it have been on their way meanwhile."""
        with suppress(OSError):
            while (piece := pieces.get())[1]:
                due, data = piece
                time.sleep(max(0.0, due - time.monotonic()))
                step = 1 if self.drip else len(data)
                for start in range(0, len(data), step):
                    target.sendall(data[start : start + step])
                    time.sleep(self.drip)
        self._cut(target)

    @staticmethod
    def _cut(line: socket.socket) -> None:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Cut everything; twice does nothing."""
        for line in (self._listener, *list(self._open)):
            self._cut(line)
            line.close()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
