"""The hospital's data, PySyft's engine, and the round: without a network, refused where it must be, gone when killed."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from drive import FAKE_GOOGLE, accounts
from harness import chapters
from processes import assert_gone, marked, new_mark, until
from readme import checked

from companion import DatasetError, EngineUnavailable, quiet
from companion.book import chapter
from companion.datasets import hospital
from companion.engines import pysyft
from companion.engines.pysyft import jobs

pytestmark = pytest.mark.usefixtures("scratch", "no_live_engines")


def test_records_are_the_real_measurements_under_made_up_numbers():
    table = hospital.records()
    assert tuple(table.columns) == hospital.COLUMNS
    assert len(table) == 569 and table["malignant"].sum() == 212
    assert table["patient_id"].is_unique and table["patient_id"].str.fullmatch(r"MRN-\d{7}").all()
    assert table.equals(hospital.records())
    assert not table["patient_id"].equals(hospital.records(seed=1)["patient_id"])


def test_the_mock_holds_no_patient():
    table = hospital.records()
    mock = hospital.mock(table)
    assert tuple(mock.columns) == tuple(table.columns)
    assert not set(mock["patient_id"]) & set(table["patient_id"])
    # nor a relation between columns: radius and perimeter of a tumour go together, of a mock they don't
    assert table["radius"].corr(table["perimeter"]) > 0.99
    assert abs(mock["radius"].corr(mock["perimeter"])) < 0.4


def test_another_table_is_refused_and_its_columns_named():
    with pytest.raises(DatasetError, match=r"wrong columns: \['age', 'area'\]"):
        hospital.mock(hospital.records().rename(columns={"area": "age"}))


def test_unprepared_jobs_say_which_command(monkeypatch, tmp_path):
    monkeypatch.setattr(jobs, "_stamp", lambda: tmp_path / "none")
    with pytest.raises(EngineUnavailable, match=r"Once, with a network: python -m companion\.engines\.pysyft"):
        pysyft.connect()
    assert pysyft.probe().mode == "missing"


def test_half_a_google_drive_says_which_half_is_missing(monkeypatch, tmp_path):
    for party in ("DO", "DS"):
        monkeypatch.setenv(f"SYFT_{party}_EMAIL", checked(f"SYFT_{party}_EMAIL", "a@example.org"))
        token = checked(f"SYFT_{party}_TOKEN_PATH", str(tmp_path / "none.json"))
        monkeypatch.setenv(f"SYFT_{party}_TOKEN_PATH", token)
        missing = ["SYFT_DS_EMAIL", "SYFT_DS_TOKEN_PATH"] * (party == "DO")
        files = [f"the file in SYFT_{each}_TOKEN_PATH" for each in ("DO", "DS")[: 1 + (party == "DS")]]
        with pytest.raises(EngineUnavailable, match=f"missing: {', '.join(missing + files)}"):
            pysyft.connect()


def test_a_changed_job_environment_is_refused_and_repaired(monkeypatch, tmp_path):
    """A job can edit its environment's files, which are the prepared ones: later jobs must not run on that."""
    package = tmp_path / "lib" / "package.py"
    package.parent.mkdir()
    package.write_text("VALUE = 1\n")
    monkeypatch.setattr(jobs, "_template", lambda: tmp_path)
    (tmp_path / "complete").write_text(jobs._fingerprint(tmp_path))
    jobs.check_prepared()
    pysyft.prepare()  # stands already: does nothing
    assert package.exists()
    package.write_text("VALUE = 2; steal()\n")
    with pytest.raises(EngineUnavailable, match=r"a job has changed it.*python -m companion\.engines\.pysyft"):
        pysyft.connect()


def test_a_preparation_that_fails_leaves_what_was_there(monkeypatch, tmp_path):
    target = tmp_path / "environment"
    (target / "lib").mkdir(parents=True)
    (target / "complete").write_text("of other versions")
    monkeypatch.setattr(jobs, "_template", lambda: target)
    monkeypatch.setattr(jobs, "_cache", lambda: tmp_path / "empty")
    monkeypatch.setenv("UV_OFFLINE", "1")
    with pytest.raises(EngineUnavailable, match="job environment can't be made"):
        pysyft.prepare()
    assert (target / "complete").read_text() == "of other versions"
    assert not list(tmp_path.glob("environment.*"))


