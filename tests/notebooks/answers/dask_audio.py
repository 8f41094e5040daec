"""Answers to the exercises of dask_audio: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "dask_audio-1": [
        """
def lost(who_has, dead):
    gone = []
    for key, holders in who_has.items():
        if all(holder in dead for holder in holders):
            gone.append(key)
    return gone
"""
    ],
    "dask_audio-2": [
        """
def robust(function, names):
    @dask.delayed
    def attempt(name):
        try:
            return True, function(name)
        except Exception as error:
            return False, str(error)
    (answers,) = dask.compute([attempt(name) for name in names])
    good = {n: v for n, (ok, v) in zip(names, answers) if ok}
    return good, {n: v for n, (ok, v) in zip(names, answers) if not ok}
"""
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
"""
    ],
}

WRONG = {
    "dask_audio-1": [
        (
            "one dead holder is enough",
            "def lost(who_has, dead):\n    return {k for k, h in who_has.items() if set(h) & set(dead)}\n",
            "copy on a worker that lives",
        ),
        (
            "only the first holder counts",
            "def lost(who_has, dead):\n    return {k for k, h in who_has.items() if h[0] in dead}\n",
            "copy on a worker that lives|Worker w3 lives",
        ),
        (
            "exactly the dead workers",
            "def lost(who_has, dead):\n    return {k for k, h in who_has.items() if set(h) == set(dead)}\n",
            "every copy is gone",
        ),
    ],
    "dask_audio-2": [
        (
            "the first error stops everything",
            "def robust(function, names):\n    try:\n        r = dask.compute(*[dask.delayed(function)(n) for n in names])\n        return dict(zip(names, r)), {}\n    except Exception as e:\n        return {}, {names[0]: str(e)}\n",
            "good files must have results",
        ),
        (
            "one graph a name",
            "def robust(function, names):\n    good, bad = {}, {}\n    for n in names:\n        try:\n            good[n] = dask.compute(dask.delayed(function)(n))[0]\n        except Exception as e:\n            bad[n] = str(e)\n    return good, bad\n",
            "called 4 times",
        ),
        (
            "None taken for a failure",
            "def robust(function, names):\n    def a(n):\n        try:\n            return function(n), None\n        except Exception as e:\n            return None, str(e)\n    r = dask.compute(*[dask.delayed(a)(n) for n in names])\n    return {n: v for n, (v, _) in zip(names, r) if v is not None}, {n: e for n, (_, e) in zip(names, r) if e is not None}\n",
            "None is a result",
        ),
        (
            "keeps the type of the error only",
            "def robust(function, names):\n    def a(n):\n        try:\n            return True, function(n)\n        except Exception as e:\n            return False, type(e).__name__\n    r = dask.compute(*[dask.delayed(a)(n) for n in names])\n    return {n: v for n, (ok, v) in zip(names, r) if ok}, {n: v for n, (ok, v) in zip(names, r) if not ok}\n",
            "what the exception says",
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
            "def best_partitions(items, s, o, speeds):\n    def t(p):\n        free = [0.0] * len(speeds)\n        for k in range(p):\n            w = k % len(speeds)\n            free[w] += (o + (items // p + (k < items % p)) * s) / speeds[w]\n        return round(max(free), 9)\n    return min(range(1, items + 1), key=t)\n",
            "twice as fast|later than it could",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "dask_audio-2": {
        "- results = {name: value for name, (value, message) in zip(names, answers, strict=True) if message is None} / + results = {name: value for name, (value, message) in zip(names, answers) if message is None}": "dask.compute answers once for each argument: both are always equally long",
        "- results = {name: value for name, (value, message) in zip(names, answers, strict=True) if message is None} / + results = {name: value for name, (value, message) in zip(names, answers, strict=False) if message is None}": "dask.compute answers once for each argument: both are always equally long",
        "- return results, {name: message for name, (_, message) in zip(names, answers, strict=True) if message is not None} / + return results, {name: message for name, (_, message) in zip(names, answers) if message is not None}": "dask.compute answers once for each argument: both are always equally long",
        "- return results, {name: message for name, (_, message) in zip(names, answers, strict=True) if message is not None} / + return results, {name: message for name, (_, message) in zip(names, answers, strict=False) if message is not None}": "dask.compute answers once for each argument: both are always equally long",
    },
    "dask_audio-3": {
        "- return min(range(1, items + 1), key=finish) / + return min(range(1, (items + 1) + 1), key=finish)": "one more part is empty: it only adds to a load, and of equal numbers min takes the first",
        "- return min(range(1, items + 1), key=finish) / + return min(range(1, items + 2), key=finish)": "one more part is empty: it only adds to a load, and of equal numbers min takes the first",
    },
}
