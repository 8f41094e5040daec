"""The scratch folder: fresh for each process, gone with it, swept after a kill, clear when the disk is full."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from companion import WorkspaceError, this_run, workspace
from companion.workspace import _remove, disk_errors

MAKE = "from companion import workspace; w = workspace('job'); (w / 'file').write_text('x'); print(w, flush=True)"


def test_two_calls_get_two_empty_folders(scratch):
    first, second = workspace("job"), workspace("job")
    assert first != second
    assert list(first.iterdir()) == list(second.iterdir()) == []
    assert first.parent == scratch


def test_it_goes_with_its_process(scratch):
    subprocess.run([sys.executable, "-c", MAKE], check=True, capture_output=True)
    assert list(scratch.iterdir()) == []


def test_a_forked_child_does_not_take_its_parents_folder_along(scratch):
    code = MAKE + "\nimport os; pid = os.fork()\nif pid: os.waitpid(pid, 0); assert (w / 'file').exists()"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True)


def test_what_a_killed_process_left_is_swept_by_the_next(scratch):
    process = subprocess.Popen(
        [sys.executable, "-c", MAKE + "; input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    left = process.stdout.readline().decode().strip()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert os.path.isdir(left)
    mine = workspace("other")
    assert not os.path.exists(left)
    assert {path.name for path in scratch.iterdir()} == {mine.name, f".{mine.name}.made"}, "nor its mark"


def test_the_folder_of_a_living_process_is_not_swept(scratch):
    process = subprocess.Popen(
        [sys.executable, "-c", MAKE + "; input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    left = process.stdout.readline().decode().strip()
    workspace("other")
    assert os.path.isdir(left)
    process.communicate(b"\n")


def test_a_readers_own_folder_is_not_swept_whatever_its_name(scratch):
    """What a name looks like says nothing: 2024 was taken for the process id of a kernel that is gone."""
    ours = [scratch / name for name in ("backup-2024-final", "job-999999-abcdefgh", "a-1-b-2-c")]
    for folder in ours:
        folder.mkdir(parents=True)
        (folder / "thesis.txt").write_text("precious")
    workspace("other")
    assert [(folder / "thesis.txt").read_text() for folder in ours] == ["precious"] * 3


def test_the_folder_of_another_machine_is_not_swept(scratch):
    """Storage that all machines see: a process id of there says nothing here."""
    theirs = scratch / "job-999999-abcdefgh"
    theirs.mkdir(parents=True)
    mark = {**this_run.mark(), "place": "another boot, another machine", "pid": 999999}
    (scratch / ".job-999999-abcdefgh.made").write_text(json.dumps(mark))
    workspace("other")
    assert theirs.is_dir()


def test_too_little_space_is_said_before_anything_is_written(scratch):
    with pytest.raises(WorkspaceError, match=r"MiB free, but \d+ MiB are needed.*COMPANION_WORKSPACE"):
        workspace("job", needs=2**60)


def test_a_disk_that_fills_up_is_said_too():
    with pytest.raises(WorkspaceError, match="/dev is full"), disk_errors("/dev"), open("/dev/full", "wb", 0) as full:
        full.write(b"x")


def test_another_error_passes_untouched():
    with pytest.raises(FileNotFoundError), disk_errors("/"):
        Path("/no/such/file").read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_writable_is_said(tmp_path, monkeypatch):
    tmp_path.chmod(0o500)
    monkeypatch.setenv("COMPANION_WORKSPACE", str(tmp_path / "inside"))
    with pytest.raises(WorkspaceError, match="is not writable"):
        workspace("job")


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounting a small disk takes root")
def test_a_small_disk_that_is_full_gives_one_clear_error(tmp_path):
    """A real full disk, in a mount namespace of its own so that nothing stays mounted."""
    code = (
        "from companion import workspace, WorkspaceError\nfrom companion.workspace import disk_errors\n"
        "w = workspace('job')\n"
        "try:\n  with disk_errors(w): (w / 'big').write_bytes(bytes(2_000_000))\n"
        "except WorkspaceError as error: print('said:', error)"
    )
    script = f"mount -t tmpfs -o size=1m tmpfs '{tmp_path}' && COMPANION_WORKSPACE='{tmp_path}/w' '{sys.executable}' -c \"$CODE\""
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], env={**os.environ, "CODE": code}, capture_output=True, text=True
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount namespace here: {done.stderr.strip()[:80]}")
    assert done.stdout.startswith("said: the scratch folder") and "is full" in done.stdout


def test_a_folder_that_a_job_has_made_too_deep_or_closed_is_removed(tmp_path):
    """A thousand folders one in the other end ``shutil.rmtree`` with a RecursionError, which once stopped every later notebook."""
    folder = tmp_path / "left-behind"
    (folder / "closed").mkdir(parents=True)
    (folder / "closed" / "in").touch()
    (folder / "closed").chmod(0)
    here = os.open(folder, os.O_RDONLY)
    try:
        for _ in range(1200):
            os.mkdir(b"d" * 100, dir_fd=here)
            inner = os.open(b"d" * 100, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
        os.close(here)
        _remove(folder)
        assert not folder.exists()
    finally:
        subprocess.run(["rm", "-rf", folder])  # pytest's own clean-up ends as rmtree does
