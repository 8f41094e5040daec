"""Apache Spark: a quiet ``SparkSession`` in this process, or on the cluster in ``SPARK_REMOTE`` or ``SPARK_MASTER``."""

from __future__ import annotations

import atexit
import io
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from companion.engines import Status
from companion.errors import EngineUnavailable
from companion.processes.server import answers, package_version, password
from companion.quiet import quiet
from companion.workspace import workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

VARIABLES = ("SPARK_REMOTE", "SPARK_MASTER")
MINIMUM_JAVA = 17
_TASK_ATTEMPTS = 4  # Spark's default on a cluster; alone in one process it would be one
_EXECUTOR_MIB = 512  # Spark's own minimum is 450
# a session of minutes: Java's optimising compiler and its parallel collector would take more of two cores than they give
_SHORT_RUN = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_LOOPBACK = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
_homes: list[Path] = []
GET_JAVA = (
    f"Spark needs Java {MINIMUM_JAVA} or newer. Debian/Ubuntu: apt-get install default-jre-headless. "
    "conda: it comes with environment.yml (openjdk). macOS: brew install openjdk. "
    "Then put java on the PATH or set JAVA_HOME."
)


def find_java() -> tuple[Path, int] | None:
    """The Java that Spark would run on, ``(path, major version)``: JAVA_HOME first, then the PATH; None without one."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not java:
        return None
    try:
        text = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20).stderr
    except OSError:
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return (Path(java), int(found[1])) if found else None


def require_java() -> Path:
    """The path of a Java that is new enough; EngineUnavailable, with how to get one, otherwise."""
    found = find_java()
    if found is None:
        where = f"at JAVA_HOME={os.environ['JAVA_HOME']}" if os.environ.get("JAVA_HOME") else "on the PATH"
        raise EngineUnavailable(f"no Java found {where}. {GET_JAVA}")
    path, major = found
    if major < MINIMUM_JAVA:
        raise EngineUnavailable(f"{path} is Java {major}. {GET_JAVA}")
    return path


def connect(
    cores: int = 2, memory: str = "1g", shuffle_partitions: int = 4, executors: int = 0, **options: str
) -> SparkSession:
    """A Spark session: usable as it is, or in a ``with`` block that stops it at its end.

    Args:
        cores: threads of the embedded engine.
        memory: the driver's heap, which is also the embedded engine's.
        executors: 0 to work in the driver's own process; more for as many executor processes of one core and 512 MiB each,
            which can be lost one by one as on a cluster (Spark's ``local-cluster``).
        shuffle_partitions: few, because two cores gain nothing from the default of 200.
        options: further Spark settings, with underscores for dots (``spark_ui_enabled="true"``). For hours of work on this
            machine, give Java its optimising compiler back: ``spark_driver_extraJavaOptions="-XX:TieredStopAtLevel=4"``.

    ``SPARK_REMOTE`` (Spark Connect, ``sc://...``) wins over ``SPARK_MASTER`` (``spark://...``, ``local-cluster[2,1,768]``),
    which wins over ``cores`` and ``executors``. A failed task is tried up to four times everywhere, as on a cluster. One
    session at a time: stop it before the next one.

    Raises:
        EngineUnavailable: no suitable Java, or nothing answers at the address in the environment.
    """
    settings = {
        "spark.sql.shuffle.partitions": str(shuffle_partitions),
        **{name.replace("_", "."): value for name, value in options.items()},
    }
    if remote := os.environ.get("SPARK_REMOTE"):
        _require_answer("SPARK_REMOTE", remote, 15002)
        try:
            return _build({"spark.remote": remote, **settings})
        except ImportError as error:
            need = f"SPARK_REMOTE needs the client of Spark Connect ({error}). pip install 'pyspark[connect]'"
            raise EngineUnavailable(f"{need}, or use SPARK_MASTER.") from error
    require_java()
    embedded = f"local-cluster[{executors},1,{_EXECUTOR_MIB}]" if executors else f"local[{cores},{_TASK_ATTEMPTS}]"
    master = os.environ.get("SPARK_MASTER", embedded)
    # the workers run this very Python, whatever is first on the PATH
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    if master.startswith("spark://"):
        _require_answer("SPARK_MASTER", master, 7077)
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # other machines may have theirs elsewhere
        return _build({"spark.master": master, **_common_settings(memory), **_driver_address(master), **settings})
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    if master.startswith("local-cluster"):
        # no task starts before all executors are there: each gets its share
        every = {"spark.executor.memory": f"{_EXECUTOR_MIB}m", "spark.scheduler.minRegisteredResourcesRatio": "1.0"}
        # all of them are on this machine: none is nearer to the data, and a lost one won't come back on a second call
        every |= {"spark.locality.wait": "0s", "spark.shuffle.io.retryWait": "100ms"}
        settings = every | settings
    common = _common_settings(memory)
    java = f"{common['spark.driver.defaultJavaOptions']} {_SHORT_RUN}"
    common |= {f"spark.{process}.defaultJavaOptions": java for process in ("driver", "executor")}
    # nobody else on this machine may send work to it
    common["spark.authenticate"] = "true"
    return _build(
        {"spark.master": master, **common, **_LOOPBACK, **settings}, {"spark.authenticate.secret": password()}
    )


@contextmanager
def _home() -> Iterator[None]:
    """Start Java with a SPARK_HOME of links to the installed engine: executors make their folders in there.

    Without it they would make them among the installed packages. A SPARK_HOME of the reader's own is left as it is.
    """
    if "SPARK_HOME" in os.environ:
        yield
        return
    if not _homes:
        installed = Path(find_spec("pyspark").origin).parent
        _homes.append(workspace("spark-home"))
        for part in ("bin", "sbin", "jars", "python"):
            (_homes[0] / part).symlink_to(installed / part)
        # registered after the folder's removal, so it runs before it
        atexit.register(_end_jvm)
    os.environ["SPARK_HOME"] = str(_homes[0])
    try:
        yield
    finally:
        del os.environ["SPARK_HOME"]


def _end_jvm() -> None:
    """End Java and all that it started, so that nothing writes into folders that are about to go.

    A cluster elsewhere is told. What is embedded is killed, not asked: all that it has lies in those folders, and Jupyter
    gives a kernel five seconds to end.
    """
    import psutil
    from pyspark import SparkContext

    with quiet(), suppress(Exception):  # whatever state an interrupted session is in
        gateway, context = SparkContext._gateway, SparkContext._active_spark_context
        if context is not None and context.master.startswith("spark://"):
            context.stop()
        java = psutil.Process(gateway.proc.pid)
        for process in [java, *java.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        gateway.proc.wait(10)


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
    """Loopback for a cluster on this machine; for any other Spark finds the address that its machines can reach."""
    return _LOOPBACK if urlsplit(master).hostname in ("localhost", "127.0.0.1") else {}


def _build(settings: dict[str, str], secrets: dict[str, str] | None = None) -> SparkSession:
    """The session; ``secrets`` are settings that must not stand on Java's command line, which everybody here can read."""
    from pyspark import SparkConf, SparkContext, java_gateway
    from pyspark.sql import SparkSession

    # a kernel that ends waits for what runs in its own process group, longer than Jupyter waits for the kernel
    java_gateway.Popen = partial(subprocess.Popen, start_new_session=True)

    # said once a call of an Arrow function; what the book uses of it is covered by its tests
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    with quiet(), _home():  # the JVM announces itself on file descriptor 2 before any log level is read
        if secrets:
            SparkContext._ensure_initialized(conf=SparkConf(loadDefaults=False).setAll(list(settings.items())))
        return SparkSession.builder.appName("companion").config(map=settings | (secrets or {})).getOrCreate()


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
    """The installed version, the Java it would use, and whether the cluster in the environment answers."""
    version = package_version("pyspark")
    if version is None:
        return Status("spark", "missing", "-", "pip install pyspark")
    for variable, port in zip(VARIABLES, (15002, 7077), strict=True):
        address = os.environ.get(variable, "")
        if address.startswith(("sc://", "spark://")):
            if answers(address, port):
                return Status("spark", "live", version, address)
            return Status("spark", "missing", version, f"nothing answers at {variable}={address}")
    try:
        require_java()
    except EngineUnavailable as error:
        return Status("spark", "missing", version, str(error))
    return Status("spark", "embedded", version, f"in this process, on Java {find_java()[1]}")
