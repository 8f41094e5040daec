"""What all engines have in common: one interface, one list of variables, and a reader's process that they leave as it was."""

import ast
import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from companion import CompanionError, SettingError, book, checkout, cpu_only, engines, errors, quiet
from companion.engines import _embedded, postgres, prometheus, redis, spark
from companion.processes import environment

ROOT = checkout.folder()
MODULES = {name: import_module(f"companion.engines.{name}") for name in engines.NAMES}
#: what a word means wherever it stands; a new word is a new line here
WORDS = {
    "folder": "str | Path | None",
    "port": "int | None",
    "settings": ("Mapping[str, object] | None", "Mapping[str, Any] | None"),
    "timeout": "float",
    "options": "Any",
    # one engine's own
    "confined": "bool",
    "cores": "int",
    "executors": "int",
    "memory": "str",
    "memory_limit": "str",
    "n_workers": "int",
    "needs": "int",
    "own": "bool",
    "owner": "str",
    "plan": "Plan | None",
    "rules": "Sequence[str | Path]",
    "scientist": "str",
    "shuffle_partitions": "int",
}


def faults(module) -> list[str]:
    """What keeps a module from being an engine like the others."""
    found = []
    variables = getattr(module, "VARIABLES", None)
    if not (isinstance(variables, tuple) and all(isinstance(v, str) and v.isupper() for v in variables)):
        found.append("VARIABLES is no tuple of names")
    if not hasattr(module, "connect"):
        return [*found, "no connect()"]
    for name, parameter in inspect.signature(module.connect).parameters.items():
        if parameter.kind not in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            found.append(f"{name} is positional")
        if name not in WORDS:
            found.append(f"{name} is an unknown word")
        elif parameter.annotation not in (WORDS[name] if isinstance(WORDS[name], tuple) else (WORDS[name],)):
            found.append(f"{name} is {parameter.annotation}, elsewhere {WORDS[name]}")
        if f"{name}: " not in module.connect.__doc__ and name not in ("owner", "scientist"):
            found.append(f"{name} is not explained")
    return found


@pytest.mark.parametrize("name", engines.NAMES)
def test_every_engine_has_the_same_interface(name):
    assert faults(MODULES[name]) == (["no connect()"] if name == "litert" else [])


def test_the_interface_test_would_notice(tmp_path):
    place = tmp_path / "toy.py"
    text = "def connect(place, *, folder: int = 1, data: str = ''):\n    'folder: x. data: x. place: x.'\n"
    place.write_text("from __future__ import annotations\n" + text)
    spec = spec_from_file_location("toy", place)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    assert faults(module) == [
        "VARIABLES is no tuple of names",
        "place is positional",
        "place is an unknown word",
        "folder is int, elsewhere str | Path | None",
        "data is an unknown word",
    ]


# one list of variables


def test_the_list_of_variables_is_made_of_the_modules():
    each = [variable for module in MODULES.values() for variable in module.VARIABLES]
    assert tuple(each) == engines.VARIABLES and len(set(each)) == len(each)
    assert {"DOCKER_HOST", "SYFT_DO_EMAIL", "JENKINS_TOKEN", "COMPANION_BASE_IMAGE"} <= set(each)
    with pytest.raises(AttributeError, match="no attribute 'VARIABLE'"):
        _ = engines.VARIABLE


def test_no_child_sees_a_variable_of_an_engine():
    """The beginnings of names in companion/processes/environment.py are kept by hand: that room knows no engine."""
    assert [name for name in engines.VARIABLES if environment.is_passed_on(name)] == []


