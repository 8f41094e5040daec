"""The recordings, and the notebook on a cluster that was started by hand."""

import heapq
import json
import os
import time
import wave
from fractions import Fraction
from pathlib import Path

import nbformat
import numpy as np
import pytest
from conftest import NOTEBOOKS
from dask_cluster import by_hand
from harness import runs
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import until

from companion import DatasetError, EngineUnavailable, SettingError, WorkspaceError, measure
from companion.book import chapter
from companion.datasets import audio
from companion.engines import dask as dask_engine
from companion.labs.distributed import recordings as lab
from companion.measure import Timing


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    first, second, other = tmp_path / "1", tmp_path / "2", tmp_path / "3"
    for folder, seed in ((first, 5), (second, 5), (other, 6)):
        folder.mkdir()
        audio.write_corpus(folder, clips=8, seed=seed)
    files = sorted(p.name for p in first.iterdir())
    assert len(files) == 8
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in files)
    assert any((first / name).read_bytes() != (other / name).read_bytes() for name in files)


def test_the_files_are_ordinary_wav(tmp_path):
    table = audio.write_corpus(tmp_path, clips=4)
    assert table.columns.tolist() == ["file", "kind", "pitch_hz"]
    with wave.open(str(tmp_path / table["file"][0])) as source:
        assert (source.getnchannels(), source.getframerate(), source.getnframes()) == (1, 16_000, 48_000)


@pytest.mark.parametrize("kind", ["bird", "engine", "speech"])
def test_the_planted_pitch_is_in_the_sound(kind):
    """The strongest line of the spectrum lies on a harmonic of the planted pitch (or within a bird's glide)."""
    for seed in range(5):
        samples, pitch = audio.clip(kind, seed, snr_db=20)
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        peak = np.fft.rfftfreq(len(samples), 1 / audio.RATE)[spectrum.argmax()]
        harmonic = peak / pitch
        assert abs(harmonic - round(harmonic)) < 0.06 * max(1, round(harmonic)) + 0.2, (seed, peak, pitch)


def test_noise_has_the_stated_level():
    quiet, _ = audio.clip("engine", 3, snr_db=60)
    loud, _ = audio.clip("engine", 3, snr_db=0)
    correlation = np.corrcoef(quiet, loud)[0, 1]
    assert correlation == pytest.approx(np.sqrt(0.5), abs=0.02)  # half the power is signal


def test_reading_gives_back_what_was_written(tmp_path):
    samples, _ = audio.clip("bird", 1)
    audio.write_wav(tmp_path / "x.wav", samples)
    assert np.abs(audio.read_wav(tmp_path / "x.wav") - samples).max() <= 1 / 32767


def cut(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: cut(p, 0.5), r"x\.wav: truncated, its header promises 48000 samples and \d+ are there"),
        (lambda p: cut(p, 0.0002), r"x\.wav: not a WAV file"),
        (lambda p: p.write_bytes(b"ID3 music"), r"x\.wav: not a WAV file"),
        (lambda p: p.unlink(), r"x\.wav: no such file"),
        (lambda p: p.write_bytes(b""), r"x\.wav: not a WAV file \(it ends in its header\)"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, damage, message):
    audio.write_wav(tmp_path / "x.wav", audio.clip("bird", 1)[0])
    damage(tmp_path / "x.wav")
    with pytest.raises(DatasetError, match=message):
        audio.read_wav(tmp_path / "x.wav")


