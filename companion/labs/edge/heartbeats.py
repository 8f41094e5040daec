"""What two detectors of R peaks share, and how their beats are judged: matched one to one, alarms by the second, agreement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from companion.datasets.ecg import RAIL, RATE, Trace, trace
from companion.errors import SettingError
from companion.measure.timing import student

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


def pan_tompkins(signal: np.ndarray) -> np.ndarray:
    """Times (s) of the R peaks, after Pan and Tompkins (1985), without their test for T waves.

    Band-pass, slope, square, mean over 150 ms; a threshold that follows the heights of beats and of noise; a look back when a
    beat is late.
    """
    from scipy.signal import find_peaks

    filtered = band(signal, 5, 15, order=1)
    energy = moving_average(np.gradient(filtered) ** 2, 0.150)
    places, _ = find_peaks(energy, distance=int(0.2 * RATE))
    signal_level, noise_level = energy[: 2 * RATE].max() / 3, energy[: 2 * RATE].mean() / 2
    beats: list[int] = []
    skipped: list[tuple[float, int]] = []
    usual = float(RATE)
    for place, height in zip(places.tolist(), energy[places].tolist(), strict=True):
        threshold, weight = noise_level + 0.25 * (signal_level - noise_level), 0.125
        if height <= threshold:
            noise_level += 0.125 * (height - noise_level)
            skipped.append((height, place))
            if not beats or place - beats[-1] < 1.66 * usual:
                continue
            (height, place), weight, skipped = max(skipped), 0.25, []  # a beat is late: the tallest since the last
            if height < threshold / 2:
                continue
        signal_level += weight * (height - signal_level)
        if beats:
            usual += 0.125 * (min(place - beats[-1], 2 * usual) - usual)
        beats.append(place)
        skipped = []
    return at_peak(filtered, np.array(beats, int))


def one_threshold(signal: np.ndarray) -> np.ndarray:
    """Times (s) of the R peaks: what is half as tall as the 99th percentile of the filtered trace."""
    from scipy.signal import find_peaks

    height = np.abs(band(signal, 5, 15))
    return find_peaks(height, height=np.percentile(height, 99) / 2, distance=int(0.3 * RATE))[0] / RATE


def score(
    detector: Callable[[np.ndarray], np.ndarray], ratios: Sequence[float], seeds: int = 10, seconds: float = 120
) -> np.ndarray:
    """Sensitivity and positive predictive value of a detector, shape (ratios, seeds, 2), each seed at a pulse of its own."""
    return np.array([[_score(detector, trace_at(ratio, seed, seconds)) for seed in range(seeds)] for ratio in ratios])


def trace_at(ratio: float, seed: int, seconds: float = 120) -> Trace:
    """A trace at a signal-to-noise ratio (dB), at 60 to 105 beats a minute."""
    return trace(seconds, seed, snr=ratio, pulse=60 + 5 * (seed % 10))


def _score(detector: Callable[[np.ndarray], np.ndarray], recorded: Trace) -> tuple[float, float]:
    found = detector(recorded.signal)
    pairs = matches(found, recorded.beats)
    return pairs / len(recorded.beats), pairs / max(1, len(found))


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


def at_the_rail(recorded: Trace, seconds: np.ndarray) -> np.ndarray:
    """Whether the amplifier stood at its end for a quarter of the last four seconds, at each moment: an electrode is off."""
    railed = np.concatenate([[0], np.cumsum(np.abs(recorded.signal) > RAIL - 0.2)])
    end = np.clip((seconds * RATE).astype(int), 0, len(recorded.signal))
    start = np.clip(end - int(SILENCE * RATE), 0, None)
    return railed[end] - railed[start] > 0.25 * SILENCE * RATE


def pauses_to_see(recorded: Trace) -> list[tuple[float, float]]:
    """The planted pauses throughout which the electrode is on: of the others no trace can tell."""
    return [(a, b) for a, b in recorded.pauses if not recorded.off[int(a * RATE) : int(b * RATE)].any()]


def red_alarms(recorded: Trace, silent: np.ndarray, seconds: np.ndarray) -> tuple[int, int]:
    """False red alarms that begin (none is false in a planted pause), and pauses to see with an alarm.

    Args:
        silent: at each moment, whether the red alarm is on.

    Raises:
        SettingError: one of the two is longer.
    """
    if silent.shape != seconds.shape:
        raise SettingError(f"an answer for each moment: got {silent.shape} for {seconds.shape}")
    begins = seconds[silent & ~np.concatenate([[False], silent[:-1]])]
    within = [[start <= moment <= stop + 1 for start, stop in recorded.pauses] for moment in begins]
    found = sum(bool((silent & (seconds >= a) & (seconds <= b + 1)).any()) for a, b in pauses_to_see(recorded))
    return sum(not any(row) for row in within), found


def ringing(
    recorded: Sequence[Trace], beats: Sequence[np.ndarray], seconds: np.ndarray, trusted: Sequence[np.ndarray] | None
) -> tuple[float, float]:
    """False red alarms for asystole a bed-day, and the share of the pauses to see that ring.

    Args:
        recorded, beats: traces and the beats that were found in each.
        trusted: for each trace at each moment whether a silence is believed; where the electrode is off it never is. None
            for no gate at all.
    """
    false = found = 0
    for number, one in enumerate(recorded):
        red = since_last(beats[number], seconds) >= SILENCE
        if trusted is not None:
            red &= trusted[number] & ~at_the_rail(one, seconds)
        counts = red_alarms(one, red, seconds)
        false, found = false + counts[0], found + counts[1]
    days = sum(len(one.signal) for one in recorded) / RATE / 86_400
    return false / days, found / sum(len(pauses_to_see(one)) for one in recorded)


def longest_off(recorded: Sequence[Trace]) -> tuple[int, float, float]:
    """Number of the trace, start and end (s) of the longest time without an electrode."""
    best = (0.0, 0, 0.0, 0.0)
    for number, one in enumerate(recorded):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], one.off.astype(int), [0]]))) / RATE
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            best = max(best, (stop - start, number, float(start), float(stop)))
    return best[1:]


def table(ratios: Sequence[float], scores: Mapping[str, np.ndarray]) -> str:
    """Sensitivity and positive predictive value by noise: the mean over the seeds, and half its 95 % interval.

    Args:
        scores: for each detector shape (ratios, seeds, 2).
    """
    lines = [f"{'':15}" + "".join(f"{f'{ratio} dB':>14}" for ratio in ratios) + "   mean over seeds +- 95 %, in %"]
    for name, values in scores.items():
        for which, label in enumerate(("sensitivity", "PPV")):
            some = 100 * values[:, :, which]
            means = zip(some.mean(axis=1), map(student, some), strict=True)
            cells = (f"{f'{mean:.0f} +- {(high - low) / 2:.0f}':>14}" for mean, (low, high) in means)
            lines.append(f"{name if which == 0 else '':14} " + "".join(cells) + f"   {label}")
    return "\n".join(lines)
