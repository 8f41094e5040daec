"""Voices and what a telephone makes of them: the planted maps, features, runs and the law, the notebook's learners, the references."""

from functools import partial

import numpy as np
import pytest
from harness import chapters
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from sklearn.linear_model import Ridge

from companion import SettingError
from companion.book import chapter
from companion.datasets import audio, voices
from companion.labs.adaptive import speech, voice_figures, voice_runs

CHAPTER = chapter("case_voice_assistants")
REFERENCES = chapters.references(CHAPTER)
NOTEBOOK = chapters.definitions(CHAPTER, keep=lambda assigned: False, without="studio.cepstra")
USERS = voices.draw_speakers(6, seed=1)
HEARD = speech.hear(USERS, 18, seed=1)


# speakers and their planted maps


def test_the_same_seed_gives_the_same_voices():
    again, other = voices.draw_speakers(6, seed=1), voices.draw_speakers(6, seed=2)
    assert np.array_equal(again.pitch, USERS.pitch) and not np.array_equal(other.pitch, USERS.pitch)
    samples, words = voices.record(again, 18, seed=1)
    assert np.array_equal(samples, HEARD.samples) and np.array_equal(words, HEARD.words)
    assert not np.array_equal(voices.record(again, 18, seed=2)[0], samples)
    assert samples.shape == (6, 18, voices.LENGTH) and samples.dtype == np.float32
    assert np.abs(samples).max(axis=-1) == pytest.approx(0.8)


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 60), hills=st.floats(0, 1), seed=st.integers(0, 1000))
def test_the_share_of_the_hills_and_the_strength_of_their_accent(count, hills, seed):
    people = voices.draw_speakers(count, seed, hills)
    assert len(people) == count and people.accent.sum() == count - round(count * (1 - hills))
    assert np.array_equal(people.accent, np.sort(people.accent)), "the coast comes first"
    strong = people.strength[people.accent == 1]
    assert ((strong >= 0.5) & (strong <= 1.3)).all() and (np.abs(people.strength[people.accent == 0]) <= 0.15).all()
    assert ((people.pitch >= 85) & (people.pitch <= 260)).all()


def test_targets_are_the_planted_maps_of_the_vowels():
    matrix, move = USERS.affine()
    vowels = np.log(np.array(list(voices.VOWELS.values())))
    for s in range(len(USERS)):
        by_hand = [matrix[s] @ (vowel - voices.CENTRE) + move[s] + voices.CENTRE for vowel in vowels]
        assert np.log(USERS.targets()[s]) == pytest.approx(np.array(by_hand))


def test_somebody_without_accent_and_habits_has_the_books_vowels_times_the_tract():
    plain = voices.Speakers(
        accent=np.zeros(1, int), strength=np.zeros(1), habit=np.zeros((1, 2, 3)), tract=np.array([1.1]),
        pitch=np.array([120.0]), tilt=np.zeros(1), snr=np.array([20.0]),
    )  # fmt: skip
    assert plain.targets()[0] == pytest.approx(1.1 * np.array(list(voices.VOWELS.values())))


def test_words_come_in_rounds_of_nine():
    words = voices.said(5, 22, seed=3)
    assert words.shape == (5, 22)
    for row in words:
        assert sorted(row[:9]) == sorted(row[9:18]) == list(range(9)) and len(set(row[18:])) == 4
    assert [voices.WORDS[w][1] + voices.WORDS[w][3] for w in range(9)] == [
        "".join(list(voices.VOWELS)[v] for v in pair) for pair in voices.PLACES
    ]


def test_some_of_the_speakers_keep_their_properties():
    some = USERS.only(np.array([4, 1]))
    assert np.array_equal(some.pitch, USERS.pitch[[4, 1]]) and np.array_equal(some.habit, USERS.habit[[4, 1]])
    assert some.targets() == pytest.approx(USERS.targets()[[4, 1]])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (partial(voices.draw_speakers, 0, 1), "at least one speaker, got 0"),
        (partial(voices.draw_speakers, 3, 1, 1.2), "share between 0 and 1, got 1.2"),
        (partial(voices.record, USERS, 0, 1), "at least one utterance a speaker, got 0"),
        (partial(voice_runs.fit_law, np.array([1, 2, 5]), np.ones((4, 3))), "at least four counts, got 3"),
    ],
)
def test_bad_settings_are_named(call, said):
    with pytest.raises(SettingError, match=said):
        call()


