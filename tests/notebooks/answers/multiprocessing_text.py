"""Answers to the exercises of multiprocessing_text: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "multiprocessing_text-1": [
        """
def combine(left, right):
    sizes = np.array([left[0], right[0]])
    if not sizes.any():
        return (0, 0.0)
    return [int(sizes.sum()), float(np.average([left[1], right[1]], weights=sizes))]
""",
        """
def combine(left, right):
    (m, a), (n, b) = left, right
    return m + n, (m * a + n * b) / (m + n or 1)
""",
        """
def combine(left, right):
    if left[0] == 0:
        return right
    if right[0] == 0:
        return left
    return left[0] + right[0], left[1] + (right[1] - left[1]) * right[0] / (left[0] + right[0])
""",
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
""",
        # the size from the system, and the rest of a line by iteration
        """
import os
def cuts(file, parts):
    end = os.fstat(file.fileno()).st_size
    edges = {0, end}
    for n in range(1, parts):
        at = end * n // parts
        if at:
            file.seek(at - 1)
            edges.add(at - 1 + len(next(file, b"")))
    edges = sorted(edges)
    return list(zip(edges, edges[1:]))
""",
        # searching for the newline in blocks
        """
def cuts(file, parts):
    file.seek(0, io.SEEK_END)
    end, found, start = file.tell(), [], 0
    for n in range(1, parts + 1):
        at = end * n // parts
        if at <= start:
            continue
        file.seek(at - 1)
        while at < end and (block := file.read(512)) and b"\\n" not in block:
            at += len(block)
        if at < end:
            at = min(end, at + block.index(b"\\n"))
        found.append((start, at))
        start = at
    return found
""",
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
""",
        # counters in a list of pairs, and a merge that counts the one text on top of the other
        """
def _add(counters, word, times, k):
    if word in counters or len(counters) < k:
        counters[word] = counters.get(word, 0) + times
        return
    down = min(times, *counters.values())
    for other in list(counters):
        counters[other] -= down
        if not counters[other]:
            del counters[other]
    if times > down:
        _add(counters, word, times - down, k)

def heavy(words, k):
    counters = {}
    for word in words:
        _add(counters, word, 1, k)
    return counters

def merge(left, right, k):
    found = dict(left)
    for word, times in right.items():
        _add(found, word, times, k)
    return found
""",
    ],
    "multiprocessing_text-4": [
        # a queue that finished futures put themselves into
        """
import queue
def as_finished(pool, function, tasks, window):
    tasks, done, under_way = iter(tasks), queue.SimpleQueue(), 0
    def submit():
        try:
            task = next(tasks)
        except StopIteration:
            return 0
        pool.submit(function, *task).add_done_callback(done.put)
        return 1
    for _ in range(window):
        under_way += submit()
    while under_way:
        result = done.get().result()
        yield result
        under_way += submit() - 1
""",
        # as_completed, begun anew for each result
        """
from concurrent.futures import as_completed
from itertools import islice
def as_finished(pool, function, tasks, window):
    tasks = iter(tasks)
    waiting = [pool.submit(function, *task) for task in islice(tasks, window)]
    while waiting:
        future = next(as_completed(waiting))
        waiting.remove(future)
        yield future.result()
        waiting += [pool.submit(function, *task) for task in islice(tasks, 1)]
""",
        # all that are done at once
        """
from itertools import islice
def as_finished(pool, function, tasks, window):
    tasks, waiting = iter(tasks), set()
    while True:
        waiting |= {pool.submit(function, *task) for task in islice(tasks, window - len(waiting))}
        if not waiting:
            break
        done, waiting = futures.wait(waiting, return_when="FIRST_COMPLETED")
        yield from [future.result() for future in done]
""",
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
            "the larger part's mean",
            "def combine(left, right):\n    return left[0] + right[0], max(left, right)[1]\n",
            "counts by its size",
        ),
        (
            "an empty part empties the other",
            "def combine(left, right):\n    n = left[0] + right[0]\n    if not left[0] or not right[0]:\n        return n, 0.0\n    return n, (left[0] * left[1] + right[0] * right[1]) / n\n",
            "comes out as it is",
        ),
        (
            "words instead of their mean",
            "def combine(left, right):\n    return left[0] + right[0], left[0] * left[1] + right[0] * right[1]\n",
            "counts by its size",
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
        (
            "counts all, and keeps the k most frequent",
            "def heavy(words, k):\n    return dict(Counter(words).most_common(k))\n" + MERGE,
            "c finds none free",
        ),
        (
            "the right rules on a list of all words",
            HEAVY.replace("    counters = {}", "    words, counters = list(words), {}", 1) + MERGE,
            "no list",
        ),
        (
            "counts all, and lowers at the end",
            """