ROUND = """
import sys, time
from companion import quiet, workspace
from companion.engines import pysyft
hospital, researcher = pysyft.connect()
folder = workspace("round")
(folder / "private.csv").write_text("a\\nSECRETROW\\n")
(folder / "mock.csv").write_text("a\\nmock\\n")
(folder / "job.py").write_text({code!r})
with quiet(prints=True):
    hospital.create_dataset(name="d", mock_path=folder / "mock.csv", private_path=folder / "private.csv", summary="s", users=[researcher.email])
    researcher.add_peer(hospital.email); hospital.load_peers(); hospital.approve_peer_request(researcher.email); researcher.load_peers()
    researcher.submit_python_job(hospital.email, str(folder / "job.py"), job_name="job", dependencies=[])
    hospital.sync()
    (job,) = hospital.job_client.jobs
{act}
"""


def round_script(code: str, act: str) -> str:
    return ROUND.format(code=code, act=act)


@pytest.mark.slow
def test_a_rejected_job_never_runs_and_nothing_comes_back(tmp_path):
    code = f"open({str(tmp_path / 'ran')!r}, 'w')"
    act = """
with quiet(prints=True):
    job.reject("it opens files")
    hospital.process_approved_jobs(stream_output=False, share_outputs_with_submitter=True)
    researcher.sync()
print(researcher.job_client.jobs[0].status, [p.name for p in researcher.syftbox_folder.rglob("*.txt")])
"""
    done = subprocess.run([sys.executable, "-c", round_script(code, act)], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "rejected []", done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_a_job_that_hangs_is_stopped_and_reported():
    act = """
with quiet(prints=True):
    job.approve()
    hospital.process_approved_jobs(stream_output=False, timeout=6)
(log,) = hospital.syftbox_folder.rglob("stderr.txt")
print(hospital.job_client.jobs[0].status, "TIMED OUT" in log.read_text())
"""
    mark = new_mark()
    script = round_script("import time; time.sleep(300)", act)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, env={**os.environ, **mark}
    )
    assert done.stdout.strip() == "failed True", done.stderr
    assert_gone(mark)


@pytest.mark.slow
def test_a_running_job_dies_with_its_killed_kernel(tmp_path):
    mark = new_mark()
    act = "\nwith quiet(prints=True):\n    job.approve()\n    hospital.process_approved_jobs(stream_output=False)\n"
    script = round_script(f"open({str(tmp_path / 'runs')!r}, 'w').close()\nimport time; time.sleep(300)", act)
    kernel = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, **mark}, stderr=subprocess.DEVNULL)
    assert until(lambda: (tmp_path / "runs").exists(), 60)
    assert len(marked(mark)) >= 3, "kernel, guard, job"
    kernel.send_signal(signal.SIGKILL)
    kernel.wait()
    assert_gone(mark)


@pytest.mark.slow
def test_with_tokens_the_round_is_encrypted_and_stays_out_of_the_home_folder(tmp_path, scratch):
    """PySyft's own Drive code, on PySyft's own simulation of Google's service; as far as it goes without an account."""
    env = {**os.environ, "HOME": str(tmp_path / "home"), **accounts(tmp_path)}
    (tmp_path / "home").mkdir()
    code = "import os\nopen('outputs/a.txt', 'w').write('the' + 'answer' + str([k for k in os.environ if 'TOKEN_PATH' in k]))"
    act = """
with quiet(prints=True):
    job.approve()
    hospital.process_approved_jobs(stream_output=False, share_outputs_with_submitter=True)
    researcher.sync()
(answer,) = researcher.job_client.jobs[0].output_paths
drive = pysyft.on_the_drive(hospital, researcher)
assert len(drive) >= sum(1 for file in store.files.values() if file.content)
found = [word for word in (b"SECRETROW", b"theanswer", b"TOKEN_PATH") if any(word in content for content in drive.values())]
print(hospital.email, answer.read_text(), found)
with quiet(prints=True):
    again, _ = pysyft.connect()
print([(job.name, job.status) for job in again.job_client.jobs])
"""
    script = FAKE_GOOGLE + round_script(code, act)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, env=env)
    assert done.stdout.splitlines() == ["do@example.org theanswer[] []", "[('job', 'done')]"], done.stderr
    assert not list((tmp_path / "home").iterdir())
    assert not done.stderr, "PySyft's own chatter"


