"""Roads and fleets, the embedding in whole numbers, the notebook's heads, quotas, weights, gate and brake, and the references."""

import ast
from functools import partial

import numpy as np
import pandas as pd
import pytest
from harness import chapters
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate2d
from scipy.stats import binom, binomtest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from companion import DatasetError, SettingError
from companion.book import chapter
from companion.labs.edge import fleet, fleet_figures, fleet_runs, shadow

CHAPTER = chapter("case_tesla")
REFERENCES = chapters.references(CHAPTER)
KINDS = range(len(fleet.CLASSES))


@pytest.fixture(scope="module")
def lesson() -> dict:
    """What the notebook's cells define, without running anything else of them (no TensorFlow)."""
    known = {"np": np, "pd": pd, "fleet": fleet, "shadow": shadow, "fleet_runs": fleet_runs}
    return chapters.definitions(CHAPTER, lambda node: ast.unparse(node).startswith("PRIORS ="), **known)


@pytest.fixture(scope="module")
def week() -> fleet.Drive:
    return fleet.drive(3, vehicles=8, scenes=40)


# roads and fleets


def test_the_same_seed_gives_the_same_drive(week):
    again, other = fleet.drive(3, vehicles=8, scenes=40), fleet.drive(4, vehicles=8, scenes=40)
    assert all(np.array_equal(a, b) for a, b in zip(week, again, strict=True))
    assert not np.array_equal(week.label, other.label[: len(week.label)])


def test_a_scene_is_two_to_four_frames_of_one_thing_seen_by_one_vehicle(week):
    assert week.frames.shape[1:] == (16, 16) and week.frames.dtype == np.uint8
    sizes = np.bincount(week.scene)
    assert len(sizes) == 320 and set(sizes) == {2, 3, 4}
    for column in (week.label, week.vehicle, week.night, week.rain):
        assert all(len(set(column[week.scene == scene])) == 1 for scene in range(0, 320, 7))
    assert (np.diff(week.scene) >= 0).all() and np.array_equal(week.scene // 40, week.vehicle)


def test_frames_of_a_scene_are_nearer_to_each_other_than_to_other_scenes(week):
    pixels = week.frames.astype(float)
    same = week.scene[1:] == week.scene[:-1]
    apart = np.abs(pixels[1:] - pixels[:-1]).mean(axis=(1, 2))
    assert np.median(apart[same]) < 0.5 * np.median(apart[~same])


def test_classes_are_as_common_as_planted():
    once = [fleet.drive(seed) for seed in (11, 12)]
    label = np.concatenate([drive.label[fleet.one_a_scene(drive)] for drive in once])
    assert fleet.SHARES.sum() == pytest.approx(1)
    for kind in KINDS:
        assert binomtest(int(np.sum(label == kind)), len(label), fleet.SHARES[kind]).pvalue > 1e-4


def test_an_exam_has_as_many_of_each_class_and_night_is_darker():
    paper = fleet.exam(5, each=30)
    assert np.bincount(paper.label).tolist() == [30] * 7 and len(set(paper.scene)) == 210
    assert paper.frames[paper.night].mean() < 0.6 * paper.frames[~paper.night].mean()


def test_one_a_scene_is_the_first_frame_of_each(week):
    rows = fleet.one_a_scene(week)
    assert np.array_equal(week.scene[rows], np.arange(320))
    assert all(row == 0 or week.scene[row - 1] != week.scene[row] for row in rows)
    once = week.at(rows)
    assert all(np.array_equal(a, b[rows]) for a, b in zip(once, week, strict=True))


def test_a_dirty_lens_changes_frames_each_in_its_own_way_and_keeps_the_originals(week):
    before = week.frames.copy()
    seen = fleet.dirty(week.frames, seed=1)
    assert np.array_equal(before, week.frames) and seen.dtype == np.uint8 and seen.shape == before.shape
    change = np.abs(seen.astype(int) - before)
    assert (change.max(axis=(1, 2)) > 20).all() and (change[0] != change[1]).any()
    assert np.array_equal(seen, fleet.dirty(week.frames, seed=1))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (partial(fleet.drive, 0, vehicles=0), "got 0 and 100"),
        (partial(fleet.drive, 0, scenes=0), "got 50 and 0"),
        (partial(fleet.exam, 0, each=0), "every class, got 0"),
        (partial(fleet_runs.milliseconds, list, calls=0), "at least one call, got 0"),
        (partial(shadow.decisions, b"nothing at all", np.zeros((1, 16, 16), np.uint8)), "not a TFLite model"),
    ],
)
def test_bad_settings_are_named(call, said):
    with pytest.raises(SettingError, match=said):
        call()


