"""Pictures and their logs: the planted truth, the estimators and learners of the notebook, river's decisions, the references."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from harness import chapters
from hypothesis import given, settings
from hypothesis import strategies as st
from river import bandit, proba

from companion import SettingError
from companion.book import chapter
from companion.labs.adaptive import artwork, artwork_figures, artwork_runs, artwork_tables

CHAPTER = chapter("case_netflix")
REFERENCES = chapters.references(CHAPTER)
TITLE = artwork.title(seed=2)
UNIFORM = np.full(TITLE.click.shape, 0.1)


@pytest.fixture(scope="module")
def notebook() -> dict:
    """What the notebook's cells define: estimators, dials and learners."""
    defined: dict = {"np": np, "artwork": artwork, "artwork_runs": artwork_runs}
    wanted = (
        "weights",
        "interval",
        "ips",
        "snips",
        "doubly_robust",
        "model_alone",
        "replay",
        "dials",
        "exact_variance",
    )
    wanted += ("replay_tends_to", "hits", "keeps_its_promise", "Thompson", "LinUCB", "replay_learner")
    wanted += ("hasty", "patient")
    for source in chapters.taught(CHAPTER):
        for block in source.split("\n\n\n"):
            name = block.split("(")[0].split(":")[0].removeprefix("def ").removeprefix("class ").strip()
            if name in wanted and block.startswith(("def ", "class ")):
                exec(block, defined)  # noqa: S102
    from scipy.stats import binomtest

    return defined | {"binomtest": defined.setdefault("binomtest", binomtest)}


def some_policy(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(10), artwork.KINDS)


# the planted truth and its logs


def test_the_same_seed_gives_the_same_title_everywhere():
    again, other = artwork.title(seed=2), artwork.title(seed=3)
    assert np.array_equal(again.click, TITLE.click) and not np.array_equal(other.click, TITLE.click)
    assert np.array_equal(TITLE.click, TITLE.click.round(4)) and (1000 * TITLE.shares).sum() == pytest.approx(1000)
    assert TITLE.click.min() >= 0.01 and TITLE.click.max() <= 0.15 and TITLE.shares.min() > 0


def test_the_value_is_the_sum_over_kinds_and_pictures():
    policy = some_policy(0)
    total = sum(TITLE.shares[k] * policy[k, p] * TITLE.click[k, p] for k in range(16) for p in range(10))
    assert TITLE.value(policy) == pytest.approx(total)
    log = artwork.draw_log(TITLE, policy, 200_000, seed=1)
    assert log.click.mean() == pytest.approx(total, abs=4 * np.sqrt(total / 200_000))


def test_a_log_has_the_frequencies_and_the_propensities_of_its_policy():
    policy = artwork.explore(artwork.always(3, 10), 0.2)
    log = artwork.draw_log(TITLE, policy, 50_000, logs=2, seed=1)
    assert log.kind.shape == log.propensity.shape == (2, 50_000)
    assert np.array_equal(log.propensity, policy[log.kind, log.picture])
    assert (log.picture == 3).mean() == pytest.approx(0.82, abs=0.005)
    assert np.bincount(log.kind.ravel(), minlength=16) / 100_000 == pytest.approx(TITLE.shares, abs=0.006)
    again = artwork.draw_log(TITLE, policy, 50_000, logs=2, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(log, again, strict=True))


def test_a_picture_without_probability_is_never_shown():
    log = artwork.draw_log(TITLE, artwork.always(np.arange(16) % 10, 10), 20_000, seed=1)
    assert np.array_equal(log.picture, log.kind % 10) and (log.propensity == 1).all()


def test_counts_are_those_of_the_log():
    log = artwork.draw_log(TITLE, UNIFORM, 3_000, seed=1)
    shown, clicks = artwork.counts(log, 10)
    assert shown.sum() == 3_000 and clicks.sum() == log.click.sum()
    assert shown[4, 7] == ((log.kind == 4) & (log.picture == 7)).sum()
    assert clicks[4, 7] == ((log.kind == 4) & (log.picture == 7) & log.click).sum()


