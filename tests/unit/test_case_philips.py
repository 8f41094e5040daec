"""A ward, an electrocardiogram, a score on every cut, alarms and what judges them, detectors, a latch, and the references."""

import ast
import functools

import numpy as np
import pytest
from harness import chapters
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import SettingError
from companion.book import chapter
from companion.datasets import ecg
from companion.datasets import ward as wards
from companion.labs.edge import heartbeats, ward_alarms, ward_figures, ward_night, ward_store
from companion.labs.edge.ward_chart import CASES, slips

CHAPTER = chapter("case_philips")
REFERENCES = chapters.references(CHAPTER)
WARD = wards.ward(seed=224)


@functools.cache
def notebook() -> dict:
    """What the notebook's cells define: table, score, rules, detector, latch, store."""
    kept = {"NEWS2", "MISSING"}
    return chapters.definitions(CHAPTER, lambda node: ast.unparse(node.targets[0]) in kept, without="def lived")


def scored(ward: wards.Ward):
    return notebook()["news2"](ward_alarms.carried(ward.monitor), ward.scale2[:, None])


# the ward


def test_the_same_seed_gives_the_same_ward_and_another_another():
    again, other = wards.ward(seed=224), wards.ward(seed=1)
    for one, two in zip(WARD.monitor, again.monitor, strict=True):
        assert np.array_equal(one, two, equal_nan=one.dtype.kind == "f")
    assert WARD.events == again.events != other.events


def test_readings_are_rounded_as_a_chart_is_read_and_stay_within_limits():
    for vitals in (WARD.monitor, WARD.attended):
        for name in wards.SENSORS:
            values = getattr(vitals, name)[WARD.present]
            known = values[~np.isnan(values)]
            decimals = 1 if name == "temperature" else 0
            assert np.array_equal(known, known.round(decimals))
            low, high = wards._LIMITS[name]
            assert low <= known.min() and known.max() <= high


def test_nobody_measures_a_patient_who_is_elsewhere_and_a_nurse_misses_nothing():
    assert np.isnan(WARD.attended.pulse[~WARD.present]).all() and np.isnan(WARD.monitor.pulse[~WARD.present]).all()
    assert not np.isnan(WARD.attended.saturation[WARD.present]).any()
    for event in WARD.events:
        assert WARD.present[event.bed, event.collapse - 1] and not WARD.present[event.bed, event.collapse]
        assert 60 <= event.onset < event.collapse <= WARD.present.shape[1]


def test_noise_follows_itself():
    pulse = WARD.attended.pulse[:, :600]
    steady = [bed for bed in range(20) if not any(e.bed == bed and e.onset < 600 for e in WARD.events)]
    lagged = [np.corrcoef(pulse[bed, :-1], pulse[bed, 1:])[0, 1] for bed in steady]
    assert min(lagged) > 0.5, "white noise would have 0"


def test_deteriorations_end_ill_and_probes_fall_off_more_often():
    some = wards.together([wards.ward(seed=seed) for seed in range(4)])
    score = notebook()["news2"](some.attended, some.scale2[:, None])
    at_end = [score.low[e.bed, e.collapse - 1] for e in some.events]
    assert np.median(at_end) >= 9 and min(at_end) >= 5
    worse = np.zeros(some.present.shape, bool)
    for event in some.events:
        worse[event.bed, event.onset : event.collapse] = True
    missing = np.isnan(some.monitor.saturation)
    assert missing[worse].mean() > 2 * missing[some.present & ~worse].mean()


def test_the_cuff_and_the_nurse_measure_seldom():
    steps = np.flatnonzero(np.diff(np.nan_to_num(WARD.monitor.pressure[0])))
    assert set((steps + 1) % wards.CUFF) <= {0}
    told = np.flatnonzero(np.diff(WARD.monitor.alert.astype(int), axis=1).any(axis=0))
    assert set((told + 1) % wards.ROUND) <= {0}


@pytest.mark.parametrize("wrong", [{"beds": 0}, {"days": 0}, {"rate": 1.5}, {"rate": -0.1}])
def test_a_ward_that_can_not_be_is_refused(wrong):
    with pytest.raises(SettingError, match="at least a bed and a day"):
        wards.ward(**wrong)


