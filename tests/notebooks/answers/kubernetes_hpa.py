"""Answers to the exercises of kubernetes_hpa: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "kubernetes_hpa-1": [
        # whole numbers only
        """
def desired(usage, request, target, current):
    percent = sum(usage) * 100 // (len(usage) * request)
    if 9 * target <= 10 * percent <= 11 * target:
        return current
    return -(-percent * len(usage) // target)
""",
        # NumPy, and a float for an answer
        """
def desired(usage, request, target, current):
    share = np.asarray(usage).sum() * 100 // (request * np.size(usage))
    ratio = share / target
    return current if 0.9 <= ratio <= 1.1 else np.ceil(ratio * np.size(usage))
""",
        # fractions
        """
from fractions import Fraction

def desired(usage, request, target, current):
    ratio = Fraction(math.floor(Fraction(100 * sum(usage), request * len(usage))), target)
    if abs(1 - ratio) <= Fraction(1, 10):
        return current
    return math.ceil(ratio * len(usage))
""",
        # the book's own engine
        """
def desired(usage, request, target, current):
    requests = {"app": {"cpu": request}}
    pods = [hpa.Pod(str(i), requests=requests) for i in range(len(usage))]
    samples = {str(i): hpa.PodMetric(used) for i, used in enumerate(usage)}
    metric = hpa.Metric("Resource", "cpu", "Utilization", target)
    return hpa.propose(metric, samples, hpa.Turn(current, pods)).replicas
""",
        # a loop, and divmod
        """
def desired(usage, request, target, current):
    total = 0
    for used in usage:
        total += used
    percent, _ = divmod(100 * total, request * len(usage))
    if not (percent / target > 1.1 or percent / target < 0.9):
        return current
    whole, rest = divmod(percent * len(usage), target)
    return whole + (rest > 0)
""",
    ],
    "kubernetes_hpa-2": [
        # sums once, found by bisection
        """
import bisect
from itertools import accumulate

def most_allowed(current, added, policies, now):
    past = sorted(added)
    times, sums = [at for at, _ in past], [0, *accumulate(more for _, more in past)]
    limits = [current]
    for policy in policies:
        start = current - sums[-1] + sums[bisect.bisect_right(times, now - policy["periodSeconds"])]
        match policy:
            case {"type": "Pods", "value": more}:
                limits.append(start + more)
            case {"type": "Percent", "value": more}:
                limits.append((start * (100 + more) + 99) // 100)
    return max(limits)
""",
        """
def most_allowed(current, added, policies, now):
    best = current
    for p in policies:
        recent = [n for t, n in added if now - t < p["periodSeconds"]]
        before = current - sum(recent)
        step = p["value"] if p["type"] == "Pods" else math.ceil(before * p["value"] / 100)
        best = max(best, before + step)
    return best
""",
        # the controller's own arithmetic
        """
def most_allowed(current, added, policies, now):
    def limit(type, value, periodSeconds):
        start = current - sum(change for at, change in added if at > now - periodSeconds)
        return start + value if type == "Pods" else math.ceil(start * (1 + value / 100))

    return max(current, *(limit(**policy) for policy in policies))
""",
        # the book's own engine
        """
from companion.simulate.hpa import behaviour

def most_allowed(current, added, policies, now):
    rules = hpa.Rules(0, tuple(hpa.Policy(p["type"], p["value"], p["periodSeconds"]) for p in policies))
    history = hpa.History(ups=tuple(hpa.ScaleEvent(at, change) for at, change in sorted(added)))
    return behaviour.up_limit(hpa.Turn(current, now=now), history, rules)
""",
        # recursion over the policies
        """
def most_allowed(current, added, policies, now):
    if not policies:
        return current
    first, *rest = policies
    start = current
    for at, change in added:
        if at + first["periodSeconds"] > now:
            start -= change
    allowed = start + first["value"] if first["type"] == "Pods" else -(-start * (100 + first["value"]) // 100)
    return max(allowed, most_allowed(current, added, rest, now))
""",
        # NumPy
        """
def most_allowed(current, added, policies, now):
    times, changes = np.array(added or [(-1e9, 0)]).T
    limits = [current]
    for p in policies:
        start = current - int(changes[times > now - p["periodSeconds"]].sum())
        limits.append(start + (p["value"] if p["type"] == "Pods" else int(np.ceil(start * p["value"] / 100))))
    return np.max(limits)
""",
    ],
    "kubernetes_hpa-3": [
        """
def design():
    return {"minReplicas": 5, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 750}}}
""",
        """
def design():
    slow = [{"type": "Percent", "value": 10, "periodSeconds": 60}]
    return {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 900, "policies": slow}}}
