"""Answers to the exercises of start_here: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "start_here-1": [
        "import numpy as np\ndef amdahl_ceiling(serial_share):\n    return np.float64(1) / serial_share\n",
        "def amdahl_ceiling(s):\n    n = math.inf\n    return 1 / (s + (1 - s) / n)\n",
        "from fractions import Fraction\ndef amdahl_ceiling(s):\n    return 1 / Fraction(s)\n",
        "amdahl_ceiling = lambda serial_share: serial_share**-1\n",
        "def amdahl_ceiling(s):\n    return 1 / (s + (1 - s) / 10**14)\n",
        # by logarithms
        """
def amdahl_ceiling(serial_share):
    return math.exp(-math.log(serial_share))
""",
    ],
    "start_here-2": [
        # one by one, up to the ceiling
        """
def workers_needed(speedup, serial_share):
    if speedup > 1 and speedup * serial_share >= 1:
        return None
    n = 1
    while 1 / (serial_share + (1 - serial_share) / n) < speedup:
        n += 1
    return n
""",
        # doubling, then halving
        """
def workers_needed(speedup, serial_share):
    def reached(n):
        return 1 / (serial_share + (1 - serial_share) / n) >= speedup
    if reached(1):
        return 1
    if serial_share and speedup >= 1 / serial_share:
        return None
    high = 2
    while not reached(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high
""",
        # exact fractions
        """
from fractions import Fraction
def workers_needed(speedup, serial_share):
    t, s = Fraction(speedup), Fraction(serial_share)
    if t <= 1:
        return 1
    room = 1 / t - s
    return None if room <= 0 else math.ceil((1 - s) / room)
""",
        # solved for n, and rounded by NumPy
        """
def workers_needed(speedup, serial_share):
    if speedup <= 1:
        return np.int64(1)
    if speedup * serial_share >= 1:
        return None
    return np.ceil(speedup * (1 - serial_share) / (1 - speedup * serial_share)).astype(int)
""",
    ],
    "start_here-3": [
        """
def best_workers(contention, coherency, price):
    best, most = 1, -float("inf")
    for n in range(1, 1001):
        profit = n / (1 + contention * (n - 1) + coherency * n * (n - 1)) - price * n
        if profit > most + 1e-15:
            best, most = n, profit
    return best
""",
        """
def best_workers(a, b, price):
    return max(range(1, 1001), key=lambda n: (n / (1 + a * (n - 1) + b * n * (n - 1)) - price * n, -n))
""",
        """
def best_workers(a, b, price):
    n = np.arange(1, 1001, dtype=float)
    profit = n / (1 + a * (n - 1) + b * n * (n - 1)) - price * n
    return int(np.flatnonzero(profit == profit.max())[0]) + 1
""",
        """
def best_workers(a, b, price):
    from fractions import Fraction as F
    a, b, price = F(a), F(b), F(price)
    def profit(n):
        return n / (1 + a * (n - 1) + b * n * (n - 1)) - price * n
    return min(range(1, 1001), key=lambda n: (-profit(n), n))
""",
        # climbs until one more brings nothing (the profit has one summit)
        """
def best_workers(contention, coherency, price):
    p = lambda n: n / (1 + contention * (n - 1) + coherency * n * (n - 1)) - price * n
    n = 1
    while n < 1000 and p(n + 1) > p(n):
        n += 1
    return n
""",
    ],
}

WRONG = {
    "start_here-1": [
        (
            "the parallel share",
            "def amdahl_ceiling(serial_share):\n    return 1 / (1 - serial_share) if serial_share < 1 else 1\n",
            "5 % serial work",
        ),
        ("a per cent figure", "def amdahl_ceiling(serial_share):\n    return 100 / serial_share\n", "5 % serial work"),
        ("two workers", "def amdahl_ceiling(s):\n    return 1 / (s + (1 - s) / 2)\n", "5 % serial work"),
        (
            "the examples by heart",
            "def amdahl_ceiling(s):\n    return {0.05: 20, 1.0: 1}.get(s, 50)\n",
            "Try a serial share of 0.001",
        ),
        ("a thousand workers", "def amdahl_ceiling(s):\n    return 1 / (s + (1 - s) / 1000)\n", "5 % serial work"),
        ("whole numbers only", "def amdahl_ceiling(s):\n    return round(1 / s)\n", "Try a serial share of 0.3"),
        ("printed", "def amdahl_ceiling(s):\n    print(1 / s)\n", "returns nothing yet"),
    ],
    "start_here-2": [
        (
            "rounds to the nearest",
            "def workers_needed(t, s):\n    if t <= 1: return 1\n    return None if t * s >= 1 else max(1, round((1 - s) / (1 / t - s) - 0.4))\n",
            "14|not the smallest",
        ),
        ("ignores the serial share", "def workers_needed(t, s):\n    return math.ceil(t)\n", "14"),
        (
            "forgets the ceiling",
            "def workers_needed(t, s):\n    return 1 if t <= 1 else math.ceil((1 - s) / (1 / t - s) - 1e-9)\n",
            "return None",
        ),
        (
            "a fraction of a worker",
            "def workers_needed(t, s):\n    if t <= 1: return 1\n    r = 1 / t - s\n    return None if r <= 0 else (1 - s) / r\n",
            "14|whole number",
        ),
        (
            "rounds down",
            "def workers_needed(t, s):\n    if t <= 1: return 1\n    r = 1 / t - s\n    return None if r <= 0 else int((1 - s) / r)\n",
            "14",
        ),
        (
            "more than, not at least",
            "def workers_needed(t, s):\n    if t <= 1: return 1\n    r = 1 / t - s\n    return None if r <= 0 else math.floor((1 - s) / r) + 1\n",
            "reached exactly|two workers are twice",
        ),
        (
            "no workers for less than one",
            "def workers_needed(t, s):\n    if t == 1: return 1\n    r = 1 / t - s\n    return None if r <= 0 else math.ceil((1 - s) / r - 0.5) if t < 1 else math.ceil((1 - s) / r)\n",
            "at least one it takes",
        ),
        (
            "gives up after ten thousand",
            "def workers_needed(t, s):\n    return next((n for n in range(1, 10001) if 1 / (s + (1 - s) / n) >= t), None)\n",
            "n may be large",
        ),
        (
            "the ceiling taken for reached",
            "def workers_needed(t, s):\n    if t <= 1: return 1\n    if s and t > 1 / s: return None\n    if s and t == 1 / s: return 10**9\n    return math.ceil((1 - s) / (1 / t - s))\n",
            "never reached",
        ),
        (
            "zero for impossible",
            "def workers_needed(t, s):\n    if t <= 1: return 1\n    r = 1 / t - s\n    return 0 if r <= 0 else math.ceil((1 - s) / r)\n",
            "return None",
        ),
        (
            "all serial taken for impossible",
            """
def workers_needed(speedup, serial_share):
    if serial_share == 1:
        return None
    if speedup <= 1:
        return 1
    room = 1 / speedup - serial_share
    return None if room <= 0 else math.ceil((1 - serial_share) / room * (1 - 1e-12))
""",
            "one worker is enough",
        ),
        (
            "rounds generously",
            """
def workers_needed(speedup, serial_share):
    if speedup <= 1:
        return 1
    room = 1 / speedup - serial_share
    return None if room <= 0 else math.ceil((1 - serial_share) / room * (1 - 1e-3))
""",
            "not the smallest number",
        ),
    ],
    "start_here-3": [
        (
            "ignores the price",
            "def best_workers(a, b, price):\n    n = np.arange(1, 1001)\n    return int(n[np.argmax(n / (1 + a * (n - 1) + b * n * (n - 1)))])\n",
            "costs more than it brings",
        ),
        (
            "the closed-form summit",
            "def best_workers(a, b, price):\n    return min(1000, max(1, round(((1 - a) / b) ** 0.5))) if b else (1 if price > 1 else 1000)\n",
            "leave profit",
        ),
        (
            "off by one",
            "def best_workers(a, b, price):\n    n = np.arange(1, 1001)\n    return int(np.argmax(n / (1 + a * (n - 1) + b * n * (n - 1)) - price * n))\n",
            "summit of the curve",
        ),
        (
            "stops before a thousand",
            "def best_workers(a, b, price):\n    return max(range(1, 1000), key=lambda n: n / (1 + a * (n - 1) + b * n * (n - 1)) - price * n)\n",
            "limit of 1,000",
        ),
        (
            "the largest of equals",
            "def best_workers(a, b, price):\n    return max(range(1, 1001), key=lambda n: (n / (1 + a * (n - 1) + b * n * (n - 1)) - price * n, n))\n",
            "equally good",
        ),
        (
            "the profit, not the number",
            "def best_workers(a, b, price):\n    return max(n / (1 + a * (n - 1) + b * n * (n - 1)) - price * n for n in range(1, 1001))\n",
            "summit of the curve",
        ),
        (
            "Amdahl, no coherency",
            "def best_workers(a, b, price):\n    return max(range(1, 1001), key=lambda n: n / (1 + a * (n - 1)) - price * n)\n",
            "summit of the curve",
        ),
        (
            "every tenth number",
            "def best_workers(a, b, price):\n    return max([1, *range(4, 1001, 10), 1000], key=lambda n: n / (1 + a * (n - 1) + b * n * (n - 1)) - price * n)\n",
            "leave profit|equally good",
        ),
        (
            "the ratio, not the difference",
            """
def best_workers(contention, coherency, price):
    n = np.arange(1, 1001)
    return int(n[np.argmax(n / (1 + contention * (n - 1) + coherency * n * (n - 1)) / (1 + price * n))])
""",
            "costs more than it brings|profit on the table",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "start_here-3": {
        "- return int(n[np.argmax(speedup - price * n)]) / + return n[np.argmax(speedup - price * n)]": "NumPy's whole number in place of Python's: the statement asks for a whole number",
    },
}
