"""A street at night: its lamps, who walks through it, how much light there is, and whether that is enough.

Six hundred metres with a lamp every twenty-five. Walkers come as a Poisson process whose rate depends on the clock and on how
busy the night is, and walk through at a steady pace. Light is computed on ten points between two lamps, and judged by the classes
of EN 13201-2 on the stretch around each walker. Time goes in steps of five seconds. Nothing here is a measurement of a street of
Barcelona; the notebook ``case_barcelona`` calibrates the lamps' power on the city's published figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from companion.errors import SettingError

STEP = 5.0  # seconds
STEPS_AN_HOUR = 720
LAMPS, SPACING, HEIGHT = 24, 25.0, 8.0  # lamps, metres, metres
LENGTH = LAMPS * SPACING
FULL_LUX = 20.0  # mean over the pavement with every lamp at full light
POINTS_A_SPACING = 10
_GRID = SPACING / POINTS_A_SPACING
_STRETCH = 2 * POINTS_A_SPACING  # points that are judged around a walker: a spacing before and a spacing behind
_LEAD = 20.0  # metres before either end at which walkers appear
SENSOR_REACH = 16.0  # metres to either side of a lamp


class Light(NamedTuple):
    """What a class asks for, in lux: the mean over a stretch, and its darkest point."""

    mean: float
    least: float


#: EN 13201-2:2015, classes P: maintained horizontal illuminance for people on foot, mean and minimum in lux
CLASSES = {
    "P1": Light(15, 3),
    "P2": Light(10, 2),
    "P3": Light(7.5, 1.5),
    "P4": Light(5, 1),
    "P5": Light(3, 0.6),
    "P6": Light(2, 0.4),
}
#: the class by how much the street is used: at least so many walkers in the hour. Busy, normal, quiet.
USE = ((60, "P1"), (15, "P2"), (0, "P3"))
#: an almanac: day of the year, sunrise and sunset on Barcelona's clock in hours, for the first of each month, to the minute
#: (https://whattime.city/barcelona/sun, read in 2026)
ALMANAC = np.array(
    [
        [1, 8 + 18 / 60, 17 + 33 / 60],
        [32, 8 + 4 / 60, 18 + 7 / 60],
        [60, 7 + 27 / 60, 18 + 42 / 60],
        [91, 7 + 36 / 60, 20 + 16 / 60],
        [121, 6 + 50 / 60, 20 + 49 / 60],
        [152, 6 + 21 / 60, 21 + 19 / 60],
        [182, 6 + 22 / 60, 21 + 29 / 60],
        [213, 6 + 47 / 60, 21 + 10 / 60],
        [244, 7 + 18 / 60, 20 + 27 / 60],
        [274, 7 + 48 / 60, 19 + 35 / 60],
        [305, 7 + 23 / 60, 17 + 48 / 60],
        [335, 7 + 59 / 60, 17 + 24 / 60],
    ]
)
#: walkers an hour on an ordinary night, by the clock: midnight first
WALKERS = np.array(
    [26, 12, 7, 4, 4, 8, 30, 90, 140, 140, 140, 140, 150, 150, 140, 140, 140, 140, 140, 130, 115, 95, 70, 45]
)
_FESTIVAL = np.array([8, 8, 6, 3, 1, 1] + [1] * 15 + [1.5, 3, 6])


@dataclass(frozen=True)
class Night:
    """One night from lamps on to lamps off.

    Attributes:
        start: clock hours at which the lamps go on; ``steps`` steps of five seconds follow.
        step, place, speed: one entry for each walker and step: which step, metres along the street, metres a second.
        occupied: bool (steps, lamps), what honest sensors say.
        entered: clock hours at which walkers come, sorted.
        walkers: how many come in each clock hour of the night, {hour: count}; hours beyond 23 belong to the next day.
    """

    start: float
    steps: int
    step: np.ndarray
    place: np.ndarray
    speed: np.ndarray
    occupied: np.ndarray
    entered: np.ndarray
    walkers: dict[int, int]

    @property
    def clock(self) -> np.ndarray:
        """The clock at each step in hours, (steps,); 25.5 is half past one."""
        return self.start + np.arange(self.steps) * STEP / 3600

    @property
    def hour(self) -> np.ndarray:
        """The clock hour of each step, (steps,); beyond 23 it is the next day."""
        return np.floor(self.clock + 1e-9).astype(int)

    def at(self, clock: float) -> int:
        """The step at a clock hour."""
        return round((clock - self.start) * STEPS_AN_HOUR)

    @property
    def hours(self) -> float:
        """How long the lamps are on."""
        return self.steps * STEP / 3600

    def needs(self) -> dict[int, str]:
        """The class that each clock hour needs, from all who come in it: known for certain when the hour is over."""
        return {hour: class_for(count) for hour, count in self.walkers.items()}


def class_for(walkers: float) -> str:
    """The class for an hour with so many walkers."""
    return next(name for least, name in USE if walkers >= least)


def level(name: str) -> float:
    """The share of full light that gives a class its mean where every lamp has it."""
    return CLASSES[name].mean / FULL_LUX


def rate(hour: int, festival: bool = False) -> float:
    """Walkers to be expected in a clock hour."""
    return float(WALKERS[hour % 24] * (_FESTIVAL[hour % 24] if festival else 1))


def draw_night(dusk: float, dawn: float, seed: int, *, festival: bool = False, scale: float = 1.0) -> Night:
    """A night of walkers.

    Args:
        dusk, dawn: clock hours at which the lamps go on and off; the dawn of the next day is beyond 24.
        seed: of everything that is drawn; how busy the night is as a whole is drawn first (log-normal, a fifth).
        festival: a night with up to eight times as many people, from ten in the evening until three.
        scale: times as many walkers as on this street.

    Raises:
        SettingError: dawn does not follow dusk within a day, or the scale is negative.
    """
    if not 0 <= dusk < 24 or not dusk < dawn <= dusk + 24:
        raise SettingError(f"dusk {dusk} and dawn {dawn}: clock hours, dusk below 24 and dawn after it, within a day")
    if not 0 <= scale < np.inf:
        raise SettingError(f"scale {scale}: times as many walkers, zero or more")
    random = np.random.default_rng([seed, festival])
    busy = random.lognormal(-0.02, 0.2)
    first, last = int(np.floor(dusk)) - 1, int(np.ceil(dawn))
    walkers = {hour: int(random.poisson(scale * busy * rate(hour, festival))) for hour in range(first, last)}
    entered = np.concatenate([hour + random.random(count) for hour, count in walkers.items()])
    runs = random.random(len(entered)) < 0.1
    speed = np.where(runs, 3.0, random.normal(1.35, 0.2, len(entered)).clip(0.8, 2))
    along = random.random(len(entered)) < 0.5
    steps = int(np.floor((dawn - dusk) * STEPS_AN_HOUR))
    step, place, speed = _paths(dusk, steps, entered, speed, along)
    occupied = np.zeros((steps, LAMPS), bool)
    for lamp, position in enumerate(lamp_places()):
        occupied[step[np.abs(place - position) <= SENSOR_REACH], lamp] = True
    return Night(dusk, steps, step, place, speed, occupied, np.sort(entered), walkers)


def _paths(
    dusk: float, steps: int, entered: np.ndarray, speed: np.ndarray, along: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Step, place and speed for every walker at every step on the way, those inside the night only."""
    begin = (entered - dusk) * STEPS_AN_HOUR
    first = np.ceil(begin).astype(int)
    count = np.floor((LENGTH + 2 * _LEAD) / (speed * STEP)).astype(int)
    who = np.repeat(np.arange(len(entered)), count)
    step = np.concatenate([np.arange(f, f + c) for f, c in zip(first, count, strict=True)]) if len(who) else who
    gone = (step - begin[who]) * STEP * speed[who] - _LEAD
    place = np.where(along[who], gone, LENGTH - gone)
    inside = (step >= 0) & (step < steps)
    return step[inside], place[inside], speed[who][inside]


