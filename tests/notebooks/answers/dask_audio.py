"""Answers to the exercises of dask_audio: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "dask_audio-1": [
        """
def lost(who_has, dead):
    gone = []
    for key, holders in who_has.items():
        if all(holder in dead for holder in holders):
            gone.append(key)
    return frozenset(gone)
""",
        """
def lost(who_has, dead):
    kept = {key for key, holders in who_has.items() for holder in holders if holder not in dead}
    return who_has.keys() - kept
""",
        "def lost(who_has, dead):\n    return frozenset(filter(lambda key: not set(who_has[key]) - dead, who_has))\n",
        """
def lost(who_has, dead):
    if not who_has:
        return set()
    (key, holders), *others = who_has.items()
    rest = lost(dict(others), dead)
    return rest if any(h not in dead for h in holders) else rest | {key}
""",
    ],
    "dask_audio-2": [
        # wrapped, sent as futures, gathered in one go
        """
def robust(client, function, names):
    def attempt(name):
        try:
            return True, function(name)
        except Exception as error:
            return False, str(error)
    answers = dict(zip(names, client.gather(client.map(attempt, names))))
    return {n: v for n, (ok, v) in answers.items() if ok}, {n: v for n, (ok, v) in answers.items() if not ok}
""",
        # delayed functions, one compute
        """
from dask import compute, delayed
def robust(client, function, names):
    @delayed
    def attempt(name):
        try:
            return True, function(name)
        except Exception as error:
            return False, str(error)
    (answers,) = compute([attempt(name) for name in names], scheduler=client)
    good = {n: v for n, (ok, v) in zip(names, answers) if ok}
    return good, {n: v for n, (ok, v) in zip(names, answers) if not ok}
""",
        # as they come, put in order at the end
        """
from distributed import as_completed
def robust(client, function, names):
    waiting = {client.submit(function, name, pure=False): name for name in names}
    good, bad = {}, {}
    for future in as_completed(waiting):
        if future.status == "error":
            bad[waiting[future]] = str(future.exception())
        else:
            good[waiting[future]] = future.result()
    return {n: good[n] for n in names if n in good}, {n: bad[n] for n in names if n in bad}
""",
        # a bag
        """
import dask.bag as db
class Failed:
    def __init__(self, text):
        self.text = text
def robust(client, function, names):
    def attempt(name):
        try:
            return function(name), None
        except Exception as error:
            return None, [str(error)]
    if not names:
        return {}, {}
    answers = db.from_sequence(names, npartitions=len(names)).map(attempt).compute()
    return (
        {n: v for n, (v, failed) in zip(names, answers) if failed is None},
        {n: failed[0] for n, (v, failed) in zip(names, answers) if failed is not None},
    )
""",
        # the interface of concurrent.futures, and lists in place of a tuple
        """
def robust(client, function, names):
    pool = client.get_executor(pure=False)
    calls = [(name, pool.submit(function, name)) for name in names]
    good, bad = {}, {}
    for name, call in calls:
        error = call.exception()
        if error is None:
            good[name] = call.result()
        else:
            bad[name] = str(error)
    return [good, bad]
""",
        # delayed, computed by the client into futures
        """
import distributed
def robust(client, function, names):
    futures = client.compute([dask.delayed(function, pure=False)(name) for name in names])
    distributed.wait(futures)
    pairs = list(zip(names, futures))
    return (
        {name: future.result() for name, future in pairs if future.status == "finished"},
        {name: str(future.exception()) for name, future in pairs if future.status == "error"},
    )
""",
    ],
    "dask_audio-3": [
        """
import heapq
def best_partitions(items, seconds, overhead, speeds):
    best, at = float("inf"), 1
    for p in range(1, items + 1):
        heap = [(0.0, w) for w in range(len(speeds))]
        for k in range(p):
            free, w = heapq.heappop(heap)
            n = items // p + (k < items % p)
            heapq.heappush(heap, (free + (overhead + n * seconds) / speeds[w], w))
        if max(heap)[0] < best - 1e-9:
            best, at = max(heap)[0], p
    return np.int64(at)