def test_a_resonance_halves_at_its_width_and_the_recordings_of_dask_audio_are_as_they_were():
    gain = audio.formant_gain(np.array([500.0, 620.0]), np.array([500.0]))
    assert gain == pytest.approx([1, 0.5])
    frequencies, formants = np.arange(1, 30) * 131.0, np.array([431.0, 1502.0, 2610.0])
    as_it_was = (1 / (1 + ((frequencies[:, None] - formants) / 120) ** 2)).sum(axis=1)
    assert np.array_equal(audio.formant_gain(frequencies, formants), as_it_was)


# what a telephone hears


def test_cepstra_do_not_depend_on_loudness_nor_on_the_company():
    found = speech.cepstra(HEARD.samples)
    assert found.shape == (6, 18, 72) and np.array_equal(found, HEARD.cepstra)
    assert speech.cepstra(HEARD.samples[2, 3]) == pytest.approx(found[2, 3])
    assert speech.cepstra(0.5 * HEARD.samples[2]) == pytest.approx(found[2], abs=0.02)


def test_formants_are_measured_within_a_few_percent_of_what_was_spoken():
    spoken = np.exp(np.log(USERS.targets()[0])[voices.PLACES])  # (9, 2, 2), without a miss
    quiet = voices.Speakers(**{**vars(USERS.only(np.array([0]))), "snr": np.array([30.0])})
    found = speech.formants(voices.speak(spoken, quiet, np.random.default_rng(1)))
    off = np.abs(np.log(found) - np.log(spoken))
    assert np.median(off) < 0.04 and (off < 0.25).mean() > 0.95


def test_where_there_is_no_resonance_there_is_no_formant():
    assert np.isnan(speech.formants(np.zeros((2, voices.LENGTH)))).all()


def test_the_layers_cosines_stand_for_a_gaussian_kernel():
    corpus = np.random.default_rng(1).normal(size=(500, 72))
    layer = speech.Layer(corpus, width=20_000)
    a, b = layer(corpus[:2])
    distance = np.sum(((corpus[0] - corpus[1]) / corpus.std(axis=0)) ** 2)
    assert a[72:-1] @ b[72:-1] == pytest.approx(25 * np.exp(-0.01 * distance / 2), abs=0.6)
    assert a[-1] == 1 and len(speech.Layer(corpus)(corpus[0])) == 373
    assert layer(corpus)[:, :72].mean() == pytest.approx(0, abs=1e-9)
    assert speech.Layer(corpus + 5, centred=True)(corpus)[0, 0] == pytest.approx(
        0.3 * corpus[0, 0] / corpus[:, 0].std()
    )


# runs


def test_a_curve_learns_from_the_pool_and_counts_errors_on_the_tests():
    spoken, seen = np.zeros((3, 4), int), []

    def method(user, own):
        seen.append((user, tuple(own)))
        return np.array([1] * (4 - min(4, len(own))) + [0] * min(4, len(own)))

    found = voice_runs.curve(method, [0, 1, 4], spoken, pool=20, draws=2)
    assert found.shape == (2, 3, 3) and found[1, 2] == pytest.approx([1, 0.75, 0])
    assert seen[2] == (0, (0, 1, 2, 3)) and (1, (9, 10, 11, 12)) in seen


def test_the_worst_tenth_and_the_interval_by_hand():
    errors = np.arange(40)[:, None] / 40 * [1, 0.5]
    assert voice_runs.worst_tenth(errors) == pytest.approx(np.array([1, 0.5]) * (36 + 37 + 38 + 39) / 160)
    assert voice_runs.worst_tenth(np.array([0.1, 0.7])) == pytest.approx(0.7), "at least one"
    assert voice_runs.half_interval(np.array([0.0, 1.0])) == pytest.approx(1.96 * np.sqrt(0.5) / np.sqrt(2))


