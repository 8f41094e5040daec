"""Answers to the exercises of multiprocessing_images: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "multiprocessing_images-1": [
        """
def ranges(count, size):
    edges = np.append(np.arange(0, count, size), count)
    return np.column_stack([edges[:-1], edges[1:]]).tolist() if count else []
""",
        """
def ranges(count, size):
    found, start = [], 0
    while start < count:
        stop = start + size if start + size <= count else count
        found.append((start, stop))
        start = stop
    return found
""",
        """
def ranges(count, size, start=0):
    if start >= count:
        return []
    if count - start <= size:
        return [(start, count)]
    return [(s, min(s + size, count)) for s in np.arange(start, count, size)]
""",
        """
from itertools import batched
def ranges(count, size):
    return [(part[0], part[-1] + 1) for part in batched(range(count), size)]
""",
    ],
    "multiprocessing_images-2": [
        """
@contextmanager
def shared_copy(array):
    block = shared_memory.SharedMemory(create=True, size=array.nbytes)
    view = np.ndarray(array.shape, array.dtype, buffer=block.buf)
    np.copyto(view, array)
    try:
        yield block.name, view
    finally:
        block.unlink()
        del view
        try:
            block.close()
        except BufferError:
            pass
""",
        """
class shared_copy:
    def __init__(self, array):
        self.array = array
    def __enter__(self):
        self.block = shared_memory.SharedMemory(create=True, size=self.array.nbytes)
        view = np.frombuffer(self.block.buf, self.array.dtype, self.array.size).reshape(self.array.shape)
        view[...] = self.array
        return self.block.name, view
    def __exit__(self, *error):
        self.block.close()
        self.block.unlink()
""",
        """
from multiprocessing.managers import SharedMemoryManager
@contextmanager
def shared_copy(array):
    with SharedMemoryManager() as manager:
        block = manager.SharedMemory(array.nbytes)
        view = np.ndarray(array.shape, dtype=array.dtype, buffer=block.buf)
        view[...] = array
        yield block.name, view
        del view
        block.close()
""",
        """
from contextlib import ExitStack
@contextmanager
def shared_copy(array):
    with ExitStack() as stack:
        block = shared_memory.SharedMemory(create=True, size=array.nbytes)
        stack.callback(block.unlink)
        stack.callback(block.close)
        block.buf[:array.nbytes] = array.tobytes()
        yield block.name, np.ndarray(array.shape, array.dtype, block.buf)
""",
    ],
    "multiprocessing_images-3": [
        """
import heapq
def assign(costs, workers):
    heap = [(0.0, w) for w in range(workers)]
    chosen = np.zeros(len(costs), int)
    for task in np.argsort(costs)[::-1]:
        load, w = heapq.heappop(heap)
        chosen[task] = w
        heapq.heappush(heap, (load + costs[task], w))
    return chosen
""",
        # the smallest capacity into which first fit decreasing packs all: Multifit, within 13/11
        """
def assign(costs, workers):
    order = sorted(range(len(costs)), key=costs.__getitem__, reverse=True)
    def packed(capacity):
        free, where = [capacity] * workers, {}
        for task in order:
            for w in range(workers):
                if free[w] >= costs[task] - 1e-12:
                    free[w] -= costs[task]
                    where[task] = w
                    break
            else:
                return None
        return where
    low, high = 0, sum(costs)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if packed(middle) is not None else (middle, high)
    where = packed(high) if packed(high) is not None else packed(sum(costs) + 1)
    return tuple(where[task] for task in range(len(costs)))
""",
        # longest first, recursively
        """
def assign(costs, workers):
    def place(order, load):
        if not order:
            return {}
        w = min(range(workers), key=lambda w: load[w])
        head, *rest = order
        return {head: w} | place(rest, [l + costs[head] * (n == w) for n, l in enumerate(load)])
    where = place(sorted(range(len(costs)), key=lambda t: costs[t])[::-1], [0] * workers)
    return [where[t] for t in sorted(where)]
""",
        # differencing, after Karmarkar and Karp
        """
