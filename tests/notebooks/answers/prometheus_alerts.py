"""Answers to the exercises of prometheus_alerts: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "prometheus_alerts-1": [
        """
def hours_left(failing, objective, spent=0.0):
    left = max(0, 1 - spent) * (1 - objective) * 720
    if left == 0:
        return 0
    return left / failing if failing else float("inf")
""",
    ],
    "prometheus_alerts-2": [
        """
def first_ring(failed, asked, factor, objective, long, short):
    bad, total = np.cumsum([0, *failed]), np.cumsum([0, *asked])
    at = np.arange(1, len(bad))
    rings = np.ones(len(at), bool)
    for minutes in (long, short):
        first = np.maximum(0, at - minutes)
        rings &= bad[at] - bad[first] > factor * (1 - objective) * (total[at] - total[first])
    return int(np.argmax(rings)) if rings.any() else None
""",
        """
def first_ring(failed, asked, factor, objective, long, short):
    from collections import deque
    windows = [deque(maxlen=long), deque(maxlen=short)]
    for minute, pair in enumerate(zip(failed, asked)):
        over = 0
        for window in windows:
            window.append(pair)
            bad, total = map(sum, zip(*window))
            over += total > 0 and bad / total / (1 - objective) > factor
        if over == 2:
            return minute
""",
    ],
    "prometheus_alerts-3": [
        """
def stuck():
    def bad(w):
        return f'sum by (job) (increase(jobs_total{{result="failed", kind!~"canary"}}[{w}]))'
    def everything(w):
        return f'sum by (job) (increase(jobs_total{{kind!~"canary"}}[{w}]))'
    return f"({bad('10m')} > {everything('10m')} / 5) and ({bad('2m')} / {everything('2m')} > 0.2) and ({everything('10m')} > 599.999)"
""",
        """
def stuck():
    base = 'jobs_total{kind!="canary"}'
    good = 'jobs_total{kind!="canary", result!="failed"}'
    parts = [f"1 - sum(rate({good}[{w}])) by (job) / sum(rate({base}[{w}])) by (job) > 0.2" for w in ("2m", "10m")]
    return f"({parts[0]}) and ({parts[1]}) unless sum by (job) (rate({base}[10m])) < 1"
