"""Answers to the exercises of scaling_strategy: other right ones, and the classic wrong ones with the hint they must get."""

COST = """
def cost_of(table, engine, start_seconds, runs):
    rows = [(size, one, took) for size, one, took in zip(table.index, table["one thread"], table[engine]) if took == took]
    before = None
    for size, one, took in rows:
        gap = BASE
        if gap < 0:
            return HIT
        before = (size, gap)
    return None
"""
GAP = "took + start_seconds / runs - one"
HIT = "float(size if before is None else before[0] + (size - before[0]) * before[1] / (before[1] - gap))"

MACHINES = """
import math

def machines_for(rate, load_test, slo):
    if rate <= 0:
        return 0
    bears = None
    for answers, mean, p95 in load_test:
        if not (KEPT):
            break
        bears = answers
    return None if bears is None else COUNT
"""

ROWS = """
def rows_by(executor, function, n, parts):
    parts = min(parts, n)
    if not parts:
        return []
    small, longer = divmod(n, parts)
    lengths = [small + 1] * longer + [small] * (parts - longer)
    stops = np.cumsum(lengths).tolist()
    starts = [stop - length for stop, length in zip(stops, lengths)]
    RETURN
"""

RENT = """
def architecture(options, rate, budget):
    found = []
    for place, option in enumerate(options):
        counts = np.arange(1, option["measured"] + 1)
        law = counts / (1 + option["contention"] * (counts - 1) + option["coherency"] * counts * (counts - 1))
        enough = counts[option["one"] * law >= rate]
        if len(enough):
            n = int(enough[0])
            found.append((730 * n * option["euros"], place, option["name"], n))
    if not found or min(found)[0] > budget:
        return None
    euros, _, name, n = min(found)
    return name, n, euros
"""

RIGHT = {
    "scaling_strategy-1": [
        COST.replace("BASE", GAP).replace("HIT", HIT),
        """
def cost_of(table, engine, start_seconds, runs):
    kept = table[table[engine].notna()]
    ahead = kept["one thread"] - kept[engine] - start_seconds / runs
    wins = ahead[ahead > 0]
    if wins.empty:
        return None
    size = wins.index[0]
    earlier = ahead[ahead.index < size].tail(1)
    if earlier.empty:
        return float(size)
    return float(np.interp(0, [earlier.iloc[0], ahead[size]], [earlier.index[0], size]))
""",
    ],
    "scaling_strategy-2": [
        MACHINES.replace("KEPT", "p95 <= slo").replace("COUNT", "math.ceil(rate / bears) + 1"),
        """
from itertools import takewhile

def machines_for(rate, load_test, slo):
    good = list(takewhile(lambda row: row[2] <= slo, load_test))
    if rate == 0:
        return 0
    if not good:
        return None
    machines = 2
    while (machines - 1) * good[-1][0] < rate:
        machines += 1
    return machines
""",
    ],
    "scaling_strategy-3": [
        ROWS.replace("RETURN", "return [row for rows in executor.map(function, starts, stops) for row in rows]"),
        """
def rows_by(executor, function, n, parts):
    pieces = np.array_split(np.arange(n), min(parts, n)) if n else []
    futures = [executor.submit(function, int(piece[0]), int(piece[-1]) + 1) for piece in pieces]
    rows = []
    for future in futures:
        rows.extend(future.result())
    return rows
""",
    ],
    "scaling_strategy-4": [
        RENT,
        """
def architecture(options, rate, budget):
    best = None
    for option in options:
        n = 1
        while n <= option["measured"]:
            slower = 1 + option["contention"] * (n - 1) + option["coherency"] * n * (n - 1)
            if option["one"] * n >= rate * slower:
                break
            n += 1
        else:
            continue
        price = n * option["euros"] * 730
        if price <= budget and (not best or price < best[2]):
            best = option["name"], n, price
    return best
""",
    ],
}