import heapq
def assign(costs, workers):
    heap = []
    for i, c in enumerate(costs):
        parts = [(0.0, []) for _ in range(workers - 1)] + [(c, [i])]
        heap.append((-(c), i, parts))
    if not heap:
        return []
    heapq.heapify(heap)
    n = len(costs)
    while len(heap) > 1:
        _, _, a = heapq.heappop(heap)
        _, _, b = heapq.heappop(heap)
        a = sorted(a, key=lambda p: p[0]); b = sorted(b, key=lambda p: -p[0])
        m = [(x + y, s + t) for (x, s), (y, t) in zip(a, b)]
        least = min(p[0] for p in m)
        spread = max(p[0] for p in m) - least
        heapq.heappush(heap, (-spread, n, [(x - least, s) for x, s in m]))
        n += 1
    out = [0] * len(costs)
    for w, (_, s) in enumerate(heap[0][2]):
        for i in s:
            out[i] = w
    return out
""",
    ],
    "multiprocessing_images-4": [
        # a process and a pipe for each item, joined by threads that are as many as the workers
        """
from concurrent.futures import ThreadPoolExecutor
def _send(line, function, item):
    try:
        line.send((True, function(item)))
    except Exception as error:
        line.send((False, error))
def map_surviving(function, items, workers):
    fork = multiprocessing.get_context("fork")
    def one(item):
        ours, theirs = fork.Pipe(False)
        process = fork.Process(target=_send, args=(theirs, function, item))
        process.start()
        theirs.close()
        try:
            good, result = ours.recv()
        except EOFError:
            good, result = True, None
        process.join()
        if not good:
            raise result
        return result
    with ThreadPoolExecutor(workers) as threads:
        return list(threads.map(one, items))
""",
        # halving: whatever part breaks is cut in two, down to the item
        """
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
def map_surviving(function, items, workers):
    items = list(items)
    if not items:
        return []
    try:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("forkserver")) as pool:
            return list(pool.map(function, items))
    except BrokenProcessPool:
        if len(items) == 1:
            return [None]
    middle = len(items) // 2
    return map_surviving(function, items[:middle], workers) + map_surviving(function, items[middle:], workers)
""",
        # a pool of one process for each item, several pools at a time
        """
import concurrent.futures as cf
from concurrent.futures.process import BrokenProcessPool
def map_surviving(function, items, workers):
    def one(item):
        with cf.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            try:
                return pool.submit(function, item).result()
            except BrokenProcessPool:
                return None
    with cf.ThreadPoolExecutor(max_workers=workers) as threads:
        return [future.result() for future in [threads.submit(one, item) for item in items]]
""",
        # fork and pipe by hand
        """
import pickle
from concurrent.futures import ThreadPoolExecutor
def map_surviving(function, items, workers):
    def one(item):
        r, w = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(r)
            try:
                try: said = (True, function(item))
                except Exception as e: said = (False, e)
                with os.fdopen(w, 'wb') as f: pickle.dump(said, f)
            finally:
                os._exit(0)
        os.close(w)
        with os.fdopen(r, 'rb') as f: data = f.read()
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status): return None
        ok, value = pickle.loads(data)
        if not ok: raise value
        return value
    with ThreadPoolExecutor(workers) as t:
        return list(t.map(one, items))
""",
    ],
}

SHARED = """
@contextmanager
def shared_copy(array):
    block = shared_memory.SharedMemory(create=True, size=array.nbytes)
    view = np.ndarray(array.shape, array.dtype, buffer=block.buf)
    view[...] = array
    {body}
"""

POOL = """
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
context = multiprocessing.get_context("forkserver")
def map_surviving(function, items, workers):
    {body}
