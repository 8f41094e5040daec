"""The recordings, and the notebook on a cluster that was started by hand."""

import os
import subprocess
import sys
import wave

import numpy as np
import pytest
from conftest import NOTEBOOKS
from processes import assert_gone, new_mark, until

from companion import DatasetError, WorkspaceError
from companion.book import chapter
from companion.datasets import audio
from companion.processes.server import answers, free_port


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
    with pytest.raises(DatasetError, match="no kind of sound 'whale'; there are: bird, chirp, engine, speech"):
        audio.write_corpus(tmp_path, clips=1, kinds=("whale",))


def test_too_little_disk_is_said_before_anything_is_written(tmp_path):
    with pytest.raises(WorkspaceError, match="MiB are needed"):
        audio.write_corpus(tmp_path, clips=2**40)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def cluster(tmp_path):
    """A `dask scheduler` and two `dask worker`s as separate processes on loopback; yields the scheduler's address."""
    mark = new_mark()
    env = {**os.environ, **mark, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    address = f"tcp://127.0.0.1:{free_port()}"
    host, _, port = address.removeprefix("tcp://").partition(":")

    def start(*arguments) -> subprocess.Popen:
        log = (tmp_path / f"{arguments[0]}.log").open("ab")
        command = [sys.executable, "-m", "dask", *arguments]
        return subprocess.Popen(command, cwd=tmp_path, env=env, stdout=log, stderr=log)

    running = [start("scheduler", "--host", host, "--port", port, "--no-dashboard")]
    try:
        assert until(lambda: answers(address, 0)), (tmp_path / "scheduler.log").read_text()
        options = ["--nworkers", "2", "--nthreads", "1", "--memory-limit", "500MiB", "--host", host, "--no-dashboard"]
        running.append(start("worker", address, *options))
        yield address
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(120)
        assert_gone(mark)


@pytest.mark.slow
def test_the_same_cells_give_the_same_outputs_on_a_cluster_started_by_hand(cluster, scratch):
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
            str(NOTEBOOKS / chapter("dask_audio").file),
        ],
        cwd=NOTEBOOKS.parent,
        env={**os.environ, "DASK_SCHEDULER_ADDRESS": cluster},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
