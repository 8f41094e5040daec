"""Answers to the exercises of pysyft_privacy: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "pysyft_privacy-1": [
        """
def noise_left(share, hospitals, lost, telling):
    variance = sum(share * share for _ in range(hospitals - lost - telling))
    return variance**0.5
"""
    ],
    "pysyft_privacy-2": [
        # by statsmodels' way of writing it: the upper limit is the quantile of the mirrored beta
        """
from scipy.stats import binom
from scipy.optimize import brentq
def audited(false_alarms, misses, runs, delta):
    def upper(k):
        return 1.0 if k == runs else brentq(lambda p: binom.cdf(k, runs, p) - 0.025, 1e-12, 1 - 1e-12, xtol=1e-14)
    best = 0.0
    for a, b in ((upper(false_alarms), upper(misses)), (upper(misses), upper(false_alarms))):
        if 1 - delta - a > 0:
            best = max(best, math.log((1 - delta - a) / b))
    return best
"""
    ],
    "pysyft_privacy-3": [
        """
class Discloser:
    def __init__(self, name, hospitals, share, needed):
        self.me, self.all = name, list(hospitals)
        self.fewest = next(n for n in range(10_000) if math.sqrt(n) * share >= needed - 1e-9)
        self.rounds = {}

    def disclose(self, number, lost):
        asked = frozenset(lost)
        if self.me in asked or any(name not in self.all for name in asked):
            return set()
        if sum(name not in asked for name in self.all) < self.fewest:
            return set()
        if number in self.rounds and self.rounds[number] != asked:
            return set()
        self.rounds[number] = asked
        return set(asked)
"""
    ],
}

_AUDIT = """
def audited(false_alarms, misses, runs, delta):
    a, b = (float(beta.ppf(0.975, n + 1, runs - n)) if n < runs else 1.0 for n in (false_alarms, misses))
    odds = max((1 - delta - a) / b, (1 - delta - b) / a)
    return math.log(max(1.0, odds))
"""
_DISCLOSE = """
class Discloser:
    def __init__(self, name, hospitals, share, needed):
        self.name, self.hospitals, self.share, self.needed = name, set(hospitals), share, needed
        self.said = {}

    def disclose(self, number, lost):
        lost = set(lost)
        left = len(self.hospitals - lost)
        known = lost <= self.hospitals - {self.name}
        enough = self.share**2 * left >= self.needed**2
        if not (known and enough and self.said.get(number, lost) == lost):
            return set()
        self.said[number] = lost
        return set(lost)
"""


def _instead(text: str, old: str, new: str) -> str:
    """A right answer with one thing wrong in it."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


WRONG = {
    "pysyft_privacy-1": [
        (
            "adds deviations, not variances",
            "def noise_left(share, hospitals, lost, telling):\n    return share * (hospitals - lost - telling)\n",
            "variances add up",
        ),
        (
            "forgets who tells",
            "def noise_left(share, hospitals, lost, telling):\n    return share * math.sqrt(hospitals - lost)\n",
            "told protects nobody",
        ),
        (
            "forgets who is lost",
            "def noise_left(share, hospitals, lost, telling):\n    return share * math.sqrt(hospitals - telling)\n",
            "five never came",
        ),
        (
            "the mean, not the sum",
            "def noise_left(share, hospitals, lost, telling):\n    return share / math.sqrt(max(1, hospitals - lost - telling))\n",
            "variances add up",
        ),
    ],
    "pysyft_privacy-2": [
        (
            "takes the rates as they are",
            "def audited(false_alarms, misses, runs, delta):\n    a, b = max(false_alarms, 1e-9) / runs, max(misses, 1e-9) / runs\n    return math.log(max(1.0, (1 - delta - a) / b, (1 - delta - b) / a))\n",
            "is not a rate of 0",
        ),
        (
            "one direction",
            _instead(_AUDIT, "max((1 - delta - a) / b, (1 - delta - b) / a)", "(1 - delta - a) / b"),
            "Both directions",
        ),
        (
            "the other direction",
            _instead(_AUDIT, "max((1 - delta - a) / b, (1 - delta - b) / a)", "(1 - delta - b) / a"),
            "Both directions|Exchange",
        ),
        ("may be negative", _instead(_AUDIT, "math.log(max(1.0, odds))", "math.log(max(1e-9, odds))"), "at least 0"),
        (
            "forgets delta",
            _instead(_AUDIT, "max((1 - delta - a) / b, (1 - delta - b) / a)", "max((1 - a) / b, (1 - b) / a)"),
            "delta is taken off",
        ),
        ("half the confidence", _instead(_AUDIT, "0.975", "0.95"), "not a rate of 0"),
    ],
    "pysyft_privacy-3": [
        (
            "answers everybody",
            _instead(
                _DISCLOSE,
                "        if not (known and enough and self.said.get(number, lost) == lost):\n            return set()\n",
                "",
            ),
            "another was lost a moment ago",
        ),
        (
            "binds for ever, not for a round",
            _instead(
                _DISCLOSE.replace("self.said[number]", "self.said[0]"),
                "self.said.get(number, lost)",
                "self.said.get(0, lost)",
            ),
            "Each round counts for itself",
        ),
        (
            "a refusal binds",
            _instead(_DISCLOSE, "        known =", "        self.said.setdefault(number, lost)\n        known ="),
            "a refusal binds nothing",
        ),
        (
            "never the same question twice",
            _instead(_DISCLOSE, "self.said.get(number, lost) == lost", "number not in self.said"),
            "same set again",
        ),
        (
            "exactly enough is refused",
            _instead(_DISCLOSE, ">= self.needed**2", "> self.needed**2"),
            "exactly 2, which is enough",
        ),
        (
            "adds deviations",
            _instead(_DISCLOSE, "self.share**2 * left >= self.needed**2", "self.share * left >= self.needed"),
            "less than [23]: refuse",
        ),
        (
            "does not know itself",
            _instead(_DISCLOSE, "self.hospitals - {self.name}", "self.hospitals"),
            "not lost itself",
        ),
        (
            "does not look who it is",
            _instead(_DISCLOSE, "known = lost <= self.hospitals - {self.name}", "known = self.name not in lost"),
            "Nobody knows a hospital z",
        ),
        ("hands out its own memory", _instead(_DISCLOSE, "return set(lost)\n", "return lost\n"), "caller's copy"),
        (
            "an empty loss binds nothing",
            _instead(
                _DISCLOSE,
                "        self.said[number] = lost\n",
                "        if lost:\n            self.said[number] = lost\n",
            ),
            "Nobody lost was an answer too",
        ),
        (
            "a part of the set is the set",
            _instead(_DISCLOSE, "self.said.get(number, lost) == lost", "self.said.get(number, lost) >= lost"),
            "part of the set",
        ),
    ],
}

_ALL_WRONG = "an error rate of 1, more, or no number at all leaves neither logarithm above 0, and 0 is the answer"
_LIMIT = "a, b = (beta.ppf(0.975, n + 1, runs - n) if n < runs else 1.0 for n in (false_alarms, misses))"
EQUIVALENT = {
    "pysyft_privacy-2": {
        f"- {_LIMIT} / + {_LIMIT.replace(old, new)}": _ALL_WRONG
        for old, new in (
            ("if n < runs", "if True"),
            ("n < runs", "n <= runs"),
            ("else 1.0", "else 1.1"),
            ("else 1.0", "else 2.0"),
        )
    }
}
