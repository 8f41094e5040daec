"""Answers to the exercises of case_philips: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "case_philips-1": [
        # by bisection
        """
def news2(row):
    from bisect import bisect_left
    which = {name: name for name in ("respiration", "saturation", "pressure", "pulse", "temperature")}
    if row["scale2"]:
        which["saturation"] = "saturation, scale 2, on oxygen" if row["oxygen"] else "saturation, scale 2"
    if any(row[name] is None for name in which):
        return None
    total = sum(CHART[kind][0::2][bisect_left(CHART[kind][1::2], row[name])] for name, kind in which.items())
    return total + (2 if row["oxygen"] else 0) + (0 if row["alert"] else 3)
""",
        # its own ladder of ifs
        """
def news2(row):
    def ladder(value, row):
        k = 1
        while k < len(row) and value > row[k]:
            k += 2
        return row[k - 1]
    total = 0
    if row["oxygen"]:
        total += 2
    if not row["alert"]:
        total += 3
    try:
        for name in ("respiration", "pressure", "pulse", "temperature"):
            total += ladder(row[name], CHART[name])
        if not row["scale2"]:
            total += ladder(row["saturation"], CHART["saturation"])
        elif row["oxygen"]:
            total += ladder(row["saturation"], CHART["saturation, scale 2, on oxygen"])
        else:
            total += ladder(row["saturation"], CHART["saturation, scale 2"])
    except TypeError:
        return None
    return int(total)
""",
    ],
    "case_philips-2": [
        # looks back at what is known
        """
def hysteresis(scores, on, off, hold):
    known, states = [], []
    for score in scores:
        state = states[-1] if states else False
        if score is not None:
            known.append(score)
            if score < off:
                state = False
            elif len(known) >= hold and all(one >= on for one in known[-hold:]):
                state = True
        states.append(state)
    return states
""",
        # drops the missing, and puts them back
        """
def hysteresis(scores, on, off, hold):
    import numpy as np
    known = [k for k, score in enumerate(scores) if score is not None]
    out, state, since = np.zeros(len(scores), bool), False, 0
    for k in known:
        since = since + 1 if scores[k] >= on else 0
        if since >= hold:
            state = True
        if scores[k] < off:
            state = False
        out[k:] = state
    return out
""",
    ],
    "case_philips-3": [
        # a loop with the best so far
        """
def tune_and_report(tuning, unseen, settings):
    best = None
    for setting in settings:
        count, fine = 0, True
        for scores, events in tuning:
            begun = alarms(scores, *setting)
            count += len(begun)
            for onset, collapse in events:
                fine = fine and any(m in range(onset, collapse) for m in begun)
        if fine and (best is None or count < best[1]):
            best = (setting, count)
    if best is None:
        return None
    rung = missed = 0
    for scores, events in unseen:
        begun = alarms(scores, *best[0])
        rung += len(begun)
        missed += len([1 for onset, collapse in events if not [m for m in begun if onset <= m < collapse]])
    return best[0], rung, missed
""",
        # sorts
        """
def tune_and_report(tuning, unseen, settings):
    import numpy as np
    def counts(nights, setting):
        begun = [np.array(alarms(scores, *setting)) for scores, _ in nights]
        lost = [not ((b >= a) & (b < z)).any() for b, (_, events) in zip(begun, nights) for a, z in events]
        return sum(lost), sum(map(len, begun))
    ranked = sorted((missed, rung, k) for k, (missed, rung) in enumerate(counts(tuning, s) for s in settings))
    if not ranked or ranked[0][0] > 0:
        return None
    setting = settings[ranked[0][2]]
    missed, rung = counts(unseen, setting)
    return [setting, rung, missed]
""",
    ],
}

_NEWS2 = """
def news2(row):
    from bisect import bisect_left, bisect_right
    which = {name: name for name in ("respiration", "saturation", "pressure", "pulse", "temperature")}
    if row["scale2"]:
        which["saturation"] = "saturation, scale 2, on oxygen" if row["oxygen"] else "saturation, scale 2"
    if any(row[name] is None for name in which):
        return None
    total = sum(CHART[kind][0::2][bisect_left(CHART[kind][1::2], row[name])] for name, kind in which.items())
    return total + (2 if row["oxygen"] else 0) + (0 if row["alert"] else 3)
