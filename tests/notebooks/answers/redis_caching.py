"""Answers to the exercises of redis_caching: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "redis_caching-1": [
        """
def load_left(requests, cost, cached):
    total = left = 0
    for product in requests:
        total += cost[product]
        if product not in cached:
            left += cost[product]
    return 0 if total == 0 else left / total
""",
        """
def load_left(requests, cost, cached):
    from collections import Counter

    work = {product: count * cost[product] for product, count in Counter(requests).items()}
    if not any(work.values()):
        return 0.0
    return 1 - sum(work[product] for product in set(work) & cached) / sum(work.values())
""",
    ],
    "redis_caching-2": [
        """
def change(name, writer, commit, mark_ms):
    entry, lease, marks = LAB + name, LAB + name + ":lease", LAB + name + ":marks"
    mark = lab.register_script(
        "redis.call('SADD', KEYS[3], ARGV[1]) redis.call('PEXPIRE', KEYS[3], ARGV[2]) redis.call('DEL', KEYS[1], KEYS[2])"
    )
    mark([entry, lease, marks], [writer, mark_ms])
    try:
        result = commit()
    except BaseException:
        lab.srem(marks, writer)
        lab.delete(entry, lease)
        raise
    lab.srem(marks, writer)
    lab.delete(lease, entry)
    return result
""",
        """
def change(name, writer, commit, mark_ms):
    keys = [LAB + name + end for end in ("", ":lease", ":marks")]
    with lab.pipeline(transaction=True) as first:  # the mark and its life in one step, then what it keeps out
        first.sadd(keys[2], writer)
        first.pexpire(keys[2], mark_ms)
        first.execute()
    lab.delete(keys[1])
    lab.delete(keys[0])
    try:
        return commit()
    finally:
        lab.delete(keys[0], keys[1])
        lab.srem(keys[2], writer)
""",
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

_LEFT = """
def load_left(requests, cost, cached):
    total = sum(cost[product] for product in requests)
    left = sum(cost[product] for product in requests if product not in cached)
    return left / total if total else 0.0
"""
_CHANGE = """
def change(name, writer, commit, mark_ms):
    entry, lease, marks = f"{LAB}{name}", f"{LAB}{name}:lease", f"{LAB}{name}:marks"
    lab.pipeline().delete(entry, lease).sadd(marks, writer).pexpire(marks, mark_ms).execute()
    try:
        return commit()
    finally:
        lab.pipeline().srem(marks, writer).delete(entry, lease).execute()
