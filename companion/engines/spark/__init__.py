"""Apache Spark: a quiet ``SparkSession`` in this process, or on the cluster in ``SPARK_REMOTE`` or ``SPARK_MASTER``."""

from __future__ import annotations

import atexit
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from companion.engines import _embedded
from companion.engines._ladder import UNKNOWN, Status, climb, variable
from companion.engines.spark import _private, java, workers
from companion.engines.spark.java import GET_JAVA, MINIMUM_JAVA, find_java, require_java
from companion.engines.spark.workers import executors, kill_executor, require
from companion.errors import EngineUnavailable
from companion.processes.server import answers, password
from companion.quiet import quiet
from companion.workspace import workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = [
    "GET_JAVA",
    "MINIMUM_JAVA",
    "VARIABLES",
    "connect",
    "executors",
    "find_java",
    "kill_executor",
    "plan",
    "probe",
    "require",
    "require_java",
]

VARIABLES = ("SPARK_REMOTE", "SPARK_MASTER")
_TASK_ATTEMPTS = 4  # Spark's default on a cluster; alone in one process it would be one
_EXECUTOR_MIB = 512  # Spark's own minimum is 450
#: a session of minutes: Java's optimising compiler and its parallel collector would take more of two cores than they give.
#: With one compiler Java keeps 48 MB for compiled code, which a notebook fills; then it says so, and compiles no more.
#: And it collects the whole heap whenever its classes outgrow a first 21 MB: four times before a session has counted anything.
#: The classes are those of the installed package: to prove each of them well-formed is a sixth of the start
SHORT_RUN = (
    "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:MetaspaceSize=256m -XX:+UseSerialGC "
    "-XX:+IgnoreUnrecognizedVMOptions -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
)
# and every small aggregation would clear a page of 8 MB, every stage a block of 4 MB for its few kilobytes
_SMALL_BLOCKS = {"spark.buffer.pageSize": "1m", "spark.broadcast.blockSize": "256k"}
_LOOPBACK = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
#: where it runs is not said by settings
_OWN = ("spark.master", "spark.remote", "spark.api.mode", "spark.local.connect", "spark.submit.deployMode")
#: what would open the embedded engine to others
_OWN_EMBEDDED = (
    *("spark.driver.host", "spark.driver.bindAddress", "spark.executor.bindAddress"),
    *("spark.executorEnv.SPARK_LOCAL_IP", "spark.executorEnv.SPARK_LOCAL_HOSTNAME"),
)
_OWN_FAMILIES = ("spark.authenticate", "spark.connect.grpc.binding.")
#: variables of the shell that would take the engine elsewhere, or that are empty and not read as unset
_HIDDEN = ("SPARK_REMOTE", "SPARK_API_MODE", "MASTER", "PYSPARK_SUBMIT_ARGS")
#: PySpark sets it for a session over Spark Connect and leaves it there when that has ended; then it refuses a session of its own
_CONNECT_MODE = "SPARK_CONNECT_MODE_ENABLED"
_homes: list[Path] = []


