"""The pulsar search: its sky, its files, its statistics, and what an independent program finds in the same series."""

import importlib.util
import json
import struct
from pathlib import Path

import nbformat
import numpy as np
import pytest
from conftest import NOTEBOOKS
from scipy.stats import gamma

from companion import DatasetError, SettingError
from companion.book import chapter
from companion.datasets import pulsar
from companion.labs.distributed import pulsar_search as lab

FILE = NOTEBOOKS / chapter("case_ska_telescope").file
VECTORS = json.loads((Path(__file__).parent / "vectors" / "riptide_pulsars.json").read_text(encoding="utf-8"))


# the data


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    folders = [tmp_path / name for name in ("first", "second", "other")]
    for folder, seed in zip(folders, (5, 5, 6), strict=True):
        folder.mkdir()
        pulsar.observe(folder, seed=seed, samples=2**11, files=4)
    contents = [[path.read_bytes() for path in sorted(folder.iterdir())] for folder in folders]
    assert contents[0] == contents[1] != contents[2]


def test_the_envelope_holds_the_truth_that_was_sealed(tmp_path):
    paths, seal = pulsar.observe(tmp_path, seed=5, samples=2**10, files=4)
    assert len(paths) == 4 and pulsar.open_envelope(tmp_path, seal) == pulsar.sky(5)


def test_nobody_knows_a_sky_without_a_seed(tmp_path):
    truths = []
    for name in "ab":
        (tmp_path / name).mkdir()
        _, seal = pulsar.observe(tmp_path / name, seed=None, samples=2**10, files=1)
        truths.append(pulsar.open_envelope(tmp_path / name, seal))
    assert truths[0] != truths[1]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "no such file"),
        (lambda path: path.write_text("P = 1 s?"), "not an envelope"),
        (lambda path: path.write_bytes(b"e30="), "the seal is broken"),
    ],
)
def test_another_envelope_is_refused(tmp_path, damage, said):
    _, seal = pulsar.observe(tmp_path, seed=5, samples=2**10, files=1)
    damage(tmp_path / "sealed.envelope")
    with pytest.raises(DatasetError, match=said):
        pulsar.open_envelope(tmp_path, seal)


def test_a_file_gives_back_its_samples_and_its_header(tmp_path):
    beam = np.random.default_rng(0).integers(0, 256, (64, pulsar.CHANNELS), dtype=np.uint8)
    paths = pulsar.write(tmp_path, beam, 2)
    assert np.array_equal(np.concatenate([pulsar.read(path) for path in paths]), beam)
    header = pulsar.header(paths[1])
    assert (header["nchans"], header["nbits"], header["tsamp"], header["nsamples"]) == (128, 8, 0.001, 32)
    assert header["fch1"] == pytest.approx(449.609375) and header["foff"] == pytest.approx(-0.78125)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda path: path.write_bytes(path.read_bytes()[:-1000]),
            "truncated, its header promises 64 samples and 56.1",
        ),
        (lambda path: path.write_bytes(path.read_bytes()[:60]), "cut in its header"),
        (lambda path: path.write_bytes(b""), "not a filterbank file"),
        (lambda path: path.write_bytes(b"RIFF" * 100), "not a filterbank file"),
        (lambda path: path.unlink(), "no such file"),
        (
            lambda path: path.write_bytes(
                path.read_bytes().replace(b"nbits" + struct.pack("<i", 8), b"nbits" + struct.pack("<i", 2))
            ),
            "expected 8 bits",
        ),
    ],
)
def test_a_damaged_file_is_named(tmp_path, damage, said):
    [path] = pulsar.write(tmp_path, np.zeros((64, pulsar.CHANNELS), np.uint8), 1)
    damage(path)
    with pytest.raises(DatasetError, match=rf"beam_00\.fil: .*{said}"):
        pulsar.read(path)


def test_bad_settings_are_named(tmp_path):
    with pytest.raises(SettingError, match="a sky has no colour; there are: period, dispersion"):
        pulsar.sky(0, colour=1)
    with pytest.raises(SettingError, match="multiple of files, got 1000 and 16"):
        pulsar.observe(tmp_path, samples=1000, files=16)
    with pytest.raises(SettingError, match="above zero"):
        pulsar.beam(pulsar.sky(0, period=0.0))


