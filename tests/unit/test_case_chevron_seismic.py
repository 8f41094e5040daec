"""The survey, and the physics of the notebook: each outside check is seen to fail on a propagator that is wrong."""

import hashlib

import nbformat
import numpy as np
import pytest
from conftest import NOTEBOOKS

from companion import DatasetError, SettingError
from companion.book import chapter
from companion.datasets import seismic

UNIFORM = np.full((81, 101), 2000.0)
POINTS = (np.array([2, 30, 30]), np.array([64, 44, 74]))
METRES = 10 * np.hypot(POINTS[0] - 2, POINTS[1] - 44)


def physics(change=lambda source: source) -> dict:
    """What the notebook's cells define for its waves and its images, run as they stand there (or as ``change`` makes them)."""
    cells = nbformat.read(NOTEBOOKS / chapter("case_chevron_seismic").file, as_version=4).cells
    names = ("def laplacian(", "def longest_dt(", "def waves(", "def analytic(", "def migrate(")
    defined = {"np": np, "seismic": seismic}
    for cell in cells:
        if cell.cell_type == "code" and "nbgrader" not in cell.metadata and any(name in cell.source for name in names):
            exec(change(cell.source), defined)  # noqa: S102  (the project's own cells)
    return defined


def worst_trace(defined: dict, signal: np.ndarray) -> float:
    heard = defined["hear"](UNIFORM, defined["cells"](440), signal[:, None], POINTS)
    exact = [defined["analytic"](metres, 2000, signal, seismic.DT) for metres in METRES]
    return max(defined["trace_error"](heard[:, k], exact[k]) for k in range(3))


def test_the_same_seed_gives_the_same_bytes():
    ground = seismic.earth(3)
    first, second = (seismic.record(ground, 320, seed=1).tobytes() for _ in range(2))
    assert first == second != seismic.record(ground, 320, seed=2).tobytes()
    assert seismic.earth(3) == ground != seismic.earth(4)


def test_the_bytes_are_those_of_every_machine():
    """Elementwise arithmetic only: another processor, thread count or BLAS gives the same digest."""
    clean = seismic.record(seismic.earth(0), 440, noise=0)
    assert hashlib.sha256(clean.tobytes()).hexdigest()[:16] == DIGEST


DIGEST = "65fa44fc3681eafa"


def test_the_planted_depths_are_in_the_velocities():
    for seed in range(5):
        ground = seismic.earth(seed)
        velocity = ground.velocity(1)
        for x in (0, 400, 1000):
            column = velocity[:, x]
            first, second = (
                np.argmax(column > (a + b) / 2) for a, b in zip(ground.speeds, ground.speeds[1:], strict=False)
            )
            assert abs(first - ground.flat) <= 1 and abs(second - float(ground.dipping(x))) <= 1


def test_the_smooth_velocity_is_as_slow_on_average_and_knows_no_reflector():
    ground = seismic.earth(0)
    sharp, smooth = ground.velocity(), ground.smooth()
    assert (1 / smooth).mean() == pytest.approx((1 / sharp).mean(), rel=2e-3)
    assert np.abs(np.diff(smooth, axis=0)).max() < 0.25 * np.abs(np.diff(sharp, axis=0)).max()


def test_the_echo_comes_when_it_should():
    """The record without that of a ground of one layer: down to the flat reflector and up again, as the exact wave would be."""
    ground = seismic.earth(1)
    speed = ground.speeds[0]
    layer = seismic.Earth(5000.0, 6000.0, 7000.0, (speed, speed, speed))
    echo = (seismic.record(ground, 440, noise=0) - seismic.record(layer, 440, noise=0))[
        :230, 22
    ]  # then comes the next one
    exact = physics()["analytic"](2 * (ground.flat - seismic.BURIED), speed, seismic.wavelet(230), seismic.DT)
    late = np.correlate(echo, exact, "full").argmax() - 229
    assert abs(late) <= 2, f"{late} samples"


def test_noise_has_the_stated_level():
    ground = seismic.earth(0)
    clean, noisy = (seismic.record(ground, 440, noise=noise) for noise in (0, 0.1))
    largest = np.abs(seismic.mute(clean, 440)).max()
    assert (noisy - clean).std() / largest == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: seismic.record(seismic.earth(), 435), "shot must be a multiple of 10 m between 0 and 1000 m, got 435"),
        (lambda: seismic.record(seismic.earth(), -10), "got -10"),
        (lambda: seismic.record(seismic.earth(), 440, noise=-1), "noise must not be negative, got -1"),
        (lambda: seismic.shots(0), "count must be 1 to 85, got 0"),
        (lambda: seismic.earth().smooth(0), "metres must be above 0, got 0"),
    ],
)
def test_a_bad_argument_is_named(call, message):
    with pytest.raises(SettingError, match=message):
        call()


