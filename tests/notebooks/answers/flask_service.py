"""Answers to the exercises of flask_service: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "flask_service-1": [
        """
def worst_case(attempts):
    requests = 1
    for layer in attempts:
        requests = requests * layer
    return requests
""",
        """
def worst_case(attempts):
    return attempts[0] * worst_case(attempts[1:]) if attempts else 1.0
""",
    ],
    "flask_service-2": [
        """
def pauses(retries, left, need, draw=random.random):
    result, number = [], 0
    while number < retries:
        pause = min(0.1 * 2**number, 1.0) * draw()
        left = left - pause - need
        if left < 0:
            return result
        result.append(pause)
        number += 1
    return result
"""
    ],
    "flask_service-3": [
        """
class TokenBucket:
    # no tokens: the moment at which the bucket would be full (the generic cell rate algorithm)
    def __init__(self, rate, size):
        self.step, self.size, self.full = 1 / rate, size, -math.inf

    def take(self, now):
        full = max(now, self.full)
        wait = full + self.step - now - self.size * self.step
        if wait > 1e-9:
            return wait
        self.full = full + self.step
        return 0
"""
        # the natural one: no tolerance of any kind
        """
class TokenBucket:
    def __init__(self, rate, size):
        self.rate, self.size = rate, size
        self.tokens, self.last = size, None

    def take(self, now):
        if self.last is not None:
            self.tokens = min(self.size, self.tokens + (now - self.last) * self.rate)
        self.last = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0
        return (1 - self.tokens) / self.rate
""",
        """
from fractions import Fraction

class TokenBucket:
    def __init__(self, rate, size):
        self.rate, self.size, self.tokens, self.last = Fraction(rate), size, Fraction(size), None

    def take(self, now):
        now = Fraction(now)
        elapsed = 0 if self.last is None else now - self.last
        self.tokens, self.last = min(Fraction(self.size), self.tokens + elapsed * self.rate), now
        if self.tokens < 1:
            return (1 - self.tokens) / self.rate
        self.tokens -= 1
        return 0
""",
        # a refusal changes nothing at all, as in the services' own script
        """
class TokenBucket:
    def __init__(self, rate, size):
        self.rate, self.size, self.tokens, self.since = rate, size, size, None

    def take(self, now):
        tokens = self.size if self.since is None else min(self.size, self.tokens + (now - self.since) * self.rate)
        if tokens < 1:
            return (1 - tokens) / self.rate
        self.tokens, self.since = tokens - 1, now
        return 0
