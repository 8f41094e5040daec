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
}
