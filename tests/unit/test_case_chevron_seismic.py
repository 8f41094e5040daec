"""The survey, the physics of the notebook, each outside check seen to fail on a propagator that is wrong, and the lab."""

import hashlib
import inspect
import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, shared_memory
from types import ModuleType

import nbformat
import numpy as np
import pytest
from conftest import NOTEBOOKS

from companion import DatasetError, SettingError
from companion.book import chapter
from companion.datasets import seismic
from companion.labs.parallel import field_shots
from companion.labs.parallel import seismic_imaging as lab

UNIFORM = np.full((81, 101), 2000.0)
KNOWN = lab.uniform_ground()
CELLS = nbformat.read(NOTEBOOKS / chapter("case_chevron_seismic").file, as_version=4).cells


def physics(change=lambda source: source) -> dict:
    """What the notebook's cells define for its waves and its images, on the lab, both as they stand (or as ``change`` makes them)."""
    changed = ModuleType("changed_lab")
    exec(change(inspect.getsource(lab)), changed.__dict__)  # noqa: S102  (the project's own module)
    defined = {"np": np, "seismic": seismic, "lab": changed}
    for cell in CELLS:
        names = ("def longest_dt(", "def waves(", "def hear(", "def migrate(", "def in_order(")
        if cell.cell_type == "code" and "nbgrader" not in cell.metadata and any(name in cell.source for name in names):
            functions = cell.source.split("\n\n\n")  # what a cell computes after its functions is not run
            exec(change("\n\n\n".join(f for f in functions if f.startswith("def "))), defined)  # noqa: S102
    return defined


def worst_trace(defined: dict) -> float:
    return max(lab.trace_error(defined["hear"](*KNOWN.survey), KNOWN.exact))


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
    exact = lab.analytic(2 * (ground.flat - seismic.BURIED), speed, seismic.wavelet(230), seismic.DT)
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
    for receiver in (12, 17, 32):
        metres = abs(seismic.RECEIVERS[receiver] - 440)
        exact = lab.analytic(metres, 2000, seismic.wavelet(), seismic.DT)
        assert lab.trace_error(heard[:, receiver], exact) < 0.06
        assert lab.trace_error(np.roll(heard[:, receiver], 1), exact) > 0.1  # a sample late


def test_the_waves_are_those_of_the_hankel_function():
    assert worst_trace(physics()) < 0.08


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("8 / 315", "8 / 351"),
        ("+= push / seismic.SPACING**2", "+= 1.1 * push / seismic.SPACING**2"),
        ("field.keep * change +", "change +"),
        ("(velocity * dt) ** 2", "(1.02 * velocity * dt) ** 2"),
        ("strength: float = 0.1,", "strength: float = 0.02,"),
    ],
)
def test_the_hankel_function_notices_wrong_waves(right, wrong):
    """The mistakes are made in the notebook's cells, or in the lab."""
    texts = [inspect.getsource(lab), *(cell.source for cell in CELLS if "def waves(" in cell.source)]
    assert sum(right in text for text in texts) == 1
    with np.errstate(all="ignore"):
        assert not worst_trace(physics(lambda source: source.replace(right, wrong))) < 0.08


def test_the_adjoint_and_what_is_none():
    defined = physics()
    smooth, rng = seismic.earth(0).smooth(), np.random.default_rng(1)
    here, there = lab.cells(440), lab.cells(seismic.RECEIVERS)
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
        next(defined["waves"](UNIFORM, lab.cells(440), np.ones((5, 1)), dt=1.01 * limit))
    pulse = np.zeros((700, 1))
    pulse[0] = 1
    loudest = {}
    for factor in (0.99, 1.02):
        options = {"dt": factor * limit, "guard": False, "strength": 0.0}
        with np.errstate(all="ignore"):
            for field in defined["waves"](UNIFORM, lab.cells(440), pulse, **options):
                last = np.abs(field).max()
        loudest[factor] = last
    assert loudest[0.99] < 1 and not loudest[1.02] < 1e6