def test_a_change_for_some_leaves_the_others_alone():
    new, old, some = some_policy(1), some_policy(2), np.arange(16) < 5
    changed = artwork.only_for(some, new, old)
    assert np.array_equal(changed[:5], new[:5]) and np.array_equal(changed[5:], old[5:])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (partial(artwork.title, 0, pictures=1), "at least two pictures, got 1"),
        (partial(artwork.explore, UNIFORM, 1.5), "a probability, got 1.5"),
        (partial(artwork.draw_log, TITLE, UNIFORM[:, :5], 10), r"shape \(16, 10\)"),
        (partial(artwork.draw_log, TITLE, UNIFORM * 2, 10), "add up to 1"),
    ],
)
def test_bad_settings_are_named(call, said):
    with pytest.raises(SettingError, match=said):
        call()


# the estimators


def test_weights_make_the_estimates_right_on_average(notebook):
    logged, policy = artwork.explore(some_policy(3), 0.3), some_policy(4)
    logs = artwork.draw_log(TITLE, logged, 4_000, logs=300, seed=5)
    truth, guess = TITLE.value(policy), np.full(TITLE.click.shape, 0.3)
    for value, _ in (notebook["ips"](logs, policy), notebook["doubly_robust"](logs, policy, guess)):
        assert value.mean() == pytest.approx(truth, abs=4 * value.std() / np.sqrt(300))
    spread = np.sqrt(notebook["exact_variance"](TITLE, logged, policy) / 4_000)
    assert notebook["ips"](logs, policy)[0].std() == pytest.approx(spread, rel=0.15)


def test_a_right_model_and_wrong_propensities_are_doubly_robust(notebook):
    log = artwork.draw_log(TITLE, artwork.explore(some_policy(3), 0.3), 4_000, logs=300, seed=6)
    wrong = log._replace(propensity=log.propensity * 1.7)
    value, _ = notebook["doubly_robust"](wrong, some_policy(4), TITLE.click)
    assert value.mean() == pytest.approx(TITLE.value(some_policy(4)), abs=4 * value.std() / np.sqrt(300))


def test_snips_does_not_mind_a_common_factor_and_ips_does(notebook):
    log, policy = artwork.draw_log(TITLE, UNIFORM, 2_000, seed=7), some_policy(5)
    halved = log._replace(propensity=log.propensity / 2)
    assert notebook["snips"](halved, policy)[0] == pytest.approx(notebook["snips"](log, policy)[0])
    assert notebook["ips"](halved, policy)[0] == pytest.approx(2 * notebook["ips"](log, policy)[0])


def test_replay_of_a_uniform_log_is_snips(notebook):
    log, policy = artwork.draw_log(TITLE, UNIFORM, 5_000, seed=8), artwork.always(np.arange(16) % 7, 10)
    (rate, half), (value, other) = notebook["replay"](log, policy), notebook["snips"](log, policy)
    assert rate == pytest.approx(value) and half == pytest.approx(other)


def test_what_replay_tends_to(notebook):
    logged, policy = artwork.explore(artwork.always(2, 10), 0.1), artwork.always(np.where(np.arange(16) < 8, 2, 5), 10)
    rate, half = notebook["replay"](artwork.draw_log(TITLE, logged, 400_000, seed=9), policy)
    assert rate == pytest.approx(notebook["replay_tends_to"](TITLE, logged, policy), abs=2 * half)
    assert notebook["replay_tends_to"](TITLE, UNIFORM, policy) == pytest.approx(TITLE.value(policy))


def test_the_dials(notebook):
    log = artwork.draw_log(TITLE, UNIFORM, 20_000, seed=10)
    effective, mean = notebook["dials"](log, artwork.always(1, 10))
    assert effective == pytest.approx(2_000, rel=0.1) and mean == pytest.approx(1, abs=0.1)
    assert notebook["dials"](log, UNIFORM) == pytest.approx((20_000, 1))
    unseen = artwork.draw_log(TITLE, artwork.always(0, 10), 1_000, seed=10)
    assert notebook["dials"](unseen, artwork.always(1, 10)) == (0, 0)


def test_a_promise_of_95_per_cent_is_kept_and_others_are_noticed(notebook):
    rng = np.random.default_rng(11)
    kept = [notebook["keeps_its_promise"](rng.random(400) < 0.95) for _ in range(300)]
    assert np.mean(kept) > 0.985
    assert not notebook["keeps_its_promise"](np.ones(400, bool)) and not notebook["keeps_its_promise"](
        np.arange(400) < 350
    )


# learners