# the embedding


def test_filters_are_8_bit_numbers_that_add_up_to_nothing():
    bank = shadow.filters()
    assert np.array_equal(bank, bank.round()) and (np.abs(bank).max(axis=(0, 1)) == 127).all()
    assert (bank.sum(axis=(0, 1)) == 0).all() and len(np.unique(bank.reshape(25, -1).T, axis=0)) == shadow.FILTERS


def test_the_embedding_is_the_largest_answer_of_each_filter_in_each_part(week):
    frame = week.frames[7].astype(int)
    for number in range(shadow.FILTERS):
        answers = correlate2d(frame, shadow.filters()[..., number].astype(int), mode="valid")
        parts = np.maximum(answers.reshape(3, 4, 3, 4).max(axis=(1, 3)), 0)
        assert np.array_equal(shadow.embed(week.frames[7:8])[0].reshape(3, 3, -1)[..., number], parts)


def test_the_embedding_of_a_frame_depends_on_no_other(week):
    assert np.array_equal(shadow.embed(week.frames)[500:530], shadow.embed(week.frames[500:530]))
    brighter = np.clip(week.frames[:5] // 2, 0, 255)
    assert np.array_equal(shadow.embed(brighter), shadow.embed(brighter + np.uint8(40))), "brightness is no feature"


@pytest.mark.parametrize(
    "frames", [np.zeros((2, 16, 16)), np.zeros((2, 16, 15), np.uint8), np.zeros((16, 16), np.uint8)]
)
def test_what_are_no_frames_is_refused(frames):
    with pytest.raises(DatasetError, match="frames are uint8"):
        shadow.embed(frames)


# fleets, stocks and draws


@pytest.fixture(scope="module")
def watched() -> fleet_runs.Watched:
    return fleet_runs.watch(0)


def test_a_watched_week_is_cut_into_days_of_twenty_scenes_a_vehicle(watched):
    assert sum(len(day.label) for day, _ in watched.days) == len(watched.week.label)
    for day, features in watched.days:
        assert len(set(day.scene)) == 1000 and np.array_equal(features[:3], shadow.embed(day.frames[:3]))
    assert len(watched.once.label) == len(watched.once_features) == 5000


def test_a_stock_has_every_class_and_two_tyres_more_than_came_by_chance():
    features, labels = fleet_runs.stock(0)
    assert features.shape == (402, shadow.FEATURES) and labels[-2:].tolist() == [fleet.TYRE] * 2
    assert set(labels) == set(KINDS)


def test_a_van_has_scenes_of_its_own(watched):
    days = fleet_runs.with_van(watched, seed=0)
    for (day, features), (before, _) in zip(days, watched.days, strict=True):
        van = day.vehicle == 50
        assert len(day.label) == len(features) and len(set(day.scene[van])) == 200
        assert not set(day.scene[van]) & set(watched.week.scene) and np.sum(~van) == len(before.label)


def test_bought_labels_are_by_day():
    features, labels = fleet_runs.bought_by_day(0)
    other = fleet.drive(800, scenes=60)
    first = other.at(fleet.one_a_scene(other))
    assert len(features) == len(labels) == np.sum(~first.night)


def test_uploads_are_counted_with_the_head_of_their_day(lesson, watched):
    always = shadow.Head(np.zeros((7, shadow.FEATURES)), np.eye(7)[fleet.TYRE])
    never = shadow.Head(np.zeros((7, shadow.FEATURES)), np.eye(7)[fleet.ROAD])
    rows = [np.flatnonzero(day.label == fleet.TYRE) for day, _ in watched.days]
    sent, known = fleet_runs.uploaded(watched, ([always, never, always, never, always, never], rows), fleet.TYRE)
    assert sent.tolist() == [len(r) for r in rows] and known.tolist() == [sent[0], 0, sent[2], 0, sent[4]]


def test_weights_make_the_estimate_right_on_average_and_its_interval_wide_enough(lesson):
    rng = np.random.default_rng(0)
    hit, chance = rng.random(400) < 0.6, rng.uniform(0.2, 1, 400) * 0.9
    chance = np.where(hit, chance, chance / 3)
    drawn = fleet_runs.draws(hit, chance, lesson["weighted_recall"])
    assert drawn["estimate"].mean() == pytest.approx(hit.mean(), abs=0.01) and drawn["plain"].mean() > hit.mean() + 0.1
    assert drawn["mean weight"].mean() == pytest.approx(1, abs=0.03)
    assert lesson["inside"](drawn).mean() > 0.93 and lesson["keeps_its_promise"](drawn)
    assert not lesson["keeps_its_promise"](drawn.assign(estimate=drawn["plain"]))


# what the notebook teaches


def test_the_formula_is_scikit_learns(lesson, watched):
    rows = np.random.default_rng(1).permutation(5000)[:900]
    labels = watched.once.label[rows] % 7
    labels[:14] = np.tile(np.arange(7), 2)
    for shrinkage in (0.03, 0.4):
        ours = lesson["fit"](watched.once_features[rows], labels, shrinkage)
        theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage, priors=lesson["PRIORS"])
        theirs.fit(watched.once_features[rows], labels)
        gap = ours.scores(watched.once_features) - theirs.decision_function(watched.once_features)
        assert np.abs(gap).max() < 1e-4


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_the_quota_is_one_scene_a_vehicle_by_its_best_frame(lesson, lengths, seed):
    vehicle = np.sort(np.repeat(np.arange(len(lengths)), lengths))
    scene = np.arange(len(vehicle)) // 2 + 100 * vehicle
    empty = np.zeros(len(vehicle), bool)
    day = fleet.Drive(np.zeros((len(vehicle), 16, 16), np.uint8), vehicle, scene, vehicle, empty, empty)
    score = np.random.default_rng(seed).integers(0, 4, len(vehicle)).astype(float)
    rows = lesson["quota"](day, score)
    assert sorted(vehicle[rows]) == sorted(set(vehicle))
    for row in rows:
        own = np.flatnonzero(vehicle == vehicle[row])
        assert row == own[np.argmax(score[own])], "the best, of equal ones the earlier"
    order = lesson["best_scenes"](day, score)
    assert sorted(scene[order]) == sorted(set(scene)) and (np.diff(score[order]) <= 0).all()