def heavy(words, k):
    exact = Counter(words)
    surplus = sorted(exact.values(), reverse=True)[k] if len(exact) > k else 0
    return {w: n - surplus for w, n in exact.items() if n > surplus}
"""
            + MERGE,
            "at most k counters while counting|not the counters that",
        ),
        (
            "the newcomer takes the counter that became free",
            """
def heavy(words, k):
    counters = {}
    for word in words:
        if word in counters or len(counters) < k:
            counters[word] = counters.get(word, 0) + 1
        else:
            counters = {w: n - 1 for w, n in counters.items() if n > 1}
            if len(counters) < k:
                counters[word] = 1
    return counters
"""
            + MERGE,
            "c is dropped",
        ),
        (
            "counters at zero stay",
            """
def heavy(words, k):
    counters = {}
    for word in words:
        if word in counters or len(counters) < k:
            counters[word] = counters.get(word, 0) + 1
        else:
            counters = {w: max(n - 1, 0) for w, n in counters.items()}
    return counters
"""
            + MERGE,
            "a count is zero",
        ),
        (
            "merge takes the larger count",
            HEAVY
            + """
def merge(left, right, k):
    both = {w: max(left.get(w, 0), right.get(w, 0)) for w in {**left, **right}}
    surplus = sorted(both.values(), reverse=True)[k] if len(both) > k else 0
    return {w: n - surplus for w, n in both.items() if n > surplus}
""",
            "too low by",
        ),
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
            "c finds none free",
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
    "multiprocessing_text-4": [
        (
            "in the order of the tasks",
            """
from collections import deque
from itertools import islice
def as_finished(pool, function, tasks, window):
    tasks = iter(tasks)
    waiting = deque(pool.submit(function, *task) for task in islice(tasks, window))
    while waiting:
        yield waiting.popleft().result()
        waiting.extend(pool.submit(function, *task) for task in islice(tasks, 1))
""",
            "has to wait for the slow one",
        ),
        (
            "everything at once",
            """
def as_finished(pool, function, tasks, window):
    for future in futures.as_completed([pool.submit(function, *task) for task in tasks]):
        yield future.result()
""",
            "too far ahead",
        ),
        (
            "a batch after the other",
            """
from itertools import batched
def as_finished(pool, function, tasks, window):
    for batch in batched(tasks, window):
        for future in futures.as_completed([pool.submit(function, *task) for task in batch]):
            yield future.result()
            futures.wait([future])
""",
            "b and c have to wait",
        ),
        (
            "one at a time",
            """
def as_finished(pool, function, tasks, window):
    for task in tasks:
        yield pool.submit(function, *task).result()
""",
            "has to wait for the slow one",
        ),
        (
            "nothing after the first window",
            """
from itertools import islice
def as_finished(pool, function, tasks, window):
    for future in futures.as_completed([pool.submit(function, *task) for task in islice(iter(tasks), window)]):
        yield future.result()
""",
            "Each task once|came back",
        ),
        (
            "a task that fails is left out",
            """
from itertools import islice
def as_finished(pool, function, tasks, window):
    tasks, waiting = iter(tasks), set()
    while True:
        waiting |= {pool.submit(function, *task) for task in islice(tasks, window - len(waiting))}
        if not waiting:
            break
        done, waiting = futures.wait(waiting, return_when="FIRST_COMPLETED")
        yield from [future.result() for future in done if not future.exception()]
""",
            "has to come out",
        ),
        (
            "futures instead of results",
            """
from itertools import islice
def as_finished(pool, function, tasks, window):
    tasks, waiting = iter(tasks), set()
    while True:
        waiting |= {pool.submit(function, *task) for task in islice(tasks, window - len(waiting))}
        if not waiting:
            break
        done, waiting = futures.wait(waiting, return_when="FIRST_COMPLETED")
        yield from done
""",
            "not the futures",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "multiprocessing_text-2": {
        "- return list(zip(edges, [*edges[1:], end], strict=True)) if end else [] / + return zip(edges, [*edges[1:], end], strict=True) if end else []": "pairs that can be read once are taken as well",
        "- return list(zip(edges, [*edges[1:], end], strict=True)) if end else [] / + return list(zip(edges, [*edges[1:], end])) if end else []": "the ends are the edges from the second on, and the end: as many as there are edges",
        "- return list(zip(edges, [*edges[1:], end], strict=True)) if end else [] / + return list(zip(edges, [*edges[1:], end], strict=False)) if end else []": "the ends are the edges from the second on, and the end: as many as there are edges",
        "- for number in range(1, parts): / + for number in range(1, parts + 1):": "the last cut would be at the end of the file, where there is none",
    },
}