# the lab


def test_cells_of_places_in_metres():
    rows, columns = lab.cells([0, 440, 1000], 30)
    assert rows.tolist() == [3, 3, 3] and columns.tolist() == [0, 44, 100]
    assert [part.tolist() for part in lab.cells(440)] == [[2], [44]]


def test_the_curvature_is_that_of_a_wave():
    """sin(kx) cos(qz) has the curvature -(k² + q²) of itself; a weight that is a little off would show."""
    field = lab.Field(np.full((40, 50), 2000.0), 0.001, dtype=float)
    rows, columns = np.mgrid[-4 : field.pressure.shape[0] + 4, -4 : field.pressure.shape[1] + 4] * seismic.SPACING
    field._wide[:] = np.sin(0.02 * columns) * np.cos(0.03 * rows)
    expected = -(0.02**2 + 0.03**2) * field.pressure
    assert np.abs(field.laplacian() - expected).max() < 1e-8
    wrong = lab.Field(np.full((40, 50), 2000.0), 0.001, dtype=float, stencil=(-5 / 2, 4 / 3, -1 / 12, 0, 0))
    wrong._wide[:] = field._wide
    assert np.abs(wrong.laplacian() - expected).max() > 5e-8


def test_a_field_is_silent_and_loses_only_in_its_edge():
    field = lab.Field(np.full((30, 40), 2000.0), 0.001)
    inside = (slice(lab.EDGE, -lab.EDGE),) * 2
    assert field.ground.shape == (30, 40) and not field.pressure.any()
    assert (field.keep[inside] == 1).all() and field.gain[inside] == pytest.approx(4.0)
    assert field.keep[0, 0] == pytest.approx(0.9 / 1.1) and field.gain[0, 0] == pytest.approx(4 / 1.1)
    field.pressure[field.at(lab.cells(50))] = 7
    assert field.ground[2, 5] == 7 and field.ground.sum() == 7
    assert (np.diff(field.keep[lab.EDGE + 3, : lab.EDGE + 1]) > 0).all()


def test_traces_of_other_shapes_are_refused():
    with pytest.raises(SettingError, match=r"got \(380, 1\) and \(380,\)"):
        lab.trace_error(np.zeros((380, 1)), np.ones(380))
    errors = lab.trace_error(np.array([[3.0, 1], [4, 1]]), np.array([[0.0, 1], [5, 1]]))
    assert errors == pytest.approx([np.sqrt(10) / 5, 0])


def planted(ground: seismic.Earth, deeper: float = 0.0) -> np.ndarray:
    """An image with a smooth peak at each reflector, so many metres too deep."""
    z, x = np.arange(81)[:, None] * 10.0, np.arange(101) * 10
    return sum(np.exp(-(((z - depth - deeper) / 25) ** 2)) for depth in (ground.flat, ground.dipping(x)))


def test_depths_are_picked_between_the_cells():
    ground = seismic.earth(2)
    assert max(lab.metres_off(planted(ground), ground, [300, 500, 700]).values()) < 1
    off = lab.depth_errors(planted(ground, 13), ground, [300, 500])
    assert off["flat"] == pytest.approx([13, 13], abs=1) and off["dipping"] == pytest.approx([13, 13], abs=1)
    too_flat = lab.metres_off(planted(ground, -13), ground, [300, 500])
    assert too_flat == pytest.approx({"flat": 13, "dipping": 13}, abs=1)


def test_a_move_is_a_share_of_the_depth_below_the_shots():
    ground = seismic.earth(2)
    moves = lab.moves(planted(ground), planted(ground, 12), [500])
    assert moves["flat"] == pytest.approx(12 / (ground.flat - 20), rel=0.1)
    assert moves["dipping"] == pytest.approx(12 / (ground.dipping(500) - 20), rel=0.1)


def test_half_a_wavelength():
    assert lab.half_wavelength(seismic.Earth(1, 2, 3, (1800.0, 2100.0, 2400.0))) == {"flat": 60.0, "dipping": 70.0}