""",
        # exact fractions
        """
from fractions import Fraction as F
def best_partitions(items, seconds, overhead, speeds):
    s, o, v = F(seconds), F(overhead), [F(speed) for speed in speeds]
    def finish(p):
        free = {w: F(0) for w in range(len(v))}
        small, larger = divmod(items, p)
        for n in [small + 1] * larger + [small] * (p - larger):
            w = min(free, key=lambda w: (free[w], w))
            free[w] += (o + n * s) / v[w]
        return max(free.values())
    times = [finish(p) for p in range(1, items + 1)]
    return times.index(min(times)) + 1
""",
        # arrays
        """
def best_partitions(items, seconds, overhead, speeds):
    speeds = np.asarray(speeds, float)
    times = []
    for p in range(1, items + 1):
        free = np.zeros(len(speeds))
        for n in map(len, np.array_split(range(items), p)):
            w = int(np.argmin(free))
            free[w] += (overhead + n * seconds) / speeds[w]
        times.append(free.max())
    return int(np.argmin(np.round(times, 10))) + 1
""",
        # a class for the workers
        """
class Worker:
    def __init__(self, speed): self.speed, self.free = speed, 0.0
    def take(self, cost): self.free += cost / self.speed
def best_partitions(items, seconds, overhead, speeds):
    best, best_end = None, None
    for p in range(1, items + 1):
        team = [Worker(s) for s in speeds]
        for k in range(p):
            n = items // p + (1 if k < items % p else 0)
            min(team, key=lambda w: w.free).take(overhead + n * seconds)
        end = max(w.free for w in team)
        if best is None or end < best_end * (1 - 1e-10):
            best, best_end = p, end
    return best
""",
    ],
}

SAFE = """
    def attempt(name):
        try:
            return True, function(name)
        except Exception as error:
            return False, str(error)
"""
TOLD = "    return {n: v for n, (ok, v) in zip(names, answers) if ok}, {n: v for n, (ok, v) in zip(names, answers) if not ok}\n"

WRONG = {
    "dask_audio-1": [
        (
            "one dead holder is enough",
            "def lost(who_has, dead):\n    return {k for k, h in who_has.items() if set(h) & set(dead)}\n",
            "copy on a worker that lives",
        ),
        (
            "only the first holder counts",
            "def lost(who_has, dead):\n    return {k for k, h in who_has.items() if h and h[0] in dead}\n",
            "copy on a worker that lives|Worker w3 lives",
        ),
        (
            "exactly the dead workers",
            "def lost(who_has, dead):\n    return {k for k, h in who_has.items() if set(h) == set(dead)}\n",
            "every copy is gone",
        ),
        (
            "names that begin alike",
            "def lost(who_has, dead):\n    return {k for k, hs in who_has.items() if all(any(h.startswith(d) for d in dead) for h in hs)}\n",
            "w12 is another worker",
        ),
        (
            "an empty list is not lost",
            "def lost(who_has, dead):\n    return {k for k, h in who_has.items() if h and set(h) <= dead}\n",
            "No copy anywhere",
        ),
        (
            "empties the lists",
            "def lost(who_has, dead):\n    for hs in who_has.values():\n        for d in dead:\n            if d in hs: hs.remove(d)\n    return {k for k, hs in who_has.items() if not hs}\n",
            "stay as they are|is not lost",
        ),
        (
            "uses up the dead",
            "def lost(who_has, dead):\n    alive = {h for hs in who_has.values() for h in hs} - dead\n    gone = {k for k, h in who_has.items() if not set(h) & alive}\n    dead.clear()\n    return gone\n",
            "stay as they are",
        ),
        (
            "what is left",
            "def lost(who_has, dead):\n    return {k for k, h in who_has.items() if not set(h) <= dead}\n",
            "is not lost",
        ),
        (
            "the example by heart",
            "def lost(who_has, dead):\n    return {'a'} if dead == {'w1'} else set(who_has)\n",
            "Nobody died",
        ),
        (
            "printed",
            "def lost(who_has, dead):\n    print({k for k, h in who_has.items() if set(h) <= dead})\n",
            "returns nothing yet",
        ),
        (
            "a list",
            """
