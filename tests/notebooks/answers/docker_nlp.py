"""Answers to the exercises of docker_nlp: other right ones, and the classic wrong ones with their hints."""

_FLAGS = "--interval=15s --timeout=2s --start-period=30s --retries=4"
_CMD = 'CMD ["python", "-m", "serving.healthcheck"]'

RIGHT = {
    "docker_nlp-1": [
        "HEALTHCHECK = '''HEALTHCHECK --retries=4 --start-period=30s --timeout=2s \\\\\n  --interval=15s CMD [\"python\",\"-m\",\"serving.healthcheck\"]\n'''",
    ],
    "docker_nlp-2": [
        """
from scipy.special import softmax
def honest(probabilities, temperature):
    with np.errstate(divide="ignore"):
        return softmax(np.log(probabilities) / temperature, axis=1)
""",
        """
def honest(probabilities, temperature):
    top = probabilities.max(axis=1, keepdims=True)
    scaled = (probabilities / top) ** (1 / temperature)
    return scaled / scaled.sum(axis=1, keepdims=True)
""",
    ],
    "docker_nlp-3": [
        """
def restart_times(deaths_after, most):
    moments, now, failed = [], 0.0, 0
    for lived in deaths_after:
        if len(moments) == most:
            break
        moments.append(now)
        failed = 0 if lived >= 10 else failed
        now += lived + min(60.0, 0.1 * 2**failed)
        failed += 1
    return moments
""",
    ],
}

WRONG = {
    "docker_nlp-1": [
        (
            "the shell form",
            f"HEALTHCHECK = 'HEALTHCHECK {_FLAGS} CMD python -m serving.healthcheck'",
            "without a shell",
        ),
        ("the defaults", f"HEALTHCHECK = 'HEALTHCHECK {_CMD}'", "Every 15 seconds"),
        (
            "no mercy at the start",
            f"HEALTHCHECK = 'HEALTHCHECK --interval=15s --timeout=2s --retries=4 {_CMD}'",
            "start-period",
        ),
    ],
    "docker_nlp-2": [
        (
            "the wrong way round",
            "def honest(p, t):\n    q = p ** t\n    return q / q.sum(axis=1, keepdims=True)\n",
            "power is 1/temperature",
        ),
        ("no division", "def honest(p, t):\n    return p ** (1 / t)\n", "sum to one"),
        (
            "underflows",
            "def honest(p, t):\n    q = p ** (1 / t)\n    with np.errstate(invalid='ignore'):\n        return q / q.sum(axis=1, keepdims=True)\n",
            "underflows to zero",
        ),
        (
            "mixes with the uniform one",
            "def honest(p, t):\n    return p / t + (1 - 1 / t) / p.shape[1] if t >= 1 else honest2(p)\ndef honest2(p):\n    q = p**2\n    return q / q.sum(axis=1, keepdims=True)\n",
            "square root",
        ),
    ],
    "docker_nlp-3": [
        (
            "always waits as long",
            "def restart_times(d, most):\n    m, now = [], 0.0\n    for x in d[:most]:\n        m.append(now)\n        now += x + 0.1\n    return m\n",
            "0.1 s, then 0.2 s",
        ),
        (
            "no upper limit",
            "def restart_times(d, most):\n    m, now, p = [], 0.0, 0.1\n    for x in d[:most]:\n        m.append(now)\n        p = 0.1 if x >= 10 else p\n        now += x + p\n        p *= 2\n    return m\n",
            "stops growing",
        ),
        (
            "never puts it back",
            "def restart_times(d, most):\n    m, now, p = [], 0.0, 0.1\n    for x in d[:most]:\n        m.append(now)\n        now += x + p\n        p = min(60, 2 * p)\n    return m\n",
            "puts the wait back",
        ),
        (
            "forgets how long it lived",
            "def restart_times(d, most):\n    m, now, p = [], 0.0, 0.1\n    for x in d[:most]:\n        m.append(now)\n        now += p\n        p = min(60, 2 * p)\n    return m\n",
            "lives 1 s",
        ),
    ],
}
