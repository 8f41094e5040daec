"""Answers to the exercises of redis_memory: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "redis_memory-1": [
        "def compute_early(now, expiry, delta, beta, u):\n    return u <= math.exp(-(expiry - now) / (beta * delta))\n",
        "def compute_early(now, expiry, delta, beta, u):\n    gap = expiry - now\n    return 1 if gap <= 0 or -math.log(u) * beta * delta >= gap else 0\n",
    ],
    "redis_memory-2": [
        """
def get_many(client, ids, compute, ttl):
    with client.pipeline() as pipe:
        for i in ids:
            pipe.get(LAB + str(i))
        found = pipe.execute() if ids else []
    known = {i: json.loads(raw) for i, raw in zip(ids, found) if raw is not None}
    missing = sorted(set(ids) - set(known))
    if missing:
        new = compute(missing)
        with client.pipeline() as pipe:
            for i, value in new.items():
                pipe.set(LAB + str(i), json.dumps(value), ttl)
            pipe.execute()
        known.update(new)
    return [known[i] for i in ids]
"""
    ],
    "redis_memory-3": [
        """
def cheapest(shares, rate, miss, entry):
    best, least = 0, rate * miss
    for size in range(1, len(shares) + 1):
        cost = (1 - che(shares, size)) * rate * miss + entry * size
        if cost < least:
            best, least = size, cost
    return best
""",
        """
def cheapest(shares, rate, miss, entry):
    asked = [share for share in shares if share]
    costs = [rate * miss]
    for size in range(1, len(asked) + 1):
        costs.append(rate * miss * (1 - che(asked, size)) + size * entry)
    return costs.index(min(costs))
""",
    ],
}

_MANY = """
def get_many(client, ids, compute, ttl):
    if not ids:
        return []
    wanted = list(dict.fromkeys(ids))
    found = dict(zip(wanted, client.mget([f"{LAB}{i}" for i in wanted])))
    values = {i: json.loads(raw) for i, raw in found.items() if raw is not None}
    missing = [i for i in wanted if i not in values]
    if missing:
        values |= compute(missing)
        with client.pipeline(transaction=False) as pipe:
            for i in missing:
                pipe.set(f"{LAB}{i}", json.dumps(values[i]), ex=ttl)
            pipe.execute()
    return [values[i] for i in ids]
"""
_CHEAPEST = """
def cheapest(shares, rate, miss, entry):
    def hourly(size):
        hits = che(shares, size) if size else 0.0
        return rate * (1 - hits) * miss + size * entry

    return min(range(len(shares) + 1), key=hourly)