"""

WRONG = {
    "multiprocessing_images-1": [
        (
            "runs past the end",
            "def ranges(count, size):\n    return [(s, s + size) for s in range(0, count, size)]\n",
            "last range is shorter",
        ),
        (
            "leaves the rest out",
            "def ranges(count, size):\n    return [(s, s + size) for s in range(0, count - size + 1, size)]\n",
            "nothing left out",
        ),
        (
            "stop included",
            "def ranges(count, size):\n    return [(s, min(s + size, count) - 1) for s in range(0, count, size)]\n",
            "one past the last item",
        ),
        (
            "an empty range at the end",
            "def ranges(count, size):\n    return [(s, min(s + size, count)) for s in range(0, count + 1, size)]\n",
            "Ten items in fives",
        ),
        (
            "no items are one range",
            "def ranges(count, size):\n    return [(s, min(s + size, count)) for s in range(0, count, size)] or [(0, 0)]\n",
            "No items, no ranges",
        ),
        (
            "even parts instead of full ones",
            "def ranges(count, size):\n    if not count:\n        return []\n    edges = np.linspace(0, count, -(-count // size) + 1).round().astype(int)\n    return list(zip(edges[:-1], edges[1:]))\n",
            "last range is shorter|the full size",
        ),
        (
            "prints them",
            "def ranges(count, size):\n    print([(s, min(s + size, count)) for s in range(0, count, size)])\n",
            "returned nothing",
        ),
        (
            "the short range first",
            """
def ranges(count, size):
    r = count % size
    e = ([0] if r else []) + list(range(r, count + 1, size))
    return list(zip(e, e[1:]))
""",
            "last range is shorter",
        ),
        (
            "a generator",
            """
def ranges(count, size):
    return ((s, min(s + size, count)) for s in range(0, count, size))
""",
            "Return a list",
        ),
        (
            "floats",
            """
def ranges(count, size):
    return [(float(s), float(min(s + size, count))) for s in range(0, count, size)]
""",
            "Whole numbers",
        ),
    ],
    "multiprocessing_images-2": [
        (
            "no clean-up after an exception",
            SHARED.format(body="yield block.name, view\n    del view\n    block.close()\n    block.unlink()"),
            "clean up in finally",
        ),
        (
            "closed, not unlinked",
            SHARED.format(
                body="try:\n        yield block.name, view\n    finally:\n        del view\n        block.close()"
            ),
            "unlink, not only close",
        ),
        (
            "unlinked, and its mapping kept",
            "kept = []\n"
            + SHARED.format(
                body="kept.append(block)\n    try:\n        yield block.name, view\n    finally:\n        block.unlink()"
            ),
            "still has the memory",
        ),
        (
            "a view of the original",
            SHARED.format(
                body="try:\n        yield block.name, array.copy()\n    finally:\n        del view\n        block.close()\n        block.unlink()"
            ),
            "not a copy of it",
        ),
        (
            "swallows the exception",
            SHARED.format(
                body="try:\n        yield block.name, view\n    except BaseException:\n        pass\n    finally:\n        del view\n        block.close()\n        block.unlink()"
            ),
            "must come out again",
        ),
        (
            "cleans up after errors, not after an interrupt",
            SHARED.format(
                body="try:\n        yield block.name, view\n    except Exception:\n        del view\n        block.close()\n        block.unlink()\n        raise\n    else:\n        del view\n        block.close()\n        block.unlink()"
            ),
            "After a KeyboardInterrupt",
        ),
        (
            "the bytes in their order in memory",
            SHARED.format(
                body="view = np.ndarray(array.shape, array.dtype, buffer=block.buf)\n    block.buf[:array.nbytes] = array.tobytes(order='A')\n    try:\n        yield block.name, view\n    finally:\n        del view\n        block.close()\n        block.unlink()"
            ),
            "must arrive as it is",
        ),
        (
            "always the same name",
            SHARED.replace("create=True,", "name='copy', create=True,").format(
                body="try:\n        yield block.name, view\n    finally:\n        del view\n        block.close()\n        block.unlink()"
            ),
            "has a block of its own",
        ),
        (
            "the block instead of its name",
            SHARED.format(
                body="try:\n        yield view\n    finally:\n        del view\n        block.close()\n        block.unlink()"
            ),
            "Yield two things",
        ),
        (
            "a plain generator",
            SHARED.replace("@contextmanager\n", "").format(body="yield block.name, view\n    block.unlink()"),
            "usable in a with statement",
        ),
        (
            "in the machine's byte order",
            """
@contextmanager
def shared_copy(array):
    array = array.astype(array.dtype.newbyteorder('='))
    block = shared_memory.SharedMemory(create=True, size=array.nbytes)
    view = np.ndarray(array.shape, array.dtype, buffer=block.buf)
    view[...] = array
    try:
        yield block.name, view
    finally:
        del view
        block.close()
        block.unlink()