def test_linucb_is_ridge_regression_and_its_bonus(notebook):
    learner, log = notebook["LinUCB"](1, alpha=0.7), artwork.draw_log(TITLE, UNIFORM, 800, seed=12)
    for kind, picture, click in zip(log.kind, log.picture, log.click, strict=True):
        learner.learn(np.array([0]), np.array([kind]), np.array([picture]), np.array([click]))
    for picture in range(10):
        rows = log.picture == picture
        x = artwork.FEATURES[log.kind[rows]]
        inverse = np.linalg.inv(np.eye(5) + x.T @ x)
        line = artwork.FEATURES @ inverse @ x.T @ log.click[rows]
        bonus = 0.7 * np.sqrt(np.einsum("ki,ij,kj->k", artwork.FEATURES, inverse, artwork.FEATURES))
        assert learner.bound[0, :, picture] == pytest.approx(line + bonus)


def test_thompson_by_kind_is_a_policy_of_river_for_each_kind(notebook):
    ours = notebook["Thompson"](1, artwork_runs.RiverDice(0, 10), by_kind=True)
    theirs, dice = {}, {}
    for log_kind, luck in zip(
        *[np.random.default_rng(13).integers(0, 16, 300), np.random.default_rng(14).random(300)], strict=True
    ):
        kind = int(log_kind)
        policy = theirs.setdefault(kind, bandit.ThompsonSampling(reward_obj=proba.Beta(), seed=kind))
        ours.rng = dice.setdefault(kind, artwork_runs.RiverDice(kind, 10))
        picture = policy.pull(list(range(10)))
        assert ours.choose(np.array([kind]))[0] == picture
        click = luck < TITLE.click[kind, picture]
        policy.update(picture, int(click))
        ours.learn(np.array([0]), np.array([kind]), np.array([picture]), np.array([click]))


def test_another_learner_than_rivers_is_noticed(notebook):
    theirs = partial(bandit.LinUCBDisjoint, alpha=1.0, beta=1.0, seed=0)
    stream = partial(artwork_runs.river_stream, title=TITLE, members=150, seed=1)
    assert stream(theirs(), notebook["LinUCB"](1, alpha=1.0, noise=1.0)) == 150
    assert stream(theirs(), notebook["LinUCB"](1, alpha=0.5, noise=1.0)) < 150
    beta = bandit.ThompsonSampling(reward_obj=proba.Beta(), seed=5)
    assert stream(beta, notebook["Thompson"](1, artwork_runs.RiverDice(6, 10), by_kind=False)) < 150


def test_random_pictures_live_are_worth_the_uniform_policy():
    titles, rng = [artwork.title(s) for s in range(5)], np.random.default_rng(15)
    got, could = artwork_runs.play(titles, artwork_runs.AtRandom(5, rng), 4_000, rng)
    assert got.mean(axis=0) == pytest.approx([t.value(UNIFORM) for t in titles], abs=0.004)
    best = [t.value(artwork.always(t.click.argmax(axis=1), 10)) for t in titles]
    assert could.mean(axis=0) == pytest.approx(best, abs=0.003) and (could >= got).all()


def test_a_replayed_learner_is_told_of_matches_only(notebook):
    class Wants:
        def __init__(self):
            self.told = []

        def choose(self, kind):
            return np.full(len(kind), 4)

        def learn(self, runs, kind, picture, click):
            self.told += [(int(r), int(p)) for r, p in zip(runs, picture, strict=True)]

    log, wants = artwork.draw_log(TITLE, UNIFORM, 200, logs=3, seed=16), Wants()
    matched = notebook["replay_learner"](log, wants)
    assert np.array_equal(matched, log.picture.T == 4)
    assert len(wants.told) == matched.sum() and {picture for _, picture in wants.told} == {4}


# productions that learn, clicks that are late


def test_five_days_log_the_propensity_of_the_moment():
    log, now = artwork_runs.five_days(TITLE, seed=1)
    assert len(log.kind) == 10_000 and (log.propensity[:2_000] == 0.1).all()
    assert np.unique(log.propensity[2_000:].round(6)).tolist() == [0.02, 0.82]
    assert now.sum(axis=1) == pytest.approx(1) and (log.propensity != now[log.kind, log.picture]).any()