def lamp_places() -> np.ndarray:
    """Metres along the street, (lamps,)."""
    return SPACING * (np.arange(LAMPS) + 0.5)


def point_places() -> np.ndarray:
    """Metres along the street of the points at which light is computed, (points,)."""
    return _GRID * (np.arange(LAMPS * POINTS_A_SPACING) + 0.5)


def illuminance(distance: np.ndarray) -> np.ndarray:
    """Lux on the ground at so many metres from the foot of one lamp at full light.

    A point source of the same intensity I in every direction below it, at height h: I h / (h² + d²)^1.5, the inverse square
    of the distance times the cosine of the angle of incidence. A long row of them has a mean of 2 I / (h spacing), and I is
    such that this is ``FULL_LUX``.
    """
    intensity = FULL_LUX * HEIGHT * SPACING / 2
    return intensity * HEIGHT / (HEIGHT**2 + np.asarray(distance) ** 2) ** 1.5


_LUX_OF_LAMP = illuminance(point_places()[None, :] - lamp_places()[:, None])


def lux(levels: np.ndarray) -> np.ndarray:
    """Light on the ground (..., points) for the lamps' levels (..., lamps), shares of full light."""
    return np.asarray(levels, float) @ _LUX_OF_LAMP


def too_dark(night: Night, levels: np.ndarray, needs: dict[int, str] | None = None) -> np.ndarray:
    """Whether each walker's stretch falls short of the class, bool with an entry for each of ``night.step``.

    The stretch is a spacing before and a spacing behind; its mean and its darkest point both have to reach the class of the
    hour. Walkers within two spacings of an end are not judged: half of their light comes from lamps of the next street.

    Args:
        levels: (steps, lamps), shares of full light.
        needs: the class of each clock hour; by default that of the walkers who come.
    """
    needs = night.needs() if needs is None else needs
    asked = np.array([CLASSES[needs[hour]] for hour in sorted(needs)])
    step, place = night.step, night.place
    judged = (place >= 2 * SPACING) & (place <= LENGTH - 2 * SPACING)
    step, place = step[judged], place[judged]
    first = np.floor(place / _GRID).astype(int) - _STRETCH // 2
    around = np.lib.stride_tricks.sliding_window_view(lux(levels), _STRETCH, axis=1)[step, first]
    mean, least = asked[night.hour[step] - min(needs)].T
    found = np.zeros(len(judged), bool)
    # a thousandth: what lamps beyond the ends of the street would add
    found[judged] = (around.mean(axis=1) < mean * 0.999) | (around.min(axis=1) < least * 0.999)
    return found


