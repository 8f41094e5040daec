"""Attacks on what a hospital lets in and out, each as somebody would try it who has read the engine's code.

The table is that of a review in which most of them worked; `OPEN` says which still do. One round runs all of them, on two
hospitals that share a machine and an account, and a researcher who is sent whatever PySyft sends.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from drive import FAKE_GOOGLE, accounts
from processes import assert_gone, new_mark

from companion import SettingError, tree
from companion.engines import pysyft
from companion.engines.pysyft import confine

pytestmark = pytest.mark.usefixtures("scratch", "no_live_engines")
confined = pytest.mark.skipif(not confine.available(), reason="this machine has no Landlock")

#: what a job finds open, and why that is said and not fenced
OPEN = {
    "stat of another hospital's file": "Landlock knows nothing of metadata; a hospital of one's own machine has none beside it",
    "list of names by stat": "the same",
}

#: ways out that one job tries: name -> what it does. `other` is a file of another hospital
WAYS = {
    "read another's data": "open(other).read()",
    "write another's data": "open(other, 'a')",
    "write own data": "open(own, 'a')",
    "truncate own data": "os.truncate(own, 0)",
    "rename into outputs": "os.rename(own, 'outputs/x')",
    "symbolic link": "os.symlink(other, 'outputs/link')",
    "hard link": "os.link(own, 'outputs/link')",
    "list another's folder": "os.listdir(os.path.dirname(other))",
    "list own box": "os.listdir(box)",
    "beside the code": "open('beside.txt', 'w')",
    "the code itself": "open('main.py', 'a')",
    "the packages": "open(np.__file__, 'a')",
    "/tmp": "open('/tmp/companion-attack', 'w')",
    "/dev/shm": "open('/dev/shm/companion-attack', 'w')",
    "chmod of another's": "os.chmod(other, 0)",
    "chown of another's": "os.chown(other, 12345, 12345)",
    "times of another's": "os.utime(other, (1234567, 1234567))",
    "attribute of another's": "os.setxattr(other, 'user.loot', b'x')",
    "attribute of own": "os.setxattr(own, 'user.loot', b'x')",
    "socket to the network": "socket.create_connection(('192.0.2.1', 443), 1)",
    "socket in the file system": "socket.socket(socket.AF_UNIX)",
    "socket to the host": "socket.socket(socket.AF_VSOCK)",
    "socket by its number": "call('socket', 2, 1, 0)",
    "io_uring": "call('io_uring_setup', 8, ctypes.create_string_buffer(200))",
    "shared memory": "call('shmget', 0x5EC, 4096, 0o1666)",
    "message queue": "call('msgget', 0x5EC, 0o1666)",
    "semaphores": "call('semget', 0x5EC, 1, 0o1666)",
    "user's keyring": "call('add_key', b'user', b'loot', b'row', 3, -4)",
    "keyring read": "call('keyctl', 0, -4, 0)",
    "names by inotify": "call('inotify_init1', 0)",
    "names by fanotify": "call('fanotify_init', 0, 0)",
    "signal to the kernel": "os.kill(kernel, 0)",
    "signal to a thread of it": "call('tgkill', kernel, kernel, 0)",
    "kernel's limits": "resource.prlimit(kernel, resource.RLIMIT_NOFILE, (0, 0))",
    "kernel's priority": "os.setpriority(os.PRIO_PROCESS, kernel, 19)",
    "kernel's processors": "os.sched_setaffinity(kernel, {0})",
    "kernel's memory": "open(f'/proc/{kernel}/mem', 'rb').read(1)",
    "kernel's environment": "open(f'/proc/{kernel}/environ').read()",
    "kernel's command line": "open(f'/proc/{kernel}/cmdline').read()",
    "kernel's descriptors": "call('pidfd_open', kernel, 0)",
    "list of processes": "os.listdir('/proc')",
    "traced kernel": "call('ptrace', 16, kernel, 0, 0)",
    "/etc/shadow": "open('/etc/shadow').read()",
    "/etc/passwd": "open('/etc/passwd').read()",
    "/sys": "os.listdir('/sys/class/net')",
    "own session": "os.setsid()",
    "own group": "os.setpgid(0, 0)",
    "other namespaces": "call('unshare', 0x10000000)",
    "stat of another hospital's file": "os.stat(other)",
    "list of names by stat": "os.stat(os.path.dirname(other))",
}
SPY = f"""
import ctypes, os, platform, resource, socket
import numpy as np, syft as sy
own, box = sy.resolve_dataset_file_path("d"), os.environ["SYFTBOX_FOLDER"]
other = str(own).replace("a@example", "b@example").replace(box, box[:-1] + "b")
kernel = int(open("kernel.txt").read())
libc = ctypes.CDLL(None, use_errno=True)
numbers = {confine.FORBIDDEN | confine.SIGNALS!r}
def call(name, *arguments):
    if libc.syscall(numbers[name][platform.machine() != "x86_64"], *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")
ways = {WAYS!r}
for name, way in ways.items():
    try:
        eval(way)
        print("open:", name)
    except OSError as error:
        print("refused:" if error.errno in (1, 13, 18) else "failed:", name, error.errno)
print("variables:", *sorted(os.environ))
print("read:", "SECRET" in open(own).read())
"""
ROW = "row = open(open('own.txt').read()).read().split()[1]\n"  # `import syft` would take seconds
PERMIT = ROW + (
    "open('outputs/syft.pub.yaml', 'w').write(\"rules:\\n- pattern: '**'\\n  access:\\n    read: ['*']\\n    admin: ['*']\\n# \" + row)\n"
    "open('outputs/a.json', 'w').write(row)\n"
)
DETACH = """
import os, time
for _ in range(3):
    if not os.fork():
        try:
            os.setsid()
        except OSError:
            pass
        if not os.fork():
            time.sleep(3)
            open("outputs/late", "w")
        os._exit(0)
"""
#: name -> the code of a job; all of them want a row of the hospital's to reach the researcher, or the hospital to stand still
JOBS = {
    "leaves": DETACH,
    "hangs": DETACH + "time.sleep(300)",
    "spies": SPY,
    "permits-and-fails": PERMIT + "raise SystemExit(3)",
    "permits": PERMIT,
    "long-names": ROW
    + """
import os
os.chdir("outputs")
for number in range(30):
    os.mkdir(f"{row}-{number:03}-" + "x" * 200)
    os.chdir(f"{row}-{number:03}-" + "x" * 200)
""",
    "deep-and-gone": ROW
    + """
import os, shutil, time
top = os.open("outputs", os.O_RDONLY)
os.chdir("outputs")
for number in range(90):
    os.mkdir(row + "x" * 200)
    os.chdir(row + "x" * 200)
if not os.fork():
    time.sleep(0.12)
    os.fchdir(top)
    shutil.rmtree(os.listdir()[0])
""",
    "deepest": "import os\nos.chdir('outputs')\nfor _ in range(1200):\n    os.mkdir('d' * 100)\n    os.chdir('d' * 100)\n",
    "many": "for number in range(3000): open(f'outputs/{number}', 'w')",
    "closed": "import os\nos.umask(0o777)\nos.mkdir('outputs/closed', 0)\nopen('outputs/shut', 'w').close()\nos.mkfifo('outputs/pipe') if 0 else None\n",
    "exit-59": "raise SystemExit(59)",
    "bomb": "import os, time\nfor _ in range(100):\n    if not os.fork(): time.sleep(300)\ntime.sleep(300)\n",
    "memory": "x = bytearray(5 * 2**30)",
    "one-large-file": "open('outputs/a', 'wb').write(bytes(9_000_000))",
}
ROUND = """
import json, os, sys, time
from pathlib import Path
from companion import quiet, workspace
from companion.engines import pysyft
os.environ["REVD_NAME"] = "hospital's business"
owners, researcher = pysyft.connect_many(["a@example.org", "b@example.org"])
folder = workspace("round")
def submit(owner, name, files):
    parcel = folder / name
    for file, text in files.items():
        (parcel / file).parent.mkdir(parents=True, exist_ok=True)
        (parcel / file).write_text(text)
    researcher.submit_python_job(owner.email, str(parcel), name, ["numpy"], entrypoint="main.py")
    owner.sync()
def job_of(client, name):
    (job,) = [job for job in client.job_client.jobs if job.name == name]
    return job
def run(owner, timeout=100):
    owner.process_approved_jobs(stream_output=False, timeout=timeout, share_outputs_with_submitter=True, share_logs_with_submitter=True)
def everything(client):
    return {str(p.relative_to(client.syftbox_folder)): p.read_bytes().decode(errors="replace") for p in client.syftbox_folder.rglob("*") if p.is_file()}
with quiet(prints=True):
    for owner in owners:
        (folder / "private.csv").write_text("a\\nSECRET-" + owner.email[0] + "\\n")
        (folder / "mock.csv").write_text("a\\nmock\\n")
        owner.create_dataset(name="d", mock_path=folder / "mock.csv", private_path=folder / "private.csv", users=[researcher.email])
        researcher.add_peer(owner.email); owner.load_peers(); owner.approve_peer_request(researcher.email)
    researcher.load_peers()
    a, b = owners
"""


def of_round(act: str, timeout: int = 600):
    mark = new_mark()
    done = subprocess.run(
        [sys.executable, "-c", ROUND + act], capture_output=True, text=True, timeout=timeout, env={**os.environ, **mark}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert_gone(mark)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def attacked():
    """All of JOBS, approved by a reviewer who sleeps, at one hospital, one after the other."""
    act = f"""
    found = {{}}
    own = next(path for path in a.syftbox_folder.rglob("private.csv"))
    for name, code in {JOBS!r}.items():
        submit(a, name, {{"main.py": code}})
        job = job_of(a, name)
        pysyft.approve(job, {{"main.py": code.encode(), "kernel.txt": str(os.getpid()).encode(), "own.txt": str(own).encode()}})
        run(a, timeout=2 if name == "hangs" else 100)
        job = job_of(a, name)
        left = pysyft.answer(job)
        if job.status == "done":
            pysyft.release(job, {{"update.json": b"1"}}, [researcher.email])
        a.sync()
        found[name] = {{"verdict": pysyft.verdict(job), "status": job.status, "left": sorted(left), "log": pysyft.log(a, name)}}

    good = "import pandas\\nopen('outputs/a.txt', 'w').write(str('DataFrame' in dir(pandas)))"
    evil = "open('outputs/loot', 'w').write('LOOT')\\nprint('LOOT')\\n"
    submit(a, "two-files", {{"main.py": good, "pandas.py": evil, "sitecustomize.py": evil, "outputs/loot": "LOOT"}})
    job = job_of(a, "two-files")
    sent_along = {{"names": sorted(pysyft.parcel(job))}}
    (job.job_submission_path / "run.sh").write_text("cd code; python pandas.py; cp pandas.py outputs/loot")
    pysyft.approve(job, {{"main.py": good.encode()}})
    (job.code_dir / "main.py").write_text(evil)
    for package in ("companion", "psutil", "code"):  # the guard runs in this folder: what is imported from where?
        place = job.job_submission_path / package
        place.mkdir(exist_ok=True)
        (place / "__init__.py").write_text(f"open({{str(folder / 'ran')!r}}, 'w')")
    submit(a, "not-sealed", {{"main.py": evil}})
    job_of(a, "not-sealed").approve()
    run(a)
    sent_along["answer"] = {{name: text.decode() for name, text in pysyft.answer(job_of(a, "two-files")).items()}}
    sent_along |= {{"ran": (folder / "ran").exists(), "log": pysyft.log(a, "two-files"), "unsealed": pysyft.verdict(job_of(a, "not-sealed"))}}
    for client in (a, b, researcher):
        client.sync()
other = next(path for path in b.syftbox_folder.rglob("private.csv"))
stat = other.stat()
theirs = {{"mode": stat.st_mode & 0o777, "time": stat.st_mtime > 2_000_000, "attributes": os.listxattr(other)}}
late = [path.name for path in a.syftbox_folder.parent.rglob("late")]
print(json.dumps([found, everything(researcher), theirs, os.getpriority(os.PRIO_PROCESS, 0), sent_along, late]))
"""
    return dict(zip(("jobs", "researcher", "theirs", "priority", "sent-along", "late"), of_round(act), strict=True))


@confined
@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_way_out_is_refused_or_stated_as_open(attacked, way):
    lines = attacked["jobs"]["spies"]["log"].splitlines()
    said = [line for line in lines if line.split(": ")[1].rstrip(" 0123456789") == way.rstrip(" 0123456789")]
    assert said, lines
    assert said[0].startswith("open:" if way in OPEN else "refused:"), said


@confined
@pytest.mark.slow
def test_the_spy_has_read_what_it_was_sent_to_read_and_no_variable_of_the_kernel(attacked):
    log = attacked["jobs"]["spies"]["log"]
    assert "read: True" in log
    (variables,) = [line.split()[1:] for line in log.splitlines() if line.startswith("variables:")]
    wanted = {"PATH", "HOME", "TMPDIR", "LANG", "SYFTBOX_FOLDER", "SYFTBOX_EMAIL", "SYFT_IS_IN_JOB"}
    assert set(variables) - {"LC_CTYPE"} == wanted


@confined
@pytest.mark.slow
def test_another_hospitals_file_and_the_kernel_are_as_they_were(attacked):
    assert attacked["theirs"]["mode"] & 0o400 and attacked["theirs"]["time"] and not attacked["theirs"]["attributes"]
    assert attacked["priority"] == os.getpriority(os.PRIO_PROCESS, 0)


@pytest.mark.slow
def test_nothing_of_a_row_reaches_the_researcher_in_a_name_or_a_file(attacked):
    mine = {place: text for place, text in attacked["researcher"].items() if "/job/inbox/" not in place}
    assert sum("SECRET" in place or "SECRET" in text for place, text in mine.items()) == 0
    assert any("/review/" in place for place in mine), "and there is something to look at"


@pytest.mark.slow
def test_only_what_the_owner_released_is_in_the_outputs(attacked):
    released = [place for place in attacked["researcher"] if "/outputs/" in place]
    done = [name for name, job in attacked["jobs"].items() if job["status"] == "done"]
    assert {place.rpartition("/")[2] for place in released} <= {"update.json", "syft.pub.yaml"}
    assert len([place for place in released if place.endswith("update.json")]) == len(done)


@pytest.mark.slow
def test_a_failure_is_one_word_and_no_number_of_the_jobs(attacked):
    codes = {text for place, text in attacked["researcher"].items() if place.endswith("returncode.txt")}
    words = {text for place, text in attacked["researcher"].items() if place.endswith(("stdout.txt", "stderr.txt"))}
    assert codes == {"0", "1", "-1"} and words <= {"", "\n--- PROCESS TIMED OUT ---\n"}, (
        "the last of each is PySyft's own"
    )
    assert attacked["jobs"]["exit-59"]["verdict"] == "failed: exit code 59", "for the owner"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("job", "verdict"),
    [
        ("permits-and-fails", "failed: exit code 3"),
        ("permits", "done"),
        ("long-names", r"stopped: it made folders more than 8 deep"),
        ("deep-and-gone", r"done|stopped: it made folders more than 8 deep"),
        ("deepest", "stopped: it made folders more than 8 deep"),
        ("many", "stopped: it made more than 1,000 files"),
        ("closed", "done"),
        ("bomb", "stopped: it started more than 32 processes"),
        ("one-large-file", "failed: exit code 1|stopped: it wrote more than 1,000,000 bytes"),
    ],
)
def test_a_job_that_spoils_its_folder_costs_that_job(attacked, job, verdict):
    import re

    assert re.fullmatch(verdict, attacked["jobs"][job]["verdict"]), attacked["jobs"][job]


@confined
@pytest.mark.slow
def test_memory_is_limited(attacked):
    assert attacked["jobs"]["memory"]["verdict"] == "failed: exit code 1"
    assert "MemoryError" in attacked["jobs"]["memory"]["log"]


@pytest.mark.slow
def test_what_the_researcher_sends_along_is_named_and_never_run(attacked):
    """A second file, another run.sh, outputs in the parcel, and all of it changed after the approval."""
    found = attacked["sent-along"]
    assert found["names"] == ["main.py", "outputs/loot", "pandas.py", "sitecustomize.py"]
    assert found["answer"] == {"a.txt": "True"} and "LOOT" not in found["log"], (
        "the real pandas, and the owner's main.py"
    )
    assert not found["ran"], "a folder that was sent along passed for a package, outside of the fence"
    assert not [
        place for place in attacked["researcher"] if "/outputs/" in place and "loot" in place and "/review/" in place
    ]


@pytest.mark.slow
def test_a_job_approved_without_being_sealed_does_not_run(attacked):
    assert attacked["sent-along"]["unsealed"].startswith("failed: its owner has not approved it")


@pytest.mark.slow
def test_jobs_that_hang_or_leave_something_running_end_with_all_they_started(attacked):
    told = {name: [attacked["jobs"][name]["status"], attacked["jobs"][name]["verdict"]] for name in ("leaves", "hangs")}
    assert told == {"leaves": ["done", "done"], "hangs": ["failed", "stopped: it took too long"]}
    assert not attacked["late"], "seconds after its end a job has written something"


@pytest.mark.slow
def test_on_a_real_drive_the_fence_is_there_when_asked_for(tmp_path):
    """PySyft's own Drive code on its own simulation. With all four variables set, and what is printed as the channel."""
    code = "print('PRINTED')\ntry:\n    open('/etc/passwd')\n    print('OPEN')\nexcept PermissionError:\n    print('REFUSED')\n"
    start = ROUND.replace(
        'owners, researcher = pysyft.connect_many(["a@example.org", "b@example.org"])',
        "owner, researcher = pysyft.connect(confined=True)\nowners = [owner]",
    ).replace("    a, b = owners\n", "    (a,) = owners\n")
    act = f"""
    submit(a, "prints", {{"main.py": {code!r}}})
    job = job_of(a, "prints")
    pysyft.approve(job, {{"main.py": {code.encode()!r}}})
    run(a)
    a.sync(); researcher.sync()
sent = [text for place, text in everything(researcher).items() if "/review/" in place]
print(json.dumps([job_of(a, "prints").status, any("PRINTED" in text for text in sent), pysyft.log(a, "prints")]))
"""
    done = subprocess.run(
        [sys.executable, "-c", FAKE_GOOGLE + start + act],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **accounts(tmp_path)},
    )
    status, printed, log = json.loads(done.stdout.splitlines()[-1]) if not done.returncode else done.stderr
    assert status == "done" and not printed
    assert "PRINTED" in log and (not confine.available() or "REFUSED" in log)


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "", "a//b", "./a", "a\0b", "outputs/x"])
def test_a_parcel_has_plain_names(name):
    with pytest.raises(SettingError, match="a plain relative name"):
        pysyft.approve(None, {"main.py": b"", name: b""})
    with pytest.raises(SettingError, match="a job runs main"):
        pysyft.approve(None, {"other.py": b""})


