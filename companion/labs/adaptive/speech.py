"""What a telephone hears in half a second of speech: cepstra for the recogniser, formants for the vowel chart, and a fixed layer.

Nothing here learns anything; that is the notebook's business.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.fft import dct

from companion.datasets.voices import LENGTH, RATE, Speakers, record

FRAME, HOP, BANDS, COEFFICIENTS, PARTS = 256, 128, 24, 12, 6
_ORDER = 10  # of linear prediction: three formants and the slope of the spectrum


def _mel_filters() -> np.ndarray:
    """Triangles between 100 and 3,900 Hz, equally wide on the mel scale: shape (bands, frequencies)."""
    low, high = (2595 * np.log10(1 + f / 700) for f in (100, 3900))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(FRAME, 1 / RATE)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rise, fall = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
    return np.clip(np.minimum(rise, fall), 0, None)


_FILTERS = _mel_filters()


def cepstra(samples: np.ndarray) -> np.ndarray:
    """Mel-frequency cepstral coefficients 1 to 12, averaged over each sixth of the recording.

    Args:
        samples: shape (..., 4096); the loudness does not matter.

    Returns:
        shape (..., 72), float64.
    """
    flat = samples.reshape(-1, samples.shape[-1])
    window = np.hanning(FRAME)
    found = np.empty((len(flat), PARTS * COEFFICIENTS))
    for begin in range(0, len(flat), 100):  # a hundred at a time stays in the cache
        some = flat[begin : begin + 100]
        frames = np.lib.stride_tricks.sliding_window_view(some, FRAME, axis=-1)[:, ::HOP] * window
        bands = np.log(np.abs(np.fft.rfft(frames)) ** 2 @ _FILTERS.T + 1e-6)
        coefficients = dct(bands, norm="ortho")[..., 1 : COEFFICIENTS + 1]
        parts = np.array_split(np.arange(coefficients.shape[1]), PARTS)
        found[begin : begin + 100] = np.stack([coefficients[:, part].mean(axis=1) for part in parts], axis=1).reshape(
            len(some), -1
        )
    return found.reshape(*samples.shape[:-1], -1)


def formants(samples: np.ndarray) -> np.ndarray:
    """F1 and F2 of both vowels by linear prediction (Atal and Hanauer, 1971), as a phonetician measures them.

    Args:
        samples: shape (..., 4096).

    Returns:
        Hz, shape (..., 2 vowels, 2 formants); NaN where no two resonances were found.
    """
    found = np.stack(
        [_resonances(samples[..., int(a * LENGTH) : int(b * LENGTH)]) for a, b in ((0.18, 0.45), (0.62, 0.88))], axis=-2
    )
    return np.where(np.isfinite(found).all(axis=-1, keepdims=True), found, np.nan)


def _resonances(vowel: np.ndarray, length: int = 400) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(vowel, length, axis=-1)[..., :: length // 2, :] * np.hamming(
        length
    )
    power = (np.abs(np.fft.rfft(frames, 1024)) ** 2).mean(axis=-2)
    correlation = np.fft.irfft(power)[..., : _ORDER + 1]
    correlation *= np.exp(-0.5 * (2 * np.pi * 60 / RATE * np.arange(_ORDER + 1)) ** 2)  # smooths over the harmonics
    lags = np.abs(np.subtract.outer(np.arange(_ORDER), np.arange(_ORDER)))
    matrix = correlation[..., lags] + (1e-3 * correlation[..., :1, None] + 1e-12) * np.eye(_ORDER)
    predictor = np.linalg.solve(matrix, correlation[..., 1:, None])[..., 0]
    frobenius = np.zeros((*predictor.shape, _ORDER))  # its eigenvalues are the poles
    frobenius[..., 0, :] = predictor
    frobenius[..., np.arange(1, _ORDER), np.arange(_ORDER - 1)] = 1
    poles = np.linalg.eigvals(frobenius)
    frequency = np.angle(poles) * RATE / (2 * np.pi)
    width = -np.log(np.maximum(np.abs(poles), 1e-12)) * RATE / np.pi
    return np.sort(np.where((frequency > 200) & (width < 500), frequency, np.inf), axis=-1)[..., :2]


class Layer:
    """A fixed layer between cepstra and head: random cosines (Rahimi and Recht, 2007), the same in every telephone, never trained.

    Args:
        corpus: cepstra, shape (..., 72): what is usual, so that each coefficient can be brought to mean 0 and deviation 1.
        centred: whether the coefficients come with their speaker's mean taken off; then none is taken off here.
        width: number of cosines.
    """

    def __init__(self, corpus: np.ndarray, *, centred: bool = False, width: int = 300):
        flat = corpus.reshape(-1, corpus.shape[-1])
        rng = np.random.default_rng(0)
        self.mean = np.zeros(flat.shape[1]) if centred else flat.mean(axis=0)
        self.deviation = flat.std(axis=0)
        self.directions, self.phases = rng.normal(0, 0.1, (flat.shape[1], width)), rng.uniform(0, 2 * np.pi, width)

    def __call__(self, found: np.ndarray) -> np.ndarray:
        """Features of cepstra, (..., 72) to (..., 373): the coefficients, the cosines, and a one."""
        usual = (found - self.mean) / self.deviation
        cosines = np.sqrt(50 / len(self.phases)) * np.cos(usual @ self.directions + self.phases)
        return np.concatenate([0.3 * usual, cosines, np.ones((*usual.shape[:-1], 1))], axis=-1)


class Heard(NamedTuple):
    """What was recorded: ``samples`` (speakers, utterances, 4096), ``cepstra`` (..., 72), ``words`` (speakers, utterances)."""

    samples: np.ndarray
    cepstra: np.ndarray
    words: np.ndarray


def hear(speakers: Speakers, utterances: int, seed: int) -> Heard:
    """Record every speaker and take the cepstra."""
    samples, words = record(speakers, utterances, seed)
    return Heard(samples, cepstra(samples), words)
