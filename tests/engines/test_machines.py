"""Other people's machines, each made for real: no loopback, few open files, a user without a name, a folder that is gone.

A start that can't succeed says so in one clear sentence, and does not wait for what can't come.
"""

import os
import shutil
import subprocess
import sys

import pytest
from disks import as_root
from test_engines import needs_java
from test_prometheus import needs_prometheus

from companion.engines import spark
from companion.processes.server import Server

pytestmark = pytest.mark.usefixtures("scratch", "no_live_engines")
START = """
import sys
from importlib import import_module
from companion import CompanionError
if __name__ == "__main__":
    engine = import_module("companion.engines." + sys.argv[1])
    try:
        client = engine.connect()
    except CompanionError as error:
        print(type(error).__name__, error)
    else:
        print("started")
        getattr(client, "close", getattr(client, "stop", None))()
"""
#: far less than the 120 s that a server may take to read its data, far more than a refusal takes on the busiest machine
DEADLINE_SECONDS = 100
ENGINES = ["dask", "redis", "postgres", "aws", pytest.param("spark", marks=needs_java)]
ENGINES += [pytest.param("prometheus", marks=needs_prometheus)]


def start(engine: str, *before: str, cwd=None, **environment: str) -> str:
    """What ``connect()`` of an engine says in a process of its own, which ``before`` starts."""
    command = [*before, sys.executable, "-c", START, engine]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        timeout=DEADLINE_SECONDS,
    )
    assert done.stdout, done.stderr[-2000:]
    return done.stdout.strip()


def possible(*command: str) -> bool:
    return (
        shutil.which(command[0]) is not None and not subprocess.run([*command, "true"], capture_output=True).returncode
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_no_loopback_interface_is_said_at_once(engine):
    sandbox = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    if not possible(*sandbox):
        pytest.skip("this machine makes no network of its own (unshare --net)")
    said = start(engine, *sandbox)
    assert said.startswith("EngineUnavailable this machine has no loopback interface (127.0.0.1: "), said
    assert "ip link set lo up" in said


@pytest.mark.parametrize("engine", ENGINES)
def test_a_deleted_working_folder_is_said_at_once(engine, tmp_path):
    (tmp_path / "gone").mkdir()
    said = start(engine, "sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", cwd=tmp_path / "gone")
    assert "working folder has been deleted" in said and "os.chdir" in said


NAMELESS = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
# what the tests' Python and folders are closed to, it may pass
NAMELESS += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
needs_setpriv = pytest.mark.skipif(
    not possible(*NAMELESS), reason="only root can become a user without a name (setpriv)"
)


@as_root
@needs_setpriv
@pytest.mark.parametrize(
    ("engine", "remedy"), [("postgres", "DATABASE_URL"), pytest.param("spark", "SPARK_REMOTE", marks=needs_java)]
)
def test_a_user_without_a_passwd_entry_is_told(engine, remedy, tmp_path):
    said = start(engine, *NAMELESS, HOME=str(tmp_path))
    assert said.startswith("EngineUnavailable this user (id 12345) has no entry in /etc/passwd"), said
    assert f"or set {remedy}" in said


@as_root
@needs_setpriv
@pytest.mark.slow
@pytest.mark.parametrize("engine", ["redis", "aws", pytest.param("prometheus", marks=needs_prometheus)])
def test_the_others_need_no_name(engine, tmp_path):
    assert start(engine, *NAMELESS, HOME=str(tmp_path)) == "started"


# what Java can't start on, and what it says itself


@needs_java
def test_too_few_open_files_are_counted():
    said = start("spark", "sh", "-c", 'ulimit -n 256; exec "$@"', "sh")
    assert "EngineUnavailable Java may have no more than 256 files open at once, and Spark alone is " in said
    assert "ulimit -n 4096" in said


@needs_java
def test_left_over_submit_arguments_are_named():
    said = start("spark", PYSPARK_SUBMIT_ARGS="--master yarn pyspark-shell")
    assert said.startswith("EngineUnavailable PYSPARK_SUBMIT_ARGS='--master yarn pyspark-shell' is set"), said
    assert "Unset it" in said


@needs_java
def test_a_spark_home_without_spark_or_with_another_one_is_named(tmp_path):
    assert f"SPARK_HOME={tmp_path} holds no Spark. Unset it" in start("spark", SPARK_HOME=str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "spark-submit").touch(mode=0o755)
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "spark-core_2.12-3.5.1.jar").touch()
    assert f"SPARK_HOME={tmp_path} is Spark 3.5.1, and the client is pyspark" in start(
        "spark", SPARK_HOME=str(tmp_path)
    )


@needs_java
def test_a_java_that_does_not_run_is_not_called_missing():
    said = start("spark", JAVA_TOOL_OPTIONS="-Xmxlots")
    assert "does not run: " in said and "-Xmxlots" in said and "no Java found" not in said


WHILE_IT_STARTS = """
from companion import EngineUnavailable
from companion.engines import spark
try:
    spark.connect(memory="lots")
except EngineUnavailable as error:
    print(error)
"""


@needs_java
def test_what_java_says_before_it_ends_is_in_the_message():
    done = subprocess.run(
        [sys.executable, "-c", WHILE_IT_STARTS], capture_output=True, text=True, timeout=DEADLINE_SECONDS
    )
    assert done.stdout.startswith("Java ended before Spark was up: "), done.stdout + done.stderr[-1000:]
    assert "lots" in done.stdout


@needs_java
@pytest.mark.slow
def test_empty_variables_are_unset_ones():
    empty = dict.fromkeys((*spark.VARIABLES, "SPARK_HOME", "PYSPARK_SUBMIT_ARGS", "JAVA_HOME"), "")
    assert start("spark", "nice", **empty) == "started"


@needs_java
@pytest.mark.slow
def test_what_an_ended_session_over_spark_connect_has_left_behind_is_in_nobodys_way():
    assert start("spark", SPARK_CONNECT_MODE_ENABLED="1") == "started"


# a server leaves no file open


def test_a_server_that_has_ended_has_closed_its_log_and_still_tells(tmp_path):
    server = Server([sys.executable, "-c", "print('last words')"], log=tmp_path / "log", folder=tmp_path / "none")
    server.process.wait()
    server.stop()
    assert server._output.closed and server.process.stdin.closed
    assert "last words" in server.said()
    server.stop()


def test_no_warning_of_a_resource_that_stays_open():
    code = (
        "from companion.engines import redis; import gc; c = redis.connect(); c.ping(); c.close(); del c; gc.collect()"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "always::ResourceWarning", "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0 and "ResourceWarning" not in done.stderr, done.stderr[-2000:]
