"""Functions written into a module that other processes can import."""

import multiprocessing
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor

import psutil
import pytest
from processes import until

from companion.errors import SettingError
from companion.processes import modules, worker


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path[:])
    yield
    sys.modules.pop("made_up", None)


def triple(number):
    return 3 * number


def first(number):
    return math.floor(number)  # noqa: F821  (its import is the module's)


def test_a_fresh_process_runs_it(tmp_path):
    made = modules.written(tmp_path, "made_up", triple, first, imports="import math")
    with ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn"), initializer=worker.end_with_parent
    ) as pool:
        assert pool.submit(made.triple, 14).result() == 42
        assert pool.submit(made.first, 2.5).result() == 2
    assert made.triple.__module__ == "made_up"


def test_written_again_it_is_the_new_one(tmp_path):
    """Within a second and of the same size, where Python would keep its byte code."""

    def answer():
        return 41

    before = modules.written(tmp_path, "made_up", answer)

    def answer():
        return 42

    after = modules.written(tmp_path, "made_up", answer)
    assert (before.answer(), after.answer()) == (41, 42)
    assert sys.path.count(str(tmp_path)) == 1


def test_written_into_another_folder_it_is_the_new_one_and_back_again(tmp_path):
    """The scratch folder of a notebook is a new one when its cell is run again."""
    first_folder, second_folder = tmp_path / "first", tmp_path / "second"
    first_folder.mkdir()
    second_folder.mkdir()
    for folder, function in ((first_folder, triple), (second_folder, first), (first_folder, triple)):
        made = modules.written(folder, "made_up", function, imports="import math")
        assert made.__file__ == str(folder / "made_up.py") and hasattr(made, function.__name__)
    assert sys.path.count(str(first_folder)) == 1


def test_a_module_of_somebody_elses_folder_is_refused(tmp_path, monkeypatch):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "made_up.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path / "theirs")
    with pytest.raises(SettingError, match="theirs"):
        modules.written(tmp_path, "made_up", triple)
    assert (tmp_path / "theirs" / "made_up.py").read_text() == "x = 1\n"


@pytest.mark.parametrize("name", ["json", "sys", "no name", "class", "triple.x", ""])
def test_a_name_that_is_taken_or_is_none_is_refused(tmp_path, name):
    with pytest.raises(SettingError, match="module"):
        modules.written(tmp_path, name, triple)
    assert not list(tmp_path.iterdir())


def pooled(pids):
    """The process of a pool's owner: it says who works for it, and waits to be killed."""
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=worker.end_with_parent)
    pids.put(pool.submit(os.getpid).result())
    signal.pause()


def test_a_pools_workers_leave_with_its_owner_however_it_went():
    context = multiprocessing.get_context("spawn")
    pids = context.Queue()
    owner = context.Process(target=pooled, args=(pids,))
    owner.start()
    pid = pids.get(timeout=60)
    assert psutil.pid_exists(pid)
    owner.kill()
    owner.join()
    assert until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 20)


def test_started_by_nobody_it_stays():
    worker.end_with_parent()
