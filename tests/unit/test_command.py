"""The command `companion`, as a user calls it."""

import re
import subprocess
import sys
from importlib import metadata

import pytest

from companion import __main__ as command
from companion import book, engines
from companion.engines import postgres, redis

pytestmark = pytest.mark.usefixtures("no_live_engines")


def call(*arguments):
    return subprocess.run([sys.executable, "-m", "companion", *arguments], capture_output=True, text=True)


def test_doctor_is_a_table_with_a_row_an_engine():
    done = call("doctor")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(engines.NAMES)]] == list(engines.NAMES)
    assert lines[0].split()[:4] == ["engine", "state", "version", "client"]


def test_doctor_tells_the_engines_version_from_its_clients():
    rows = {line.split()[0]: re.split(r"  +", line) for line in call("doctor").stdout.splitlines()}
    binaries = {
        "redis": (str(redis._executable()), "redis"),
        "postgres": (postgres._binary("postgres"), "psycopg"),
    }
    for engine, (binary, client) in binaries.items():
        _, state, version, shown, *_ = rows[engine]
        said = subprocess.run([binary, "--version"], capture_output=True, text=True).stdout
        assert state == "embedded" and version.split()[-1] in said and version.split()[-1].count(".") >= 1
        assert shown == f"{client} {metadata.version(client)}" and metadata.version(client) not in version
    assert rows["redis"][2].startswith("Valkey "), "what it is, not what it stands for"
    if rows["jenkins"][1].startswith("missing"):
        assert rows["jenkins"][2:4] == ["-", f"requests {metadata.version('requests')}"]


BLOCKED = """
import argparse, importlib.metadata, json, secrets, shutil, socket, subprocess, sys, tempfile, urllib.parse
for name in ("fcntl", "pwd", "resource"):
    sys.modules[name] = None
sys.platform = "win32"
"""


@pytest.mark.parametrize("arguments", [["doctor"], ["list"], ["--version"], ["jenkins-lint", "Jenkinsfile"]])
def test_on_windows_it_says_in_one_line_what_to_use(arguments):
    code = f"{BLOCKED}from companion.__main__ import main\nraise SystemExit(main({arguments!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "WSL2" in line


def test_on_windows_a_notebook_is_told_as_well():
    code = f"{BLOCKED}from companion.engines import redis"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].startswith("companion.errors.EngineUnavailable: Windows: use WSL2")


@pytest.mark.parametrize("name", engines.NAMES)
def test_no_engine_imports_what_one_system_lacks(name):
    code = f"import sys\nfor name in ('fcntl', 'pwd', 'resource'):\n    sys.modules[name] = None\nimport companion.engines.{name}"
    if name != "pysyft":  # its client is for Linux and macOS only
        assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_doctor_fails_for_what_is_missing_and_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    assert command.main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "nothing answers at REDIS_URL" in printed and "missing: redis" in printed


def test_doctor_forgives_an_optional_engine_unless_it_is_named(monkeypatch, capsys):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert command.main(["doctor", "docker"]) == 1
    assert command.main(["doctor", "litert", "dask"]) == 0
    assert "docker" not in capsys.readouterr().out.splitlines()[-3:]


def test_an_unknown_engine_is_named():
    done = call("doctor", "mainframe")
    assert done.returncode == 2 and "mainframe" in done.stderr


def test_list_has_every_notebook():
    done = call("list")
    assert done.returncode == 0
    assert [line.split("  ")[0] for line in done.stdout.splitlines()[1:]] == [book.UNITS[c.unit] for c in book.BOOK]
    assert all(chapter.name in done.stdout for chapter in book.BOOK)


@pytest.mark.parametrize("arguments", [["--help"], ["doctor", "--help"], ["list", "--help"], ["--version"]])
def test_help_answers(arguments):
    assert call(*arguments).returncode == 0


def test_no_command_is_a_usage_error():
    assert call().returncode == 2


def test_unknown_chapter_lists_the_ones_there_are():
    with pytest.raises(KeyError, match=r"no notebook 'nope'; the book has: start_here"):
        book.chapter("nope")


def test_import_companion_loads_nothing_heavy():
    code = "import companion, sys; print(sorted({n.partition('.')[0] for n in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in (
        "numpy",
        "pandas",
        "matplotlib",
        "tensorflow",
        "pyspark",
        "syft",
        "dask",
        "distributed",
        "redis",
        "boto3",
    ):
        assert f"'{heavy}'" not in loaded


def test_an_engine_module_loads_no_other_engine():
    code = "import companion.engines as e, sys; e.probe(); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("tensorflow", "pyspark", "syft", "distributed", "boto3", "numpy"):
        assert f"'{heavy}'" not in loaded
