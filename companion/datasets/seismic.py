"""A seismic survey over a simulated piece of ground: two reflectors whose depth in metres is known, and the records of its shots.

The records come from a grid twice as fine as the one that a notebook images on, with another stencil and another absorbing
edge, and noise is added: who images them does not invert the program that made them. Only additions, multiplications and
divisions of NumPy arrays touch the waves, element by element, so the records are the same bytes everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from companion.errors import DatasetError, SettingError

#: size of the ground in metres, and of a cell of the grid that it is imaged on
WIDTH, DEPTH, SPACING = 1000, 800, 10
#: seconds between two samples of a record, and how many there are
DT, SAMPLES = 0.002, 380
#: dominant frequency of a shot in hertz
FREQUENCY = 15.0
#: shots and receivers lie this deep, in metres
BURIED = 20
RECEIVERS = np.arange(0, WIDTH + 1, 20)

_FINE, _EDGE = 5, 50  # metres, cells
_SOFTER = 12  # how often noise is smoothed over three samples
# second derivative, fourth order
_STENCIL = (-5 / 2, 4 / 3, -1 / 12)


@dataclass(frozen=True)
class Earth:
    """Three layers: a flat reflector between the first two, a dipping one between the last two.

    Attributes:
        flat: depth of the flat reflector in metres.
        left, right: depth of the dipping reflector at the left and the right edge, in metres.
        speeds: of sound in each layer, in metres a second.
    """

    flat: float
    left: float
    right: float
    speeds: tuple[float, float, float]

    def dipping(self, x: float | np.ndarray) -> np.ndarray:
        """Depth of the dipping reflector at x, in metres."""
        return self.left + (self.right - self.left) * np.asarray(x, float) / WIDTH

    def velocity(self, spacing: float = SPACING) -> np.ndarray:
        """Speed of sound in m/s, float64, shape (rows, columns): row by depth, column by x.

        A cell that a reflector passes through has the mean slowness of its two parts.
        """
        x, z = np.arange(0, WIDTH + spacing / 2, spacing), np.arange(0, DEPTH + spacing / 2, spacing)[:, None]
        slowness = np.full((len(z), len(x)), 1 / self.speeds[0])
        for depth, above, below in ((self.flat, *self.speeds[:2]), (self.dipping(x), *self.speeds[1:])):
            slowness += (1 / below - 1 / above) * np.clip((z - depth) / spacing + 0.5, 0, 1)
        return np.round(1 / slowness, 2)

    def smooth(self, metres: float = 60, spacing: float = SPACING) -> np.ndarray:
        """What is known before the image is made: the slowness smoothed with a bell curve of this standard deviation.

        Raises:
            SettingError: a width that is not positive.
        """
        if not metres > 0:
            raise SettingError(f"metres must be above 0, got {metres}")
        slowness = 1 / self.velocity(spacing)
        for _ in range(round(2 * (metres / spacing) ** 2)):  # (1, 2, 1) / 4 has a variance of half a cell squared
            for axis in (0, 1):
                wide = np.pad(slowness, [(1, 1) if axis == k else (0, 0) for k in (0, 1)], mode="edge")
                before, after = (wide[:-2], wide[2:]) if axis == 0 else (wide[:, :-2], wide[:, 2:])
                slowness = (before + 2 * slowness + after) / 4
        return np.round(1 / slowness, 1)


def earth(seed: int = 0) -> Earth:
    """A piece of ground: depths, dip and speeds in whole metres (a second) drawn with this seed."""
    rng = np.random.default_rng(seed)
    flat, left, rise = rng.integers(240, 291), rng.integers(380, 411), rng.integers(280, 321)
    speeds = rng.integers(1880, 1941), rng.integers(2120, 2181), rng.integers(2420, 2481)
    return Earth(float(flat), float(left), float(left + rise), (float(speeds[0]), float(speeds[1]), float(speeds[2])))


def shots(count: int = 8) -> list[int]:
    """Where ``count`` shots are fired: x in metres, as evenly as whole cells allow.

    Raises:
        SettingError: fewer than one, or more than there are cells between 80 m and 920 m.
    """
    first, last = 80, WIDTH - 80
    if not 1 <= count <= (last - first) // SPACING + 1:
        raise SettingError(f"count must be 1 to {(last - first) // SPACING + 1}, got {count}")
    if count == 1:
        return [WIDTH // 2]
    return [first + SPACING * (k * (last - first) // ((count - 1) * SPACING)) for k in range(count)]


def wavelet(samples: int = SAMPLES, dt: float = DT, frequency: float = FREQUENCY) -> np.ndarray:
    """What a shot sends out: Ricker's wavelet with its peak at 1.2 periods, float64, shape (samples,)."""
    phase = (np.pi * frequency * (np.arange(samples) * dt - 1.2 / frequency)) ** 2
    return np.round((1 - 2 * phase) * np.exp(-phase), 6)  # rounded: exp differs in its last bit between machines