def connect(
    *,
    cores: int = 2,
    memory: str = "1g",
    shuffle_partitions: int = 4,
    executors: int = 0,
    settings: Mapping[str, object] | None = None,
    timeout: float = 60.0,
) -> SparkSession:
    """A Spark session: usable as it is, or in a ``with`` block that stops it at its end.

    Args:
        cores: threads of the embedded engine.
        memory: the driver's heap, which is also the embedded engine's.
        executors: 0 to work in the driver's own process; more for as many executor processes of one core and 512 MiB each,
            which can be lost one by one as on a cluster (Spark's ``local-cluster``).
        shuffle_partitions: few, because two cores gain nothing from the default of 200.
        settings: further Spark settings, by their own names (``{"spark.ui.enabled": "true"}``). For hours of work on this
            machine, give Java its optimising compiler back: ``{"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=4"}``.
        timeout: seconds to wait for the first executor of ``SPARK_MASTER=spark://...``.

    ``SPARK_REMOTE`` (Spark Connect, ``sc://...``) wins over ``SPARK_MASTER`` (``spark://...``, ``local-cluster[2,1,768]``),
    which wins over ``cores`` and ``executors``. A failed task is tried up to four times everywhere, as on a cluster. One
    session at a time: stop it before the next one.

    Raises:
        EngineUnavailable: no suitable Java, Java can't start Spark here, nothing answers at the address in the environment, or
            no executor of the cluster there has reached this machine in time.
        SettingError: a setting that is this function's own.
    """
    shuffles = {"spark.sql.shuffle.partitions": str(shuffle_partitions)}
    if remote := variable("SPARK_REMOTE"):
        return _remote(remote, shuffles | _checked(settings))
    embedded = f"local-cluster[{executors},1,{_EXECUTOR_MIB}]" if executors else f"local[{cores},{_TASK_ATTEMPTS}]"
    master = variable("SPARK_MASTER") or embedded
    if master.startswith("spark://"):
        wanted = shuffles | _checked(settings)
        java.require_start()
        _require_answer("SPARK_MASTER", master, 7077)
        # other machines may have their Python elsewhere
        python = {} if variable("PYSPARK_PYTHON") else {"PYSPARK_PYTHON": sys.executable}
        cluster = {"spark.master": master, **_common_settings(memory), **_driver_address(master)}
        return workers.joined(_build({**cluster, **wanted}, python), timeout)
    wanted = shuffles | _checked(settings, embedded=True)
    java.require_start()
    if master.startswith("local-cluster"):
        # no task starts before all executors are there: each gets its share
        every = {"spark.executor.memory": f"{_EXECUTOR_MIB}m", "spark.scheduler.minRegisteredResourcesRatio": "1.0"}
        # all of them are on this machine: none is nearer to the data, and a lost one won't come back on a second call
        every |= {"spark.locality.wait": "0s", "spark.shuffle.io.retryWait": "100ms"}
        wanted = every | wanted
    common, jars = _common_settings(memory) | _SMALL_BLOCKS, java.busiest_jars()
    options = f"{common['spark.driver.defaultJavaOptions']} {SHORT_RUN}"
    for process in ("driver", "executor"):
        common |= {f"spark.{process}.defaultJavaOptions": options, f"spark.{process}.extraClassPath": jars}
    # nobody else on this machine may send work to it
    common["spark.authenticate"] = "true"
    return _build(
        {"spark.master": master, **common, **_LOOPBACK, **wanted},
        # the workers run this very Python, whatever is first on the PATH
        {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
        {"spark.authenticate.secret": password()},
    )


def _checked(settings: Mapping[str, object] | None, *, embedded: bool = False) -> dict[str, str]:
    own = (*_OWN, *_OWN_EMBEDDED) if embedded else _OWN
    prefixes = _OWN_FAMILIES if embedded else ()
    return _embedded.checked(settings, name=r"spark\.[\w.\-]+", own=own, prefixes=prefixes)


def _remote(address: str, settings: dict[str, str]) -> SparkSession:
    """A session of Spark Connect."""
    from pyspark.sql import SparkSession

    _require_answer("SPARK_REMOTE", address, 15002)
    try:
        with quiet():
            return (
                SparkSession.builder.appName("companion")
                .config(map={"spark.remote": address, **settings})
                .getOrCreate()
            )
    except ImportError as error:
        need = f"SPARK_REMOTE needs the client of Spark Connect ({error}). pip install 'pyspark[connect]'"
        raise EngineUnavailable(f"{need}, or use SPARK_MASTER.") from error


@contextmanager
def _shell(values: dict[str, str]) -> Iterator[None]:
    """What Java and PySpark read of the environment while they start; afterwards that is as before.

    That is also a SPARK_HOME of links to the installed engine: executors make their folders in there, which would otherwise be
    among the installed packages. A SPARK_HOME of the reader's own is left as it is.
    """
    os.environ.pop(_CONNECT_MODE, None)
    before = dict(os.environ)
    for name in _HIDDEN:
        os.environ.pop(name, None)
    os.environ.update(values, PYSPARK_DRIVER_PYTHON=sys.executable)
    if not variable("SPARK_HOME"):
        os.environ["SPARK_HOME"] = str(_linked())
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _linked() -> Path:
    if not _homes:
        installed = java.home()
        _homes.append(workspace("spark-home"))
        for part in ("bin", "sbin", "jars", "python"):
            (_homes[0] / part).symlink_to(installed / part)
    return _homes[0]


def _end_java() -> None:
    with quiet(), suppress(Exception):  # whatever state an interrupted session is in
        _private.end_java()


def _common_settings(memory: str) -> dict[str, str]:
    folder = workspace("spark")
    return {
        "spark.driver.memory": memory,
        # a killed Java leaves its unpacked libraries behind: in a folder that goes, and no statistics in /tmp at all
        "spark.driver.defaultJavaOptions": f'-Djava.io.tmpdir="{folder}" -XX:-UsePerfData',
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.checkpoint.dir": str(folder / "checkpoints"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }


def _driver_address(master: str) -> dict[str, str]:
    """Where the cluster's machines find the driver: at ``SPARK_LOCAL_IP``, Spark's own variable; where the master is on loopback they
    are on this machine too; for any other Spark finds the address that they can reach.
    """
    if address := variable("SPARK_LOCAL_IP"):
        return dict.fromkeys(_LOOPBACK, address)
    return _LOOPBACK if urlsplit(master).hostname in ("localhost", "127.0.0.1") else {}


def _build(
    settings: dict[str, str], environment: dict[str, str], secrets: dict[str, str] | None = None
) -> SparkSession:
    """The session.

    Args:
        environment: variables for Java and for what it starts.
        secrets: settings that must not stand on Java's command line, which everybody here can read.
    """
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    # said once a call of an Arrow function; what the book uses of it is covered by its tests
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    log = workspace("spark-java") / "log"
    try:
        with quiet(), _shell(environment):  # the JVM announces itself before any log level is read
            _private.start_java(settings, log)
            # registered after the folders' removal, so it runs before it
            atexit.unregister(_end_java)
            atexit.register(_end_java)
            every: dict[str, Any] = {**settings, **(secrets or {})}
            return SparkSession.builder.appName("companion").config(map=every).getOrCreate()
    except (PySparkRuntimeError, OSError) as error:
        said = log.read_text(errors="replace") if log.exists() else str(error)
        raise java.explained(said, error) from error


def plan(frame: DataFrame) -> str:
    """What ``frame.explain("formatted")`` prints, without what differs from run to run or is said twice.

    That is the tree, and a line for each filter and each list of columns that the scans push down to the files. Numbers of
    columns and operators, and the paths of files, are left out.
    """
    with redirect_stdout(io.StringIO()) as text:
        frame.explain("formatted")
    tree, *details = re.sub(r"#\d+L?| *\(\d+\)", "", text.getvalue()).split("\n\n")
    lines = [line for part in details for line in part.splitlines()]
    return "\n".join([tree.strip(), *(line for line in lines if line.startswith(("PushedFilters", "ReadSchema")))])


def _require_answer(variable: str, address: str, port: int) -> None:
    if not answers(address, port):
        raise EngineUnavailable(
            f"nothing answers at {variable}={address}. Start the cluster, or unset {variable} to use the embedded engine."
        )


def probe() -> Status:
    """Spark's version, the Java it would use, and whether the cluster in the environment answers."""
    return climb("spark", client="pyspark", install="pip install pyspark", live=_live_place, embedded=_embedded_version)


def _live_place() -> tuple[str, str] | None:
    for name, port in zip(VARIABLES, (15002, 7077), strict=True):
        address = variable(name) or ""
        if address.startswith(("sc://", "spark://")):
            if not answers(address, port):
                raise EngineUnavailable(f"nothing answers at {name}={address}")
            return UNKNOWN, address
    return None


def _embedded_version() -> tuple[str, str]:
    _, major = java.suitable_java()
    return java.version(), f"in this process, on Java {major}"
