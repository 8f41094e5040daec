"""The recordings, and the notebook on a cluster that was started by hand."""

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import nbformat
import numpy as np
import pytest
from conftest import NOTEBOOKS
from dask_cluster import by_hand

from companion import DatasetError, SettingError, WorkspaceError
from companion.book import chapter
from companion.datasets import audio


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


@pytest.fixture
def cluster(tmp_path):
    """A `dask scheduler` and two `dask worker`s as separate processes on loopback; yields the scheduler's address."""
    with by_hand(tmp_path) as address:
        yield address


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dask_audio", "case_ska_telescope"])
def test_the_same_cells_give_the_same_outputs_on_a_cluster_started_by_hand(name, cluster, scratch):
    """nbval, strictly, with nothing changed but the address."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--nbval",
            "-p",
            "no:cacheprovider",
            str(NOTEBOOKS / chapter(name).file),
        ],
        cwd=NOTEBOOKS.parent,
        env={**os.environ, "DASK_SCHEDULER_ADDRESS": cluster},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