def test_wards_stand_together_in_order():
    one, two = wards.ward(seed=0), wards.ward(seed=1)
    both = wards.together([one, two])
    assert np.array_equal(both.monitor.pulse[20:], two.monitor.pulse, equal_nan=True)
    assert [e.bed for e in both.events] == [e.bed for e in one.events] + [e.bed + 20 for e in two.events]
    with pytest.raises(SettingError):
        wards.together([])


def test_the_clock_starts_at_noon():
    assert [wards.clock(minute) for minute in (0, 480, 720, 961, 1440)] == ["12:00", "20:00", "00:00", "04:01", "12:00"]
    assert list(wards.rows(WARD.monitor, 3).columns) == list(wards.Vitals._fields)


# the score


def test_the_chart_has_both_sides_of_every_cut_of_the_notebooks_table():
    table, row_of = notebook()["NEWS2"], notebook()["row_of"]
    for name, row in table.items():
        values = {case.value for case in CASES if row_of(case) == name}
        step = 0.1 if name == "temperature" else 1
        for cut in row[1::2]:
            assert cut in values and round(cut + step, 1) in values, (name, cut)
    assert notebook()["passes"](table)
    moved = slips(table)
    assert len(moved) == 2 * sum(len(row) // 2 for row in table.values())
    assert all(sum(a != b for name in table for a, b in zip(table[name], one[name], strict=True)) == 1 for one in moved)


@given(
    st.fixed_dictionaries({name: st.one_of(st.none(), st.integers(0, 300)) for name in wards.SENSORS}),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_the_total_is_0_to_20_and_whatever_is_missing_lies_within_the_interval(row, oxygen, alert, scale2):
    def score(readings):
        flags = {"oxygen": np.array([[oxygen]]), "alert": np.array([[alert]])}
        values = {name: np.array([[np.nan if v is None else float(v)]]) for name, v in readings.items()}
        return notebook()["news2"](wards.Vitals(**values, **flags), np.array([[scale2]]))

    found = score(row)
    assert 0 <= found.low[0, 0] <= found.high[0, 0] <= 20
    complete = score({name: 97 if value is None else value for name, value in row.items()})
    assert found.low[0, 0] <= complete.low[0, 0] == complete.high[0, 0] <= found.high[0, 0]
    reference = REFERENCES["news2"](row | {"oxygen": oxygen, "alert": alert, "scale2": scale2})
    assert reference is None if None in row.values() else reference == found.low[0, 0]


# alarms


def by_the_minute(low, high, on, hold):
    """``lasting`` and ``hysteresis`` of one bed, as a loop."""
    latches = [notebook()["Latch"](on, hold), notebook()["Latch"](on + 2, hold)]
    return [sum([latch.minute(a, b) for latch in latches]) for a, b in zip(low, high, strict=True)]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6)), min_size=1, max_size=80),
    st.integers(3, 6),
    st.integers(1, 5),
)
@settings(max_examples=150, deadline=None)
def test_the_rule_on_arrays_is_the_latch_minute_by_minute(pairs, on, hold):
    low = np.array([[a for a, _ in pairs]], np.int8)
    high = low + np.array([[b for _, b in pairs]], np.int8)
    score = notebook()["Score"](low, high, np.zeros(low.shape, bool))
    levels = by_the_minute(low[0].tolist(), high[0].tolist(), on, hold)
    rises = np.diff([0, *levels]) > 0
    assert np.array_equal(notebook()["hysteresis"](score, on, hold)[0], rises)


def test_a_single_red_reading_is_urgent_and_can_be_left_out():
    low = np.full((1, 30), 3, np.int8)
    score = notebook()["Score"](low, low, np.ones(low.shape, bool))
    assert notebook()["delay"](score, 5, 10).sum() == 1
    assert notebook()["delay"](score, 5, 10, single=False).sum() == 0


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=60), st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_lasting_counts_since_the_last_no_and_skips_what_is_neither(answers, hold):
    given_ = np.array([answers])
    found = ward_alarms.lasting(given_ == 1, given_ == 0, hold)[0]
    count = 0
    for minute, answer in enumerate(answers):
        count = count + 1 if answer == 1 else 0 if answer == 0 else count
        assert found[minute] == (answer == 1 and count >= hold)


