"""Answers to the exercises of tflite_images: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "tflite_images-1": [
        """
def discordant(before, after, truth):
    pairs = [(b == t, a == t) for b, a, t in zip(before, after, truth)]
    return [pairs.count((True, False)), pairs.count((False, True))]
""",
        """
def discordant(before, after, truth):
    change = (after == truth).astype(int) - (before == truth)
    return np.array([(change < 0).sum(), (change > 0).sum()])
""",
    ],
    "tflite_images-2": [
        """
def quantise(kernel, bits):
    top = 2 ** (bits - 1) - 1
    integers, scale = np.zeros(kernel.shape), np.ones(kernel.shape[-1])
    for o in range(kernel.shape[-1]):
        if kernel[..., o].any():
            scale[o] = abs(kernel[..., o]).max() / top
            integers[..., o] = np.clip(np.round(kernel[..., o] / scale[o]), -top, top)
    return integers, scale
""",
    ],
    "tflite_images-3": [
        """
def newest(arrivals, service):
    done, now, frame = {}, 0, 0
    while frame < len(arrivals):
        now = max(now, arrivals[frame])
        while frame + 1 < len(arrivals) and arrivals[frame + 1] <= now:
            frame += 1
        now += service[frame]
        done[frame] = now
        frame += 1
    return done
""",
        """
def newest(arrivals, service):
    done, free, buffer = {}, 0, None
    for frame, arrived in enumerate([*arrivals, float("inf")]):
        if buffer is not None:
            begin = max(free, arrivals[buffer])
            if begin < arrived:
                done[buffer] = free = begin + service[buffer]
        buffer = frame
    return done
""",
    ],
}

WRONG = {
    "tflite_images-1": [
        (
            "counts every change of answer",
            "def discordant(before, after, truth):\n    d = before != after\n    return int((d & (after != truth)).sum()), int((d & (before != truth)).sum())\n",
            "no discordant pair|both wrong don't count",
        ),
        (
            "won before lost",
            "def discordant(before, after, truth):\n    o, n = before == truth, after == truth\n    return int((n & ~o).sum()), int((o & ~n).sum())\n",
            "first what is lost",
        ),
        (
            "the errors of each",
            "def discordant(before, after, truth):\n    return int((after != truth).sum()), int((before != truth).sum())\n",
            "both wrong don't count",
        ),
    ],
    "tflite_images-2": [
        (
            "one scale for the whole kernel",
            "def quantise(kernel, bits):\n    s = np.abs(kernel).max() / (2 ** (bits - 1) - 1)\n    return np.rint(kernel / s), np.full(kernel.shape[-1], s)\n",
            "the small channel is lost",
        ),
        (
            "forgets the sign of the largest",
            "def quantise(kernel, bits):\n    s = kernel.max(axis=(0, 1, 2)) / (2 ** (bits - 1) - 1)\n    return np.rint(kernel / s), s\n",
            "whatever its sign",
        ),
        (
            "a channel of zeros divides by zero",
            "def quantise(kernel, bits):\n    s = np.abs(kernel).max(axis=(0, 1, 2)) / (2 ** (bits - 1) - 1)\n    with np.errstate(all='ignore'):\n        return np.nan_to_num(np.rint(kernel / s)), s\n",
            "not a division by 0",
        ),
        (
            "cuts instead of rounding",
            "def quantise(kernel, bits):\n    s = np.abs(kernel).max(axis=(0, 1, 2)) / (2 ** (bits - 1) - 1)\n    s = np.where(s == 0, 1.0, s)\n    return np.trunc(kernel / s), s\n",
            "round to the nearest",
        ),
    ],
    "tflite_images-3": [
        (
            "a queue that keeps every frame",
            "def newest(arrivals, service):\n    done, free = {}, 0\n    for i, a in enumerate(arrivals):\n        done[i] = free = max(free, a) + service[i]\n    return done\n",
            "replaced by frame 2",
        ),
        (
            "no buffer: what comes while it is busy is lost",
            "def newest(arrivals, service):\n    done, free = {}, 0\n    for i, a in enumerate(arrivals):\n        if a >= free:\n            done[i] = free = a + service[i]\n    return done\n",
            "at 50 frame 3 waits",
        ),
        (
            "the buffer keeps the oldest",
            "def newest(arrivals, service):\n    done, free, begun = {}, 0, []\n    for i, a in enumerate(arrivals):\n        if begun and begun[-1] > a:\n            continue\n        begun.append(max(free, a))\n        done[i] = free = begun[-1] + service[i]\n    return done\n",
            "replaced by frame 2",
        ),
        (
            "a newer frame has to come before the moment it is free",
            "def newest(arrivals, service):\n    done, free = {}, 0\n    for i, a in enumerate(arrivals):\n        start = max(free, a)\n        if i + 1 < len(arrivals) and arrivals[i + 1] < start:\n            continue\n        done[i] = free = start + service[i]\n    return done\n",
            "at the moment|come together|arrive together",
        ),
        (
            "frames that are thrown away take time",
            "def newest(arrivals, service):\n    done, free = {}, 0\n    for i, a in enumerate(arrivals):\n        start = max(free, a)\n        free = start + service[i]\n        if i + 1 < len(arrivals) and start >= arrivals[i + 1]:\n            continue\n        done[i] = free\n    return done\n",
            "replaced by frame 2|takes no time",
        ),
        (
            "when it begins instead of when it is done",
            "def newest(arrivals, service):\n    done, free = {}, 0\n    for i, a in enumerate(arrivals):\n        start = max(free, a)\n        if i + 1 < len(arrivals) and start >= arrivals[i + 1]:\n            continue\n        done[i], free = start, start + service[i]\n    return done\n",
            "at 50 frame 3 waits",
        ),
        (
            "the last frame never comes",
            "def newest(arrivals, service):\n    done, free = {}, 0\n    for i in range(len(arrivals) - 1):\n        start = max(free, arrivals[i])\n        if start < arrivals[i + 1]:\n            done[i] = free = start + service[i]\n    return done\n",
            "at 50 frame 3 waits",
        ),
        (
            "takes the arguments apart",
            "def newest(arrivals, service):\n    done, free, i = {}, 0, 0\n    while arrivals:\n        a, s = arrivals.pop(0), service.pop(0)\n        start = max(free, a)\n        if not (arrivals and start >= arrivals[0]):\n            done[i] = free = start + s\n        i += 1\n    return done\n",
            "arguments must stay",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "tflite_images-1": {
        "- return int(np.sum(old & ~new)), int(np.sum(new & ~old)) / + return np.sum(old & ~new), int(np.sum(new & ~old))": "NumPy's integer is the same number",
        "- return int(np.sum(old & ~new)), int(np.sum(new & ~old)) / + return int(np.sum(old & ~new)), np.sum(new & ~old)": "NumPy's integer is the same number",
    },
    "tflite_images-3": {
        "- done, free = {}, 0 / + done, free = {}, -1": "no frame arrives before 0, so a device that is free earlier begins no earlier",
    },
}
