"""Answers to the exercises of pysyft_healthcare: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "pysyft_healthcare-1": [
        """
def reaches_researcher(what, outputs_shared):
    if what == "outputs":
        return bool(outputs_shared)
    return what in {"mock data", "stdout", "stderr"}
"""
    ],
    "pysyft_healthcare-2": [
        """
from decimal import Decimal
def may_leave(text, most=20, digits=6):
    def refuse(_):
        raise ValueError
    try:
        answer = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=refuse)
    except ValueError:
        return False
    if not isinstance(answer, dict) or len(answer) == 0 or len(answer) > most:
        return False
    short = all(len(name) <= 20 for name in answer)
    return short and all(type(v) is Decimal and len("".join(map(str, v.as_tuple().digits)).strip("0")) <= digits for v in answer.values())
"""
    ],
    "pysyft_healthcare-3": [
        """
def suppress(counts, k):
    result = {w: (None if 1 <= c <= k - 1 else c) for w, c in counts.items()}
    if list(result.values()).count(None) == 1:
        rest = sorted((c, w) for w, c in result.items() if c)
        if rest:
            result[rest[0][1]] = None
    return result
"""
    ],
}

WRONG = {
    "pysyft_healthcare-1": [
        (
            "believes that logs follow the switch",
            "def reaches_researcher(what, shared):\n    return what == 'mock data' or (shared and what != 'private data')\n",
            "third attack",
        ),
        (
            "believes that a failed job sends nothing",
            "def reaches_researcher(what, shared):\n    return what == 'mock data'\n",
            "Shared outputs arrive",
        ),
        (
            "everything arrives",
            "def reaches_researcher(what, shared):\n    return True\n",
            "does not share the data set",
        ),
    ],
    "pysyft_healthcare-2": [
        (
            "any JSON object",
            "def may_leave(text, most=20, digits=6):\n    try:\n        return isinstance(json.loads(text), dict)\n    except ValueError:\n        return False\n",
            "Text must not leave",
        ),
        (
            "numbers of any length",
            "def may_leave(text, most=20, digits=6):\n    try:\n        a = json.loads(text)\n    except ValueError:\n        return False\n    return isinstance(a, dict) and 0 < len(a) <= most and all(isinstance(v, (int, float)) for v in a.values())\n",
            "nine significant digits",
        ),
        (
            "raises on what is no JSON",
            "def may_leave(text, most=20, digits=6):\n    a = json.loads(text) if text.startswith(('{', '[')) else None\n    if a is None: raise AssertionError('must not raise')\n    return True\n",
            "Text must not leave|must not raise",
        ),
        (
            "counts characters",
            "def may_leave(text, most=20, digits=6):\n    try:\n        a = json.loads(text)\n    except ValueError:\n        return False\n    if not isinstance(a, dict) or not 0 < len(a) <= most or any(len(n) > 20 for n in a):\n        return False\n    try:\n        return all(type(v) in (int, float) and math.isfinite(v) and len(str(v)) <= digits for v in a.values())\n    except (OverflowError, ValueError):\n        return False\n",
            "significant digits, not characters",
        ),
        (
            "forgets the names",
            "def may_leave(text, most=20, digits=6):\n    try:\n        a = json.loads(text)\n        return isinstance(a, dict) and 0 < len(a) <= most and all(type(v) in (int, float) and math.isfinite(v) and float(f'{v:.{digits}g}') == v for v in a.values())\n    except (ValueError, OverflowError):\n        return False\n",
            "travel in a name",
        ),
    ],
    "pysyft_healthcare-3": [
        (
            "no second gap",
            "def suppress(counts, k):\n    return {w: None if 0 < c < k else c for w, c in counts.items()}\n",
            "total gives it away",
        ),
        (
            "always a second gap",
            "def suppress(counts, k):\n    r = {w: None if 0 < c < k else c for w, c in counts.items()}\n    rest = [w for w, c in r.items() if c]\n    if rest:\n        r[min(rest, key=counts.get)] = None\n    return r\n",
            "nothing is suppressed",
        ),
        (
            "zeros suppressed",
            "def suppress(counts, k):\n    r = {w: None if c < k else c for w, c in counts.items()}\n    if list(r.values()).count(None) == 1:\n        rest = [w for w, c in r.items() if c]\n        if rest:\n            r[min(rest, key=counts.get)] = None\n    return r\n",
            "zero",
        ),
        (
            "changes the hospital's own table",
            "def suppress(counts, k):\n    small = [w for w, c in counts.items() if 0 < c < k]\n    rest = sorted((c, w) for w, c in counts.items() if c >= k)\n    if len(small) == 1 and rest:\n        small.append(rest[0][1])\n    for w in small:\n        counts[w] = None\n    return counts\n",
            "own counts",
        ),
    ],
}
