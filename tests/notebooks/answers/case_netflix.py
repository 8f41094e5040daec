"""Answers to the exercises of case_netflix: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "case_netflix-1": ["def expected_matches(members, pictures, clicks):\n    return members * (1 / pictures)\n"],
    "case_netflix-2": [
        # a loop, and the standard deviation over n - 1
        """
def ips(kind, picture, click, propensity, policy):
    terms = []
    for k, p, c, q in zip(kind, picture, click, propensity):
        terms.append(policy[k][p] / q if c else 0.0)
    value = sum(terms) / len(terms)
    error = (sum((term - value) ** 2 for term in terms) / (len(terms) - 1)) ** 0.5 / len(terms) ** 0.5
    return [value - 1.96 * error, value, value + 1.96 * error]
""",
        # by the mean square
        """
def ips(kind, picture, click, propensity, policy):
    w = policy[kind, picture] / propensity
    value, square = np.mean(w * click), np.mean(w**2 * click)
    half = 1.96 * np.sqrt((square - value**2) / len(w))
    return np.array([value - half, value, value + half])
""",
    ],
    "case_netflix-3": [
        # keeps what matched, and counts at the end
        """
def replay(log, policy, pictures):
    kept = []
    for shown, click in log:
        wanted = policy.pull(pictures)
        if wanted != shown:
            continue
        kept.append(click)
        policy.update(wanted, click)
    return len(kept), sum(kept)
"""
    ],
    "case_netflix-4": [
        # cell by cell
        """
def least_exploration(shares, click, favourite, first, second, members):
    def enough(epsilon):
        mean = square = 0.0
        for k, share in enumerate(shares):
            for picture, sign in ((first[k], 1), (second[k], -1)):
                if first[k] == second[k]:
                    continue
                logged = epsilon / click.shape[1] + (1 - epsilon if picture == favourite[k] else 0)
                mean += share * click[k, picture] * sign
                square += share * click[k, picture] / logged
        error = ((square - mean**2) / members) ** 0.5
        return abs(mean) > 0 and abs(mean) / error - 1.96 >= 1.645
    return next((hundredths / 100 for hundredths in range(1, 101) if enough(hundredths / 100)), None)
""",
        # by the normal curve itself
        """
def least_exploration(shares, click, favourite, first, second, members):
    from statistics import NormalDist
    rows = np.arange(len(shares))
    for epsilon in [n / 100 for n in range(1, 101)]:
        logged = np.full(click.shape, epsilon / click.shape[1])
        logged[rows, favourite] += 1 - epsilon
        d = np.zeros(click.shape)
        d[rows, first] += 1
        d[rows, second] -= 1
        d = d / logged
        weight = shares[:, None] * logged * click
        mean = (weight * d).sum()
        error = np.sqrt(((weight * d**2).sum() - mean**2) / members)
        if error > 0 and NormalDist().cdf(abs(mean) / error - 1.96) >= 0.95:
            return epsilon
    return None
""",
    ],
}

WRONG = {
    "case_netflix-1": [
        ("all rows", "def expected_matches(members, pictures, clicks):\n    return members\n", "One member in ten"),
        (
            "a tenth of the clicks",
            "def expected_matches(members, pictures, clicks):\n    return clicks / pictures\n",
            "clicks don't decide",
        ),
        (
            "whole numbers",
            "def expected_matches(members, pictures, clicks):\n    return members // pictures\n",
            "not rounded",
        ),
        (
            "the others",
            "def expected_matches(members, pictures, clicks):\n    return members - members / pictures\n",
            "One member in ten",
        ),
    ],
    "case_netflix-2": [
        (
            "divides by the new policy's probability",
            """
def ips(kind, picture, click, propensity, policy):
    p = policy[kind, picture]
    terms = np.where(p > 0, p / np.maximum(p, 1e-9), 0) * click
    half = 1.96 * terms.std() / np.sqrt(len(terms))
    return terms.mean() - half, terms.mean(), terms.mean() + half