def lost(who_has, dead):
    return [k for k, ws in who_has.items() if all(w in dead for w in ws)]
""",
            "Return a set",
        ),
        (
            "looks for the name in a text of all the dead",
            """
def lost(who_has, dead):
    text = ' '.join(dead)
    return {k for k, ws in who_has.items() if all(w in text for w in ws)}
""",
            "another worker than",
        ),
    ],
    "dask_audio-2": [
        (
            "a loop here, and Dask for show",
            "def robust(client, function, names):"
            + SAFE
            + "    dask.compute()\n    answers = [attempt(n) for n in names]\n"
            + TOLD,
            "ran here",
        ),
        (
            "a loop here, and a task of nothing",
            "def robust(client, function, names):"
            + SAFE
            + "    client.gather(client.map(str, names))\n    answers = [attempt(n) for n in names]\n"
            + TOLD,
            "ran here",
        ),
        (
            "threads of this process",
            "def robust(client, function, names):"
            + SAFE
            + "    answers = dask.compute(*[dask.delayed(attempt)(n) for n in names], scheduler='threads')\n"
            + TOLD,
            "ran here",
        ),
        (
            "processes of its own",
            "import concurrent.futures, multiprocessing\ndef robust(client, function, names):"
            + SAFE
            + "    with concurrent.futures.ThreadPoolExecutor(4) as pool:\n        answers = list(pool.map(attempt, names))\n"
            + TOLD,
            "ran here",
        ),
        (
            "one after the other",
            "def robust(client, function, names):"
            + SAFE
            + "    answers = [client.submit(attempt, n, pure=False).result() for n in names]\n"
            + TOLD,
            "hand in all of them",
        ),
        (
            "one task for all",
            "def robust(client, function, names):"
            + SAFE
            + "    answers = client.submit(lambda: [attempt(n) for n in names], pure=False).result()\n"
            + TOLD,
            "hand in all of them",
        ),
        (
            "one graph a name",
            "def robust(client, function, names):\n    good, bad = {}, {}\n    for n in names:\n        try:\n            good[n] = dask.compute(dask.delayed(function)(n))[0]\n        except Exception as e:\n            bad[n] = str(e)\n    return good, bad\n",
            "hand in all of them",
        ),
        (
            "all on one worker",
            "def robust(client, function, names):"
            + SAFE
            + "    one = sorted(client.nthreads())[:1]\n    answers = client.gather(client.map(attempt, names, workers=one, pure=False))\n"
            + TOLD,
            "hand in all of them",
        ),
        (
            "the first error stops everything",
            "def robust(client, function, names):\n    try:\n        r = client.gather(client.map(function, names))\n        return dict(zip(names, r)), {}\n    except Exception as e:\n        return {}, {names[0]: str(e)}\n",
            "good files must have results",
        ),
        (
            "the error comes through",
            "def robust(client, function, names):\n    return dict(zip(names, client.gather(client.map(function, names)))), {}\n",
            "robust itself raised",
        ),
        (
            "the good ones under other names",
            "def robust(client, function, names):\n    fs = client.map(function, names, pure=False)\n    bad = {n: str(f.exception()) for n, f in zip(names, fs) if f.exception()}\n    return dict(zip(names, client.gather(fs, errors='skip'))), bad\n",
            "good files must have results|under its own name",
        ),
        (
            "swallowed",
            "def robust(client, function, names):\n    fs = client.map(function, names, pure=False)\n    return {n: f.result() for n, f in zip(names, fs) if f.exception() is None}, {}\n",
            "must be reported",
        ),
        (
            "None taken for a failure",
            "def robust(client, function, names):"
            + SAFE
            + "    answers = client.gather(client.map(attempt, names, pure=False))\n    return {n: v for n, (ok, v) in zip(names, answers) if ok and v is not None}, {n: v for n, (ok, v) in zip(names, answers) if not ok}\n",
            "None is a result",
        ),
        (
            "an empty message taken for none",
            "def robust(client, function, names):"
            + SAFE
            + "    answers = client.gather(client.map(attempt, names, pure=False))\n    return {n: v for n, (ok, v) in zip(names, answers) if ok}, {n: v for n, (ok, v) in zip(names, answers) if not ok and v}\n",
            "may be empty",
        ),
        (
            "a returned exception taken for a raised one",
            "def robust(client, function, names):\n    def attempt(n):\n        try:\n            return function(n)\n        except Exception as e:\n            return e\n    answers = dict(zip(names, client.gather(client.map(attempt, names, pure=False))))\n    return {n: v for n, v in answers.items() if not isinstance(v, Exception)}, {n: str(v) for n, v in answers.items() if isinstance(v, Exception)}\n",
            "that is returned",
        ),
        (
            "keeps the type of the error only",
            "def robust(client, function, names):\n    fs = client.map(function, names, pure=False)\n    e = {n: f.exception() for n, f in zip(names, fs)}\n    return {n: f.result() for n, f in zip(names, fs) if e[n] is None}, {n: type(x).__name__ for n, x in e.items() if x is not None}\n",
            "what the exception says",
        ),
        (
            "the error's representation",
            "def robust(client, function, names):\n    fs = client.map(function, names, pure=False)\n    e = {n: f.exception() for n, f in zip(names, fs)}\n    return {n: f.result() for n, f in zip(names, fs) if e[n] is None}, {n: repr(x) for n, x in e.items() if x is not None}\n",
            "and nothing else",
        ),
        (
            "as they come",
            "from distributed import as_completed\ndef robust(client, function, names):\n    w = {client.submit(function, n, pure=False): n for n in names}\n    good, bad = {}, {}\n    for f in as_completed(w):\n        if f.status == 'error': bad[w[f]] = str(f.exception())\n        else: good[w[f]] = f.result()\n    return good, bad\n",
            "in the order of names",
        ),
        (
            "calls the bad ones again",
            "def robust(client, function, names):\n    fs = client.map(function, names, retries=1, pure=False)\n    e = {n: f.exception() for n, f in zip(names, fs)}\n    return {n: f.result() for n, f in zip(names, fs) if e[n] is None}, {n: str(x) for n, x in e.items() if x is not None}\n",
            "Once for every name",
        ),
        (
            "nothing for an empty list",
            "def robust(client, function, names):\n    if not names: return None\n    fs = client.map(function, names, pure=False)\n    e = {n: f.exception() for n, f in zip(names, fs)}\n    return {n: f.result() for n, f in zip(names, fs) if e[n] is None}, {n: str(x) for n, x in e.items() if x is not None}\n",
            "no results, no errors",
        ),
        (
            "takes the names off their list",
            "def robust(client, function, names):\n    fs = {}\n    while names:\n        n = names.pop(0)\n        fs[n] = client.submit(function, n, pure=False)\n    e = {n: f.exception() for n, f in fs.items()}\n    return {n: f.result() for n, f in fs.items() if e[n] is None}, {n: str(x) for n, x in e.items() if x is not None}\n",
            "was changed",
        ),
        ("two lists", "def robust(client, function, names):\n    return list(names)\n", "two dictionaries"),
        (
            "remembers what was asked before",
            """
