"""Answers to the exercises of case_shopify: other right ones, and the classic wrong ones with the hint they must get."""

LIMITS = """
class ShopLimits:
    def __init__(self, rate, burst, clock):
        self.rate, self.burst, self.clock, self.buckets = rate, burst, clock, {}

    def wait(self, shop):
        now = self.clock()
        tokens, then = self.buckets.get(shop, (self.burst, now))
        tokens = min(self.burst, tokens + self.rate * (now - then))
        if tokens >= 1 - 1e-9:
            self.buckets[shop] = tokens - 1, now
            return 0.0
        self.buckets[shop] = tokens, now
        return (1 - tokens) / self.rate
"""

CHEAPEST = """
def cheapest(shares, megabytes, need, replicas, sizes):
    best = None
    for count in sorted(replicas):
        for size in sorted(sizes):
            miss = 1 - simulated.che(shares, count * size)
            memory = need.base + sum(sorted(megabytes, reverse=True)[:size])
            if need.rate * (need.lookup + miss * need.load) > 0.7 * count * need.places:
                continue
            if memory > need.most or need.lookup + need.load * (miss > 0.01) > need.p99:
                continue
            price = count * (need.per_replica + memory * need.per_megabyte)
            if best is None or price < best[0]:
                best = price, count, size
    return best and best[1:]
"""

RIGHT = {
    "case_shopify-1": [
        """
def hit_ratio(shares, size):
    from scipy.optimize import brentq
    if size >= len(shares):
        return 1.0
    p = np.array(shares, float)
    time = brentq(lambda t: np.sum(1 - np.exp(-p * t)) - size, 0, 1e4 / p.min())
    return np.sum(p * (1 - np.exp(-p * time)))
""",
        "def hit_ratio(shares, size):\n    return simulated.che(shares, size)\n",
        """
import math

def hit_ratio(shares, size):
    if size >= len(shares):
        return 1
    time = size
    while sum(1 - math.exp(-p * time) for p in shares) < size:
        time *= 1.001
    return sum(p * (1 - math.exp(-p * time)) for p in shares)
""",
    ],
    "case_shopify-2": [
        LIMITS,
        """
class ShopLimits:
    def __init__(self, rate, burst, clock):
        self.rate, self.burst, self.clock = rate, burst, clock
        self.full_at = {}  # the moment at which each bucket will be full again

    def wait(self, shop):
        now = self.clock()
        full_at = max(now, self.full_at.get(shop, now))
        late = full_at + 1 / self.rate - now - self.burst / self.rate
        if late > 1e-9 / self.rate:
            return late
        self.full_at[shop] = full_at + 1 / self.rate
        return 0.0
""",
        """
from collections import defaultdict

class Bucket:
    def __init__(self, tokens, now):
        self.tokens, self.now = tokens, now

class ShopLimits:
    def __init__(self, rate, burst, clock):
        self.rate, self.burst, self.clock = rate, burst, clock
        self.buckets = defaultdict(lambda: Bucket(burst, clock()))

    def wait(self, shop):
        bucket, now = self.buckets[shop], self.clock()
        bucket.tokens = min(float(self.burst), bucket.tokens + (now - bucket.now) * self.rate)
        bucket.now = now
        missing = 1 - bucket.tokens
        if missing < 1e-9:
            bucket.tokens -= 1
            return 0
        return missing / self.rate
""",
    ],
    "case_shopify-3": [
        CHEAPEST,
        """
def cheapest(shares, megabytes, need, replicas, sizes):
    room = need.base + np.concatenate([[0], np.cumsum(-np.sort(-np.asarray(megabytes)))])
    def memory(size):
        return room[min(size, len(room) - 1)]
    def will_do(pool):
        count, size = pool
        miss = 1 - simulated.che(shares, count * size)
        p99 = need.lookup + need.load if miss > 0.01 else need.lookup
        busy = need.rate * (need.lookup + miss * need.load) / (count * need.places)
        return busy <= 0.7 + 1e-12 and p99 <= need.p99 and memory(size) <= need.most
    pools = [(count, size) for count in replicas for size in sizes if will_do((count, size))]
    return min(pools, key=lambda pool: (pool[0] * (need.per_replica + memory(pool[1]) * need.per_megabyte), *pool), default=None)
""",
    ],
}

