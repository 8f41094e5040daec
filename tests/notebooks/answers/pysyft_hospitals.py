"""Answers to the exercises of pysyft_hospitals: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "pysyft_hospitals-1": [
        """
def aggregate(updates, patients):
    names = list(updates)
    return np.average([updates[n] for n in names], axis=0, weights=[patients[n] for n in names])
"""
    ],
    "pysyft_hospitals-2": [
        """
def unmask(sent, disclosed):
    size = len(next(iter(sent.values())))
    total = [sum(int(v[i]) for v in sent.values()) for i in range(size)]
    for pair, shared in disclosed.items():
        first, last = sorted(pair)
        sign = -1 if first in sent else 1
        total = [t + sign * int(s) for t, s in zip(total, shared)]
    return np.array([t % 2**64 for t in total], np.uint64).view(np.int64)
"""
    ],
    "pysyft_hospitals-3": [
        """
def weighted_median(updates, patients):
    found = []
    for i in range(len(next(iter(updates.values())))):
        pairs = sorted((u[i], patients[n]) for n, u in updates.items())
        half, seen = sum(c for _, c in pairs) / 2, 0
        for value, count in pairs:
            seen += count
            if seen >= half:
                found.append(value)
                break
    return found
"""
    ],
    "pysyft_hospitals-4": [
        """
def may_run(parcel, reviewed):
    files = {name: content for name, content in parcel.items() if content in reviewed.get(name, ())}
    return files if len(files) == len(parcel) == len(reviewed) else None
""",
        """
def may_run(parcel, reviewed):
    import copy
    if sorted(parcel) != sorted(reviewed):
        return None
    for name in parcel:
        if not any(parcel[name] == text for text in reviewed[name]):
            return None
    return copy.deepcopy(parcel)
""",
    ],
}

#: changes of a reference solution that mean the same
EQUIVALENT = {
    "pysyft_hospitals-2": {
        "- total = np.sum(list(sent.values()), axis=0, dtype=np.uint64) / + total = np.sum(list(sent.values()), axis=0)": "the sum of uint64 arrays is uint64",
        "- total = total - shared if here < lost else total + shared / + total = total - shared if here <= lost else total + shared": "the two of a pair have different names",
    },
    "pysyft_hospitals-3": {
        "- names = list(updates) / + names = updates": "a dictionary goes over its keys, in the same order each time"
    },
}

WRONG = {
    "pysyft_hospitals-1": [
        (
            "every hospital counts the same",
            "def aggregate(updates, patients):\n    return sum(updates.values()) / len(updates)\n",
            "counts twice",
        ),
        (
            "divides by the patients of all",
            "def aggregate(updates, patients):\n    return sum(updates[n] * patients[n] for n in updates) / sum(patients.values())\n",
            "hospitals that answered",
        ),
        (
            "matches by position",
            "def aggregate(updates, patients):\n    w = list(patients.values())[:len(updates)]\n    return np.average(list(updates.values()), axis=0, weights=w)\n",
            "Match by name",
        ),
    ],
    "pysyft_hospitals-2": [
        (
            "adds only",
            "def unmask(sent, disclosed):\n    return sum(sent.values()).astype(np.int64)\n",
            "subtract it",
        ),
        (
            "always subtracts",
            "def unmask(sent, disclosed):\n    return (sum(sent.values()) - sum(disclosed.values(), np.zeros(len(next(iter(sent.values()))), np.uint64))).astype(np.int64)\n",
            "second by alphabet",
        ),
        (
            "believes the order of the pair",
            "def unmask(sent, disclosed):\n    t = sum(sent.values())\n    for (a, b), s in disclosed.items():\n        t = t - s if a in sent else t + s\n    return t.astype(np.int64)\n",
            "whichever order",
        ),
        (
            "by way of floating point",
            "def unmask(sent, disclosed):\n    t = sum(np.array([int(v) for v in u], object) for u in sent.values())\n    for pair, s in disclosed.items():\n        s = np.array([int(v) for v in s], object)\n        t = t - s if min(pair) in sent else t + s\n    t = (t + 2**63) % 2**64 - 2**63\n    return t.astype(float).astype(np.int64)\n",
            "no floating point",
        ),
        (
            "stays unsigned",
            "def unmask(sent, disclosed):\n    t = sum(sent.values())\n    for pair, s in disclosed.items():\n        t = t - s if min(pair) in sent else t + s\n    return t\n",
            "can be negative",
        ),
    ],
    "pysyft_hospitals-3": [
        (
            "the plain median",
            "def weighted_median(updates, patients):\n    return np.median(list(updates.values()), axis=0)\n",
            "Nine of eleven",
        ),
        (
            "the weighted mean",
            "def weighted_median(updates, patients):\n    n = list(updates)\n    return np.average([updates[k] for k in n], axis=0, weights=[patients[k] for k in n])\n",
            "Nine of eleven",
        ),
        (
            "more than half",
            "def weighted_median(updates, patients):\n    v = [sorted(x for n, u in updates.items() for x in [u[i]] * patients[n]) for i in range(len(next(iter(updates.values()))))]\n    return [x[len(x) // 2] for x in v]\n",
            "not more than half",
        ),
        (
            "orders by the first number only",
            "def weighted_median(updates, patients):\n    n = sorted(updates, key=lambda k: updates[k][0])\n    c = np.cumsum([patients[k] for k in n])\n    return updates[n[int((c * 2 >= c[-1]).argmax())]]\n",
            "Half of the patients|order of its own",
        ),
    ],
    "pysyft_hospitals-4": [
        (
            "looks at main.py only",
            "def may_run(parcel, reviewed):\n    return dict(parcel) if parcel.get('main.py') in reviewed.get('main.py', ()) else None\n",
            "A file more",
        ),
        (
            "overlooks files that nobody asked for",
            "def may_run(parcel, reviewed):\n    if all(parcel.get(n) in texts for n, texts in reviewed.items()):\n        return dict(parcel)\n",
            "A file more",
        ),
        (
            "runs what was read and drops the rest",
            "def may_run(parcel, reviewed):\n    if all(parcel.get(n) in texts for n, texts in reviewed.items()):\n        return {n: parcel[n] for n in reviewed}\n",
            "A file more",
        ),
        (
            "compares without blanks",
            "def may_run(parcel, reviewed):\n    if set(parcel) != set(reviewed):\n        return None\n    same = all((parcel[n] or b'').strip() in {t.strip() for t in reviewed[n]} for n in parcel)\n    return dict(parcel) if same else None\n",
            "A byte less",
        ),
        (
            "any text under any name",
            "def may_run(parcel, reviewed):\n    texts = set().union(*reviewed.values())\n    return dict(parcel) if set(parcel) == set(reviewed) and all(c in texts for c in parcel.values()) else None\n",
            "under another name",
        ),
        (
            "hands back the parcel itself",
            "def may_run(parcel, reviewed):\n    return parcel if set(parcel) == set(reviewed) and all(parcel[n] in reviewed[n] for n in parcel) else None\n",
            "A new dictionary",
        ),
        (
            "files that are missing do not matter",
            "def may_run(parcel, reviewed):\n    return dict(parcel) if all(n in reviewed and c in reviewed[n] for n, c in parcel.items()) else None\n",
            "is missing",
        ),
    ],
}