def test_no_module_reads_a_live_variable_that_it_does_not_name():
    for name, module in MODULES.items():
        folder = Path(inspect.getfile(module))
        files = folder.parent.glob("*.py") if folder.name == "__init__.py" else [folder]
        read = {
            node.args[0].value
            for file in files
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("variable", "os.environ.get", "os.getenv")
            and node.args and isinstance(node.args[0], ast.Constant)
        }  # fmt: skip
        # of the machine, not of an engine elsewhere
        local = {"JAVA_HOME", "SPARK_HOME", "PYSPARK_SUBMIT_ARGS", "PYSPARK_PYTHON", "UV_CACHE_DIR", "PIP_INDEX_URL"}
        local |= {"SPARK_LOCAL_IP", "SPARK_LOCAL_DIRS"}
        assert read <= set(module.VARIABLES) | local, name


def test_the_list_of_variables_is_written_down_once():
    """A variable typed out in the scripts or in the tests' fixtures would be forgotten when an engine gets another."""
    for path in ("scripts/notebooks.py", "scripts/bench.py", "tests/conftest.py"):
        text = (ROOT / path).read_text()
        # the module's own fixture for PostgreSQL takes off the one that it knows
        typed = [v for v in engines.VARIABLES if f'"{v}"' in text and v != postgres.VARIABLE]
        assert typed == [] and (path == "scripts/bench.py" or "engines.VARIABLES" in text), path


def test_readme_names_every_variable():
    scaling = (ROOT / "README.md").read_text().partition("## How to scale out")[2].partition("## How to grade")[0]
    assert [v for v in engines.VARIABLES if f"`{v}`" not in scaling] == []


EMPTY = """
from companion import engines
print([(s.engine, s.mode) for s in engines.probe()])
"""


def test_an_empty_variable_is_an_unset_one():
    plain = {k: v for k, v in os.environ.items() if k not in engines.VARIABLES}
    said = [
        subprocess.run([sys.executable, "-c", EMPTY], env={**plain, **more}, capture_output=True, text=True).stdout
        for more in ({}, dict.fromkeys(engines.VARIABLES, ""), dict.fromkeys(engines.VARIABLES, " "))
    ]
    assert said[0] and said[0] == said[1]
    assert said[0].replace("'docker', 'live'", "'docker', 'missing'") == said[2].replace(
        "'docker', 'live'", "'docker', 'missing'"
    )


def test_notebooks_import_engines_under_one_name():
    wanted, seen = re.compile(r"from companion\.engines import (\w+) as \1_engine"), 0
    for chapter in book.BOOK:
        import nbformat

        for cell in nbformat.read(ROOT / "notebooks" / chapter.file, as_version=4).cells:
            if cell.cell_type != "code":
                continue
            for line in cell.source.splitlines():
                if line.strip().startswith(("from companion.engines import ", "import companion.engines")):
                    if line.strip() == "from companion.engines import guest":
                        continue  # no engine: how to behave on a reader's
                    assert wanted.fullmatch(line.strip()), f"{chapter.name}: {line}"
                    seen += 1
    assert seen >= 15


# settings that are connect()'s own

EVERYWHERE = "0.0.0.0"  # noqa: S104  (that is the attack)
ATTACKS = [
    (postgres, {"listen_addresses": "*"}),
    (postgres, {"LISTEN_ADDRESSES": "*"}),
    (postgres, {"listen-addresses": "*"}),
    (postgres, {"Listen-Addresses": "*", "listen_addresses": "*"}),
    (postgres, {"port": "1"}),
    (postgres, {"unix_socket_directories": "/tmp"}),
    (postgres, {"hba_file": "/tmp/pg_hba.conf"}),
    (postgres, {"config_file": "/tmp/postgresql.conf"}),
    (postgres, {"data_directory": "/tmp"}),
    (postgres, {"ssl": "on"}),
    (postgres, {"ssl_cert_file": "x"}),
    (postgres, {"password_encryption": "md5"}),
    (postgres, {"work_mem=1MB -c listen_addresses": "*"}),
    (postgres, {"": "x"}),
    (postgres, {"work_mem": "1MB\nlisten_addresses=*"}),
    (redis, {"bind": EVERYWHERE}),
    (redis, {"BIND": EVERYWHERE}),
    (redis, {"include": "/tmp/redis.conf"}),
    (redis, {"user": "eve on nopass ~* &* +@all"}),
    (redis, {"aclfile": "/tmp/acl"}),
    (redis, {"unixsocket": "/tmp/redis.sock"}),
    (redis, {"tls-port": "7000"}),
    (redis, {"rdma-bind": EVERYWHERE}),
    (redis, {"cluster-enabled": "yes"}),
    (redis, {"rename-command": 'PING ""'}),
    (redis, {"save": "3600 1\0"}),
    (redis, {"Save": "", "save": "1 1"}),
    (redis, {"# comment": "x"}),
    (spark, {"spark.master": "spark://elsewhere:7077"}),
    (spark, {"spark.remote": "sc://elsewhere"}),
    (spark, {"spark.api.mode": "connect"}),
    (spark, {"spark.driver.bindAddress": EVERYWHERE}),
    (spark, {"spark.driver.host": EVERYWHERE}),
    (spark, {"spark.authenticate": "false"}),
    (spark, {"spark.authenticate.secret": "known"}),
    (spark, {"spark.executorEnv.SPARK_LOCAL_IP": EVERYWHERE}),
    (spark, {"spark.connect.grpc.binding.address": EVERYWHERE}),
    (spark, {"spark_ui_enabled": "true"}),
]


