"""The harness itself: groups and their order, which notebooks are drilled, the closing report, interrupts in the background."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from harness import drills, order, report, waiting

from companion import book, checkout

ROOT = checkout.folder()
CHAPTERS = {chapter.name: chapter for chapter in book.BOOK}
EXERCISES, GRADING, RUNS = (f"tests/notebooks/test_{name}.py" for name in ("exercises", "grading", "runs"))


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        (f"{RUNS}::test_it_runs[dask_audio]", "dask_audio run"),
        (f"{RUNS}::test_a_changed_output_is_found", RUNS),
        (f"{EXERCISES}::test_answer[dask_audio-2: blank]", "dask_audio exercises"),
        (f"{EXERCISES}::test_answer[dask_audio-2: a [b] or c::d]", "dask_audio exercises"),
        (f"{GRADING}::test_the_source_earns[dask_audio]", "dask_audio exercises"),
        ("tests/notebooks/test_nbgrader.py::test_x[dask_audio]", "dask_audio nbgrader"),
        ("tests/notebooks/test_killed_kernel.py::test_x[dask_audio]", "dask_audio drill"),
        ("tests/notebooks/test_notebooks.py::test_x[dask_audio]", "tests/notebooks/test_notebooks.py"),
        ("tests/unit/test_draw.py::test_x[1-2]", "tests/unit/test_draw.py"),
        ("tests/engines/test_cluster.py::test_x", "docker cluster"),
        ("tests/engines/test_docker_engine.py::test_x", "docker"),
    ],
)
def test_what_shares_something_is_one_group(nodeid, group):
    assert order.group(nodeid) == group


def test_what_asks_a_docker_engine_is_in_one_of_its_groups():
    asks = re.compile(r"^from containers import .*?\b(client_of_a_module|connected)\b", re.MULTILINE | re.DOTALL)
    modules = [path for path in (ROOT / "tests").rglob("test_*.py") if asks.search(path.read_text())]
    assert len(modules) >= 4
    for path in modules:
        assert order.group(f"{path.relative_to(ROOT)}::test_x").startswith("docker"), path.name


def test_the_longest_notebook_weighs_most():
    def weight(name: str) -> float:
        return order.weight(f"{RUNS}::test_it_runs[{name}]")

    assert weight("dask_audio") > weight("encryption_access_control") > order.weight("tests/unit/test_draw.py::test_x")


def test_a_notebooks_exercises_stand_together_between_their_round_and_their_end():
    ids = [
        "tests/unit/a.py::first",
        f"{EXERCISES}::test_answer[dask_audio-1: blank]",
        f"{EXERCISES}::test_answer[start_here-1: blank]",
        f"{EXERCISES}::test_the_exercises_leave_nothing_behind[dask_audio]",
        f"{EXERCISES}::test_the_exercises_leave_nothing_behind[start_here]",
        f"{GRADING}::test_the_source_earns_every_automatic_point_and_a_blank_copy_none[dask_audio]",
        "tests/unit/z.py::last",
    ]
    items = [SimpleNamespace(nodeid=nodeid) for nodeid in ids]
    order.sort(items)
    assert [item.nodeid for item in items] == [ids[n] for n in (0, 5, 1, 3, 2, 4, 6)]


def test_the_scheduler_takes_the_longest_group_next(pytestconfig):
    """On a scheduler of xdist's own, with two workers that are none."""
    ids = [
        "tests/unit/test_draw.py::a",
        "tests/unit/test_draw.py::b",
        *(
            f"{RUNS}::test_it_runs[{name}]"
            for name in ("encryption_access_control", "dask_audio", "spark_recommendations")
        ),
    ]
    sent = {"one": [], "two": []}

    class Worker:
        shutting_down = False

        def __init__(self, name):
            self.name, self.gateway = name, SimpleNamespace(id=name)

        def send_runtest_some(self, numbers):
            sent[self.name] += numbers

        def shutdown(self):
            self.shutting_down = True

    config = SimpleNamespace(
        option=SimpleNamespace(loadscopereorder=True),
        getvalue=lambda name: ["popen", "popen"] if name == "tx" else None,
    )
    scheduler = order.scheduler(config, None)
    for name in sent:
        worker = Worker(name)
        scheduler.add_node(worker)
        scheduler.add_node_collection(worker, ids)
    scheduler.schedule()
    assert {sent["one"][0], sent["two"][0]} == {3, 4} and sent["one"][1] == 2, "the short modules fill the gaps"


def test_every_kind_of_engine_is_drilled_by_one_of_its_short_notebooks():
    for chosen, kinds in ((drills.killed(), drills.kinds), (drills.graded(), drills.exercises)):
        assert set().union(*chosen.values()) == set().union(*map(kinds, book.BOOK))
        assert len(chosen) < len(book.BOOK)
    chosen = drills.killed()
    assert {"redis", "postgres", "spark", "dask", "multiprocessing", "worker processes"} <= set().union(
        *chosen.values()
    )