def test_readings_are_carried_for_so_long_and_no_longer():
    pulse = np.full((1, 40), np.nan)
    pulse[0, 5] = 80
    vitals = wards.Vitals(*(pulse if name in wards.SENSORS else pulse > 0 for name in wards.Vitals._fields))
    known = ~np.isnan(ward_alarms.carried(vitals, most=15).pulse[0])
    assert np.flatnonzero(known).tolist() == list(range(5, 21))


def test_a_verdict_counts_what_begins_and_how_early():
    ward = wards.ward(seed=224)
    event = ward.events[0]
    alarms = np.zeros(ward.present.shape, bool)
    alarms[event.bed, event.onset - 1] = True  # before it: an alarm, and no warning
    assert ward_alarms.judge(ward, alarms).missed == len(ward.events)
    alarms[event.bed, event.collapse - 30] = True
    alarms[event.bed, -1] = event.collapse < ward.present.shape[1]  # the bed is empty then
    verdict = ward_alarms.judge(ward, alarms)
    assert verdict.lead[0] == 30 and verdict.missed == len(ward.events) - 1 and verdict.alarms.tolist() == [2]
    assert verdict.per_day == pytest.approx(2 / (ward.present.sum() / 1440))
    with pytest.raises(SettingError):
        ward_alarms.judge(ward, alarms[:5])


def test_an_alarm_that_never_stops_warns_nobody_after_its_first_minute():
    always = ward_alarms.begins(np.ones(WARD.present.shape, bool))
    verdict = ward_alarms.judge(WARD, always)
    assert verdict.alarms.sum() == 20 and verdict.missed == len(WARD.events)


def test_rounds_look_every_four_hours():
    due = np.ones((2, 1000), bool)
    assert np.flatnonzero(ward_alarms.at_rounds(due)[0]).tolist() == [0, 240, 480, 720, 960]
    assert ward_alarms.at_rounds(~due).sum() == 0


def test_a_perfect_alarm_has_the_whole_time_and_its_interval_holds_the_gain():
    some = wards.together([wards.ward(seed=seed) for seed in range(4)])
    alarms = np.zeros(some.present.shape, bool)
    for event in some.events:
        alarms[event.bed, event.onset] = True
    perfect, nothing = ward_alarms.judge(some, alarms), ward_alarms.judge(some, alarms & False)
    lengths = [event.collapse - event.onset for event in some.events]
    assert perfect.lead.tolist() == lengths and ward_alarms.gain(perfect, nothing) == np.median(lengths)
    low, high, worst, best = ward_alarms.interval(perfect, nothing)
    assert low <= perfect.per_day <= high and worst <= np.median(lengths) <= best
    mean, half = ward_alarms.fewer(nothing, perfect)
    assert mean == pytest.approx((perfect.alarms / perfect.patient_days).mean()) and half > 0
    assert ward_alarms.table({"perfect": perfect}, nothing).splitlines()[1].endswith("0")
    assert ward_alarms.before_collapse(some, 60).sum() == 60 * len(some.events)


def test_one_ward_says_what_the_notebook_says_of_twenty():
    score = scored(WARD)
    limits = ward_alarms.judge(WARD, ward_alarms.begins(score.red))
    chosen = ward_alarms.judge(WARD, notebook()["hysteresis"](score, 5, 10))
    assert chosen.per_day < limits.per_day / 5 and chosen.missed == limits.missed == 0


# the heart


def test_the_planted_beats_are_the_peaks_of_a_clean_trace():
    trace = ecg.trace(60, 3, snr=60, ectopic=0)
    for beat in trace.beats[1:-1]:
        place = round(beat * ecg.RATE)
        piece = trace.signal[place - 25 : place + 26]
        assert abs(int(np.argmax(piece)) - 25) <= 2 and 0.9 < piece.max() - np.median(piece) < 1.8
    assert len(trace.beats) == pytest.approx(75, abs=3)


@pytest.mark.parametrize("ratio", [12, 0])
def test_the_noise_is_what_is_stated(ratio):
    loud, still = ecg.trace(60, 5, snr=ratio), ecg.trace(60, 5, snr=200)
    noise = loud.signal - still.signal
    assert 10 * np.log10(still.signal.var() / noise.var()) == pytest.approx(ratio, abs=0.5)