""",
            "dividing by the policy's own probability",
        ),
        (
            "only those who match",
            """
def ips(kind, picture, click, propensity, policy):
    w = policy[kind, picture] / propensity
    terms = (w * click)[w > 0]
    half = 1.96 * terms.std() / np.sqrt(len(terms))
    return terms.mean() - half, terms.mean(), terms.mean() + half
""",
            "Members without a match count",
        ),
        (
            "the root of n forgotten",
            """
def ips(kind, picture, click, propensity, policy):
    terms = policy[kind, picture] / propensity * click
    half = 1.96 * terms.std()
    return terms.mean() - half, terms.mean(), terms.mean() + half
""",
            "over the root of their number",
        ),
        (
            "the interval of a share",
            """
def ips(kind, picture, click, propensity, policy):
    value = (policy[kind, picture] / propensity * click).mean()
    half = 1.96 * np.sqrt(value * (1 - value) / len(kind))
    return value - half, value, value + half
""",
            "a standard error is|Without a click|1.96 standard errors",
        ),
        (
            "replay",
            """
def ips(kind, picture, click, propensity, policy):
    kept = click[policy[kind, picture] == 1]
    value = kept.mean()
    half = 1.96 * kept.std() / np.sqrt(len(kept))
    return value - half, value, value + half
""",
            "Two clicks match",
        ),
        (
            "another order",
            """
def ips(kind, picture, click, propensity, policy):
    terms = policy[kind, picture] / propensity * click
    half = 1.96 * terms.std() / np.sqrt(len(terms))
    return terms.mean() + half, terms.mean(), terms.mean() - half
""",
            "order low, value, high",
        ),
    ],
    "case_netflix-3": [
        (
            "learns from every row",
            """
def replay(log, policy, pictures):
    found = []
    for shown, click in log:
        if policy.pull(pictures) == shown:
            found.append(click)
        policy.update(shown, click)
    return len(found), sum(found)
""",
            "from nothing else",
        ),
        (
            "learns from clicks only",
            """
def replay(log, policy, pictures):
    found = []
    for shown, click in log:
        if policy.pull(pictures) == shown:
            found.append(click)
            if click:
                policy.update(shown, click)
    return len(found), sum(found)
""",
            "with or without a click",
        ),
        (
            "learns at the end",
            """
def replay(log, policy, pictures):
    found = [(shown, click) for shown, click in log if policy.pull(pictures) == shown]
    for shown, click in found:
        policy.update(shown, click)
    return len(found), sum(click for _, click in found)
""",
            "at once",
        ),
        (
            "all clicks of the log",
            """
def replay(log, policy, pictures):
    matches = 0
    for shown, click in log:
        if policy.pull(pictures) == shown:
            policy.update(shown, click)
            matches += 1
    return matches, sum(click for _, click in log)
""",
            "followed another picture",
        ),
        (
            "asks until it matches",
            """
def replay(log, policy, pictures):
    found = []
    for shown, click in log:
        for _ in range(20):
            if policy.pull(pictures) == shown:
                policy.update(shown, click)
                found.append(click)
                break
    return len(found), sum(found)
""",
            "match|pull",
        ),
    ],
    "case_netflix-4": [
        (
            "as in an ordinary experiment: weights ignored",
            """
def least_exploration(shares, click, favourite, first, second, members):
    rows = np.arange(len(shares))
    a, b = shares @ click[rows, first], shares @ click[rows, second]
    for n in range(1, 101):
        error = np.sqrt((a * (1 - a) + b * (1 - b)) / members)
        if abs(a - b) >= 3.605 * error:
            return n / 100
    return None
""",
            "weights of 4 / epsilon",
        ),
        (
            "exploits only",
            "def least_exploration(shares, click, favourite, first, second, members):\n    return 0.0\n",
            "weights of 4 / epsilon",
        ),
        (
            "explores all",
            "def least_exploration(shares, click, favourite, first, second, members):\n    return 1.0\n",
            "for all are not needed",
        ),
        (
            "power one half: 1.645 forgotten",
            """
