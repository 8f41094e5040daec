"""The pictures, a pool of the notebook's own that is killed or interrupted at work, its cells on a cluster, and its references."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import product
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import pytest
from conftest import NOTEBOOKS
from harness import chapters
from harness.kernels import Kernel
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, boolean_dtypes, floating_dtypes, integer_dtypes
from processes import assert_gone, assert_no_new_shared_memory, new_mark, shared_memory, until

from companion import SettingError
from companion.book import chapter
from companion.datasets import images
from companion.labs.parallel import chores


def test_every_photograph_is_there_without_a_download(monkeypatch):
    import pooch

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", lambda *_: pytest.fail("a download"))
    for name in images.PHOTOGRAPHS:
        pixels = images.photograph(name)
        assert pixels.ndim == 2 and pixels.dtype == np.float32
        assert 0 <= pixels.min() < pixels.max() <= 1.001


def test_the_same_seed_gives_the_same_patches():
    for one, two in zip(images.patches(90, side="left", seed=3), images.patches(90, side="left", seed=3), strict=True):
        assert np.array_equal(one, two)
    assert not np.array_equal(images.patches(90, side="left", seed=3)[0], images.patches(90, side="left", seed=4)[0])


@pytest.mark.parametrize("side", ["left", "right"])
def test_patches_come_from_their_side_of_their_photograph(side):
    found, labels = images.patches(90, side=side)
    assert found.shape == (90, 32, 32) and np.bincount(labels).tolist() == [10] * 9
    for patch, label in zip(found[::7], labels[::7], strict=True):
        pixels = images.photograph(images.PHOTOGRAPHS[label])
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (32, 32))
        _, lefts = np.nonzero((windows[:, :, 0, 0] == patch[0, 0]) & (windows[:, :, 9, 9] == patch[9, 9]))
        inside = lefts + 32 <= int(0.6 * pixels.shape[1]) if side == "left" else lefts >= int(0.7 * pixels.shape[1])
        assert inside.any()


def test_digits_keep_their_original():
    found, labels, originals = images.digits(copies=3)
    assert found.shape == (1797 * 3, 32, 32) and found.dtype == np.float32
    assert (labels.reshape(-1, 3) == labels.reshape(-1, 3)[:, :1]).all()
    assert not np.array_equal(found[0], found[1]), "variations differ"
    assert originals[:4].tolist() == [0, 0, 0, 1]


def test_wrong_names_counts_and_shapes_are_named():
    with pytest.raises(SettingError, match="no photograph 'lena'; there are: astronaut"):
        images.photograph("lena")
    with pytest.raises(SettingError, match="no side 'top'"):
        images.patches(9, side="top")
    with pytest.raises(SettingError, match="multiple of 9, got 10"):
        images.patches(10, side="left")
    with pytest.raises(SettingError, match="copies must be at least 1, got 0"):
        images.digits(copies=0)


@pytest.fixture
def busy_kernel(scratch):
    """The notebook's own kernel, right before its pool gets to work; yields it with the cell, the mark and /dev/shm before."""
    entry, mark, before = chapter("multiprocessing_images"), new_mark(), shared_memory()
    cells = chapters.taught(entry)
    at = next(
        number for number, source in enumerate(cells) if "workers.map(patchwork.hog_range, starts, stops)" in source
    )
    kernel = Kernel(NOTEBOOKS / entry.unit, mark)
    for source in cells[:at]:
        if "serial = hog_features" not in source:  # the loop itself is not needed here
            kernel.run(source)
    yield kernel, cells[at], mark, before
    kernel.close()


def workers_at_work(kernel: Kernel) -> bool:
    """A resource tracker, a fork server, and at least one worker that has computed for a tenth of a second."""
    return len(kernel.children()) >= 3 and kernel.busiest_child() >= 0.1


@pytest.mark.slow
def test_a_kernel_killed_while_its_pool_works_leaves_nothing(busy_kernel):
    kernel, cell, mark, before = busy_kernel
    kernel.start(cell)
    assert until(lambda: workers_at_work(kernel))
    kernel.kill()
    assert_gone(mark)
    assert_no_new_shared_memory(before)


@pytest.mark.slow
def test_an_interrupted_pool_ends_with_its_block(busy_kernel):
    kernel, cell, mark, before = busy_kernel
    message = kernel.start(cell)
    assert until(lambda: workers_at_work(kernel))
    kernel.interrupt()
    assert kernel.reply(message), "an interrupted cell comes to an end"
    assert kernel.run("block.close(); block.unlink()")["status"] == "ok", "the kernel is still usable"
    kernel.end()
    assert_gone(mark)
    assert_no_new_shared_memory(before)