def test_a_file_and_a_folder_of_one_name_are_refused():
    with pytest.raises(SettingError, match="the name of a file"):
        pysyft.approve(None, {"main.py": b"", "main.py/x": b""})


@pytest.mark.parametrize("name", ["syft.pub.yaml", "a/syft.pub.yaml", "Syft.Pub.YAML"])
def test_a_permission_file_is_never_released(name):
    with pytest.raises(SettingError, match="decides who reads"):
        pysyft.release(None, {name: b""}, [])


def test_a_folder_is_measured_and_removed_whatever_is_in_it(tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    (tmp_path / "precious").write_text("x")
    os.symlink(tmp_path, top / "link")
    os.symlink(tmp_path / "precious", top / "link-to-file")
    (top / "closed").mkdir()
    (top / "closed" / "in").write_text("x" * 10)
    (top / "closed").chmod(0)
    (top / os.fsdecode(b"\xff\xfe")).write_text("x" * 5)
    os.mkfifo(top / "pipe")
    here = os.open(top, os.O_RDONLY)
    try:
        for _ in range(1200):  # far longer than a path may be
            os.mkdir(b"d" * 100, dir_fd=here)
            inner = os.open(b"d" * 100, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
        os.close(here)
        files, size, deep = tree.measure(top, 8, 1000)
        assert deep and 5 <= files <= 20 and size >= 5
        found = tree.plain_files(top, 1000, 100, 8)
        assert found["link"] is None and found["link-to-file"] is None and found["pipe"] is None
        tree.remove(top)
        assert not top.exists() and (tmp_path / "precious").read_text() == "x"
        tree.remove(top)
    finally:
        subprocess.run(["rm", "-rf", top])  # pytest's own clean-up ends with a RecursionError


def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "secret").write_text("x")
    (tmp_path / "code").symlink_to(tmp_path / "theirs")
    assert tree.plain_files(tmp_path / "code", 1000, 100, 8) == {".": None}
    tree.remove(tmp_path / "code")
    assert (tmp_path / "theirs" / "secret").exists() and not (tmp_path / "code").is_symlink()


def test_more_files_or_bytes_than_a_parcel_may_have_are_named_and_not_read(tmp_path):
    for number in range(9):
        (tmp_path / f"{number}").write_bytes(b"x" * 10)
    assert list(tree.plain_files(tmp_path, 1000, 4, 8)) == ["0", "1", "2", "3", "..."]
    found = tree.plain_files(tmp_path, 35, 100, 8)
    assert [name for name, content in found.items() if content is None] == ["3", "4", "5", "6", "7", "8"]


def test_the_filter_knows_both_processors_by_the_kernels_own_list():
    """Numbers against the machine's own headers, where they are installed."""
    header = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"
    if not os.path.exists(header):
        pytest.skip("no kernel headers here")
    numbers = dict(
        line.split()[1:3] for line in Path(header).read_text().splitlines() if line.startswith("#define __NR_")
    )
    for name, (ours, _) in (confine.FORBIDDEN | confine.SIGNALS).items():
        assert numbers.get(f"__NR_{name}", str(ours)) == str(ours), name
