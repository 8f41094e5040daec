"""A street at night: walkers, light, the judge and the gateway's line; the sun, the division and the watchdog of the notebook."""

import ast
import math
from itertools import combinations, permutations

import numpy as np
import pytest
from harness import chapters
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import SettingError
from companion.book import chapter
from companion.errors import EngineUnavailable
from companion.labs.edge import street, street_figures, street_link, street_tables

CHAPTER = chapter("case_barcelona")
REFERENCES = chapters.references(CHAPTER)
NIGHT = street.draw_night(22, 28, seed=1)


@pytest.fixture(scope="module")
def notebook() -> dict:
    """What the notebook's cells define, and a timetable of four nights."""

    def constant(node: ast.Assign) -> bool:
        names = [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        return all(name.isupper() for name in names)

    defined = chapters.definitions(CHAPTER, constant)
    known = [street.draw_night(*defined["lamps_on"](day), seed=1000 + day) for day in (1, 92, 183, 275)]
    return defined | {"known": known, "plan": defined["timetable"](known)}


def occupancies(steps: int = 30):
    """Sensors' words, bool (steps, lamps), sparse."""
    return st.lists(st.tuples(st.integers(0, steps - 1), st.integers(0, street.LAMPS - 1)), max_size=25).map(
        lambda cells: _occupied(steps, cells)
    )


def _occupied(steps, cells) -> np.ndarray:
    occupied = np.zeros((steps, street.LAMPS), bool)
    for step, lamp in cells:
        occupied[step, lamp] = True
    return occupied


# the sun: constants from elsewhere


def test_the_sun_agrees_with_astral_and_an_almanac(notebook):
    assert notebook["worst_minutes"]() <= 3
    # astral 3.2 for Barcelona: sunset to sunrise, and the civil night
    assert notebook["dark_hours"]() == pytest.approx(4307, rel=0.002)
    assert notebook["dark_hours"](zenith=96) == pytest.approx(3935, rel=0.002)


def test_known_suns(notebook):
    sun = notebook["sun"]
    rise, sets = sun(np.array([80, 266]), latitude=0.0, longitude=0.0)
    assert np.allclose(
        sets - rise, 12.12, atol=0.02
    )  # at the equator: refraction and the sun's radius add seven minutes
    rise, sets = sun(172)  # the evening paper's earliest sunrise and latest sunset (RTVE, June 2022): 6:18 and 21:30
    assert rise + 2 == pytest.approx(6 + 18 / 60, abs=0.05) and sets + 2 == pytest.approx(21.5, abs=0.06)
    assert sun(172, longitude=17.17)[0] == pytest.approx(rise - 1, abs=1e-9)  # fifteen degrees east: an hour earlier


def test_only_the_contracted_power_fits_the_sun(notebook):
    fits = notebook["fits_the_sun"]
    assert fits(82e6 / 19_000) and not fits(82e6 / 17_600) and not fits(12 * 365)
    assert not fits(1.01 * notebook["dark_hours"]()) and fits(1.004 * notebook["dark_hours"]())


# light


def test_a_long_row_has_the_mean_of_the_closed_form():
    distance = np.abs(np.arange(-4000, 4000) + 0.5) * street.SPACING / 10
    one_lamp = street.illuminance(distance)
    mean = one_lamp.sum() / 10  # the light of one lamp on all points is that of all lamps on one spacing
    assert mean == pytest.approx(street.FULL_LUX, rel=1e-3)
    intensity = street.FULL_LUX * street.HEIGHT * street.SPACING / 2
    assert street.illuminance(0) == pytest.approx(intensity / street.HEIGHT**2)
    far = 400.0  # the slant falls with the distance too: the cube
    assert street.illuminance(2 * far) / street.illuminance(far) == pytest.approx(1 / 8, rel=0.01)


@given(st.lists(st.floats(0, 1), min_size=24, max_size=24), st.lists(st.floats(0, 1), min_size=24, max_size=24))
def test_lamps_add_up(some, others):
    some, others = np.array(some), np.array(others)
    assert np.allclose(street.lux(some) + street.lux(others), street.lux(some + others))


def test_every_second_lamp_keeps_the_mean_and_loses_the_minimum():
    light = street.lux(np.arange(street.LAMPS) % 2)[80:160]
    asked = street.CLASSES["P2"]
    assert light.mean() == pytest.approx(asked.mean, rel=1e-3) and light.min() < asked.least


@pytest.mark.parametrize(("walkers", "name"), [(0, "P3"), (14, "P3"), (15, "P2"), (59, "P2"), (60, "P1"), (1000, "P1")])
def test_classes_on_both_sides_of_each_bound(walkers, name):
    assert street.class_for(walkers) == name
    assert street.level(name) * street.FULL_LUX == street.CLASSES[name].mean


# nights


def test_the_same_seed_gives_the_same_night():
    again, other = street.draw_night(22, 28, seed=1), street.draw_night(22, 28, seed=2)
    assert np.array_equal(again.place, NIGHT.place) and np.array_equal(again.occupied, NIGHT.occupied)
    assert not np.array_equal(other.entered, NIGHT.entered)


def test_walkers_come_at_their_rate_and_walk_through():
    counts = np.array([list(street.draw_night(22, 28, seed=seed).walkers.values()) for seed in range(60)])
    expected = np.array([street.rate(hour) for hour in range(21, 28)])
    spread = np.sqrt(expected + (0.2 * expected) ** 2) / np.sqrt(60)
    assert (np.abs(counts.mean(axis=0) - expected) < 4 * spread).all()
    assert sum(NIGHT.walkers.values()) == len(NIGHT.entered) and (np.diff(NIGHT.entered) >= 0).all()
    assert NIGHT.place.min() >= -20 and NIGHT.place.max() <= street.LENGTH + 20
    assert NIGHT.step.min() >= 0 and NIGHT.step.max() < NIGHT.steps == 6 * street.STEPS_AN_HOUR
    runs = (NIGHT.speed == 3).mean()
    assert 0.01 < runs < 0.12


def test_a_festival_has_more_people_after_midnight():
    festival = [street.draw_night(22, 28, seed=seed, festival=True) for seed in range(5)]
    assert all(night.walkers[24] > 100 for night in festival)
    assert all(night.needs()[24] == "P1" for night in festival)


@pytest.mark.parametrize(("dusk", "dawn"), [(24, 30), (-1, 5), (20, 20), (20, 19), (20, 45)])
def test_nights_that_are_none(dusk, dawn):
    with pytest.raises(SettingError, match="dusk"):
        street.draw_night(dusk, dawn, seed=0)


@pytest.mark.parametrize("scale", [-1, math.nan, math.inf])
def test_streets_that_are_none(scale):
    with pytest.raises(SettingError, match="scale"):
        street.draw_night(22, 28, seed=0, scale=scale)


def test_an_empty_street_is_a_night_too():
    empty = street.draw_night(22, 28, seed=0, scale=0)
    assert len(empty.entered) == len(empty.step) == 0 and not empty.occupied.any()
    assert street.dark_minutes(empty, 0.0) == 0 and set(empty.needs().values()) == {"P3"}


def test_sensors_see_who_is_within_reach():
    for lamp in (0, 7, 23):
        here = np.abs(NIGHT.place - street.lamp_places()[lamp]) <= street.SENSOR_REACH
        assert np.array_equal(np.unique(NIGHT.step[here]), np.flatnonzero(NIGHT.occupied[:, lamp]))


# the judge


def test_the_judge_agrees_with_a_slow_one():
    rng = np.random.default_rng(0)
    levels = rng.uniform(0.05, 0.9, (NIGHT.steps, street.LAMPS))
    found = street.too_dark(NIGHT, levels)
    points, lamps = street.point_places(), street.lamp_places()
    for entry in rng.integers(0, len(NIGHT.step), 300):
        step, place = NIGHT.step[entry], NIGHT.place[entry]
        if not 50 <= place <= street.LENGTH - 50:
            assert not found[entry]
            continue
        cell = math.floor(place / 2.5)
        around = points[cell - 10 : cell + 10]
        light = [sum(levels[step] * street.illuminance(np.abs(lamps - point))) for point in around]
        asked = street.CLASSES[street.class_for(NIGHT.walkers[int(22 + step * 5 / 3600 + 1e-9)])]
        assert found[entry] == (np.mean(light) < 0.999 * asked.mean or min(light) < 0.999 * asked.least)


def test_full_light_is_enough_and_none_is_not():
    everywhere = np.ones((NIGHT.steps, street.LAMPS))
    assert street.person_minutes(street.too_dark(NIGHT, everywhere)) == 0
    judged = (NIGHT.place >= 50) & (NIGHT.place <= street.LENGTH - 50)
    assert np.array_equal(street.too_dark(NIGHT, 0 * everywhere), judged)
    assert street.person_minutes(judged) == pytest.approx(judged.sum() * 5 / 60)


def test_the_judge_asks_for_the_minimum_too():
    second = np.broadcast_to(np.arange(street.LAMPS) % 2, (NIGHT.steps, street.LAMPS)) * 1.02
    needs = dict.fromkeys(NIGHT.walkers, "P2")
    assert street.too_dark(NIGHT, second, needs).any()
    assert not street.too_dark(NIGHT, np.full_like(second, 0.51), needs).any()


def test_a_stuck_sensor_says_nobody_from_then_on():
    occupied, begin = street.stuck(NIGHT, [3, 4], 24), NIGHT.at(24)
    assert begin == 2 * street.STEPS_AN_HOUR and NIGHT.occupied[begin:, 3].any()
    assert not occupied[begin:, 3:5].any() and np.array_equal(occupied[:begin], NIGHT.occupied[:begin])
    assert np.array_equal(np.delete(occupied, [3, 4], axis=1), np.delete(NIGHT.occupied, [3, 4], axis=1))


def test_one_level_is_as_good_as_many():
    many = np.full((NIGHT.steps, street.LAMPS), 0.4)
    assert street.dark_minutes(NIGHT, 0.4) == street.person_minutes(street.too_dark(NIGHT, many)) > 0


# who is near


@given(occupancies(), st.integers(0, 6), st.integers(0, 4))
def test_held_and_near_by_definition(occupied, hold, ahead):
    kept, lit = street.held(occupied, hold), street.near(occupied, ahead)
    for step, lamp in np.argwhere(np.ones_like(occupied))[::7]:
        assert kept[step, lamp] == occupied[max(0, step - hold) : step + 1, lamp].any()
        assert lit[step, lamp] == occupied[step, max(0, lamp - ahead) : lamp + ahead + 1].any()


def events_of(occupied: np.ndarray):
    before = np.zeros(street.LAMPS, bool)
    for now, said in enumerate(occupied):
        yield now, [(lamp, bool(said[lamp])) for lamp in np.flatnonzero(said != before)]
        before = said


@given(occupancies())
def test_the_gateway_knows_from_events_what_the_loop_knows_from_all(notebook, occupied):
    gateway = notebook["Gateway"]()
    lit = np.array([gateway.step(now, events) for now, events in events_of(occupied)])
    assert np.array_equal(lit, notebook["plain"](occupied))
    assert np.array_equal(lit, street.near(street.held(occupied, notebook["HOLD"]), notebook["AHEAD"]))


@given(occupancies(), st.integers(1, 29))
def test_after_a_restart_it_must_be_told_everything(notebook, occupied, restart):
    """Told everything, a new gateway lights all that has somebody near; what is held it can't know."""
    gateway = notebook["Gateway"]()
    lit = gateway.step(restart, [(lamp, bool(said)) for lamp, said in enumerate(occupied[restart])])
    assert (lit | ~street.near(occupied[restart], notebook["AHEAD"])).all()


# the line


class OneLamp:
    """Lights a lamp for as long as somebody is under it."""

    def __init__(self):
        self.lit = np.zeros(street.LAMPS, bool)

    def step(self, now, events):
        for lamp, somebody in events:
            self.lit[lamp] = somebody
        return self.lit


class Stillborn:
    def __init__(self):
        raise RuntimeError("no")


def test_the_line_carries_changes_and_hears_silence():
    with street_link.Link(OneLamp) as link:
        first = link.step(0, [(3, True)])
        assert (
            first is not None and len(first) == street.LAMPS and (3, True) in first
        )  # the first word is about all lamps
        assert link.step(1, []) == [] and link.step(2, [(3, False), (5, True)]) == [(3, False), (5, True)]
        assert (link.events, link.commands, link.heartbeats) == (3, street.LAMPS + 2, 3)
        link.kill()
        assert link.step(3, [(5, False)]) is None and link.step(4, []) is None
        link.start()
        again = link.step(5, [])
        assert again is not None and len(again) == street.LAMPS and not any(lit for _, lit in again)
        process = link._process
    assert not process.is_alive()
    with pytest.raises(SettingError, match="closed"):
        link.step(6, [])


def test_a_gateway_that_does_not_start_says_so():
    with pytest.raises(EngineUnavailable, match="did not start"):
        street_link.Link(Stillborn).start()


# the division


values = st.floats(-100, 100)


@settings(max_examples=40)
@given(st.lists(values, min_size=8, max_size=8), st.lists(values, min_size=8, max_size=8))
def test_shapleys_four_promises(notebook, some, others):
    subsets = [frozenset(part) for size in range(4) for part in combinations("abc", size)]
    game, other = dict(zip(subsets, some, strict=True)), dict(zip(subsets, others, strict=True))
    for divide in (notebook["shapley"], REFERENCES["shapley"]):
        share = divide(list("abc"), game)
        assert sum(share.values()) == pytest.approx(game[frozenset("abc")] - game[frozenset()], abs=1e-9)
        both = divide(list("abc"), {part: game[part] + other[part] for part in subsets})
        assert both["b"] == pytest.approx(share["b"] + divide(list("abc"), other)["b"], abs=1e-9)
    idle = {part: game[part - {"c"}] for part in subsets}
    assert notebook["shapley"](tuple("abc"), idle)["c"] == pytest.approx(0, abs=1e-9)
    equal = {part: float(len(part) ** 2) for part in subsets}
    assert len({round(each, 9) for each in notebook["shapley"](tuple("abc"), equal).values()}) == 1


def test_two_players_by_hand(notebook):
    game = {frozenset(): 1.0, frozenset("a"): 5.0, frozenset("b"): 3.0, frozenset("ab"): 10.0}
    assert notebook["shapley"](("a", "b"), game) == {"a": 5.5, "b": 3.5}
    orders = [notebook["added"](order, game) for order in permutations("ab")]
    assert orders == [{"a": 4.0, "b": 5.0}, {"b": 2.0, "a": 7.0}]


def test_sensors_cost_on_old_lamps_and_save_on_new_ones(notebook):
    night, names = notebook["known"][0], notebook["MEASURES"]
    used = {}
    for some in (frozenset(part) for size in range(4) for part in combinations(names, size)):
        levels = notebook["levels_with"](some, night, notebook["plan"])
        used[some] = notebook["kwh"](some, night, levels)
        assert street.dark_minutes(night, levels) == 0, some
    old = used[frozenset()]
    assert old == pytest.approx(notebook["OLD"] * night.hours / 1000)
    assert used[frozenset({"presence"})] - old == pytest.approx(notebook["SENSOR"] * night.hours / 1000)
    assert used[frozenset({"LED"})] == pytest.approx(old / 2)
    assert used[frozenset(names)] < used[frozenset({"LED", "presence"})] < used[frozenset({"LED", "timetable"})]
    share = notebook["shapley"](names, {some: 100 * (1 - each / old) for some, each in used.items()})
    assert share["LED"] > 50 > 20 > share["timetable"] > share["presence"] > 4
    assert notebook["allowed"](1 - used[frozenset(names)] / used[frozenset({"LED"})])


# the watchdog


@given(occupancies(), st.lists(st.floats(0, 2), min_size=30, max_size=30))
def test_overdue_piles_up_since_the_last_event(notebook, occupied, per_step):
    due = notebook["overdue"](None, occupied, np.array(per_step))
    for lamp in (0, 11, 23):
        pile = 0.0
        for step in range(30):
            pile = 0.0 if occupied[step, lamp] else pile + per_step[step]
            assert due[step, lamp] == pytest.approx(pile, abs=1e-9)


# tables


def test_messages_count_events_commands_and_heartbeats():
    night = street.draw_night(22, 23, seed=3)
    lit = street.near(night.occupied, 1)
    events = sum(len(said) for now, said in events_of(night.occupied) if now)
    commands = sum(len(said) for now, said in events_of(lit) if now)
    assert street_tables.messages(night, lit) == events + commands + night.steps


def test_clock_hours_as_people_write_them():
    assert [street_figures.clock(hour) for hour in (0, 25.5, 23.999, 47.25)] == ["00:00", "01:30", "00:00", "23:15"]


# the book's own solutions, held to their statements


@given(
    st.integers(1, 4), st.lists(st.none() | st.just({}) | st.fixed_dictionaries({"level": st.floats()}), max_size=30)
)
def test_the_lamp_is_at_full_light_after_silence_until_a_command(patience, words):
    lamp, last, trusted = REFERENCES["Lamp"](patience), 1.0, False
    for now, word in enumerate(words):
        given_level = (word or {}).get("level", math.nan)
        silent = words[max(0, now - patience + 1) : now + 1] == [None] * patience
        trusted = (trusted and not silent) or 0 <= given_level <= 1
        last = given_level if 0 <= given_level <= 1 else last
        assert lamp.step(word) == (last if trusted else 1.0)


def test_the_profile_leaves_nobody_in_the_dark_on_other_nights():
    profile = REFERENCES["profile"](REFERENCES["exercise_nights"])
    for seed in range(4000, 4006):
        night = street.draw_night(22, 28, seed=seed)
        levels = np.array([profile[hour] for hour in night.hour])[:, None] * np.ones(street.LAMPS)
        assert street.person_minutes(street.too_dark(night, levels)) == 0 and levels.mean() < 0.68