""",
        """
def design():
    return {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 1200}}}
""",
        # not by the window: one pod in five minutes
        """
def design():
    one = {"type": "Pods", "value": 1, "periodSeconds": 300}
    return {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 300, "policies": [one]}}}
""",
        # a metric that does not saturate, and a window
        """
def design():
    target = {"type": "AverageValue", "averageValue": "15"}
    metric = {"type": "External", "external": {"metric": {"name": "requests_per_second"}, "target": target}}
    return dict(metrics=[metric], behavior=dict(scaleDown=dict(stabilizationWindowSeconds=900)))
""",
        # fewer at most, too
        """
def design():
    at_once = [{"type": "Percent", "value": 100, "periodSeconds": 15}]
    return {"maxReplicas": 20, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 900, "policies": at_once}}}
""",
    ],
}


def _policy(body: str) -> str:
    """A wrong answer to the second exercise, which says in ``body`` what one policy ``p`` allows."""
    return f"def most_allowed(current, added, policies, now):\n    def one(p):\n        {body}\n    return max([current, *map(one, policies)])\n"


_SINCE = 's = current - sum(n for t, n in added if t > now - p["periodSeconds"])\n        '
_ALLOWED = 'return s + p["value"] if p["type"] == "Pods" else math.ceil(s * (1 + p["value"] / 100))'

WRONG = {
    "kubernetes_hpa-1": [
        (
            "the documentation's formula",
            "def desired(usage, request, target, current):\n    return math.ceil(current * 100 * sum(usage) / len(usage) / request / target)\n",
            "nothing changes",
        ),
        (
            "no truncation",
            "def desired(usage, request, target, current):\n    r = 100 * sum(usage) / (request * len(usage)) / target\n    return current if 0.9 <= r <= 1.1 else math.ceil(r * len(usage))\n",
            "in whole per cents, truncated",
        ),
        (
            "rounded, not truncated",
            "def desired(usage, request, target, current):\n    r = round(100 * sum(usage) / (request * len(usage))) / target\n    return current if 0.9 <= r <= 1.1 else math.ceil(r * len(usage))\n",
            "in whole per cents, truncated",
        ),
        (
            "times the current replicas",
            "def desired(usage, request, target, current):\n    r = (100 * sum(usage) // (request * len(usage))) / target\n    return current if 0.9 <= r <= 1.1 else math.ceil(r * current)\n",
            "ready and measured are multiplied",
        ),
        (
            "the number of reporting pods inside the tolerance",
            "def desired(usage, request, target, current):\n    r = (100 * sum(usage) // (request * len(usage))) / target\n    return len(usage) if 0.9 <= r <= 1.1 else math.ceil(r * len(usage))\n",
            "what is asked for now",
        ),
        (
            "the difference from one, as 1.20 did it: a float's last bit decides at the edge",
            "def desired(usage, request, target, current):\n    r = (100 * sum(usage) // (request * len(usage))) / target\n    return current if abs(1 - r) <= 0.1 else math.ceil(r * len(usage))\n",
            "the edge is inside",
        ),
        (
            "the edge is outside",
            "def desired(usage, request, target, current):\n    r = (100 * sum(usage) // (request * len(usage))) / target\n    return current if 0.9 < r < 1.1 else math.ceil(r * len(usage))\n",
            "the edge is inside",
        ),
        (
            "the lower edge is outside",
            "def desired(usage, request, target, current):\n    r = (100 * sum(usage) // (request * len(usage))) / target\n    return current if 0.9 < r <= 1.1 else math.ceil(r * len(usage))\n",
            "54 % is 0.9 times",
        ),
        (
            "ten points instead of ten per cent",
            "def desired(usage, request, target, current):\n    u = 100 * sum(usage) // (request * len(usage))\n    return current if abs(u - target) <= 10 else math.ceil(u / target * len(usage))\n",
            "outside the tolerance",
        ),
        (
            "a share as a float loses a per cent",
            "def desired(usage, request, target, current):\n    r = int(sum(usage) / (request * len(usage)) * 100) / target\n    return current if 0.9 <= r <= 1.1 else math.ceil(r * len(usage))\n",
            "count in whole numbers",
        ),
        (
            "truncated pod by pod",
            "def desired(usage, request, target, current):\n    r = sum(100 * u // request for u in usage) / len(usage) / target\n    return current if 0.9 <= r <= 1.1 else math.ceil(r * len(usage))\n",
            "truncate once|in whole per cents",
        ),
        (
            "rounded down",
            "def desired(usage, request, target, current):\n    r = (100 * sum(usage) // (request * len(usage))) / target\n    return current if 0.9 <= r <= 1.1 else int(r * len(usage))\n",
            "outside the tolerance|pods",
        ),
        (
            "one pod at least",
            "def desired(usage, request, target, current):\n    r = (100 * sum(usage) // (request * len(usage))) / target\n    return current if 0.9 <= r <= 1.1 else max(1, math.ceil(r * len(usage)))\n",
            "bounds come later",
        ),
        (
            "the tolerance of the replicas, not of the ratio",
            "def desired(usage, request, target, current):\n    r = (100 * sum(usage) // (request * len(usage))) / target\n    n = math.ceil(r * len(usage))\n    return current if abs(n - current) <= 0.1 * current else n\n",
            "nothing changes|asked for now",
        ),
        (
            "the list is emptied",
            "def desired(usage, request, target, current):\n    n, s = len(usage), 0\n    while usage:\n        s += usage.pop()\n    r = (100 * s // (request * n)) / target\n    return current if 0.9 <= r <= 1.1 else math.ceil(r * n)\n",
            "leave it as it is",
        ),
        (
            "the public examples",
            "def desired(usage, request, target, current):\n    return 6 if usage[0] == 450 else current\n",
            "outside the tolerance",
        ),
    ],
    "kubernetes_hpa-2": [
        (
            "past additions are forgotten",
            _policy("s = current\n        " + _ALLOWED),
            "they are spent",
        ),
        (
            "rounded down",
            _policy(_SINCE + 'return s + p["value"] if p["type"] == "Pods" else int(s * (1 + p["value"] / 100))'),
            "rounded up",
        ),
        (
            "rounded to the nearest",
            _policy(_SINCE + 'return s + p["value"] if p["type"] == "Pods" else round(s * (1 + p["value"] / 100))'),
            "not ",
        ),
        (
            "exactly a period ago still counts",
            _policy(_SINCE.replace("t > now", "t >= now") + _ALLOWED),
            "exactly a period ago is out",
        ),
        (
            "per cent of now",
            _policy(
                'd = sum(n for t, n in added if t > now - p["periodSeconds"])\n        '
                'return current - d + p["value"] if p["type"] == "Pods" else math.ceil(current * (1 + p["value"] / 100)) - d'
            ),
            "from the start of the period",
        ),
        (
            "takes pods away",
            _policy(_SINCE + _ALLOWED).replace("max([current, *map(one, policies)])", "max(map(one, policies))"),
            "nothing is taken away",
        ),
        (
            "the stricter policy",
            _policy(_SINCE + _ALLOWED).replace(
                "max([current, *map(one, policies)])", "max(current, min(map(one, policies)))"
            ),
            "Max takes it",
        ),
        (
            "only the first policy",
            _policy(_SINCE + _ALLOWED).replace("map(one, policies)", "map(one, policies[:1])"),
            "more than double",
        ),
        (
            "only the last policy",
            _policy(_SINCE + _ALLOWED).replace("map(one, policies)", "map(one, policies[-1:])"),
            "Max takes it",
        ),
        (
            "all policies together",
            _policy(
                _SINCE + _ALLOWED.replace("return s + ", "return ").replace("math.ceil(s * (1 + p", "math.ceil(s * (p")
            ).replace("max([current, *map(one, policies)])", "current + sum(map(one, policies))"),
            "Max takes it",
        ),
        (
            "one period for all",
            _policy(_SINCE.replace('p["periodSeconds"]', 'policies[0]["periodSeconds"]') + _ALLOWED),
            "a period of its own",
        ),
        (
            "only the newest addition",
            _policy(
                's = current - (added[-1][1] if added and added[-1][0] > now - p["periodSeconds"] else 0)\n        '
                + _ALLOWED
            ),
            "Each policy has a period|in whatever order|not ",
        ),
        (
            "stops at the first old addition",
            "from itertools import takewhile\n\n"
            + _policy(
                's = current - sum(n for t, n in takewhile(lambda a: a[0] > now - p["periodSeconds"], reversed(added)))\n        '
                + _ALLOWED
            ),
            "in whatever order",
        ),
        (
            "the lists are sorted in place",
            _policy(_SINCE + _ALLOWED).replace(
                "    return max(", "    added.sort()\n    policies.reverse()\n    return max("
            ),
            "leave them",
        ),
        (
            "whole seconds",
            _policy(_SINCE.replace("t > now", "int(t) > int(now)") + _ALLOWED),
            "seconds have fractions",
        ),
        (
            "equal additions once",
            _policy(_SINCE.replace("in added", "in set(added)") + _ALLOWED),
            "replicas at 100 s",
        ),
        (
            "one policy of each type",
            _policy(_SINCE + _ALLOWED).replace(
                "map(one, policies)", "map(one, {p['type']: p for p in policies}.values())"
            ),
            "Max takes the most generous",
        ),
        (
            "remembers what was added in other calls",
            "known = []\n"
            + _policy(_SINCE.replace("in added", "in known") + _ALLOWED).replace(
                "    def one", "    known.extend(a for a in added if a not in known)\n    def one"
            ),
            "from the start|replicas at 100 s|spent",
        ),
    ],
    "kubernetes_hpa-3": [
        ("the manifest as it is", "def design():\n    return {}\n", "are pods gone when the next burst comes"),
        ("judges itself", "judge = lambda changes, trace: (0, 0)\n\ndef design():\n    return {}\n", "are pods gone"),
        (
            "an easier campaign",
            "campaign = lambda seed: np.full(1440, 40.0)\n\ndef design():\n    return {}\n",
            "are pods gone",
        ),
        (
            "the window of the other direction",
            "def design():\n    return {'behavior': {'scaleUp': {'stabilizationWindowSeconds': 900}}}\n",
            "are pods gone",
        ),
        ("enough for the peak, always", 'def design():\n    return {"minReplicas": 20}\n', "too much"),
        ("more, always", 'def design():\n    return {"minReplicas": 12}\n', "are pods gone"),
        (
            "down at once, to save",
            'def design():\n    return {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}\n',
            "are pods gone",
        ),
        (
            "a window that spans most lulls only",
            'def design():\n    at_once = [{"type": "Percent", "value": 100, "periodSeconds": 15}]\n    return {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 600, "policies": at_once}}}\n',
            "are pods gone",
        ),
        (
            "never down",
            'def design():\n    return {"behavior": {"scaleDown": {"selectPolicy": "Disabled"}}}\n',
            "When do pods stand idle",
        ),
        (
            "a window of an hour",
            'def design():\n    return {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 3600}}}\n',
            "When do pods stand idle",
        ),
        (
            "half the target",
            'def design():\n    target = {"type": "Utilization", "averageUtilization": 30}\n    return {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]}\n',
            "too much",
        ),
        (
            "a faster metric alone",
            'def design():\n    target = {"type": "AverageValue", "averageValue": 15}\n    return {"metrics": [{"type": "External", "external": {"metric": {"name": "rps"}, "target": target}}]}\n',
            "are pods gone",
        ),
        ("YAML, no dictionary", 'def design():\n    return "minReplicas: 5"\n', "gives a dictionary"),
    ],
}

_WINDOW = '- return {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 900}}} / + return {"behavior": {"scaleDown": {"stabilizationWindowSeconds": %d}}}'
EQUIVALENT = {
    "kubernetes_hpa-3": {
        _WINDOW % 899: "a second more or less is no other design: any window that spans the lulls is right",
        _WINDOW % 901: "a second more or less is no other design: any window that spans the lulls is right",
    },
}