"""
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


def changed(source: str, *changes: tuple) -> str:
    """The answer with something replaced that is really in it: (old, new), or (old, new, how often it is there; -1 for the last)."""
    for old, new, *count in changes:
        assert old in source, old
        if count == [-1]:
            before, _, after = source.rpartition(old)
            source = before + new + after
        else:
            assert not count or source.count(old) == count[0], old
            source = source.replace(old, new)
    return source


WRONG = {
    "redis_caching-1": [
        (
            "counts requests",
            "def load_left(requests, cost, cached):\n    return sum(p not in cached for p in requests) / len(requests) if requests else 0\n",
            "Weigh by cost",
        ),
        (
            "what is taken off",
            changed(_LEFT, ("product not in cached", "product in cached")),
            "count what is left",
        ),
        (
            "each product once",
            changed(_LEFT, ("for product in requests", "for product in set(requests)", 2)),
            "Weigh by cost|Each request counts",
        ),
        (
            "all that the shop has",
            changed(_LEFT, ("sum(cost[product] for product in requests)\n", "sum(cost.values())\n")),
            "2 of 22|Each request counts|Only what is asked for",
        ),
        (
            "takes off all that is cached",
            "def load_left(requests, cost, cached):\n    total = sum(cost[p] for p in requests)\n    return (total - sum(cost.get(p, 0) for p in cached)) / total if total else 0\n",
            "Weigh by cost",
        ),
        (
            "divides by zero",
            changed(_LEFT, (" if total else 0.0", "")),
            "not a division by zero",
        ),
        ("whole numbers", changed(_LEFT, ("left / total", "round(left / total)")), "Weigh by cost"),
        ("whole costs", changed(_LEFT, ("left / total", "int(left) / total")), "a fraction"),
    ],
    "redis_caching-2": [
        (
            "write, then delete",
            "def change(name, writer, commit, mark_ms):\n    try:\n        return commit()\n    finally:\n        lab.delete(LAB + name, LAB + name + ':lease')\n",
            "must be gone",
        ),
        (
            "no mark",
            changed(_CHANGE, (".sadd(marks, writer).pexpire(marks, mark_ms)", "")),
            "must hold the writer's word",
        ),
        ("leaves the lease", changed(_CHANGE, (".delete(entry, lease).sadd", ".delete(entry).sadd")), "must be gone"),
        ("a mark for ever", changed(_CHANGE, (".pexpire(marks, mark_ms)", "")), "live for mark_ms"),
        ("seconds for milliseconds", changed(_CHANGE, (".pexpire(", ".expire(")), "live for mark_ms"),
        (
            "deletes, then marks",
            changed(
                _CHANGE,
                ("lab.pipeline().delete(entry, lease).sadd", "lab.delete(entry, lease)\n    lab.pipeline().sadd"),
            ),
            "in one step",
        ),
        (
            "marks, and limits it later",
            changed(
                _CHANGE,
                (
                    "lab.pipeline().delete(entry, lease).sadd(marks, writer).pexpire(marks, mark_ms).execute()",
                    "lab.sadd(marks, writer)\n    lab.pexpire(marks, mark_ms)\n    lab.delete(entry, lease)",
                ),
            ),
            "no end",
        ),
        (
            "no finally",
            changed(
                _CHANGE,
                ("    try:\n        return commit()\n    finally:\n        lab", "    result = commit()\n    lab"),
                ("lease).execute()\n", "lease).execute()\n    return result\n", -1),
            ),
            "must go|Stopped",
        ),
        (
            "only for an Exception",
            changed(
                _CHANGE,
                (
                    "    try:\n        return commit()\n    finally:\n        lab.pipeline().srem(marks, writer).delete(entry, lease).execute()\n",
                    "    def done():\n        lab.pipeline().srem(marks, writer).delete(entry, lease).execute()\n\n    try:\n        result = commit()\n    except Exception:\n        done()\n        raise\n    done()\n    return result\n",
                ),
            ),
            "must go",
        ),
        (
            "takes everybody's marks away",
            changed(_CHANGE, (".srem(marks, writer)", ".delete(marks)")),
            "leaves that of Ada",
        ),
        (
            "one word for all",
            changed(
                _CHANGE, (".sadd(marks, writer)", ".sadd(marks, 'x')"), (".srem(marks, writer)", ".srem(marks, 'x')")
            ),
            "the writer's word",
        ),
        (
            "keeps what came meanwhile",
            changed(_CHANGE, (".srem(marks, writer).delete(entry, lease)", ".srem(marks, writer)")),
            "put them there meanwhile",
        ),
        (
            "swallows the error",
            changed(_CHANGE, ("    finally:\n", "    except BaseException:\n        pass\n    finally:\n")),
            "comes out",
        ),
        ("commits twice", changed(_CHANGE, ("return commit()", "commit()\n        return commit()")), "once"),
        ("returns nothing", changed(_CHANGE, ("return commit()", "commit()")), "return what it returns"),
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
        (
            "locks before it looks",
            changed(_ONCE, ("while (found := lab.get(entry)) is None:", "while True:")),
            "look before you ask",
        ),
        (
            "compares, then deletes",
            changed(
                _ONCE, ("RELEASE_LOCK([lock], [token])", "if lab.get(lock) == token:\n                lab.delete(lock)")
            ),
            "compare and delete in one step",
        ),
        (
            "takes the lock, and limits it later",
            changed(
                _ONCE,
                (
                    "if not lab.set(lock, token, nx=True, px=lock_ms):\n            time.sleep(0.005)\n            continue\n",
                    "if not lab.setnx(lock, token):\n            time.sleep(0.005)\n            continue\n        lab.pexpire(lock, lock_ms)\n",
                ),
            ),
            "without an end",
        ),
        (
            "stores, and limits it later",
            changed(
                _ONCE,
                ("lab.set(entry, found, ex=ttl)", "lab.set(entry, found)\n                lab.expire(entry, ttl)"),
            ),
            "without an end",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "redis_caching-3": {
        "- time.sleep(0.005) / + pass": "how long one that waits rests between two looks, is free",
        "- time.sleep(0.005) / + time.sleep(0.0055)": "how long one that waits rests between two looks, is free",
        "- time.sleep(0.005) / + time.sleep(1.005)": "how long one that waits rests between two looks, is free",
        '- entry, lock, token = f"{LAB}{name}", f"{LAB}{name}:lock", secrets.token_hex(8) / + entry, lock, token = f"{LAB}{name}", f"{LAB}{name}:lock", secrets.token_hex(7)': "how long the token is, is free: it only has to differ from that of another caller",
        '- entry, lock, token = f"{LAB}{name}", f"{LAB}{name}:lock", secrets.token_hex(8) / + entry, lock, token = f"{LAB}{name}", f"{LAB}{name}:lock", secrets.token_hex(9)': "how long the token is, is free: it only has to differ from that of another caller",
    },
}
