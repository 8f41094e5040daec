"""Answers to the exercises of pysyft_healthcare: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "pysyft_healthcare-1": [
        """
def reaches_researcher(what, outputs_shared, permission_file):
    if what == "outputs":
        return bool(outputs_shared) | bool(permission_file)
    return what in {"mock data", "stdout", "stderr", "beside the code"}
"""
    ],
    "pysyft_healthcare-2": [
        # refuses a name that comes twice, rounds in decimal numbers, writes the text itself
        """
from decimal import ROUND_HALF_EVEN, Decimal
def release(text, limits, places=3):
    def once(pairs):
        if len(dict(pairs)) < len(pairs):
            raise ValueError("twice")
        return dict(pairs)
    def refuse(_):
        raise ValueError
    try:
        answer = json.loads(text, object_pairs_hook=once, parse_float=Decimal, parse_int=Decimal, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    if type(answer) is not dict or sorted(answer) != sorted(limits):
        return None
    parts = []
    for name in limits:
        value = answer[name]
        if type(value) is not Decimal or abs(value) > 10**9:
            return None
        value = float(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN))
        low, high = limits[name]
        if value < low or value > high:
            return None
        parts.append(json.dumps(name) + ":" + repr(value if value else 0.0))
    return "{" + ",".join(parts) + "}"
""",
        """
def release(text, limits, places=3):
    try:
        answer = json.loads(text)
        if type(answer) is dict and answer.keys() == limits.keys():
            values = {n: answer[n] for n in limits}
            if all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values.values()):
                values = {n: round(v * 1.0, places) or 0.0 for n, v in values.items()}
                if all(a <= values[n] <= b for n, (a, b) in limits.items()):
                    return json.dumps(values)
    except Exception:
        pass
""",
    ],
    "pysyft_healthcare-3": [
        """
def suppress(counts, k):
    result = {w: (None if 1 <= c <= k - 1 else c) for w, c in counts.items()}
    while True:
        hidden = [counts[w] for w in result if result[w] is None]
        if not hidden or (len(hidden) > 1 and sum(hidden) - len(hidden) + 1 >= k):
            return result
        rest = sorted((c, w) for w, c in result.items() if c)
        if not rest:
            return None
        result[rest[0][1]] = None
"""
    ],
}

_DOOR = """
def release(text, limits, places=3):
    try:
        answer = json.loads(text)
        if not isinstance(answer, dict) or set(answer) != set(limits):
            return None
        found = {}
        for name, (lowest, highest) in limits.items():
            if type(answer[name]) not in (int, float):
                return None
            found[name] = round(float(answer[name]), places) + 0.0
            if not lowest <= found[name] <= highest:
                return None
    except (ValueError, OverflowError, RecursionError):
        return None
    return json.dumps(found)
"""
_GAPS = """
def suppress(counts, k):
    gaps = [w for w, c in counts.items() if 0 < c < k]
    others = sorted((w for w, c in counts.items() if c > 0 and w not in gaps), key=counts.get)
    while gaps and sum(counts[w] for w in gaps) - len(gaps) + 1 < k:
        if not others:
            return None
        gaps.append(others.pop(0))
    return {w: None if w in gaps else c for w, c in counts.items()}
"""


def _instead(text: str, old: str, new: str) -> str:
    """A right answer with one thing wrong in it."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


