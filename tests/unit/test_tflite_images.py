"""What tflite_images builds in plain view, taken from its own cells: integer rescaling, the camera loop, the paired tests."""

import ast
from itertools import pairwise

import numpy as np
import pytest
from harness import chapters
from hypothesis import given
from hypothesis import strategies as st

from companion import book


@pytest.fixture(scope="module")
def lesson():
    """The notebook's functions, classes, imports and constants, without running anything else of it (no TensorFlow)."""
    names = chapters.definitions(
        book.chapter("tflite_images"), lambda node: "PATIENCE" in ast.unparse(node), without="keras", numpy=np
    )
    return type("Lesson", (), {k: staticmethod(v) for k, v in names.items() if k != "__builtins__"})


def rescaled_exactly(total: int, multiplier: int, exponent: int) -> int:
    """The runtime's two roundings in Python's unbounded integers: halves away from zero, each time."""

    def rounded(x: int, bits: int) -> int:
        return (abs(x) + ((1 << bits) >> 1) >> bits) * (1 if x >= 0 else -1)

    high = rounded(total * multiplier, 31)
    if total * multiplier < 0 and (abs(total * multiplier) % 2**31) == 2**30:
        high += 1  # the first rounding takes halves up: only on the negative side does that differ
    return rounded(high, -exponent)


@pytest.mark.parametrize("factor", [0.9999, 0.5, 0.25, 0.0123, 3.7e-4, 1 / 3, 2**-12])
def test_rescaling_in_integers_is_the_runtimes(lesson, factor):
    multiplier, exponent = lesson.fixed_point(factor)
    assert 2**30 <= multiplier < 2**31 and exponent <= 0
    assert abs(multiplier / 2**31 * 2.0**exponent / factor - 1) < 1e-9
    rng = np.random.default_rng(0)
    totals = np.concatenate([rng.integers(-(2**31), 2**31, 2000), rng.integers(-5000, 5000, 2000), [0, 1, -1, 2**30]])
    found = lesson.rescale(totals, multiplier, exponent)
    assert found.tolist() == [rescaled_exactly(int(t), multiplier, exponent) for t in totals]
    assert np.abs(found - totals * factor).max() <= 1.01


def test_a_factor_that_rounds_up_to_one_is_carried(lesson):
    assert lesson.fixed_point(1 - 1e-12) == (2**30, 1)


def test_the_newest_frame_wins_and_a_queue_keeps_all(lesson):
    service = np.random.default_rng(0).integers(30, 120, 500)
    queue, newest = lesson.camera(service, newest=False), lesson.camera(service, newest=True)
    arrived = np.arange(500) * lesson.INTERVAL
    assert (queue >= 0).all() and (np.diff(queue) > 0).all() and (queue - arrived >= service).all()
    read = newest >= 0
    assert 0.2 < read.mean() < 0.8
    assert (newest[read] - arrived[read] < service[read] + lesson.INTERVAL).all(), "begun before the next frame came"
    assert (np.diff(newest[read]) >= service[read][1:]).all(), "one frame at a time"
    fast = np.full(500, lesson.INTERVAL)
    assert np.array_equal(lesson.camera(fast, True), lesson.camera(fast, False)), "at utilisation 1 nothing is dropped"


def test_mcnemar_and_the_paired_bootstrap(lesson):
    before, after = np.array([True] * 10 + [False] * 2), np.array([False] * 8 + [True] * 4)
    assert np.isclose(lesson.mcnemar(before, after), 2 * (1 + 10 + 45) / 2**10)  # 8 lost, 2 won, of 10
    assert lesson.mcnemar(before, before) == 1
    low, high = lesson.drop(before, after)
    assert low <= 50 <= high
    assert lesson.drop(before, before) == (0, 0)


@pytest.fixture(scope="module")
def newest():
    return chapters.references(book.chapter("tflite_images"))["newest"]


@given(frames=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40)), max_size=12))
def test_the_exercises_buffer_of_one_keeps_what_its_statement_says(newest, frames):
    arrivals, service = sorted(arrived for arrived, _ in frames), [ms for _, ms in frames]
    done = newest(arrivals, service)
    assert list(done) == sorted(done) and (not frames or len(frames) - 1 in done), (
        "in order, and the last is always read"
    )
    begun = {frame: done[frame] - service[frame] for frame in done}
    for frame in done:
        assert begun[frame] >= arrivals[frame]
        assert all(arrived > begun[frame] for arrived in arrivals[frame + 1 :]), "the newest that was there"
    for frame, later in pairwise(done):
        assert begun[later] == max(done[frame], arrivals[later]), "at once when it is free"


@given(st.lists(st.integers(0, 33), min_size=1, max_size=40))
def test_it_agrees_with_the_lessons_camera(lesson, newest, extra):
    service = np.array(extra) + 20
    arrivals = [frame * lesson.INTERVAL for frame in range(len(service))]
    done = newest(arrivals, service.tolist())
    found = lesson.camera(service, newest=True)
    # the lesson's belt goes on after the last frame, which may be overwritten by one that is no more looked at
    assert {frame: int(at) for frame, at in enumerate(found) if at >= 0 and frame < len(service) - 1} == {
        frame: at for frame, at in done.items() if frame < len(service) - 1
    }