def person_minutes(dark: np.ndarray) -> float:
    """Minutes that walkers spend in too little light, from ``too_dark``."""
    return float(dark.sum() * STEP / 60)


def dark_minutes(night: Night, levels: np.ndarray | float) -> float:
    """Person-minutes in too little light under these levels, of a shape that goes with (steps, lamps)."""
    return person_minutes(too_dark(night, np.broadcast_to(levels, (night.steps, LAMPS))))


def stuck(night: Night, lamps: list[int], since: float) -> np.ndarray:
    """What the sensors say, (steps, lamps), when some say "nobody" from a clock hour on, whoever comes."""
    occupied = night.occupied.copy()
    occupied[night.at(since) :, lamps] = False
    return occupied


def held(occupied: np.ndarray, hold: int) -> np.ndarray:
    """A sensor's word, kept for ``hold`` steps after its last yes: bool, of the same shape (steps, lamps)."""
    kept = occupied.copy()
    for later in range(1, hold + 1):
        kept[later:] |= occupied[:-later]
    return kept


def near(occupied: np.ndarray, ahead: int) -> np.ndarray:
    """Lamps with somebody at most ``ahead`` lamps away: bool, of the same shape (..., lamps)."""
    found = occupied.copy()
    for away in range(1, ahead + 1):
        found[..., away:] |= occupied[..., :-away]
        found[..., :-away] |= occupied[..., away:]
    return found