def test_tables_by_hand():
    nothing, better = np.array([0.2, 0.4, 0.3]), np.array([0.1, 0.3, 0.2])
    gained = voice_runs.gains({"nothing": nothing, "better": better}, nothing)
    assert gained.loc["better"].tolist() == [20, 10, 0] and gained.loc["nothing"].tolist() == [30, 0, 0]
    methods = {"ours": np.array([[0.1], [0.2]]), "far": np.array([[0.5], [0.9]]), "near": np.array([[0.1], [0.3]])}
    table = voice_runs.by_count(methods, [7])
    assert table.loc[("far", "everybody"), 7] == 70 and table.loc[("far", "worst tenth"), 7] == 90
    row = voice_runs.behind(methods, [7]).loc[7]
    assert row["best rival"] == "near" and row["behind"] == 5 and row["+-"] == pytest.approx(9.8)
    assert voice_runs.percent(0.425) == voice_runs.percent(0.425 - 1e-14) == "42.5 %"
    assert voice_runs.percent(0.1345) == voice_runs.percent(0.1345 - 1e-14) == "13.5 %"
    assert str(voice_runs.Law(0.07, 0.5, 0.01, (0.4, 0.6))) == "exponent 0.40 to 0.60, sigma 0.070, floor 0.010"


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), settings_count=st.integers(2, 6))
def test_every_device_sends_one_float(seed, settings_count):
    rng, used = np.random.default_rng(seed), []
    reports = rng.normal(size=(30, settings_count))

    def note(floats):
        used.extend(floats)
        return floats.mean()

    winner = voice_runs.one_float_each(reports, note, rounds=1, seed=seed)
    assert len(used) == 30 and all(sum(value in row for value in used) == 1 for row in reports)
    assert 0 <= winner[0] < settings_count
    reports[:, 1] += 100
    assert (voice_runs.one_float_each(reports, np.median, rounds=5, seed=seed) == 1).all()
    assert voice_runs.won(range(settings_count), {"a": np.array([1, 1, 0])}).loc["a"].tolist()[:2] == [1, 2]


@pytest.mark.parametrize(("sigma", "exponent", "floor"), [(0.07, 0.5, 0.007), (0.1, 0.5, 0.02), (0.05, 0.3, 0.004)])
def test_the_law_is_found_again(sigma, exponent, floor):
    counts, rng = np.array([1, 2, 5, 10, 20, 50]), np.random.default_rng(1)
    truth = voice_runs.Law(sigma, exponent, floor, (0, 1))
    squares = truth.error(counts) ** 2 * rng.chisquare(40, (60, 6)) / 40
    law = voice_runs.fit_law(counts, squares, again=60)
    assert law.sigma == pytest.approx(sigma, rel=0.06) and law.floor == pytest.approx(floor, rel=0.4)
    low, high = law.interval
    assert low - 0.02 <= exponent <= high + 0.02 and low < law.exponent < high and high - low < 0.12
    assert truth.error(np.array([1]))[0] == pytest.approx(np.hypot(sigma, floor))


def test_pictures_say_their_finding():
    measured = speech.formants(HEARD.samples)
    assert "6 speakers" in voice_figures.chart(USERS, measured, HEARD.words).axes[0].get_title("left")
    always_a = lambda samples: np.tile(np.eye(9)[2], (len(samples), 1))  # noqa: E731
    panels = {"a": always_a, "also a": always_a}
    figure = voice_figures.boundaries(USERS.only(np.array([5])), panels, shape=(4, 4))
    assert "1 of 5 at first, 1 at the end" in figure.get_suptitle()
    curve = voice_figures.curves([0, 1], {"x": (np.array([0.2, 0.1]), None)}, "a title")
    assert curve.axes[0].get_lines()[0].get_ydata() == pytest.approx([20, 10])
    bars = voice_figures.leak({"by file": np.array([0.1]), "by speaker": np.array([0.2])}, "a title").axes[0]
    assert [bar.get_width() for bar in bars.patches] == pytest.approx([10, 20])
    law = voice_runs.Law(0.07, 0.5, 0.01, (0.4, 0.6))
    counts = np.array([1, 4])
    drawn = voice_figures.rate(counts, {"x": law.error(counts)}, law.error, "a title").axes[0].get_lines()
    assert drawn[0].get_ydata() == pytest.approx(100 * law.error(counts))


