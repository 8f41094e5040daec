"""What `make test CHANGED=…` and `NAME=…` choose: on a small project of the test's own, and on the real one."""

import json
import subprocess

import pytest
from harness import selection
from harness.imports import Project, same_code, uses

from companion import checkout

ROOT = checkout.folder()


def notebook(*cells: str, prose: str = "words") -> str:
    code = [{"cell_type": "code", "source": [cell], "metadata": {}, "outputs": []} for cell in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": [prose], "metadata": {}}, *code]})


FILES = {
    "companion/__init__.py": "from companion.errors import Oops",
    "companion/errors.py": "class Oops(Exception): ...",
    "companion/engines/__init__.py": "def probe(): ...",
    "companion/engines/redis.py": "from companion.processes import server",
    "companion/engines/dask/__init__.py": "from companion.processes import server",
    "companion/processes/__init__.py": "",
    "companion/processes/server.py": "def start(): ...",
    "companion/datasets/__init__.py": "",
    "companion/datasets/audio.py": '"""Reads data/audio/lengths.csv."""\nfrom . import _fetch\nFILE = "data/audio/lengths.csv"',
    "companion/datasets/_fetch.py": "",
    "companion/configs/manifests.py": "from companion import checkout\nK8S = checkout.folder('k8s')",
    "companion/checkout.py": "def folder(name): ...",
    "data/audio/lengths.csv": "1,2",
    "k8s/base/hpa.yaml": "kind: x",
    "docker/serving/__init__.py": "",
    "docker/serving/app.py": "from companion.errors import Oops",
    "docker/serving/Dockerfile": "FROM x",
    "docker/odd.bin": "0",
    "README.md": "# The book",
    "scripts/bench.py": "import companion",
    "tests/conftest.py": "from companion import engines\nengines.probe()",
    "tests/unit/test_audio.py": "from companion.datasets import audio",
    "tests/unit/test_manifests.py": "from companion.configs import manifests",
    "tests/unit/test_serving.py": "def test(): \n    from serving import app\n    run('docker/serving/Dockerfile')",
    "tests/unit/test_readme.py": "text = open('README.md')",
    "tests/unit/test_files.py": "run('git', 'ls-files')",
    "tests/engines/test_redis.py": "code = 'from companion.engines import redis; redis.connect()'",
    "tests/engines/test_doctor.py": "from companion import engines\nengines.probe()",
    "tests/notebooks/test_runs.py": "def test(chapter): ...",
    "tests/notebooks/answers/dask_audio.py": "RIGHT = {}",
    "notebooks/00-start-here/start_here.ipynb": notebook("import companion"),
    "notebooks/01-distributed-computing/dask_audio.ipynb": notebook(
        "%matplotlib inline\nfrom companion.datasets import audio", "from companion.engines import dask as dask_engine"
    ),
    "notebooks/09-data-management/redis_caching.ipynb": notebook("from companion.engines import redis as redis_engine"),
}
ALWAYS = "tests/unit/test_files.py"  # it goes through all files


@pytest.fixture
def project(tmp_path):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return Project(tmp_path, list(FILES))


@pytest.mark.parametrize(
    ("changed", "files", "notebooks"),
    [
        (
            "companion/engines/redis.py",
            {"tests/engines/test_redis.py", "tests/engines/test_doctor.py"},
            {"redis_caching"},
        ),
        ("companion/engines/dask/__init__.py", {"tests/engines/test_doctor.py"}, {"dask_audio"}),
        (
            "companion/processes/server.py",
            {"tests/engines/test_redis.py", "tests/engines/test_doctor.py"},
            {"dask_audio", "redis_caching"},
        ),
        ("companion/datasets/_fetch.py", {"tests/unit/test_audio.py"}, {"dask_audio"}),
        ("data/audio/lengths.csv", {"tests/unit/test_audio.py"}, {"dask_audio"}),
        ("k8s/base/hpa.yaml", {"tests/unit/test_manifests.py"}, set()),
        ("docker/serving/app.py", {"tests/unit/test_serving.py"}, set()),
        ("docker/serving/Dockerfile", {"tests/unit/test_serving.py"}, set()),
        ("README.md", {"tests/unit/test_readme.py"}, set()),
        ("tests/unit/test_audio.py", {"tests/unit/test_audio.py"}, set()),
        ("tests/notebooks/test_runs.py", {"tests/notebooks/test_runs.py"}, set()),
        ("tests/notebooks/answers/dask_audio.py", set(), {"dask_audio"}),
        ("notebooks/01-distributed-computing/dask_audio.ipynb", set(), {"dask_audio"}),
        ("CHANGELOG.md", set(), set()),
    ],
)
def test_a_change_reaches_who_stands_on_it_and_nobody_else(project, changed, files, notebooks):
    chosen = selection.touched_by({changed: "x = 1" if changed.endswith(".py") else None}, project)
    assert not chosen.everything
    assert set(chosen.files) - {ALWAYS} == files
    assert set(chosen.notebooks) == notebooks and not chosen.rules_only


def test_the_ground_floor_reaches_every_notebook(project):
    chosen = selection.touched_by({"companion/errors.py": "x = 1"}, project)
    assert set(chosen.notebooks) == {"start_here", "dask_audio", "redis_caching"}


@pytest.mark.parametrize(
    "changed",
    ["Makefile", "pyproject.toml", "requirements.lock", "tests/conftest.py", "tests/support/watch.py", ".ci/run"],
)
def test_what_all_tests_stand_on_chooses_everything(project, changed):
    assert changed in selection.touched_by({"README.md": None, changed: None}, project).everything


def test_what_nobody_names_chooses_everything(project):
    assert "no source names docker/odd.bin" in selection.touched_by({"docker/odd.bin": None}, project).everything


def test_a_removed_module_chooses_everything(project):
    project.files.remove("companion/engines/redis.py")
    (project.root / "companion/engines/redis.py").unlink()
    assert "is gone" in selection.touched_by({"companion/engines/redis.py": "import os"}, project).everything


def test_only_words_have_changed(project):
    words = '"""Another docstring."""\n# a comment\nfrom . import _fetch\nFILE = ("data/audio/lengths.csv")'
    chosen = selection.touched_by({"companion/datasets/audio.py": words}, project)
    assert chosen.empty and chosen.uncounted == ["companion/datasets/audio.py"]
    assert "only comments" in chosen.lines()[0]
    value = words.replace("lengths", "widths")
    assert not selection.touched_by({"companion/datasets/audio.py": value}, project).empty


def test_of_a_notebook_with_new_prose_only_the_rules_run(project):
    path = "notebooks/09-data-management/redis_caching.ipynb"
    old = notebook("from companion.engines import redis as redis_engine", prose="other words")
    chosen = selection.touched_by({path: old}, project)
    assert chosen.rules_only == {"redis_caching"}
    assert chosen.takes("tests/notebooks/test_notebooks.py", "redis_caching")
    assert not chosen.takes("tests/notebooks/test_runs.py", "redis_caching")
    # unless something below it has changed as well
    chosen = selection.touched_by({path: old, "companion/engines/redis.py": "x = 1"}, project)
    assert chosen.takes("tests/notebooks/test_runs.py", "redis_caching")


def test_everything_about_a_notebook(project):
    chosen = selection.about(["dask_audio"], project)
    assert set(chosen.files) == {"tests/unit/test_audio.py"} and set(chosen.notebooks) == {"dask_audio"}
    assert chosen.takes("tests/notebooks/test_runs.py", "dask_audio")
    assert not chosen.takes("tests/notebooks/test_runs.py", "start_here")
    assert not chosen.takes("tests/engines/test_redis.py", None)
    with pytest.raises(KeyError, match="no notebook 'nope'"):
        selection.about(["nope"], project)


def test_of_a_file_about_many_only_what_names_the_notebook_s_module_runs(project):
    """The tests of all engines in common import each of them."""
    modules = ("companion.engines.dask", "companion.engines.redis", "companion.datasets.audio")
    project.files.append("tests/engines/test_all.py")
    (project.root / "tests/engines/test_all.py").write_text("".join(f"import {module}\n" for module in modules))
    chosen = selection.about(["redis_caching"], Project(project.root, project.files))
    assert "tests/engines/test_redis.py" in chosen.files and chosen.parts == {
        "tests/engines/test_all.py": ["redis", "redis_caching"]
    }
    assert chosen.takes("tests/engines/test_all.py", None, "test_a_full_disk[redis]")
    assert not chosen.takes("tests/engines/test_all.py", None, "test_a_full_disk[dask]")
    assert chosen.takes("tests/engines/test_all.py", None), "the file is read"
    assert "tests/engines/test_all.py: what names redis or redis_caching" in chosen.lines()
    assert selection.Selection.loaded(json.loads(json.dumps(chosen.dumped()))) == chosen


def test_what_runs_is_said_with_its_reason(project):
    lines = selection.touched_by({"data/audio/lengths.csv": None, "tests/unit/test_audio.py": None}, project).lines()
    assert "everything about dask_audio: data/audio/lengths.csv has changed" in lines
    assert "tests/unit/test_audio.py: data/audio/lengths.csv has changed" in lines
    assert selection.Selection().lines() == ["nothing: no file has changed that a test stands on"]
    chosen = selection.about(["dask_audio"], project)
    assert selection.Selection.loaded(json.loads(json.dumps(chosen.dumped()))) == chosen


def test_imports_are_found_wherever_they_stand():
    source = (
        "def f():\n    from ..processes import server\n"
        "code = 'import companion.measure, json; from companion.engines import (redis, spark)'\n"
        "run('-m', 'companion.engines.pysyft')\n"
        "def g():\n    'companion.draw is not imported by being mentioned here'\n"
    )
    found = uses(source, "companion.engines").imports
    wanted = {"companion.processes.server", "companion.measure", "companion.engines.redis", "companion.engines.spark"}
    assert wanted | {"companion.engines.pysyft"} <= found
    assert "companion.draw" not in found


def test_broken_sources_are_not_the_same():
    assert not same_code("def f(:", "def f(:")
    assert same_code("x = 1  # one", "x = 1")


def test_changes_since_a_commit_are_those_of_the_work_at_hand(tmp_path):
    def run(*command: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *command],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )

    run("init", "-b", "main")
    for name in ("kept", "edited", "removed", "staged"):
        (tmp_path / f"{name}.py").write_text("x = 1\n")
    run("add", "-A")
    run("commit", "-m", "one")
    run("checkout", "-b", "work")
    (tmp_path / "edited.py").write_text("x = 2\n")
    (tmp_path / "removed.py").unlink()
    (tmp_path / "new one.py").write_text("")
    (tmp_path / "staged.py").write_text("x = 3\n")
    run("add", "staged.py")
    run("commit", "-m", "two")
    changes = selection.changes_since(tmp_path, "main")
    assert changes == {"edited.py": "x = 1\n", "removed.py": "x = 1\n", "new one.py": None, "staged.py": "x = 1\n"}
    assert selection.project_files(tmp_path) == ["edited.py", "kept.py", "new one.py", "staged.py"]
    with pytest.raises(ValueError, match="nowhere"):
        selection.changes_since(tmp_path, "nowhere")


def test_a_copy_without_git_has_the_same_files(project):
    made_here = {".venv/x.py", "release/x.py", "companion/__pycache__/x.py"}
    for path in made_here:
        (project.root / path).parent.mkdir(parents=True)
        (project.root / path).touch()
    assert selection.project_files(project.root) == sorted(FILES)


@pytest.fixture(scope="module")
def real():
    return Project(ROOT, selection.project_files(ROOT))


def test_every_test_and_notebook_of_the_book_can_be_read(real):
    for path in [
        *selection.tests_of(real),
        *(p for p in real.files if p.startswith("notebooks/") and p.endswith(".ipynb")),
    ]:
        assert path in real.closure(path)


def test_in_the_real_book_an_engine_reaches_its_notebooks_and_not_the_others(real):
    chosen = selection.touched_by({real.modules["companion.engines.spark"]: "x = 1"}, real)
    assert "spark_recommendations" in chosen.notebooks and "tests/unit/test_spark_recommendations.py" in chosen.files
    assert not {"sql_partitioning", "multiprocessing_text", "docker_nlp"} & set(chosen.notebooks)