def robust(client, function, names):
    if not hasattr(client, '_kept'):
        client._kept = []
    fs = {n: client.submit(function, n) for n in names}
    client._kept.append(fs)
    e = {n: str(f.exception()) for n, f in fs.items() if f.exception() is not None}
    return {n: f.result() for n, f in fs.items() if n not in e}, e
""",
            "nothing is kept|Asked again",
        ),
    ],
    "dask_audio-3": [
        (
            "one a worker, always",
            "def best_partitions(items, s, o, speeds):\n    return min(items, len(speeds))\n",
            "twice as fast",
        ),
        ("one an item, always", "def best_partitions(items, s, o, speeds):\n    return items\n", "only adds overhead"),
        (
            "as if all workers were equal",
            "def best_partitions(items, s, o, speeds):\n    w = len(speeds)\n    return min(range(1, items + 1), key=lambda p: -(-p // w) * (o + -(-items // p) * s))\n",
            "twice as fast",
        ),
        (
            "in turn, not to the first free",
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k, n in enumerate([items // p + (k < items % p) for k in range(p)]):\n            w = k % len(speeds)\n            free[w] += (o + n * s) / speeds[w]\n        return round(max(free), 9)\n    return min(range(1, items + 1), key=t)\n",
            "twice as fast|later than it could",
        ),
        (
            "the last of those that are free",
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k, n in enumerate([items // p + (k < items % p) for k in range(p)]):\n            w = len(free) - 1 - free[::-1].index(min(free))\n            free[w] += (o + n * s) / speeds[w]\n        return round(max(free), 9)\n    return min(range(1, items + 1), key=t)\n",
            "Larger partitions first|later than it could|twice as fast",
        ),
        (
            "the fastest of those that are free",
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k, n in enumerate([items // p + (k < items % p) for k in range(p)]):\n            w = min(range(len(free)), key=lambda i: (free[i], -speeds[i]))\n            free[w] += (o + n * s) / speeds[w]\n        return round(max(free), 9)\n    return min(range(1, items + 1), key=t)\n",
            "Larger partitions first|later than it could|One item each",
        ),
        (
            "to the one that would finish first",
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k, n in enumerate([items // p + (k < items % p) for k in range(p)]):\n            w = min(range(len(free)), key=lambda i: free[i] + (o + n * s) / speeds[i])\n            free[w] += (o + n * s) / speeds[w]\n        return round(max(free), 9)\n    return min(range(1, items + 1), key=t)\n",
            "Larger partitions first|later than it could",
        ),
        (
            "the smaller partitions first",
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k, n in enumerate([items // p + (k < items % p) for k in range(p)][::-1]):\n            w = free.index(min(free))\n            free[w] += (o + n * s) / speeds[w]\n        return round(max(free), 9)\n    return min(range(1, items + 1), key=t)\n",
            "Larger partitions first|later than it could",
        ),
        (
            "the rest all in the last",
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k, n in enumerate([items // p] * (p - 1) + [items - items // p * (p - 1)]):\n            w = free.index(min(free))\n            free[w] += (o + n * s) / speeds[w]\n        return round(max(free), 9)\n    return min(range(1, items + 1), key=t)\n",
            "Larger partitions first|later than it could|One item each",
        ),
        (
            "the overhead at full speed",
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k, n in enumerate([items // p + (k < items % p) for k in range(p)]):\n            w = free.index(min(free))\n            free[w] += o + n * s / speeds[w]\n        return round(max(free), 9)\n    return min(range(1, items + 1), key=t)\n",
            "Larger partitions first|later than it could|One item each",
        ),
        (
            "no overhead",
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k, n in enumerate([items // p + (k < items % p) for k in range(p)]):\n            w = free.index(min(free))\n            free[w] += n * s / speeds[w]\n        return round(max(free), 9)\n    return min(range(1, items + 1), key=t)\n",
            "only adds overhead|half each|One item each|later",
        ),
        (
            "equal parts, as if items could be cut",
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k, n in enumerate([items // p + (k < items % p) for k in range(p)]):\n            w = free.index(min(free))\n            free[w] += (o + items / p * s) / speeds[w]\n        return round(max(free), 9)\n    return min(range(1, items + 1), key=t)\n",
            "Larger partitions first|later than it could",
        ),
        (
            "never one an item",
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k, n in enumerate([items // p + (k < items % p) for k in range(p)]):\n            w = free.index(min(free))\n            free[w] += (o + n * s) / speeds[w]\n        return round(max(free), 9)\n    return min(range(1, max(2, items)), key=t)\n",
            "13 is allowed|later than|More workers",
        ),
        (
            "the largest of equals",
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k, n in enumerate([items // p + (k < items % p) for k in range(p)]):\n            w = free.index(min(free))\n            free[w] += (o + n * s) / speeds[w]\n        return round(max(free), 9)\n    return min(range(1, items + 1), key=lambda p: (t(p), -p))\n",
            "the smallest of them|half each",
        ),
        (
            "the time, not the number",
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k, n in enumerate([items // p + (k < items % p) for k in range(p)]):\n            w = free.index(min(free))\n            free[w] += (o + n * s) / speeds[w]\n        return round(max(free), 9)\n    return min(t(p) for p in range(1, items + 1))\n",
            "adds overhead",
        ),
        (
            "the mean worker",
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k, n in enumerate([items // p + (k < items % p) for k in range(p)]):\n            w = free.index(min(free))\n            free[w] += (o + n * s) / speeds[w]\n        return sum(free) / len(free)\n    return min(range(1, items + 1), key=t)\n",
            "half each|later than it could|twice as fast",
        ),
        (
            "a formula for many items",
            "def best_partitions(items, s, o, speeds):\n    return max(1, min(items, round((items * s / max(o, 1e-9) * (len(speeds) - 1)) ** 0.5)))\n",
            "half each|later than it could|twice as fast",
        ),
        (
            "not a whole number",
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k, n in enumerate([items // p + (k < items % p) for k in range(p)]):\n            w = free.index(min(free))\n            free[w] += (o + n * s) / speeds[w]\n        return round(max(free), 9)\n    return float(min(range(1, items + 1), key=t))\n",
            "A whole number",
        ),
        (
            "takes nearly equal for equal",
            """
