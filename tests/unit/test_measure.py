"""Timing tables, scaling laws and peak memory: against closed forms and planted truths, never against a clock."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import until

from companion import measure
from companion.measure import Timing


def test_repeat_counts_its_calls_and_leaves_the_warm_up_out():
    calls = []
    timing = measure.repeat(lambda: calls.append(1), repeats=4, warm_up=2)
    assert len(calls) == 6
    assert len(timing.seconds) == 4


def test_repeat_rejects_no_repeats():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        measure.repeat(lambda: None, repeats=0)


def test_every_way_is_timed_once_a_round_and_none_always_behind_the_same():
    calls = []
    timings = measure.rounds({name: lambda name=name: calls.append(name) for name in "abc"}, repeats=3, warm_up=1)
    assert [calls[n : n + 3] for n in range(0, 12, 3)] == [list("abc"), list("bca"), list("cab"), list("abc")]
    assert {name: len(timing.seconds) for name, timing in timings.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_table_has_the_plain_version_and_one_worker_as_rows_of_their_own():
    table = measure.speedup_table(Timing((4.0, 4.0)), {2: Timing((2.5, 2.5)), 1: Timing((5.0, 5.0))})
    assert table.index.tolist() == ["plain", 1, 2]
    assert table["speed-up"].tolist() == pytest.approx([1.0, 0.8, 1.6])
    assert table.loc[2, "over one worker"] == pytest.approx(2.0), (
        "what an engine costs on one worker is no serial share"
    )
    assert table.loc[2, "efficiency"] == pytest.approx(1.0)
    assert np.isnan(measure.speedup_table(Timing((4.0,)), {2: Timing((2.0,))}).loc[2, "efficiency"])


def rounds_of(rng, seconds: dict, repeats: int, noise: float = 0.05, drift: float = 0.0) -> dict:
    """Planted times with noise of each run, and with what a whole round is slower by."""
    whole = rng.normal(0, drift, repeats)
    return {n: Timing(tuple(s * np.exp(rng.normal(0, noise, repeats) + whole))) for n, s in seconds.items()}


@pytest.mark.parametrize(("repeats", "other_repeats", "drift"), [(5, 5, 0.0), (5, 5, 0.3), (3, 3, 0.0), (3, 6, 0.0)])
def test_the_interval_of_a_ratio_covers_the_planted_one(repeats, other_repeats, drift):
    """Taken as exact, the baseline leaves 84 of 100."""
    rng, covered = np.random.default_rng(1), 0
    for _ in range(400):
        plain = rounds_of(rng, {0: 1.8}, repeats, drift=drift)[0]
        if repeats == other_repeats:
            plain, other = rounds_of(rng, {0: 1.8, 1: 1.0}, repeats, drift=drift).values()
        else:
            other = rounds_of(rng, {0: 1.0}, other_repeats)[0]
        found = measure.faster(plain, other)
        covered += found.low <= 1.8 <= found.high
    assert 0.91 <= covered / 400 <= 0.99


def test_a_ratio_of_single_runs_has_no_end():
    assert measure.faster(Timing((2.0,)), Timing((1.0,))) == measure.Interval(2.0, 0.0, float("inf"))


def test_a_busy_round_hits_all_alike_and_cancels():
    plain, other = Timing((2.0, 6.0, 2.2)), Timing((1.0, 3.0, 1.1))
    found = measure.faster(plain, other)
    assert found.low == pytest.approx(2.0)
    assert found.high == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("most", "counts"), [(1, [1]), (2, [1, 2]), (4, [1, 2, 4]), (6, [1, 2, 4, 6]), (16, [1, 2, 4, 8, 16])]
)
def test_a_sweep_goes_to_what_is_there(most, counts):
    assert measure.worker_counts(most) == counts


def test_a_machine_without_workers_is_refused():
    with pytest.raises(ValueError, match="at least one worker, got 0"):
        measure.worker_counts(0)


def exact(seconds) -> dict:
    return {n: Timing((s, s, s)) for n, s in seconds.items()}


@settings(deadline=None)
@given(st.floats(0.01, 0.9), st.floats(0.1, 100))
def test_amdahl_recovers_a_planted_serial_share(share, one):
    law = measure.fit_amdahl(exact({n: one * (share + (1 - share) / n) for n in (1, 2, 4, 8, 16)}))
    assert law.parameters["serial_share"] == pytest.approx(share, abs=1e-4)
    assert law.predict(1e9)[0] == pytest.approx(1 / share, rel=1e-2)


def test_what_one_worker_of_the_engine_costs_is_no_serial_share():
    """Against the plain loop, which is 20 % quicker than one worker, the same times would be a serial share of 20 %."""
    law = measure.fit_amdahl(exact({1: 1.2, 2: 0.6, 4: 0.3}))
    assert law.parameters["serial_share"] == pytest.approx(0, abs=1e-4)


def test_laws_recover_planted_parameters_and_their_intervals_cover_them():
    rng, covered = np.random.default_rng(0), {"serial_share": 0, "contention": 0, "a hundred": 0}
    amdahl = {n: 0.05 + 0.95 / n for n in (1, 2, 4, 8)}
    usl = {n: (1 + 0.05 * (n - 1) + 0.002 * n * (n - 1)) / n for n in (1, 2, 4, 8, 16, 32)}
    for _ in range(200):
        law = measure.fit_amdahl(rounds_of(rng, amdahl, 5, noise=0.03, drift=0.2))
        low, high = law.intervals["serial_share"]
        covered["serial_share"] += low <= 0.05 <= high
        _, low, high = law.predict(100)
        covered["a hundred"] += low <= 1 / (0.05 + 0.95 / 100) <= high
        low, high = measure.fit_usl(rounds_of(rng, usl, 5, noise=0.02)).intervals["contention"]
        covered["contention"] += low <= 0.05 <= high
    assert all(0.88 <= count / 200 <= 1.0 for count in covered.values()), covered


def test_a_prediction_widens_with_the_distance():
    law = measure.fit_amdahl({1: Timing((4.0, 4.1, 3.9)), 2: Timing((2.2, 2.1, 2.0)), 4: Timing((1.2, 1.3, 1.2))})
    assert law.measured == (1, 2, 4)
    estimate, low, high = law.predict(100)
    assert low < estimate < high
    assert high - low > law.predict(2)[2] - law.predict(2)[1]


@pytest.mark.parametrize(
    ("runs", "fit", "complaint"),
    [
        (
            {1: (1, 1), 2: (1, 1)},
            measure.fit_amdahl,
            r"Amdahl has 1 parameter\(s\).*at least 2 counts more, got \[1, 2\]",
        ),
        ({1: (1, 1), 2: (1, 1), 4: (1, 1)}, measure.fit_usl, r"USL has 2 parameter\(s\).*at least 3 counts more"),
        ({2: (1, 1), 4: (1, 1), 8: (1, 1)}, measure.fit_amdahl, r"measure one as well, got \[2, 4, 8\]"),
        ({1: (1, 1), 2: (1,), 4: (1, 1)}, measure.fit_amdahl, r"equally often, got \{1: 2, 2: 1, 4: 2\}"),
    ],
)
def test_too_little_for_a_law_is_refused(runs, fit, complaint):
    with pytest.raises(ValueError, match=complaint):
        fit({n: Timing(seconds) for n, seconds in runs.items()})


def test_one_round_leaves_all_that_is_possible():
    law = measure.fit_amdahl({1: Timing((4.0,)), 2: Timing((2.2,)), 4: Timing((1.3,))})
    assert law.intervals["serial_share"] == (0.0, 1.0)
    assert law.predict(100)[1:] == (0.0, 100.0)


def test_two_worker_counts_say_nothing_of_a_hundred():
    """Of five repeats at two workers a "95 %" interval was printed: 49 to 100 times in one run, 3 to 5 in the next."""
    assert "nothing can be said from 1, 2" in measure.outlook({1: Timing((4.0, 4.1)), 2: Timing((2.2, 2.1))})
    more = measure.outlook({1: Timing((4.0, 4.1)), 2: Timing((2.2, 2.1)), 4: Timing((1.2, 1.3))})
    assert "fitted to 1, 2, 4, holds that far" in more


def test_peak_memory_sees_a_child():
    code = "import time; block = bytearray(b'x') * 150_000_000; print('ready', flush=True); input()"
    with measure.peak_memory(interval=0.02) as peak:
        child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        assert until(lambda: peak.mib > 140), "a sample that starts after the child said so"
        child.communicate("\n")
    assert peak.mib > 140


def test_a_process_that_is_not_yet_its_own_program_is_not_counted_as_its_parent_again():
    """Between vfork and exec it shows its parent's memory: on a busy machine a sample caught that, and a small task seemed to take 160 MB."""
    from types import SimpleNamespace

    from companion.measure.memory import _tree_memory

    def process(pid: int, mib: int, children=()) -> SimpleNamespace:
        full = SimpleNamespace(rss=mib * 2**20, pss=mib * 2**20, uss=0)
        told = {"memory_info": lambda: full, "memory_full_info": lambda: full}
        return SimpleNamespace(pid=pid, children=lambda recursive: list(children), **told)

    known: set[int] = set()
    assert _tree_memory(process(1, 150, [process(2, 150)]), known, {}) == 150 * 2**20
    assert _tree_memory(process(1, 150, [process(2, 30)]), known, {}) == 180 * 2**20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no system whose processes share pages until one writes")
