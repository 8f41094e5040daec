"""What a seismic image needs beside its idea: the curvature on a grid, its absorbing edge, pickers of depths, a simple rival, plots.

Speeds are in m/s, depths and places in metres, images and velocities have shape (rows, columns): row by depth, column by x, a
cell of ``seismic.SPACING`` metres each. Cells are (rows, columns), two arrays of whole numbers.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from multiprocessing import shared_memory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from companion import draw
from companion.datasets import seismic
from companion.errors import SettingError
from companion.processes.worker import end_with_parent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: the second derivative to the eighth order: the centre, then the weights of one side (B. Fornberg, Mathematics of Computation
#: 51, 1988)
STENCIL = (-205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560)
#: cells of absorbing edge around the ground
EDGE = 25
#: metres, where each reflector is looked for
WINDOWS = {"flat": (190, 340), "dipping": (370, 760)}

_HALO = len(STENCIL) - 1

Cells = tuple[np.ndarray, np.ndarray]


def cells(x: int | Sequence[int] | np.ndarray, depth: int = seismic.BURIED) -> Cells:
    """The cells of points at x (one or many) and one depth, in metres."""
    columns = np.atleast_1d(x) // seismic.SPACING
    return np.full(len(columns), depth // seismic.SPACING), columns


class Field:
    """The pressure on a grid with an absorbing edge, silent at first, and the factors of its time step.

    Attributes:
        pressure: in the ground and its edge, shape (rows + 2 EDGE, columns + 2 EDGE).
        ground: the part of it that is the ground, shape (rows, columns); like ``pressure`` a view, the same array at each step.
        gain: by what a curvature is multiplied to change the pressure: (v dt)², less in the edge; in m².
        keep: how much of the last step's change goes on: all of it in the ground, less and less in the edge.
    """

    def __init__(
        self,
        velocity: np.ndarray,
        dt: float,
        dtype: Any = np.float32,
        strength: float = 0.1,
        stencil: Sequence[float] = STENCIL,
    ) -> None:
        """A field for steps of ``dt`` seconds; ``strength`` is the loss at the outer end of the edge, 0 reflects everything."""
        velocity = np.pad(velocity, EDGE, mode="edge")
        loss = absorption(velocity.shape, strength)
        self.gain = ((velocity * dt) ** 2 / (1 + loss)).astype(dtype)
        self.keep = ((1 - loss) / (1 + loss)).astype(dtype)
        self._wide = np.zeros([n + 2 * _HALO for n in velocity.shape], dtype)
        self.pressure = self._wide[_HALO:-_HALO, _HALO:-_HALO]
        self.ground = self.pressure[EDGE:-EDGE, EDGE:-EDGE]
        self._stencil = stencil

    def laplacian(self) -> np.ndarray:
        """The curvature of the pressure, a new array of its shape, per m²."""
        u, (rows, columns), weights = self._wide, self.pressure.shape, np.array(self._stencil) / seismic.SPACING**2
        out = self.pressure * u.dtype.type(2 * weights[0])
        for k in range(1, _HALO + 1):
            ring = u[_HALO - k : _HALO - k + rows, _HALO:-_HALO] + u[_HALO + k : _HALO + k + rows, _HALO:-_HALO]
            ring += u[_HALO:-_HALO, _HALO - k : _HALO - k + columns]
            ring += u[_HALO:-_HALO, _HALO + k : _HALO + k + columns]
            ring *= u.dtype.type(weights[k])
            out += ring
        return out

    def at(self, places: Cells) -> Cells:
        """Where cells of the ground lie in ``pressure``."""
        return places[0] + EDGE, places[1] + EDGE


def absorption(shape: Sequence[int], strength: float = 0.1) -> np.ndarray:
    """The loss of each cell: zero inside, growing to ``strength`` with the square of the way into the edge."""
    into = [np.maximum(0, EDGE - np.minimum(np.arange(n), n - 1 - np.arange(n))) / EDGE for n in shape]
    return strength * np.maximum(into[0][:, None], into[1]) ** 2


def analytic(distance: float, speed: float, pulse: np.ndarray, dt: float = seismic.DT) -> np.ndarray:
    """The exact response in two dimensions, at a distance from a source that sends out ``pulse`` (samples of dt seconds).

    It is the Green's function of the wave equation at each frequency, a Hankel function of the second kind (P. M. Morse,
    H. Feshbach, *Methods of Theoretical Physics*, 1953). Same shape as the pulse.
    """
    from scipy.special import hankel2

    spectrum = np.fft.rfft(pulse, 4 * len(pulse))  # longer, or the tail would come round
    omega = 2 * np.pi * np.fft.rfftfreq(4 * len(pulse), dt)[1:]
    response = np.concatenate([[0], -0.25j * hankel2(0, omega * distance / speed)])
    return np.fft.irfft(spectrum * response, 4 * len(pulse))[: len(pulse)]


class Known(NamedTuple):
    """A survey whose exact answer is known.

    Attributes:
        survey: velocity, cells of the source, signals of shape (steps, 1), cells of the receivers.
        metres: from the source to each receiver.
        exact: what they record, shape (steps, receivers).
    """

    survey: tuple[np.ndarray, Cells, np.ndarray, Cells]
    metres: np.ndarray
    exact: np.ndarray


def uniform_ground() -> Known:
    """Ground of 2000 m/s everywhere, a shot, and three receivers: beside it, below it, and askew."""
    pulse, source, receivers = seismic.wavelet(), cells(440), (np.array([2, 30, 30]), np.array([64, 44, 74]))
    metres = seismic.SPACING * np.hypot(receivers[0] - source[0], receivers[1] - source[1])
    exact = np.array([analytic(distance, 2000, pulse) for distance in metres]).T
    return Known((np.full((81, 101), 2000.0), source, pulse[:, None], receivers), metres, exact)


def trace_error(trace: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """By trace (a column, or all of an array of one dimension): length of the difference over the length of what is expected.

    Raises:
        SettingError: shapes that differ; they would be broadcast, and every sample compared with every other.
    """
    if trace.shape != expected.shape:
        raise SettingError(f"traces of one shape are compared, got {trace.shape} and {expected.shape}")
    return np.asarray(np.linalg.norm(trace - expected, axis=0) / np.linalg.norm(expected, axis=0))


def memory(velocity: np.ndarray, every: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """For the image of one shot: room for every so many steps of its wavefield, and an empty image; float32."""
    steps = -(-seismic.SAMPLES // every)
    return np.empty((steps, *velocity.shape), np.float32), np.zeros(velocity.shape, np.float32)


def traced(function: Callable[..., np.ndarray], *arguments: Any) -> tuple[np.ndarray, float]:
    """What a function returns, and the megabytes that it had allocated at its peak."""
    tracemalloc.start()
    try:
        return function(*arguments), tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def difference(image: np.ndarray, expected: np.ndarray) -> float:
    """Length of the difference of two images over the length of the expected one."""
    return float(trace_error(image.ravel(), expected.ravel()))


#: in a worker: ``slots``, a view of the shared memory; the ``block`` that it belongs to; ``velocity``
shared: dict[str, Any] = {}


def attach(name: str, slot: np.dtype, count: int, velocity: np.ndarray) -> None:
    """Once in each worker: map a block of shared memory as so many slots, and leave when the parent is gone."""
    end_with_parent()
    block = shared_memory.SharedMemory(name)
    shared.update(block=block, slots=np.ndarray(count, slot, buffer=block.buf), velocity=velocity)


def free(block: shared_memory.SharedMemory) -> None:
    """Give a block of shared memory back, once or more often; an array made of it must not be used any more."""
    block.close()
    with suppress(FileNotFoundError):
        block.unlink()


def _slope(image: np.ndarray) -> np.ndarray:
    return -np.gradient(image, axis=0)


def _sharpened(image: np.ndarray) -> np.ndarray:
    from scipy.ndimage import laplace

    return -laplace(_slope(image))


#: what may be done to a sum of images before depths are picked in it
FILTERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda image: image,
    "slope": _slope,
    "slope, Laplacian": _sharpened,
}


def picked(column: np.ndarray, name: str) -> float:
    """The depth in metres of the highest peak of a column in a reflector's window, between the cells by a parabola."""
    first, last = (metres // seismic.SPACING for metres in WINDOWS[name])
    k = first + int(np.argmax(column[first : last + 1]))
    before, peak, after = (float(value) for value in column[k - 1 : k + 2])
    return seismic.SPACING * (k + 0.5 * (before - after) / (before - 2 * peak + after))


def _depths(image: np.ndarray, name: str, places: Sequence[int]) -> np.ndarray:
    return np.array([picked(column, name) for column in image[:, cells(places)[1]].T])


def depth_errors(image: np.ndarray, ground: seismic.Earth, places: Sequence[int]) -> dict[str, np.ndarray]:
    """By reflector, how many metres too deep the image draws it at each place."""
    truth = {"flat": np.full(len(places), ground.flat), "dipping": ground.dipping(np.array(places))}
    return {name: _depths(image, name, places) - truth[name] for name in WINDOWS}


def metres_off(image: np.ndarray, ground: seismic.Earth, places: Sequence[int]) -> dict[str, float]:
    """By reflector, by how many metres the image misses it, on average over the places."""
    return {name: float(np.abs(off).mean()) for name, off in depth_errors(image, ground, places).items()}


def moves(before: np.ndarray, after: np.ndarray, places: Sequence[int]) -> dict[str, float]:
    """By reflector, how far it moves from one image to another, as a share of its depth below the shots; mean of the places."""
    pairs = {name: (_depths(before, name, places), _depths(after, name, places)) for name in WINDOWS}
    return {name: float(np.mean((b - a) / (a - seismic.BURIED))) for name, (a, b) in pairs.items()}


def half_wavelength(ground: seismic.Earth) -> dict[str, float]:
    """By reflector, half of the dominant wavelength above it, in metres."""
    return {name: speed / (2 * seismic.FREQUENCY) for name, speed in zip(WINDOWS, ground.speeds, strict=False)}


def surveyed(
    workers: Executor, hear: Callable[..., np.ndarray], ground: seismic.Earth, shots: Sequence[int], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The records of all shots on a ground, and those of the inverse crime; both muted, shape (shots, samples, receivers).

    Args:
        workers: who computes them, a shot each.
        hear: ``hear(velocity, sources, signals, receivers)`` of a module that they can import; it commits the crime: the code
            that makes the image, its grid, the true velocities, no noise.
        seed: of the noise in the honest ones.
    """
    both = list(workers.map(partial(_fired, hear, ground, seed), shots))
    honest, crime = np.array(both).swapaxes(0, 1)
    return honest, crime


def _fired(
    hear: Callable[..., np.ndarray], ground: seismic.Earth, seed: int, shot: int
) -> tuple[np.ndarray, np.ndarray]:
    same_code = hear(ground.velocity(), cells(shot), seismic.wavelet()[:, None], cells(seismic.RECEIVERS))
    return seismic.mute(seismic.record(ground, shot, seed=seed), shot), seismic.mute(same_code, shot)


def near_offsets(records: np.ndarray, shots: Sequence[int], metres: float) -> np.ndarray:
    """The records with all receivers silenced that are farther than this from their shot."""
    return np.array([r * (np.abs(seismic.RECEIVERS - x) <= metres) for r, x in zip(records, shots, strict=True)])


def zero_offset(records: np.ndarray, shots: Sequence[int], velocity: np.ndarray, echo: float = 400) -> np.ndarray:
    """The simple rival: each shot's nearest trace, drawn straight below it, in an image that is empty elsewhere.

    A trace is correlated with the exact response to an echo from ``echo`` metres at 2000 m/s, and its times become depths with
    these velocities.
    """
    template = analytic(2 * echo, 2000, seismic.wavelet())  # down and up again
    time = np.arange(1 - seismic.SAMPLES, seismic.SAMPLES) * seismic.DT + 2 * echo / 2000
    depth, image = np.arange(len(velocity)) * seismic.SPACING, np.zeros(velocity.shape)
    for record, x in zip(records, shots, strict=True):
        trace = record[:, np.abs(seismic.RECEIVERS - x).argmin()]
        slowness = 1 / velocity[:, x // seismic.SPACING]
        two_way = seismic.SPACING * (2 * np.cumsum(slowness) - slowness - slowness[0])
        two_way -= np.interp(seismic.BURIED, depth, two_way)
        image[:, x // seismic.SPACING] = np.interp(two_way, time, np.correlate(trace, template, "full"))
    return image


def scores(number: int, images: Mapping[str, np.ndarray], ground: seismic.Earth, places: Sequence[int]) -> pd.DataFrame:
    """One row a method, reflector and place: ``ground`` (its number), ``method``, ``reflector``, ``metres`` too deep, ``off``."""
    import pandas as pd

    rows = [
        (number, method, name, metres, abs(metres))
        for method, image in images.items()
        for name, errors in depth_errors(image, ground, places).items()
        for metres in errors
    ]
    return pd.DataFrame(rows, columns=["ground", "method", "reflector", "metres", "off"])


def verdict(tables: Sequence[pd.DataFrame]) -> tuple[pd.Series, pd.DataFrame]:
    """Of tables of ``scores``: mean metres off by reflector, method and ground; and over the grounds ``mean``, ``min``, ``max``."""
    import pandas as pd

    by_ground = pd.concat(tables).groupby(["reflector", "method", "ground"])["off"].mean()
    return by_ground, by_ground.groupby(["reflector", "method"]).agg(["mean", "min", "max"])


def survey_figure(ground: seismic.Earth, shots: Sequence[int], number: int) -> Figure:
    """The speeds of the ground with the shots on top, and the record of one of them as it is and without its direct wave."""
    raw = seismic.record(ground, shots[number])
    muted = seismic.mute(raw, shots[number])
    fig, (left, middle, right) = draw.figure(11, 3.4, columns=3)
    shown = left.imshow(ground.velocity(), extent=(0, seismic.WIDTH, seismic.DEPTH, 0))
    left.grid(False)
    fig.colorbar(shown, ax=left, label="m/s", shrink=0.8)
    left.plot(shots, [seismic.BURIED] * len(shots), "v", color=draw.RED)
    left.set(xlabel="x (m)", ylabel="depth (m)")
    left.set_title(f"Reflectors at {ground.flat:.0f} m and {ground.left:.0f}-{ground.right:.0f} m")
    louder = np.abs(raw).max() / np.abs(muted).max()
    titles = (f"Shot {number + 1} as recorded", f"Echoes, {louder:.0f} times fainter")
    for ax, heard, title in zip((middle, right), (raw, muted), titles, strict=True):
        _grey(ax, heard, (0, seismic.WIDTH, seismic.SAMPLES * seismic.DT, 0), np.abs(heard).max(), aspect="auto")
        ax.set(xlabel="receiver (m)", ylabel="time (s)", title=title)
    return fig


def growth_figure(stacks: Mapping[int, np.ndarray], ground: seismic.Earth) -> Figure:
    """Images by the number of their shots; the titles say over which share of their length the reflectors are within a cell."""
    fig, axes = draw.figure(12, 3, columns=len(stacks), sharey=True)
    for ax, (count, image) in zip(axes, stacks.items(), strict=True):
        errors = depth_errors(image, ground, range(0, seismic.WIDTH + 1, seismic.SPACING))
        right = np.mean([np.abs(off) < seismic.SPACING for off in errors.values()])
        _grey(ax, image[15:], (0, seismic.WIDTH, seismic.DEPTH, 150), 0.7 * np.abs(image[15:]).max())
        ax.set(xlabel="x (m)", title=f"{count} shot{'s' * (count > 1)}: {right:.0%} in place")
    axes[0].set_ylabel("depth (m)")
    return fig


def depth_figure(tables: Sequence[pd.DataFrame], half: Mapping[str, float]) -> Figure:
    """Every picked depth of tables of ``scores`` by reflector and method, on half a wavelength (metres) in grey."""
    import pandas as pd

    every, mean = pd.concat(tables), verdict(tables)[1]["mean"]
    methods = list(dict.fromkeys(every["method"]))
    fig, axes = draw.figure(9, 3.4, columns=2, sharey=True)
    for ax, name in zip(axes, WINDOWS, strict=True):
        ax.axhspan(-half[name], half[name], color="#eeeeee")
        for place, method in enumerate(methods):
            some = every[(every["method"] == method) & (every["reflector"] == name)]
            ax.plot(place + 0.08 * (some["ground"] - 2.5), some["metres"], "o", markersize=4)
        ax.set_xticks(range(len(methods)), methods)
        ax.set_xlim(-0.5, len(methods) - 0.5)
        ax.set_title(f"{name}: image {mean[name, 'image']:.1f} m off, baseline {mean[name, 'zero offset']:.1f} m")
    axes[0].set(ylabel="too deep (m)", ylim=(-85, 85))
    return fig


def _grey(ax: Any, values: np.ndarray, extent: tuple[int | float, ...], top: float, **options: Any) -> None:
    ax.imshow(values, cmap="gray", extent=extent, vmin=-top, vmax=top, **options)
    ax.grid(False)
