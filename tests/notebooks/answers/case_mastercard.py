"""Answers to the exercises of case_mastercard: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "case_mastercard-1": [
        # by numpy
        """
def shares(kinds):
    sizes = np.array([np.size(kind) for kind in kinds.values()], float)
    return dict(zip(kinds, sizes / sizes.sum()))
""",
        # one at a time
        """
def shares(kinds):
    found = {}
    for name in kinds:
        found[name] = kinds[name].size / np.concatenate(list(kinds.values())).size
    return found
""",
    ],
    "case_mastercard-2": [
        # signs as numbers, and all masks first
        """
def mask_change(change, payments, name, names, secrets, round_name):
    if len(set(names)) == 1:
        raise ValueError("alone")
    mask = np.zeros(np.shape(change), np.uint64)
    for other in sorted(names):
        if other > name:
            mask += stream(secrets[frozenset([other, name])], round_name, np.shape(change))
        elif other < name:
            mask -= stream(secrets[frozenset([other, name])], round_name, np.shape(change))
    return np.round(change * payments * UNIT).astype(np.int64).view(np.uint64) + mask
""",
        # in Python's own whole numbers
        """
def mask_change(change, payments, name, names, secrets, round_name):
    others = set(names) - {name}
    if not others:
        raise ValueError("nobody to hide among")
    flat = [int(value) for value in np.round(np.ravel(change) * payments * UNIT)]
    for other in others:
        sign = 1 if name < other else -1
        numbers = stream(secrets[frozenset((name, other))], round_name, np.shape(change)).ravel()
        flat = [(value + sign * int(number)) % 2**64 for value, number in zip(flat, numbers)]
    return np.array(flat, np.uint64).reshape(np.shape(change))
""",
    ],
    "case_mastercard-3": [
        # shortened, not left out: three times the median length at most
        """
def join(changes, payments):
    good = [i for i in range(len(changes)) if np.isfinite(changes[i]).all()]
    changes, payments = changes[good], payments[good]
    lengths = np.sqrt((changes.reshape(len(changes), -1) ** 2).sum(axis=1))
    scale = np.where(lengths > 2 * np.median(lengths), 0.0, 1.0)
    return sum(s * p * c for s, p, c in zip(scale, payments, changes)) / (scale * payments).sum()
""",
        # a liar is far from everybody else
        """
def join(changes, payments):
    finite = np.isfinite(changes).reshape(len(changes), -1).all(axis=1)
    changes, payments = changes[finite], payments[finite]
    flat = changes.reshape(len(changes), -1)
    apart = np.median(np.linalg.norm(flat[:, None] - flat[None], axis=2), axis=1)
    near = apart <= 4 * np.median(apart)
    return np.average(changes[near], axis=0, weights=payments[near])
""",
    ],
    "case_mastercard-4": [
        # checks number by number
        """
def order_to_run(parcel, reviewed, x, kind):
    if sorted(parcel) != ["main.py", "order.json"] or parcel["main.py"] != reviewed:
        return None
    try:
        rows = json.loads(parcel["order.json"])["weights"]
        weights = np.array([[float(value) for value in row] for row in rows])
    except Exception:
        return None
    if weights.shape != (18, 5) or not np.all(np.isfinite(weights)):
        return None
    genuine = x[kind == 0]
    z = genuine @ weights
    odds = np.logaddexp.reduce(z[:, 1:], axis=1) - z[:, 0]
    adds = int((odds > np.log(1e-6 / (1 - 1e-6))).sum())
    return weights if 100 * adds >= len(genuine) else None
"""
    ],
}
WRONG = {
    "case_mastercard-1": [
        (
            "equal weights",
            "def shares(kinds):\n    return {name: 1 / len(kinds) for name in kinds}\n",
            "count the same",
        ),
        (
            "weights by frauds",
            """
def shares(kinds):
    frauds = {name: int((kind > 0).sum()) for name, kind in kinds.items()}
    return {name: count / max(1, sum(frauds.values())) for name, count in frauds.items()}
""",
            "not over frauds",
        ),
        (
            "a bank without payments is forgotten",
            """
def shares(kinds):
    total = sum(len(kind) for kind in kinds.values())
    return {name: len(kind) / total for name, kind in kinds.items() if len(kind)}
""",
            "counts nothing",
        ),
    ],
    "case_mastercard-2": [
        (
            "float masks leave a residue",
            """
def mask_change(change, payments, name, names, secrets, round_name):
    if len(names) == 1:
        raise ValueError
    message = change * payments
    for other in names:
        if other != name:
            numbers = stream(secrets[frozenset((name, other))], round_name, change.shape) / 2.0**32
            message = message + numbers if name < other else message - numbers
    return message
""",
            "dust",
        ),
        (
            "the same secret for all pairs",
            """
def mask_change(change, payments, name, names, secrets, round_name):
    if len(names) == 1:
        raise ValueError
    message = np.round(change * payments * UNIT).astype(np.int64).astype(np.uint64)
    for other in names:
        if other != name:
            numbers = stream(sorted(secrets.values())[0], round_name, change.shape)
            message = message + numbers if name < other else message - numbers
    return message
""",
            "secret of its own",
        ),
        (
            "one stream for every round",
            """
def mask_change(change, payments, name, names, secrets, round_name):
    if len(names) == 1:
        raise ValueError
    message = np.round(change * payments * UNIT).astype(np.int64).astype(np.uint64)
    for other in names:
        if other != name:
            numbers = stream(secrets[frozenset((name, other))], "round-1", change.shape)
            message = message + numbers if name < other else message - numbers
    return message
