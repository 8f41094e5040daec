"""What tflite_images builds in plain view, taken from its own cells: integer rescaling, the camera loop, the signed update."""

import ast
import contextlib
import json

import nbformat
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from companion import book


@pytest.fixture(scope="module")
def lesson():
    """The notebook's functions, classes, imports and constants, without running anything else of it (no TensorFlow)."""
    notebook = nbformat.read(book.folder() / book.chapter("tflite_images").file, as_version=4)
    names = {"numpy": np}
    for cell in notebook.cells:
        if cell.cell_type != "code" or "nbgrader" in cell.metadata or "keras" in cell.source:
            continue
        for node in ast.parse(cell.source).body:
            constant = isinstance(node, ast.Assign) and "PATIENCE" in ast.unparse(node)
            if constant or isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
                exec(compile(ast.Module([node], []), "lesson", "exec"), names)  # noqa: S102  (the project's own cells)
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


@pytest.fixture
def camera(lesson, tmp_path):
    key = Ed25519PrivateKey.generate()
    (tmp_path / "a").write_bytes(lesson.pack(1, b"first" * 4000, key))
    (tmp_path / "state.json").write_text(json.dumps({"slot": "a", "version": 1}))
    return tmp_path, key, key.public_key()


def files(place) -> dict:
    return {path.name: path.read_bytes() for path in sorted(place.iterdir())}


def test_every_truncation_and_every_changed_byte_is_refused(lesson, camera):
    _, key, trusted = camera
    update = lesson.pack(2, b"model", key)
    assert lesson.unpack(update, trusted) == (2, b"model")
    changed = [update[:i] + bytes([update[i] ^ 0x40]) + update[i + 1 :] for i in range(len(update))]
    for wrong in [*(update[:end] for end in range(len(update))), *changed, update + b"x", b""]:
        with pytest.raises(lesson.Refused, match=r"signed|damaged"):
            lesson.unpack(wrong, trusted)


def test_the_power_may_fail_anywhere_in_a_chain_of_updates(lesson, camera):
    place, key, trusted = camera
    for version in (2, 3, 4):
        update = lesson.pack(version, bytes([version]) * 20_000, key)
        step, booted = 0, version - 1
        while booted != version:
            with contextlib.suppress(lesson.PowerCut):
                lesson.install(place, update, trusted, lambda content: True, lesson.power_until(step))
            booted, content = lesson.boot(place, trusted)
            assert booted in (version - 1, version)
            assert booted == 1 or content == bytes([booted]) * 20_000
            step += 1
        assert step > 7


@pytest.mark.parametrize("reason", ["signed", "newer", "self-test", "damaged"])
def test_a_refused_update_changes_no_byte(lesson, camera, reason):
    place, key, trusted = camera
    lesson.install(place, lesson.pack(2, b"second", key), trusted, lambda content: True)
    before = files(place)
    update = {
        "signed": lesson.pack(3, b"third", Ed25519PrivateKey.generate()),
        "newer": lesson.pack(2, b"second again", key),
        "self-test": lesson.pack(3, b"bad", key),
        "damaged": lesson.pack(3, b"third", key)[:-1],
    }[reason]
    with pytest.raises(lesson.Refused, match=reason):
        lesson.install(place, update, trusted, lambda content: content != b"bad")
    assert files(place) == before


def test_a_rotten_slot_is_rolled_back_and_two_are_reported(lesson, camera):
    place, key, trusted = camera
    lesson.install(place, lesson.pack(2, b"second", key), trusted, lambda content: True)
    (place / "b").write_bytes(b"")
    assert lesson.boot(place, trusted)[0] == 1
    (place / "a").unlink()
    with pytest.raises(lesson.Refused, match="no slot holds a signed model"):
        lesson.boot(place, trusted)


def test_a_disk_that_stores_something_else_is_noticed_before_the_switch(lesson, camera, monkeypatch):
    place, key, trusted = camera
    honest = lesson.write
    monkeypatch.setitem(
        lesson.install.__globals__, "write", lambda path, content, power: honest(path, content[:-1] + b"?", power)
    )
    with pytest.raises(lesson.Refused, match="damaged"):
        lesson.install(place, lesson.pack(2, b"second", key), trusted, lambda content: True)
    assert lesson.state(place) == {"slot": "a", "version": 1}
    assert lesson.boot(place, trusted)[0] == 1