def least_exploration(shares, click, favourite, first, second, members):
    eye = np.eye(click.shape[1])
    d = eye[first] - eye[second]
    gap = abs(shares @ (d * click).sum(axis=1))
    for n in range(1, 101):
        logged = (1 - n / 100) * eye[favourite] + n / 100 / click.shape[1]
        if gap > 1.96 * np.sqrt((shares @ (d**2 / logged * click).sum(axis=1) - gap**2) / members):
            return n / 100
    return None
""",
            "0.17 is the smallest|weights of 4",
        ),
        (
            "two logs instead of one",
            """
def least_exploration(shares, click, favourite, first, second, members):
    eye = np.eye(click.shape[1])
    def moments(p, logged):
        mean = shares @ (p * click).sum(axis=1)
        return mean, shares @ (p**2 / logged * click).sum(axis=1) - mean**2
    for n in range(1, 101):
        logged = (1 - n / 100) * eye[favourite] + n / 100 / click.shape[1]
        (a, va), (b, vb) = moments(eye[first], logged), moments(eye[second], logged)
        if abs(a - b) > 0 and abs(a - b) >= 3.605 * np.sqrt((va + vb) / members):
            return n / 100
    return None
""",
            "in the same log|0.17 is the smallest",
        ),
        (
            "the mean square for the variance",
            """
def least_exploration(shares, click, favourite, first, second, members):
    eye = np.eye(click.shape[1])
    d = eye[first] - eye[second]
    gap = abs(shares @ (d * click).sum(axis=1))
    for n in range(1, 101):
        logged = (1 - n / 100) * eye[favourite] + n / 100 / click.shape[1]
        if gap > 0 and gap >= 3.605 * np.sqrt(shares @ (d**2 / logged * click).sum(axis=1) / members):
            return n / 100
    return None
""",
            "less the square of the mean",
        ),
        (
            "from above, as if more exploration meant more power",
            """
def least_exploration(shares, click, favourite, first, second, members):
    def enough(epsilon):
        mean = square = 0.0
        for k, share in enumerate(shares):
            for picture, sign in ((first[k], 1), (second[k], -1)):
                if first[k] == second[k]:
                    continue
                logged = epsilon / click.shape[1] + (1 - epsilon if picture == favourite[k] else 0)
                mean += share * click[k, picture] * sign
                square += share * click[k, picture] / logged
        error = ((square - mean**2) / members) ** 0.5
        return abs(mean) > 0 and abs(mean) / error - 1.96 >= 1.645
    least = None
    for hundredths in range(100, 0, -1):
        if not enough(hundredths / 100):
            break
        least = hundredths / 100
    return least
""",
            "need not mean more power",
        ),
        (
            "only if the first is better",
            """
def least_exploration(shares, click, favourite, first, second, members):
    eye = np.eye(click.shape[1])
    d = eye[first] - eye[second]
    gap = shares @ (d * click).sum(axis=1)
    for n in range(1, 101):
        logged = (1 - n / 100) * eye[favourite] + n / 100 / click.shape[1]
        if gap > 0 and gap >= 3.605 * np.sqrt((shares @ (d**2 / logged * click).sum(axis=1) - gap**2) / members):
            return n / 100
    return None
""",
            "whichever of the two",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "case_netflix-4": {
        "- for hundredths in range(1, 101): / + for hundredths in range(0, 101):": "without exploration a picture that is not the favourite has an infinite variance, which is never enough",
        "- if gap >= (1.96 + 1.645) * np.sqrt(variance / members) and gap > 0: / + if gap > (1.96 + 1.645) * np.sqrt(variance / members) and gap > 0:": "two computed floats that are equal to the last bit: no title has them",
    }
}