def test_a_bad_record_is_named():
    with pytest.raises(DatasetError, match=r"shot 440: expected a record of shape .*got \(3, 3\)"):
        seismic.mute(np.zeros((3, 3), np.float32), 440)
    broken = np.full((seismic.SAMPLES, len(seismic.RECEIVERS)), np.nan, np.float32)
    with pytest.raises(DatasetError, match="shot 440: the record has values that are no finite numbers"):
        seismic.mute(broken, 440)


def test_shots_are_on_the_grid_and_apart():
    for count in (1, 2, 8, 16, 85):
        places = seismic.shots(count)
        assert len(set(places)) == count and all(place % 10 == 0 and 80 <= place <= 920 for place in places)


def test_the_data_set_s_own_waves_are_right_too():
    """Independent code, the same outside check: the record of uniform ground against the Hankel function."""
    uniform = seismic.Earth(5000.0, 6000.0, 7000.0, (2000.0, 2100.0, 2200.0))
    heard = seismic.record(uniform, 440, noise=0)
    defined = physics()
    for receiver in (12, 17, 32):
        metres = abs(seismic.RECEIVERS[receiver] - 440)
        exact = defined["analytic"](metres, 2000, seismic.wavelet(), seismic.DT)
        assert defined["trace_error"](heard[:, receiver], exact) < 0.06
        assert defined["trace_error"](np.roll(heard[:, receiver], 1), exact) > 0.1  # a sample late


def test_the_waves_are_those_of_the_hankel_function():
    assert worst_trace(physics(), seismic.wavelet()) < 0.08


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("8 / 315", "8 / 351"),
        ("curvature[at] += push", "curvature[at] += 1.1 * push"),
        ("change *= keep", "pass"),
        ("(velocity * dt) ** 2", "(1.02 * velocity * dt) ** 2"),
        ("strength=0.1", "strength=0.02"),
    ],
)
def test_the_hankel_function_notices_wrong_waves(right, wrong):
    def change(source):
        return source.replace(right, wrong)

    assert change(
        "".join(c.source for c in nbformat.read(NOTEBOOKS / chapter("case_chevron_seismic").file, 4).cells)
    ).count(wrong)
    with np.errstate(all="ignore"):
        assert not worst_trace(physics(change), seismic.wavelet()) < 0.08


def test_the_adjoint_and_what_is_none():
    defined = physics()
    smooth, rng = seismic.earth(0).smooth(), np.random.default_rng(1)
    here, there = defined["cells"](440), defined["cells"](seismic.RECEIVERS)
    x, y = rng.standard_normal((120, 1)), rng.standard_normal((120, len(seismic.RECEIVERS)))
    known = np.vdot(defined["hear"](smooth, here, x, there, dtype=float), y)

    def off(**options):
        back = defined["hear"](smooth, there, y[::-1], here, dtype=float, **options)[::-1]
        return abs(known - np.vdot(x, back)) / abs(known)

    assert off() < 1e-10
    assert off(strength=0.0) > 1e-6 and off(dt=0.99 * seismic.DT) > 1e-6


def test_the_guard_stands_where_waves_begin_to_grow():
    """The limit is neither too high nor too careful: a hundredth below it nothing grows, a hundredth above it everything."""
    defined = physics()
    limit = defined["longest_dt"](UNIFORM)
    with pytest.raises(ValueError, match="is unstable: at most"):
        next(defined["waves"](UNIFORM, defined["cells"](440), np.ones((5, 1)), dt=1.01 * limit))
    pulse = np.zeros((700, 1))
    pulse[0] = 1
    loudest = {}
    for factor in (0.99, 1.02):
        options = {"dt": factor * limit, "guard": False, "strength": 0.0}
        with np.errstate(all="ignore"):
            for field in defined["waves"](UNIFORM, defined["cells"](440), pulse, **options):
                last = np.abs(field).max()
        loudest[factor] = last
    assert loudest[0.99] < 1 and not loudest[1.02] < 1e6