WRONG = {
    "scaling_strategy-1": [
        ("ignores the start", COST.replace("BASE", "took - one").replace("HIT", HIT), "The start counts"),
        (
            "every run pays the whole start",
            COST.replace("BASE", "took + start_seconds - one").replace("HIT", HIT),
            "share the start",
        ),
        (
            "compares with the engine on one worker",
            """
def cost_of(table, engine, start_seconds, runs):
    base = engine.split(",")[0] + ", 1 worker"
    table = table.dropna()
    gap = (table[engine] + start_seconds / runs - table.get(base, table["one thread"])).to_numpy()
    sizes = table.index.to_numpy(float)
    at = np.flatnonzero(gap < 0)
    if not len(at):
        return None
    at = at[0]
    return sizes[0] if at == 0 else sizes[at - 1] + (sizes[at] - sizes[at - 1]) * gap[at - 1] / (gap[at - 1] - gap[at])
""",
            "straight lines|meet a third",
        ),
        (
            "the measured size, not where they meet",
            COST.replace("BASE", GAP).replace("HIT", "float(size)"),
            "straight lines",
        ),
        (
            "takes NaN for a size",
            COST.replace("BASE", GAP).replace("HIT", HIT).replace(" if took == took", ""),
            "left out",
        ),
        ("as fast is enough", COST.replace("BASE", GAP).replace("HIT", HIT).replace("gap < 0", "gap <= 0"), "not less"),
    ],
    "scaling_strategy-2": [
        (
            "no headroom",
            MACHINES.replace("KEPT", "p95 <= slo").replace("COUNT", "math.ceil(rate / bears)"),
            "one of them may be",
        ),
        (
            "by the mean",
            MACHINES.replace("KEPT", "mean <= slo").replace("COUNT", "math.ceil(rate / bears) + 1"),
            "p95, not about the mean",
        ),
        (
            "strictly within",
            MACHINES.replace("KEPT", "p95 < slo").replace("COUNT", "math.ceil(rate / bears) + 1"),
            "exactly 100 ms",
        ),
        (
            "the best point wherever it is",
            """
import math

def machines_for(rate, load_test, slo):
    good = [answers for answers, _, p95 in load_test if p95 <= slo]
    return 0 if rate == 0 else math.ceil(rate / max(good)) + 1 if good else None
""",
            "luck",
        ),
        (
            "always rounds up by one",
            MACHINES.replace("KEPT", "p95 <= slo").replace("COUNT", "int(rate // bears) + 2"),
            "80 a second|exactly",
        ),
    ],
    "scaling_strategy-3": [
        (
            "waits for each",
            ROWS.replace(
                "RETURN", "return [r for a, b in zip(starts, stops) for r in executor.submit(function, a, b).result()]"
            ),
            "before you wait",
        ),
        (
            "does it alone",
            "def rows_by(executor, function, n, parts):\n    return list(function(0, n))\n",
            "ranges are handed in",
        ),
        (
            "loses the rest",
            """
def rows_by(executor, function, n, parts):
    step = n // parts
    waiting = [executor.submit(function, i * step, (i + 1) * step) for i in range(parts)]
    return [row for future in waiting for row in future.result()]
""",
            "All rows",
        ),
        (
            "the last one takes the rest",
            """
def rows_by(executor, function, n, parts):
    parts = min(n, parts)
    step = n // max(parts, 1)
    stops = [i * step for i in range(1, parts)] + [n] * bool(n)
    waiting = [executor.submit(function, a, b) for a, b in zip([0, *stops], stops)]
    return [row for future in waiting for row in future.result()]
""",
            "differ by at most one",
        ),
        (
            "empty ranges",
            """
def rows_by(executor, function, n, parts):
    edges = [n * i // parts for i in range(parts + 1)]
    waiting = [executor.submit(function, a, b) for a, b in pairwise(edges)]
    return [row for future in waiting for row in future.result()]
""",
            "none is empty",
        ),
        (
            "the last range first",
            ROWS.replace(
                "RETURN",
                "futures = [executor.submit(function, a, b) for a, b in zip(starts, stops)]\n"
                "    return [row for future in futures[::-1] for row in future.result()]",
            ),
            "in order",
        ),
        (
            "a closure that no process can load",
            ROWS.replace(
                "RETURN",
                "futures = [executor.submit(lambda start, stop: function(start, stop), a, b) for a, b in zip(starts, stops)]\n"
                "    return [row for future in futures for row in future.result()]",
            ),
            "hand in the function itself",
        ),
    ],
    "scaling_strategy-4": [
        (
            "the cheapest hour",
            RENT.replace('found.append((730 * n * option["euros"], place,', 'found.append((option["euros"], place,'),
            "219 euros",
        ),
        (
            "the cheapest hour, whatever it reaches",
            """
def architecture(options, rate, budget):
    option = min(options, key=lambda o: o["euros"], default=None)
    if option is None:
        return None
    n = -(-rate // option["one"])
    euros = 730 * n * option["euros"]
    return (option["name"], int(n), euros) if euros <= budget else None
""",
            "cheapest hour",
        ),
        ("beyond what was measured", RENT.replace('option["measured"] + 1', "10_001"), "nobody knows|measured up to"),
        ("in proportion", RENT.replace("law = counts /", "law = counts; _ ="), "summit|in proportion|cheapest hour"),
        ("no budget", RENT.replace("or min(found)[0] > budget", ""), "more than a budget"),
        (
            "not the last count",
            RENT.replace('option["measured"] + 1', 'option["measured"]'),
            "as many workers as were measured",
        ),
        ("more than the rate", RENT.replace(">= rate", "> rate"), "Exactly the rate|Three workers"),
    ],
}

EQUIVALENT = {
    "scaling_strategy-1": {
        "- for at in np.flatnonzero(behind < 0)[:1]: / + for at in np.flatnonzero(behind < 0)[:]:": "the first turn returns",
        "- for at in np.flatnonzero(behind < 0)[:1]: / + for at in np.flatnonzero(behind < 0)[:2]:": "the first turn returns",
    },
    "scaling_strategy-2": {
        "- return int(-(-rate // bears)) + 1 if bears else None / + return -(-rate // bears) + 1 if bears else None": "a whole float is as good a number",
    },
    "scaling_strategy-4": {
        '- for n in range(1, option["measured"] + 1): / + for n in range(0, option["measured"] + 1):': "no workers give nothing, and the rate is above 0",
        "- break / + continue": "more workers of the same option never cost less",
        "- break / + pass": "more workers of the same option never cost less",
    },
}
