"""Speakers who say nine words: made from formants, each with a vocal tract, a pitch, a microphone and an accent whose shift is planted.

A word is s + vowel + t + vowel: one of five vowels in the first place with *a* in the second, or the other way round. An accent is an
affine map of the first two formants, so what there is to learn about a speaker is known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from companion.datasets.audio import formant_gain
from companion.errors import SettingError

RATE = 8_000  # samples a second, as on a telephone
LENGTH = 4_096  # samples of a recording, about half a second
#: first and second formant of the five vowels in Hz: this book's own targets, in the order of a real vowel chart
VOWELS = {"i": (320, 2150), "e": (440, 1870), "a": (690, 1340), "o": (470, 960), "u": (350, 800)}
WORDS = ("sita", "seta", "sata", "sota", "suta", "sati", "sate", "sato", "satu")
ACCENTS = ("coast", "hills")
#: (words, 2): the vowels of each word, as indices into ``VOWELS``
PLACES = np.array([[list(VOWELS).index(word[1]), list(VOWELS).index(word[3])] for word in WORDS])

_TARGETS = np.log(np.array(list(VOWELS.values()), float))
#: log-formants are counted from here, the geometric middle of the five vowels
CENTRE = _TARGETS.mean(axis=0)
#: the accent of the hills at full strength, in log-formants counted from the centre: x -> (1 + BEND) x + MOVE. Vowels close and come forward
BEND = np.array([[-0.10, -0.10], [0.06, -0.05]])
MOVE = np.array([-0.25, 0.06])

_TIME = np.arange(LENGTH) / LENGTH
_FREQUENCIES = np.fft.rfftfreq(LENGTH, 1 / RATE)
_WIDTH = 60.0  # half the width of a resonance in Hz
_ROLL_OFF = np.sqrt(100 / np.maximum(_FREQUENCIES, 80))  # the vocal cords' harmonics get weaker


@dataclass(frozen=True)
class Speakers:
    """Who speaks; every array has an entry a speaker.

    Attributes:
        accent: index into ``ACCENTS``.
        strength: how much of the accent of the hills, 1 is all of it.
        habit: the speaker's own map, (matrix | move) beside the accent's, shape (speakers, 2, 3).
        tract: the formants are multiplied by it (a short vocal tract has high ones).
        pitch: of the vocal cords, in Hz.
        tilt: of the microphone, in dB an octave.
        snr: signal-to-noise ratio in dB.
    """

    accent: np.ndarray
    strength: np.ndarray
    habit: np.ndarray
    tract: np.ndarray
    pitch: np.ndarray
    tilt: np.ndarray
    snr: np.ndarray

    def __len__(self) -> int:
        return len(self.accent)

    def only(self, chosen: np.ndarray) -> Speakers:
        """Some of the speakers, by a mask or by indices."""
        return Speakers(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def affine(self) -> tuple[np.ndarray, np.ndarray]:
        """The planted maps x -> matrix x + move of log-formants counted from ``CENTRE``: shapes (speakers, 2, 2), (speakers, 2)."""
        matrix = np.eye(2) + self.strength[:, None, None] * BEND + self.habit[:, :, :2]
        return matrix, self.strength[:, None] * MOVE + self.habit[:, :, 2] + np.log(self.tract)[:, None]

    def targets(self) -> np.ndarray:
        """F1 and F2 in Hz that each speaker aims at, shape (speakers, 5, 2)."""
        matrix, move = self.affine()
        return np.exp(np.einsum("sij,vj->svi", matrix, _TARGETS - CENTRE) + move[:, None] + CENTRE)


def draw_speakers(count: int, seed: int, hills: float = 0.5) -> Speakers:
    """Speakers from a seed, those from the coast before those from the hills.

    Args:
        hills: which share of them has the accent of the hills, at a strength between 0.5 and 1.3.

    Raises:
        SettingError: no speaker, or a share that is none.
    """
    if count < 1:
        raise SettingError(f"at least one speaker, got {count}")
    if not 0 <= hills <= 1:
        raise SettingError(f"hills is a share between 0 and 1, got {hills}")
    rng = np.random.default_rng([seed, 10])
    accent = (np.arange(count) >= round(count * (1 - hills))).astype(int)
    tract = np.exp(rng.normal(0, 0.08, count))
    return Speakers(
        accent=accent,
        strength=np.where(accent == 1, rng.uniform(0.5, 1.3, count), rng.uniform(-0.15, 0.15, count)),
        habit=rng.normal(0, (0.10, 0.10, 0.05), (count, 2, 3)),
        tract=tract,
        pitch=np.clip(150 * tract**3 * np.exp(rng.normal(0, 0.15, count)), 85, 260),
        tilt=rng.normal(0, 0.8, count),
        snr=rng.uniform(8, 20, count),
    )


def said(speakers: int, utterances: int, seed: int) -> np.ndarray:
    """Which word each utterance is, as indices into ``WORDS``, shape (speakers, utterances): all nine in random order, then again."""
    rng = np.random.default_rng([seed, 11])
    rounds = -(-utterances // len(WORDS))
    orders = rng.permuted(np.tile(np.arange(len(WORDS)), (speakers, rounds, 1)), axis=-1)
    return orders.reshape(speakers, -1)[:, :utterances]


def record(speakers: Speakers, utterances: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Recordings of each speaker, who never says a word twice alike: log-formants miss their targets by 0.07 (standard deviation).

    Returns:
        ``(samples, words)``: float32 in [-1, 1], shape (speakers, utterances, 4096); indices into ``WORDS``, shape (speakers, utterances).

    Raises:
        SettingError: no utterance.
    """
    if utterances < 1:
        raise SettingError(f"at least one utterance a speaker, got {utterances}")
    words = said(len(speakers), utterances, seed)
    aims = np.log(speakers.targets())
    samples = np.empty((*words.shape, LENGTH), np.float32)
    for s, (aim, spoken) in enumerate(zip(aims, words, strict=True)):
        rng = np.random.default_rng([seed, 12, s])
        formants = np.exp(aim[PLACES[spoken]] + rng.normal(0, 0.07, (utterances, 2, 2)))
        samples[s] = speak(formants, speakers.only(np.array([s])), rng)
    return samples, words


