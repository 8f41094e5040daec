"""Answers to the exercises of redis_caching: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "redis_caching-1": [
        "def compute_early(now, expiry, delta, beta, u):\n    return u <= math.exp(-(expiry - now) / (beta * delta))\n",
        "def compute_early(now, expiry, delta, beta, u):\n    gap = expiry - now\n    return 1 if gap <= 0 or -math.log(u) * beta * delta >= gap else 0\n",
    ],
    "redis_caching-2": [
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
    "redis_caching-3": [
        """
def once(name, compute, ttl, lock_ms):
    token = str(threading.get_ident()) + str(time.time_ns())
    while True:
        found = lab.get(LAB + name)
        if found is not None:
            return found
        if lab.set(LAB + name + ":lock", token, px=lock_ms, nx=True):
            break
        time.sleep(0.002)
    try:
        found = lab.get(LAB + name)
        if found is None:
            found = compute()
            lab.set(LAB + name, found, ttl)
    finally:
        lab.eval("if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end", 1, LAB + name + ":lock", token)
    return found
"""
    ],
}

_ONCE = """
def once(name, compute, ttl, lock_ms):
    entry, lock, token = f"{LAB}{name}", f"{LAB}{name}:lock", secrets.token_hex(8)
    while (found := lab.get(entry)) is None:
        if not lab.set(lock, token, nx=True, px=lock_ms):
            time.sleep(0.005)
            continue
        try:
            if (found := lab.get(entry)) is None:
                found = compute()
                lab.set(entry, found, ex=ttl)
            return found
        finally:
            RELEASE_LOCK([lock], [token])
    return found
"""
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


def changed(source: str, *changes: tuple[str, str]) -> str:
    """The answer with something replaced that is really in it."""
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return source


WRONG = {
    "redis_caching-1": [
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
    "redis_caching-2": [
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
    "redis_caching-3": [
        (
            "no lock",
            "def once(name, compute, ttl, lock_ms):\n    found = lab.get(LAB + name)\n    if found is None:\n        found = compute()\n        lab.set(LAB + name, found, ex=ttl)\n    return found\n",
            "One computation for eight callers",
        ),
        (
            "does not look again",
            changed(
                _ONCE,
                ("if (found := lab.get(entry)) is None:\n                found", "if True:\n                found"),
            ),
            "Look again once you have the lock|One computation for eight callers",
        ),
        (
            "no finally",
            changed(
                _ONCE,
                ("        try:\n            if (found", "        if True:\n            if (found"),
                (
                    "            return found\n        finally:\n            RELEASE_LOCK([lock], [token])\n",
                    "            RELEASE_LOCK([lock], [token])\n            return found\n",
                ),
            ),
            "must release its lock",
        ),
        (
            "removes any lock",
            changed(_ONCE, ("RELEASE_LOCK([lock], [token])", "lab.delete(lock)")),
            "compare before you delete",
        ),
        ("a lock for ever", changed(_ONCE, (", px=lock_ms", "")), "life of its own"),
        ("seconds for milliseconds", changed(_ONCE, ("px=lock_ms", "ex=lock_ms")), "life of its own"),
        ("everybody's token", changed(_ONCE, ("secrets.token_hex(8)", '"locked"')), "token of its own"),
        ("never releases", changed(_ONCE, ("RELEASE_LOCK([lock], [token])", "pass")), "Release the lock"),
        ("no TTL", changed(_ONCE, (", ex=ttl", "")), "needs its TTL"),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "redis_caching-2": {
        '- found = dict(zip(wanted, client.mget([f"{LAB}{i}" for i in wanted]), strict=True)) / + found = dict(zip(wanted, client.mget([f"{LAB}{i}" for i in wanted])))': "MGET answers once for each key: both are always equally long",
        '- found = dict(zip(wanted, client.mget([f"{LAB}{i}" for i in wanted]), strict=True)) / + found = dict(zip(wanted, client.mget([f"{LAB}{i}" for i in wanted]), strict=False))': "MGET answers once for each key: both are always equally long",
        "- wanted = list(dict.fromkeys(ids)) / + wanted = dict.fromkeys(ids)": "a dictionary is gone through by its keys, as the list of them is",
    },
    "redis_caching-3": {
        '- entry, lock, token = f"{LAB}{name}", f"{LAB}{name}:lock", secrets.token_hex(8) / + entry, lock, token = f"{LAB}{name}", f"{LAB}{name}:lock", secrets.token_hex(7)': "how long the token is, is free: it only has to differ from that of another caller",
        '- entry, lock, token = f"{LAB}{name}", f"{LAB}{name}:lock", secrets.token_hex(8) / + entry, lock, token = f"{LAB}{name}", f"{LAB}{name}:lock", secrets.token_hex(9)': "how long the token is, is free: it only has to differ from that of another caller",
    },
}
