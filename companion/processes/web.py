"""Small web services on loopback: one in a thread of this process, one in the worker processes of gunicorn."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import EngineUnavailable
from companion.processes import gunicorn
from companion.processes.server import status
from companion.workspace import disk_errors

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@contextmanager
def threaded(application: WSGIApplication) -> Iterator[str]:
    """Serve a WSGI application from threads of this process; yields its address, and ends it with the block.

    For what has to share this process' memory. In earnest it is gunicorn that serves.
    """
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, *_: object) -> None:
            """No line a request."""

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Silent)
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
    server = gunicorn.start(
        "app:application",
        url := gunicorn.free_url(),
        log=folder / "gunicorn.log",
        workers=count,
        folder=folder,
        removed=folder,
        variables={"TMPDIR": str(folder), **(environment or {})},
    )
    try:
        # whatever it says: the port alone is open before there is a worker
        server.wait_until(lambda: status(f"{url}/metrics", timeout=5) is not None, "gunicorn", timeout=60)
        yield url
    finally:
        server.stop()


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
