"""The updates of tflite_update, taken from its own cells: what is refused, every cut of the power, rot, and the disk that forgets."""

import ast
import contextlib
import json
from itertools import count, product

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from harness import chapters
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import book
from companion.labs.edge.disk import Disk, PowerCut

DISKS = list(product((0, 0.3, 0.5, 1), (True, False)))


@pytest.fixture(scope="module")
def lesson():
    """The notebook's functions, classes, imports and constants, without running anything else of it (no TensorFlow)."""
    names = chapters.definitions(
        book.chapter("tflite_update"), lambda node: "DEVICE" in ast.unparse(node), without="keras", numpy=np
    )
    return type("Lesson", (), {k: staticmethod(v) for k, v in names.items() if k != "__builtins__"})


@pytest.fixture
def camera(lesson, tmp_path):
    key = Ed25519PrivateKey.generate()
    (tmp_path / "a").write_bytes(lesson.pack(1, b"first" * 400, key))
    return tmp_path, key, key.public_key()


def works(content: bytes) -> bool:
    return content != b"bad"


def files(place) -> dict:
    return {path.name: path.read_bytes() for path in sorted(place.iterdir())}


# What is refused


def test_every_truncation_and_every_changed_byte_is_refused(lesson, camera):
    _, key, trusted = camera
    update = lesson.pack(2, b"model", key)
    assert lesson.unpack(update, trusted) == (2, b"model")
    changed = [update[:i] + bytes([update[i] ^ 0x40]) + update[i + 1 :] for i in range(len(update))]
    for wrong in [*(update[:end] for end in range(len(update))), *changed, update + b"x", b""]:
        with pytest.raises(lesson.Refused, match=r"signed|damaged"):
            lesson.unpack(wrong, trusted)


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_no_bytes_of_a_stranger_get_further_than_the_signature(lesson, found):
    trusted = Ed25519PrivateKey.generate().public_key()
    with pytest.raises(lesson.Refused, match="not signed"):
        lesson.unpack(found, trusted)


@pytest.mark.parametrize(
    "change", [{"version": "3"}, {"version": 3.0}, {"version": True}, {"size": None}, {"sha256": 5}, {"device": []}]
)
def test_what_the_maker_signs_by_mistake_is_refused_and_stops_nobody(lesson, camera, change):
    place, key, trusted = camera
    header = json.loads(lesson.signed_part(lesson.pack(3, b"third", key))[68:])
    for text in (json.dumps(header | change).encode(), b"[" * 100_000, b"5", b"\xff", b"{}", b""):
        signed = len(text).to_bytes(4, "big") + text
        with pytest.raises(lesson.Refused, match="its header is none"):
            lesson.install(Disk(place), key.sign(signed) + signed + b"third", trusted, works)
        (place / "b").write_bytes(key.sign(signed) + signed + b"third")
        assert lesson.boot(place, trusted)[0] == 1, "not even when it lies in a slot"


@pytest.mark.parametrize("reason", ["signed", "installed once", "self-test", "damaged", "another device"])
def test_a_refused_update_changes_no_byte(lesson, camera, reason):
    place, key, trusted = camera
    lesson.install(Disk(place), lesson.pack(2, b"second", key), trusted, works)
    before = files(place)
    update = {
        "signed": lesson.pack(3, b"third", Ed25519PrivateKey.generate()),
        "installed once": lesson.pack(2, b"second again", key),
        "self-test": lesson.pack(3, b"bad", key),
        "damaged": lesson.pack(3, b"third", key)[:-1],
        "another device": lesson.pack(3, b"third", key, device="lock-6"),
    }[reason]
    with pytest.raises(lesson.Refused, match=reason):
        lesson.install(Disk(place), update, trusted, works)
    assert files(place) == before


def test_whatever_a_signed_model_breaks_speaks_against_it(lesson):
    """The runtime's errors are of several kinds, and none of them may stop the camera."""
    given = vars(lesson)["self_test"].__func__.__globals__
    for error in (ValueError, RuntimeError, IndexError, MemoryError, OverflowError):

        def broken(content, pictures, error=error):
            raise error

        given["read"], given["pictures"], given["golden"] = broken, np.zeros(1), slice(None)
        assert lesson.self_test(b"model") is False


# The power


