"""Answers to the exercises of case_google_bert: other right ones, and the classic wrong ones with the hint they must get."""

_HIDE = """
def hide(tokens, rng):
    words = np.flatnonzero({which})
    places = rng.permutation(words)[:{count}]
    draw, shown = rng.random(len(places)), {copy}
    other = rng.integers(FIRST_WORD, {end}, len(places))
    shown[places] = np.where(draw < {masked}, MASK, np.where(draw < {random}, other, shown[places]))
    chosen = np.zeros(len(tokens), bool)
    chosen[places] = True
    return shown, chosen
"""


def _hide(**changed: str) -> str:
    fine = {
        "which": "tokens > MASK",
        "count": "max(1, round(0.15 * np.count_nonzero(tokens != PAD)))",
        "copy": "tokens.copy()",
        "end": "LAST_WORD + 1",
        "masked": "0.8",
        "random": "0.9",
    }
    return _HIDE.format(**(fine | changed))


_ACCUMULATED = """
def accumulated(variables, loss_of, pieces):
    sums, number = [np.zeros(v.shape, np.float32) for v in variables], 0.0
    for piece in pieces:
        with tf.GradientTape() as tape:
            loss, count = loss_of(piece)
            {inside}
        for at, g in enumerate(tape.gradient(loss, variables)):
            if g is not None:
                sums[at] = sums[at] + tf.convert_to_tensor(g).numpy()
        number += {step}
    return [tf.constant({each}) for s in sums]
"""

_LARGEST = """
def largest(train, budget, batches, rates, slack):
    best = {{}}
    for batch in sorted(batches):
        for rate in sorted(rates){cut}:
            loss = train(batch, {steps}, rate)
            if np.isfinite(loss) and loss < best.get(batch, (np.inf, 0))[0]:
                best[batch] = loss, rate
    if not best:
        return None
    least = min(loss for loss, _ in best.values())
    for batch in sorted(best, reverse={reverse}):
        if best[batch][0] <= least {slack}:
            return batch, best[batch][1]
"""


def _largest(**changed: str) -> str:
    return _LARGEST.format(**({"cut": "", "steps": "budget // batch", "reverse": "True", "slack": "+ slack"} | changed))


RIGHT = {
    "case_google_bert-1": [
        "def combine(sums, counts):\n    total = float(np.sum(counts))\n    return float(np.sum(sums)) / max(total, 1.0)\n",
        "def combine(sums, counts):\n    n = sum(counts)\n    return sum(s / n for s in sums) if n else 0\n",
    ],
    "case_google_bert-2": [_hide()],
    "case_google_bert-3": [_ACCUMULATED.format(inside="pass", step="float(count)", each="s / number")],
    "case_google_bert-4": [_largest()],
}

WRONG = {
    "case_google_bert-1": [
        (
            "the mean of means",
            "def combine(sums, counts):\n    return float(np.mean([s / c if c else 0.0 for s, c in zip(sums, counts)]))\n",
            "Don't average the workers' means",
        ),
        (
            "weighed by workers",
            "def combine(sums, counts):\n    return sum(sums) / len(sums)\n",
            "36 nats over 12",
        ),
        (
            "divides by nothing",
            "def combine(sums, counts):\n    return sum(sums) / sum(counts) if sum(counts) else 1.0\n",
            "the answer is 0",
        ),
    ],
    "case_google_bert-2": [
        ("every chosen word becomes MASK", _hide(masked="1.0"), "it must be 80 %"),
        ("special tokens too", _hide(which="tokens > PAD"), "never chosen"),
        ("padding counts", _hide(count="max(1, round(0.15 * len(tokens)))"), "exactly 3"),
        ("changes what it was given", _hide(copy="tokens"), "Change a copy"),
        ("Keras example's share", _hide(count="max(1, round(0.2 * np.count_nonzero(tokens != PAD)))"), "exactly 3"),
        ("none stays", _hide(random="1.0"), "it must be 10 %"),
        ("the last word is never drawn", _hide(end="LAST_WORD"), "from all words"),
        ("perhaps none", _hide(count="round(0.15 * np.count_nonzero(tokens != PAD))"), "At least one word"),
    ],
    "case_google_bert-3": [
        (
            "the sum, not the mean",
            _ACCUMULATED.format(inside="pass", step="1", each="s"),
            "gradient of the mean",
        ),
        (
            "the mean of the pieces' means",
            _ACCUMULATED.format(inside="loss = loss / count", step="1", each="s / number"),
            "weigh 3 to 1",
        ),
        (
            "None stays None",
            "def accumulated(variables, loss_of, pieces):\n    total, n = [None] * len(variables), 0.0\n    for p in pieces:\n        with tf.GradientTape() as t:\n            loss, c = loss_of(p)\n        g = [None if x is None else tf.convert_to_tensor(x) for x in t.gradient(loss, variables)]\n        total = [b if a is None else a if b is None else a + b for a, b in zip(total, g)]\n        n += c\n    return [tf.ones(()) if x is None else x / n for x in total]\n",
            "gradient zero",
        ),
    ],
    "case_google_bert-4": [
        (
            "the rate grows with the batch",
            "def largest(train, budget, batches, rates, slack):\n    batch = max(batches)\n    return batch, min(rates, key=lambda r: abs(r - 0.05 * batch))\n",
            "That run diverges",
        ),
        (
            "equal steps for every batch",
            _largest(steps="budget // min(batches)"),
            "Within the slack|in budget // batch steps",
        ),
        ("the smallest of the good ones", _largest(reverse="False"), "Within the slack"),
        ("no slack", _largest(slack=""), "Within the slack"),
        ("only the smallest rate", _largest(cut="[:1]"), "Within the slack|better rate"),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "case_google_bert-2": {
        "- if draw < 0.8: / + if draw <= 0.8:": "a drawn float64 is 0.8 once in 2**53",
        "- elif draw < 0.9: / + elif draw <= 0.9:": "a drawn float64 is 0.9 once in 2**53",
        "- elif draw < 0.9: / + elif draw > 0.9:": "the other tenth is as likely",
    },
    "case_google_bert-3": {
        "- totals = [total + tf.convert_to_tensor(g) for total, g in zip(totals, grads, strict=True)] / + totals = [total + tf.convert_to_tensor(g) for total, g in zip(totals, grads)]": "there is one gradient for each variable: both are always equally long",
        "- totals = [total + tf.convert_to_tensor(g) for total, g in zip(totals, grads, strict=True)] / + totals = [total + tf.convert_to_tensor(g) for total, g in zip(totals, grads, strict=False)]": "there is one gradient for each variable: both are always equally long",
    },
}