def test_another_format_is_named(tmp_path):
    with wave.open(str(tmp_path / "stereo.wav"), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(44_100)
        out.writeframes(bytes(400))
    with pytest.raises(DatasetError, match=r"stereo\.wav: expected 1 channel.*found \(2, 2, 44100\)"):
        audio.read_wav(tmp_path / "stereo.wav")


def test_a_wrong_kind_is_named(tmp_path):
    with pytest.raises(SettingError, match="no kind of sound 'whale'; there are: bird, chirp, engine, speech"):
        audio.write_corpus(tmp_path, clips=1, kinds=("whale",))


def test_too_little_disk_is_said_before_anything_is_written(tmp_path):
    with pytest.raises(WorkspaceError, match="MiB are needed"):
        audio.write_corpus(tmp_path, clips=2**40)
    assert list(tmp_path.iterdir()) == []


LIBROSA = json.loads((Path(__file__).parent / "vectors" / "librosa_mfcc.json").read_text(encoding="utf-8"))


def feature_functions(change=lambda source: source) -> dict:
    """What the notebook's cells define for its features, run as they stand there (or as ``change`` makes them)."""
    cells = nbformat.read(NOTEBOOKS / chapter("dask_audio").file, as_version=4).cells
    names = ("def power_spectrogram(", "def mel_bands(", "def features(")
    defined = {"audio": audio}
    for cell in cells:
        if cell.cell_type == "code" and "nbgrader" not in cell.metadata and any(name in cell.source for name in names):
            exec(change(cell.source), defined)  # noqa: S102  (the project's own cells)
    return defined


def furthest_from_librosa(defined: dict, folder: Path) -> dict[str, float]:
    """The largest difference from what librosa computed for the same two clips, by what was compared.

    Float32 here, float64 there: 28 features that reach 31 agree within 5e-5, log-mel bands within 6e-6.
    """
    bank, wanted = defined["MEL"], LIBROSA["mel_bank"]
    hertz = np.fft.rfftfreq(defined["FRAME"], 1 / audio.RATE)
    worst = {"area": np.abs(bank.sum(axis=0) - wanted["sum_of_weights"]).max()}
    worst["centre"] = np.abs(hertz @ bank / bank.sum(axis=0) / wanted["centre_hz"] - 1).max()
    for clip in LIBROSA["clips"]:
        path = folder / "clip.wav"
        audio.write_wav(path, audio.clip(clip["kind"], clip["seed"])[0])
        log_mel = np.log(defined["power_spectrogram"](audio.read_wav(path)) @ bank + np.float32(1e-8))
        assert len(log_mel) == clip["frames"]
        found = {
            "features": np.abs(defined["features"](str(path)) - clip["features"]).max(),
            "log-mel": max(np.abs(log_mel[int(frame)] - bands).max() for frame, bands in clip["log_mel"].items()),
        }
        worst |= {name: max(value, worst.get(name, 0)) for name, value in found.items()}
    return worst


def test_the_features_are_those_of_librosa(tmp_path):
    """The same definition (the vectors' file says which of librosa's options that takes), computed by other hands."""
    worst = furthest_from_librosa(feature_functions(), tmp_path)
    assert worst == pytest.approx(dict.fromkeys(worst, 0), abs=2e-4)


@pytest.mark.parametrize(
    ("right", "wrong", "seen_in"),
    [
        ("700 * (10", "660 * (10", {"centre", "features", "log-mel"}),  # another mel scale
        ("np.linspace(0, top", "np.linspace(50, top", {"centre", "features", "log-mel"}),  # bands that begin too high
        ("np.minimum(rising, falling)", "np.minimum(rising, falling) ** 2", {"area", "log-mel"}),
        ('dct(log_mel, norm="ortho")', "dct(log_mel)", {"features"}),
        ("/ power.sum(axis=1)", "/ power.mean(axis=1)", {"features"}),
    ],
)
def test_librosa_notices_wrong_features(right, wrong, seen_in, tmp_path):
    """Prove by breaking: a wrong filter bank, transform or centroid is not close to librosa's."""
    worst = furthest_from_librosa(feature_functions(lambda source: source.replace(right, wrong)), tmp_path)
    assert seen_in <= {name for name, difference in worst.items() if difference > 2e-3}


@pytest.fixture(scope="module")
def references() -> dict:
    """The book's own solutions by their names."""
    defined = {"np": np}
    for cell in nbformat.read(NOTEBOOKS / chapter("dask_audio").file, as_version=4).cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            exec(cell.source, defined)  # noqa: S102  (the project's own cells)
    return defined


WORKERS = st.sampled_from(["w1", "w2", "w3", "w12"])


@given(st.dictionaries(st.integers(), st.lists(WORKERS, unique=True)), st.sets(WORKERS))
def test_lost_is_what_nobody_alive_holds(references, who_has, dead):
    alive = {holder for holders in who_has.values() for holder in holders} - dead
    kept = {key for key, holders in who_has.items() if alive.intersection(holders)}
    assert references["lost"](who_has, dead) == set(who_has) - kept


SPEEDS = st.lists(st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0]), min_size=1, max_size=4)


