"""Apache Spark: a quiet ``SparkSession`` in this process, or on the cluster in ``SPARK_REMOTE`` or ``SPARK_MASTER``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from companion._server import answers, package_version, password
from companion.engines import Status
from companion.errors import EngineUnavailable
from companion.quiet import quiet
from companion.workspace import workspace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

VARIABLES = ("SPARK_REMOTE", "SPARK_MASTER")
MINIMUM_JAVA = 17
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


def connect(cores: int = 2, memory: str = "1g", shuffle_partitions: int = 4, **options: str) -> SparkSession:
    """A Spark session: usable as it is, or in a ``with`` block that stops it at its end.

    Args:
        cores: threads of the embedded engine.
        memory: the driver's heap, which is also the embedded engine's.
        shuffle_partitions: few, because two cores gain nothing from the default of 200.
        options: further Spark settings, with underscores for dots (``spark_ui_enabled="true"``).

    ``SPARK_REMOTE`` (Spark Connect, ``sc://...``) wins over ``SPARK_MASTER`` (``spark://...``, ``local-cluster[2,1,768]``).

    Raises:
        EngineUnavailable: no suitable Java, or nothing answers at the address in the environment.
    """
    settings = {
        "spark.sql.shuffle.partitions": str(shuffle_partitions),
        **{name.replace("_", "."): value for name, value in options.items()},
    }
    if remote := os.environ.get("SPARK_REMOTE"):
        _require_answer("SPARK_REMOTE", remote, 15002)
        return _build({"spark.remote": remote, **settings})
    require_java()
    master = os.environ.get("SPARK_MASTER", f"local[{cores}]")
    if master.startswith("spark://"):
        _require_answer("SPARK_MASTER", master, 7077)
    # the workers run this very Python, whatever is first on the PATH
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    if not master.startswith("spark://"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    return _build({"spark.master": master, **_local_settings(memory), **settings})


def _local_settings(memory: str) -> dict[str, str]:
    folder = workspace("spark")
    return {
        "spark.driver.memory": memory,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.authenticate": "true",
        "spark.authenticate.secret": password(),
    }


def _build(settings: dict[str, str]) -> SparkSession:
    from pyspark.sql import SparkSession

    with quiet():  # the JVM announces itself on file descriptor 2 before any log level is read
        return SparkSession.builder.appName("companion").config(map=settings).getOrCreate()


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