@pytest.mark.slow
def test_a_kernel_interrupted_while_it_makes_the_block_leaves_nothing(scratch):
    """The tracker, which unlinks what a killed kernel has left, was started by the first block: an interrupt at that moment
    left a block in /dev/shm that nobody knew of. It runs before."""
    entry, mark, before = chapter("multiprocessing_images"), new_mark(), shared_memory()
    cells = chapters.taught(entry)
    at = next(number for number, source in enumerate(cells) if "SharedMemory(create=True" in source)
    kernel = Kernel(NOTEBOOKS / entry.unit, mark)
    try:
        for source in cells[:at]:
            if "serial = hog_features" not in source:
                kernel.run(source)
        running = "from multiprocessing import resource_tracker as t; assert t._resource_tracker._check_alive()"
        assert kernel.run(running)["status"] == "ok", "the tracker runs before there is a block"
        for delay in (0.0, 0.005, 0.02, 0.05):
            message = kernel.start(cells[at])
            time.sleep(delay)
            kernel.interrupt()
            # what hits the kernel just before the cell takes the reply with it (one in ten of cells of a few milliseconds)
            kernel.reply(message, timeout=5)
    finally:
        kernel.kill()
    assert_gone(mark)
    assert_no_new_shared_memory(before)


@pytest.mark.slow
def test_the_cluster_s_cells_run_as_they_are_printed(scratch):
    """The former ones used names that exist nowhere."""
    entry, mark = chapter("multiprocessing_images"), new_mark()
    cells = chapters.taught(entry)
    at = next(number for number, source in enumerate(cells) if "import patchwork" in source)
    kernel = Kernel(NOTEBOOKS / entry.unit, mark)
    try:
        for source in cells[: at + 1]:
            if "serial = hog_features" not in source:  # the loop itself is not needed here
                kernel.run(source)
        kernel.run("pictures, tasks = pictures[:60], [(0, 25), (25, 50), (50, 60)]")
        (printed,) = chapters.printed_code(entry, "Take it further")
        reply = kernel.run(printed)
        assert reply["status"] == "ok", reply.get("evalue")
        assert kernel.run("assert np.array_equal(on_cluster, hog_features(pictures))")["status"] == "ok"
        assert kernel.run("client.close()")["status"] == "ok"
        kernel.end()
    finally:
        if kernel.process.is_running():
            kernel.kill()
    assert_gone(mark)


# The reference solutions, held to their statements by properties.


@pytest.fixture(scope="module")
def references():
    return chapters.references(chapter("multiprocessing_images"))


@settings(deadline=None)
@given(count=st.integers(0, 400), size=st.integers(1, 50))
def test_reference_ranges_cover_every_item_once_in_order(references, count, size):
    pairs = references["ranges"](count, size)
    assert [item for start, stop in pairs for item in range(start, stop)] == list(range(count))
    assert all(stop - start == size for start, stop in pairs[:-1])
    assert all(0 < stop - start <= size for start, stop in pairs)


@settings(deadline=None, max_examples=40)
@given(
    arrays(
        st.one_of(integer_dtypes(), floating_dtypes(endianness="="), boolean_dtypes()),
        array_shapes(min_dims=0, max_side=5),
    ),
    st.booleans(),
)
def test_reference_shared_copy_holds_any_array_and_leaves_no_block(references, array, transposed):
    array = array.T if transposed else array
    with references["shared_copy"](array) as (name, view):
        assert view.dtype == array.dtype and np.array_equal(view, array, equal_nan=array.dtype.kind == "f")
        SharedMemory(name).close()
        del view
    with pytest.raises(FileNotFoundError):
        SharedMemory(name)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0, 100), max_size=6), st.integers(1, 3))
def test_reference_assignment_is_within_a_third_of_the_best(references, costs, workers):
    def end(chosen):
        return max(sum(c for c, w in zip(costs, chosen, strict=True) if w == worker) for worker in range(workers))

    best = min(end(chosen) for chosen in product(range(workers), repeat=len(costs)))
    assert end(references["assign"](costs, workers)) <= 4 / 3 * best + 1e-9


@pytest.mark.slow
@settings(deadline=None, max_examples=8)
@given(st.lists(st.sampled_from([1, 2, 3, chores.KILLER]), max_size=6), st.integers(1, 3))
def test_reference_map_survives_whatever_is_killed(references, items, workers):
    expected = [None if item == chores.KILLER else item**2 for item in items]
    assert references["map_surviving"](chores.square, items, workers) == expected


@pytest.mark.parametrize("order", [(chores.KILLER, 1, 2, 3), (1, chores.KILLER, 2, 3)])
def test_nothing_that_shares_a_pool_with_a_kill_gets_done(order, tmp_path):
    """Without luck: the exercise's first test rests on it."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as pool:
        lost = [pool.submit(chores.square_beside, (str(tmp_path), number)) for number in order]
    assert all(isinstance(future.exception(), BrokenProcessPool) for future in lost)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver")) as pool:
        assert pool.submit(chores.square_beside, (str(tmp_path), 3)).result() == 9
    assert len(list(tmp_path.glob("worked_*"))) == 1