""",
            "must arrive as it is",
        ),
        (
            "copies back at the end",
            """
@contextmanager
def shared_copy(array):
    block = shared_memory.SharedMemory(create=True, size=array.nbytes)
    view = np.ndarray(array.shape, array.dtype, buffer=block.buf)
    view[...] = array
    try:
        yield block.name, view
    finally:
        array[...] = view
        del view
        block.close()
        block.unlink()
""",
            "nothing is copied back",
        ),
        (
            "the view first",
            """
@contextmanager
def shared_copy(array):
    block = shared_memory.SharedMemory(create=True, size=array.nbytes)
    view = np.ndarray(array.shape, array.dtype, buffer=block.buf)
    view[...] = array
    try:
        yield view, block.name
    finally:
        del view
        block.close()
        block.unlink()
""",
            "the name is text",
        ),
    ],
    "multiprocessing_images-3": [
        (
            "in turn",
            "def assign(costs, workers):\n    return [task % workers for task in range(len(costs))]\n",
            "task of 4 alone",
        ),
        (
            "equal numbers of tasks",
            "def assign(costs, workers):\n    return [task * workers // len(costs) for task in range(len(costs))]\n",
            "task of 4 alone",
        ),
        (
            "as they come, to the least loaded",
            "def assign(costs, workers):\n    load = [0.0] * workers\n    out = []\n    for c in costs:\n        w = load.index(min(load))\n        out.append(w)\n        load[w] += c\n    return out\n",
            "must not come last|third later",
        ),
        (
            "longest first, dealt out in turn",
            "def assign(costs, workers):\n    chosen = [0] * len(costs)\n    for n, t in enumerate(sorted(range(len(costs)), key=lambda t: -costs[t])):\n        chosen[t] = n % workers\n    return chosen\n",
            "task of 4 alone",
        ),
        (
            "longest first, dealt out to and fro",
            "def assign(costs, workers):\n    chosen = [0] * len(costs)\n    turns = [*range(workers), *reversed(range(workers))]\n    for n, t in enumerate(sorted(range(len(costs)), key=lambda t: -costs[t])):\n        chosen[t] = turns[n % len(turns)]\n    return chosen\n",
            "task of 4 alone",
        ),
        (
            "in the order of the sorted costs",
            "def assign(costs, workers):\n    load, out = [0.0] * workers, []\n    for c in sorted(costs, reverse=True):\n        w = load.index(min(load))\n        out.append(w)\n        load[w] += c\n    return out\n",
            "must not come last|third later",
        ),
        (
            "sorts the caller's list",
            "def assign(costs, workers):\n    load, out = [0.0] * workers, []\n    costs.sort(reverse=True)\n    for c in costs:\n        w = load.index(min(load))\n        out.append(w)\n        load[w] += c\n    return out\n",
            "leave the costs as they are",
        ),
        (
            "workers from one",
            "def assign(costs, workers):\n    load, chosen = [0.0] * workers, [0] * len(costs)\n    for t in sorted(range(len(costs)), key=lambda t: -costs[t]):\n        w = load.index(min(load))\n        chosen[t] = w + 1\n        load[w] += costs[t]\n    return chosen\n",
            "numbered from 0",
        ),
        (
            "the tasks of each worker instead of the worker of each task",
            "def assign(costs, workers):\n    load, parts = [0.0] * workers, [[] for _ in range(workers)]\n    for t in sorted(range(len(costs)), key=lambda t: -costs[t]):\n        w = load.index(min(load))\n        parts[w].append(t)\n        load[w] += costs[t]\n    return [len(part) for part in parts]\n",
            "one worker for each task",
        ),
        (
            "shortest first",
            "def assign(costs, workers):\n    load, chosen = [0.0] * workers, [0] * len(costs)\n    for t in sorted(range(len(costs)), key=lambda t: costs[t]):\n        w = load.index(min(load))\n        chosen[t] = w\n        load[w] += costs[t]\n    return chosen\n",
            "task of 4 alone",
        ),
        (
            "equal costs taken for one task",
            """
