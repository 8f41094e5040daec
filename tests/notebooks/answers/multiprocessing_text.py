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
        # the line that a cut falls into begins the range
        """
def cuts(file, parts):
    end = file.seek(0, 2)
    def start_before(at):
        while at > 0:
            file.seek(at - 1)
            if file.read(1) == b'\\n':
                return at
            at -= 1
        return 0
    edges = sorted({0, end} | {start_before(i * end // parts) for i in range(1, parts)})
    return list(zip(edges, edges[1:]))
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
        # a level that rises, and words that it drowns
        """
def heavy(words, k):
    base, c, levels = 0, {}, {}
    for w in words:
        if w in c:
            c[w] += 1
        elif len(c) < k:
            c[w] = base + 1
        else:
            base += 1
            for o in [o for o, n in c.items() if n <= base]:
                del c[o]
    return {w: n - base for w, n in c.items()}
def merge(left, right, k):
    both = {w: left.get(w, 0) + right.get(w, 0) for w in {*left, *right}}
    while len(both) > k:
        least = min(both.values())
        both = {w: n - least for w, n in both.items() if n > least}
    return both
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
        # a class that is its own iterator
        """
class as_finished:
    def __init__(self, pool, function, tasks, window):
        self.pool, self.function, self.tasks, self.window, self.waiting = pool, function, iter(tasks), window, set()
    def __iter__(self):
        return self
    def __next__(self):
        while len(self.waiting) < self.window:
            try:
                task = next(self.tasks)
            except StopIteration:
                break
            self.waiting.add(self.pool.submit(self.function, *task))
        if not self.waiting:
            raise StopIteration
        f = next(futures.as_completed(self.waiting))
        self.waiting.discard(f)
        return f.result()
""",
        # all that are done, one after the other, before new ones are submitted
        """
def as_finished(pool, function, tasks, window):
    tasks, waiting = iter(tasks), set()
    while True:
        for task in tasks:
            waiting.add(pool.submit(function, *task))
            if len(waiting) >= window: break
        if not waiting: return
        ready = futures.wait(waiting, return_when=futures.FIRST_COMPLETED).done
        waiting -= ready
        for f in ready:
            yield f.result()
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
        (
            "closes the caller's file",
            """
def cuts(file, parts):
    end = file.seek(0, 2)
    edges = [0]
    for number in range(1, parts):
        file.seek(max(number * end // parts, 1) - 1)
        file.readline()
        if edges[-1] < file.tell() < end:
            edges.append(file.tell())
    file.close()
    return list(zip(edges, [*edges[1:], end])) if end else []
""",
            "leave it open",
        ),
        (
            "as many as the lines give",
            """
def cuts(file, parts):
    end = file.seek(0, 2)
    step = max(end // parts, 1)
    out, start = [], 0
    while start < end:
        file.seek(min(start + step, end) - 1)
        file.readline()
        out.append((start, file.tell()))
        start = file.tell()
    return out
""",
            "at most|about equally long",
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
        (
            "merge lists the words again",
            """
def heavy(words, k):
    c = {}
    for w in words:
        if w in c: c[w] += 1
        elif len(c) < k: c[w] = 1
        else: c = {o: n - 1 for o, n in c.items() if n > 1}
    return c
def merge(left, right, k):
    return heavy(sorted([*Counter(left).elements(), *Counter(right).elements()]), k)
""",
            "don't list the words",
        ),
        (
            "merge lowers by the k-th",
            """
def heavy(words, k):
    c = {}
    for w in words:
        if w in c: c[w] += 1
        elif len(c) < k: c[w] = 1
        else: c = {o: n - 1 for o, n in c.items() if n > 1}
    return c
def merge(left, right, k):
    both = Counter(left); both.update(right)
    if len(both) <= k: return dict(both)
    cut = sorted(both.values(), reverse=True)[k - 1]
    return {w: n - cut for w, n in both.items() if n > cut}
""",
            "too low by more than",
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
        (
            "a pool of its own",
            """
from concurrent.futures import ThreadPoolExecutor

def as_finished(pool, function, tasks, window):
    pool = ThreadPoolExecutor(window)
    tasks, waiting = iter(tasks), set()
    while True:
        for task in tasks:
            waiting.add(pool.submit(function, *task))
            if len(waiting) >= window: break
        if not waiting: return
        done = next(iter(futures.wait(waiting, return_when=futures.FIRST_COMPLETED).done))
        waiting.remove(done)
        yield done.result()
""",
            "not in the given pool",
        ),
        (
            "shuts the caller's pool down",
            """
def as_finished(pool, function, tasks, window):
    tasks, waiting = iter(tasks), set()
    while True:
        for task in tasks:
            waiting.add(pool.submit(function, *task))
            if len(waiting) >= window: break
        if not waiting:
            pool.shutdown()
            return
        done = next(iter(futures.wait(waiting, return_when=futures.FIRST_COMPLETED).done))
        waiting.remove(done)
        yield done.result()
""",
            "belongs to the caller",
        ),
        (
            "looks one task ahead",
            """
def as_finished(pool, function, tasks, window):
    tasks, waiting = iter(tasks), set()
    nxt = next(tasks, None)
    while nxt is not None or waiting:
        while nxt is not None and len(waiting) < window:
            waiting.add(pool.submit(function, *nxt))
            nxt = next(tasks, None)
        done = next(iter(futures.wait(waiting, return_when=futures.FIRST_COMPLETED).done))
        waiting.remove(done)
        yield done.result()
""",
            "too far ahead",
        ),
        (
            "leaves false results out",
            """
def as_finished(pool, function, tasks, window):
    tasks, waiting = iter(tasks), set()
    while True:
        for task in tasks:
            waiting.add(pool.submit(function, *task))
            if len(waiting) >= window: break
        if not waiting: return
        done = next(iter(futures.wait(waiting, return_when=futures.FIRST_COMPLETED).done))
        waiting.remove(done)
        r = done.result()
        if r: yield r
""",
            "Every task once|tasks came back|came back",
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
