"""Five hospitals: the split, the confinement of their jobs tried by jobs that want out, and the notebook's own rules."""

import ast
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from harness import chapters

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


def restricted(code: str, readable: str, writable: str, version: int | None = None) -> list[str]:
    older = f"confine.landlock_version = lambda: {version}\n" if version else ""
    script = f"from companion.engines.pysyft import confine\n{older}confine.restrict([{readable!r}, '/usr', '/lib', '/lib64', {sys.prefix!r}, {sys.base_prefix!r}], [{writable!r}])\n"
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
@pytest.mark.parametrize("version", [1, 5, None])
def test_a_restricted_process_can_neither_signal_nor_hand_down_less(tmp_path, version):
    """Also where Landlock is older than its version 6, which keeps signals in."""
    (tmp_path / "theirs").write_text("theirs")
    code = f"way(lambda: os.kill({os.getpid()}, 0))\n"
    code += f"""
import subprocess, sys
child = subprocess.run([sys.executable, "-c", "open({str(tmp_path / "theirs")!r})"], capture_output=True)
print("refused" if child.returncode else "open")
"""
    assert restricted(code, str(tmp_path / "none"), str(tmp_path / "none"), version) == ["refused", "refused"]


def taught(*names: str) -> dict:
    """The notebook's own definitions of these names and its training code, executed."""
    found = chapters.defined(chapter("pysyft_hospitals"))
    namespace = {"np": np, "json": json}
    exec(ast.literal_eval(ast.parse(found["TRAINING"]).body[0].value), namespace)  # noqa: S102
    for name, source in found.items():
        if name in (*names, "start", "MOST", "DIGITS", "STEPS", "nine_numbers"):
            exec(source, namespace)  # noqa: S102
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
        update(weights=[0.5] * 8 + [float("-inf")]),
        update(weights=[0.5] * 8 + [10**400]),
        update(weights=[0.5] * 8 + [-4.0]),
        update(weights=[0.5] * 8 + [[0.5]]),
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
    weights = [0.123456789, "-0.001", 3.9949, True, *[0.5] * 5]
    found = taught("agreed")["agreed"](update(note="MRN-1234567", weights=weights), 23)
    assert json.dumps(found) == json.dumps({"patients": 23, "weights": [0.12, 0.0, 3.99, 1.0, *[0.5] * 5]})


PARCEL = {"order.json": json.dumps({"weights": [0.123456789] * 9, "steps": 5}).encode()}


@pytest.mark.parametrize(
    "change",
    [
        {"pandas.py": b""},
        {"outputs/a": b""},
        {"link": None},
        {"...": None},
        {"main.py": b"JOB\n"},
        {"main.py": None},
        {"order.json": None},
        {"order.json": b"[" * 100_000},
        {"order.json": b"\xff"},
        {"order.json": json.dumps({"weights": [float("nan")] * 9}).encode()},
        {"order.json": json.dumps({"weights": [0.5] * 8}).encode()},
    ],
)
def test_a_parcel_is_reviewed_whole(change):
    names = taught("review")
    names["reviewed"] = {b"JOB"}
    review, good = names["review"], {**PARCEL, "main.py": b"JOB"}
    assert review(good | change) is None
    assert review({"main.py": b"JOB"}) is None
    note = json.dumps({"weights": [0.123456789] * 9, "steps": 10**9, "note": "x"}).encode()
    for parcel in (good, good | {"order.json": note}):
        assert review(parcel) == {
            "main.py": b"JOB",
            "order.json": json.dumps({"weights": [0.123456789] * 9, "steps": 5}).encode(),
        }


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


REFERENCES = chapters.references(chapter("pysyft_hospitals"))


@pytest.mark.parametrize("seed", range(20))
def test_the_references_hold_what_their_statements_say(seed):
    rng = np.random.default_rng(seed)
    everybody = [f"h{i}" for i in rng.permutation(rng.integers(2, 7))]
    patients = {name: int(rng.integers(1, 50)) for name in everybody}
    answered = [str(name) for name in rng.permutation(everybody)[: rng.integers(1, len(everybody) + 1)]]
    updates = {name: rng.integers(-3, 4, 5).astype(float) for name in answered}  # with ties
    each = np.array([updates[name] for name in answered for _ in range(patients[name])])

    assert np.allclose(REFERENCES["aggregate"](updates, patients), each.mean(axis=0))

    found = REFERENCES["weighted_median"](updates, patients)
    for number, value in enumerate(found):
        column = each[:, number]
        assert (column <= value).sum() * 2 >= len(column) and (column < value).sum() * 2 < len(column)

    streams = {(a, b): rng.integers(0, 2**64, 5, np.uint64) for a in everybody for b in everybody if a < b}
    plain = {name: rng.integers(-(2**60), 2**60, 5) for name in everybody}
    sent = {name: plain[name].astype(np.uint64) for name in answered}
    for (a, b), stream in streams.items():
        if a in sent:
            sent[a] = sent[a] + stream
        if b in sent:
            sent[b] = sent[b] - stream
    lost = {pair: stream for pair, stream in streams.items() if (pair[0] in sent) != (pair[1] in sent)}
    disclosed = {pair[:: rng.choice([1, -1])]: stream for pair, stream in lost.items()}
    total = REFERENCES["unmask"](sent, disclosed)
    assert total.dtype == np.int64 and np.array_equal(total, sum(plain[name] for name in answered))