def test_readings_agree_when_a_day_is_over(notebook):
    rng = np.random.default_rng(17)
    shown = rng.integers(0, 50, (72, 2, 3))
    clicked = rng.binomial(shown, 0.2)
    shown[48:], clicked[48:] = 0, 0  # nothing new: all clicks come within the last day
    sums = [
        np.sum([np.broadcast_arrays(*read(h, shown, clicked), shown[0])[:2] for h in range(72)], axis=0)
        for read in (notebook["hasty"], notebook["patient"])
    ]
    assert np.array_equal(*sums) and np.array_equal(sums[0][0], clicked.sum(axis=0))


def test_a_better_picture_wins_where_the_bandit_waits(notebook):
    rates = np.array([0.04, 0.05, 0.09])
    hasty, patient = (artwork_runs.new_picture(rates, notebook[r], days=4, runs=10) for r in ("hasty", "patient"))
    assert patient[-24:].mean() > 0.8 > 0.4 > hasty[-24:].mean()
    assert hasty[12:24].mean() < 0.05


def test_every_figure_is_drawn():
    rng = np.random.default_rng(0)
    assert artwork_figures.tastes(TITLE, artwork.always(1, 10)).axes
    columns = {"a": (rng.normal(0.1, 0.01, 50), np.full(50, 0.02)), "b": (rng.normal(0.2, 0.01, 50), np.full(50, 0.02))}
    titles = [ax.get_title(loc="left") for ax in artwork_figures.intervals(columns, 0.1, 50).axes]
    assert titles[1] == "b:\n50 miss"


# the reference solutions


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 1.0))
def test_the_reference_of_ips(notebook, seed, scale):
    ips = REFERENCES["ips"]
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 60))
    kind, picture, click = rng.integers(0, 3, n), rng.integers(0, 4, n), rng.random(n) < 0.4
    propensity, policy = rng.uniform(0.2, 1, n), rng.dirichlet(np.ones(4), 3)
    low, value, high = ips(kind, picture, click, propensity, policy)
    assert low <= value <= high and value - low == pytest.approx(high - value)
    assert ips(kind, picture, click, propensity * scale, policy)[1] == pytest.approx(value / scale)
    turned = rng.permutation(n)
    assert ips(kind[turned], picture[turned], click[turned], propensity[turned], policy) == pytest.approx(
        (low, value, high)
    )


def test_the_reference_of_ips_is_the_lessons(notebook):
    log, policy = artwork.draw_log(TITLE, artwork.explore(some_policy(3), 0.3), 3_000, seed=18), some_policy(4)
    value, half = notebook["ips"](log, policy)
    assert REFERENCES["ips"](*log, policy) == pytest.approx((value - half, value, value + half))


@settings(max_examples=40, deadline=None)
@given(log=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), max_size=60), wants=st.integers(0, 2))
def test_the_reference_of_replay(notebook, log, wants):
    class Fixed:
        def __init__(self):
            self.told = []

        def pull(self, pictures):
            return wants

        def update(self, picture, click):
            self.told.append((picture, click))

    policy = Fixed()
    kept = [row for row in log if row[0] == wants]
    assert REFERENCES["replay"](log, policy, [0, 1, 2]) == (
        len(kept),
        sum(c for _, c in kept),
    )
    assert policy.told == kept


def drawn_power(shares, click, favourite, first, second, members, epsilon) -> float:
    """Share of ten thousand drawn logs on which the better policy is ahead by 1.96 standard errors, the exact ones."""
    rng, kinds = np.random.default_rng(4), np.arange(len(shares))
    logged = np.full(click.shape, epsilon / click.shape[1])
    logged[kinds, favourite] += 1 - epsilon
    cells = np.stack([shares[:, None] * logged * click, shares[:, None] * logged * (1 - click)])
    clicked = rng.multinomial(members, cells.ravel() / cells.sum(), 10_000).reshape(10_000, 2, *click.shape)[:, 0]
    d = np.zeros(click.shape)
    d[kinds, first] += 1 / logged[kinds, first]
    d[kinds, second] -= 1 / logged[kinds, second]
    ahead = shares @ (click[kinds, first] - click[kinds, second])
    error = np.sqrt(((cells[0] * d**2).sum() - ahead**2) / members)
    return float((np.sign(ahead) * (clicked * d).sum(axis=(1, 2)) / members > 1.96 * error).mean())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(20_000, 200_000))