@settings(deadline=None)
@given(st.integers(1, 24), st.sampled_from([0.25, 0.5, 1.0, 2.0]), st.sampled_from([0.0, 0.125, 0.5, 3.0]), SPEEDS)
def test_no_other_number_of_partitions_is_done_earlier(references, items, seconds, overhead, speeds):
    """Worked out as events in order of time, in exact fractions."""

    def done(p: int) -> Fraction:
        sizes = [items // p + (part < items % p) for part in range(p)]
        events = [(Fraction(0), number) for number in range(len(speeds))]
        for size in sizes:
            free, number = heapq.heappop(events)
            took = (Fraction(overhead) + size * Fraction(seconds)) / Fraction(speeds[number])
            heapq.heappush(events, (free + took, number))
        return max(events)[0]

    times = [done(p) for p in range(1, items + 1)]
    assert references["best_partitions"](items, seconds, overhead, speeds) == times.index(min(times)) + 1


@pytest.mark.slow
def test_robust_says_what_each_call_did(references, scratch, no_live_engines):
    def act(name):
        kind, value = outcomes[name]
        if kind == "raise":
            raise value
        return value

    values = st.one_of(st.none(), st.text(max_size=3), st.booleans(), st.builds(ValueError, st.text(max_size=3)))
    raised = st.sampled_from([KeyError("k"), RuntimeError(), OSError(2, "gone"), ValueError("bad")])
    acts = st.one_of(st.tuples(st.just("return"), values), st.tuples(st.just("raise"), raised))
    outcomes: dict = {}
    with dask_engine.connect(n_workers=2) as client:

        @settings(deadline=None, max_examples=25, database=None)
        @given(st.dictionaries(st.one_of(st.integers(), st.text(max_size=3)), acts, max_size=6))
        def holds(given_outcomes):
            outcomes.clear()
            outcomes.update(given_outcomes)
            good, bad = references["robust"](client, act, list(outcomes))
            assert list(good) == [name for name, (kind, _) in outcomes.items() if kind == "return"]
            assert {name: repr(value) for name, value in good.items()} == {
                name: repr(value) for name, (kind, value) in outcomes.items() if kind == "return"
            }
            assert list(bad.items()) == [(name, str(e)) for name, (kind, e) in outcomes.items() if kind == "raise"]

        holds()


def task(key: str, worker: str, start: float, stop: float) -> dict:
    moved = {"action": "transfer", "start": start - 1, "stop": start}
    return {"key": key, "worker": worker, "startstops": (moved, {"action": "compute", "start": start, "stop": stop})}


def test_the_account_tells_computing_from_waiting():
    """Planted: a loop of 2 s; one worker computes 2.5 s in 3 s, two compute 3 s in 2 s each; what warmed up does not count."""
    stream = [
        *(task(f"1-{turn}-{part}", "a", 10 * turn, 10 * turn + 1.25) for turn in range(3) for part in range(2)),
        *(task(f"2-{turn}-{part}", "ab"[part], 50 + turn, 50 + turn + 1.5) for turn in range(3) for part in range(2)),
        task("warm", "a", 0, 99),
    ]
    runs = {n: [["warm"], *([f"{n}-{turn}-0", f"{n}-{turn}-1"] for turn in range(3))] for n in (1, 2)}
    cluster = {1: Timing((3.0,) * 3), 2: Timing((2.0,) * 3)}
    account = lab.worker_seconds(Timing((2.0,) * 3), cluster, runs, stream)
    assert account.loc[1].tolist() == pytest.approx([3.0, 2.5, 0.5, 0.25, 1 / 6])
    assert account.loc[2].tolist() == pytest.approx([4.0, 3.0, 1.0, 0.5, 0.25])
    with pytest.raises(DatasetError, match="2 tasks of the runs on 2 workers are not in the task stream"):
        lab.worker_seconds(Timing((2.0,) * 3), cluster, runs, [t for t in stream if "2-2" not in t["key"]])


def test_files_that_take_longer_on_a_worker_are_no_serial_share():
    """Planted: nobody waits, and everything takes a quarter longer on two workers. Amdahl's law against the loop calls it 25 % serial."""
    plain, cluster = Timing((2.0,) * 3), {2: Timing((1.25,) * 3)}
    speed_up = measure.faster(plain, cluster[2]).estimate
    assert 2 / speed_up - 1 == pytest.approx(0.25)  # s of 1 / (s + (1 - s) / 2)
    stream = [task(f"{turn}-{part}", "ab"[part], turn, turn + 1.25) for turn in range(3) for part in range(2)]
    account = lab.worker_seconds(plain, cluster, {2: [[f"{n}-0", f"{n}-1"] for n in range(3)]}, stream)
    assert account.loc[2, ["waiting", "longer"]].tolist() == pytest.approx([0, 0.25])


@pytest.mark.parametrize("counts", [(1, 2), (1, 2, 4), (1, 2, 4, 8, 16)])
def test_the_picture_of_the_speed_says_what_its_numbers_say(counts):
    """Its titles on one, three and five points."""
    plain = Timing((2.0, 2.1, 1.9))
    cluster = {n: Timing((2.4 / n, 2.5 / n, 2.3 / n)) for n in counts}
    runs = {n: [[f"{n}-{turn}"] for turn in range(3)] for n in counts}
    stream = [task(f"{n}-{turn}", "a", 0, 2.2) for n in counts for turn in range(3)]
    account = lab.worker_seconds(plain, cluster, runs, stream)
    table = measure.speedup_table(plain, cluster)
    left, right = (ax.get_title(loc="left") for ax in lab.speed(table, account).axes)
    most = counts[-1]
    assert left.startswith(f"{most} workers: {table.loc[most, 'speed-up']:.2f} x the loop")
    assert right == f"{most} workers: +10% computing, 8% waiting"


@pytest.fixture
def cluster(tmp_path, request):
    """A `dask scheduler` and two `dask worker`s as separate processes on loopback; yields the scheduler's address.

    An indirect parameter says what of it is otherwise (:func:`by_hand`).
    """
    options = {"memory": "440MiB"}  # for the notebook: less than its data larger than memory
    with by_hand(tmp_path, **options | getattr(request, "param", {})) as address:
        yield address


def cells_with(*starts: str) -> list[str]:
    """The notebook's own cells that hold these texts, in the texts' order."""
    cells = nbformat.read(NOTEBOOKS / chapter("dask_audio").file, as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code" and "nbgrader" not in cell.metadata]
    return [next(source for source in code if start in source) for start in starts]


@pytest.mark.parametrize("alike", [True, False])
def test_bits_are_asked_for_only_where_the_same_arithmetic_is_at_work(alike):
    """On workers with another BLAS, processor or number of threads the last digits may differ, and no more than they."""

    class Client:
        def run(self, function) -> dict:
            return {"one": function(), "two": function() if alike else ("another NumPy", [])}

    (source,) = cells_with("def arithmetic(")
    serial = np.linspace(0, 1, 600 * 28, dtype=np.float32).reshape(600, 28)
    cells = {"np": np, "client": Client(), "serial": serial, "parallel": serial.copy()}
    exec(source, cells)  # noqa: S102
    assert cells["alike"] is alike and cells["same"](serial, serial)
    assert cells["same"](serial + np.float32(1e-6), serial) is (not alike)
    assert not cells["same"](serial + np.float32(1e-2), serial)


@pytest.fixture
def live(monkeypatch, no_live_engines, scratch):
    """Sets the reader's variable."""
    return lambda address: monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("memory", "says"), [("420MiB", "finished in less memory than the data take"), ("3GiB", "this cluster had room")]
)
def test_what_is_said_of_data_larger_than_memory_is_true_of_a_readers_cluster(memory, says, live, tmp_path, capsys):
    from distributed import wait

    audio.write_corpus(tmp_path, clips=4)
    starts = ("threadpool_limits", "def power_spectrogram(", "def spectrogram_of(", "memory_limit=", "on_disk >= data")
    limits, *defined, spread, judged = cells_with(*starts)
    cells = {"audio": audio, "dask_engine": dask_engine, "lab": lab, "wait": wait, "time": time, "same": np.allclose}
    cells["paths"] = 90 * sorted(map(str, tmp_path.glob("*.wav")))
    exec(limits.splitlines()[0], cells)  # noqa: S102  (the project's own cells, here and below)
    with by_hand(tmp_path, memory=memory) as address:
        live(address)
        for source in (*defined, spread, judged):
            exec(source, cells)  # noqa: S102
    assert says in capsys.readouterr().out
    if memory == "420MiB":
        with pytest.raises(AssertionError):
            exec(judged, {**cells, "on_disk": 0})  # noqa: S102


@pytest.mark.slow
def test_a_readers_own_worker_is_restarted_and_not_killed(live, cluster, tmp_path):
    from distributed import Client

    (source,) = cells_with("def lose(")
    live(cluster)
    with dask_engine.connect() as client:
        cells = {"client": client}
        exec(source, cells)  # noqa: S102
        cells["die"] = lambda: (tmp_path / "killed").touch()
        before = client.run(os.getpid)
        victim = min(before)
        with Client(cluster, set_as_default=False), pytest.raises(EngineUnavailable, match="other client"):
            cells["lose"](victim)
        assert client.run(os.getpid) == before
        assert until(lambda: not client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.clients) > 2))
        cells["lose"](victim)
        client.wait_for_workers(2)
        after = client.run(os.getpid)
        assert before[victim] not in after.values() and len(set(after.values()) & set(before.values())) == 1
        assert not (tmp_path / "killed").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "cluster"),
    [
        pytest.param("dask_audio", {}, marks=pytest.mark.drill),
        # with Dask's own default a third of the pulsar search is page faults. These workers keep what they free, and have room for
        # it, as the embedded ones: they take 404 MiB, at which a smaller limit would pause them
        ("case_ska_telescope", {"memory": "1GiB", **dask_engine._MALLOC}),
    ],
    indirect=["cluster"],
)
def test_the_same_cells_give_the_same_outputs_on_a_cluster_started_by_hand(name, cluster, scratch):
    """nbval, strictly, with nothing changed but the address. Of the two the shorter one in each run, both in the drills."""
    done = runs.nbval(NOTEBOOKS / chapter(name).file, {"DASK_SCHEDULER_ADDRESS": cluster})
    assert done.returncode == 0, done.said
    assert " passed" in done.said