"""


def changed(source: str, *changes: tuple[str, str]) -> str:
    """The answer with something replaced that is really in it."""
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return source


WRONG = {
    "redis_memory-1": [
        (
            "the sign of the logarithm",
            "def compute_early(now, expiry, delta, beta, u):\n    return now + delta * beta * math.log(u) >= expiry\n",
            "Mind the sign",
        ),
        (
            "the draw itself",
            "def compute_early(now, expiry, delta, beta, u):\n    return now >= expiry or u < 1e-5 or u > 1 - math.exp(-(expiry - now) / (beta * delta)) and u > 0.5\n",
            "multiply by delta|beta scales|natural logarithm|exponential draw",
        ),
        (
            "forgets delta",
            "def compute_early(now, expiry, delta, beta, u):\n    return now - beta * math.log(u) >= expiry\n",
            "multiply by delta",
        ),
        (
            "forgets beta",
            "def compute_early(now, expiry, delta, beta, u):\n    return now - delta * math.log(u) >= expiry\n",
            "beta scales",
        ),
        (
            "a logarithm to base 2",
            "def compute_early(now, expiry, delta, beta, u):\n    return now - delta * beta * math.log2(u) >= expiry\n",
            "natural logarithm|beta scales",
        ),
        (
            "a fixed margin",
            "def compute_early(now, expiry, delta, beta, u):\n    return now >= expiry - beta * delta\n",
            "this reader is early",
        ),
    ],
    "redis_memory-2": [
        (
            "one by one",
            changed(_MANY, ('client.mget([f"{LAB}{i}" for i in wanted])', '[client.get(f"{LAB}{i}") for i in wanted]')),
            "Two round trips are enough",
        ),
        ("without a TTL", changed(_MANY, (", ex=ttl", "")), "needs its TTL"),
        (
            "computes everything",
            changed(_MANY, ("if i not in values]", "]")),
            "Compute only what is missing",
        ),
        (
            "in the order of the fill",
            changed(_MANY, ("for i in ids]", "for i in sorted(values)]")),
            "in the order of the ids",
        ),
        (
            "twice the same",
            changed(_MANY, ("[i for i in wanted if", "[i for i in ids if")),
            "each id once",
        ),
        (
            "takes None for missing",
            changed(_MANY, ("if raw is not None}", "if raw is not None and json.loads(raw) is not None}")),
            "None is a value",
        ),
        (
            "computes nothing too",
            changed(_MANY, ("    if missing:\n", "    if True:\n")),
            "nothing to compute or fill",
        ),
    ],
    "redis_memory-3": [
        (
            "the best hit ratio",
            "def cheapest(shares, rate, miss, entry):\n    return len(shares)\n",
            "what the entries cost",
        ),
        ("pays for the hits", changed(_CHEAPEST, ("(1 - hits)", "hits")), "what the misses and what the entries cost"),
        (
            "never without a cache",
            changed(_CHEAPEST, ("range(len(shares) + 1)", "range(1, len(shares) + 1)")),
            "size 0",
        ),
        ("never room for all", changed(_CHEAPEST, ("len(shares) + 1", "len(shares)")), "room for all"),
        ("forgets what a miss costs", changed(_CHEAPEST, (" * miss", "")), "weigh the misses"),
        (
            "holds the most popular",
            changed(
                _CHEAPEST,
                ("che(shares, size) if size else 0.0", "sum(sorted(shares)[-size:]) / sum(shares) if size else 0.0"),
            ),
            "what the misses and what the entries cost|its hit ratio is che",
        ),
        (
            "of equal sizes the largest",
            changed(
                _CHEAPEST, ("min(range(len(shares) + 1), key=hourly)", "min(range(len(shares), -1, -1), key=hourly)")
            ),
            "the smallest",
        ),
        (
            "shares as they are",
            changed(
                _CHEAPEST, ("che(shares, size) if size else 0.0", "che(shares, size) * sum(shares) if size else 0.0")
            ),
            "what the misses|need not add up",
        ),
        (
            "stops at the first size that costs more",
            "def cheapest(shares, rate, miss, entry):\n    size = 0\n    while che(shares, size + 1) * rate * miss > entry * (size + 1):\n        size += 1\n    return size\n",
            "what the misses and what the entries cost",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "redis_memory-3": {
        "- return rate * (1 - hits) * miss + size * entry / + return rate * (0 - hits) * miss + size * entry": "the same sum is missing at every size",
        "- return rate * (1 - hits) * miss + size * entry / + return rate * (2 - hits) * miss + size * entry": "the same sum comes on top at every size",
        "- return min(range(len(shares) + 1), key=hourly) / + return min(range((len(shares) + 1) + 1), key=hourly)": "room for one more than all costs no less, and of equal costs the smallest wins",
        "- return min(range(len(shares) + 1), key=hourly) / + return min(range(len(shares) + 2), key=hourly)": "room for one more than all costs no less, and of equal costs the smallest wins",
    },
    "redis_memory-2": {
        "- if not ids: / + if False:": "to an MGET of nothing redis-py answers with an empty list",
        "- with client.pipeline(transaction=False) as pipe: / + with client.pipeline() as pipe:": "in a transaction or not, it is one round trip",
        "- with client.pipeline(transaction=False) as pipe: / + with client.pipeline(transaction=True) as pipe:": "in a transaction or not, it is one round trip",
        '- found = dict(zip(wanted, client.mget([f"{LAB}{i}" for i in wanted]), strict=True)) / + found = dict(zip(wanted, client.mget([f"{LAB}{i}" for i in wanted])))': "MGET answers once for each key: both are always equally long",
        '- found = dict(zip(wanted, client.mget([f"{LAB}{i}" for i in wanted]), strict=True)) / + found = dict(zip(wanted, client.mget([f"{LAB}{i}" for i in wanted]), strict=False))': "MGET answers once for each key: both are always equally long",
        "- wanted = list(dict.fromkeys(ids)) / + wanted = dict.fromkeys(ids)": "a dictionary is gone through by its keys, as the list of them is",
    },
}
