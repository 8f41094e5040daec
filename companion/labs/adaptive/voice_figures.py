"""Pictures of ``case_voice_assistants``: the vowel chart, a boundary that moves, error over utterances, rates. Each returns a figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from companion import draw
from companion.datasets import voices

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = (draw.BLUE, draw.ORANGE)
_VOWEL_COLOURS = (draw.SKY, draw.GREEN, draw.YELLOW, draw.PINK, draw.ORANGE)


def _as_a_chart(ax: Axes) -> None:
    """Phoneticians draw F2 to the left and F1 downwards: then *i* stands where the tongue is, high and in front."""
    ax.set(xscale="log", yscale="log", xlabel="F2 in Hz", xlim=(3000, 560), ylim=(1000, 190))
    for axis, ticks in ((ax.xaxis, (2500, 1500, 1000, 600)), (ax.yaxis, (300, 500, 800))):
        axis.set_ticks(ticks, [str(tick) for tick in ticks])
        axis.set_minor_locator(_no_ticks())


def _no_ticks():
    from matplotlib.ticker import NullLocator

    return NullLocator()


def _ellipse(ax: Axes, points: np.ndarray, colour: str) -> None:
    """One standard deviation around the mean of log-formants (n, 2)."""
    values, vectors = np.linalg.eigh(np.cov(points.T))
    circle = np.linspace(0, 2 * np.pi, 60)
    ring = points.mean(axis=0) + (np.stack([np.cos(circle), np.sin(circle)], axis=1) * np.sqrt(values)) @ vectors.T
    ax.plot(np.exp(ring[:, 1]), np.exp(ring[:, 0]), color=colour, linewidth=0.9, alpha=0.8)


def chart(speakers: voices.Speakers, formants: np.ndarray, words: np.ndarray) -> Figure:
    """The vowel chart: an ellipse for each speaker and vowel, from measured formants (speakers, utterances, 2, 2)."""
    fig, ax = draw.figure(8, 5)
    said = voices.PLACES[words]
    for s, accent in enumerate(speakers.accent):
        for vowel in range(len(voices.VOWELS)):
            points = np.log(formants[s][said[s] == vowel])
            points = points[np.isfinite(points).all(axis=1)]
            points = points[(np.abs(points - np.median(points, axis=0)) < 0.45).all(axis=1)]
            _ellipse(ax, points, _COLOURS[accent])
    for name, (first, second) in voices.VOWELS.items():
        ax.text(second, first, name, fontsize=20, weight="bold", ha="center", va="center")
    for accent, colour in zip(voices.ACCENTS, _COLOURS, strict=True):
        ax.plot([], [], color=colour, label=f"the {accent}")
    _as_a_chart(ax)
    ax.set(ylabel="F1 in Hz")
    ax.set_title(f"{len(speakers)} speakers, five vowels: the hills say e where the coast says i")
    ax.legend(loc="lower left")
    return fig


def boundaries(
    speaker: voices.Speakers,
    scores: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    shape: tuple[int, int] = (16, 18),
) -> Figure:
    """What a head takes a first vowel for, all over the chart, spoken in one speaker's voice; the speaker's own targets as letters.

    Args:
        speaker: a single one.
        scores: for each panel, from samples (n, 4096) to scores (n, words).
    """
    from matplotlib.colors import ListedColormap

    first, second = np.geomspace(240, 920, shape[0]), np.geomspace(620, 2800, shape[1])
    grid = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1).reshape(-1, 2)
    own = speaker.targets()[0]
    formants = np.stack([grid, np.broadcast_to(own[2], grid.shape)], axis=1)
    spoken = [voices.speak(formants, speaker, np.random.default_rng(seed)) for seed in range(4)]
    fig, axes = draw.figure(10, 3.5, columns=len(scores), sharey=True)
    right: list[int] = []
    for ax, (name, score) in zip(axes, scores.items(), strict=True):
        # the five words with their first vowel free, the second one being a
        heard = np.mean([score(samples)[:, :5] for samples in spoken], axis=0).argmax(axis=1).reshape(shape)
        ax.pcolormesh(second, first, heard, cmap=ListedColormap(_VOWEL_COLOURS), vmin=0, vmax=4, alpha=0.45)
        nearest = np.abs(np.log(grid) - np.log(own)[:, None]).sum(axis=2).argmin(axis=1)
        right.append(int((heard.ravel()[nearest] == np.arange(len(own))).sum()))
        for letter, (f1, f2) in zip(voices.VOWELS, own, strict=True):
            ax.text(f2, f1, letter, fontsize=15, weight="bold", ha="center", va="center")
        _as_a_chart(ax)
        ax.set_title(name, fontsize=10)
    axes[0].set_ylabel("F1 in Hz")
    found = f"Own vowels that are heard as themselves: {right[0]} of {len(own)} at first, {right[-1]} at the end"
    fig.suptitle(found, x=0.01, ha="left", fontsize=12, weight="bold")
    return fig


def leak(by: Mapping[str, np.ndarray], title: str) -> Figure:
    """The measured error of one model under each split, a dot a repetition."""
    fig, ax = draw.figure(8, 2.4)
    for row, (errors, colour) in enumerate(zip(by.values(), (draw.ORANGE, draw.BLUE), strict=True)):
        ax.barh(row, 100 * errors.mean(), color=colour, alpha=0.5)
        ax.plot(100 * errors, row + np.linspace(-0.25, 0.25, len(errors)), ".", color=draw.BLACK, markersize=4)
    ax.set_yticks(range(len(by)), by)
    ax.invert_yaxis()
    ax.set(xlabel="words misheard in %", title=title)
    return fig


def curves(
    counts: Sequence[int], lines: Mapping[str, tuple[np.ndarray, np.ndarray | None]], title: str, top: float = 60
) -> Figure:
    """Error over own utterances: for each line a middle (counts,) and half of its interval, or None."""
    fig, ax = draw.figure(8, 4.2)
    places = np.arange(len(counts))
    for (name, (middle, half)), colour in zip(lines.items(), draw.PALETTE, strict=False):
        ax.plot(places, 100 * middle, "o-", color=colour, label=name, markersize=4)
        if half is not None:
            ax.fill_between(places, 100 * (middle - half), 100 * (middle + half), color=colour, alpha=0.15, linewidth=0)
    ax.set_xticks(places, [str(count) for count in counts])
    ax.set(xlabel="own utterances to learn from", ylabel="words misheard in %", title=title, ylim=(0, top))
    ax.legend()
    return fig


def rate(
    counts: np.ndarray, lines: Mapping[str, np.ndarray], law: Callable[[np.ndarray], np.ndarray], title: str
) -> Figure:
    """Error of the recovered shift over utterances, log-log, with the law that was fitted to the first line."""
    fig, ax = draw.figure(8, 3.6)
    for (name, errors), colour in zip(lines.items(), (draw.BLUE, draw.ORANGE), strict=False):
        ax.loglog(counts, 100 * errors, "o", color=colour, label=name)
    smooth = np.geomspace(counts[0], counts[-1], 50)
    ax.loglog(smooth, 100 * law(smooth), color=draw.BLUE, linewidth=1)
    ax.loglog(smooth, 100 * law(smooth[:1]) / np.sqrt(smooth), "--", color=draw.BLACK, linewidth=1, label="1/sqrt(k)")
    ax.set(xlabel="utterances k", ylabel="error of the shift in %", title=title)
    ax.set_xticks(counts, [str(count) for count in counts])
    ax.xaxis.set_minor_locator(_no_ticks())
    ax.set_yticks([1, 2, 5], ["1", "2", "5"])
    ax.yaxis.set_minor_locator(_no_ticks())
    ax.legend()
    return fig
