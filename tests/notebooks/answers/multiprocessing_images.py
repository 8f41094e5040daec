"""Answers to the exercises of multiprocessing_images: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "multiprocessing_images-1": [
        """
def ranges(count, size):
    edges = np.append(np.arange(0, count, size), count)
    return np.column_stack([edges[:-1], edges[1:]]).tolist() if count else []
"""
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
"""
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
"""
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
            "a view of the original",
            SHARED.format(
                body="try:\n        yield block.name, array.copy()\n    finally:\n        del view\n        block.close()\n        block.unlink()"
            ),
            "not a copy of it",
        ),
        (
            "swallows the exception",
            SHARED.format(
                body="try:\n        yield block.name, view\n    except Exception:\n        pass\n    finally:\n        del view\n        block.close()\n        block.unlink()"
            ),
            "must come out again",
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
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "multiprocessing_images-3": {
        "- load, chosen = [0.0] * workers, [0] * len(costs) / + load, chosen = [0.0] * workers, [-1] * len(costs)": "every entry is written before it is returned",
        "- load, chosen = [0.0] * workers, [0] * len(costs) / + load, chosen = [0.0] * workers, [1] * len(costs)": "every entry is written before it is returned",
    },
}