# the notebook's learners


def random_head(seed: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(20, 9)), rng.normal(size=(k, 20)), rng.integers(0, 9, k)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(0, 30), strength=st.floats(0.1, 100))
def test_adapting_is_ridge_towards_the_general_head(seed, k, strength):
    head, x, words = random_head(seed, k)
    new = NOTEBOOK["adapt"](head, x, words, strength)
    for word in range(9):
        if word not in words:
            assert np.array_equal(new[:, word], head[:, word])
        else:
            rest = (words == word) - x @ head[:, word]
            step = Ridge(alpha=strength, fit_intercept=False).fit(x, rest).coef_
            assert new[:, word] == pytest.approx(head[:, word] + step, abs=1e-6)


def test_a_weak_prior_explains_everything_and_a_strong_one_nothing():
    head, x, words = random_head(1, 9)
    weak, strong = (NOTEBOOK["adapt"](head, x, words, strength) for strength in (1e-9, 1e12))
    said = [word for word in range(9) if word in words]
    assert (x @ weak)[:, said] == pytest.approx(np.eye(9)[words][:, said], abs=1e-4)
    assert strong == pytest.approx(head, abs=1e-8)


def test_the_loss_is_the_negative_log_probability():
    head, x, words = random_head(2, 12)
    by_hand = [logsumexp(6 * (x[i] @ head)) - 6 * (x[i] @ head)[words[i]] for i in range(12)]
    assert NOTEBOOK["loss"](head, x, words) == pytest.approx(np.mean(by_hand))
    assert NOTEBOOK["loss"](np.zeros((20, 9)), x, words) == pytest.approx(np.log(9))


def test_the_guard_keeps_a_tie_and_rolls_back_to_the_very_head():
    right, lazy = np.eye(9), np.zeros((9, 9))
    x, words = np.eye(9), np.arange(9)
    guard = NOTEBOOK["guard"]
    assert guard(right, lazy, x, words) is right and guard(lazy, right, x, words) is right
    twin = right.copy()
    assert guard(right, twin, x, words) is twin


# a world of another seed: what the notebook shows is no luck of its own


@pytest.fixture(scope="module")
def world() -> dict:
    corpus, users = voices.draw_speakers(24, seed=81, hills=0.25), voices.draw_speakers(20, seed=83)
    studio, homes = speech.hear(corpus, 30, seed=81), speech.hear(users, 80, seed=83)
    phones = speech.hear(voices.draw_speakers(60, seed=82), 15, seed=82)
    layer = speech.Layer(studio.cepstra)
    general = NOTEBOOK["fit"](layer(studio.cepstra), studio.words)
    return {"studio": studio, "homes": homes, "phones": phones, "layer": layer, "general": general}


def test_a_split_by_file_flatters_in_another_world_too(world):
    studio, rng, errors = world["studio"], np.random.default_rng(1), []
    parts = [rng.permutation(720).reshape(24, 30) % 4, np.repeat(rng.permutation(24)[:, None] % 4, 30, axis=1)]
    for part in parts:
        wrong = np.empty(part.shape)
        for held in (part == number for number in range(4)):
            layer = speech.Layer(studio.cepstra[~held])
            head = NOTEBOOK["fit"](layer(studio.cepstra[~held]), studio.words[~held])
            wrong[held] = (layer(studio.cepstra[held]) @ head).argmax(axis=-1) != studio.words[held]
        errors.append(wrong.mean())
    assert errors[0] < errors[1]


