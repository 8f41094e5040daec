"""A fleet of cameras on the road: small pictures of what stands in front of a car, with a class so rare that it has to be hunted.

Everything is drawn here, so the true class of every frame is known. Pixels are whole numbers from 0 to 255, so that what is
computed from them in whole numbers (``companion.labs.edge.shadow.embed``) is the same on every processor.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from companion.errors import SettingError

SIDE = 16  # pixels, both ways
CLASSES = ("empty road", "car", "truck", "manhole", "pedestrian", "cyclist", "tyre")
ROAD, CAR, TRUCK, MANHOLE, PEDESTRIAN, CYCLIST, TYRE = range(7)
#: how many scenes in a thousand show each class; the tyre on the road is the rare one
SHARES = np.array([430, 250, 100, 120, 60, 37, 3]) / 1000
#: a scene is seen in this many frames, each as likely
FRAMES = (2, 3, 4)
NIGHTS, RAINS = (2.0, 5.0), (1.5, 6.0)  # of the Beta distributions of each vehicle's share of night and rain
_ROW, _COLUMN = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
_HORIZON = 4


class Drive(NamedTuple):
    """Frames in the order of time, vehicle by vehicle; each array has one entry a frame.

    ``frames`` uint8 (n, 16, 16); ``label`` index into ``CLASSES``, the planted truth; ``scene`` a number that all frames of one
    encounter share; ``vehicle``; ``night`` and ``rain`` bool.
    """

    frames: np.ndarray
    label: np.ndarray
    scene: np.ndarray
    vehicle: np.ndarray
    night: np.ndarray
    rain: np.ndarray

    def at(self, rows: np.ndarray | slice) -> Drive:
        """The frames of these rows (positions, a mask or a slice), all columns of them."""
        return Drive(*(column[rows] for column in self))


def drive(seed: int, *, vehicles: int = 50, scenes: int = 100) -> Drive:
    """What the cameras of a fleet see: ``scenes`` encounters a vehicle, each in two to four nearly equal frames.

    Each vehicle has its own share of night and of rain.

    Raises:
        SettingError: no vehicle, or no scene.
    """
    if vehicles < 1 or scenes < 1:
        raise SettingError(f"a fleet needs a vehicle and a scene at least, got {vehicles} and {scenes}")
    rng = np.random.default_rng([seed, 1])
    count = vehicles * scenes
    label = rng.choice(len(CLASSES), count, p=SHARES)
    vehicle = np.repeat(np.arange(vehicles), scenes)
    night = rng.random(count) < rng.beta(*NIGHTS, vehicles)[vehicle]
    rain = rng.random(count) < rng.beta(*RAINS, vehicles)[vehicle]
    scene = np.repeat(np.arange(count), rng.choice(FRAMES, count))
    columns = (label[scene], scene, vehicle[scene], night[scene], rain[scene])
    return Drive(_pictures(rng, *columns[:2], *columns[3:]), *columns)


def exam(seed: int, each: int = 200) -> Drive:
    """``each`` frames of every class, every one a scene of its own, under the fleet's mix of night and rain.

    Only a simulation has so many tyres. Recall by class is what it is on the road, and ``SHARES`` weighs the classes back.

    Raises:
        SettingError: no frame of a class.
    """
    if each < 1:
        raise SettingError(f"an exam needs frames of every class, got {each}")
    rng = np.random.default_rng([seed, 2])
    count = each * len(CLASSES)
    scene = np.arange(count)
    label = np.repeat(np.arange(len(CLASSES)), each)
    night, rain = (rng.random(count) < rng.beta(*shape, count) for shape in (NIGHTS, RAINS))
    columns = (label, scene, scene, night, rain)
    return Drive(_pictures(rng, *columns[:2], *columns[3:]), *columns)


def one_a_scene(day: Drive) -> np.ndarray:
    """The row of the first frame of each scene, in the order of the scenes' numbers."""
    return np.unique(day.scene, return_index=True)[1]


def dirty(frames: np.ndarray, seed: int) -> np.ndarray:
    """The same frames through a wet and dirty lens: eight drops that run, so that they are elsewhere in the next frame."""
    rng = np.random.default_rng([seed, 3])
    seen = frames.astype(np.float32)
    for _ in range(8):
        x, y, radius, shade, cover = rng.uniform(
            (0, 3, 0.8, 20, 0.6), (15, 15, 2.2, 235, 1), (len(frames), 5)
        ).T.astype(np.float32)[:, :, None, None]
        spot = cover * np.clip(radius + 0.5 - np.hypot(_COLUMN - x, _ROW - y), 0, 1)
        seen += spot * (shade - seen)
    return np.rint(seen).astype(np.uint8)


def _pictures(
    rng: np.random.Generator, label: np.ndarray, scene: np.ndarray, night: np.ndarray, rain: np.ndarray
) -> np.ndarray:
    """The frames, uint8 (n, 16, 16), drawn in pieces that fit into a cache."""
    look = rng.random((int(scene.max()) + 1, 7), np.float32)[scene]  # what stays as it is within a scene
    first = np.unique(scene, return_index=True)[1]
    step = np.arange(len(scene)) - np.repeat(first, np.diff(first, append=len(scene)))
    frames = np.empty((len(scene), SIDE, SIDE), np.uint8)
    for start in range(0, len(scene), 2048):
        part = slice(start, start + 2048)
        picture = _scene(rng, label[part], look[part], step[part], night[part])
        _weather(rng, picture, night[part], rain[part])
        picture += 5 * rng.standard_normal(picture.shape, np.float32)
        frames[part] = np.clip(np.rint(picture), 0, 255)
    return frames