""",
            "used once",
        ),
        (
            "everybody adds",
            """
def mask_change(change, payments, name, names, secrets, round_name):
    if len(names) == 1:
        raise ValueError
    message = np.round(change * payments * UNIT).astype(np.int64).astype(np.uint64)
    for other in names:
        if other != name:
            message = message + stream(secrets[frozenset((name, other))], round_name, change.shape)
    return message
""",
            "cancel to the last bit",
        ),
        (
            "alone, in plain view",
            """
def mask_change(change, payments, name, names, secrets, round_name):
    message = np.round(change * payments * UNIT).astype(np.int64).astype(np.uint64)
    for other in names:
        if other != name:
            numbers = stream(secrets[frozenset((name, other))], round_name, change.shape)
            message = message + numbers if name < other else message - numbers
    return message
""",
            "raise a ValueError",
        ),
    ],
    "case_mastercard-3": [
        ("the median", "def join(changes, payments):\n    return np.nanmedian(changes, axis=0)\n", "All honest"),
        (
            "the trimmed mean",
            "def join(changes, payments):\n    return np.sort(changes, axis=0)[1:-1].mean(axis=0)\n",
            "Cedar alone has met them",
        ),
        (
            "drops the smallest bank",
            """
def join(changes, payments):
    keep = np.arange(len(payments)) != np.argmin(payments)
    return np.average(changes[keep], axis=0, weights=payments[keep])
""",
            "All honest|lies",
        ),
        (
            "the mean",
            "def join(changes, payments):\n    return np.average(changes, axis=0, weights=payments)\n",
            "lies",
        ),
        (
            "uses labels of the server",
            """
def join(changes, payments):
    site = world[0][0]
    def loss(i):
        p = probabilities(changes[i], site.x)
        return -np.log(p[np.arange(len(site.kind)), site.kind] + 1e-300).mean()
    worst = max(range(len(changes)), key=loss)
    keep = np.arange(len(changes)) != worst if loss(worst) > 3 else np.ones(len(changes), bool)
    return np.average(changes[keep], axis=0, weights=payments[keep])
""",
            "no labels|lies|not defined",
        ),
        (
            "lets a broken number through",
            """
def join(changes, payments):
    lengths = np.linalg.norm(changes.reshape(len(changes), -1), axis=1)
    kept = ~(lengths > 3 * np.median(lengths))
    return np.average(changes[kept], axis=0, weights=payments[kept])
""",
            "leave it out|as if it were not there",
        ),
    ],
    "case_mastercard-4": [
        (
            "reviews the code alone",
            """
def order_to_run(parcel, reviewed, x, kind):
    if set(parcel) != {"main.py", "order.json"} or parcel["main.py"] != reviewed:
        return None
    try:
        weights = np.array(json.loads(parcel["order.json"])["weights"], float)
    except Exception:
        return None
    return weights if weights.shape == (18, 5) and np.isfinite(weights).all() else None
""",
            "what is left are frauds",
        ),
        (
            "looks at all payments, frauds too",
            """
def order_to_run(parcel, reviewed, x, kind):
    if set(parcel) != {"main.py", "order.json"} or parcel["main.py"] != reviewed:
        return None
    try:
        weights = np.array(json.loads(parcel["order.json"])["weights"], float)
    except Exception:
        return None
    if weights.shape != (18, 5) or not np.isfinite(weights).all():
        return None
    p = probabilities(weights, x)
    error = np.abs(p - np.eye(5)[kind]).max(axis=1)
    return weights if (error > 1e-6).mean() >= 0.01 else None
""",
            "what is left are frauds|Only genuine payments count",
        ),
        (
            "raises on what is no JSON",
            """
def order_to_run(parcel, reviewed, x, kind):
    if set(parcel) != {"main.py", "order.json"} or parcel["main.py"] != reviewed:
        return None
    weights = np.array(json.loads(parcel["order.json"])["weights"], float)
    if weights.shape != (18, 5) or not np.isfinite(weights).all():
        return None
    fraud = probabilities(weights, x[kind == 0])[:, 1:].sum(axis=1)
    return weights if (fraud > 1e-6).mean() >= 0.01 else None
""",
            "without an exception",
        ),
    ],
}
#: mutants of the reference solutions that mean the same as they do (see scripts/mutants.py)
EQUIVALENT = {
    "case_mastercard-2": {
        "- message = message + numbers if name < other else message - numbers / + message = message + numbers if name <= other else message - numbers": "no bank is its own partner",
    },
    "case_mastercard-3": {
        "- kept = lengths <= 3 * np.median(lengths) / + kept = lengths < 3 * np.median(lengths)": "no length is exactly the bound, and one bank alone is within it",
        "- kept = lengths <= 3 * np.median(lengths) / + kept = lengths <= 2 * np.median(lengths)": "any bound will do that is above honest lengths and below a liar's",
        "- kept = lengths <= 3 * np.median(lengths) / + kept = lengths <= 4 * np.median(lengths)": "any bound will do that is above honest lengths and below a liar's",
        "- kept = lengths <= 3 * np.median(lengths) / + kept = lengths <= 3 * np.mean(lengths)": "of five banks one liar lifts the mean by a fifth of his length, and three fifths are still less than it",
    },
    "case_mastercard-4": {
        "- return weights if (fraud > 1e-6).mean() >= 0.01 else None / + return weights if (fraud >= 1e-6).mean() >= 0.01 else None": "no probability is exactly one in a million",
    },
}
