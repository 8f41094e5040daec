"""Answers to the exercises of case_chevron_seismic: other right ones, and the classic wrong ones with the hint they must get."""

_STACK = """
def stack(make_pool, image_of, tasks, pools=3):
    images = [None] * len(tasks)
    for _ in range(pools):
        missing = [k for k, image in enumerate(images) if image is None]
        if not missing:
            break
        with make_pool() as pool:
            waiting = {}
            for k in missing:
                try:
                    waiting[k] = pool.submit(image_of, tasks[k])
                except BrokenProcessPool:
                    break
        for k, future in waiting.items():
            if not isinstance(future.exception(), BrokenProcessPool):
                images[k] = future.result()
    if any(image is None for image in images):
        raise RuntimeError(f"missing: {sum(image is None for image in images)}")
    total = np.zeros(images[0].shape, np.float32)
    for image in images:
        total = total + image
    return total
"""


def _changed(old: str, new: str) -> str:
    assert old in _STACK, old
    return _STACK.replace(old, new)


RIGHT = {
    "case_chevron_seismic-1": [
        """
def longest_step(speeds, spacings, stencil):
    side = np.abs(np.asarray(stencil[1:])).sum()
    curvature = sum((abs(stencil[0]) + 2 * side) * h**-2 for h in spacings)
    return 2 / np.asarray(speeds).max() / curvature**0.5
"""
    ],
    "case_chevron_seismic-2": [
        """
def dot_test(forward, adjoint, shape_in, shape_out):
    x, y = np.random.normal(size=shape_in), np.random.normal(size=shape_out)
    ax, aty = np.asarray(forward(x)), np.asarray(adjoint(y))
    if ax.shape != y.shape:
        raise ValueError("forward")
    if aty.shape != x.shape:
        raise ValueError("adjoint")
    a, b = float((ax * y).sum()), float((x * aty).sum())
    if a == b == 0:
        return 0.0
    return abs(a - b) / max(abs(a), abs(b))
"""
    ],
    "case_chevron_seismic-3": [_STACK],
}

WRONG = {
    "case_chevron_seismic-1": [
        (
            "the 1-D limit",
            "def longest_step(speeds, spacings, stencil):\n    s = abs(stencil[0]) + 2 * sum(map(abs, stencil[1:]))\n    return 2 * min(spacings) / (np.max(speeds) * s**0.5)\n",
            "not the 1-D limit",
        ),
        (
            "the mean velocity",
            "def longest_step(speeds, spacings, stencil):\n    s = abs(stencil[0]) + 2 * sum(map(abs, stencil[1:]))\n    return 2 / (np.mean(speeds) * (s * sum(1 / h**2 for h in spacings)) ** 0.5)\n",
            "fastest cell decides",
        ),
        (
            "three points, whatever the stencil",
            "def longest_step(speeds, spacings, stencil):\n    return 1 / (np.max(speeds) * sum(1 / h**2 for h in spacings) ** 0.5)\n",
            "larger sum of weights",
        ),
        (
            "the smallest spacing for all",
            "def longest_step(speeds, spacings, stencil):\n    s = abs(stencil[0]) + 2 * sum(map(abs, stencil[1:]))\n    return 2 * min(spacings) / (np.max(speeds) * (s * len(spacings)) ** 0.5)\n",
            "each spacing has its own term",
        ),
    ],
    "case_chevron_seismic-2": [
        (
            "the same vector for both sides",
            "def dot_test(forward, adjoint, shape_in, shape_out):\n    if tuple(shape_in) == tuple(shape_out):\n        x = y = np.random.default_rng(0).standard_normal(shape_in)\n    else:\n        x, y = np.random.standard_normal(shape_in), np.random.standard_normal(shape_out)\n    a, b = np.vdot(forward(x), y), np.vdot(x, adjoint(y))\n    return float(abs(a - b) / max(abs(a), abs(b)))\n",
            "different vectors",
        ),
        (
            "an absolute difference",
            "def dot_test(forward, adjoint, shape_in, shape_out):\n    x, y = np.random.standard_normal(shape_in), np.random.standard_normal(shape_out)\n    return float(abs(np.vdot(forward(x), y) - np.vdot(x, adjoint(y))))\n",
            "relative, not absolute|must pass",
        ),
        (
            "vectors of ones",
            "def dot_test(forward, adjoint, shape_in, shape_out):\n    x, y = np.ones(shape_in), np.ones(shape_out)\n    ax, aty = forward(x), adjoint(y)\n    if ax.shape != y.shape or aty.shape != x.shape:\n        raise ValueError\n    a, b = np.vdot(ax, y), np.vdot(x, aty)\n    m = max(abs(a), abs(b))\n    return float(abs(a - b) / m) if m else 0.0\n",
            "different vectors|random ones|vectors of ones",
        ),
        (
            "shapes are flattened",
            "def dot_test(forward, adjoint, shape_in, shape_out):\n    x, y = np.random.standard_normal(shape_in), np.random.standard_normal(shape_out)\n    a, b = np.vdot(forward(x), y), np.vdot(x, adjoint(y))\n    m = max(abs(a), abs(b))\n    return float(abs(a - b) / m) if m else 0.0\n",
            "must be a ValueError",
        ),
    ],
    "case_chevron_seismic-3": [
        (
            "added as they arrive",
            "from concurrent.futures import as_completed\ndef stack(make_pool, image_of, tasks, pools=3):\n    with make_pool() as pool:\n        total = None\n        for future in as_completed([pool.submit(image_of, t) for t in tasks]):\n            total = future.result() if total is None else total + future.result()\n    return total\n",
            "add in the order of tasks",
        ),
        (
            "added in float64",
            _changed("np.zeros(images[0].shape, np.float32)", "np.zeros(images[0].shape)").replace(
                "return total", "return total.astype(np.float32)"
            ),
            "Other bits than the loop",
        ),
        (
            "no second pool",
            "def stack(make_pool, image_of, tasks, pools=3):\n    with make_pool() as pool:\n        images = list(pool.map(image_of, tasks))\n    total = np.zeros_like(images[0])\n    for image in images:\n        total += image\n    return total\n",
            "a new pool must run",
        ),
        (
            "everything again after a death",
            "def stack(make_pool, image_of, tasks, pools=3):\n    for _ in range(pools):\n        try:\n            with make_pool() as pool:\n                images = list(pool.map(image_of, tasks))\n        except BrokenProcessPool:\n            continue\n        total = np.zeros_like(images[0])\n        for image in images:\n            total += image\n        return total\n    raise RuntimeError(len(tasks))\n",
            "must not be run again",
        ),
        (
            "leaves the lost ones out",
            _changed("range(pools)", "range(1)").replace(
                "    if any(image", "    images = [i for i in images if i is not None]\n    if any(image"
            ),
            "nothing twice, nothing lost",
        ),
        (
            "every exception is a death",
            _changed("if not isinstance(future.exception(), BrokenProcessPool)", "if future.exception() is None"),
            "comes out as it is",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "case_chevron_seismic-2": {
        '- raise ValueError(f"shapes {np.shape(there)} and {np.shape(back)}, expected {shape_out} and {shape_in}") / + raise ValueError(f"~shapes {np.shape(there)} and {np.shape(back)}, expected {shape_out} and {shape_in}")': "the wording of the message is free",
    },
    "case_chevron_seismic-3": {
        "- break / + continue": "with nothing missing, the rounds that are left do nothing",
        '- raise RuntimeError(f"{len(tasks) - len(done)} images are missing after {pools} pools") / + raise RuntimeError(f"~{len(tasks) - len(done)} images are missing after {pools} pools")': "the wording of the message is free",
    },
}
