"""What two detectors of R peaks share, and how their beats are judged: matched one to one, alarms by the second, agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from companion.datasets.ecg import RAIL, RATE, Trace
from companion.errors import SettingError

TOLERANCE = 0.15  # seconds: this book's own choice
SILENCE = 4.0  # seconds without a beat that are called asystole
WINDOW = 10  # seconds that a judgement looks back on


def band(signal: np.ndarray, low: float, high: float, order: int = 2) -> np.ndarray:
    """The part of a trace between two frequencies (Hz), without delay."""
    from scipy.signal import butter, sosfiltfilt

    return sosfiltfilt(butter(order, (low, high), "bandpass", fs=RATE, output="sos"), signal)


def moving_average(values: np.ndarray, seconds: float) -> np.ndarray:
    """The mean over a window of so many seconds around each sample; beyond the ends everything is 0."""
    width = max(1, round(seconds * RATE))
    total = np.cumsum(np.pad(values, (width // 2 + 1, width - width // 2 - 1)))
    total = np.concatenate([total, np.full(1, total[-1])])
    return (total[width : width + len(values)] - total[: len(values)]) / width


def at_peak(signal: np.ndarray, samples: np.ndarray, reach: float = 0.1) -> np.ndarray:
    """Times (s) of the largest deflection within ``reach`` seconds of each sample."""
    width, size = int(reach * RATE), np.abs(signal)
    places = [max(0, one - width) + int(np.argmax(size[max(0, one - width) : one + width + 1])) for one in samples]
    return np.array(places, float) / RATE


def matches(found: np.ndarray, planted: np.ndarray, tolerance: float = TOLERANCE) -> int:
    """How many beats pair off one to one within ``tolerance`` seconds; both sorted. A second detection of a beat is no match."""
    i = j = pairs = 0
    while i < len(found) and j < len(planted):
        if abs(found[i] - planted[j]) <= tolerance:
            pairs, i, j = pairs + 1, i + 1, j + 1
        elif found[i] < planted[j]:
            i += 1
        else:
            j += 1
    return pairs


def since_last(beats: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Seconds since the last beat at each moment; since 0 before the first one."""
    count = np.searchsorted(beats, seconds, side="right")
    return seconds - np.concatenate([[0.0], beats])[count]


def agreement(one: np.ndarray, other: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """The share of all beats of the last ten seconds that both detectors found, at each moment; 1 where neither found any."""

    def lately(times: np.ndarray) -> np.ndarray:
        return np.searchsorted(times, seconds, side="right") - np.searchsorted(times, seconds - WINDOW, side="right")

    shared = lately(one[_near(one, other)]) + lately(other[_near(other, one)])
    total = lately(one) + lately(other)
    return np.where(total > 0, shared / np.maximum(total, 1), 1.0)


def _near(times: np.ndarray, others: np.ndarray) -> np.ndarray:
    if not len(others):
        return np.zeros(len(times), bool)
    behind = np.minimum(np.searchsorted(others, times), len(others) - 1)
    distance = np.minimum(abs(times - others[behind]), abs(times - others[np.maximum(behind - 1, 0)]))
    return distance <= TOLERANCE


def at_the_rail(trace: Trace, seconds: np.ndarray) -> np.ndarray:
    """Whether the amplifier stood at its end for a quarter of the last four seconds, at each moment: an electrode is off."""
    railed = np.concatenate([[0], np.cumsum(np.abs(trace.signal) > RAIL - 0.2)])
    end = np.clip((seconds * RATE).astype(int), 0, len(trace.signal))
    start = np.clip(end - int(SILENCE * RATE), 0, None)
    return railed[end] - railed[start] > 0.25 * SILENCE * RATE


def pauses_to_see(trace: Trace) -> list[tuple[float, float]]:
    """The planted pauses throughout which the electrode is on: of the others no trace can tell."""
    return [(a, b) for a, b in trace.pauses if not trace.off[int(a * RATE) : int(b * RATE)].any()]


def red_alarms(trace: Trace, silent: np.ndarray, seconds: np.ndarray) -> tuple[int, int]:
    """False red alarms that begin (none is false in a planted pause), and pauses to see with an alarm.

    Args:
        silent: at each moment, whether the red alarm is on.

    Raises:
        SettingError: one of the two is longer.
    """
    if silent.shape != seconds.shape:
        raise SettingError(f"an answer for each moment: got {silent.shape} for {seconds.shape}")
    begins = seconds[silent & ~np.concatenate([[False], silent[:-1]])]
    within = [[start <= moment <= stop + 1 for start, stop in trace.pauses] for moment in begins]
    found = sum(bool((silent & (seconds >= a) & (seconds <= b + 1)).any()) for a, b in pauses_to_see(trace))
    return sum(not any(row) for row in within), found


def table(ratios: Sequence[float], scores: Mapping[str, np.ndarray]) -> str:
    """Sensitivity and positive predictive value by noise: the mean over the seeds, and half its 95 % interval.

    Args:
        scores: for each detector shape (ratios, seeds, 2).
    """
    from scipy.stats import t

    lines = [f"{'':15}" + "".join(f"{f'{ratio} dB':>14}" for ratio in ratios) + "   mean over seeds +- 95 %, in %"]
    for name, values in scores.items():
        for which, label in enumerate(("sensitivity", "PPV")):
            some = 100 * values[:, :, which]
            half = t.ppf(0.975, some.shape[1] - 1) * some.std(axis=1, ddof=1) / np.sqrt(some.shape[1])
            cells = (f"{f'{mean:.0f} +- {reach:.0f}':>14}" for mean, reach in zip(some.mean(axis=1), half, strict=True))
            lines.append(f"{name if which == 0 else '':14} " + "".join(cells) + f"   {label}")
    return "\n".join(lines)
