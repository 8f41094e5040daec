"""Small web services on loopback: one in a thread of this process, one in the worker processes of gunicorn."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from companion.errors import EngineUnavailable
from companion.processes.server import Server, free_port
from companion.workspace import disk_errors


@contextmanager
def threaded(application: Callable) -> Iterator[str]:
    """Serve a WSGI application from threads of this process; yields its address, and ends it with the block.

    For what has to share this process' memory. In earnest it is gunicorn that serves.
    """
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, *_) -> None:
            """No line a request."""

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Silent)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def workers(folder: Path, source: str, count: int = 2, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serve a module's ``application`` from ``count`` worker processes of gunicorn; they die with this process.

    Args:
        folder: an empty one, for the module and the log; it goes with the service.
        source: the module's text.
        environment: further variables of the workers.

    Raises:
        EngineUnavailable: it does not start; the message has the end of its log.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "app.py").write_text(source)
    bind = f"127.0.0.1:{free_port()}"
    ours = {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(folder), **(environment or {})}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PROMETHEUS_", "GUNICORN_"))}
    command = [sys.executable, "-m", "gunicorn", "--bind", bind, "--workers", str(count), "--no-control-socket"]
    command += ["--chdir", str(folder), "--worker-tmp-dir", str(folder), "app:application"]
    server = Server(command, log=folder / "gunicorn.log", folder=folder, env={**kept, **ours})
    try:
        server.wait_until(lambda: _answers(f"http://{bind}/metrics"), "gunicorn", timeout=60)
        yield f"http://{bind}"
    finally:
        server.stop()


def _answers(url: str) -> bool:
    """Whether a worker answers, whatever it says: the port alone is open before there is one."""
    import requests

    try:
        return bool(requests.get(url, timeout=5).status_code)
    except requests.RequestException:
        return False


def drive(url: str, least: int = 200, processes: int = 2) -> list[str]:
    """Ask, four at a time, until at least ``least`` answers have come, in at least ``processes`` different words; the answers.

    Raises:
        EngineUnavailable: thousands of answers, and still too few different ones.
    """
    import requests

    answered: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        while len(answered) < least or len(set(answered)) < processes:
            if len(answered) > 50 * least:
                raise EngineUnavailable(f"{len(answered)} answers, from {len(set(answered))} of {processes} processes")
            answered += [reply.text for reply in pool.map(requests.get, [url] * 50)]
    return answered


def until(condition: Callable[[], bool], patience: float = 60) -> bool:
    """Whether the condition comes true within ``patience`` seconds."""
    end = time.monotonic() + patience
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)
    return condition()