def test_the_filters_turn_a_jump_into_a_peak_at_its_place():
    jump = np.repeat((np.arange(40) < 20).astype(float)[:, None], 5, axis=1)
    for name, filtered in lab.FILTERS.items():
        if name != "none":
            assert filtered(jump)[:, 2].argmax() in (19, 20), name


def test_the_simple_rival_is_right_where_nothing_dips():
    speeds = (1900.0, 2100.0, 2300.0)
    level, ground = seismic.Earth(260.0, 500.0, 500.0, speeds), seismic.earth(1)
    for one, near in ((level, True), (ground, False)):
        records = [seismic.mute(seismic.record(one, x, noise=0), x) for x in (300, 400)]
        image = lab.zero_offset(np.array(records), [300, 400], one.smooth())
        assert image.shape == one.smooth().shape and set(np.flatnonzero(image.any(axis=0))) == {30, 40}
        off = lab.metres_off(image, one, [300, 400])
        assert off["flat"] < 5 and (off["dipping"] < 8) == near


def test_near_offsets_keep_the_receivers_around_their_shot():
    kept = lab.near_offsets(np.ones((2, 5, len(seismic.RECEIVERS))), [200, 800], metres=100)
    assert (kept[0, 0] == (abs(seismic.RECEIVERS - 200) <= 100)).all()
    assert seismic.RECEIVERS[kept[1, 4] == 1].tolist() == list(range(700, 901, 20))


def test_the_crime_is_the_imaging_codes_own_record():
    ground = seismic.earth(1)
    with ThreadPoolExecutor(2) as workers:
        honest, crime = lab.surveyed(workers, physics()["hear"], ground, [300, 440], seed=5)
    assert honest.shape == crime.shape == (2, seismic.SAMPLES, len(seismic.RECEIVERS))
    assert np.array_equal(honest[1], seismic.mute(seismic.record(ground, 440, seed=5), 440))
    clean = [seismic.mute(seismic.record(ground, x, noise=0), x) for x in (300, 440)]
    assert 0 < lab.difference(crime, np.array(clean)) < 0.3 < lab.difference(honest, np.array(clean))


def test_a_verdict_has_a_row_a_place_and_a_mean_a_ground():
    tables = []
    for seed, deeper in ((1, 3), (2, -7)):
        ground = seismic.earth(seed)
        images = {"image": planted(ground, deeper), "zero offset": planted(ground)}
        tables.append(lab.scores(seed, images, ground, [300, 500, 700]))
    assert [len(table) for table in tables] == [12, 12]
    by_ground, table = lab.verdict(tables)
    assert by_ground["flat", "image", 2] == pytest.approx(7, abs=1)
    assert table.loc[("dipping", "image")].tolist() == pytest.approx([5, 3, 7], abs=1)
    fig = lab.depth_figure(tables, {"flat": 60.0, "dipping": 70.0})
    off = table["mean"]["flat", "image"]
    assert fig.axes[0].get_title(loc="left").startswith(f"flat: image {off:.1f} m off, baseline 0.")


def test_pictures_say_their_finding():
    ground = seismic.earth(2)
    fig = lab.growth_figure({1: planted(ground, 30), 8: planted(ground)}, ground)
    titles = [ax.get_title(loc="left") for ax in fig.axes]
    assert titles == ["1 shot: 0% in place", "8 shots: 100% in place"]
    titles = [ax.get_title(loc="left") for ax in lab.survey_figure(ground, [300, 440], 1).axes]
    assert titles[0] == f"Reflectors at {ground.flat:.0f} m and {ground.left:.0f}-{ground.right:.0f} m"
    assert "times fainter" in titles[2]


def test_memory_is_what_is_asked_for():
    fields, image = lab.memory(np.ones((81, 101)), 12)
    assert fields.shape == (32, 81, 101) and not image.any() and image.dtype == fields.dtype == np.float32
    kept, megabytes = lab.traced(np.ones, 1_000_000)
    assert kept.shape == (1_000_000,) and 8 <= megabytes < 8.2