def test_pages_that_become_a_childs_own_are_seen():
    """As many pages as before are there, and twice as many are needed."""
    code = (
        "import os; block = bytearray(b'x') * 100_000_000; child = os.fork(); os.write(1, b'shared\\n')\n"
        "if not child: input(); block[::4096] = b'y' * len(block[::4096]); os.write(1, b'its own\\n'); input(); os._exit(0)\n"
        "os.wait()"
    )
    tree = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with measure.peak_memory(tree.pid, interval=0.02) as peak:
        assert tree.stdout.readline() == tree.stdout.readline() == "shared\n"
        assert until(lambda: peak.mib > 90)
        assert peak.mib < 150
        tree.stdin.write("\n")
        tree.stdin.flush()
        assert tree.stdout.readline() == "its own\n" and until(lambda: peak.mib > 190)
        tree.communicate("\n")


def test_record_writes_only_for_the_benchmark(tmp_path, monkeypatch):
    monkeypatch.delenv("COMPANION_RECORD", raising=False)
    measure.record("x.y", 1)
    monkeypatch.setenv("COMPANION_RECORD", str(tmp_path / "lines"))
    measure.record("x.y", np.float64(1.5), "x")
    assert json.loads((tmp_path / "lines").read_text()) == {"name": "x.y", "value": 1.5, "unit": "x"}
