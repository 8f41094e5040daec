"""Answers to the exercises of case_fortnite: other right ones, and the classic wrong ones with the hint they must get."""

_SERVERS = """
def servers_for(rates, service_rate, seconds, share):
    def late(rate, c):
        if rate >= c * service_rate:
            return 1.0
        blocked = 1.0
        for k in range(1, c + 1):
            blocked = rate / service_rate * blocked / (k + rate / service_rate * blocked)
        waits = blocked / (1 - rate / service_rate / c * (1 - blocked))
        return waits * math.exp(-(c * service_rate - rate) * seconds)

    c = 1
    while sum(rate * late(rate, c) for rate in rates) > (1 - share) * sum(rates):
        c += 1
    return c
"""

_PERCENTILES = """
def servers_for(rates, service_rate, seconds, share):
    def percentile(rate, c):
        if rate >= c * service_rate:
            return 60.0
        waits = float(traffic.erlang_c(rate, service_rate, c))
        return max(0.0, math.log(waits / (1 - share)) / (c * service_rate - rate)) if waits > 0 else 0.0

    c = 1
    while sum(percentile(rate, c) for rate in rates) / len(rates) > seconds:
        c += 1
    return c
"""

_SCHEDULE = """
def schedule(trace, boot, headroom):
    sizes = [math.ceil(load * headroom / 100) for load in trace]
    serve = list(sizes)
    for back in range(1, math.ceil(boot / 15) + 1):
        for step in range(len(serve) - back):
            sizes[step] = max(sizes[step], serve[step + back])
    return sizes
"""

_POLICY = """
def in_charge(usual, hour):
    def booked(step):
        load = 1.25 * usual[step]
        if 240 * hour - 90 <= step <= 240 * hour + 300:
            load += 1.35 * crowds.EXPECTED
        return load / 100

    def decide(seen):
        now = int(seen.now / 15)
        ahead = [booked(step) for step in range(now, min(now + 13, len(usual)))]
        late = seen.sample.requests_per_second / 75 if seen.sample is not None else 0
        return math.ceil(max(late, *ahead))

    return decide
"""


def _changed(source: str, old: str, new: str) -> str:
    assert old in source, old
    return source.replace(old, new)


RIGHT = {
    "case_fortnite-1": [
        _SERVERS,
        """
from itertools import count

def servers_for(rates, service_rate, seconds, share):
    rates = np.array(rates, float)
    for c in count(1):
        waits = np.array([float(traffic.erlang_c(rate, service_rate, c)) for rate in rates])
        in_time = 1 - waits * np.exp(-np.clip(c * service_rate - rates, 0, None) * seconds)
        if not rates.any() or np.average(in_time, weights=rates) >= share:
            return np.int64(c)
""",
    ],
    "case_fortnite-2": [
        _SCHEDULE,
        """
def schedule(trace, boot, headroom):
    return crowds.booked(np.ceil(trace * headroom / 100).astype(int), boot)
""",
        """
from collections import deque

def schedule(trace, boot, headroom):
    needed = np.ceil(trace * headroom / 100)
    steps, window, sizes = -int(-boot // 15), deque(), np.zeros(len(trace))
    for step in reversed(range(len(trace))):
        while window and needed[window[-1]] <= needed[step]:
            window.pop()
        window.append(step)
        while window[0] > step + steps:
            window.popleft()
        sizes[step] = needed[window[0]]
    return sizes
""",
    ],
    "case_fortnite-3": [
        _POLICY,
        """
def in_charge(usual, hour):
    floor = np.ceil(1.3 * usual / 100)
    floor[240 * hour - 120 : 240 * hour + 260] += 15
    def decide(seen):
        step = int(seen.now // 15)
        return int(max(floor[step : step + 14].max(), 0 if seen.sample is None else seen.sample.requests_per_second // 72 + 1))
    return decide
""",
    ],
}

