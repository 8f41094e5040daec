"""gunicorn's threaded worker, with a pause between *stop sending me requests* and *I stop listening*.

Without it a SIGTERM closes the door at once, and whoever stands in the queue outside (the kernel's backlog) gets a reset.
"""

import os
import time

from gunicorn.workers.gthread import ThreadWorker
from serving.web import draining

DRAIN_SECONDS = float(os.environ.get("SERVICE_DRAIN_SECONDS", "2"))


class DrainingWorker(ThreadWorker):
    """On SIGTERM: `/readyz` says 503, requests are still taken for DRAIN_SECONDS, then it finishes what it has."""

    closes_at: float | None = None

    def handle_exit(self, sig, frame):
        if self.closes_at is None:
            draining.set()
            self.closes_at = time.monotonic() + DRAIN_SECONDS
            self.method_queue.defer(lambda: None)  # wakes the loop

    def notify(self):
        super().notify()
        if self.alive and self.closes_at is not None and time.monotonic() >= self.closes_at:
            self.alive = False