""",
    ],
}

WRONG = {
    "flask_service-1": [
        ("adds", "def worst_case(attempts):\n    return sum(attempts)\n", "they multiply|itself is the one request"),
        (
            "counts retries beside the attempts",
            "def worst_case(attempts):\n    return math.prod(n + 1 for n in attempts)\n",
            "three times sends three",
        ),
        (
            "all layers alike",
            "def worst_case(attempts):\n    return attempts[0] ** len(attempts) if attempts else 1\n",
            "Layers may differ",
        ),
        (
            "nothing for an empty row",
            "def worst_case(attempts):\n    return math.prod(attempts) if attempts else 0\n",
            "click itself",
        ),
    ],
    "flask_service-2": [
        (
            "too late at the last moment",
            "def pauses(retries, left, need, draw=random.random):\n    result = []\n    for i in range(retries):\n        pause = draw() * min(1.0, 0.1 * 2**i)\n        if pause + need >= left:\n            break\n        left -= pause + need\n        result.append(pause)\n    return result\n",
            "at the last moment",
        ),
        (
            "starts doubled",
            "def pauses(retries, left, need, draw=random.random):\n    result = []\n    for i in range(1, retries + 1):\n        pause = draw() * min(1.0, 0.1 * 2**i)\n        if pause + need > left:\n            break\n        left -= pause + need\n        result.append(pause)\n    return result\n",
            "first has exponent 0",
        ),
        (
            "equal jitter",
            "def pauses(retries, left, need, draw=random.random):\n    result = []\n    for i in range(retries):\n        limit = min(1.0, 0.1 * 2**i)\n        pause = limit / 2 + draw() * limit / 2\n        if pause + need > left:\n            break\n        left -= pause + need\n        result.append(pause)\n    return result\n",
            "Full jitter",
        ),
        (
            "no cap",
            "def pauses(retries, left, need, draw=random.random):\n    result = []\n    for i in range(retries):\n        pause = draw() * 0.1 * 2**i\n        if pause + need > left:\n            break\n        left -= pause + need\n        result.append(pause)\n    return result\n",
            "above 1 second",
        ),
        (
            "forgets what a retry takes",
            "def pauses(retries, left, need, draw=random.random):\n    result = []\n    for i in range(retries):\n        pause = draw() * min(1.0, 0.1 * 2**i)\n        if pause > left:\n            break\n        left -= pause\n        result.append(pause)\n    return result\n",
            "time that a retry itself needs|is not begun",
        ),
        (
            "goes on after one that does not fit",
            "def pauses(retries, left, need, draw=random.random):\n    result = []\n    for i in range(retries):\n        pause = draw() * min(1.0, 0.1 * 2**i)\n        if pause + need <= left:\n            left -= pause + need\n            result.append(pause)\n    return result\n",
            "After one that does not fit",
        ),
    ],
    "flask_service-3": [
        (
            "names a time too early",
            "class TokenBucket:\n    def __init__(self, rate, size):\n        self.rate, self.size, self.tokens, self.at = rate, size, size, None\n\n    def take(self, now):\n        if self.at is not None:\n            self.tokens = min(self.size, self.tokens + (now - self.at) * self.rate)\n        self.at = now\n        if self.tokens >= 1:\n            self.tokens -= 1\n            return 0\n        return 0.999 * (1 - self.tokens) / self.rate\n",
            "did not keep its word|next token is there after 0.5|did not|named is let in",
        ),
        (
            "lets in who comes a little early",
            "class TokenBucket:\n    def __init__(self, rate, size):\n        self.rate, self.size, self.tokens, self.at = rate, size, size, None\n\n    def take(self, now):\n        if self.at is not None:\n            self.tokens = min(self.size, self.tokens + (now - self.at) * self.rate)\n        self.at = now\n        if self.tokens >= 0.8:\n            self.tokens -= 1\n            return 0\n        return (1 - self.tokens) / self.rate\n",
            "too early|at most 605",
        ),
        (
            "empty at first",
            "class TokenBucket:\n    def __init__(self, rate, size):\n        self.rate, self.size, self.tokens, self.at = rate, size, 0, None\n\n    def take(self, now):\n        if self.at is not None:\n            self.tokens = min(self.size, self.tokens + (now - self.at) * self.rate)\n        self.at = now\n        if self.tokens >= 1:\n            self.tokens -= 1\n            return 0\n        return (1 - self.tokens) / self.rate\n",
            "full at first",
        ),
        (
            "a window that starts again",
            "class TokenBucket:\n    def __init__(self, rate, size):\n        self.rate, self.size, self.start, self.count = rate, size, None, 0\n\n    def take(self, now):\n        window = self.size / self.rate\n        if self.start is None or now - self.start >= window:\n            self.start, self.count = now, 0\n        if self.count < self.size:\n            self.count += 1\n            return 0\n        return self.start + window - now\n",
            "next token is there after 0.5",
        ),
        (
            "overflows",
            "class TokenBucket:\n    def __init__(self, rate, size):\n        self.rate, self.tokens, self.at = rate, size, None\n\n    def take(self, now):\n        if self.at is not None:\n            self.tokens += (now - self.at) * self.rate\n        self.at = now\n        if self.tokens >= 1 - 1e-9:\n            self.tokens -= 1\n            return 0\n        return (1 - self.tokens) / self.rate\n",
            "never holds more than its size",
        ),
        (
            "a refusal takes a token",
            "class TokenBucket:\n    def __init__(self, rate, size):\n        self.rate, self.size, self.tokens, self.at = rate, size, size, None\n\n    def take(self, now):\n        if self.at is not None:\n            self.tokens = min(self.size, self.tokens + (now - self.at) * self.rate)\n        self.at = now\n        self.tokens -= 1\n        return 0 if self.tokens >= -1e-9 else -self.tokens / self.rate\n",
            "takes nothing",
        ),
        (
            "always the same wait",
            "class TokenBucket:\n    def __init__(self, rate, size):\n        self.rate, self.size, self.tokens, self.at = rate, size, size, None\n\n    def take(self, now):\n        if self.at is not None:\n            self.tokens = min(self.size, self.tokens + (now - self.at) * self.rate)\n        self.at = now\n        if self.tokens >= 1 - 1e-9:\n            self.tokens -= 1\n            return 0\n        return 1 / self.rate\n",
            "the other half takes 0.25",
        ),
        (
            "shared by all buckets",
            "class TokenBucket:\n    at = {}\n\n    def __init__(self, rate, size):\n        self.rate, self.size = rate, size\n\n    def take(self, now):\n        tokens, at = self.at.get((self.rate, self.size), (self.size, now))\n        tokens = min(self.size, tokens + (now - at) * self.rate)\n        good = tokens >= 1 - 1e-9\n        self.at[self.rate, self.size] = (tokens - good, now)\n        return 0 if good else (1 - tokens) / self.rate\n",
            "Two buckets share nothing",
        ),
    ],
}
