"""Archives from students are unpacked where nothing in them can do harm."""

import gzip
import io
import os
import tarfile
import zipfile

import pytest

from companion.grading.archives import SafeExtractor
from companion.grading.collect import Upload, choose


@pytest.fixture
def folders(tmp_path):
    for name in ("archive", "extracted"):
        (tmp_path / name).mkdir()
    return tmp_path / "archive", tmp_path / "extracted"


def zipped(entries: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return data.getvalue()


def extract(folders, **settings):
    """``(files by their path, reasons by the name of what was refused)``"""
    archive, extracted = folders
    extractor = SafeExtractor(**settings)
    extractor.extract(str(archive), str(extracted))
    files = {p.relative_to(extracted).as_posix(): p.read_bytes() for p in extracted.rglob("*") if p.is_file()}
    assert not [p for p in extracted.rglob("*") if p.is_symlink()]
    outside = [p for p in archive.parent.iterdir() if p.name not in ("archive", "extracted")]
    assert outside == []
    return files, {refused.name: refused.reason for refused in extractor.refused}


def test_files_archives_and_archives_in_them(folders):
    archive, _ = folders
    (archive / "a__x.IPYNB").write_bytes(b"1")
    (archive / "b.zip").write_bytes(
        zipped({"x.ipynb": b"2", "in.zip": zipped({"c__x.ipynb": b"3"}), "__MACOSX/._x": b"-"})
    )
    (archive / "d__x.ipynb.gz").write_bytes(gzip.compress(b"4"))
    files, refused = extract(folders)
    assert files == {"a__x.ipynb": b"1", "b/x.ipynb": b"2", "b/in/c__x.ipynb": b"3", "d__x.ipynb/d__x.ipynb": b"4"}
    assert refused == {}


@pytest.mark.parametrize("path", ["../x.ipynb", "a/../../x.ipynb", "/tmp/x.ipynb", "C:\\x.ipynb", "..\\x.ipynb"])
def test_paths_that_lead_out_are_refused(folders, path):
    (folders[0] / "evil.zip").write_bytes(zipped({path: b"1", "good.ipynb": b"2"}))
    files, refused = extract(folders)
    assert files == {"evil/good.ipynb": b"2"} and list(refused.values()) == ["its path leads out of the archive"]


def test_links_are_refused(folders):
    os.symlink("/etc/passwd", folders[0] / "linked__x.ipynb")
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"{kind.decode()}.ipynb")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    (folders[0] / "t.tar.gz").write_bytes(data.getvalue())
    files, refused = extract(folders)
    assert files == {} and len(refused) == 4 and set(refused.values()) == {"a link, not a file"}


def test_bombs_are_refused_before_they_are_unpacked(folders):
    (folders[0] / "bomb.zip").write_bytes(zipped({"big.ipynb": bytes(3 * 2**20), "good.ipynb": b"2"}))
    (folders[0] / "many.zip").write_bytes(zipped({f"{n}.ipynb": b"x" for n in range(50)}))
    (folders[0] / "gz.ipynb.gz").write_bytes(gzip.compress(bytes(3 * 2**20)))
    files, refused = extract(folders, largest_file=2**20, most_files=20)
    assert "bomb/big.ipynb" not in files and files["bomb/good.ipynb"] == b"2" and len(files) == 21
    assert "more than 1 MiB" in refused["big.ipynb"] and "more than 1 MiB" in refused["gz.ipynb"]
    assert refused["20.ipynb"] == "more than 20 files"


def test_broken_and_locked_archives_are_refused(folders):
    good = bytearray(zipped({"x.ipynb": b"1" * 50}))
    at = good.index(b"PK\x01\x02")
    good[at + 8] |= 1  # the flag of a password
    (folders[0] / "locked.zip").write_bytes(good)
    (folders[0] / "broken.zip").write_bytes(b"PK\x03\x04")
    (folders[0] / "broken.tar.gz").write_bytes(b"\x1f\x8bx")
    (folders[0] / "broken.gz").write_bytes(b"no")
    files, refused = extract(folders)
    assert files == {} and refused["x.ipynb"] == "locked with a password"
    assert all("can't be opened" in refused[f"broken.{kind}"] for kind in ("zip", "tar.gz", "gz"))


def test_dates_survive_and_names_in_utf8_without_its_flag_are_read(folders):
    data = bytearray(zipped({"müller__x.ipynb": b"1"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(mark) + offset
        data[at : at + 2] = b"\0\0"
    (folders[0] / "mac.zip").write_bytes(data)
    (folders[0] / "old__x.ipynb").write_bytes(b"1")
    os.utime(folders[0] / "old__x.ipynb", (1e9, 1e9))
    files, _ = extract(folders)
    assert set(files) == {"mac/müller__x.ipynb", "old__x.ipynb"}
    assert (folders[1] / "old__x.ipynb").stat().st_mtime == 1e9


@pytest.mark.parametrize(
    ("uploads", "taken"),
    [
        ([("b", 1, 0), ("a", 2, 0)], "a"),  # the newer
        ([("b", 1, 0), ("a", 1, 2)], "a"),  # as old: the higher copy
        ([("a", 1, 0), ("b", 1, 0)], "b"),  # nothing else to go by
    ],
)
def test_of_several_uploads_one_is_taken_and_the_others_are_named(uploads, taken):
    made = [Upload(f, "ann", "ann", "x", changed=changed, copy=copy) for f, changed, copy in uploads]
    choose(made)
    assert [u.file for u in made if u.taken] == [taken]
    (left,) = [u for u in made if not u.taken]
    (last,) = [u for u in made if u.taken]
    assert left.file in last.notes[0] and last.file in left.notes[0]
