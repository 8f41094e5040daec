"""Answers to the exercises of case_barcelona: other right ones, and the classic wrong ones with the hint they must get."""

_LAMP = """
class Lamp:
    def __init__(self, patience):
        self.patience, self.silent, self.level = patience, 0, {start}

    def step(self, heard):
        {step}
        return self.level
"""


def _lamp(step: str, start: str = "1.0") -> str:
    return _LAMP.replace("{start}", start).replace("{step}", step.strip().replace("\n", "\n        "))


RIGHT = {
    "case_barcelona-1": [
        "def annual_kwh(rating, losses, hours):\n    return sum((rating + losses * rating) * each for each in hours) / 1000\n",
        "def annual_kwh(rating, losses, hours):\n    import math\n    return math.fsum(hours) * rating / 1e3 * (1.0 + losses)\n",
    ],
    "case_barcelona-2": [
        # the weights of the subsets, no order
        """
def shapley(names, value):
    from math import factorial
    n, share = len(names), {}
    for name in names:
        others = [other for other in names if other != name]
        share[name] = sum(
            factorial(size) * factorial(n - size - 1) / factorial(n)
            * (value[frozenset(some) | {name}] - value[frozenset(some)])
            for size in range(n) for some in combinations(others, size)
        )
    return share
""",
        # by dividends: what a group adds that none of its parts does is shared equally
        """
def shapley(names, value):
    share, dividend = {name: 0.0 for name in names}, {}
    for size in range(len(names) + 1):
        for some in combinations(names, size):
            group = frozenset(some)
            dividend[group] = value[group] - sum(worth for part, worth in dividend.items() if part < group)
            for name in group:
                share[name] += dividend[group] / len(group)
    return share
""",
    ],
    "case_barcelona-3": [
        # two states, and the command checked by itself
        """
class Lamp:
    def __init__(self, patience):
        self.patience, self.missed, self.wanted = patience, 0, None

    def step(self, heard):
        if heard is None:
            self.missed += 1
            if self.missed == self.patience:
                self.wanted = None
        else:
            self.missed = 0
            level = heard.get("level")
            try:
                good = not isinstance(level, str) and level >= 0 and level <= 1
            except TypeError:
                good = False
            if good:
                self.wanted = level
        return 1.0 if self.wanted is None else self.wanted
""",
        # keeps all that was heard, and reads it backwards
        """
class Lamp:
    def __init__(self, patience):
        self.patience, self.past = patience, []

    def step(self, heard):
        self.past.append(heard)
        silent, level = 0, 1.0
        for word in self.past:
            silent = silent + 1 if word is None else 0
            if silent >= self.patience:
                level = 1.0
            elif word and type(word.get("level")) in (int, float) and 0 <= word["level"] <= 1:
                level = word["level"]
        return level
""",
    ],
    "case_barcelona-4": [
        # by walkers, the most that came in the hour
        """
def profile(nights):
    most = {}
    for night in nights:
        for hour in range(int(night.hour.min()), int(night.hour.max()) + 1):
            most[hour] = max(most.get(hour, 0), night.walkers[hour])
    return {hour: 1.02 * street.CLASSES[street.class_for(count)].mean / street.FULL_LUX for hour, count in most.items()}
""",
        # by names: P1 sorts before P2
        """
def profile(nights):
    hours = sorted({int(hour) for night in nights for hour in set(night.hour)})
    first = {hour: sorted(night.needs()[hour] for night in nights if hour in set(night.hour))[0] for hour in hours}
    return {hour: MARGIN * street.level(name) for hour, name in first.items()}
""",
    ],
}