def test_fifty_utterances_help_most_the_worst_served_in_another_world_too(world):
    x, words = world["layer"](world["homes"].cepstra), world["homes"].words
    start = NOTEBOOK["misheard"](world["general"], x[:, 50:], words[:, 50:])
    heads = [NOTEBOOK["adapt"](world["general"], x[u, :50], words[u, :50], 10) for u in range(20)]
    end = np.array([NOTEBOOK["misheard"](head, x[u, 50:], words[u, 50:]) for u, head in enumerate(heads)])
    assert 0.05 < start.mean() < 0.3 and start.max() > 0.3
    assert end.mean() < 0.75 * start.mean()
    assert voice_runs.worst_tenth(start) - voice_runs.worst_tenth(end) > start.mean() - end.mean()


def test_inverted_reports_turn_the_mean_and_not_the_median_in_another_world_too(world):
    loss, general, phones = NOTEBOOK["loss"], world["general"], world["phones"]
    x = world["layer"](phones.cepstra)

    def reports(make):
        return np.array(
            [
                loss(general, f[5:], w[5:]) / loss(make(f[:5], w[:5]), f[5:], w[5:])
                for f, w in zip(x, phones.words, strict=True)
            ]
        )

    adapted = reports(lambda f, w: NOTEBOOK["adapt"](general, f, w, 30))
    alone = reports(lambda f, w: NOTEBOOK["fit"](f, w, 1.0))
    faulty = np.arange(60) % 5 == 0
    for choose, best in ((np.mean, "alone"), (np.median, "adapted")):
        scores = {n: choose(np.where(faulty, 1 / r, r)) for n, r in (("alone", alone), ("adapted", adapted))}
        assert max(scores, key=scores.get) == best
    assert adapted.mean() > alone.mean()


# the references of the exercises


@settings(max_examples=40, deadline=None)
@given(who=st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=40))
def test_the_reference_counts_speakers_on_both_sides(who):
    speaker, test = np.array([w for w, _ in who], int), np.array([t for _, t in who], bool)
    both = [s for s in range(6) if {t for w, t in who if w == s} == {True, False}]
    assert REFERENCES["on_both_sides"](speaker, test) == len(both)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(0, 40), strength=st.floats(0.1, 100))
def test_the_reference_adapts_as_the_notebook_does_and_judges_on_the_rest(seed, k, strength):
    W, x, words = REFERENCES["small_world"](seed)
    head, error = REFERENCES["adapt"](W, x, words, k, strength)
    assert head == pytest.approx(NOTEBOOK["adapt"](W, x[:k], words[:k], strength))
    if k == 40:
        assert error is None
    else:
        assert error == pytest.approx(np.mean([(x[i] @ head).argmax() != words[i] for i in range(k, 40)]))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), days=st.integers(0, 8), nothing=st.booleans())
def test_the_reference_of_the_guard_never_gets_worse_on_what_was_kept_back(seed, days, nothing):
    rng = np.random.default_rng(seed)
    W, x, words = REFERENCES["small_world"](seed)
    held = np.zeros(40, bool) if nothing else rng.random(40) < 0.5
    proposals = [W + rng.normal(0, 0.1, W.shape) for _ in range(days)]
    if days > 2:
        proposals[1][0, 0] = np.nan
    end, refused = REFERENCES["guard"](W, proposals, x, words, held)
    assert any(end is head for head in [W, *proposals])
    assert refused == sorted(set(refused)) and all(0 <= day < days for day in refused)
    wrong = lambda head: int(((x[held] @ head).argmax(axis=1) != words[held]).sum())  # noqa: E731
    assert wrong(end) <= wrong(W)
    if nothing:
        assert end is W and refused == list(range(days))
    if days > 2:
        assert 1 in refused
    accepted = [day for day in range(days) if day not in refused]
    assert end is (proposals[accepted[-1]] if accepted else W)
