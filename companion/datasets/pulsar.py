"""A night at a radio telescope: one beam as SIGPROC filterbank files, with a pulsar and an interference hidden in the noise.

A filterbank is the power in many narrow channels, sample by sample. Everything is simulated, so the period and the dispersion
that a search should find are known; they can be kept in a sealed envelope until it has answered.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import struct
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from companion.errors import DatasetError, SettingError
from companion.workspace import check_free, disk_errors

CHANNELS = 128
#: centre of each channel in GHz, the highest first, as a filterbank file stores them; shape (CHANNELS,)
FREQUENCIES = 0.45 - 0.1 * (np.arange(CHANNELS) + 0.5) / CHANNELS
SAMPLE_SECONDS = 0.001
#: delay in seconds of 1 GHz for a dispersion of 1 pc/cm3 (the constant that pulsar programs agree on: 1 / 2.41e-4 MHz2 pc-1 cm3 s)
DISPERSION_SECONDS = 4.148808e-3
#: where a pulsar's numbers are drawn from: seconds, pc/cm3
PERIODS, DISPERSIONS = (0.3, 1.2), (15.0, 110.0)
_LEVELS, _MIDDLE = 16, 96  # 8-bit levels a standard deviation of the noise, and where its mean lies
_ENVELOPE = "sealed.envelope"


@dataclass(frozen=True)
class Sky:
    """What is in the beam: the truth that is planted.

    Attributes:
        period: of the pulsar, seconds; ``dispersion`` in pc/cm3; ``phase`` at the first sample, in turns, at infinite frequency.
        width: standard deviation of its Gaussian pulse, in turns.
        snr: its signal-to-noise ratio, all samples and channels together, for who knows its shape; 0 for no pulsar.
        interference_period: of the switching supply next door, seconds; it reaches all channels at once.
        interference: its height in standard deviations of one sample of one channel; 0 for none.
    """

    period: float
    dispersion: float
    phase: float
    width: float
    snr: float
    interference_period: float
    interference: float


def sky(seed: int, **known: float) -> Sky:
    """A pulsar and an interference drawn by chance; what is given by name (``snr=60``) is not drawn."""
    rng = np.random.default_rng([seed, 1])
    drawn = {
        "period": rng.uniform(*PERIODS),
        "dispersion": rng.uniform(*DISPERSIONS),
        "phase": rng.uniform(),
        "width": rng.uniform(0.008, 0.012),
        "snr": rng.uniform(17, 22),
        "interference_period": rng.uniform(0.1, 0.25),
        "interference": 0.05,
    }
    if unknown := known.keys() - drawn.keys():
        raise SettingError(f"a sky has no {', '.join(sorted(unknown))}; there are: {', '.join(drawn)}")
    return Sky(**{name: round(value, 6) for name, value in (drawn | known).items()})


def beam(sky: Sky, samples: int = 2**16, seed: int = 0) -> np.ndarray:
    """The filterbank: uint8, shape (samples, CHANNELS), a row every ``SAMPLE_SECONDS``; ``seed`` draws the noise alone.

    Raises:
        SettingError: fewer than one sample, or a period that is not above zero.
    """
    if samples < 1 or min(sky.period, sky.interference_period) <= 0:
        raise SettingError(f"a beam needs samples and periods above zero, got {samples} samples of {sky}")
    noise = np.random.default_rng([seed, 2]).standard_normal((samples, CHANNELS), dtype=np.float32)
    noise *= np.float32(_LEVELS)
    noise += np.float32(_MIDDLE + 0.5)
    seconds = (np.arange(samples) + 0.5) * SAMPLE_SECONDS
    hum = sky.interference * ((seconds / sky.interference_period) % 1 < 0.1)
    height = sky.snr / np.sqrt((_pulse(seconds / sky.period, sky.width) ** 2).sum() * CHANNELS) if sky.snr else 0.0
    for channel, frequency in enumerate(FREQUENCIES):
        delay = DISPERSION_SECONDS * sky.dispersion * frequency**-2
        turns = (seconds - delay) / sky.period + sky.phase
        # rounded to parts of a level, so that the last bit of a processor's exp does not move a sample's level
        signal = np.rint((height * _pulse(turns, sky.width) + hum) * _LEVELS * 4096) / 4096
        noise[:, channel] += signal.astype(np.float32)
    return np.clip(noise, 0, 255).astype(np.uint8)


def _pulse(turns: np.ndarray, width: float) -> np.ndarray:
    """A Gaussian of height 1 once a turn, at whole turns."""
    return np.exp(-0.5 * (((turns + 0.5) % 1 - 0.5) / width) ** 2)


def observe(folder: Path, seed: int | None = 0, samples: int = 2**16, files: int = 16) -> tuple[list[Path], str]:
    """Draw a sky, write its beam as filterbank files, and put the truth into a sealed envelope beside them.

    Args:
        folder: gets ``beam_00.fil`` onwards (``samples * CHANNELS`` bytes together).
        seed: the same seed gives the same sky and the same files; None draws one that nobody knows.
        samples: in all files together, a multiple of ``files``.

    Returns:
        ``(paths, seal)``: the files in the order of time, and the SHA-256 of what the envelope holds.

    Raises:
        SettingError: samples that can't be cut into equal files.
        WorkspaceError: the disk is full.
    """
    if files < 1 or samples < files or samples % files:
        raise SettingError(f"samples must be a multiple of files, got {samples} and {files}")
    number = secrets.randbits(64) if seed is None else seed
    truth = sky(number)
    check_free(folder, samples * CHANNELS)
    with disk_errors(folder):
        paths = write(folder, beam(truth, samples, number), files)
        salt = secrets.token_hex(16) if seed is None else hashlib.sha256(f"salt {seed}".encode()).hexdigest()[:32]
        content = json.dumps({"salt": salt, **asdict(truth)}).encode()
        (folder / _ENVELOPE).write_bytes(base64.b64encode(content))  # no secret from a thief, only from a glance
    return paths, hashlib.sha256(content).hexdigest()


def open_envelope(folder: Path, seal: str) -> Sky:
    """The truth that ``observe`` has sealed.

    Raises:
        DatasetError: there is no envelope, or what it holds is not what was sealed.
    """
    try:
        content = base64.b64decode((folder / _ENVELOPE).read_bytes(), validate=True)
    except FileNotFoundError as error:
        raise DatasetError(f"{_ENVELOPE}: no such file; observe() writes it beside the beam") from error
    except ValueError as error:
        raise DatasetError(f"{_ENVELOPE}: not an envelope, it was written by something else") from error
    if hashlib.sha256(content).hexdigest() != seal:
        raise DatasetError(f"{_ENVELOPE}: the seal is broken, it holds another truth than the one that was sealed")
    truth = json.loads(content)
    del truth["salt"]
    return Sky(**truth)


# SIGPROC's filterbank format: a header of keywords with their values, then the samples, all channels of one after the other.
# Source: D. Lorimer, SIGPROC's manual, "The filterbank file format".
_TYPES = {"telescope_id": "i", "machine_id": "i", "data_type": "i", "nchans": "i", "nbits": "i", "nifs": "i", "nsamples": "i"}  # fmt: skip
_TYPES |= {"fch1": "d", "foff": "d", "tstart": "d", "tsamp": "d", "src_raj": "d", "src_dej": "d"}


def write(folder: Path, samples: np.ndarray, files: int) -> list[Path]:
    """Write a beam, uint8 of shape (samples, CHANNELS), as equal filterbank files ``beam_00.fil`` onwards; their paths."""
    paths = []
    for number, block in enumerate(np.split(samples, files)):
        start = 61371.0 + number * len(block) * SAMPLE_SECONDS / 86_400  # a modified Julian date
        step = 1000 * float(FREQUENCIES[1] - FREQUENCIES[0])
        header = {"telescope_id": 0, "machine_id": 0, "data_type": 1, "fch1": 1000 * float(FREQUENCIES[0])}
        header |= {"foff": step, "nchans": CHANNELS, "nbits": 8, "nifs": 1, "tstart": start, "tsamp": SAMPLE_SECONDS}
        paths.append(folder / f"beam_{number:02d}.fil")
        paths[-1].write_bytes(_header(header | {"nsamples": len(block)}) + block.tobytes())
    return paths


def _word(text: str) -> bytes:
    return struct.pack("<i", len(text)) + text.encode()


def _header(values: dict[str, float]) -> bytes:
    words = b"".join(_word(name) + struct.pack("<" + _TYPES[name], value) for name, value in values.items())
    return _word("HEADER_START") + words + _word("HEADER_END")


def header(path: Path) -> dict[str, float]:
    """A filterbank file's header by keyword (``fch1``, ``foff`` in MHz, ``tsamp`` in s), and ``bytes``, its own length.

    Raises:
        DatasetError: there is no such file, or it begins with no such header.
    """
    name = Path(path).name
    values: dict[str, float] = {}
    try:
        with Path(path).open("rb") as file:

            def word() -> str:
                (length,) = struct.unpack("<i", file.read(4))
                if not 1 <= length <= 80:
                    raise ValueError("no keyword")
                return file.read(length).decode("ascii")

            if word() != "HEADER_START":
                raise ValueError("no header")
            while (keyword := word()) != "HEADER_END":
                if keyword in ("source_name", "rawdatafile"):
                    word()
                else:
                    kind = "<" + _TYPES[keyword]
                    (values[keyword],) = struct.unpack(kind, file.read(struct.calcsize(kind)))
            return values | {"bytes": file.tell()}
    except FileNotFoundError as error:
        raise DatasetError(f"{name}: no such file") from error
    except (struct.error, ValueError, KeyError) as error:
        raise DatasetError(f"{name}: not a filterbank file (SIGPROC), or cut in its header") from error


def read(path: Path) -> np.ndarray:
    """The samples of a filterbank file: uint8, shape (samples, channels), the highest frequency first.

    Raises:
        DatasetError: there is no such file, it is no 8-bit filterbank, or holds fewer samples than its header promises.
    """
    name, known = Path(path).name, header(path)
    if (known.get("nbits"), known.get("nifs", 1)) != (8, 1) or known.get("nchans", 0) < 1:
        raise DatasetError(f"{name}: expected 8 bits and one polarisation, its header says {known}")
    channels = int(known["nchans"])
    samples = np.fromfile(path, np.uint8, offset=int(known["bytes"]))
    promised = int(known.get("nsamples", samples.size // channels))
    if samples.size != promised * channels:
        found = samples.size / channels
        raise DatasetError(f"{name}: truncated, its header promises {promised} samples and {found:g} are there")
    return samples.reshape(promised, channels)