def test_triggers_say_what_they_are_called(lesson):
    sure, torn = np.eye(7)[[0]] * 20, np.eye(7)[[0]] + np.eye(7)[[6]] * 0.9
    scores = np.concatenate([sure, torn])
    assert lesson["doubt"](scores).argmax() == 1 and lesson["tyre"](scores).argmax() == 1
    assert lesson["disagreement"](scores, scores).tolist() == [0, 0]
    assert lesson["disagreement"](scores, np.roll(scores, 1, axis=1)).min() > 0
    assert lesson["tyre"](np.eye(7)[[6]]) == [1] and lesson["doubt"](np.eye(7)[[6]]) == [-1]


def test_every_frame_has_a_chance_to_be_sent(lesson):
    scores = np.random.default_rng(0).normal(0, 40, (500, 7))
    chance = lesson["inclusion"](scores, 0.15)
    assert chance.min() >= 0.01 and chance.max() <= 1
    assert (lesson["inclusion"](scores, 0.5) <= chance + 1e-12).all(), "a steeper power sends no more"


def releases(differing: float, planned: float, lesson, seed: int) -> tuple[np.ndarray, int]:
    """A release to fifty vehicles with a hundred scenes each."""
    vehicle, rng = np.repeat(np.arange(50), 100), np.random.default_rng(seed)
    day = np.zeros(5000, bool)
    scenes = fleet.Drive(
        np.zeros((5000, 1, 1), np.uint8), vehicle, np.arange(5000), vehicle, day, rng.random(5000) < 0.3
    )
    return lesson["roll_out"](rng.permutation(50), rng.random(5000) < differing, scenes, np.full(4, planned))