def best_partitions(items, seconds, overhead, speeds):
    def finish(p):
        free = [0.0] * len(speeds)
        for part in np.array_split(np.arange(items), p):
            w = free.index(min(free))
            free[w] += (overhead + len(part) * seconds) / speeds[w]
        return round(max(free), 1)
    return min(range(1, items + 1), key=finish)
""",
            "later than it could",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "dask_audio-2": {
        "- futures = {name: client.submit(function, name, pure=False) for name in names} / + futures = {name: client.submit(function, name) for name in names}": "names are different, and nobody holds an earlier result: there is none to be remembered",
        "- futures = {name: client.submit(function, name, pure=False) for name in names} / + futures = {name: client.submit(function, name, pure=True) for name in names}": "names are different, and nobody holds an earlier result: there is none to be remembered",
    },
    "dask_audio-3": {
        "- free = [0.0] * len(speeds) / + free = [-1.0] * len(speeds)": "all workers begin at the same moment, whichever it is",
        "- free = [0.0] * len(speeds) / + free = [1.0] * len(speeds)": "all workers begin at the same moment, whichever it is",
        "- return round(max(free), 9) / + return max(free)": "differs only where two numbers of partitions differ by the noise of rounding, which no test asks for",
        "- return round(max(free), 9) / + return round(max(free), 10)": "differs only where two numbers of partitions differ by the noise of rounding, which no test asks for",
        "- return round(max(free), 9) / + return round(max(free), 8)": "differs only where two numbers of partitions differ by the noise of rounding, which no test asks for",
        "- return min(range(1, items + 1), key=finish) / + return min(range(1, (items + 1) + 1), key=finish)": "one more part is empty: it only adds to a load, and of equal numbers min takes the first",
        "- return min(range(1, items + 1), key=finish) / + return min(range(1, items + 2), key=finish)": "one more part is empty: it only adds to a load, and of equal numbers min takes the first",
    },
}