WRONG = {
    "case_barcelona-1": [
        (
            "twelve hours, 365 nights",
            "def annual_kwh(rating, losses, hours):\n    return rating * (1 + losses) * 12 * 365 / 1000\n",
            "not twelve hours long",
        ),
        (
            "forgets the losses",
            "def annual_kwh(rating, losses, hours):\n    return rating * sum(hours) / 1000\n",
            "come on top",
        ),
        (
            "the losses as a share of the whole",
            "def annual_kwh(rating, losses, hours):\n    return rating / (1 - losses) * sum(hours) / 1000\n",
            "share of the rating",
        ),
        (
            "watt-hours",
            "def annual_kwh(rating, losses, hours):\n    return rating * (1 + losses) * sum(hours)\n",
            "has a thousand",
        ),
        (
            "rounded",
            "def annual_kwh(rating, losses, hours):\n    return round(rating * (1 + losses) * sum(hours) / 1000)\n",
            "501.75",
        ),
        (
            "the mean night, 365 times",
            "def annual_kwh(rating, losses, hours):\n    return rating * (1 + losses) * np.mean(hours) * 365 / 1000 if len(hours) else 0\n",
            "one night",
        ),
    ],
    "case_barcelona-2": [
        (
            "one fixed order",
            """
def shapley(names, value):
    share, before = {}, frozenset()
    for name in names:
        share[name] = value[before | {name}] - value[before]
        before |= {name}
    return share
""",
            "one order",
        ),
        (
            "each alone",
            "def shapley(names, value):\n    return {name: value[frozenset([name])] - value[frozenset()] for name in names}\n",
            "must add up",
        ),
        (
            "each last",
            "def shapley(names, value):\n    return {n: value[frozenset(names)] - value[frozenset(names) - {n}] for n in names}\n",
            "must add up",
        ),
        (
            "percentages of what was left, added and scaled to the whole",
            """
def shapley(names, value):
    alone = {name: value[frozenset([name])] / 100 for name in names}
    whole = value[frozenset(names)] - value[frozenset()]
    total = sum(alone.values())
    return {name: whole * part / total for name, part in alone.items()}
""",
            "average over six orders",
        ),
        (
            "each in per cent of what was left before it",
            """
def shapley(names, value):
    share, before = {}, frozenset()
    for name in names:
        share[name] = 100 * (value[before | {name}] - value[before]) / (100 - value[before])
        before |= {name}
    return share
""",
            "must add up",
        ),
        (
            "equal parts",
            "def shapley(names, value):\n    return {name: (value[frozenset(names)] - value[frozenset()]) / len(names) for name in names}\n",
            "average over six orders",
        ),
        (
            "takes the empty set for nothing",
            """
def shapley(names, value):
    share, orders = dict.fromkeys(names, 0.0), list(permutations(names))
    for order in orders:
        before = frozenset()
        for name in order:
            share[name] += (value[before | {name}] - (value[before] if before else 0)) / len(orders)
            before |= {name}
    return share
""",
            "need not be 0",
        ),
        (
            "changes the dictionary",
            """
def shapley(names, value):
    zero = value[frozenset()]
    for some in value:
        value[some] -= zero
    share, orders = dict.fromkeys(names, 0.0), list(permutations(names))
    for order in orders:
        for i, name in enumerate(order):
            share[name] += (value[frozenset(order[: i + 1])] - value[frozenset(order[:i])]) / len(orders)
    return share
""",
            "stay as it is",
        ),
        (
            "six orders, always",
            """
def shapley(names, value):
    share = dict.fromkeys(names, 0.0)
    for order in permutations(names):
        for i, name in enumerate(order):
            share[name] += (value[frozenset(order[: i + 1])] - value[frozenset(order[:i])]) / 6
    return share
""",
            "1 measures",
        ),
    ],
    "case_barcelona-3": [
        (
            "keeps the last level for ever",
            _lamp("""
if heard and "level" in heard:
    self.level = heard["level"]
"""),
            "full light in the second",
        ),
        (
            "dark until a command comes",
            _lamp(
                """
self.silent = self.silent + 1 if heard is None else 0
if self.silent >= self.patience:
    self.level = 1.0
if heard and "level" in heard:
    self.level = heard["level"]
""",
                "0.0",
            ),
            "new lamp is at full light",
        ),
        (
            "a step late",
            _lamp("""
self.silent = self.silent + 1 if heard is None else 0
if self.silent > self.patience:
    self.level = 1.0
level = (heard or {}).get("level")
if isinstance(level, (int, float)) and 0 <= level <= 1:
    self.level = level
"""),
            "full light in the second",
        ),
        (
            "counts all silent steps, not those in a row",
            _lamp("""
self.silent += heard is None
if self.silent >= self.patience:
    self.level, self.silent = 1.0, 0
level = (heard or {}).get("level")
if isinstance(level, (int, float)) and 0 <= level <= 1:
    self.level = level
"""),
            "count in a row",
        ),
        (
            "a heartbeat brings the old level back",
            """
class Lamp:
    def __init__(self, patience):
        self.patience, self.silent, self.level = patience, 0, 1.0

    def step(self, heard):
        self.silent = self.silent + 1 if heard is None else 0
        level = (heard or {}).get("level")
        if isinstance(level, (int, float)) and 0 <= level <= 1:
            self.level = level
        return 1.0 if self.silent >= self.patience else self.level
""",
            "does not bring the old level back",
        ),
        (
            "an empty heartbeat is silence",
            _lamp("""
self.silent = 0 if heard else self.silent + 1
if self.silent >= self.patience:
    self.level = 1.0
level = (heard or {}).get("level")
if isinstance(level, (int, float)) and 0 <= level <= 1:
    self.level = level
"""),
            "leaves the level as it is",
        ),
        (
            "takes any number",
            _lamp("""
self.silent = self.silent + 1 if heard is None else 0
if self.silent >= self.patience:
    self.level = 1.0
level = (heard or {}).get("level")
if isinstance(level, (int, float)):
    self.level = min(max(level, 0.0), 1.0)
"""),
            "keeps its own",
        ),
        (
            "a wrong command is no heartbeat",
            _lamp("""
level = (heard or {}).get("level", 0)
good = isinstance(level, (int, float)) and 0 <= level <= 1
self.silent = 0 if heard is not None and good else self.silent + 1
if self.silent >= self.patience:
    self.level = 1.0
if heard and "level" in heard and good:
    self.level = level
"""),
            "still a heartbeat",
        ),
        (
            "one level for all lamps",
            """
class Lamp:
    level = 1.0

    def __init__(self, patience):
        self.patience, self.silent = patience, 0
        Lamp.level = 1.0 if patience != 1 or Lamp.level == 1.0 else Lamp.level

    def step(self, heard):
        self.silent = self.silent + 1 if heard is None else 0
        if self.silent >= self.patience:
            Lamp.level = 1.0
        level = (heard or {}).get("level")
        if isinstance(level, (int, float)) and 0 <= level <= 1:
            Lamp.level = level
        return Lamp.level
""",
            "a level of its own|new lamp",
        ),
    ],
    "case_barcelona-4": [
        (
            "the mean of the walkers",
            """
def profile(nights):
    hours = range(22, 28)
    mean = {h: np.mean([n.walkers[h] for n in nights if h in n.walkers]) for h in hours}
    return {h: MARGIN * street.level(street.class_for(mean[h])) for h in hours}
""",
            "a mean over nights",
        ),
        (
            "the mean of the levels",
            """
def profile(nights):
    return {h: MARGIN * np.mean([street.level(n.needs()[h]) for n in nights]) for h in range(22, 28)}
""",
            "a mean over nights",
        ),
        (
            "the last night only",
            """
def profile(nights):
    return {h: MARGIN * street.level(nights[-1].needs()[h]) for h in range(22, 28)}
""",
            "too dark",
        ),
        (
            "optimised on the night that is looked at",
            """
def profile(nights):
    return {h: MARGIN * street.level(nights[20 % len(nights)].needs()[h]) for h in range(22, 28)}
""",
            "not in the list",
        ),
        (
            "the minimum of the class, not its mean",
            """
def profile(nights):
    worst = {h: min(n.needs()[h] for n in nights) for h in range(22, 28)}
    return {h: MARGIN * street.CLASSES[name].least / 10.9 for h, name in worst.items()}
""",
            "too dark",
        ),
        ("full light", "def profile(nights):\n    return {h: 1.0 for h in range(22, 28)}\n", "no profile"),
        (
            "no margin",
            """
def profile(nights):
    return {h: max(street.level(n.needs()[h]) for n in nights) for h in range(22, 28)}
""",
            "too dark",
        ),
        (
            "hours from the first night",
            """
def profile(nights):
    hours = sorted(set(nights[0].hour.tolist()))
    return {h: MARGIN * max(street.level(n.needs()[h]) for n in nights if h in n.needs()) for h in hours}
""",
            "some of the nights have",
        ),
    ],
}

EQUIVALENT = {
    "case_barcelona-3": {
        "- self.patience, self.silent, self.level = patience, 0, 1.0 / + self.patience, self.silent, self.level = patience, -1, 1.0": "before the first command the lamp is at full light, and a command begins the count anew",
        "- self.patience, self.silent, self.level = patience, 0, 1.0 / + self.patience, self.silent, self.level = patience, 1, 1.0": "before the first command the lamp is at full light, and a command begins the count anew",
    },
    "case_barcelona-4": {
        "- for hour in set(night.hour.tolist()): / + for hour in night.hour.tolist():": "the most of a list is the same however often a level stands in it",
    },
}