def test_the_shortest_is_chosen_unless_another_covers_the_kind(monkeypatch):
    one, two, three = (CHAPTERS[name] for name in ("boto3_autoscaling", "dask_audio", "redis_caching"))
    seconds = {one: 10, two: 60, three: 40}
    monkeypatch.setattr(drills.chapters, "seconds", seconds.get)
    assert drills.choose({one: {"a"}, two: {"a"}, three: {"a"}}) == {one: ("a",)}
    assert drills.choose({one: {"a"}, two: {"a", "b"}, three: {"c"}}) == {two: ("b", "a"), three: ("c",)}
    seconds[CHAPTERS["start_here"]] = 1
    assert drills.choose({CHAPTERS["start_here"]: {"a"}, three: {"a"}}) == {three: ("a",)}, "not by the start page"


def test_the_engines_that_the_cells_name_are_found():
    kinds = {name: drills.kinds(chapter) for name, chapter in CHAPTERS.items()}
    assert "spark" in kinds["spark_recommendations"] and "multiprocessing" in kinds["multiprocessing_text"]
    assert "worker processes" in kinds["sklearn_fraud"] and "supervised services" in kinds["flask_service"]
    assert "spark" not in kinds["start_here"], "asking how all engines are uses none"


@pytest.mark.parametrize(
    ("nodeid", "kind"),
    [
        (f"{RUNS}::test_x[dask_audio]", "nbval"),
        (f"{EXERCISES}::test_answer[dask_audio-1: blank]", "exercises"),
        ("tests/notebooks/test_nbgrader.py::test_x", "grading"),
        ("tests/notebooks/test_killed_kernel.py::test_x", "drills"),
        ("tests/notebooks/test_navigation.py::test_x", "rules of notebooks"),
        ("tests/engines/test_redis.py::test_x", "engines"),
        ("tests/unit/test_draw.py::test_x", "units"),
        ("packages/jenkinsfile/tests/test_lint.py::test_x", "units"),
    ],
)
def test_each_test_is_of_one_kind(nodeid, kind):
    assert report.kind(nodeid) == kind


def run(nodeid: str, when: str, processor: float, wall: float, **properties):
    return SimpleNamespace(
        nodeid=nodeid, when=when, processor=processor, duration=wall, user_properties=list(properties.items())
    )


def test_the_report_adds_up_by_kind_and_keeps_the_notebooks(tmp_path):
    kept = tmp_path / "runs.json"
    kept.write_text('{"old": {"seconds": 1}}')
    made = report.Report(SimpleNamespace(), kept)
    figures = {"name": "dask_audio", "seconds": 50.04, "peak_mib": 700.2}
    made.collections += [(4.0, 6.0), (5.0, 7.0)]
    made.pytest_runtest_logreport(run(f"{RUNS}::test_x[dask_audio]", "setup", 1, 2))
    made.pytest_runtest_logreport(run(f"{RUNS}::test_x[dask_audio]", "call", 10, 60, notebook=figures))
    made.pytest_runtest_logreport(run("tests/unit/test_draw.py::test_x", "call", 0.4, 0.6))
    assert [line.split() for line in made.lines()] == [
        ["items", "processor", "s", "wall", "s"],
        ["collection", "(2", "processes)", "9", "13"],
        ["units", "1", "0", "1"],
        ["nbval", "1", "11", "62"],
        [],
        ["module", "processor", "s", "wall", "s"],
        ["tests/notebooks/test_runs.py", "11", "62"],
        ["tests/unit/test_draw.py", "0", "1"],
        [],
        ["notebook", "s", "peak", "MiB"],
        ["dask_audio", "50.0", "700"],
    ]
    made.keep()
    assert json.loads(kept.read_text()) == {"old": {"seconds": 1}, "dask_audio": figures}


TESTS = """
import os, signal, subprocess, sys, time

def test_a_child_is_interrupted():
    code = "import time; print('up', flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in child.communicate(timeout=120)[1]
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [[], ["-n", "1"]])
def test_interrupts_arrive_in_children_of_tests_that_were_started_in_the_background(tmp_path, workers):
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text(
        "from harness import signals\ndef pytest_configure(config): signals.hear_interrupts()\n"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *workers, str(tmp_path)],
        env={**env, "PYTHONPATH": str(ROOT / "tests" / "support")},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as a shell starts a background job
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_choice_of_nothing_says_so_and_ends_well():
    """The whole way: options, chosen files, exit status."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    code = (
        "import sys, pytest; from harness import selection; selection.changes_since = lambda root, reference: {}\n"
        "raise SystemExit(pytest.main(['-p', 'no:cacheprovider', '--changed', 'main', 'tests/unit/test_draw.py']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**env, "PYTHONPATH": str(ROOT / "tests" / "support")},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing to run: nothing: no file has changed that a test stands on" in done.stdout


def test_an_unknown_notebook_is_named():
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "--about", "nope"],
        env=env,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 4 and "no notebook 'nope'; the book has: start_here" in done.stderr + done.stdout


def test_threads_that_wait_are_told_to_sleep_in_words_that_the_libraries_know():
    """In this process by conftest.py, as in every kernel that it starts. A library that no longer knew its word would say nothing."""
    code = (
        "import json, sklearn.ensemble, threadpoolctl\n"
        "print(json.dumps([one['filepath'] for one in threadpoolctl.threadpool_info()]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    libraries = b"".join(Path(path).read_bytes() for path in json.loads(done.stdout))
    for name in waiting.ASLEEP:
        assert os.environ[name] and name.encode() in libraries