@pytest.mark.parametrize(("engine", "settings"), ATTACKS, ids=lambda value: str(value)[:40])
def test_a_setting_that_opens_the_engine_is_refused_before_anything_is_made(engine, settings, scratch, no_live_engines):
    with pytest.raises(SettingError, match=r"is set by connect\(\) itself|is no setting|is set twice"):
        engine.connect(settings=settings)
    assert not list(scratch.glob("*"))


@pytest.mark.parametrize(
    ("engine", "option"),
    [
        *((postgres, name) for name in ("host", "hostaddr", "user", "password", "service", "conninfo")),
        *((redis, name) for name in ("host", "password", "username", "unix_socket_path", "connection_pool", "ssl")),
    ],
)
def test_an_option_that_says_where_the_embedded_server_is_is_refused(engine, option, scratch, no_live_engines):
    with pytest.raises(SettingError, match=f"{option} is set by connect"):
        engine.connect(**{option: "x"})
    assert not list(scratch.glob("*"))


def test_what_is_not_connects_own_passes():
    assert postgres._checked({"Work-Mem": "1MB", "auto_explain.log_min_duration": 5}) == {
        "work_mem": "1MB",
        "auto_explain.log_min_duration": "5",
    }
    assert redis._checked({"maxmemory": "10mb"}) == {"maxmemory": "10mb"}
    assert spark._checked({"spark.executorEnv.MY_VAR": "1"}, embedded=True) == {"spark.executorEnv.MY_VAR": "1"}
    # a cluster of the reader's own may ask for these
    assert spark._checked({"spark.authenticate": "true", "spark.driver.host": "10.0.0.7"})


def test_a_rule_file_that_is_not_there_is_a_wrong_argument(tmp_path):
    with pytest.raises(SettingError, match=r"no such rule file: .*nope\.yml"):
        prometheus.connect(rules=[tmp_path / "nope.yml"])


# errors


def test_all_errors_are_one_tree_and_exported():
    import companion

    tree = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert tree <= set(companion.__all__)
    assert all(issubclass(getattr(companion, name), CompanionError) for name in tree)
    assert issubclass(SettingError, ValueError)
    assert all(f"``{name}``" in errors.__doc__ for name in tree)
    for path in (ROOT / "companion").rglob("*.py"):
        if path.name != "errors.py":
            found = re.findall(r"^class (\w+)\((?:\w*Error|Exception)\)", path.read_text(), re.M)
            # errors of moto's own kind, for what AWS would answer; and one that ends a job's fence, a process of its own
            assert [name for name in found if name not in ("_NameTaken", "_NotExecutable", "_Stopped")] == [], path


# what PySpark and PySyft don't promise


