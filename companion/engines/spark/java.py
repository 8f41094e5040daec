"""The Java that Spark runs on: which one, whether it can start at all, and what it said when it did not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from companion.engines import _embedded
from companion.engines._ladder import UNKNOWN, variable
from companion.errors import EngineUnavailable
from companion.processes.server import package_version

MINIMUM_JAVA = 17
GET_JAVA = (
    f"Spark needs Java {MINIMUM_JAVA} or newer. Debian/Ubuntu: apt-get install default-jre-headless. "
    "conda: it comes with environment.yml (openjdk). macOS: brew install openjdk. "
    "Then put java on the PATH or set JAVA_HOME."
)
#: what the command line of Spark's own programs ends with; alone it changes nothing
_NOTHING = "pyspark-shell"
#: by the number of classes that a session loads from each (java -Xlog:class+load)
_BUSIEST = (
    "spark-catalyst_*",
    "spark-core_*",
    "scala-library",
    "spark-sql_*",
    "scala-reflect",
    "spark-sql-api_*",
    "log4j-core",
    "jackson-databind",
    "hadoop-client-api",
    "commons-compiler",
    "parquet-jackson",
    "janino",
    "spark-network-common_*",
)


def find_java() -> tuple[Path, int] | None:
    """The Java that Spark would run on, ``(path, major version)``: JAVA_HOME first, then the PATH; None without one.

    Raises:
        EngineUnavailable: there is one, and it does not run.
    """
    home = variable("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not java:
        return None
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    if found is None:
        raise EngineUnavailable(f"{java} does not run: {_reason(done.stderr + done.stdout)}")
    return Path(java), int(found[1])


def require_java() -> Path:
    """The path of a Java that is new enough; EngineUnavailable, with how to get one, otherwise."""
    return suitable_java()[0]


def suitable_java() -> tuple[Path, int]:
    """Path and major version of a Java that is new enough; EngineUnavailable, with how to get one, otherwise."""
    found = find_java()
    if found is None:
        home = variable("JAVA_HOME")
        raise EngineUnavailable(f"no Java found {f'at JAVA_HOME={home}' if home else 'on the PATH'}. {GET_JAVA}")
    path, major = found
    if major < MINIMUM_JAVA:
        raise EngineUnavailable(f"{path} is Java {major}. {GET_JAVA}")
    return path, major


def home() -> Path:
    """Where Spark itself lies: the reader's ``SPARK_HOME``, or what the package pyspark brings."""
    if chosen := variable("SPARK_HOME"):
        return Path(chosen)
    package = find_spec("pyspark")
    if package is None or package.origin is None:
        raise EngineUnavailable("no Spark: pip install pyspark")
    return Path(package.origin).parent


def busiest_jars() -> str:
    """The jars that most of a session's classes come from, as the head of a class path.

    Java looks for each class in one jar after the other, in the order of the folder's listing: in a hundred of them on average.
    """
    found = (sorted(home().glob(f"jars/{name}-*.jar")) for name in _BUSIEST)
    return os.pathsep.join(str(jar) for jars in found for jar in jars[:1])


def version() -> str:
    """Spark's own version, from the name of its jar."""
    jar = next(home().glob("jars/spark-core_*.jar"), None)
    return jar.stem.rpartition("-")[2] if jar else UNKNOWN


def require_start() -> None:
    """Raise EngineUnavailable for what is known to keep Java from starting Spark, or to make it start another one."""
    _embedded.require_machine()
    _embedded.require_passwd_entry("Java's part of Spark", "SPARK_REMOTE")
    require_java()
    chosen = variable("SPARK_HOME")
    if chosen and not (Path(chosen) / "bin" / "spark-submit").is_file():
        raise EngineUnavailable(f"SPARK_HOME={chosen} holds no Spark. Unset it to use the one that pyspark brings.")
    found, client = version(), package_version("pyspark") or UNKNOWN
    if chosen and found != UNKNOWN and found.split(".")[:2] != client.split(".")[:2]:
        raise EngineUnavailable(
            f"SPARK_HOME={chosen} is Spark {found}, and the client is pyspark {client}. "
            "Unset it to use the one that pyspark brings."
        )
    jars, limit = len(list(home().glob("jars/*.jar"))), _open_files()
    if limit < jars:  # Java raises its own limit, as far as it may
        raise EngineUnavailable(
            f"Java may have no more than {limit} files open at once, and Spark alone is {jars}. "
            "Raise the limit before Jupyter starts: ulimit -n 4096; docker run --ulimit nofile=4096."
        )
    if (arguments := variable("PYSPARK_SUBMIT_ARGS")) and arguments != _NOTHING:
        raise EngineUnavailable(
            f"PYSPARK_SUBMIT_ARGS={arguments!r} is set, perhaps by an earlier tutorial, and would win over what connect() asks for. "
            "Unset it; Spark's settings are given as connect(settings={...})."
        )


def explained(said: str, seen: Exception) -> EngineUnavailable:
    """The clear error for what Java said before it ended, and, where that names no error, for what was seen from here."""
    return EngineUnavailable(
        f"Java ended before Spark was up: {_reason(said, beside=f' ({type(seen).__name__}: {seen})')}"
    )


def _reason(said: str, beside: str = "") -> str:
    """The line that says why, rather than the frames below it; where none is an error's, the last one, and what is known beside it."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reasons = [
        line for line in lines if not re.match(r"at |\.\.\. \d+ more|WARN|Picked up |Error: Could not create the", line)
    ]
    chosen = next(
        (line for line in reasons if re.search(r"Exception|[Ee]rror|Could not|Unrecognized|Invalid", line)), ""
    )
    return chosen or (reasons[-1] if reasons else "it said nothing") + beside


def _open_files() -> float:
    """How many files a process here may have open at most."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return float("inf") if hard == resource.RLIM_INFINITY else hard
