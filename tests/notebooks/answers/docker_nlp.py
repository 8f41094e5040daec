"""Answers to the exercises of docker_nlp: other right ones, and the classic wrong ones with their hints."""

_FLAGS = "--interval=15s --timeout=2s --start-period=30s --retries=4"
_CMD = 'CMD ["python", "-m", "serving.healthcheck"]'

RIGHT = {
    "docker_nlp-1": [
        "HEALTHCHECK = '''HEALTHCHECK --retries=4 --start-period=30s --timeout=2s \\\\\n  --interval=15s CMD [\"python\",\"-m\",\"serving.healthcheck\"]\n'''",
        f"HEALTHCHECK = 'HEALTHCHECK --interval=15000ms --timeout=2000ms --start-period=0.5m --retries=4 {_CMD}'",
        f"HEALTHCHECK = 'healthcheck --start-period=0m30s --interval=15s --timeout=2s --retries=4 {_CMD.replace('CMD', 'cmd')}'",
        f"HEALTHCHECK = '# is it ready?\\n\\nHEALTHCHECK   {_FLAGS}   {_CMD}\\n'",
        "import json\nflags = {'interval': '15s', 'timeout': '2s', 'start-period': '30s', 'retries': 4}\n"
        "HEALTHCHECK = 'HEALTHCHECK ' + ' '.join(f'--{k}={v}' for k, v in flags.items()) + ' CMD ' + json.dumps(['python', '-m', 'serving.healthcheck'])",
        """
class Line(list):
    def __str__(self):
        return " ".join(self)

HEALTHCHECK = str(Line(["HealthCheck", "--interval=0.25m", "--timeout=2000000us", "--retries=04", "--start-period=29s1000ms",
                        "CMD", '["python",', '"-m",', '"serving.healthcheck"]']))
""",
        "import textwrap\nHEALTHCHECK = textwrap.dedent(r'''\n    HEALTHCHECK \\\n      --interval=15s --timeout=2s \\\n      # once it has begun\n"
        '      --start-period=30s --retries=4 \\\n      CMD [ "python" , "-m" , "serving.healthcheck" ]\n\'\'\')',
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
        """
import math
def honest(probabilities, temperature):
    rows = []
    for row in probabilities:
        logs = [math.log(p) / temperature if p > 0 else -math.inf for p in row]
        weights = [math.exp(x - max(logs)) for x in logs]
        rows.append([w / sum(weights) for w in weights])
    return np.array(rows)
""",
        """
from scipy.special import logsumexp
def honest(probabilities, temperature):
    with np.errstate(divide="ignore"):
        logs = np.log(probabilities) / temperature
    return np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
""",
        """
def honest(probabilities, temperature):
    power = np.exp2((np.log2(np.clip(probabilities, 1e-320, None)) - np.log2(probabilities.max(1))[:, None]) / temperature)
    power = np.where(probabilities > 0, power, 0.0)
    return (power.T / power.sum(1)).T
""",
        """
def honest(probabilities, temperature):
    def one(row):
        kept = np.flatnonzero(row)
        scores = np.log(row[kept]) / temperature
        weights = np.exp(scores - scores.max())
        answer = np.zeros_like(row, dtype=float)
        answer[kept] = weights / weights.sum()
        return answer
    return np.apply_along_axis(one, 1, np.array(probabilities, dtype=float))
""",
        """
def honest(probabilities, temperature):
    answer = np.empty(probabilities.shape)
    for i, row in enumerate(probabilities):
        for j, p in enumerate(row):
            if p == 0:
                answer[i, j] = 0
            else:
                with np.errstate(divide="ignore", over="ignore"):
                    answer[i, j] = 1 / np.sum((row / p) ** (1 / temperature))
    return answer
""",
        """
import pandas as pd
def honest(probabilities, temperature):
    with np.errstate(divide="ignore"):
        logs = pd.DataFrame(np.log(probabilities)).div(temperature)
    weights = np.exp(logs.sub(logs.max(axis=1), axis=0))
    return weights.div(weights.sum(axis=1), axis=0).to_numpy()
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
        """
from itertools import accumulate
def restart_times(deaths_after, most):
    lives = list(deaths_after)[:most]
    waits = list(accumulate(lives, lambda wait, lived: 0.1 if lived >= 10 else min(60, 2 * wait), initial=0.05))[1:]
    steps = [lived + wait for lived, wait in zip(lives, waits)]
    return list(accumulate(steps[:-1], initial=0.0)) if lives else []
""",
        """
def restart_times(deaths_after, most, now=0.0, wait=0.1):
    if not deaths_after or most <= 0:
        return []
    lived, *rest = deaths_after
    wait = 0.1 if lived >= 10 else wait
    return [now, *restart_times(rest, most - 1, now + lived + wait, min(60.0, wait * 2))]
""",
        """
def restart_times(deaths_after, most):
    def moments():
        now, wait = 0.0, None
        for lived in deaths_after:
            yield now
            wait = 0.1 if wait is None or lived >= 10 else min(wait * 2, 60.0)
            now += lived + wait
    return [moment for moment, _ in zip(moments(), range(most))]
""",
        """
class Supervisor:
    def __init__(self):
        self.now, self.short = 0.0, 0
    def after(self, lived):
        self.short = 0 if lived >= 10 else self.short
        self.now += lived + (60.0 if self.short > 9 else 0.1 * 2**self.short)
        self.short += 1
        return self.now

def restart_times(deaths_after, most):
    watch = Supervisor()
    return ([0.0] + [watch.after(lived) for lived in deaths_after])[: min(most, len(deaths_after))]
""",
        """
from functools import reduce
def restart_times(deaths_after, most):
    def step(state, lived):
        moments, now, wait = state
        wait = 0.1 if lived >= 10 else wait
        return [*moments, now], now + lived + wait, min(60, wait + wait)
    return reduce(step, tuple(deaths_after)[:most], ([], 0, 0.1))[0]
""",
        """
def restart_times(deaths_after, most):
    waits, lives = [], np.array(deaths_after[:most], dtype=float)
    for i in range(len(lives)):
        since = next((back for back in range(i + 1) if lives[i - back] >= 10), i)
        waits.append(min(0.1 * 2**since, 60))
    return np.concatenate([[0.0], np.cumsum(lives + waits)])[: len(lives)].tolist()
""",
    ],
}

_LOOP = "def restart_times(d, most):\n    m, now, p = [], 0.0, 0.1\n    for x in d[:most]:\n        m.append(now)\n{}    return m\n"

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
        ("gives up too soon", f"HEALTHCHECK = 'HEALTHCHECK {_FLAGS[:-1]}3 {_CMD}'", "retries=4"),
        (
            "no time limit",
            f"HEALTHCHECK = 'HEALTHCHECK --interval=15s --start-period=30s --retries=4 {_CMD}'",
            "At most 2",
        ),
        (
            "minutes for seconds",
            f"HEALTHCHECK = 'HEALTHCHECK {_FLAGS.replace('15s', '15m')} {_CMD}'",
            "Every 15 seconds",
        ),
        (
            "options as on a command line",
            f"HEALTHCHECK = 'HEALTHCHECK {_FLAGS.replace('=', ' ')} {_CMD}'",
            "starts with HEALTHCHECK|engine takes",
        ),
        ("a CMD alone", f"HEALTHCHECK = '{_CMD}'", "starts with HEALTHCHECK"),
        (
            "single quotes, which are no JSON",
            f"HEALTHCHECK = \"HEALTHCHECK {_FLAGS} CMD ['python', '-m', 'serving.healthcheck']\"",
            "without a shell",
        ),
        (
            "one word for three",
            f"HEALTHCHECK = 'HEALTHCHECK {_FLAGS} CMD [\"python -m serving.healthcheck\"]'",
            "list of words",
        ),
        ("options after the command", f"HEALTHCHECK = 'HEALTHCHECK {_CMD} {_FLAGS}'", "Every 15 seconds"),
        (
            "another Python",
            f"HEALTHCHECK = 'HEALTHCHECK {_FLAGS} {_CMD.replace('python', 'python3')}'",
            "Run python -m serving.healthcheck",
        ),
        (
            "the script's file",
            f'HEALTHCHECK = \'HEALTHCHECK {_FLAGS} CMD ["python", "serving/healthcheck.py"]\'',
            "Run python -m serving.healthcheck",
        ),
        (
            "two instructions, the second of which counts",
            f"HEALTHCHECK = 'HEALTHCHECK CMD true\\nHEALTHCHECK {_FLAGS} {_CMD}'",
            "one that an engine takes",
        ),
        (
            "a limit that is given twice",
            f"HEALTHCHECK = 'HEALTHCHECK --timeout=5s {_FLAGS} {_CMD}'",
            "one that an engine takes",
        ),
        (
            "switched off",
            "HEALTHCHECK = 'HEALTHCHECK NONE'",
            "Every 15 seconds",
        ),
        (
            "a shell in disguise",
            f'HEALTHCHECK = \'HEALTHCHECK {_FLAGS} CMD ["sh", "-c", "python -m serving.healthcheck"]\'',
            "without a shell",
        ),
        (
            "no unit",
            f"HEALTHCHECK = 'HEALTHCHECK {_FLAGS.replace('s', '')} {_CMD}'",
            "one that an engine takes",
        ),
        ("bytes", f"HEALTHCHECK = b'HEALTHCHECK {_FLAGS} {_CMD}'", "Set HEALTHCHECK"),
        ("no text", "HEALTHCHECK = ['HEALTHCHECK']", "Set HEALTHCHECK"),
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
        (
            "one sum for all rows",
            "def honest(p, t):\n    q = (p / p.max(axis=1, keepdims=True)) ** (1 / t)\n    return q / q.sum() * len(p)\n",
            "sum to one|changes nothing",
        ),
        (
            "columns for rows",
            "def honest(p, t):\n    q = p ** (1 / t)\n    return q / q.sum(axis=0)\n",
            "changes nothing",
        ),
        (
            "a softmax of the probabilities themselves",
            "from scipy.special import softmax\ndef honest(p, t):\n    return p if t == 1 else softmax(p / t, axis=1)\n",
            "square root|surer",
        ),
        (
            "changes what it was given",
            "def honest(p, t):\n    with np.errstate(divide='ignore'):\n        np.log(p, out=p)\n    p /= t\n    p -= p.max(axis=1, keepdims=True)\n    np.exp(p, out=p)\n    p /= p.sum(axis=1, keepdims=True)\n    return p.copy()\n",
            "stays as it is",
        ),
        (
            "adds a little to each",
            "def honest(p, t):\n    s = np.log(p + 1e-9) / t\n    q = np.exp(s - s.max(axis=1, keepdims=True))\n    return q / q.sum(axis=1, keepdims=True)\n",
            "zero stays a zero",
        ),
        (
            "nan for a zero",
            "def honest(p, t):\n    s = np.log(p) / t\n    s = s - s.max(axis=1, keepdims=True)\n    q = np.exp(s) * (p > 0) / (p > 0)\n    return q / q.sum(axis=1, keepdims=True)\n",
            "no reason for a nan|underflows",
        ),
        (
            "the largest of all rows",
            "def honest(p, t):\n    with np.errstate(divide='ignore', invalid='ignore'):\n        s = np.log(p) / t\n        q = np.exp(s - s.max())\n        return q / q.sum(axis=1, keepdims=True)\n",
            "each|underflows",
        ),
        (
            "the given array itself at temperature 1",
            "def honest(p, t):\n    if t == 1:\n        return p\n    with np.errstate(divide='ignore'):\n        s = np.log(p) / t\n"
            "    q = np.exp(s - s.max(axis=1, keepdims=True))\n    return q / q.sum(axis=1, keepdims=True)\n",
            "new array, also at temperature 1",
        ),
        (
            "the smallest float for a zero",
            "def honest(p, t):\n    s = np.log(np.maximum(p, np.finfo(float).tiny)) / t\n    q = np.exp(s - s.max(axis=1, keepdims=True))\n"
            "    return q / q.sum(axis=1, keepdims=True)\n",
            "A zero stays a zero",
        ),
        (
            "lists",
            "def honest(p, t):\n    with np.errstate(divide='ignore'):\n        s = np.log(p) / t\n    q = np.exp(s - s.max(axis=1, keepdims=True))\n"
            "    return (q / q.sum(axis=1, keepdims=True)).tolist()\n",
            "Return an array",
        ),
        (
            "learned by heart",
            "def honest(p, t):\n    return {1: p.copy(), 2: p**0.5 / (p**0.5).sum(axis=1, keepdims=True), 0.5: p**2 / (p**2).sum(axis=1, keepdims=True)}.get(t, p)\n",
            "square root",
        ),
        (
            "rounded",
            "def honest(p, t):\n    with np.errstate(divide='ignore'):\n        s = np.log(p) / t\n    q = np.exp(s - s.max(axis=1, keepdims=True))\n"
            "    return np.round(q / q.sum(axis=1, keepdims=True), 3)\n",
            "square root|sum to one",
        ),
        (
            "what cannot be counted is dropped",
            "def honest(p, t):\n    q = p ** (1 / t)\n    with np.errstate(invalid='ignore'):\n        return np.nan_to_num(q / q.sum(axis=1, keepdims=True))\n",
            "largest takes all",
        ),
        (
            "one-hot in the cold",
            "def honest(p, t):\n    if t < 0.01:\n        return np.eye(p.shape[1])[p.argmax(axis=1)]\n    q = p ** (1 / t)\n    return q / q.sum(axis=1, keepdims=True)\n",
            "equal ones share",
        ),
        ("nothing", "def honest(p, t):\n    return None\n", "Return an array"),
    ],
    "docker_nlp-3": [
        ("always waits as long", _LOOP.format("        now += x + 0.1\n"), "0.1 s, then 0.2 s"),
        (
            "no upper limit",
            _LOOP.format("        p = 0.1 if x >= 10 else p\n        now += x + p\n        p *= 2\n"),
            "stops growing",
        ),
        (
            "never puts it back",
            _LOOP.format("        now += x + p\n        p = min(60, 2 * p)\n"),
            "puts the wait back",
        ),
        ("forgets how long it lived", _LOOP.format("        now += p\n        p = min(60, 2 * p)\n"), "lives 1 s"),
        (
            "puts it back after the next wait",
            _LOOP.format("        now += x + p\n        p = 0.1 if x >= 10 else min(60, 2 * p)\n"),
            "for the very next start",
        ),
        (
            "more than 10 s, not 10",
            _LOOP.format("        p = 0.1 if x > 10 else p\n        now += x + p\n        p = min(60, 2 * p)\n"),
            "10 s or more",
        ),
        (
            "back from 5 s on",
            _LOOP.format("        p = 0.1 if x >= 5 else p\n        now += x + p\n        p = min(60, 2 * p)\n"),
            "less than 10 s puts nothing back",
        ),
        (
            "stops at the last doubling",
            _LOOP.format(
                "        p = 0.1 if x >= 10 else p\n        now += x + p\n        p = 2 * p if 2 * p <= 60 else p\n"
            ),
            "stops growing at 60 s",
        ),
        (
            "no doubling after a long run",
            "def restart_times(d, most):\n    m, now, p, long = [], 0.0, 0.1, False\n    for x in d[:most]:\n        m.append(now)\n"
            "        long = long or x >= 10\n        p = 0.1 if long else p\n        now += x + p\n        p = min(60, 2 * p)\n    return m\n",
            "very next start|begins again",
        ),
        (
            "begins with the first wait",
            "def restart_times(d, most):\n    m, now, p = [], 0.0, 0.1\n    for x in d[:most]:\n        p = 0.1 if x >= 10 else p\n"
            "        now += x + p\n        p = min(60, 2 * p)\n        m.append(now)\n    return m\n",
            "waits are 0.1 s",
        ),
        (
            "one start more than there are runs",
            "def restart_times(d, most):\n    m, now, p = [0.0], 0.0, 0.1\n    for x in d:\n        p = 0.1 if x >= 10 else p\n        now += x + p\n"
            "        p = min(60, 2 * p)\n        m.append(now)\n    return m[:most]\n",
            "waits are 0.1 s|No run",
        ),
        (
            "no limit of starts",
            "def restart_times(d, most):\n    m, now, p = [], 0.0, 0.1\n    for x in d:\n        m.append(now)\n        p = 0.1 if x >= 10 else p\n"
            "        now += x + p\n        p = min(60, 2 * p)\n    return m\n",
            "At most `most`",
        ),
        (
            "eats the list",
            "def restart_times(d, most):\n    m, now, p = [], 0.0, 0.1\n    while d and len(m) < most:\n        m.append(now)\n        x = d.pop(0)\n"
            "        p = 0.1 if x >= 10 else p\n        now += x + p\n        p = min(60, 2 * p)\n    return m\n",
            "stays as it is",
        ),
        (
            "the wait is kept from call to call",
            "def restart_times(d, most, state=[0.1]):\n    m, now = [], 0.0\n    for x in d[:most]:\n        m.append(now)\n"
            "        p = 0.1 if x >= 10 else state[0]\n        now += x + p\n        state[0] = min(60, 2 * p)\n    return m\n",
            "The wait doubles",
        ),
        (
            "learned by heart",
            "def restart_times(d, most):\n    return [0, 1.1, 2.3, 3.7, 5.5][: min(len(d), most)]\n",
            "wait doubles",
        ),
        (
            "counts restarts, not starts",
            _LOOP.format(
                "        p = 0.1 if x >= 10 else p\n        now += x + p\n        p = min(60, 2 * p)\n"
            ).replace("d[:most]", "d[: most + 1]"),
            "At most `most`",
        ),
        (
            "the waits alone",
            "def restart_times(d, most):\n    w, p = [], 0.1\n    for x in d[:most]:\n        p = 0.1 if x >= 10 else p\n        w.append(p)\n        p = min(60, 2 * p)\n    return w\n",
            "Each run lives 1 s",
        ),
        (
            "whole seconds",
            _LOOP.format(
                "        p = 0.1 if x >= 10 else p\n        now = round(now + x + p)\n        p = min(60, 2 * p)\n"
            ),
            "0.1 s, then 0.2 s",
        ),
        (
            "a generator",
            "def restart_times(d, most):\n    now, p = 0.0, 0.1\n    for x in d[:most]:\n        yield now\n        p = 0.1 if x >= 10 else p\n"
            "        now += x + p\n        p = min(60, 2 * p)\n",
            "Return a list",
        ),
        ("nothing", "def restart_times(d, most):\n    return None\n", "Return a list"),
    ],
}

EQUIVALENT = {
    "docker_nlp-2": {
        '- with np.errstate(divide="ignore"): / + with __import__("contextlib").nullcontext():': "the logarithm of zero is the same, with a warning",
        '- with np.errstate(divide="ignore"): / + with np.errstate():': "the logarithm of zero is the same, with a warning",
    },
}