@pytest.mark.parametrize("engine", ["spark", "pysyft"])
def test_what_is_used_of_a_clients_inside_is_still_there(engine):
    private = import_module(f"companion.engines.{engine}._private")
    missing = []
    for place in private.NEEDED:
        module, _, path = place.partition(":")
        with quiet(prints=True):
            found = import_module(module)
        for name in path.split("."):
            found = getattr(found, name, None) if not hasattr(found, "model_fields") or hasattr(found, name) else None
        if found is None and path != "SparkContext._gateway" and path != "SparkContext._active_spark_context":
            missing.append(f"{place}, read in {private.READ_IN}")
    assert missing == []


@pytest.mark.parametrize("engine", ["spark", "pysyft"])
def test_it_is_used_in_one_place_only(engine):
    folder = Path(inspect.getfile(MODULES[engine])).parent
    for path in folder.glob("*.py"):
        uses = [
            ast.unparse(node)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
            and ast.unparse(node.value) not in ("self", "cls")
        ]  # fmt: skip
        assert uses == [] or path.name == "_private.py", f"{path.name}: {uses}"


# a reader's process is as it was


def test_quiet_leaves_the_environment_alone_and_the_gpu_on(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("GRPC_VERBOSITY", "debug")
    before = dict(os.environ)
    with quiet():
        assert "CUDA_VISIBLE_DEVICES" not in os.environ
        assert os.environ["TF_CPP_MIN_LOG_LEVEL"] and os.environ["GRPC_VERBOSITY"] == "debug"
    assert dict(os.environ) == before
    with pytest.raises(ZeroDivisionError), quiet():
        _ = 1 / 0
    assert dict(os.environ) == before


def test_cpu_only_says_what_it_does(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    cpu_only()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"


SAME = """
import os, signal, subprocess
from companion.engines import {name} as engine
if __name__ == "__main__":
    before, popen, handler = dict(os.environ), subprocess.Popen, signal.getsignal(signal.SIGINT)
    client = engine.{call}
    during = dict(os.environ)
    {use}
    getattr(client, {close!r}, lambda: None)()
    for when, found in (("while it runs", during), ("afterwards", dict(os.environ))):
        changed = {{k: found.get(k) for k in before.keys() | found.keys() if before.get(k) != found.get(k)}}
        assert not changed, (when, changed)
    assert subprocess.Popen is popen
    # PySpark has a handler of its own: an interrupted cell cancels its jobs
    assert signal.getsignal(signal.SIGINT) is handler or "{name}" == "spark"
    print("the same")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "call", "use", "close"),
    [
        ("dask", "connect(n_workers=1)", "assert client.submit(sum, [1, 2]).result() == 3", "close"),
        (
            "spark",
            "connect()",
            "assert client.sparkContext.parallelize([1, 2]).map(lambda x: x + 1).sum() == 5; from pyspark import java_gateway;"
            " assert java_gateway.Popen is subprocess.Popen",
            "stop",
        ),
        ("pysyft", "connect()", "", "close"),
        ("redis", "connect()", "assert client.ping()", "close"),
        ("postgres", "connect()", "assert client.execute('SELECT 1').fetchone() == (1,)", "close"),
        ("aws", "connect()", "client.client('s3').list_buckets()", "close"),
        ("prometheus", "connect()", "assert client.get('-/ready').ok", "close"),
    ],
)
def test_an_engine_changes_nothing_of_the_readers_process(name, call, use, close, tmp_path, scratch, no_live_engines):
    if (status := MODULES[name].probe()).mode == "missing" and os.environ.get("COMPANION_REQUIRE_ENGINES") != "1":
        pytest.skip(status.detail)
    script = tmp_path / "script.py"
    script.write_text(SAME.format(name=name, call=call, use=use or "pass", close=close))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip().splitlines()[-1:] == ["the same"], done.stderr[-2000:]


def test_the_same_spelling_is_one_setting():
    assert _embedded.same_spelling({"A-b": 1}, {"-": "_"}) == {"a_b": 1}
