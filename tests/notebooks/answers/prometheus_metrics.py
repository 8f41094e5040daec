"""Answers to the exercises of prometheus_metrics: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "prometheus_metrics-1": [
        """
def series(bounds, labels):
    combinations = 1
    for values in labels.values():
        combinations *= values
    return combinations * (len([*bounds, math.inf]) + 2)
""",
    ],
    "prometheus_metrics-2": [
        """
def quantile(q, bounds, counts):
    counts = np.asarray(counts, float)
    if counts[-1] <= 0:
        return float("nan")
    at = int(np.searchsorted(counts, q * counts[-1], side="left"))
    if at >= len(bounds) - 1:
        return bounds[-2]
    below, low = (counts[at - 1], bounds[at - 1]) if at > 0 else (0, 0)
    return np.interp(q * counts[-1], [below, counts[at]], [low, bounds[at]])
""",
    ],
    "prometheus_metrics-3": [
        """
def choose_bounds(latencies, promise):
    around = [np.quantile(latencies, q) * factor for q in (0.5, 0.9, 0.95, 0.99) for factor in (0.93, 1.07)]
    bounds = sorted(set([float(np.quantile(latencies, 0.25))] + [float(b) for b in around] + [promise]))
    return np.array(bounds)
""",
    ],
}

WRONG = {
    "prometheus_metrics-1": [
        (
            "forgets the bucket for infinity",
            "def series(bounds, labels):\n    return (len(bounds) + 2) * math.prod(labels.values())\n",
            "one for infinity",
        ),
        (
            "adds the labels up",
            "def series(bounds, labels):\n    return (len(bounds) + 3) * (sum(labels.values()) or 1)\n",
            "Every combination counts",
        ),
        (
            "multiplies the buckets alone",
            "def series(bounds, labels):\n    return (len(bounds) + 1) * math.prod(labels.values()) + 2\n",
            "Each of the two routes has all six",
        ),
        (
            "one where a label has no value",
            "def series(bounds, labels):\n    return (len(bounds) + 3) * math.prod(max(1, n) for n in labels.values())\n",
            "no combination: no series",
        ),
        (
            "a float",
            "def series(bounds, labels):\n    return float((len(bounds) + 3) * np.prod(list(labels.values())))\n",
            "whole number",
        ),
        (
            "counts the labels, not their values",
            "def series(bounds, labels):\n    return (len(bounds) + 3) * (len(labels) + 1)\n",
            "Every combination counts",
        ),
    ],
    "prometheus_metrics-2": [
        (
            "takes the counts as they are, not as cumulative",
            """
def quantile(q, bounds, counts):
    total, seen, low = sum(counts), 0, 0.0
    for bound, count in zip(bounds, counts):
        if seen + count >= q * total:
            return low + (bound - low) * (q * total - seen) / count if bound < math.inf else bounds[-2]
        seen, low = seen + count, bound
""",
            "The counts are cumulative",
        ),
        (
            "gives the bucket's upper bound",
            """
def quantile(q, bounds, counts):
    return next(b for b, c in zip(bounds, counts) if c >= q * counts[-1])
""",
            "halfway through the second bucket",
        ),
        (
            "infinite for the last bucket",
            """
def quantile(q, bounds, counts):
    rank, low, below = q * counts[-1], 0.0, 0.0
    for bound, count in zip(bounds, counts):
        if count >= rank:
            return low + (bound - low) * (rank - below) / (count - below)
        low, below = bound, count
""",
            "gives the largest finite bound",
        ),
        (
            "divides by nothing",
            """
def quantile(q, bounds, counts):
    rank, low, below = q * counts[-1], 0.0, 0.0
    for bound, count in zip(bounds, counts):
        if count >= rank:
            return bounds[-2] if math.isinf(bound) else low + (bound - low) * (rank - below) / max(count - below, 1)
        low, below = bound, count
""",
            "Without any observation",
        ),
    ],
    "prometheus_metrics-3": [
        (
            "the library's default, whatever the service",
            "def choose_bounds(latencies, promise):\n    return sorted({0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, promise})\n",
            "put bounds where its times are",
        ),
        (
            "even steps up to the largest",
            "def choose_bounds(latencies, promise):\n    return sorted({*np.linspace(0, latencies.max(), 12)[1:].tolist(), promise})\n",
            "put bounds where its times are",
        ),
        (
            "forgets the promise",
            "def choose_bounds(latencies, promise):\n    return np.quantile(latencies, [0.2, 0.4, 0.5, 0.6, 0.8, 0.88, 0.92, 0.95, 0.97, 0.99, 0.997]).tolist()\n",
            "has to be a bound",
        ),
        (
            "as many as it takes",
            "def choose_bounds(latencies, promise):\n    return sorted({*np.quantile(latencies, np.linspace(0.01, 0.999, 60)).tolist(), promise})\n",
            "at most 12",
        ),
    ],
}

_WANTED = "wanted = [0.2, 0.4, 0.5, 0.6, 0.8, 0.88, 0.92, 0.95, 0.97, 0.99, 0.997]"
_OTHER = {"0.2,": "0.22,", "0.4,": "0.44,", "0.5,": "0.55,", "0.6,": "0.66,", "0.8,": "0.88,", "0.88,": "0.968,"}
_BOUND = "return sorted({*np.quantile(latencies, wanted).tolist(), float(promise)})"
#: changes that get full marks, each with its reason
EQUIVALENT = {
    "prometheus_metrics-3": {
        **{
            f"- {_WANTED} / + {_WANTED.replace(f' {old}', f' {new}').replace(f'[{old}', f'[{new}')}": "another right choice"
            for old, new in _OTHER.items()
        },
        f"- {_BOUND} / + {_BOUND.replace('float(promise)', 'promise')}": "the promise is a float already",
    }
}