class _Brush:
    """Paints on the pictures of some rows; ``x``, ``foot`` and ``size`` are where their object stands, and how large it is."""

    def __init__(self, picture: np.ndarray, rows: np.ndarray, x: np.ndarray, foot: np.ndarray, size: np.ndarray):
        self.picture, self.rows = picture, rows
        self.x, self.foot, self.size = (values[rows, None, None] for values in (x, foot, size))

    def _mix(self, cover: np.ndarray, shade: np.ndarray | float) -> None:
        shade = shade if np.isscalar(shade) else np.asarray(shade)[self.rows, None, None]
        self.picture[self.rows] += cover * (shade - self.picture[self.rows])

    def box(self, up: float, half_width: float, half_height: float, shade: np.ndarray | float) -> None:
        """A rectangle; its middle is ``up`` sizes above the foot."""
        across = np.clip(half_width * self.size + 0.5 - np.abs(_COLUMN - self.x), 0, 1)
        along = np.clip(half_height * self.size + 0.5 - np.abs(_ROW - self.foot + up * self.size), 0, 1)
        self._mix(across * along, shade)

    def disc(self, up: float, radius: float, shade: np.ndarray | float) -> None:
        distance = np.hypot(_COLUMN - self.x, 1.15 * (_ROW - self.foot + up * self.size))
        self._mix(np.clip(radius * self.size + 0.5 - distance, 0, 1), shade)

    def lamps(self) -> None:
        for side in (-0.6, 0.6):
            distance = np.hypot(_COLUMN - self.x - side * self.size, _ROW - self.foot + 0.35 * self.size)
            self.picture[self.rows] += 150 * np.clip(1 - distance, 0, 1)


def _scene(
    rng: np.random.Generator, label: np.ndarray, look: np.ndarray, step: np.ndarray, night: np.ndarray
) -> np.ndarray:
    """Road, sky and object, by day or in the light of the headlamps; float32 (n, 16, 16)."""
    shake = rng.normal(0, 0.25, (2, len(label))).astype(np.float32)
    near = 0.85 + 0.3 * look[:, 1] + 0.03 * step.astype(np.float32)
    x, foot, size = 6 + 3 * look[:, 0] + shake[0], 10 + 2.6 * near + shake[1], 3.6 * near
    sky, verge, asphalt = (
        low + width * look[:, i, None, None] for i, low, width in ((2, 150, 60), (3, 95, 30), (4, 110, 20))
    )
    road = np.clip(2.5 + 0.62 * (_ROW - _HORIZON) - np.abs(_COLUMN - 7.5), 0, 1) * (_ROW > _HORIZON)
    picture = np.where(_ROW <= _HORIZON, sky, verge) * (1 - road) + asphalt * road
    paintwork = np.where(look[:, 5] < 0.5, 40 + 60 * look[:, 5], 110 + 110 * look[:, 5])
    brush = {kind: _Brush(picture, np.flatnonzero(label == kind), x, foot, size) for kind in range(len(CLASSES))}
    brush[MANHOLE].disc(0.4, 0.3, 35 + 45 * look[:, 5])  # dark, round, on the road, and no tyre
    brush[CAR].box(0.45, 0.8, 0.45, paintwork)
    brush[CAR].box(0.65, 0.55, 0.15, 45)
    brush[TRUCK].box(0.9, 0.75, 0.9, paintwork)
    brush[TRUCK].box(0.1, 0.75, 0.1, 30)
    for kind, middle, width, height, head in ((PEDESTRIAN, 0.6, 0.24, 0.6, 1.35), (CYCLIST, 0.9, 0.2, 0.5, 1.5)):
        brush[kind].box(middle, width, height, paintwork)
        brush[kind].disc(head, 0.22, 190)
    brush[CYCLIST].box(0.25, 0.55, 0.08, 35)  # two wheels, seen from afar
    brush[TYRE].disc(0.4, 0.42, 35 + 15 * look[:, 5])
    brush[TYRE].disc(0.4, 0.16, 95 + 25 * look[:, 4])
    picture[night] *= 0.30 + 0.45 * np.clip(1 - ((_COLUMN - 7.5) / 7) ** 2, 0, 1) * (_ROW > 7)
    for kind in (CAR, TRUCK):
        _Brush(picture, np.flatnonzero((label == kind) & night), x, foot, size).lamps()
    return picture


def _weather(rng: np.random.Generator, picture: np.ndarray, night: np.ndarray, rain: np.ndarray) -> None:
    """Rain: less contrast, and streaks. In place."""
    for wet, keep, veil, bright in ((rain & ~night, 0.7, 39, 40), (rain & night, 0.8, 10, 35)):
        streaks = (rng.random((wet.sum(), 1, SIDE), np.float32) < 0.18) * rng.random(
            (wet.sum(), SIDE, SIDE), np.float32
        )
        picture[wet] = keep * picture[wet] + veil + bright * streaks
