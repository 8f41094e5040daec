"""Answers to the exercises of case_tesla: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "case_tesla-1": [
        "import math\ndef round_trips(commands, batch):\n    return math.ceil(commands / batch)\n",
        "def round_trips(commands, batch):\n    return len(range(0, commands, batch))\n",
    ],
    "case_tesla-2": [
        """
def top(views, n):
    counts = {}
    for product in sorted(views):
        counts[product] = counts.get(product, 0) + 1
    return [[product, counts[product]] for product in sorted(counts, key=counts.get, reverse=True)[:n]]
"""
    ],
    "case_tesla-3": [
        """
def count_once(client, key, events):
    new = 0
    for event, product in events:
        if client.set(f"{key}:event:{event}", 1, nx=True):
            client.zadd(key, {product: 1}, incr=True)
            new += 1
    return new
"""
    ],
}

WRONG = {
    "case_tesla-1": [
        ("drops what is left over", "def round_trips(commands, batch):\n    return commands // batch\n", "last two"),
        ("always one more", "def round_trips(commands, batch):\n    return commands // batch + 1\n", "each of the ten"),
        (
            "at least one",
            "def round_trips(commands, batch):\n    return max(1, -(-commands // batch))\n",
            "nothing is sent",
        ),
    ],
    "case_tesla-2": [
        (
            "ties in the order of the views",
            "def top(views, n):\n    return Counter(views).most_common(n)\n",
            "smaller number comes first",
        ),
        (
            "products alone",
            "def top(views, n):\n    return [(p,) for p, _ in Counter(views).most_common(n)]\n",
            "pairs",
        ),
        (
            "the least looked at",
            "def top(views, n):\n    return sorted(Counter(views).items(), key=lambda pair: (pair[1], pair[0]))[:n]\n",
            "most frequent first",
        ),
    ],
    "case_tesla-3": [
        (
            "counts whatever comes",
            "def count_once(client, key, events):\n    for _, product in events:\n        client.zincrby(key, 1, product)\n    return len(events)\n",
            "only d is new",
        ),
        (
            "remembers within a call only",
            "def count_once(client, key, events):\n    for _, product in dict(events).items():\n        client.zincrby(key, 1, product)\n    return len(dict(events))\n",
            "only d is new",
        ),
        (
            "remembers products, not events",
            """
def count_once(client, key, events):
    new = 0
    for event, product in events:
        if client.sadd(f"{key}:seen", product):
            client.zincrby(key, 1, product)
            new += 1
    return new
""",
            "three are new",
        ),
        (
            "one memory for all keys",
            """
def count_once(client, key, events):
    new = 0
    for event, product in events:
        if client.sadd(":".join(key.split(":")[:2]) + ":seen", event):
            client.zincrby(key, 1, product)
            new += 1
    return new
""",
            "nothing was counted yet",
        ),
    ],
}