def record(ground: Earth, shot: int, noise: float = 0.1, seed: int = 0) -> np.ndarray:
    """What the receivers hear of one shot, float32, shape (SAMPLES, receivers).

    Args:
        ground: see :func:`earth`.
        shot: its x in metres.
        noise: standard deviation, as a share of the largest amplitude that is left when the direct wave is muted. It lies in
            the band of the echoes, where no filter could take it out.
        seed: of the noise; every shot has its own.

    Raises:
        SettingError: a shot outside the ground or between the cells of the grid; a negative noise.
    """
    _check_shot(shot)
    if not noise >= 0:
        raise SettingError(f"noise must not be negative, got {noise}")
    heard = _modelled(ground.velocity(_FINE), shot)
    level = np.float32(noise) * np.abs(mute(heard, shot)).max()
    return heard + level * _noise(np.random.default_rng([seed, shot]))


def mute(records: np.ndarray, shot: int, speed: float = 1900) -> np.ndarray:
    """The record without the wave that runs straight from the shot to the receivers, same shape and type.

    Args:
        records: shape (SAMPLES, receivers).
        shot: its x in metres.
        speed: of the direct wave, in m/s; what comes until 2.2 periods later is silenced, and half a period fades in.

    Raises:
        DatasetError: records of another shape, or with values that are no numbers.
        SettingError: a shot outside the ground or between the cells of the grid.
    """
    _check_shot(shot)
    if records.shape != (SAMPLES, len(RECEIVERS)):
        raise DatasetError(f"shot {shot}: expected a record of shape {(SAMPLES, len(RECEIVERS))}, got {records.shape}")
    if not np.isfinite(records).all():
        raise DatasetError(f"shot {shot}: the record has values that are no finite numbers")
    time = np.arange(SAMPLES)[:, None] * DT
    begin = np.abs(RECEIVERS - shot) / speed + 2.2 / FREQUENCY
    return records * np.clip((time - begin) * 2 * FREQUENCY, 0, 1).astype(records.dtype)


def _check_shot(shot: int) -> None:
    if not 0 <= shot <= WIDTH or shot % SPACING:
        raise SettingError(f"shot must be a multiple of {SPACING} m between 0 and {WIDTH} m, got {shot}")


def _noise(rng: np.random.Generator) -> np.ndarray:
    """Noise in the band of the echoes with a standard deviation of one, float32, shape (SAMPLES, receivers)."""
    rough = rng.standard_normal((SAMPLES + 2 * _SOFTER, len(RECEIVERS)))
    for _ in range(_SOFTER):
        rough = (rough[:-2] + 2 * rough[1:-1] + rough[2:]) / 4
    return (rough * (4**_SOFTER / math.sqrt(math.comb(4 * _SOFTER, 2 * _SOFTER)))).astype(np.float32)


def _modelled(velocity: np.ndarray, shot: int) -> np.ndarray:
    """Waves of one shot on the fine grid: fourth order in space, and an edge that fades what runs into it."""
    padded = np.pad(velocity, _EDGE, mode="edge")
    rows, columns = padded.shape
    dt = DT / 2
    scale = ((padded * dt) ** 2 / _FINE**2).astype(np.float32)
    into = [np.maximum(0, _EDGE - np.minimum(np.arange(n), n - 1 - np.arange(n))) / _EDGE for n in padded.shape]
    fade = (1 - 0.05 * (into[0][:, None] ** 2 + into[1] ** 2)).astype(np.float32)
    now, before = np.zeros((2, rows + 4, columns + 4), np.float32)
    inner = (slice(2, -2), slice(2, -2))
    source = _EDGE + BURIED // _FINE, _EDGE + shot // _FINE
    heard = np.zeros((SAMPLES, len(RECEIVERS)), np.float32)
    centre, near, far = (np.float32(weight) for weight in _STENCIL)
    pushes = wavelet(2 * SAMPLES, dt).astype(np.float32)
    for step, push in enumerate(pushes):
        if step % 2 == 0:
            heard[step // 2] = now[inner][_EDGE + BURIED // _FINE, _EDGE + RECEIVERS // _FINE]
        bend = (2 * centre) * now[inner]
        bend += near * (now[1:-3, 2:-2] + now[3:-1, 2:-2] + now[2:-2, 1:-3] + now[2:-2, 3:-1])
        bend += far * (now[:-4, 2:-2] + now[4:, 2:-2] + now[2:-2, :-4] + now[2:-2, 4:])
        bend[source] += push
        bend *= scale
        later = before[inner]
        later *= -1
        later += 2 * now[inner]
        later += bend
        later *= fade
        now[inner] *= fade
        now, before = before, now
    return heard
