"""gunicorn's threaded worker, with two things changed: how it ends, and when a request gets a thread.

The end: a pause between *stop sending me requests* and *I stop listening*. Without it a SIGTERM closes the door at once, and
whoever stands in the queue outside (the kernel's backlog) gets a reset.

The thread: gunicorn gives a connection one at its first byte, and keeps it while the rest drips in; four clients that stop in the middle
of a header take all four, and nobody answers ``/healthz``. Here the worker's loop collects a request, and only a whole one gets a thread.
"""

from __future__ import annotations

import os
import re
import selectors
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from gunicorn.workers.gthread import TConn, ThreadWorker
from serving.web import draining

DRAIN_SECONDS = float(os.environ.get("SERVICE_DRAIN_SECONDS", "2"))
#: within so many seconds a request has to be there, the whole of it
READ_SECONDS = float(os.environ.get("SERVICE_READ_SECONDS", "10"))
#: a body that says it is larger goes to the application at once, which refuses it unread
MOST_BODY = int(os.environ.get("SERVICE_MOST_BODY", str(1024 * 1024)))
MOST_HEAD = 64 * 1024
#: requests that are being collected, and their bytes together; who is one too many takes the place of the slowest
MOST_WAITING, MOST_HELD = 512, 64 * 1024 * 1024
#: after an answer: so long, and so many bytes, are waited for the end of what the client still sends
LINGER_SECONDS, LINGER_BYTES = 2.0, 1024 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,12})[ \t]*(?=\r\n|$)")
_TOO_MUCH_HEAD = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def missing(held: bytes | bytearray) -> int | None:
    """How many bytes of a request are still to come: 0 for a whole one, None for one whose end the bytes so far don't tell.

    Also 0 for what no patience helps: a body in chunks or one that is too large, two lengths, or one that is none.
    """
    end = held.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(held[:end]).lower()
    if b"\r\ncontent-length" not in head or b"\r\ntransfer-encoding" in head:
        return 0
    found = _LENGTH.findall(head)
    if len(found) != 1 or head.count(b"\r\ncontent-length") != 1 or int(found[0]) > MOST_BODY:
        return 0
    return max(0, end + 4 + int(found[0]) - len(held))


@dataclass(eq=False)
class _Waiting:
    """A connection without a thread: its request is being collected, or what comes after the answer is thrown away."""

    conn: TConn
    until: float
    held: bytearray = field(default_factory=bytearray)
    continued: bool = False
    thrown: int = 0