@pytest.mark.slow
def test_the_operators_view_would_show_what_is_not_encrypted(scratch):
    """The search that finds nothing in the notebook does find code and answer on a drive without encryption."""
    act = """
with quiet(prints=True):
    job.approve()
    hospital.process_approved_jobs(stream_output=False, share_outputs_with_submitter=True)
drive = pysyft.on_the_drive(hospital, researcher)
print(*(any(word in content for content in drive.values()) for word in (b"plain_code", b"theanswer", b"SECRETROW")))
"""
    code = "plain_code = 'the' + 'answer'\nopen('outputs/a.txt', 'w').write(plain_code)"
    plain = """
from syft_rds import SyftRDSClient
pair = SyftRDSClient.pair_with_mock_drive_service_connection
SyftRDSClient.pair_with_mock_drive_service_connection = lambda **options: pair(**{**options, "encryption": False})
"""
    done = subprocess.run(
        [sys.executable, "-c", plain + round_script(code, act)], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "True True False", done.stderr


@pytest.mark.slow
def test_an_unapproved_job_never_runs_and_a_stranger_gets_nothing(tmp_path, scratch):
    act = """
with quiet(prints=True):
    hospital.process_approved_jobs(stream_output=False, share_outputs_with_submitter=True)
    stranger_owner, stranger = pysyft.connect(scientist="stranger@example.org")
    visible = stranger.datasets.get_all()
    stranger.submit_python_job(hospital.email, str(folder / "job.py"), job_name="strange", dependencies=[])
    [line] = stranger.peer_manager.connection_router.connections
    line.create_peer_datasite_folders(stranger_owner.email)
    stranger.sync_engine.push_job_files(stranger.job_client.submit_python_job(stranger_owner.email, str(folder / "job.py"), job_name="pushed"))
    assert any(b"open(" in content for content in pysyft.on_the_drive(stranger).values()), "in plain text"
    hospital.sync(); stranger_owner.sync()
files = [path.read_bytes() for party in (researcher, stranger) for path in party.syftbox_folder.rglob("*") if path.is_file()]
print(job.status, len(visible), len(stranger_owner.job_client.jobs), len(hospital.job_client.jobs), any(b"SECRETROW" in f for f in files))
# open, and said in the notebook: approved later, what was pushed in plain text is not taken, but stops the post
with quiet(prints=True):
    stranger.add_peer(stranger_owner.email); stranger_owner.load_peers(); stranger_owner.approve_peer_request(stranger.email)
try:
    with quiet(prints=True):
        stranger_owner.sync()
except ValueError as error:
    print("SYC envelope" in str(error), len(stranger_owner.job_client.jobs))
"""
    code = f"open({str(tmp_path / 'ran')!r}, 'w')"
    done = subprocess.run([sys.executable, "-c", round_script(code, act)], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == ["pending 0 0 1 False", "True 0"], done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_what_a_job_detaches_ends_with_the_job(scratch):
    code = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    [os.close(f) for f in (0, 1, 2)]\n    time.sleep(300)"
    act = "\nwith quiet(prints=True):\n    job.approve()\n    hospital.process_approved_jobs(stream_output=False)\n"
    act += "print(hospital.job_client.jobs[0].status)"
    mark = new_mark()
    done = subprocess.run(
        [sys.executable, "-c", round_script(code, act)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **mark},
    )
    assert done.stdout.strip() == "done", done.stderr
    assert_gone(mark)


LOOT = """
table = pd.read_csv(sy.resolve_dataset_file_path("tumours"))
import os, time
honest = json.dumps(answer(sy.resolve_dataset_file_path("tumours")))
box, loot, out = Path(os.environ["SYFTBOX_FOLDER"]), table.head(3).to_csv(), Path("outputs/answer.json")
"""
#: what the thief does, and whether its job is done (with the agreed numbers only) or rejected
THIEVES = {
    "by a link": ("out.symlink_to(sy.resolve_dataset_file_path('tumours'))", False),
    "as bytes": ("out.write_bytes(b'\\xff' * 99)", False),
    "beside everything, by a permission file, and by approving": (
        "out.write_text(honest); Path('outputs', table.patient_id[0]).write_text(loot)\n"
        "Path('outputs/syft.pub.yaml').write_text(\"rules: [{pattern: '**', access: {read: ['*']}}]\")\n"
        "[p.write_text(p.read_text().replace('pending', 'approved')) for p in box.rglob('state.yaml')]\n"
        "[(p / 'loot.txt').write_text(loot) for p in box.rglob('*') if p.is_dir() and '.venv' not in p.parts]",
        True,
    ),
}


def taught(*names: str) -> str:
    """The notebook's own definitions of these names, as they stand there."""
    found = chapters.defined(chapter("pysyft_healthcare"))
    return "\n\n".join(found[name] for name in names)


QUARANTINE = """
import json, shutil
from companion import quiet, workspace
from companion.datasets import hospital as data
from companion.engines import pysyft
hospital, researcher = pysyft.connect()
from syft_job import JobClient, SyftJobConfig
from syft_job.job_runner import SyftJobRunner
folder, private = workspace("round"), data.records()
secrets = set(private["patient_id"])
private.to_csv(folder / "private.csv", index=False)
data.mock(private).to_csv(folder / "mock.csv", index=False)
{taught}
with quiet(prints=True):
    hospital.create_dataset(name="tumours", mock_path=folder / "mock.csv", private_path=folder / "private.csv", users=[researcher.email])
    researcher.add_peer(hospital.email); hospital.load_peers(); hospital.approve_peer_request(researcher.email); researcher.load_peers()
    (folder / "waiting.py").write_text("import syft as sy")
    submit("waiting", folder / "waiting.py")
    for name, (code, _) in {thieves!r}.items():
        (folder / "thief.py").write_text("import syft as sy\\n" + QUESTION + {loot!r} + code)
        submit(name, folder / "thief.py")
        run_and_release(name)
        researcher.sync()
    told = {{job.name: (job.status, [path.read_text() for path in job.output_paths]) for job in researcher.job_client.jobs}}
print(len(stolen()), told.pop("waiting")[0])
print(json.dumps(told))
"""


@pytest.mark.parametrize(
    "text",
    [
        '{"MRN-1234567": 1}',
        '{"patients": 569, "accuracy": 0.9, "MRN-1234567": 1}',
        '{"patients": 568, "accuracy": 0.9}',
        '{"patients": 569, "accuracy": "MRN-1234567"}',
        '{"patients": 569, "accuracy": 0.9123}',
        '{"patients": 569, "accuracy": 0.1234567}',
        '{"patients": 569, "accuracy": 1234567.0}',
        '{"patients": 569, "accuracy": NaN}',
        '{"patients": 569, "accuracy": [0.9]}',
        '{"patients": 569}',
        "[0.9]",
        "[" * 200,
        "null",
        "",
    ],
)
def test_only_the_agreed_numbers_are_agreed(text):
    namespace = {"json": json, "private": range(569)}
    exec(taught("agreed"), namespace)  # noqa: S102
    assert namespace["agreed"](text) is None


def test_the_agreed_numbers_are_written_anew():
    namespace = {"json": json, "private": range(569)}
    exec(taught("agreed"), namespace)  # noqa: S102
    hidden = '{"accuracy": "MRN-1234567",   "patients": 569, "accuracy": 0.9}'
    assert namespace["agreed"](hidden) == {"patients": 569, "accuracy": 0.9}


@pytest.mark.slow
def test_no_thief_gets_past_the_notebooks_quarantine(scratch):
    """The control as the notebook writes it, against more thieves than it shows; a job is done only with clean numbers."""
    functions = taught("QUESTION", "submit", "job_of", "stolen", "agreed", "run_in_quarantine", "run_and_release")
    script = QUARANTINE.format(taught=functions, thieves=THIEVES, loot=LOOT)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    summary, told = done.stdout.splitlines()
    assert summary == "0 pending"
    assert json.loads(told).keys() == THIEVES.keys()
    for name, (status, outputs) in json.loads(told).items():
        assert status == ("done" if THIEVES[name][1] else "rejected"), name
        assert all(set(json.loads(text)) == {"patients", "accuracy"} and len(text) < 60 for text in outputs), name


def unshared(command: list[str]) -> list[str] | None:
    """The command with a loopback interface and nothing else; None where that is not permitted."""
    for prefix in (["unshare", "-n"], ["unshare", "-rn"]):
        if (
            shutil.which("unshare")
            and subprocess.run([*prefix, "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0
        ):
            return [*prefix, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]
    return None


@pytest.mark.slow
def test_a_round_runs_without_a_network(scratch):
    """All that the notebook asks of PySyft beside what any program does: clients, peers, a job in its own environment, an answer."""
    code = "from sklearn.linear_model import LogisticRegression\nimport pandas\nopen('outputs/a.txt', 'w').write('learned')"
    act = """
with quiet(prints=True):
    job.approve()
    hospital.process_approved_jobs(stream_output=False, share_outputs_with_submitter=True)
    researcher.sync()
print(job.status, [path.read_text() for path in researcher.job_client.jobs[0].output_paths])
"""
    script = round_script(code, act).replace("dependencies=[]", "dependencies=['pandas', 'scikit-learn']")
    command = unshared([sys.executable, "-c", script])
    if command is None:
        pytest.skip("no network namespace here (unshare -n)")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "approved ['learned']", done.stdout + done.stderr[-2000:]


PARCELS = """
with quiet(prints=True):
    (folder / "other.py").write_text("print('not reviewed')")
    def send(name, change):
        sent = researcher.job_client.submit_python_job(hospital.email, str(folder / "job.py"), job_name=name, dependencies=[])
        change(sent)
        researcher.sync_engine.push_job_files(sent)
        hospital.sync()
        return parcel(next(job for job in hospital.job_client.jobs if job.name == name))
    def rewrite(path, old, new):
        path.write_text(path.read_text().replace(old, new))
    reviewed = parcel(job)
    same = send("same", lambda sent: None)
    beside = send("beside", lambda sent: (sent / "code" / "pandas.py").write_text("print('not reviewed')"))
    deeper = send("deeper", lambda sent: ((sent / "code" / "a").mkdir(), (sent / "code" / "a" / "b.py").write_text("")))
    start = send("start", lambda sent: rewrite(sent / "run.sh", "job.py", "-c pass"))
    blank = send("blank", lambda sent: rewrite(sent / "run.sh", "cd code", "cd  code"))
    (job.code_dir / ".hidden").write_text("")  # PySyft does not carry it; however it came, it is seen
    hidden = parcel(job)
print(same == reviewed, [other == reviewed for other in (beside, deeper, start, blank, hidden)])
"""


@pytest.mark.slow
def test_a_parcel_is_as_reviewed_only_if_all_of_it_is(scratch):
    """The notebook's own ``parcel``: a file more anywhere, or one blank more in run.sh, is another parcel."""
    done = subprocess.run(
        [sys.executable, "-c", round_script("pass", taught("parcel") + "\n" + PARCELS)],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.stdout.strip() == f"True {[False] * 5}", done.stdout + done.stderr[-2000:]


def test_quiet_hides_prints_and_warnings_but_no_exception(capfd):
    import warnings

    with quiet(prints=True):
        print("out")
        print("err", file=sys.stderr)
        os.write(2, b"native\n")
        warnings.warn("old", stacklevel=1)
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ZeroDivisionError), quiet(prints=True):
        1 / 0  # noqa: B018
    print("again")
    assert capfd.readouterr().out == "again\n"
