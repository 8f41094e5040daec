"""Answers to the exercises of multiprocessing_text: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "multiprocessing_text-1": [
        """
def combine(left, right):
    sizes = np.array([left[0], right[0]])
    if not sizes.any():
        return (0, 0.0)
    return [int(sizes.sum()), float(np.average([left[1], right[1]], weights=sizes))]
"""
    ],
    "multiprocessing_text-2": [
        # steps of one size from where the last range ended
        """
def cuts(file, parts):
    end = file.seek(0, 2)
    step, found, start = -(-end // parts), [], 0
    while start < end:
        file.seek(min(start + step, end) - 1)
        file.readline()
        found.append([start, file.tell()])
        start = file.tell()
    return found
"""
    ],
    "multiprocessing_text-3": [
        # space for k + 1 while counting, and a merge that lowers step by step
        """
def heavy(words, k):
    counters = Counter()
    for word in words:
        counters[word] += 1
        if len(counters) > k:
            counters = Counter({w: n - 1 for w, n in counters.items()})
            counters = +counters
    return counters

def merge(left, right, k):
    both = Counter(left) + Counter(right)
    while len(both) > k:
        low = min(both.values())
        both = +Counter({w: n - low for w, n in both.items()})
    return both
"""
    ],
}

HEAVY = """
def heavy(words, k):
    counters = {}
    for word in words:
        if word in counters:
            counters[word] += 1
        elif len(counters) < k:
            counters[word] = 1
        else:
            counters = {w: n - 1 for w, n in counters.items() if n > 1}
    return counters
"""
MERGE = """
def merge(left, right, k):
    both = Counter(left)
    both.update(right)
    surplus = sorted(both.values(), reverse=True)[k] if len(both) > k else 0
    return {w: n - surplus for w, n in both.items() if n > surplus}
"""

WRONG = {
    "multiprocessing_text-1": [
        (
            "mean of means",
            "def combine(left, right):\n    return left[0] + right[0], (left[1] + right[1]) / 2\n",
            "counts by its size",
        ),
        (
            "divides by nothing",
            "def combine(left, right):\n    n = left[0] + right[0]\n    return n, (left[0] * left[1] + right[0] * right[1]) / n\n",
            "don't divide by zero",
        ),
        (
            "forgets to add the documents",
            "def combine(left, right):\n    n = max(left[0] + right[0], 1)\n    return right[0], (left[0] * left[1] + right[0] * right[1]) / n\n",
            "sum of both",
        ),
    ],
    "multiprocessing_text-2": [
        (
            "cuts through lines",
            "def cuts(file, parts):\n    end = file.seek(0, 2)\n    edges = [n * end // parts for n in range(parts + 1)]\n    return [(a, b) for a, b in zip(edges, edges[1:]) if a < b]\n",
            "begin where a line begins",
        ),
        (
            "reads everything",
            """
def cuts(file, parts):
    lines = file.readlines()
    edges, at, end = [0], 0, sum(map(len, lines))
    for line in lines:
        at += len(line)
        if at >= len(edges) * end / parts and at < end and len(edges) < parts:
            edges.append(at)
    return [(a, b) for a, b in zip(edges, edges[1:] + [end]) if a < b]
""",
            "may be larger than memory",
        ),
        (
            "an empty range where a line is long",
            """
def cuts(file, parts):
    end = file.seek(0, 2)
    edges = [0]
    for number in range(1, parts):
        file.seek(max(number * end // parts - 1, 0))
        file.readline()
        edges.append(file.tell())
    return list(zip(edges, edges[1:] + [end]))
""",
            "empty range",
        ),
        (
            "leaves the last line out",
            """
def cuts(file, parts):
    end = file.seek(0, 2)
    edges = [0]
    for number in range(1, parts):
        file.seek(max(number * end // parts - 1, 0))
        file.readline()
        if file.tell() > edges[-1]:
            edges.append(file.tell())
    return list(zip(edges, edges[1:]))
""",
            "the last line too",
        ),
        (
            "all in one",
            "def cuts(file, parts):\n    end = file.seek(0, 2)\n    return [(0, end)] if end else []\n",
            "two ranges",
        ),
    ],
    "multiprocessing_text-3": [
        ("a plain counter", "def heavy(words, k):\n    return Counter(words)\n" + MERGE, "counters, 2 are allowed"),
        (
            "no room for newcomers",
            """
def heavy(words, k):
    counters = {}
    for word in words:
        if word in counters or len(counters) < k:
            counters[word] = counters.get(word, 0) + 1
    return counters
"""
            + MERGE,
            "too low by more than",
        ),
        (
            "the newcomer inherits the smallest counter",
            """
def heavy(words, k):
    counters = {}
    for word in words:
        if word in counters or len(counters) < k:
            counters[word] = counters.get(word, 0) + 1
        else:
            counters[word] = 1 + counters.pop(min(counters, key=counters.get))
    return counters
"""
            + MERGE,
            "higher than the truth",
        ),
        (
            "merge without a limit",
            HEAVY + "\ndef merge(left, right, k):\n    return dict(Counter(left) + Counter(right))\n",
            "counters, 2 are allowed",
        ),
        (
            "merge keeps the k largest",
            HEAVY + "\ndef merge(left, right, k):\n    return dict((Counter(left) + Counter(right)).most_common(k))\n",
            "always just behind",
        ),
        (
            "merge changes its argument",
            HEAVY
            + """
def merge(left, right, k):
    for word, n in right.items():
        left[word] = left.get(word, 0) + n
    surplus = sorted(left.values(), reverse=True)[k] if len(left) > k else 0
    return {w: n - surplus for w, n in left.items() if n > surplus}
""",
            "leave its arguments",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "multiprocessing_text-2": {
        "- return list(zip(edges, [*edges[1:], end], strict=True)) if end else [] / + return list(zip(edges, [*edges[1:], end])) if end else []": "the ends are the edges from the second on, and the end: as many as there are edges",
        "- return list(zip(edges, [*edges[1:], end], strict=True)) if end else [] / + return list(zip(edges, [*edges[1:], end], strict=False)) if end else []": "the ends are the edges from the second on, and the end: as many as there are edges",
        "- for number in range(1, parts): / + for number in range(1, parts + 1):": "the last cut would be at the end of the file, where there is none",
    },
}