WRONG = {
    "case_shopify-1": [
        ("M/N", "def hit_ratio(shares, size):\n    return min(1.0, size / len(shares))\n", "M/N would be"),
        (
            "the most asked, LFU",
            "def hit_ratio(shares, size):\n    return float(np.sort(shares)[::-1][:size].sum())\n",
            "LFU",
        ),
        (
            "T is the size",
            "def hit_ratio(shares, size):\n    return 1.0 if size >= len(shares) else float((shares * (1 - np.exp(-shares * size))).sum())\n",
            "M/N would be",
        ),
        (
            "random eviction",
            """
def hit_ratio(shares, size):
    from scipy.optimize import brentq
    if size >= len(shares):
        return 1.0
    time = brentq(lambda t: np.sum(shares * t / (1 + shares * t)) - size, 0, 1e6 / shares.min())
    return float(np.sum(shares * shares * time / (1 + shares * time)))
""",
            "M/N would be",
        ),
        ("nothing", "def hit_ratio(shares, size):\n    pass\n", "Return the hit ratio"),
    ],
    "case_shopify-2": [
        (
            "one bucket for all shops",
            LIMITS.replace("self.buckets.get(shop,", "self.buckets.get(0,").replace(
                "self.buckets[shop]", "self.buckets[0]"
            ),
            "a bucket of its own",
        ),
        (
            "refills by requests",
            """
class ShopLimits:
    def __init__(self, rate, burst, clock):
        self.rate, self.burst, self.tokens = rate, burst, {}

    def wait(self, shop):
        tokens = min(self.burst, self.tokens.get(shop, self.burst))
        if tokens >= 1:
            self.tokens[shop] = tokens - 1
            return 0.0
        self.tokens[shop] = tokens + 0.5
        return (1 - tokens) / self.rate
""",
            "with time, not with requests",
        ),
        (
            "grows without end",
            LIMITS.replace("min(self.burst, tokens + self.rate * (now - then))", "tokens + self.rate * (now - then)"),
            "never holds more than burst",
        ),
        (
            "a refusal costs a token",
            LIMITS.replace(
                "self.buckets[shop] = tokens, now\n        return",
                "self.buckets[shop] = tokens - 1, now\n        return",
            ),
            "a refusal takes none",
        ),
        (
            "whole tokens only",
            LIMITS.replace("self.rate * (now - then)", "int(self.rate * (now - then))"),
            "with time|Fractions|pays nothing",
        ),
        ("starts empty", LIMITS.replace("(self.burst, now))", "(0, now))"), "Three tokens at first"),
        (
            "waits a whole interval",
            LIMITS.replace("return (1 - tokens) / self.rate", "return 1 / self.rate"),
            "with time|Fractions",
        ),
        (
            "a fixed window",
            """
class ShopLimits:
    def __init__(self, rate, burst, clock):
        self.rate, self.burst, self.clock, self.sent = rate, burst, clock, {}

    def wait(self, shop):
        now, length = self.clock(), self.burst / self.rate
        window = int(now / length)
        used = self.sent.get((shop, window), 0)
        if used < self.burst:
            self.sent[shop, window] = used + 1
            return 0.0
        return (window + 1) * length - now
""",
            "Three tokens at first|comes in half a second",
        ),
        ("exact floats", LIMITS.replace("1 - 1e-9", "1"), "mind the rounding"),
    ],
    "case_shopify-3": [
        (
            "the average size",
            CHEAPEST.replace("sum(sorted(megabytes, reverse=True)[:size])", "size * np.mean(megabytes)"),
            "room for the largest",
        ),
        (
            "ignores cold starts",
            CHEAPEST.replace("need.load * (miss > 0.01) > need.p99", "0 > need.p99"),
            "p99 is that of a cold start",
        ),
        ("every miss counts", CHEAPEST.replace("miss > 0.01", "miss > 0"), "0.7 % miss"),
        (
            "three caches alike",
            CHEAPEST.replace("simulated.che(shares, count * size)", "simulated.che(shares, size)"),
            "Expected",
        ),
        (
            "memory is paid once",
            CHEAPEST.replace(
                "count * (need.per_replica + memory * need.per_megabyte)",
                "count * need.per_replica + memory * need.per_megabyte",
            ),
            "paid for each replica",
        ),
        ("all of the places", CHEAPEST.replace("0.7 * count", "count"), "Expected"),
        ("forgets the base", CHEAPEST.replace("need.base + sum", "sum"), "room for the largest|needs memory"),
        ("the warm pool", CHEAPEST.replace("need.lookup + miss * need.load)", "need.lookup)"), "Expected"),
        (
            "the first that will do",
            CHEAPEST.replace("best is None or price < best[0]", "best is None"),
            "look at all pairs",
        ),
    ],
}