WRONG = {
    "case_fortnite-1": [
        (
            "a load of 100 %",
            "def servers_for(rates, service_rate, seconds, share):\n    return math.ceil(max(rates) / service_rate)\n",
            "at a load of 100 % everybody waits",
        ),
        ("the mean of each minute's percentile", _PERCENTILES, "counts the quiet minutes too much"),
        (
            "the mean over minutes of the shares",
            _changed(
                _changed(
                    _SERVERS, "sum(rate * late(rate, c) for rate in rates)", "sum(late(rate, c) for rate in rates)"
                ),
                "sum(rates)",
                "len(rates)",
            ),
            "counts the quiet minutes too much",
        ),
        (
            "the mean rate",
            _changed(_SERVERS, "    c = 1\n", "    rates = [sum(rates) / len(rates)]\n    c = 1\n"),
            "counts the quiet minutes too much",
        ),
        (
            "every minute by itself",
            _changed(
                _SERVERS,
                "sum(rate * late(rate, c) for rate in rates) > (1 - share) * sum(rates)",
                "max(late(rate, c) for rate in rates) > 1 - share",
            ),
            "busiest minute need not be kept",
        ),
        (
            "whoever has to wait is late",
            _changed(_SERVERS, "return waits * math.exp(-(c * service_rate - rate) * seconds)", "return waits"),
            "eleven",
        ),
    ],
    "case_fortnite-2": [
        (
            "forgets the boot",
            "def schedule(trace, boot, headroom):\n    return np.ceil(trace * headroom / 100).astype(int)\n",
            "launch them one boot earlier",
        ),
        (
            "shrinks inside the peak: one boot ahead, and nothing between",
            "def schedule(trace, boot, headroom):\n    needed = np.ceil(trace * headroom / 100).astype(int)\n    ahead = math.ceil(boot / 15)\n    return np.array([needed[min(step + ahead, len(needed) - 1)] for step in range(len(needed))])\n",
            "Inside the peak it shrinks",
        ),
        (
            "the same, and never less than now",
            "def schedule(trace, boot, headroom):\n    needed = np.ceil(trace * headroom / 100).astype(int)\n    ahead = math.ceil(boot / 15)\n    later = np.concatenate([needed[ahead:], np.full(min(ahead, len(needed)), needed[-1])])[: len(needed)]\n    return np.maximum(needed, later)\n",
            "Inside the peak it shrinks",
        ),
        (
            "the peak all day",
            "def schedule(trace, boot, headroom):\n    return np.full(len(trace), math.ceil(trace.max() * headroom / 100))\n",
            "no more than needed",
        ),
        (
            "never shrinks",
            "def schedule(trace, boot, headroom):\n    sizes = crowds.booked(np.ceil(trace * headroom / 100).astype(int), boot)\n    return np.maximum.accumulate(sizes)\n",
            "let the group shrink",
        ),
        (
            "a boot in whole steps, rounded down",
            _changed(_SCHEDULE, "math.ceil(boot / 15)", "int(boot // 15)"),
            "takes four steps",
        ),
        (
            "headroom in whole instances",
            _changed(_SCHEDULE, "math.ceil(load * headroom / 100)", "math.ceil(math.ceil(load / 100) * headroom)"),
            "before it is rounded up",
        ),
    ],
    "case_fortnite-3": [
        (
            "only reacts",
            "def in_charge(usual, hour):\n    return crowds.Demand(0.6)\n",
            "only reacts is too late",
        ),
        (
            "fractions of instances",
            _changed(_POLICY, "return math.ceil(max(late, *ahead))", "return max(late, *ahead) + 1"),
            "return a whole number",
        ),
        (
            "static, for the worst of all",
            "def in_charge(usual, hour):\n    return lambda seen: 26\n",
            "Let the group shrink",
        ),
        (
            "tuned on the evening that came as announced",
            _changed(_changed(_POLICY, "240 * hour - 90", "240 * hour"), "1.35 *", "1.1 *"),
            "20 minutes early|30 % larger",
        ),
        (
            "as large as announced",
            _changed(_changed(_POLICY, "1.35 *", "1.05 *"), "1.25 *", "1.1 *"),
            "larger",
        ),
        (
            "gone before a late concert comes",
            _changed(_POLICY, "240 * hour + 300", "240 * hour + 60"),
            "20 minutes late",
        ),
        (
            "forgets the boot",
            _changed(_changed(_POLICY, "now + 13", "now + 1"), "240 * hour - 90", "240 * hour - 80").replace(
                "*ahead", "ahead[0]"
            ),
            "broken minutes",
        ),
    ],
}

_CROWD = "crowd[240 * hour - 80 : 240 * hour + 240] = 1.4 * crowds.EXPECTED"
_BOOKED = "booked = crowds.booked(np.ceil((1.25 * usual + crowd) / 100))"
_RETURN = "return lambda seen: max(int(booked[int(seen.now // 15)]), react(seen))"
_MARGIN = "another margin: the statement leaves it to the reader, and this one keeps both limits too"

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "case_fortnite-3": {
        f"- {old} / + {_changed(old, part, other)}": _MARGIN
        for old, part, others in (
            (_CROWD, "240 * hour - 80", ("239 * hour - 80", "240 * hour - 79", "240 * hour - 81")),
            (_CROWD, "240 * hour - 80", ("(240 * hour - 80) + 1", "(240 * hour - 80) - 1")),
            (
                _CROWD,
                "240 * hour + 240",
                ("239 * hour + 240", "241 * hour + 240", "240 * hour + 239", "240 * hour + 241"),
            ),
            (_CROWD, "240 * hour + 240", ("(240 * hour + 240) + 1", "(240 * hour + 240) - 1")),
            (_CROWD, "1.4 *", ("1.54 *", "2.4 *")),
            (_BOOKED, "np.ceil", ("np.floor",)),
            (_BOOKED, "1.25 * usual", ("1.375 * usual", "1.25 + usual")),
            (_BOOKED, "/ 100", ("// 100", "/ 101", "/ 99")),
            ("react = crowds.Demand(0.7)", "0.7", ("0.77",)),
        )
        for other in others
    }
    | {
        f"- {_RETURN} / + {_changed(_RETURN, 'int(booked[int(seen.now // 15)])', 'booked[int(seen.now // 15)]')}": "the booked sizes are whole numbers, as floats",
        f"- {_RETURN} / + {_changed(_RETURN, '// 15', '/ 15')}": "int() rounds a positive number down as // does",
    }
}