""",
    ],
}

WRONG = {
    "prometheus_alerts-1": [
        (
            "forgets what is spent",
            "def hours_left(failing, objective, spent=0.0):\n    return 720 * (1 - objective) / failing if failing else math.inf\n",
            "What is spent already does not last",
        ),
        (
            "takes the objective for the budget",
            "def hours_left(failing, objective, spent=0.0):\n    return 720 * objective / failing * (1 - spent)\n",
            "a whole budget lasts 30 days",
        ),
        (
            "multiplies by the burn rate",
            "def hours_left(failing, objective, spent=0.0):\n    return 720 * failing / (1 - objective) * (1 - spent)\n",
            "720 divided by the burn rate",
        ),
        (
            "negative when overspent",
            "def hours_left(failing, objective, spent=0.0):\n    return (1 - spent) * 720 * (1 - objective) / failing if failing else math.inf\n",
            "lasts 0 hours",
        ),
    ],
    "prometheus_alerts-2": [
        (
            "the long window alone",
            "def first_ring(failed, asked, factor, objective, long, short):\n    for m in range(len(asked)):\n        f, a = sum(failed[max(0, m - long + 1): m + 1]), sum(asked[max(0, m - long + 1): m + 1])\n        if a and f / a > factor * (1 - objective):\n            return m\n",
            "both have to be|windows of|ninth minute",
        ),
        (
            "the short window alone",
            "def first_ring(failed, asked, factor, objective, long, short):\n    for m in range(len(asked)):\n        f, a = sum(failed[max(0, m - short + 1): m + 1]), sum(asked[max(0, m - short + 1): m + 1])\n        if a and f / a > factor * (1 - objective):\n            return m\n",
            "both have to be|ninth minute",
        ),
        (
            "one window or the other",
            "def first_ring(failed, asked, factor, objective, long, short):\n    for m in range(len(asked)):\n        for n in (long, short):\n            f, a = sum(failed[max(0, m - n + 1): m + 1]), sum(asked[max(0, m - n + 1): m + 1])\n            if a and f / a > factor * (1 - objective):\n                return m\n",
            "both have to be|ninth minute",
        ),
        (
            "a window one minute too long",
            "def first_ring(failed, asked, factor, objective, long, short):\n    for m in range(len(asked)):\n        s = [(sum(failed[max(0, m - n): m + 1]), sum(asked[max(0, m - n): m + 1])) for n in (long, short)]\n        if all(a and f / a > factor * (1 - objective) for f, a in s):\n            return m\n",
            "Each window ends|windows of|ninth minute",
        ),
        (
            "the mean of the minutes' shares",
            "def first_ring(failed, asked, factor, objective, long, short):\n    share = [f / a if a else 0 for f, a in zip(failed, asked)]\n    for m in range(len(asked)):\n        if all(np.mean(share[max(0, m - n + 1): m + 1]) > factor * (1 - objective) for n in (long, short)):\n            return m\n",
            "share of all requests",
        ),
        (
            "waits until the windows are full",
            "def first_ring(failed, asked, factor, objective, long, short):\n    for m in range(long - 1, len(asked)):\n        s = [(sum(failed[m - n + 1: m + 1]), sum(asked[m - n + 1: m + 1])) for n in (long, short)]\n        if all(a and f / a > factor * (1 - objective) for f, a in s):\n            return m\n",
            "has what there is",
        ),
        (
            "takes the objective for the budget",
            "def first_ring(failed, asked, factor, objective, long, short):\n    for m in range(len(asked)):\n        s = [(sum(failed[max(0, m - n + 1): m + 1]), sum(asked[max(0, m - n + 1): m + 1])) for n in (long, short)]\n        if all(a and f / a > factor * objective for f, a in s):\n            return m\n",
            "ninth minute",
        ),
        (
            "at the line as well",
            "def first_ring(failed, asked, factor, objective, long, short):\n    for m in range(len(asked)):\n        s = [(sum(failed[max(0, m - n + 1): m + 1]), sum(asked[max(0, m - n + 1): m + 1])) for n in (long, short)]\n        if all(a and f / a >= round(factor * (1 - objective), 9) for f, a in s):\n            return m\n",
            "Exactly at the line",
        ),
        (
            "divides by no request",
            "def first_ring(failed, asked, factor, objective, long, short):\n    for m in range(len(asked)):\n        s = [(sum(failed[max(0, m - n + 1): m + 1]), sum(asked[max(0, m - n + 1): m + 1])) for n in (long, short)]\n        if all(f >= a * factor * (1 - objective) for f, a in s):\n            return m\n",
            "Nothing fails|never over anything",
        ),
    ],
    "prometheus_alerts-3": [
        (
            "the long window alone",
            'def stuck():\n    a = \'sum by (job) (rate(jobs_total{kind!="canary"}[10m]))\'\n    f = \'sum by (job) (rate(jobs_total{kind!="canary",result="failed"}[10m]))\'\n    return f"{f} / {a} > 0.2 and {a} >= 1"\n',
            "both windows",
        ),
        (
            "canaries are counted",
            "def stuck():\n    a = lambda w: f'sum by (job) (rate(jobs_total[{w}]))'\n    f = lambda w: f'sum by (job) (rate(jobs_total{{result=\"failed\"}}[{w}]))'\n    return f\"{f('10m')} / {a('10m')} > 0.2 and {f('2m')} / {a('2m')} > 0.2 and {a('10m')} >= 1\"\n",
            "Canaries are not counted",
        ),
        (
            "whatever is not ok has failed",
            "def stuck():\n    a = lambda w: f'sum by (job) (rate(jobs_total{{kind!=\"canary\"}}[{w}]))'\n    f = lambda w: f'sum by (job) (rate(jobs_total{{kind!=\"canary\",result!=\"ok\"}}[{w}]))'\n    return f\"{f('10m')} / {a('10m')} > 0.2 and {f('2m')} / {a('2m')} > 0.2 and {a('10m')} >= 1\"\n",
            "Retried jobs",
        ),
        (
            "or, not and",
            "def stuck():\n    a = lambda w: f'sum by (job) (rate(jobs_total{{kind!=\"canary\"}}[{w}]))'\n    f = lambda w: f'sum by (job) (rate(jobs_total{{kind!=\"canary\",result=\"failed\"}}[{w}]))'\n    return f\"({f('10m')} / {a('10m')} > 0.2 or {f('2m')} / {a('2m')} > 0.2) and {a('10m')} >= 1\"\n",
            "both windows",
        ),
        (
            "not added up by worker",
            'def stuck():\n    return \'rate(jobs_total{result="failed",kind!="canary"}[10m]) > 0.2 and rate(jobs_total{result="failed",kind!="canary"}[2m]) > 0.2\'\n',
            "labelled job and nothing else",
        ),
        (
            "however little it does",
            "def stuck():\n    a = lambda w: f'sum by (job) (rate(jobs_total{{kind!=\"canary\"}}[{w}]))'\n    f = lambda w: f'sum by (job) (rate(jobs_total{{kind!=\"canary\",result=\"failed\"}}[{w}]))'\n    return f\"{f('10m')} / {a('10m')} > 0.2 and {f('2m')} / {a('2m')} > 0.2\"\n",
            "not busy enough",
        ),
        (
            "retried ones are no jobs",
            "def stuck():\n    a = lambda w: f'sum by (job) (rate(jobs_total{{kind!=\"canary\",result!=\"retried\"}}[{w}]))'\n    f = lambda w: f'sum by (job) (rate(jobs_total{{kind!=\"canary\",result=\"failed\"}}[{w}]))'\n    return f\"{f('10m')} / {a('10m')} > 0.2 and {f('2m')} / {a('2m')} > 0.2 and {a('10m')} >= 1\"\n",
            "Retried jobs",
        ),
        (
            "five minutes, not ten",
            """def stuck():\n    a = lambda w: f'sum by (job) (rate(jobs_total{{kind!="canary"}}[{w}]))'\n    f = lambda w: f'sum by (job) (rate(jobs_total{{kind!="canary",result="failed"}}[{w}]))'\n    return f"{f('5m')} / {a('5m')} > 0.2 and {f('2m')} / {a('2m')} > 0.2 and {a('10m')} >= 1"\n""",
            "over ten it is less than a fifth",
        ),
        (
            "a quarter of an hour, not ten minutes",
            """def stuck():\n    a = lambda w: f'sum by (job) (rate(jobs_total{{kind!="canary"}}[{w}]))'\n    f = lambda w: f'sum by (job) (rate(jobs_total{{kind!="canary",result="failed"}}[{w}]))'\n    return f"{f('15m')} / {a('15m')} > 0.2 and {f('2m')} / {a('2m')} > 0.2 and {a('10m')} >= 1"\n""",
            "since then it is less",
        ),
        (
            "one minute, not two",
            """def stuck():\n    a = lambda w: f'sum by (job) (rate(jobs_total{{kind!="canary"}}[{w}]))'\n    f = lambda w: f'sum by (job) (rate(jobs_total{{kind!="canary",result="failed"}}[{w}]))'\n    return f"{f('10m')} / {a('10m')} > 0.2 and {f('1m')} / {a('1m')} > 0.2 and {a('10m')} >= 1"\n""",
            "over two minutes it is more",
        ),
        (
            "busy over the short window",
            """def stuck():\n    a = lambda w: f'sum by (job) (rate(jobs_total{{kind!="canary"}}[{w}]))'\n    f = lambda w: f'sum by (job) (rate(jobs_total{{kind!="canary",result="failed"}}[{w}]))'\n    return f"{f('10m')} / {a('10m')} > 0.2 and {f('2m')} / {a('2m')} > 0.2 and {a('2m')} >= 1"\n""",
            "over ten it is not busy enough|over ten minutes it is busy",
        ),
        (
            "a tenth, not a fifth",
            "def stuck():\n    a = lambda w: f'sum by (job) (rate(jobs_total{{kind!=\"canary\"}}[{w}]))'\n    f = lambda w: f'sum by (job) (rate(jobs_total{{kind!=\"canary\",result=\"failed\"}}[{w}]))'\n    return f\"{f('10m')} / {a('10m')} > 0.1 and {f('2m')} / {a('2m')} > 0.1 and {a('10m')} >= 1\"\n",
            "Nearly a fifth|Retried jobs are jobs",
        ),
    ],
}

_MINUTES = "for end in range(1, len(asked) + 1):"
#: changes that get full marks, each with its reason
EQUIVALENT = {
    "prometheus_alerts-2": {
        f"- {_MINUTES} / + {_MINUTES.replace('(1,', '(0,')}": "before the first minute both windows are empty, and so over nothing",
    }
}