#: mutants that mean the same
EQUIVALENT = {
    "case_shopify-1": {
        "- if size >= len(p): / + if size > len(p):": "with as many places as models the root is found at the end of the bracket, where all exponentials are 0: 1.0 as well",
        "- time = brentq(lambda t: (1 - np.exp(-p * t)).sum() - size, 0, 1e3 / p.min()) / + time = brentq(lambda t: (1 - np.exp(-p * t)).sum() - size, -1, 1e3 / p.min())": "the bracket still holds the root: the sum is below the size at its one end, and above it at the other",
        "- time = brentq(lambda t: (1 - np.exp(-p * t)).sum() - size, 0, 1e3 / p.min()) / + time = brentq(lambda t: (1 - np.exp(-p * t)).sum() - size, 1, 1e3 / p.min())": "the bracket still holds the root: the sum is below the size at its one end, and above it at the other",
        "- time = brentq(lambda t: (1 - np.exp(-p * t)).sum() - size, 0, 1e3 / p.min()) / + time = brentq(lambda t: (1 - np.exp(-p * t)).sum() - size, 0, 1001.0 / p.min())": "the bracket still holds the root: the sum is below the size at its one end, and above it at the other",
        "- time = brentq(lambda t: (1 - np.exp(-p * t)).sum() - size, 0, 1e3 / p.min()) / + time = brentq(lambda t: (1 - np.exp(-p * t)).sum() - size, 0, 1100 / p.min())": "the bracket still holds the root: the sum is below the size at its one end, and above it at the other",
        "- time = brentq(lambda t: (1 - np.exp(-p * t)).sum() - size, 0, 1e3 / p.min()) / + time = brentq(lambda t: (1 - np.exp(-p * t)).sum() - size, 0, 999.0 / p.min())": "the bracket still holds the root: the sum is below the size at its one end, and above it at the other",
        "- time = brentq(lambda t: (1 - np.exp(-p * t)).sum() - size, 0, 1e3 / p.min()) / + time = brentq(lambda t: (1 - np.exp(-p * t)).sum() - size, 0, 1e3 // p.min())": "the bracket still holds the root: the sum is below the size at its one end, and above it at the other",
        "- return float((p * (1 - np.exp(-p * time))).sum()) / + return (p * (1 - np.exp(-p * time))).sum()": "NumPy's float64 is a float",
    },
    "case_shopify-2": {
        "- allowed = tokens > 1 - 1e-9 / + allowed = tokens >= 1 - 1e-9": "one float apart: there but for a billionth, or a hair more than that"
    },
    "case_shopify-3": {
        "- slow = need.lookup + (need.load if miss > 0.01 else 0) / + slow = need.lookup + (need.load if miss >= 0.01 else 0)": "no miss ratio is exactly the float 0.01: it comes out of exponentials"
    },
}
