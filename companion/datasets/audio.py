"""Recordings: short WAV files of four kinds of sound in noise, each made from a known truth.

Everything is simulated, so the corpus can be any size, and what a classifier or a pitch tracker should find is known.
"""

from __future__ import annotations

import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from companion.errors import DatasetError, SettingError
from companion.workspace import check_free, disk_errors

if TYPE_CHECKING:
    import pandas as pd

RATE = 16_000  # samples a second
SECONDS = 3.0
KINDS = ("bird", "chirp", "engine", "speech")
_LENGTH = int(RATE * SECONDS)
_TIME = np.arange(_LENGTH) / RATE


def clip(kind: str, seed: int, snr_db: float = -9.0) -> tuple[np.ndarray, float]:
    """One recording and its planted pitch.

    Args:
        kind: one of ``KINDS``.
        seed: the same seed gives the same samples.
        snr_db: signal-to-noise ratio in decibels.

    Returns:
        ``(samples, pitch)``: float32 in [-1, 1], shape (48000,); the fundamental (for a chirp: the final) frequency in Hz.

    Raises:
        SettingError: no such kind of sound.
    """
    if kind not in KINDS:
        raise SettingError(f"no kind of sound {kind!r}; there are: {', '.join(KINDS)}")
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    signal, pitch = {"bird": _bird, "chirp": _chirp, "engine": _engine, "speech": _speech}[kind](rng)
    # a microphone's hiss: white noise, a little darker than white
    noise = rng.normal(size=_LENGTH)
    noise[1:] += 0.5 * noise[:-1]
    noise *= np.sqrt(np.mean(signal**2) / np.mean(noise**2) / 10 ** (snr_db / 10))
    mixed = signal + noise
    return (0.8 * mixed / np.abs(mixed).max()).astype(np.float32), float(pitch)


def _phase(frequency: np.ndarray) -> np.ndarray:
    return 2 * np.pi * np.cumsum(frequency) / RATE


def _bird(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Whistled notes that glide and tremble, with pauses."""
    pitch = rng.uniform(2000, 4500)
    notes = np.clip(np.sin(2 * np.pi * rng.uniform(1.5, 4) * _TIME + rng.uniform(0, 6.3)), 0, None) ** 0.5
    glide = 1 + rng.uniform(0.05, 0.2) * np.sin(2 * np.pi * rng.uniform(6, 25) * _TIME)
    return notes * np.sin(_phase(pitch * glide)), pitch


def _chirp(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A sweep, as a sonar sends it, repeated."""
    start, end = rng.uniform(300, 1500), rng.uniform(2000, 6000)
    position = (_TIME * rng.uniform(1, 4)) % 1
    return np.sin(_phase(start + (end - start) * position)) * np.sin(np.pi * position) ** 0.3, end


def _engine(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A hum of many harmonics whose speed wanders a little."""
    pitch = rng.uniform(30, 110)
    speed = pitch * (1 + 0.03 * np.sin(2 * np.pi * rng.uniform(0.2, 1) * _TIME))
    phase = _phase(speed)
    return sum(np.sin(k * phase + rng.uniform(0, 6.3)) / k ** rng.uniform(0.5, 1.2) for k in range(1, 25)), pitch


def formant_gain(frequencies: np.ndarray, formants: np.ndarray, width: float = 120) -> np.ndarray:
    """How much a vocal tract lets through: one resonance a formant, added up.

    Args:
        frequencies: in Hz, shape (n,).
        formants: in Hz, shape (..., formants).
        width: half the width of a resonance at half its height, in Hz.

    Returns:
        Gains, shape (..., n).
    """
    return (1 / (1 + ((frequencies[:, None] - formants[..., None, :]) / width) ** 2)).sum(axis=-1)


def _speech(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A voice: a buzz at the pitch of the vocal cords, shaped by three formants that change with every syllable."""
    pitch = rng.uniform(90, 250)
    phase = _phase(pitch * (1 + 0.04 * np.sin(2 * np.pi * rng.uniform(0.5, 3) * _TIME)))
    syllables = rng.integers(8, 14)
    voice = np.zeros(_LENGTH)
    for part in np.array_split(np.arange(_LENGTH), syllables):
        formants = np.array([rng.uniform(300, 900), rng.uniform(900, 2400), rng.uniform(2200, 3200)])
        harmonics = np.arange(1, int(4000 / pitch))
        gain = formant_gain(harmonics * pitch, formants) / harmonics**0.5
        voice[part] = gain @ np.sin(harmonics[:, None] * phase[part]) * np.hanning(len(part)) ** 0.5
    return voice, pitch


def write_corpus(folder: Path, clips: int = 600, seed: int = 0, kinds: tuple[str, ...] = KINDS) -> pd.DataFrame:
    """Write recordings as 16-bit mono WAV files, the kinds in turn.

    Args:
        folder: gets files ``clip_0000.wav`` onwards (96 KB each).
        clips: how many, of all kinds together.
        seed: the same seed gives the same files.

    Returns:
        One row a file, in the order of their names: ``file`` (name), ``kind``, ``pitch_hz`` (planted).

    Raises:
        SettingError: no such kind of sound.
        WorkspaceError: the disk is full.
    """
    import pandas as pd

    check_free(folder, clips * (_LENGTH * 2 + 44))

    def write(number: int) -> tuple[str, str, float]:
        kind = kinds[number % len(kinds)]
        samples, pitch = clip(kind, seed * 1_000_000 + number)
        write_wav(folder / f"clip_{number:04d}.wav", samples)
        return f"clip_{number:04d}.wav", kind, round(pitch, 1)

    with disk_errors(folder), ThreadPoolExecutor() as threads:  # NumPy lets go of the interpreter's lock
        rows = list(threads.map(write, range(clips)))
    return pd.DataFrame(rows, columns=["file", "kind", "pitch_hz"])


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write float samples in [-1, 1], shape (length,), as 16-bit mono at ``RATE``."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((np.asarray(samples) * 32767).astype("<i2").tobytes())


def read_wav(path: Path) -> np.ndarray:
    """The samples of a 16-bit mono WAV file: float32 in [-1, 1], shape (length,).

    Raises:
        DatasetError: the file is missing, is no such WAV file, or holds fewer samples than its header promises.
    """
    name = Path(path).name
    try:
        with wave.open(str(path), "rb") as source:
            kind = (source.getnchannels(), source.getsampwidth(), source.getframerate())
            promised, data = source.getnframes(), source.readframes(source.getnframes())
    except FileNotFoundError as error:
        raise DatasetError(f"{name}: no such file") from error
    except (wave.Error, EOFError) as error:
        raise DatasetError(f"{name}: not a WAV file ({str(error) or 'it ends in its header'})") from error
    if kind != (1, 2, RATE):
        raise DatasetError(f"{name}: expected 1 channel, 2 bytes, {RATE} Hz, found {kind}")
    if len(data) != 2 * promised:
        raise DatasetError(f"{name}: truncated, its header promises {promised} samples and {len(data) // 2} are there")
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32767)