class DrainingWorker(ThreadWorker):
    """On SIGTERM: `/readyz` says 503, requests are still taken for DRAIN_SECONDS, then it finishes what it has."""

    closes_at: float | None = None

    def init_process(self) -> None:
        # in the order of their ends
        self.reading: dict[_Waiting, None] = {}
        self.lingering: dict[_Waiting, None] = {}
        self.held = 0
        super().init_process()

    def handle_exit(self, sig, frame):
        if self.closes_at is None:
            draining.set()
            self.closes_at = time.monotonic() + DRAIN_SECONDS
            self.method_queue.defer(lambda: None)  # wakes the loop

    def notify(self):
        super().notify()
        if self.alive and self.closes_at is not None and time.monotonic() >= self.closes_at:
            self.alive = False

    def accept(self, listener: socket.socket) -> None:
        """A new connection waits for its request in the loop."""
        with suppress(BlockingIOError, ConnectionAbortedError):
            sock, address = listener.accept()
            self.nr_conns += 1
            # a thread that reads or writes after all waits so long for each piece, and no longer
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", int(LINGER_SECONDS), 0))
            self._collect(TConn(self.cfg, sock, address, listener.getsockname()), b"")

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """The next request of a connection that was kept."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._collect(conn, b"")

    def finish_request(self, conn: TConn, fs: Future) -> None:
        """What happens to a connection after its answer; in the loop, so nothing here may wait."""
        keep = not fs.cancelled() and fs.exception() is None and fs.result()
        if not keep:
            self._linger(conn)
        elif conn.parser.unreader.buf.getvalue():  # the client did not wait for the answer
            self._collect(conn, conn.parser.unreader.take_buffered())
        else:
            super().finish_request(conn, fs)

    def handle_request(self, req, conn):
        """What was not collected is not waited for after the answer either."""
        if not conn.data_ready:
            req.force_close()
        return super().handle_request(req, conn)

    def _collect(self, conn: TConn, begun: bytes) -> None:
        conn.sock.setblocking(False)
        while len(self.reading) >= MOST_WAITING or (self.held > MOST_HELD and self.reading):
            self._drop(self.reading, next(iter(self.reading)))
        waiting = _Waiting(conn, time.monotonic() + READ_SECONDS, bytearray(begun))
        self.held += len(begun)
        self.reading[waiting] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._more, waiting))
        if begun:
            self._hand_over(waiting)

    def _more(self, waiting: _Waiting, sock: socket.socket) -> None:
        try:
            data = sock.recv(64 * 1024)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(self.reading, waiting)
            return
        waiting.held += data
        self.held += len(data)
        self._hand_over(waiting)

    def _hand_over(self, waiting: _Waiting) -> None:
        """To a thread, when it is whole."""
        left, conn = missing(waiting.held), waiting.conn
        if left is None and len(waiting.held) <= MOST_HEAD:
            return
        if left is None:
            self._forget(self.reading, waiting)
            with suppress(OSError):
                conn.sock.send(_TOO_MUCH_HEAD)
            self._linger(conn)
            return
        if left:
            if not waiting.continued and b"100-continue" in waiting.held[:MOST_HEAD].lower():
                waiting.continued = True
                with suppress(OSError):
                    conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self._forget(self.reading, waiting)
        conn.init()
        conn.parser.unreader.unread(bytes(waiting.held))
        # gunicorn's own word for: don't wait for a first byte
        conn.data_ready = _is_plain(bytes(waiting.held[:MOST_HEAD]).lower())
        self.enqueue_req(conn)

    def _linger(self, conn: TConn) -> None:
        """Say that this was all, and close when the client has, too: a line that is cut with unread bytes in it loses the answer."""
        waiting = _Waiting(conn, time.monotonic() + LINGER_SECONDS)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._throw_away, waiting))
        except (OSError, ValueError):  # it has closed already
            self.nr_conns -= 1
            conn.close()
            return
        self.lingering[waiting] = None

    def _throw_away(self, waiting: _Waiting, sock: socket.socket) -> None:
        data = b""
        with suppress(OSError):
            data = sock.recv(64 * 1024)
        waiting.thrown += len(data)
        if not data or waiting.thrown > LINGER_BYTES:
            self._drop(self.lingering, waiting)

    def murder_pending(self) -> None:
        """Close what is over its time."""
        super().murder_pending()
        for place in (self.reading, self.lingering):
            for waiting in self._over(place):
                self._drop(place, waiting)

    def _over(self, place: dict[_Waiting, None]) -> Iterator[_Waiting]:
        now = time.monotonic()
        for waiting in list(place):
            if waiting.until > now and self.alive:
                break
            if waiting.until <= now:
                yield waiting

    def _cap_keepalive(self, deadline: float) -> None:
        """Who has not sent a request when the worker ends gets the same pause as who has sent none."""
        super()._cap_keepalive(deadline)
        for waiting in self.reading:
            waiting.until = min(waiting.until, deadline)

    def _forget(self, place: dict[_Waiting, None], waiting: _Waiting) -> None:
        del place[waiting]
        self.held -= len(waiting.held)
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(waiting.conn.sock)

    def _drop(self, place: dict[_Waiting, None], waiting: _Waiting) -> None:
        self._forget(place, waiting)
        self.nr_conns -= 1
        waiting.conn.close()


def _is_plain(head: bytes) -> bool:
    """Whether all of the request is there: no chunks, and no body that was too large to collect."""
    head = head.partition(b"\r\n\r\n")[0]
    found = _LENGTH.findall(head)
    return b"\r\ntransfer-encoding" not in head and (not found or int(found[0]) <= MOST_BODY)
