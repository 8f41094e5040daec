"""The machines of a Spark cluster: whether they are there, what they must have before the first task, and how one is lost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.engines import _shared
from companion.engines._ladder import variable
from companion.engines.spark import _private
from companion.errors import EngineUnavailable
from companion.processes import wait
from companion.quiet import quiet

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LEAST_FREE = 64 * 2**20


def joined(session: SparkSession, seconds: float) -> SparkSession:
    """The session, once an executor works for it; else it is stopped.

    Spark itself would wait for ever, and say every 15 s in its log that "the initial job has not accepted any resources".

    Raises:
        EngineUnavailable: none has come in time.
    """
    context = session.sparkContext
    driver = session.conf.get("spark.driver.host")
    try:
        wait.until(
            lambda: _private.executors_of(context),
            seconds,
            f"no executor of {context.master} has reported to the driver",
            detail=lambda: (
                "None of its workers has a core and memory to give, or they can't reach this machine at "
                f"{driver}: set SPARK_LOCAL_IP to an address of this machine that they can reach"
            ),
        )
    except EngineUnavailable:
        session.stop()
        raise
    return session


def require(session: SparkSession, folder: Path | None = None, *, needs: int = _LEAST_FREE) -> None:
    """See to it before the first task that each executor of a cluster runs our functions, and reads and writes the same files.

    The embedded engine is this machine: there is nothing to ask.

    Args:
        folder: which this process writes to and the executors read; None where they read none.
        needs: bytes that have to be free where an executor keeps what it shuffles.

    Raises:
        EngineUnavailable: an executor has another Python or none, no package ``companion``, a full disk, or does not see what
            stands in the folder.
    """
    if not (variable("SPARK_REMOTE") or (variable("SPARK_MASTER") or "").startswith("spark://")):
        return
    with _shared.token(folder) as path:
        found = _asked(session, path, needs)
    for missing, message in (
        (
            "package",
            "have no package companion, which the notebooks' functions come from. Set PYSPARK_PYTHON to a Python there that "
            "has it (the image companion/worker has), or install it: pip install, with the path of this checkout.",
        ),
        (
            "disk",
            f"have fewer than {needs / 2**20:.0f} MiB free where they shuffle (spark.local.dir): give them a larger disk.",
        ),
        (
            "file",
            f"don't see the files in {folder}. Set COMPANION_WORKSPACE to a folder that all machines share under the same path, "
            "and restart the kernel.",
        ),
    ):
        where = sorted({host for host, what in found if what == missing})
        if where:
            raise EngineUnavailable(f"Spark's executors ({where[0]} is one) {message}")


def _asked(session: SparkSession, path: str, needs: int) -> set[tuple[str, str]]:
    """Host, and what is missing there. The function travels by value: it can say that there is no companion where there is none."""
    from pyspark.errors import PySparkException

    def find(batches: Any) -> Any:
        import importlib.util
        import os
        import shutil
        import socket
        import tempfile

        import pyarrow

        for _ in batches:
            pass
        missing = [] if importlib.util.find_spec("companion") else ["package"]
        missing += [] if not path or os.path.exists(path) else ["file"]
        # the executor's own, which its Python is told
        local = os.environ.get("SPARK_LOCAL_DIRS", tempfile.gettempdir()).split(",")
        missing += (
            [] if all(shutil.disk_usage(each).free >= needs for each in local if os.path.isdir(each)) else ["disk"]
        )
        yield pyarrow.RecordBatch.from_pydict({"host": [socket.gethostname()] * len(missing), "missing": missing})

    # more tasks than executors, so that each gets one
    tasks = 2 * max(2, _tasks(session))
    try:
        with quiet():
            rows = session.range(tasks, numPartitions=tasks).mapInArrow(find, "host string, missing string").collect()
    except PySparkException as error:
        raise _explained(str(error)) from error
    except Exception as error:
        if type(error).__name__ != "Py4JJavaError":  # the classic client's, which PySpark does not always translate
            raise
        raise _explained(str(error)) from error
    return {(row["host"], row["missing"]) for row in rows}


def _tasks(session: SparkSession) -> int:
    return 8 if variable("SPARK_REMOTE") else session.sparkContext.defaultParallelism


def _explained(said: str) -> EngineUnavailable:
    if re.search("PYTHON_VERSION_MISMATCH", said):
        found = re.search(r"worker version[^0-9]*([\d.]+)[^0-9]+([\d.]+)", said)
        versions = f" ({found[1]} there, {found[2]} here)" if found else ""
        return EngineUnavailable(
            f"Spark's executors run another Python{versions}, which functions can't be sent to. Set PYSPARK_PYTHON to a Python of "
            "this version there."
        )
    if found := re.search(r'Cannot run program "([^"]+)"', said):
        return EngineUnavailable(
            f"Spark's executors have no Python {found[1]}. Set PYSPARK_PYTHON to the path of theirs; in the image companion/worker it is "
            "/opt/book/.venv/bin/python."
        )
    return EngineUnavailable(f"Spark's executors can't run the notebooks' functions: {wait.telling_line(said)}")


def executors(session: SparkSession) -> list[int]:
    """Process ids of the executors on this machine that work for ``session``, in the order in which they were started.

    Raises:
        EngineUnavailable: there are none: the session works in the driver's process, or its executors are elsewhere.
    """
    import psutil

    application = session.sparkContext.applicationId
    found = []
    for process in psutil.process_iter(["cmdline", "create_time"]):
        command = process.info["cmdline"] or []
        if any("ExecutorBackend" in part for part in command) and application in command:
            found.append((process.info["create_time"], process.pid))
    if not found:
        raise EngineUnavailable(
            "this session has no executor process on this machine. Connect with executors=2, without SPARK_REMOTE "
            "and with SPARK_MASTER unset or on this machine."
        )
    return [pid for _, pid in sorted(found)]


def kill_executor(session: SparkSession) -> None:
    """Kill one executor of ``session`` with SIGKILL, on whatever machine it runs: a task of its own does it, on its first attempt.

    Spark then tries that task again elsewhere, so this returns once the loss has been noticed. The executor's machine needs /proc
    (Linux) or the command ps.

    Raises:
        EngineUnavailable: there is no executor beside the driver, or (Spark Connect) none of this session's own.
    """
    context = None if variable("SPARK_REMOTE") else session.sparkContext
    if context is None or re.match(r"local(\[|$)", str(context.master)):
        raise EngineUnavailable(
            "this session has no executor of its own to lose: it works in the driver's process, or on a server of Spark Connect. "
            "Connect with executors=2, or set SPARK_MASTER to a cluster."
        )

    def last_task(
        batches: Any,
    ) -> Any:  # defined in here, so that it is sent as it is: a worker need not have this package
        import os
        import signal
        import subprocess

        from pyspark import TaskContext

        if TaskContext.get().attemptNumber() == 0:  # type: ignore[union-attr]
            python = os.getppid()  # forks the workers; its own parent is the executor
            try:
                with open(f"/proc/{python}/stat") as stat:
                    executor = int(stat.read().rpartition(")")[2].split()[1])
            except FileNotFoundError:
                executor = int(subprocess.check_output(["ps", "-o", "ppid=", "-p", str(python)]))
            os.kill(executor, signal.SIGKILL)
        yield from batches

    context.parallelize([0], 1).mapPartitions(last_task).count()
