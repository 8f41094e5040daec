"""Five hospitals: the split, the confinement of their jobs tried by jobs that want out, and the notebook's own rules."""

import ast
import json
import os
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from conftest import NOTEBOOKS
from processes import assert_gone, new_mark

from companion import DatasetError, EngineUnavailable
from companion.book import chapter
from companion.datasets import hospital
from companion.engines import pysyft
from companion.engines.pysyft import confine, jobs

pytestmark = pytest.mark.usefixtures("scratch", "no_live_engines")
confined = pytest.mark.skipif(not confine.available(), reason="this machine has no Landlock")


def test_every_patient_is_in_one_hospital_or_in_the_test():
    table = hospital.records()
    found, test = hospital.sites(table)
    everybody = [number for part in (*found.values(), test) for number in part["patient_id"]]
    assert sorted(everybody) == sorted(table["patient_id"])
    assert tuple(found) == tuple(hospital.SITES) and len(test) == len(table) // 5


def test_the_hospitals_are_unbalanced_and_skewed_as_written():
    found, test = hospital.sites(hospital.records(), seed=3)
    share = {name: part["malignant"].mean() for name, part in found.items()}
    assert len(found["university"]) > 5 * len(found["rural"])
    assert share["screening"] < 0.15 < test["malignant"].mean() < 0.85 < share["referral"]


def test_the_same_seed_gives_the_same_split():
    table = hospital.records()
    first, again, other = (hospital.sites(table, seed)[0]["city"] for seed in (1, 1, 2))
    assert first.equals(again) and not first.equals(other)


def test_wrong_and_too_few_patients_are_refused():
    table = hospital.records()
    with pytest.raises(DatasetError, match="wrong columns"):
        hospital.sites(table.drop(columns="area"))
    with pytest.raises(DatasetError, match="12 patients are too few"):
        hospital.sites(table.head(12))


@pytest.mark.parametrize("owners", [[], ["a@x.org", "a@y.org"], ["researcher@z.org"]])
def test_owners_need_names_of_their_own(owners):
    with pytest.raises(ValueError, match="one name before the @"):
        pysyft.connect_many(owners)


def test_many_owners_on_a_real_drive_are_sent_to_their_own_computers(monkeypatch):
    monkeypatch.setattr(jobs, "check_prepared", lambda: None)
    monkeypatch.setenv("SYFT_DO_EMAIL", "a@example.org")
    with pytest.raises(EngineUnavailable, match="each owner connects on its own computer"):
        pysyft.connect_many(["a@example.org"])