def matched(beam: np.ndarray, sky: pulsar.Sky, law=lambda dm, ghz: 4.148808e-3 * dm * ghz**-2) -> float:
    """The signal-to-noise ratio that somebody gets who knows everything, by a dispersion law."""
    seconds = (np.arange(len(beam)) + 0.5) * pulsar.SAMPLE_SECONDS
    turns = (seconds[:, None] - law(sky.dispersion, pulsar.FREQUENCIES)) / sky.period + sky.phase
    pulse = np.exp(-0.5 * (((turns + 0.5) % 1 - 0.5) / sky.width) ** 2)
    pulse -= pulse.mean()
    return float((pulse * (beam - beam.mean())).sum() / beam.std() / np.sqrt((pulse**2).sum()))


def test_the_planted_pulsar_obeys_the_dispersion_law_at_its_signal_to_noise_ratio():
    sky = pulsar.sky(3, interference=0)
    beam = pulsar.beam(sky, 2**15, seed=3)
    assert matched(beam, sky) == pytest.approx(sky.snr, abs=3)
    assert matched(beam, sky, lambda dm, ghz: 4.148808e-3 * dm * ghz**-1) < 6, "another law would have been noticed"


# the statistics


@pytest.mark.parametrize("harmonics", lab.HARMONICS)
def test_the_tail_is_scipys_and_goes_on_where_that_ends(harmonics):
    totals = np.linspace(0.1, 400, 50)
    assert lab.log10_p(totals, harmonics) == pytest.approx(gamma.logsf(totals, harmonics) / np.log(10), rel=1e-9)
    assert np.isfinite(lab.log10_p(np.array([5000.0]), harmonics)).all()


def test_the_grid_covers_the_range_in_steps_of_the_highest_harmonic():
    for harmonics in lab.HARMONICS:
        frequencies = lab.grid(harmonics, 62.5) / (62.5 * harmonics)
        assert frequencies[0] >= 0.5 > frequencies[0] - 1 / (62.5 * harmonics)
        assert frequencies[-1] == pytest.approx(10, abs=1 / (62.5 * harmonics))
    assert lab.trials(3, 62.5, (1, 2)) == 3 * (len(lab.grid(1, 62.5)) + len(lab.grid(2, 62.5)))


def test_a_fold_of_noise_is_standard_and_a_pulse_stands_out_at_its_period():
    rng = np.random.default_rng(1)
    noise = rng.normal(5, 3, 50_000)
    assert lab.fold(noise, 0.7).std() == pytest.approx(1, abs=0.2)
    series = noise + 3 * ((np.arange(50_000) * pulsar.SAMPLE_SECONDS / 0.7) % 1 < 0.03)
    ratios = {ratio: lab.pulse_snr(lab.fold(series, 0.7 * ratio)) for ratio in lab.RATIOS}
    assert max(ratios, key=ratios.get) == 1
    assert lab.refine(series[None], 1 / 0.7 + 0.005, 0)[2] == pytest.approx(0.7, abs=0.7**2 / 50)


def test_no_answer_is_infinitely_far_off():
    assert lab.errors(None, pulsar.sky(0), 60.0) == (np.inf, np.inf)


def test_an_expectation_that_is_wrong_is_noticed():
    counts = np.random.default_rng(0).poisson(100, 20)
    assert lab.agrees(counts, 100) and not lab.agrees(counts, 110) and not lab.agrees(counts, 90)


def test_files_that_cannot_be_read_are_silence(tmp_path):
    paths = pulsar.write(tmp_path, np.full((64, pulsar.CHANNELS), 7, np.uint8), 4)
    whole = [path.read_bytes() for path in paths]
    lab.cut_short(paths, whole, [2])
    assert (lab.with_silence(paths) == 7).all()
    lab.cut_short(paths, whole, range(4))
    with pytest.raises(DatasetError, match="none of the 4 files"):
        lab.with_silence(paths)


# the notebook's own functions


