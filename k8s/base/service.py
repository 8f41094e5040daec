"""The service that is scaled: each request takes a fixed time of a processor. Standard library only.

``GET /work`` burns the time and answers, or says 503 at once where too many wait already; ``/readyz`` says 503 until the "model" is loaded and again while it drains;
``/healthz`` says that the process lives.
"""

import contextlib
import hashlib
import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = int(os.environ.get("PORT", "8080"))
WORK_SECONDS = float(os.environ.get("WORK_MILLISECONDS", "20")) / 1000
READY_AT = time.monotonic() + float(os.environ.get("BOOT_SECONDS", "30"))
DRAIN_SECONDS = float(os.environ.get("DRAIN_SECONDS", "5"))
# who comes later would be answered when it has long gone: at a tenth of a processor forty wait for eight seconds. And each that
# waits is a thread: a pod that takes whatever comes is out of memory after some minutes, and answers no probe any more
MOST_WAITING = int(os.environ.get("MOST_WAITING", "40"))
# well before the pod's terminationGracePeriodSeconds, at whose end all that still waits would be cut off without an answer
LAST_SECONDS = float(os.environ.get("LAST_SECONDS", "15"))

draining = threading.Event()
overdue = threading.Event()
one_at_a_time, room = threading.Lock(), threading.BoundedSemaphore(MOST_WAITING)


def work() -> bool:
    """Use ``WORK_SECONDS`` of this thread's processor time, one request after the other; False where there is no room or time.

    As a model in native code does, it lets go of the interpreter meanwhile: a probe is answered between two slices of
    processor time, however many requests wait.
    """
    if not room.acquire(blocking=False):
        return False
    try:
        with one_at_a_time:
            if overdue.is_set():
                return False
            end = time.thread_time() + WORK_SECONDS
            while time.thread_time() < end:
                hashlib.pbkdf2_hmac("sha256", b"work", b"salt", 500)
            return True
    finally:
        room.release()


def ready() -> bool:
    return time.monotonic() >= READY_AT and not draining.is_set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # a connection that nobody uses is not kept for ever
    timeout = 75

    def do_GET(self) -> None:
        if self.path == "/work" and time.monotonic() >= READY_AT:
            if work():
                self.answer(200, {"work_milliseconds": 1000 * WORK_SECONDS})
            else:
                self.answer(503, {"error": "too many wait here, or this pod ends: ask again"})
        elif self.path in ("/readyz", "/work"):
            self.answer(200 if ready() else 503, {"ready": ready()})
        elif self.path == "/healthz":
            self.answer(200, {"alive": True})
        else:
            self.answer(404, {"error": "GET /work, /readyz or /healthz"})

    def answer(self, status: int, body: dict) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if draining.is_set():
            self.send_header("Connection", "close")  # the client takes its next request elsewhere
        with contextlib.suppress(ConnectionError):  # who has asked may have gone
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, *_) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Knows its connections, so that it can end though a client keeps one open: an ingress or a mesh always does."""

    daemon_threads = False
    # a burst waits here, instead of being turned away
    request_queue_size = 128

    def __init__(self, *arguments) -> None:
        self.connections: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request, client_address) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """What was asked is answered; where nothing was, the connection ends. Then the threads are waited for."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):  # it has gone by itself
                connection.shutdown(socket.SHUT_RD)
        super().server_close()


def main() -> None:
    server = Server((os.environ.get("HOST", ""), PORT), Handler)

    def stop(*_) -> None:
        # first out of the service's endpoints, then no new connections, then end
        draining.set()
        threading.Timer(DRAIN_SECONDS, server.shutdown).start()
        # a pod that is overrun has more waiting than it can answer in time: those are told, and asked to come back
        last = threading.Timer(LAST_SECONDS, overdue.set)
        last.daemon = True
        last.start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    sys.exit(main())