def restricted(code: str, readable: str, writable: str) -> list[str]:
    script = f"from companion.engines.pysyft import confine\nconfine.restrict([{readable!r}, '/usr', '/lib', '/lib64', {sys.prefix!r}, {sys.base_prefix!r}], [{writable!r}])\n"
    script += "def way(act):\n    try:\n        act()\n        print('open')\n    except OSError:  # a link across the border is one between devices\n        print('refused')\n"
    done = subprocess.run(
        [sys.executable, "-c", "import os, pathlib, socket\n" + script + code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@confined
def test_a_restricted_process_reads_writes_and_talks_only_where_it_may(tmp_path):
    for name in ("mine", "out", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name)
    base = f"base = pathlib.Path({str(tmp_path)!r})\n"
    code = (
        base
        + """
way(lambda: (base / "mine/a.txt").read_text())
way(lambda: (base / "out/b.txt").write_text("x"))
way(lambda: (base / "theirs/a.txt").read_text())
way(lambda: os.listdir(base / "theirs"))
way(lambda: (base / "mine/a.txt").write_text("x"))
way(lambda: os.link(base / "mine/a.txt", base / "out/c.txt"))
way(lambda: (base / "theirs/new").touch())
way(lambda: os.symlink(base / "theirs/a.txt", base / "out/link"))
way(lambda: (base / "out/link").read_text())
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
    way(lambda: socket.socket(family, socket.SOCK_DGRAM))
"""
    )
    found = restricted(code, str(tmp_path / "mine"), str(tmp_path / "out"))
    assert found == ["open"] * 2 + ["refused"] * 11
    assert (tmp_path / "mine" / "a.txt").read_text() == "mine"


@confined
def test_a_restricted_process_can_neither_signal_nor_hand_down_less(tmp_path):
    (tmp_path / "theirs").write_text("theirs")
    code = f"way(lambda: os.kill({os.getpid()}, 0))\n"
    code += f"""
import subprocess, sys
child = subprocess.run([sys.executable, "-c", "open({str(tmp_path / "theirs")!r})"], capture_output=True)
print("refused" if child.returncode else "open")
"""
    found = restricted(code, str(tmp_path / "none"), str(tmp_path / "none"))
    assert found[-1] == "refused"
    if confine._landlock_version() >= 6:
        assert found[0] == "refused"


ROUND = """
import json, sys
from companion import quiet, workspace
from companion.engines import pysyft
owners, researcher = pysyft.connect_many(["a@example.org", "b@example.org"])
folder = workspace("round")
def submit(owner, name, code, approve=True):
    (folder / "main.py").write_text(code)
    researcher.submit_python_job(owner.email, str(folder / "main.py"), name, ["numpy"])
    owner.sync()
    (job,) = [job for job in owner.job_client.jobs if job.name == name]
    if approve: job.approve()
def told(owner, name):
    (job,) = [job for job in owner.job_client.jobs if job.name == name]
    return [job.status, (job.job_review_path / "stderr.txt").read_text().strip("- \\n")]
with quiet(prints=True):
    for owner in owners:
        (folder / "private.csv").write_text("a\\nSECRET-" + owner.email[0] + "\\n")
        (folder / "mock.csv").write_text("a\\nmock\\n")
        owner.create_dataset(name="d", mock_path=folder / "mock.csv", private_path=folder / "private.csv", users=[researcher.email])
        researcher.add_peer(owner.email); owner.load_peers(); owner.approve_peer_request(researcher.email)
    researcher.load_peers()
    a, b = owners
"""


def of_round(act: str, timeout: int = 240):
    mark = new_mark()
    done = subprocess.run(
        [sys.executable, "-c", ROUND + act], capture_output=True, text=True, timeout=timeout, env={**os.environ, **mark}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert_gone(mark)
    return json.loads(done.stdout.splitlines()[-1])


@confined
@pytest.mark.slow
def test_a_confined_job_gets_at_its_own_data_and_nowhere_else(tmp_path):
    code = f"""
import os, pathlib, socket, syft as sy
box = pathlib.Path(os.environ["SYFTBOX_FOLDER"])
print("SECRET-a" in open(sy.resolve_dataset_file_path("d")).read())
for way in (
    lambda: os.listdir(box.parent / "b"), lambda: open(box.parent / "b" / "b@example.org" / "x", "w"), lambda: os.listdir(box),
    lambda: socket.create_connection(("192.0.2.1", 443), 1), lambda: open("beside.txt", "w"), lambda: open("main.py", "a"),
    lambda: open({str(tmp_path / "x")!r}, "w"), lambda: open(sy.__file__, "a"), lambda: open(".venv/pyvenv.cfg", "a"),
    lambda: os.symlink({str(tmp_path)!r}, "outputs/link"), lambda: open("/proc/" + str(os.getppid()) + "/environ").read(),
):
    try:
        way(); print("open")
    except PermissionError:
        print("refused")
open("outputs/a.txt", "w").write("fine")
"""
    act = f"""
    submit(a, "spy", {code!r})
    submit(b, "waits", "open({str(tmp_path / "ran")!r}, 'w')", approve=False)
    for owner in owners:
        owner.process_approved_jobs(stream_output=False, timeout=200, share_outputs_with_submitter=True)
    researcher.sync()
files = {{path.name: path.read_bytes() for path in researcher.syftbox_folder.rglob("*") if path.is_file()}}
jobs = {{job.name: job.status for job in researcher.job_client.jobs}}
print(json.dumps([pysyft.log(a, "spy").split(), jobs, any(b"SECRET" in text for text in files.values()), "a.txt" in files]))
"""
    said, jobs, leaked, arrived = of_round(act)
    # a job may look at its own parent shell, which is confined with it
    assert said[:11] == ["True"] + ["refused"] * 10, said
    assert jobs == {"spy": "done", "waits": "pending"} and not leaked and arrived
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_jobs_that_hang_flood_fill_or_raise_are_stopped_and_the_others_go_on():
    jobs = {
        "hangs": "import os, time\nprint('SECRETWORD', flush=True)\nif os.fork(): time.sleep(300)\nos.setsid()\ntime.sleep(300)",
        "floods": "while True: print('SECRETWORD' * 1000)",
        "fills": "import time\nfor i in range(10_000): open(f'outputs/{i}', 'w').write('SECRETWORD' * 10_000); time.sleep(0.001)",
        "raises": "raise ValueError('SECRETWORD')",
        "works": "open('outputs/a.txt', 'w').write('fine')",
    }
    act = f"""
    for name, code in {jobs!r}.items():
        submit(a, name, code)
        a.process_approved_jobs(stream_output=False, timeout=8 if name == "hangs" else 100, share_outputs_with_submitter=True)
    researcher.sync()
said = {{name: told(a, name) for name in {list(jobs)!r}}}
files = [path.read_bytes() for path in researcher.syftbox_folder.rglob("*") if path.is_file() and path.name != "main.py"]
logs = [len(pysyft.log(a, name)) for name in said]
print(json.dumps([said, sum(b"SECRETWORD" in text for text in files), pysyft.log(a, "raises"), max(logs)]))
"""
    said, leaked, log, longest = of_round(act)
    limit = f"{confine.MOST_BYTES:,}"
    assert said["hangs"] == ["failed", "PROCESS TIMED OUT"]
    assert said["floods"] == ["failed", f"stopped: it printed more than {limit} bytes"]
    assert said["fills"] == ["failed", f"stopped: it wrote more than {limit} bytes"]
    assert said["raises"] == ["failed", "failed: exit code 1"] and "ValueError: SECRETWORD" in log
    assert said["works"] == ["done", ""]
    assert leaked == 0 and longest < 1.1 * confine.MOST_BYTES


def taught(*names: str) -> dict:
    """The notebook's own definitions of these names and its training code, executed."""
    cells = nbformat.read(NOTEBOOKS / chapter("pysyft_hospitals").file, as_version=4).cells
    namespace = {"np": np, "json": json}
    for cell in cells:
        if cell.cell_type == "code" and "nbgrader" not in cell.metadata:
            for node in ast.parse(cell.source).body:
                name = node.targets[0] if isinstance(node, ast.Assign) else node
                name = getattr(name, "name", getattr(name, "id", None))
                if name == "TRAINING":
                    exec(ast.literal_eval(node.value), namespace)  # noqa: S102
                if name in (*names, "start"):
                    exec(ast.get_source_segment(cell.source, node), namespace)  # noqa: S102
    return namespace


def update(**changes) -> str:
    return json.dumps({"patients": 23, "weights": [0.5] * 9} | changes)


@pytest.mark.parametrize(
    "text",
    [
        update(patients=24),
        update(weights=[0.5] * 8),
        update(weights=[0.5] * 8 + [float("nan")]),
        update(weights=[0.5] * 8 + [1234567.0]),
        update(weights=[0.5] * 8 + ["MRN-1234567"]),
        update(weights={}),
        update(weights=None),
        "[" * 100_000,
        "[]",
        "5",
        "MRN-1234567",
        "",
    ],
)
def test_only_an_update_in_the_agreed_form_is_released(text):
    assert taught("agreed")["agreed"](text, 23) is None


def test_an_agreed_update_is_written_anew():
    found = taught("agreed")["agreed"](update(note="MRN-1234567"), 23)
    assert found == {"patients": 23, "weights": [0.5] * 9}


def test_one_step_each_is_one_pooled_step_only_with_the_patients_as_weights():
    names = taught("weighted_mean", "fedavg")
    rng = np.random.default_rng(7)
    sites = {
        n: (rng.normal(size=(size, 9)), rng.integers(0, 2, size)) for n, size in zip("abc", (5, 50, 500), strict=True)
    }
    pooled = [np.concatenate(part) for part in zip(*sites.values(), strict=True)]
    start = rng.normal(size=9)
    ideal = names["train"](start, *pooled, 1)
    assert np.abs(names["fedavg"](sites, 1, 1, start) - ideal).max() < 1e-12
    plain = np.mean([names["train"](start, *site, 1) for site in sites.values()], axis=0)
    assert np.abs(plain - ideal).max() > 1e-3
