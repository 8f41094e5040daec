"""A Dask cluster as a reader starts one by hand: `dask scheduler` and `dask worker` as processes of their own on loopback."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import assert_gone, new_mark, until

from companion.processes.server import answers, free_port


@contextmanager
def by_hand(
    folder: Path,
    *,
    scheme: str = "tcp",
    workers: int = 2,
    memory: str = "500MiB",
    scheduler: tuple = (),
    worker: tuple = (),
    **more: str,
) -> Iterator[str]:
    """Yields the scheduler's address; at the end all of it is gone.

    Args:
        folder: where the processes run and log.
        memory: the limit of each worker.
        scheduler, worker: further options of the two commands.
        more: further variables of their environment.
    """
    mark = new_mark()
    env = {**os.environ, **mark, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **more}
    port = free_port()
    address = f"{scheme}://127.0.0.1:{port}"

    def start(*arguments) -> subprocess.Popen:
        log = (folder / f"{arguments[0]}.log").open("ab")
        command = [sys.executable, "-m", "dask", *arguments]
        return subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)

    listens = ["--host", f"{scheme}://127.0.0.1"]
    running = [start("scheduler", *listens, "--port", str(port), "--no-dashboard", *scheduler)]
    try:
        assert until(lambda: answers(address, 0)), (folder / "scheduler.log").read_text()
        options = ["--nworkers", str(workers), "--nthreads", "1", "--memory-limit", memory, "--no-dashboard"]
        running.append(start("worker", address, *listens, *options, *worker))
        yield address
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(120)
        assert_gone(mark)
