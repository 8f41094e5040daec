"""How gunicorn runs a service: the model loaded once and shared, few threads, nothing lost at the end."""

import contextlib
import os
import tempfile

# before anything imports prometheus_client: the workers' counters are files that /metrics adds up
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="metrics-"))
# one BLAS thread a request: the threads below are the parallelism
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

bind = os.environ.get("SERVICE_BIND", "0.0.0.0:8000")
pidfile = os.environ.get("SERVICE_PIDFILE", "/tmp/gunicorn.pid")  # noqa: S108  (the container's own)
# loaded and checked before the first fork: one copy in memory, no port before it is ready, and no restart loop when it is bad
preload_app = True
workers = int(os.environ.get("SERVICE_WORKERS", "2"))
threads = int(os.environ.get("SERVICE_THREADS", "4"))
worker_class = os.environ.get("SERVICE_WORKER_CLASS", "serving.worker.DrainingWorker")
# a worker that has not told the master for this long that it is alive is killed
timeout = 30
# after SIGTERM: what is under way may take so long; `docker stop` kills after ten seconds
graceful_timeout = 7
keepalive = 5
backlog = 2048
control_socket_disable = True
accesslog: str | None = None
errorlog = "-"
loglevel = os.environ.get("SERVICE_LOG_LEVEL", "info")
if os.path.isdir("/dev/shm"):  # noqa: S108  (gunicorn's heartbeat; a disk may stall)
    worker_tmp_dir = "/dev/shm"  # noqa: S108


def post_fork(server, worker):
    """Let the kernel take a worker before the main process when memory runs out: it can be replaced without a restart.

    By itself it takes the largest process, and a new worker is no larger than the main one. No right is needed to offer oneself.
    """
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as first_to_go:
        first_to_go.write("500")


def child_exit(server, worker):
    """Count a worker that is gone, and forget its gauges."""
    from prometheus_client import multiprocess
    from serving import web

    web.count_worker_exit()
    multiprocess.mark_process_dead(worker.pid)


def on_exit(server):
    """Remove the counters' folder."""
    import shutil

    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