def speak(formants: np.ndarray, speaker: Speakers, rng: np.random.Generator) -> np.ndarray:
    """One speaker's voice at given formants, with the consonants, the microphone and the room.

    Args:
        formants: F1 and F2 in Hz of both vowels, shape (utterances, 2, 2); the third formant is drawn.
        speaker: a single one.

    Returns:
        float32 in [-1, 1], shape (utterances, 4096).
    """
    count = len(formants)
    third = 2600 * speaker.tract[0] * np.exp(rng.normal(0, 0.03, (count, 2, 1)))
    resonances = formant_gain(_FREQUENCIES, np.concatenate([formants, third], axis=2), _WIDTH)
    microphone = (np.maximum(_FREQUENCIES, 100) / 1000) ** (speaker.tilt[0] / 6.02)
    sounds = np.fft.irfft(_cords(speaker.pitch[0], count, rng)[:, None] * resonances * (_ROLL_OFF * microphone), LENGTH)
    # where the first vowel ends, and how loud each is
    border = rng.uniform(0.49, 0.57, (count, 1))
    loud = np.exp(rng.normal(0, 0.15, (count, 2, 1)))
    voice = loud[:, 0] * _swell(0.12, border) * sounds[:, 0] + loud[:, 1] * _swell(border + 0.05, 0.97) * sounds[:, 1]
    level = voice.std(axis=1, keepdims=True)
    hiss = np.fft.irfft(np.fft.rfft(rng.normal(size=(count, LENGTH))) * (_FREQUENCIES / 4000) ** 2 * microphone, LENGTH)
    consonants = 0.6 * _bump(0.06, 0.03) + 0.4 * _bump(border + 0.025, 0.012)
    room = rng.normal(size=(count, LENGTH)) * 10 ** (-speaker.snr[0] / 20)
    mixed = voice + level * (consonants * hiss / hiss.std(axis=1, keepdims=True) + room)
    return (0.8 * mixed / np.abs(mixed).max(axis=1, keepdims=True)).astype(np.float32)


def _cords(pitch: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """The spectrum of a train of pulses whose pitch differs from utterance to utterance and falls within it: (count, frequencies)."""
    falls = 1 + rng.uniform(0.05, 0.35, (count, 1)) * (0.5 - _TIME)
    step = pitch * np.exp(rng.normal(0, 0.08, (count, 1))) * falls / RATE
    cycles = np.cumsum(step, axis=1) + rng.uniform(0, 1, (count, 1))
    whole = np.floor(cycles)
    begins = np.diff(whole, axis=1, prepend=whole[:, :1]) > 0
    # a pulse lies between two samples: each gets its share
    late = np.where(begins, (cycles - whole) / step, 0)
    pulses = np.where(begins, 1 - late, 0)
    pulses[:, :-1] += late[:, 1:]
    return np.fft.rfft(pulses)


def _swell(begin: float | np.ndarray, end: float | np.ndarray) -> np.ndarray:
    return np.sqrt(np.sin(np.pi * np.clip((_TIME - begin) / (end - begin), 0, 1)).clip(0))


def _bump(middle: float | np.ndarray, width: float) -> np.ndarray:
    return np.exp(-0.5 * ((_TIME - middle) / width) ** 2)