@pytest.mark.parametrize(("kept", "renamed"), DISKS)
def test_the_power_may_fail_anywhere_in_a_chain_of_updates(lesson, camera, kept, renamed):
    place, key, trusted = camera
    for version in (2, 3, 4):
        update = lesson.pack(version, bytes([version]) * 2_000, key)
        for cut in count():
            before, installed = files(place), False
            disk = Disk(place, cut, kept, renamed)
            with contextlib.suppress(PowerCut):
                lesson.install(disk, update, trusted, works)
                installed = True
                disk.fail()
            found, content = lesson.boot(place, trusted)
            assert found in (version - 1, version)
            assert found == 1 or content == bytes([found]) * 2_000
            assert found == version or not installed, "reported as installed, and gone"
            if found == version - 1:
                lesson.install(Disk(place), update, trusted, works)
                assert lesson.boot(place, trusted)[0] == version
            if installed:
                break
            for path in place.iterdir():
                path.unlink()
            for name, text in before.items():
                (place / name).write_bytes(text)
        assert cut == 7, "two files written, synced and renamed, and the folder synced"


def test_the_first_editions_installer_is_caught_by_the_same_drill(lesson, camera, monkeypatch):
    """Seen to fail: without the folder's sync an update that was reported is lost; with a pointer, three incidents are the end."""
    place, key, trusted = camera
    (place / "state.json").write_text(json.dumps({"slot": "a", "version": 1}))
    update = lesson.pack(2, b"second", key)
    disk = Disk(place, renamed=False)
    lesson.install_pointer(disk, update, trusted)
    with pytest.raises(PowerCut):
        disk.fail()
    assert lesson.boot_pointer(place, trusted)[0] == 1
    lesson.install_pointer(Disk(place), update, trusted)
    (place / "b").write_bytes(b"")
    assert lesson.boot_pointer(place, trusted)[0] == 1
    with pytest.raises(lesson.Refused, match="not newer"):
        lesson.install_pointer(Disk(place), update, trusted)
    lesson.install_pointer(Disk(place), lesson.pack(3, b"third", key), trusted)
    assert lesson.unpack((place / "a").read_bytes(), trusted)[0] == 3, "it has overwritten the only slot that worked"
    (place / "state.json").write_bytes(b"")
    with pytest.raises(json.JSONDecodeError):
        lesson.boot_pointer(place, trusted)


# Rot, roll-back and the floor


def test_after_a_rollback_the_same_update_is_taken_and_the_working_slot_is_spared(lesson, camera):
    place, key, trusted = camera
    update = lesson.pack(2, b"second", key)
    lesson.install(Disk(place), update, trusted, works)
    for rotten in (b"", b"\xff" * 5_000, update[:-1]):
        (place / "b").write_bytes(rotten)
        working = (place / "a").read_bytes()
        assert lesson.boot(place, trusted)[0] == 1
        lesson.install(Disk(place), update, trusted, works)
        assert lesson.boot(place, trusted) == (2, b"second") and (place / "a").read_bytes() == working


def test_what_was_withdrawn_in_between_stays_out_after_a_rollback(lesson, camera):
    place, key, trusted = camera
    lesson.install(Disk(place), lesson.pack(3, b"third", key), trusted, works)
    (place / "b").unlink()
    for version in (1, 2):
        with pytest.raises(lesson.Refused, match="installed once"):
            lesson.install(Disk(place), lesson.pack(version, b"old", key), trusted, works)
    lesson.install(Disk(place), lesson.pack(3, b"third", key), trusted, works)
    assert lesson.boot(place, trusted)[0] == 3


@pytest.mark.parametrize("floor", [None, b"", b"9", b"\xff" * 200, "a stranger's"])
def test_a_floor_that_is_lost_torn_or_forged_locks_nobody_out(lesson, camera, floor):
    place, key, trusted = camera
    lesson.install(Disk(place), lesson.pack(2, b"second", key), trusted, works)
    if floor is None:
        (place / "floor").unlink()
    else:
        forged = lesson.signed_part(lesson.pack(99, b"", Ed25519PrivateKey.generate()))
        (place / "floor").write_bytes(forged if floor == "a stranger's" else floor)
    assert lesson.boot(place, trusted)[0] == 2
    with pytest.raises(lesson.Refused, match="2 runs"):
        lesson.install(Disk(place), lesson.pack(1, b"old", key), trusted, works)
    lesson.install(Disk(place), lesson.pack(3, b"third", key), trusted, works)
    assert lesson.boot(place, trusted)[0] == 3