def assign(costs, workers):
    load, out = [0.0] * workers, {}
    for c in sorted(costs, reverse=True):
        w = load.index(min(load)); out[c] = w; load[w] += c
    return [out[c] for c in costs]
""",
            "must not come last|third later|task of 4 alone",
        ),
        (
            "the best of a hundred by chance",
            """
import random
def assign(costs, workers):
    def end(a):
        l = [0] * workers
        for c, w in zip(costs, a): l[w] += c
        return max(l)
    return min(([random.randrange(workers) for _ in costs] for _ in range(100)), key=end)
""",
            "one each|third later|must not come last|task of 4 alone",
        ),
    ],
    "multiprocessing_images-4": [
        (
            "a loop in this process, which knows what kills",
            "def map_surviving(function, items, workers):\n    return [None if item == 13 or isinstance(item, tuple) and item[1] == 13 else function(item) for item in items]\n",
            "not by this one",
        ),
        (
            "one pool, and all that was lost is None",
            POOL.format(
                body="with ProcessPoolExecutor(workers, mp_context=context) as pool:\n        futures = [pool.submit(function, item) for item in items]\n    return [None if isinstance(f.exception(), BrokenProcessPool) else f.result() for f in futures]"
            ),
            "Every other item has its result",
        ),
        (
            "a second pool for all that was lost",
            POOL.format(
                body="""def run(some):
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            futures = {n: pool.submit(function, items[n]) for n in some}
        return {n: f for n, f in futures.items() if not isinstance(f.exception(), BrokenProcessPool)}
    done = run(range(len(items)))
    done |= run([n for n in range(len(items)) if n not in done])
    return [done[n].result() if n in done else None for n in range(len(items))]"""
            ),
            "Every other item has its result|all the others' results",
        ),
        (
            "one at a time",
            POOL.format(
                body="""results = []
    for item in items:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            try:
                results.append(pool.submit(function, item).result())
            except BrokenProcessPool:
                results.append(None)
    return results"""
            ),
            "nothing ran at the same time",
        ),
        (
            "all at a time",
            POOL.format(
                body="""pools = [ProcessPoolExecutor(1, mp_context=context) for _ in items]
    futures = [pool.submit(function, item) for pool, item in zip(pools, items)]
    for pool in pools:
        pool.shutdown()
    return [None if isinstance(f.exception(), BrokenProcessPool) else f.result() for f in futures]"""
            ),
            "2 workers at most",
        ),
        (
            "errors are None too",
            POOL.format(
                body="""def one(item):
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            try:
                return pool.submit(function, item).result()
            except Exception:
                return None
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(workers) as threads:
        return list(threads.map(one, items))"""
            ),
            "comes to the caller",
        ),
        (
            "what killed is left out",
            POOL.format(
                body="""def one(item):
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            try:
                return [pool.submit(function, item).result()]
            except BrokenProcessPool:
                return []
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(workers) as threads:
        return [found for part in threads.map(one, items) for found in part]"""
            ),
            "its result is None",
        ),
        (
            "a pool that is never ended",
            POOL.format(
                body="""def one(item):
        pool = ProcessPoolExecutor(1, mp_context=context)
        kept.append(pool)
        try:
            return pool.submit(function, item).result()
        except BrokenProcessPool:
            return None
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(workers) as threads:
        return list(threads.map(one, items))"""
            )
            + "kept = []\n",
            "left behind",
        ),
        (
            "the first that was lost taken for the killer",
            """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
ctx = multiprocessing.get_context('forkserver')
def alone(function, item):
    with ProcessPoolExecutor(1, mp_context=ctx) as p:
        try: return p.submit(function, item).result()
        except BrokenProcessPool: return None
def map_surviving(function, items, workers):
    items, done = list(items), {}
    todo = list(range(len(items)))
    while todo:
        with ProcessPoolExecutor(workers, mp_context=ctx) as p:
            fs = {n: p.submit(function, items[n]) for n in todo}
        lost = [n for n, f in fs.items() if isinstance(f.exception(), BrokenProcessPool)]
        done |= {n: f.result() for n, f in fs.items() if n not in lost}
        if lost:
            done[lost[0]] = None
        todo = lost[1:]
    return [done[n] for n in range(len(items))]
