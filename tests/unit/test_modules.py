"""Functions written into a module that other processes can import."""

import multiprocessing
import signal
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest
from processes import assert_dies_with_its_kernel, assert_no_new_shared_memory, shared_memory

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


POOL = """
import multiprocessing, os, signal
from concurrent.futures import ProcessPoolExecutor
from companion.processes import worker
pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=worker.end_with_parent)
print(pool.submit(os.getpid).result() != os.getpid(), flush=True)
signal.pause()
"""


def test_a_pools_workers_leave_with_its_owner_however_it_went():
    # an owner with a resource tracker of its own, as a kernel is: a child of this process would leave its semaphores to ours,
    # which removes them when the tests are over
    before = shared_memory()
    assert_dies_with_its_kernel(POOL, signal.SIGKILL, grace=20)
    assert_no_new_shared_memory(before)


def test_started_by_nobody_it_stays():
    worker.end_with_parent()
