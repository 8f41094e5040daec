"""Timing tables, scaling laws and peak memory: against closed forms and planted truths, never against a clock."""

import json
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


def test_speedup_table_is_relative_to_the_serial_version():
    table = measure.speedup_table(Timing((4.0, 4.0, 9.0)), {2: Timing((2.0, 2.0, 2.5)), 4: Timing((1.0,))})
    assert table.index.tolist() == [1, 2, 4]
    assert table["speed-up"].tolist() == [1.0, 2.0, 4.0]
    assert table["efficiency"].tolist() == [1.0, 1.0, 1.0]
    assert table.loc[1, "q3"] == 6.5


@settings(deadline=None)
@given(st.floats(0.01, 0.9))
def test_amdahl_recovers_a_planted_serial_share(share):
    workers = np.array([1, 2, 4, 8, 16])
    law = measure.fit_amdahl(workers, 1 / (share + (1 - share) / workers))
    assert law.parameters["serial_share"] == pytest.approx(share, abs=1e-4)
    assert law.predict(1e9)[0] == pytest.approx(1 / share, rel=1e-2)


def test_usl_recovers_planted_parameters_and_its_intervals_cover_them():
    rng, covered = np.random.default_rng(0), 0
    workers = np.repeat([1, 2, 4, 8, 16, 32], 5)
    exact = workers / (1 + 0.05 * (workers - 1) + 0.002 * workers * (workers - 1))
    for _ in range(200):
        law = measure.fit_usl(workers, exact * rng.normal(1, 0.02, len(workers)))
        low, high = law.intervals["contention"]
        covered += low <= 0.05 <= high
    assert 0.85 <= covered / 200 <= 1.0


def test_a_prediction_widens_with_the_parameters_interval():
    law = measure.fit_amdahl([2, 2, 2, 4, 4], [1.9, 1.8, 1.95, 3.2, 3.5])
    estimate, low, high = law.predict(100)
    assert low < estimate < high
    assert high - low > law.predict(2)[2] - law.predict(2)[1]


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match=r"USL has 2 parameter\(s\)"):
        measure.fit_usl([1, 2], [1, 1.9])
    with pytest.raises(ValueError, match="alike"):
        measure.fit_amdahl([1, 2], [1])


def test_one_measurement_leaves_the_parameter_open():
    assert measure.fit_amdahl([2], [1.8]).intervals["serial_share"] == (0.0, 1.0)


def test_peak_memory_sees_a_child():
    code = "import time; block = bytearray(b'x') * 150_000_000; print('ready', flush=True); input()"
    with measure.peak_memory(interval=0.02) as peak:
        child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        assert until(lambda: peak.mib > 140), "a sample that starts after the child said so"
        child.communicate("\n")
    assert peak.mib > 140


def test_record_writes_only_for_the_benchmark(tmp_path, monkeypatch):
    monkeypatch.delenv("COMPANION_RECORD", raising=False)
    measure.record("x.y", 1)
    monkeypatch.setenv("COMPANION_RECORD", str(tmp_path / "lines"))
    measure.record("x.y", np.float64(1.5), "x")
    assert json.loads((tmp_path / "lines").read_text()) == {"name": "x.y", "value": 1.5, "unit": "x"}
