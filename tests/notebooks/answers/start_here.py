"""Answers to the exercises of start_here: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "start_here-1": [
        "import numpy as np\ndef amdahl_ceiling(serial_share):\n    return np.float64(1) / serial_share\n"
    ],
    "start_here-2": [
        """
def workers_needed(speedup, serial_share):
    for n in range(1, 100_000):
        if 1 / (serial_share + (1 - serial_share) / n) >= speedup - 1e-9:
            return n
    return None
"""
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
"""
    ],
}

WRONG = {
    "start_here-1": [
        (
            "the parallel share",
            "def amdahl_ceiling(serial_share):\n    return 1 / (1 - serial_share)\n",
            "5 % serial work",
        ),
        ("a per cent figure", "def amdahl_ceiling(serial_share):\n    return 100 / serial_share\n", "5 % serial work"),
        ("two workers", "def amdahl_ceiling(s):\n    return 1 / (s + (1 - s) / 2)\n", "5 % serial work"),
    ],
    "start_here-2": [
        (
            "rounds to the nearest",
            "def workers_needed(t, s):\n    return None if t * s >= 1 else max(1, round((1 - s) / (1 / t - s) - 0.4))\n",
            "not the smallest",
        ),
        ("ignores the serial share", "def workers_needed(t, s):\n    return math.ceil(t)\n", "9"),
        (
            "forgets the ceiling",
            "def workers_needed(t, s):\n    return math.ceil((1 - s) / (1 / t - s) - 1e-9)\n",
            "return None",
        ),
        (
            "a fraction of a worker",
            "def workers_needed(t, s):\n    r = 1 / t - s\n    if r <= 0: return None\n    n = (1 - s) / r\n    return n if abs(n - round(n)) < 1e-6 else n\n",
            "9|whole number",
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
    ],
}
