"""The hospital's data, PySyft's engine, and the round: without a network, refused where it must be, gone when killed."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from conftest import NOTEBOOKS
from processes import assert_gone, marked, new_mark, until

from companion import DatasetError, EngineUnavailable, quiet
from companion.book import chapter
from companion.datasets import hospital
from companion.engines import pysyft

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
    monkeypatch.setattr(pysyft, "_stamp", lambda: tmp_path / "none")
    with pytest.raises(EngineUnavailable, match=r"Once, with a network: python -m companion\.engines\.pysyft"):
        pysyft.connect()
    assert pysyft.probe().mode == "missing"


def test_half_a_google_drive_says_which_half_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("SYFT_DO_EMAIL", "a@example.org")
    monkeypatch.setenv("SYFT_DO_TOKEN_PATH", str(tmp_path / "none.json"))
    with pytest.raises(
        EngineUnavailable, match="missing: SYFT_DS_EMAIL, SYFT_DS_TOKEN_PATH, the file in SYFT_DO_TOKEN_PATH"
    ):
        pysyft.connect()


def test_with_tokens_the_clients_log_in_to_google_drive(monkeypatch, tmp_path):
    """As far as it goes without an account: each party's own log-in is called, with its address and its token."""
    import syft_rds

    for party in ("DO", "DS"):
        (tmp_path / party).write_text("{}")
        monkeypatch.setenv(f"SYFT_{party}_EMAIL", f"{party.lower()}@example.org")
        monkeypatch.setenv(f"SYFT_{party}_TOKEN_PATH", str(tmp_path / party))
    monkeypatch.setattr(syft_rds, "login_do", lambda email, token: ("owner", email, token))
    monkeypatch.setattr(syft_rds, "login_ds", lambda email, token: ("scientist", email, token))
    owner, scientist = pysyft.connect()
    assert owner == ("owner", "do@example.org", str(tmp_path / "DO"))
    assert scientist == ("scientist", "ds@example.org", str(tmp_path / "DS"))


def test_the_live_log_in_has_the_signature_that_connect_uses():
    import inspect

    import syft_rds

    for login in (syft_rds.login_do, syft_rds.login_ds):
        assert list(inspect.signature(login).parameters)[:2] == ["email", "token_path"]


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
def test_the_notebook_runs_without_a_network():
    path = str(NOTEBOOKS / chapter("pysyft_healthcare").file)
    command = unshared([sys.executable, "-m", "pytest", "-q", "--nbval", "-p", "no:cacheprovider", path])
    if command is None:
        pytest.skip("no network namespace here (unshare -n)")
    done = subprocess.run(command, cwd=NOTEBOOKS.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


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