"""
_LATCH = """
def hysteresis(scores, on, off, hold):
    states, rings, high = [], False, 0
    for score in scores:
        if score is not None:
            high = high + 1 if score >= on else 0
            rings = high >= hold or (rings and score >= off)
        states.append(rings)
    return states
"""
_TUNE = """
def tune_and_report(tuning, unseen, settings):
    def judge(nights, setting):
        rung = missed = 0
        for scores, events in nights:
            begun = alarms(scores, *setting)
            rung += len(begun)
            missed += sum(not any(onset <= minute < collapse for minute in begun) for onset, collapse in events)
        return missed, rung
    fit = [setting for setting in settings if judge(tuning, setting)[0] == 0]
    if not fit:
        return None
    setting = min(fit, key=lambda setting: judge(tuning, setting)[1])
    missed, rung = judge(unseen, setting)
    return setting, rung, missed
"""


def _slip(source: str, right: str, wrong: str) -> str:
    assert right in source, right
    return source.replace(right, wrong)


WRONG = {
    "case_philips-1": [
        ("scale 1 for a patient on scale 2", _slip(_NEWS2, 'if row["scale2"]', "if False"), "on target .* scale 2"),
        ("a cut belongs to the right: 38.0 has a point", _slip(_NEWS2, "bisect_left(", "bisect_right("), "38.0"),
        (
            "scale 2 always as on air",
            _slip(_NEWS2, '"saturation, scale 2, on oxygen" if row["oxygen"] else ', ""),
            "Scale 2 on oxygen",
        ),
        (
            "missing is normal",
            _slip(_NEWS2, "return None", "row = row | {n: WELL[n] for n in which if row[n] is None}"),
            "incomplete",
        ),
        ("a reading of 0 is missing", _slip(_NEWS2, "row[name] is None", "not row[name]"), "pulse of 0"),
        ("forgets the oxygen's own points", _slip(_NEWS2, '(2 if row["oxygen"] else 0)', "0"), "oxygen has 2"),
    ],
    "case_philips-2": [
        ("off is on: it chatters", _slip(_LATCH, "score >= off", "score >= on"), "chatter"),
        (
            "a missing minute resets",
            _slip(
                _LATCH,
                "        states.append",
                "        else:\n            rings, high = False, 0\n        states.append",
            ),
            "keeps an alarm on",
        ),
        (
            "a missing minute resets the count",
            _slip(_LATCH, "        states.append", "        else:\n            high = 0\n        states.append"),
            "neither counts nor resets",
        ),
        (
            "missing counts as high",
            _slip(_LATCH, "if score is not None:", "if True:\n            score = on if score is None else score"),
            "missing|None",
        ),
        ("a minute late", _slip(_LATCH, "high >= hold", "high > hold"), "second minute"),
        ("off at off", _slip(_LATCH, "score >= off", "score > off"), "not below off"),
        ("counts minutes that are not running", _slip(_LATCH, "else 0", "else high"), "Running|below off"),
    ],
    "case_philips-3": [
        (
            "chosen on the unseen nights",
            _slip(_TUNE, "judge(tuning, setting)", "judge(unseen, setting)"),
            "choose on the first|tuning nights",
        ),
        (
            "alarms of the first hour don't count",
            _slip(
                _TUNE, "begun = alarms(scores, *setting)", "begun = [m for m in alarms(scores, *setting) if m >= 60]"
            ),
            "first hour|rings once",
        ),
        ("fewest alarms, whoever is missed", _slip(_TUNE, "[0] == 0]", "[0] >= 0]"), "with none missed"),
        (
            "reports the tuning nights",
            _slip(_TUNE, "judge(unseen, setting)", "judge(tuning, setting)"),
            "report the second",
        ),
        ("any alarm of the night will do", _slip(_TUNE, "onset <= minute < collapse", "minute < collapse"), "onset"),
        ("most alarms", _slip(_TUNE, "min(fit", "max(fit"), "fewest|first in the list|rings? once"),
    ],
}