def test_two_rotten_slots_are_reported_and_still_take_an_update(lesson, camera):
    place, key, trusted = camera
    update = lesson.pack(2, b"second", key)
    lesson.install(Disk(place), update, trusted, works)
    (place / "a").unlink()
    (place / "b").write_bytes(b"rot")
    with pytest.raises(lesson.Refused, match="no slot holds a signed model"):
        lesson.boot(place, trusted)
    with pytest.raises(lesson.Refused, match="installed once"):
        lesson.install(Disk(place), lesson.pack(1, b"first", key), trusted, works)
    lesson.install(Disk(place), update, trusted, works)
    assert lesson.boot(place, trusted) == (2, b"second")


def test_a_disk_that_stores_something_else_or_is_full_leaves_both_slots(lesson, camera):
    place, key, trusted = camera
    lesson.install(Disk(place), lesson.pack(2, b"second", key), trusted, works)
    before = files(place)

    class Lying(Disk):
        def write(self, name, content):
            super().write(name, content[:-1] + b"?" if name.startswith(self.bad) else content)

    class Full(Disk):
        def write(self, name, content):
            super().write(name, content[: len(content) // 2] if name.startswith(self.bad) else content)
            if name.startswith(self.bad):
                raise OSError(28, "No space left on device")

    for disk, error in ((Lying(place), lesson.Refused), (Full(place), OSError)):
        for disk.bad in ("a", "floor"):  # the slot's file, and the one that is written after it
            with pytest.raises(error):
                lesson.install(disk, lesson.pack(3, b"third", key), trusted, works)
            assert {name: content for name, content in files(place).items() if not name.endswith(".new")} == before
    lesson.install(Disk(place), lesson.pack(3, b"third", key), trusted, works)
    assert lesson.boot(place, trusted)[0] == 3


# The disk itself


@pytest.mark.parametrize(("kept", "renamed"), DISKS)
def test_the_disk_forgets_what_was_not_synced_and_nothing_else(tmp_path, kept, renamed):
    (tmp_path / "name").write_bytes(b"old")
    disk = Disk(tmp_path, kept=kept, renamed=renamed)
    disk.write("safe", b"0123456789")
    disk.sync("safe")
    disk.write("new", b"0123456789")
    disk.rename("new", "name")
    with pytest.raises(PowerCut):
        disk.fail()
    written = b"0123456789"[: int(10 * kept)]
    expected = {"name": written} if renamed else {"name": b"old", "new": written}
    assert files(tmp_path) == {"safe": b"0123456789", **expected}


def test_what_was_synced_survives_every_disk(tmp_path):
    for kept, renamed in DISKS:
        (tmp_path / "name").write_bytes(b"old")
        disk = Disk(tmp_path, kept=kept, renamed=renamed)
        disk.write("new", b"new")
        disk.sync("new")
        disk.rename("new", "name")
        disk.sync_folder()
        with pytest.raises(PowerCut):
            disk.fail()
        assert files(tmp_path) == {"name": b"new"} and disk.operations == 4


# The exercise's reference against its own statement


@pytest.fixture(scope="module")
def reference():
    return chapters.references(book.chapter("tflite_update"))


NUMBERS = st.one_of(
    st.integers(-3, 12), st.booleans(), st.none(), st.floats(), st.text(max_size=3), st.lists(st.just(1))
)


@given(version=NUMBERS, expires=NUMBERS, running=st.integers(0, 6), floor=st.integers(0, 8), today=st.integers(0, 9))
def test_the_gatekeeper_keeps_every_word_of_its_statement(reference, version, expires, running, floor, today):
    key, digest = Ed25519PrivateKey.generate(), reference["hashlib"].sha256(b"model").hexdigest()
    header = json.dumps({"version": version, "sha256": digest, "expires": expires}).encode()
    found = reference["accept"](header, key.sign(header), b"model", key.public_key(), running, floor, today)
    whole = [type(number) is int for number in (version, expires)]
    good = all(whole) and version > running and version >= floor and today <= expires
    assert found == (version if good else None) and (found is None or type(found) is int)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_no_signed_header_stops_the_camera(reference, header):
    key, accept = Ed25519PrivateKey.generate(), reference["accept"]
    assert accept(header, key.sign(header), b"model", key.public_key(), 0, 0, 0) is None
    assert accept(header, header[:64], b"model", key.public_key(), 0, 0, 0) is None
