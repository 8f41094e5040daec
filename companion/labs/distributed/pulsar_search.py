"""What a pulsar search needs beside its idea: the grid of frequencies, chances, folding, and the refinement of a candidate.

Frequencies are in turns a second, dispersions are numbers of trials (one a pc/cm3), series are rows of sums over the channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from companion import draw
from companion.datasets import pulsar
from companion.datasets.pulsar import FREQUENCIES, SAMPLE_SECONDS, Sky
from companion.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

#: how many harmonics are added up, and the range of the frequencies that are searched
HARMONICS = (1, 2, 4, 8, 16, 32)
SLOWEST, FASTEST = 0.5, 10.0
#: at which multiples of a candidate's period it is folded
RATIOS = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 1, 3 / 2, 2, 5 / 2, 3, 7 / 2, 4, 5, 6, 7, 8)
_WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16)  # of a pulse, in bins


def grid(harmonics: int, seconds: float) -> np.ndarray:
    """The frequencies that are tried with so many harmonics, as whole multiples of 1 / (harmonics * seconds)."""
    return np.arange(np.ceil(SLOWEST * seconds * harmonics), FASTEST * seconds * harmonics + 1).astype(int)


def trials(dispersions: int, seconds: float, harmonics: Iterable[int] = HARMONICS) -> int:
    """How many combinations of dispersion, frequency and number of harmonics a search looks at."""
    return dispersions * sum(len(grid(count, seconds)) for count in harmonics)


def log10_p(total: np.ndarray, harmonics: int) -> np.ndarray:
    """Logarithm (base 10) of the chance that a sum of so many powers of pure noise reaches ``total``.

    It is the tail of a Gamma distribution of a whole shape (Erlang's), in closed form: SciPy's tail is 0 where a float ends.
    """
    from scipy.special import factorial

    series = np.polynomial.Polynomial(1 / factorial(np.arange(harmonics)))
    return np.log10(series(total)) - total / np.log(10)


def in_order(found: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables of candidates as one, the least likely to be noise first; equal ones by dispersion and frequency."""
    import pandas as pd

    keys = ["log10_p", "dispersion", "frequency", "harmonics"]
    return pd.concat(found).sort_values(keys).reset_index(drop=True)


def fold(series: np.ndarray, period: float, bins: int = 128) -> np.ndarray:
    """A series cut into turns of a period (seconds) and added up, in standard deviations of a bin's noise; shape (bins,)."""
    return _folded(series - series.mean(), series.std(), *_turned(len(series), period, bins))


def _turned(samples: int, period: float, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """The bin of each sample, and the noise of each bin in samples."""
    turns = ((np.arange(samples) + 0.5) * SAMPLE_SECONDS / period) % 1
    at = (turns * bins).astype(int)
    return at, np.sqrt(np.maximum(np.bincount(at, minlength=bins), 1))


def _folded(deviations: np.ndarray, spread: float, at: np.ndarray, noise: np.ndarray) -> np.ndarray:
    return np.bincount(at, deviations, minlength=len(noise)) / noise / spread


def pulse_snr(profile: np.ndarray) -> float:
    """The signal-to-noise ratio of the best rectangular pulse, of some width at some phase, in a folded profile."""
    running, bins = np.concatenate([[0], np.cumsum(np.tile(profile, 2))]), len(profile)
    heights = [(running[w : w + bins] - running[:bins]).max() / np.sqrt(w * (1 - w / bins)) for w in _WIDTHS]
    return float(max(heights))


def refine(series: np.ndarray, frequency: float, dispersion: int) -> tuple[float, int, float]:
    """The sharpest fold near a candidate: (signal-to-noise ratio, dispersion, period in seconds).

    Args:
        series: shape (trials, samples).
        frequency: within one resolution of it, 1 / (time of the series), periods are tried in sixteenths of that.
        dispersion: its row; four rows on either side are tried.
    """
    seconds = series.shape[1] * SAMPLE_SECONDS
    periods = 1 / (frequency + np.linspace(-1, 1, 17) / seconds)
    near = range(max(0, dispersion - 4), min(len(series), dispersion + 5))
    # as by fold, with what is the same for all periods of a row, or for all rows of a period, worked out once
    rows = [(row, series[row] - series[row].mean(), series[row].std()) for row in near]
    turns = [(float(period), *_turned(series.shape[1], period, bins=128)) for period in periods]
    return max(
        (pulse_snr(_folded(deviations, spread, at, noise)), row, period)
        for row, deviations, spread in rows
        for period, at, noise in turns
    )


def answer(
    series: np.ndarray, peaks: pd.DataFrame, ratios: Sequence[float] = RATIOS
) -> tuple[float, int, float] | None:
    """``refine`` of the strongest candidate, at that multiple of its period where the fold is sharpest; None without one."""
    if peaks.empty:
        return None
    frequency, row = float(peaks["frequency"].iloc[0]), int(peaks["dispersion"].iloc[0])
    ratio = max(ratios, key=lambda ratio: pulse_snr(fold(series[row], ratio / frequency)))
    return refine(series, frequency / ratio, row)


def errors(found: tuple[float, int, float] | None, truth: Sky, seconds: float) -> tuple[float, float]:
    """How far an answer is off: its frequency in units of 1 / seconds, its dispersion in trials; infinitely far without one."""
    if found is None:
        return np.inf, np.inf
    return abs(1 / found[2] - 1 / truth.period) * seconds, abs(found[1] - truth.dispersion)


def in_subbands(beam: np.ndarray, delays: np.ndarray, halo: int, group: int = 8) -> tuple[np.ndarray, int]:
    """Dedispersion in two steps: channels are added in groups, once for a group of trials, and the sums then shifted for each.

    Args:
        beam: shape (channels, samples); delays: shape (trials, channels), in samples; both counts multiples of ``group``.
        halo: samples at the end that are not searched.

    Returns:
        ``(series, additions)``: uint16, shape (trials, samples - halo), and how many rows were added up for it.
    """
    series, additions, length = [], 0, beam.shape[1] - halo
    for first in range(0, len(delays), group):
        middle = delays[first + group // 2]
        inner = middle - np.repeat(middle[::group], group)  # within a subband, for the middle one of these trials
        rows = [channel[d : d + beam.shape[1] - inner.max()] for channel, d in zip(beam, inner, strict=True)]
        bands = np.add.reduceat(np.array(rows), np.arange(0, len(beam), group), dtype=np.uint16)
        for outer in delays[first : first + group, ::group]:
            shifted = [band[d : d + length] for band, d in zip(bands, outer, strict=True)]
            series.append(np.sum(shifted, axis=0, dtype=np.uint16))
        additions += len(beam) + group * len(bands)
    return np.array(series), additions


def agrees(counts: Sequence[int] | np.ndarray, expected: float) -> bool:
    """Whether counts of independent runs have the expected mean, within three standard errors; shape (runs,)."""
    return bool(abs(np.mean(counts) - expected) < 3 * np.std(counts, ddof=1) / np.sqrt(len(counts)))


def cut_short(paths: Sequence[Path], whole: Sequence[bytes], lost: Iterable[int]) -> None:
    """Write every file as it was, but only the first half of those whose number is lost."""
    damaged = set(lost)
    for number, (path, content) in enumerate(zip(paths, whole, strict=True)):
        path.write_bytes(content[: len(content) // 2] if number in damaged else content)


def with_silence(paths: Sequence[Path]) -> np.ndarray:
    """The samples of all files one after the other; of those that can't be read as many of the others' median.

    Raises:
        DatasetError: none of them can be read.
    """
    blocks: list[np.ndarray | None] = []
    for path in paths:
        try:
            blocks.append(pulsar.read(path))
        except DatasetError:
            blocks.append(None)
    good = [block for block in blocks if block is not None]
    if not good:
        raise DatasetError(f"none of the {len(paths)} files can be read")
    silence = np.full_like(good[0], int(np.median(good[0])))
    return np.concatenate([silence if block is None else block for block in blocks])


def picture(
    beam: np.ndarray,
    series: np.ndarray,
    delays: np.ndarray,
    answer: tuple[float, int, float],
    faint: pd.DataFrame,
    kept: pd.DataFrame,
) -> Figure:
    """The folded beam before and after the delays are undone, the candidates, and the folded pulse.

    Args:
        beam: shape (channels, samples), channels a multiple of 16.
        series: shape (trials, samples); delays: shape (trials, channels), in samples.
        answer: (signal-to-noise ratio, dispersion, period in seconds), as of ``refine``.
        faint: all candidates of a low threshold; kept: those of them that the sift has kept.
    """
    _, dispersion, period = answer
    series, delays = series[dispersion], delays[dispersion]
    fig, ((before, after), (plane, pulse)) = draw.figure(11, 6.2, rows=2, columns=2)
    for ax, shift, when in ((before, 0 * delays, "as it arrives"), (after, delays, "delays undone")):
        cut = (channel[d : d + len(series)] for channel, d in zip(beam, shift, strict=True))
        profiles = np.reshape([fold(channel, period, 64) for channel in cut], (16, -1, 64)).sum(axis=1)
        ax.imshow(profiles, aspect="auto", extent=(0, 1, FREQUENCIES[-1] * 1000, FREQUENCIES[0] * 1000))
        ax.set(xlabel="turns", ylabel="frequency in MHz", title=f"The folded beam, {when}")
        ax.grid(False)
    resolution = 1 / (len(series) * SAMPLE_SECONDS)
    distance = np.abs(faint["frequency"].to_numpy()[:, None] - kept["frequency"].to_numpy())
    colour = np.where((distance < 2 * resolution).any(axis=1), draw.BLUE, draw.RED)
    size = np.minimum(-2 * faint["log10_p"], 120)
    plane.scatter(1 / faint["frequency"], faint["dispersion"], s=size, c=colour, alpha=0.25, linewidth=0)
    plane.plot(period, dispersion, "o", markersize=18, markerfacecolor="none", color=draw.BLACK)
    plane.set(xscale="log", xlabel="period in s", ylabel="dispersion")
    plane.set_title(f"{len(faint):,} faint candidates, red: sifted out")
    profile = fold(series, period)
    pulse.step(np.arange(len(profile)) / len(profile), profile, where="mid")
    pulse.set(xlabel="turns", ylabel="standard deviations")
    pulse.set_title(f"One pulse a turn, signal-to-noise ratio {pulse_snr(profile):.0f}")
    return fig


def sound(series: np.ndarray, period: float, rate: int = 8000) -> np.ndarray:
    """A tone that is as loud as the folded pulse; each beat folds twice as many turns as the one before, from a single one.

    Returns:
        Samples in [-1, 1] at ``rate`` a second.
    """
    most = int(np.log2(len(series) * SAMPLE_SECONDS / period))
    beats = [fold(series[: round(2**n * period / SAMPLE_SECONDS)], period) for n in range(most + 1)]
    loudness = np.repeat(np.clip(np.concatenate(beats), 0, 12) / 12, rate // 160)
    return loudness * np.sin(2 * np.pi * 600 * np.arange(len(loudness)) / rate)