""",
            "Every other item|in its place",
        ),
        (
            "those that waited are not run again",
            """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
ctx = multiprocessing.get_context('forkserver')
def alone(function, item):
    with ProcessPoolExecutor(1, mp_context=ctx) as p:
        try: return p.submit(function, item).result()
        except BrokenProcessPool: return None
def map_surviving(function, items, workers):
    with ProcessPoolExecutor(workers, mp_context=ctx) as p:
        fs = [p.submit(function, i) for i in items]
    out = []
    for k, (i, f) in enumerate(zip(items, fs)):
        out.append((alone(function, i) if k < workers + 1 else None) if isinstance(f.exception(), BrokenProcessPool) else f.result())
    return out
""",
            "Every other item has its result",
        ),
        (
            "what was lost is done in this process",
            """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
ctx = multiprocessing.get_context('forkserver')
def alone(function, item):
    with ProcessPoolExecutor(1, mp_context=ctx) as p:
        try: return p.submit(function, item).result()
        except BrokenProcessPool: return None
def map_surviving(function, items, workers):
    with ProcessPoolExecutor(workers, mp_context=ctx) as p:
        fs = [p.submit(function, i) for i in items]
    out = []
    for i, f in zip(items, fs):
        try: out.append(f.result())
        except BrokenProcessPool: out.append(None if i == 13 or (isinstance(i, tuple) and i[-1] == 13) else function(i))
    return out
""",
            "not by this one",
        ),
        (
            "as they come",
            """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
ctx = multiprocessing.get_context('forkserver')
def alone(function, item):
    with ProcessPoolExecutor(1, mp_context=ctx) as p:
        try: return p.submit(function, item).result()
        except BrokenProcessPool: return None
from concurrent.futures import as_completed
def map_surviving(function, items, workers):
    with ThreadPoolExecutor(workers) as t:
        fs = [t.submit(alone, function, i) for i in items]
        return [f.result() for f in as_completed(fs)]
""",
            "order of the items|its result is None|Every other item|in its place",
        ),
        (
            "takes the items off their list",
            """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
ctx = multiprocessing.get_context('forkserver')
def alone(function, item):
    with ProcessPoolExecutor(1, mp_context=ctx) as p:
        try: return p.submit(function, item).result()
        except BrokenProcessPool: return None
def map_surviving(function, items, workers):
    out = []
    with ThreadPoolExecutor(workers) as t:
        fs = []
        while items: fs.append(t.submit(alone, function, items.pop(0)))
        return [f.result() for f in fs]
""",
            "list of items was changed",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "multiprocessing_images-2": {
        "- del view # it would point at memory that is gone / + pass # it would point at memory that is gone": "NumPy does not keep the block from closing, and nobody reads this view again",
        "- block.close() / + pass": "the mapping goes with the last reference to the block, which ends here as well",
    },
    "multiprocessing_images-3": {
        "- load, chosen = [0.0] * workers, [0] * len(costs) / + load, chosen = [-1.0] * workers, [0] * len(costs)": "as much more for every worker changes no minimum",
        "- load, chosen = [0.0] * workers, [0] * len(costs) / + load, chosen = [1.0] * workers, [0] * len(costs)": "as much more for every worker changes no minimum",
        "- load, chosen = [0.0] * workers, [0] * len(costs) / + load, chosen = [0.0] * workers, [-1] * len(costs)": "every entry is written before it is returned",
        "- load, chosen = [0.0] * workers, [0] * len(costs) / + load, chosen = [0.0] * workers, [1] * len(costs)": "every entry is written before it is returned",
    },
    "multiprocessing_images-4": {
        "- with ProcessPoolExecutor(at_once, mp_context=context) as pool: / + with ProcessPoolExecutor(at_once) as pool:": "any way to start processes finds a function of a module",
        "- for number in [number for number, future in futures.items() if broken(future)]: / + for number in [number for number, future in futures.items() if True]:": "works on all of them again: slower, with the same results",
        "- futures |= attempt([number], 1) / + futures |= attempt([number], 2)": "one item starts one process, however many the pool might have",
    },
}
