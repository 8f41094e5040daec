"""Answers to the exercises of kubernetes_hpa: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "kubernetes_hpa-1": [
        """
def desired(usage, request, target, current):
    percent = int(sum(usage) / (request * len(usage)) * 100 + 1e-9)
    if 0.9 * target <= percent <= 1.1 * target:
        return current
    return -(-percent * len(usage) // target)
""",
        """
def desired(usage, request, target, current):
    ratio = (sum(usage) * 100 // (len(usage) * request)) / target
    return np.int64(current if abs(ratio - 1) <= 0.1 else np.ceil(ratio * len(usage)))
""",
    ],
    "kubernetes_hpa-2": [
        """
def most_allowed(current, added, policies, now):
    best = current
    for p in policies:
        recent = [n for t, n in added if now - t < p["periodSeconds"]]
        before = current - sum(recent)
        step = p["value"] if p["type"] == "Pods" else math.ceil(before * p["value"] / 100)
        best = max(best, before + step)
    return best
"""
    ],
    "kubernetes_hpa-3": [
        """
def design():
    return {"minReplicas": 5, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 750}}}
""",
        """
def design():
    slow = [{"type": "Percent", "value": 10, "periodSeconds": 60}]
    return {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 900, "policies": slow}}}
""",
        """
def design():
    return {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 1200}}}
""",
    ],
}

WRONG = {
    "kubernetes_hpa-1": [
        (
            "the documentation's formula",
            "def desired(usage, request, target, current):\n    return math.ceil(current * 100 * sum(usage) / len(usage) / request / target)\n",
            "nothing changes",
        ),
        (
            "no truncation",
            "def desired(usage, request, target, current):\n    r = 100 * sum(usage) / (request * len(usage)) / target\n    return current if abs(r - 1) <= 0.1 else math.ceil(r * len(usage))\n",
            "in whole per cents, truncated",
        ),
        (
            "times the current replicas",
            "def desired(usage, request, target, current):\n    r = (100 * sum(usage) // (request * len(usage))) / target\n    return current if abs(r - 1) <= 0.1 else math.ceil(r * current)\n",
            "ready and measured are multiplied",
        ),
        (
            "the number of reporting pods inside the tolerance",
            "def desired(usage, request, target, current):\n    r = (100 * sum(usage) // (request * len(usage))) / target\n    return len(usage) if abs(r - 1) <= 0.1 else math.ceil(r * len(usage))\n",
            "what is asked for now",
        ),
    ],
    "kubernetes_hpa-2": [
        (
            "past additions are forgotten",
            'def most_allowed(current, added, policies, now):\n    return max(current + p["value"] if p["type"] == "Pods" else math.ceil(current * (1 + p["value"] / 100)) for p in policies)\n',
            "they are spent",
        ),
        (
            "rounded down",
            'def most_allowed(current, added, policies, now):\n    def one(p):\n        s = current - sum(n for t, n in added if t > now - p["periodSeconds"])\n        return s + p["value"] if p["type"] == "Pods" else int(s * (1 + p["value"] / 100))\n    return max([current, *map(one, policies)])\n',
            "rounded up",
        ),
        (
            "exactly a period ago still counts",
            'def most_allowed(current, added, policies, now):\n    def one(p):\n        s = current - sum(n for t, n in added if t >= now - p["periodSeconds"])\n        return s + p["value"] if p["type"] == "Pods" else math.ceil(s * (1 + p["value"] / 100))\n    return max([current, *map(one, policies)])\n',
            "exactly a period ago is out",
        ),
        (
            "per cent of now",
            'def most_allowed(current, added, policies, now):\n    def one(p):\n        d = sum(n for t, n in added if t > now - p["periodSeconds"])\n        return current - d + p["value"] if p["type"] == "Pods" else math.ceil(current * (1 + p["value"] / 100)) - d\n    return max([current, *map(one, policies)])\n',
            "from the start of the period",
        ),
        (
            "takes pods away",
            'def most_allowed(current, added, policies, now):\n    def one(p):\n        s = current - sum(n for t, n in added if t > now - p["periodSeconds"])\n        return s + p["value"] if p["type"] == "Pods" else math.ceil(s * (1 + p["value"] / 100))\n    return max(map(one, policies))\n',
            "nothing is taken away",
        ),
        (
            "the stricter policy",
            'def most_allowed(current, added, policies, now):\n    def one(p):\n        s = current - sum(n for t, n in added if t > now - p["periodSeconds"])\n        return s + p["value"] if p["type"] == "Pods" else math.ceil(s * (1 + p["value"] / 100))\n    return max(current, min(map(one, policies)))\n',
            "Max takes it",
        ),
    ],
    "kubernetes_hpa-3": [
        ("the manifest as it is", "def design():\n    return {}\n", "are pods gone when the next burst comes"),
        ("enough for the peak, always", 'def design():\n    return {"minReplicas": 20}\n', "too much"),
        (
            "down at once, to save",
            'def design():\n    return {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}\n',
            "are pods gone",
        ),
        (
            "never down",
            'def design():\n    return {"behavior": {"scaleDown": {"selectPolicy": "Disabled"}}}\n',
            "When do pods stand idle",
        ),
        (
            "half the target",
            'def design():\n    target = {"type": "Utilization", "averageUtilization": 30}\n    return {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]}\n',
            "too much",
        ),
    ],
}