def test_the_brake_lets_the_planned_through_and_takes_back_the_rest(lesson):
    kept = [releases(0.04, 0.04, lesson, seed) for seed in range(100)]
    assert sum(version.all() for version, _ in kept) >= 94 and all(v.all() or not v.any() for v, _ in kept)
    broken = [releases(0.3, 0.04, lesson, seed) for seed in range(20)]
    assert not any(version.any() for version, _ in broken) and max(reached for _, reached in broken) == 1


def test_the_gate_names_the_slices_that_lose_more_than_five_points(lesson):
    names = ["day", "night", "average"]
    lesson["slices"] = {"day": None, "night": None}
    old, new = pd.Series([0.9, 0.9, 0.9], names), pd.Series([0.99, 0.84, 0.95], names)
    assert lesson["refused"](new, old) == ["night"] and lesson["refused"](old, old) == []
    assert lesson["refused"](old - 0.049, old) == []


def test_pictures_have_their_numbers_in_the_title():
    rng = np.random.default_rng(0)
    recalls = {name: rng.uniform(0.4, 0.6, (10, 6, 7)) for name in fleet_figures.COLOURS}
    recalls["doubt"] = recalls["random"] + 0.12
    figure = fleet_figures.learning(recalls, recalls["tyre"][:, :-1, 6].mean(axis=0) + 0.25, 6, 50)
    assert figure.axes[0].get_title(loc="left") == "Doubt ends 12 points above random; uploads claim 25 too many"
    ends = {"without quota": np.full(10, 0.2), "with quota": np.full(10, 0.5)}
    figure = fleet_figures.flood(0.9, 1 / 51, ends, np.full(10, 0.5))
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "One of 51 vehicles: 90% of the uploads",
        "The quota keeps 30 points of recall",
    ]
    assert len(fleet_figures.scenes(fleet.exam(0, each=12)).axes) == 7 * 12


# the references of the exercises


@given(st.integers(1, 30), st.floats(0.01, 0.9), st.integers(1, 6), st.floats(0.05, 0.99))
@settings(max_examples=100, deadline=None)
def test_the_labels_are_the_fewest_that_do(wanted, rate, frames, certainty):
    labels = REFERENCES["labels_needed"](wanted, rate, frames, certainty)
    scenes, rest = divmod(labels, frames)
    assert rest == 0 and binom.sf(wanted - 1, scenes, rate) >= certainty - 1e-9
    assert binom.sf(wanted - 1, scenes - 1, rate) < certainty + 1e-9


def test_recall_on_the_road_is_the_lessons_weighted_recall(lesson):
    rng = np.random.default_rng(2)
    hit, chance = rng.random(60) < 0.5, rng.uniform(0.05, 1, 60)
    table = pd.DataFrame({"tyre": True, "recognised": hit, "score": 0.5, "probability": chance})
    recall, effective = REFERENCES["natural_recall"](table)
    estimate, _ = lesson["weighted_recall"](hit, 1 / chance, np.ones((1, 60), bool))
    assert recall == pytest.approx(estimate[0]) and 1 <= effective <= 60


frames_of_a_day = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 50)), max_size=25)


@given(frames_of_a_day, frames_of_a_day, st.integers(0, 400), st.integers(0, 25))
@settings(max_examples=100, deadline=None)
def test_uploads_keep_the_budget_and_know_nothing_of_the_evening(before, now, budget, noon):
    yesterday, today = (pd.DataFrame(rows, columns=["margin", "bytes"]).astype(int) for rows in (before, now))
    sent = REFERENCES["uploads"](yesterday, today, budget)
    assert today["bytes"].iloc[sent].sum() <= budget
    assert REFERENCES["uploads"](yesterday, today[:noon], budget) == [row for row in sent if row < noon]
    if sent:
        assert yesterday["bytes"][yesterday["margin"] <= today["margin"].iloc[sent].max()].sum() <= budget