def test_an_electrode_that_is_off_stands_at_the_rail_and_pauses_have_no_beat():
    trace = ecg.trace(1200, 100, off_an_hour=12, pauses=2)
    assert trace.off.any() and trace.signal[trace.off].min() > ecg.RAIL - 0.2
    assert len(trace.pauses) == 2
    for start, stop in trace.pauses:
        assert stop - start == pytest.approx(8, abs=0.5)
        assert not ((trace.beats > start + 0.1) & (trace.beats < stop - 0.1)).any()
    with pytest.raises(SettingError):
        ecg.trace(5)
    with pytest.raises(SettingError):
        ecg.trace(60, pulse=300)


@pytest.mark.parametrize("name", ["pan_tompkins", "one_threshold", "two_averages"])
def test_each_detector_finds_the_beats_of_a_quiet_trace(name):
    detector = notebook()["two_averages"] if name == "two_averages" else getattr(heartbeats, name)
    values = heartbeats.score(detector, (12,), seeds=3, seconds=30)
    assert values.shape == (1, 3, 2) and values.min() > 0.9
    assert "PPV" in heartbeats.table((12,), {"one": values})


@given(st.lists(st.integers(0, 300), max_size=25), st.lists(st.integers(0, 300), max_size=25))
@settings(max_examples=150, deadline=None)
def test_matching_is_one_to_one_and_as_large_as_it_can_be(found, planted):
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    a, b = np.sort(found) / 10, np.sort(planted) / 10
    pairs = heartbeats.matches(a, b, tolerance=0.25)
    if not len(a) or not len(b):
        assert pairs == 0
        return
    graph = csr_array((np.abs(a[:, None] - b[None, :]) <= 0.25).astype(int))
    assert pairs == (maximum_bipartite_matching(graph) >= 0).sum()


