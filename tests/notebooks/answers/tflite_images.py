"""Answers to the exercises of tflite_images: other right ones, and the classic wrong ones with their hints."""

_VERIFY = """
def accept(header, signature, content, trusted, running, today):
    try:
        trusted.verify(signature, header)
    except InvalidSignature:
        return None
"""
_PARSE = """
    try:
        offer = json.loads(header)
        version, digest, expires = int(offer["version"]), offer["sha256"], int(offer["expires"])
    except (ValueError, KeyError, TypeError):
        return None
"""

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
def accept(header, signature, content, trusted, running, today):
    try:
        trusted.verify(signature, header)
        offer = json.loads(header.decode())
        assert hashlib.sha256(content).hexdigest() == offer["sha256"]
        assert offer["version"] > running and offer["expires"] >= today
        return offer["version"]
    except Exception:
        return None
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
            "checks no signature",
            "def accept(header, signature, content, trusted, running, today):" + _PARSE + "    return version\n",
            "another key",
        ),
        (
            "does not look at the content",
            _VERIFY + _PARSE + "    return version if version > running and today <= expires else None\n",
            "compare its SHA-256",
        ),
        (
            "takes a downgrade",
            _VERIFY
            + _PARSE
            + "    good = digest == hashlib.sha256(content).hexdigest() and today <= expires\n    return version if good else None\n",
            "must be refused",
        ),
        (
            "compares versions as texts",
            _VERIFY
            + _PARSE
            + "    good = digest == hashlib.sha256(content).hexdigest() and today <= expires\n    return version if good and str(version) > str(running) else None\n",
            "compare numbers, not texts",
        ),
        (
            "never expires",
            _VERIFY
            + _PARSE
            + "    good = digest == hashlib.sha256(content).hexdigest() and version > running\n    return version if good else None\n",
            "expired update",
        ),
        (
            "trusts that what is signed is well formed",
            _VERIFY
            + "    offer = json.loads(header)\n    good = offer['sha256'] == hashlib.sha256(content).hexdigest() and offer['version'] > running and today <= offer['expires']\n    return offer['version'] if good else None\n",
            "stops the camera",
        ),
        (
            "a digest in the header is enough for it",
            "def accept(header, signature, content, trusted, running, today):\n    if hashlib.sha256(content).hexdigest().encode() not in header:\n        return None\n    offer = json.loads(header)\n    return offer['version'] if offer['version'] > running and today <= offer['expires'] else None\n",
            "another key",
        ),
    ],
}