def test_the_reference_plan_has_the_power_it_promises(notebook, seed, members):
    """The estimate is nearly normal where enough clicks stand behind it: on drawn logs the power is 95 % within two points."""
    rng = np.random.default_rng(seed)
    shares, click = rng.dirichlet(np.full(4, 5.0)), rng.uniform(0.05, 0.15, (4, 3))
    favourite, first, second = (rng.integers(0, 3, 4) for _ in range(3))
    plan = REFERENCES["least_exploration"]
    least = plan(shares, click, favourite, first, second, members)
    if least is None:
        return
    assert 0.01 <= least <= 1 and round(100 * least) == pytest.approx(100 * least)
    assert plan(shares, click, favourite, second, first, members) == least, "whichever is called the first"
    more = plan(shares, click, favourite, first, second, 2 * members)
    assert more is not None and more <= least, "more members, no more exploration"
    if least * members > 2_000:
        assert drawn_power(shares, click, favourite, first, second, members, least) > 0.93


# tables


def test_tables_say_what_was_counted():
    found = {("uniform", "IPS"): (np.array([0.1, 0.1, 0.2, 0.1]), np.full(4, 0.05))}
    line = artwork_tables.coverage(found, 0.1, lambda hit: bool(hit.all())).splitlines()[1]
    assert (
        "uniform  IPS" in line and " 75% " in line and "+2.5" in line and " 10.0 " in line and line.endswith("BROKEN")
    )
    assert artwork_tables.shown(pd.DataFrame({"a": [-0.001]}), "{:.1f}").split() == ["a", "0", "0.0"]
    after = {"IPS": np.array([[[0.1, 0.3], [0.05, 0.05]], [[0.1, 0.1], [0.05, 0.05]]])}
    assert artwork_tables.clipping([0, 0.1], [1.0, 0.5], after, 0.1)["IPS"].tolist() == [0.5, 1.0]
    assert artwork_tables.planted(TITLE, rows=3).count("\n") == 3


def test_halves_change_some_and_leave_the_others():
    new, old = some_policy(1), some_policy(2)
    pairs = list(artwork_tables.halves(new, old))
    assert len(pairs) == 4
    for column, (fans, others) in enumerate(pairs, start=1):
        likes = artwork.FEATURES[:, column] == 1
        assert np.array_equal(fans[likes], new[likes]) and np.array_equal(fans[~likes], old[~likes])
        assert np.array_equal(others[~likes], new[~likes]) and np.array_equal(others[likes], old[likes])


def test_the_better_one_is_ahead_as_often_as_counted(notebook):
    log = artwork.draw_log(TITLE, UNIFORM, 3_000, logs=50, seed=1)
    ahead = artwork_tables.share_ahead(
        {"IPS": notebook["ips"]}, log, artwork.always(TITLE.click.argmax(axis=1), 10), UNIFORM
    )
    assert ahead["IPS"] == 1.0


def test_slopes_are_those_of_a_power_law():
    members = np.arange(1, 2_001)[:, None]
    regret = {"root": 3 * members**0.5 * np.ones((1, 4)), "line": members * np.ones((1, 4))}
    table = artwork_tables.learners(regret, {name: np.full(4, 0.07) for name in regret})
    assert table.loc["root", "slope"] == pytest.approx(0.5) and table.loc["line", "slope"] == pytest.approx(1)
    assert table["clicks"].tolist() == pytest.approx([7, 7]) and table["+-"].tolist() == pytest.approx([0, 0])


def test_ages_are_taken_at_a_tenth_and_at_all():
    matched, click = np.tile([[True], [False]], (10, 1)), np.ones((20, 1), bool)
    live = np.arange(20.0)[:, None]
    replayed, young, old = artwork_tables.ages(matched, click, live, np.array([10, 20]))
    assert replayed.tolist() == [[1, 1]] and young.tolist() == [[0, 0.5]] and old.tolist() == [[4.5, 9.5]]


def test_rows_with_weights_are_the_log(notebook):
    from sklearn.linear_model import LogisticRegression

    log = artwork.draw_log(TITLE, UNIFORM, 2_000, seed=2)
    X, y, members = artwork.training_rows(log, 10)
    assert members.sum() == 2_000 and members[y == 1].sum() == log.click.sum()
    one_each = X[: artwork.KINDS * 10][log.kind.astype(int) * 10 + log.picture]
    options = {"fit_intercept": False, "solver": "newton-cholesky"}
    by_member = LogisticRegression(**options).fit(one_each, log.click)
    by_count = LogisticRegression(**options).fit(X, y, sample_weight=members)
    assert by_count.coef_ == pytest.approx(by_member.coef_, abs=1e-4)