@given(st.integers(1, 120), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_the_moving_average_is_the_mean_around_each_sample(size, width):
    values = np.random.default_rng(size).random(size)
    found = heartbeats.moving_average(values, width / ecg.RATE)
    for k in range(size):
        start = k - width // 2
        inside = values[max(0, start) : max(0, start + width)]
        assert found[k] == pytest.approx(inside.sum() / width)


def test_silence_agreement_and_the_rail():
    beats, moments = np.array([1.0, 2.0, 3.0]), np.array([0.5, 2.5, 10.0])
    assert heartbeats.since_last(beats, moments).tolist() == [0.5, 0.5, 7.0]
    assert heartbeats.since_last(np.array([]), moments).tolist() == moments.tolist()
    other = np.array([1.05, 2.5])
    assert heartbeats.agreement(beats, other, np.array([5.0])) == pytest.approx(2 / 5)
    assert heartbeats.agreement(np.array([]), np.array([]), np.array([5.0])) == 1
    assert heartbeats.agreement(beats, np.array([]), np.array([5.0])) == 0
    trace = ecg.trace(60, 1)
    off = trace._replace(signal=np.where(np.arange(15_000) < 7_500, trace.signal, ecg.RAIL))
    assert heartbeats.at_the_rail(off, np.array([20.0, 29.9, 40.0])).tolist() == [False, False, True]


def test_red_alarms_are_counted_by_their_beginnings():
    trace = ecg.trace(120, 1)._replace(pauses=((50.0, 58.0),))
    moments = np.arange(10.0, 120.0)
    silent = ((moments > 20) & (moments < 25)) | ((moments > 53) & (moments < 58)) | (moments > 110)
    assert heartbeats.red_alarms(trace, silent, moments) == (2, 1)
    off = trace._replace(off=np.arange(30_000) // ecg.RATE == 55)
    assert heartbeats.pauses_to_see(off) == [] and heartbeats.red_alarms(off, silent, moments) == (2, 0)
    with pytest.raises(SettingError):
        heartbeats.red_alarms(trace, silent[:3], moments)


def test_a_gate_stops_false_alarms_and_the_rail_is_never_a_silence():
    trace = ecg.trace(120, 1)
    moments, off = np.arange(10.0, 120.0), np.arange(30_000) // ecg.RATE >= 90
    loose = trace._replace(signal=np.where(off, ecg.RAIL, trace.signal), off=off, pauses=((50.0, 58.0),))
    beats = trace.beats[((trace.beats < 50) | (trace.beats > 58)) & (trace.beats < 90)]
    believed = np.ones(len(moments), bool)
    assert heartbeats.ringing([loose], [beats], moments, None) == (86_400 / 120, 1)
    assert heartbeats.ringing([loose], [beats], moments, [believed]) == (0, 1)
    assert heartbeats.ringing([loose], [beats], moments, [~believed]) == (0, 0)
    assert heartbeats.longest_off([trace, loose]) == (1, 90, 120)


# the night


def test_alarms_are_read_from_events_by_their_rises():
    levels = [(3, 1, 500), (3, 2, 510), (3, 1, 530), (3, 2, 540), (3, 0, 560), (4, 1, 570), (4, 1, 575), (5, 0, 580)]
    stored = [{"what": "alarm", "bed": bed, "level": level, "minute": minute} for bed, level, minute in levels]
    stored.insert(2, {"what": "hour", "minute": 520})
    assert ward_night.alarms(stored) == {(3, 500), (3, 510), (3, 540), (4, 570)}
    where = np.zeros((2, 5), bool)
    where[1, 3] = True
    assert ward_night.beginnings(where, range(480, 485)) == {(1, 483)}
    assert ward_night.at(WARD.monitor, 7).pulse.shape == (20, 1)


def test_state_and_events_are_written_together_or_not_at_all(tmp_path):
    write, store = notebook()["write"], ward_store.opened(str(tmp_path / "ward.db"))
    assert ward_store.state(store) is None and ward_store.waiting(store) == []
    write(store, [480, []], [{"what": "hour"}, {"what": "alarm"}])
    with pytest.raises(TypeError):
        write(store, [481, []], [{"what": "hour"}, {"what": object()}])
    assert ward_store.state(ward_store.opened(str(tmp_path / "ward.db"))) == [480, []]
    assert ward_store.waiting(store) == [(1, {"what": "hour"}), (2, {"what": "alarm"})]
    with store:
        store.execute("DELETE FROM outbox")
    write(store, [481, []], [{"what": "gap"}])
    assert ward_store.waiting(store) == [(3, {"what": "gap"})], "a number is never given twice"


def test_only_numbers_from_1_without_a_hole_in_order_are_once_each():
    cells = notebook()
    assert cells["once_each"]([{"seq": 1}, {"seq": 2}]) and not cells["once_each"]([{"seq": 2}, {"seq": 1}])


def test_the_pictures_are_drawn():
    event = next(event for event in WARD.events if event.bed == 8)
    assert ward_figures.bed_days(WARD, event).axes
    verdict = ward_alarms.judge(WARD, ward_alarms.begins(scored(WARD).red))
    title = ward_figures.frontier({"limits": [verdict]}, [verdict, verdict], verdict).axes[0].get_title(loc="left")
    assert "0 minutes" in title
    night = ward_figures.Night(480, np.full(720, 3.0), {480: 1, 720: 6}, 600, (580, 640), (610, 612), 800)
    assert "2 h 00" in ward_figures.night(night).axes[0].get_title(loc="left")


# the references of the exercises


@given(
    st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=60),
    st.integers(3, 7),
    st.integers(0, 3),
    st.integers(1, 4),
)
@settings(max_examples=100, deadline=None)
def test_the_reference_latch_holds_its_own_statement(scores, on, below, hold):
    states = REFERENCES["hysteresis"](scores, on, on - below, hold)
    assert len(states) == len(scores)
    known = []
    for minute, score in enumerate(scores):
        before = states[minute - 1] if minute else False
        if score is None:
            assert states[minute] == before
            continue
        known.append(score)
        if len(known) >= hold and min(known[-hold:]) >= on:
            assert states[minute]
        else:
            assert states[minute] == (before and score >= on - below)


def test_the_reference_choice_reports_what_it_has_not_seen():
    ill = [1] * 50 + [6] * 5 + [9] * 45
    short = [1] * 50 + [6] * 5 + [1] * 45
    answer = REFERENCES["tune_and_report"]([(ill, [(50, 100)])], [(short, [(50, 55)])], [(6, 2), (6, 20)])
    assert answer == ((6, 2), 1, 0)
    assert REFERENCES["tune_and_report"]([(short, [(0, 10)])], [], [(6, 2)]) is None
