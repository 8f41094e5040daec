"""What is used of PySpark beyond its documented interface, in one place. A test names what an upgrade has taken away."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark import SparkContext

#: the version in which all this was read
READ_IN = "pyspark 4.3.0"
#: module and attribute, as the tests look for them
NEEDED = (
    "pyspark.java_gateway:launch_gateway",
    "pyspark.core.context:SparkContext._gateway",
    "pyspark.core.context:SparkContext._active_spark_context",
    "pyspark.core.context:SparkContext._ensure_initialized",
)


def start_java(settings: dict[str, str], log: Path) -> None:
    """Start Java, once a process, with settings for its command line; what it says on standard error goes to ``log``.

    Raises:
        PySparkRuntimeError: Java ended again.
    """
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway

    if SparkContext._gateway is not None:
        return
    conf = SparkConf(loadDefaults=False).setAll(list(settings.items()))
    with log.open("ab") as said:
        # a session of its own: a kernel that ends waits for what runs in its process group, longer than Jupyter waits for it
        gateway = launch_gateway(conf, popen_kwargs={"start_new_session": True, "stderr": said})
    SparkContext._ensure_initialized(gateway=gateway)


def end_java() -> None:
    """End Java and all that it started, so that nothing writes into folders that are about to go.

    A cluster elsewhere is told. What is embedded is killed, not asked: all that it has lies in those folders, and Jupyter
    gives a kernel five seconds to end.
    """
    import psutil
    from pyspark import SparkContext

    gateway, context = SparkContext._gateway, SparkContext._active_spark_context
    if context is not None and str(context.master).startswith("spark://"):
        context.stop()
    if gateway is None:
        return
    java = psutil.Process(gateway.proc.pid)
    for process in [java, *java.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    gateway.proc.wait(10)


def executors_of(context: SparkContext) -> int:
    """How many executors have reported to the driver; what Spark counts is block managers, its own among them.

    By ``_jsc``, which only an instance has: ``connect()`` on any cluster would notice that it is gone.
    """
    java: Any = context._jsc
    return int(java.sc().getExecutorMemoryStatus().size()) - 1