def test_the_sum_and_its_thinning():
    """Thinning is a property of the migration: with every step the image is the sum over all of them."""
    defined = physics()
    smooth, shot = seismic.earth(0).smooth(), 440
    record = seismic.mute(seismic.record(seismic.earth(0), shot), shot)
    image = defined["migrate"](smooth, record, shot)
    ways = [list(map(np.copy, defined["waves"](smooth, lab.cells(shot), seismic.wavelet()[:, None])))]
    ways.append(list(map(np.copy, defined["waves"](smooth, lab.cells(seismic.RECEIVERS), record[::-1])))[::-1])
    assert lab.difference(image, np.sum(np.multiply(*map(np.array, ways)), axis=0)) < 1e-5
    assert lab.difference(4 * defined["migrate"](smooth, record, shot, 4), image) < 0.1
    total = defined["in_order"](np.array([image, 1e6 * image, -1e6 * image]))
    assert total.tobytes() == ((image + 1e6 * image) - 1e6 * image).tobytes()


def slot_of_worker(number: int) -> tuple[float, float, int]:
    slot = lab.shared["slots"][number]
    slot["value"] += 1
    return float(slot["value"]), float(lab.shared["velocity"].sum()), os.getpid()


def test_workers_write_into_slots_that_are_freed_at_the_end():
    slot = np.dtype([("value", "f4"), ("done", "i4")])
    block = shared_memory.SharedMemory(create=True, size=3 * slot.itemsize)
    slots = np.ndarray(3, slot, buffer=block.buf)
    slots["value"] = 10, 20, 30
    given = (block.name, slot, 3, np.ones((2, 2)))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=lab.attach, initargs=given) as workers:
        value, total, worker = workers.submit(slot_of_worker, 1).result()
    assert (value, total) == (21, 4) and worker != os.getpid() and slots["value"].tolist() == [10, 21, 30]
    del slots
    lab.free(block)
    lab.free(block)
    with pytest.raises(FileNotFoundError):
        shared_memory.SharedMemory(block.name)


# the shots of the third exercise


def gathered(make_pool, image_of, tasks, pools):
    with make_pool() as pool:
        return sum(pool.map(image_of, tasks), np.zeros((3, 4), np.float32))


def left_open(make_pool, image_of, tasks, pools):
    return make_pool().submit(image_of, tasks[0]).result()


def test_a_stack_is_tried_and_its_runs_are_counted():
    tasks = [(2, 0, 0, False), (9, 0, 0, False)]
    outcome, runs, made = field_shots.tried(gathered, 1, tasks)
    assert outcome.tobytes() == field_shots.plain(tasks).tobytes() != field_shots.plain(tasks[:1]).tobytes()
    assert runs == {2: 1, 9: 1} and made == 1
    outcome, runs, _ = field_shots.tried(gathered, 1, [(2, 0, 1, False)])
    assert isinstance(outcome, BrokenProcessPool) and runs == {2: 1}
    outcome, _, _ = field_shots.tried(gathered, 1, [(2, 0, 0, True)])
    assert isinstance(outcome, ValueError) and str(outcome) == "shot 2 has no record"
    outcome, runs, _ = field_shots.tried(gathered, 1, [(k, 0, 0, False) for k in range(4)], kind=field_shots.FewTasks)
    assert isinstance(outcome, BrokenProcessPool) and runs[3] == 0


def test_a_pool_that_is_left_open_is_noticed():
    with pytest.raises(AssertionError, match="left open"):
        field_shots.tried(left_open, 1, [(2, 0, 0, False)])


def test_the_order_decides_the_bits_of_the_sum():
    tasks = [(shot, 0, 0, False) for shot in (3, 6, 1, 5, 2, 4)]
    assert field_shots.plain(tasks).tobytes() != field_shots.plain(tasks[::-1]).tobytes()