WRONG = {
    "pysyft_healthcare-1": [
        (
            "believes that logs follow the switch",
            "def reaches_researcher(what, shared, file):\n    return what == 'mock data' or ((shared or file) and what != 'private data')\n",
            "third attack",
        ),
        (
            "believes that a failed job sends nothing",
            "def reaches_researcher(what, shared, file):\n    return what == 'mock data'\n",
            "Shared outputs arrive",
        ),
        (
            "everything arrives",
            "def reaches_researcher(what, shared, file):\n    return True\n",
            "does not share the data set",
        ),
        (
            "outputs that are not shared are closed: what this notebook itself once said",
            "def reaches_researcher(what, shared, file):\n    return {'private data': False, 'outputs': shared}.get(what, True)\n",
            "permission file of the job's own",
        ),
    ],
    "pysyft_healthcare-2": [
        (
            "says yes to the text, and lets the text itself go",
            "def release(text, limits, places=3):\n    try:\n        a = json.loads(text)\n    except (ValueError, RecursionError):\n        return None\n    ok = isinstance(a, dict) and set(a) == set(limits) and all(type(v) in (int, float) for v in a.values())\n    return text if ok else None\n",
            "in the order of|write them anew|rounded",
        ),
        ("deep nesting raises", _instead(_DOOR, ", RecursionError)", ")"), "RecursionError"),
        ("400 digits raise", _instead(_DOOR, ", OverflowError", ""), "OverflowError"),
        (
            "true is a number",
            _instead(_DOOR, "type(answer[name]) not in (int, float)", "not isinstance(answer[name], (int, float))"),
            "true is no number",
        ),
        (
            "does not round",
            _instead(_DOOR, "round(float(answer[name]), places) + 0.0", "float(answer[name])"),
            "rounded to three|same rounded",
        ),
        ("ignores places", _instead(_DOOR, ", places) +", ", 3) +"), "Round to `places`"),
        (
            "numbers stay whole",
            _instead(_DOOR, "round(float(answer[name]), places) + 0.0", "round(answer[name], places)"),
            "as a float",
        ),
        ("two zeros", _instead(_DOOR, " + 0.0", ""), "one zero"),
        (
            "the limits are not allowed",
            _instead(_DOOR, "lowest <= found[name] <= highest", "lowest < found[name] < highest"),
            "limits themselves",
        ),
        (
            "only the highest counts",
            _instead(_DOOR, "lowest <= found[name] <= highest", "found[name] <= highest"),
            "lowest|no number within",
        ),
        (
            "more names than agreed",
            _instead(_DOOR, "set(answer) != set(limits)", "not set(limits) <= set(answer)"),
            "exactly the agreed names",
        ),
        (
            "the researcher's order",
            _instead(_DOOR, "return json.dumps(found)", "return json.dumps({n: found[n] for n in answer})"),
            "order of `limits`",
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
            "nothing is suppressed|need a third",
        ),
        ("zeros suppressed", _instead(_GAPS, "if 0 < c < k", "if c < k"), "zero|No gap at all"),
        (
            "a count equal to k is taken for small",
            _instead(_GAPS, "if 0 < c < k", "if 0 < c <= k"),
            "equal to k is not small",
        ),
        (
            "two gaps are always enough",
            _instead(_GAPS, "sum(counts[w] for w in gaps) - len(gaps) + 1 < k", "len(gaps) == 1"),
            "need a third",
        ),
        (
            "off by one: the number of values",
            _instead(_GAPS, "- len(gaps) + 1 < k", "- len(gaps) < k"),
            "five values each",
        ),
        (
            "publishes what the total gives away",
            _instead(_GAPS, "return None\n", "break\n"),
            "nothing can be published",
        ),
        ("hides the largest", _instead(_GAPS, "others.pop(0)", "others.pop()"), "next smallest"),
        ("a zero as second gap", _instead(_GAPS, "if c > 0 and w not in gaps", "if w not in gaps"), "zero"),
        (
            "changes the hospital's own table",
            _instead(
                _GAPS,
                "    return {w: None if w in gaps else c for w, c in counts.items()}",
                "    for w in gaps:\n        counts[w] = None\n    return counts",
            ),
            "own counts",
        ),
    ],
}

EQUIVALENT = {
    "pysyft_healthcare-2": {
        "- found[name] = round(float(answer[name]), places) + 0.0 # -0.0 + 0.0 is 0.0 / "
        "+ found[name] = round(answer[name], places) + 0.0 # -0.0 + 0.0 is 0.0": "adding 0.0 makes a float of a whole number, and raises OverflowError for the same ones"
    }
}