@pytest.fixture(scope="module")
def notebook() -> dict:
    """What the notebook's cells define for the plain search."""
    names = ("SECONDS, GHZ, DISPERSIONS =", "def dedisperse(", "def power(", "def search(")
    defined = {"np": np, "pulsar": pulsar, "HALO": 3036}
    import pandas as pd

    defined["pd"] = pd
    for cell in nbformat.read(FILE, as_version=4).cells:
        if cell.cell_type == "code" and "nbgrader" not in cell.metadata and any(name in cell.source for name in names):
            exec(cell.source, defined)  # noqa: S102  (the project's own cells)
    return defined


@pytest.fixture(scope="module")
def series(notebook) -> np.ndarray:
    beam = pulsar.beam(pulsar.sky(5), seed=5)
    return notebook["dedisperse"](beam.T)


def test_dedispersion_is_the_sum_of_the_shifted_channels(notebook, series):
    beam, rng = pulsar.beam(pulsar.sky(5), seed=5), np.random.default_rng(0)
    for trial, at in zip(rng.integers(0, 128, 20), rng.integers(0, series.shape[1], 20), strict=True):
        delays = 4.148808e-3 * trial * (pulsar.FREQUENCIES**-2 - pulsar.FREQUENCIES[0] ** -2)
        samples = at + np.rint(delays / pulsar.SAMPLE_SECONDS).astype(int)
        assert series[trial, at] == beam[samples, np.arange(128)].sum(dtype=int)


def test_sixteen_bits_hold_the_brightest_beam(notebook):
    brightest = np.full((pulsar.CHANNELS, 4000), 255, np.uint8)
    assert (notebook["dedisperse"](brightest) == 128 * 255).all()


def test_subbands_are_the_same_where_no_delay_is_rounded_twice(notebook):
    beam = pulsar.beam(pulsar.sky(5), 2**13, seed=5).T
    quick, additions = lab.in_subbands(beam, notebook["DELAYS"], 3036)
    exact = notebook["dedisperse"](beam)
    assert additions * 4 == notebook["DELAYS"].size
    assert quick.shape == exact.shape and quick.sum(dtype=int) == pytest.approx(exact.sum(dtype=int), rel=1e-4)
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(quick, exact, strict=True)]
    assert min(correlation) > 0.15 and max(correlation) == pytest.approx(1)


# the independent program


def of_riptide(row: np.ndarray) -> tuple[float, float]:
    """Period and signal-to-noise ratio of the best peak of riptide's fast folding search, between 0.3 and 1.3 s."""
    from riptide import TimeSeries, ffa_search

    given = TimeSeries.from_numpy_array(row.astype(np.float32), pulsar.SAMPLE_SECONDS)
    options = {"period_min": 0.3, "period_max": 1.3, "bins_min": 120, "bins_max": 140, "rmed_width": 4.0}
    _, found = ffa_search(given, **options)
    best = found.snrs.max(axis=1).argmax()
    return float(found.periods[best]), float(found.snrs[best].max())


def ours(seed: int, notebook: dict) -> tuple[float, float, np.ndarray]:
    sky = pulsar.sky(seed, interference=0)
    row = notebook["dedisperse"](pulsar.beam(sky, seed=seed).T, notebook["DELAYS"][[round(sky.dispersion)]])[0]
    snr, _, period = lab.refine(row[None], 1 / sky.period, 0)
    return period, snr, row


@pytest.mark.parametrize("seed", [int(seed) for seed in VECTORS["skies"]])
def test_riptide_agrees(seed, notebook):
    """Its answers are stored, with the version that gave them; where it is installed they are asked for again."""
    period, snr, row = ours(seed, notebook)
    theirs = tuple(VECTORS["skies"][str(seed)])
    if importlib.util.find_spec("riptide"):
        assert of_riptide(row) == pytest.approx(theirs, rel=1e-3)
    resolution = 1 / (len(row) * pulsar.SAMPLE_SECONDS)
    assert abs(1 / period - 1 / theirs[0]) < resolution
    assert snr == pytest.approx(theirs[1], rel=0.1)
    half, _, _ = lab.refine(row[None], 2 / pulsar.sky(seed).period, 0)
    assert half != pytest.approx(theirs[1], rel=0.1), "a fold at half of the period would have been noticed"
