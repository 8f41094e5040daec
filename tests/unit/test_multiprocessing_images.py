"""The pictures, and a pool of the notebook's own that is killed or interrupted in the middle of its work."""

import numpy as np
import pytest
from conftest import NOTEBOOKS
from harness import chapters
from harness.kernels import Kernel
from processes import assert_gone, assert_no_new_shared_memory, new_mark, shared_memory, until

from companion import SettingError
from companion.book import chapter
from companion.datasets import images


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
    at = next(number for number, source in enumerate(cells) if "pool.map(patchwork.hog_range, starts, stops)" in source)
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
    kernel.manager.shutdown_kernel()
    assert_gone(mark)
    assert_no_new_shared_memory(before)
