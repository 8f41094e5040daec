"""Answers to the exercises of case_tesla: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "case_tesla-1": [
        # by the binomial, doubling and halving
        """
def labels_needed(wanted, rate, frames, certainty):
    def enough(scenes):
        return binom.sf(wanted - 1, scenes, rate) >= certainty
    high = wanted
    while not enough(high):
        high *= 2
    low = wanted - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high * frames
""",
        # all at once
        """
def labels_needed(wanted, rate, frames, certainty):
    scenes = np.arange(wanted, int(20 * wanted / rate / (1 - certainty)) + 100)
    return frames * scenes[np.argmax(1 - binom.cdf(wanted - 1, scenes, rate) >= certainty - 1e-12)]
""",
    ],
    "case_tesla-2": [
        # row by row
        """
def natural_recall(triggered):
    total = good = squares = 0.0
    for tyre, recognised, probability in zip(triggered["tyre"], triggered["recognised"], triggered["probability"]):
        if not 0 < probability <= 1:
            raise ValueError("no probability of a frame that was sent")
        if tyre:
            total += 1 / probability
            squares += 1 / probability**2
            good += recognised / probability
    return (good / total, total**2 / squares) if total else (np.nan, 0)
""",
        # with arrays
        """
def natural_recall(triggered):
    p, is_tyre = triggered["probability"].to_numpy(float), triggered["tyre"].to_numpy(bool)
    if np.isnan(p).any() or (p <= 0).any() or (p > 1).any():
        raise ValueError("a probability is above 0 and at most 1")
    w = is_tyre / p
    if not is_tyre.any():
        return np.nan, 0.0
    return np.average(triggered["recognised"].to_numpy(float), weights=w), w.sum() ** 2 / (w**2).sum()
""",
    ],
    "case_tesla-3": [
        # loops
        """
def uploads(yesterday, today, budget):
    threshold = None
    for margin in sorted(set(yesterday["margin"])):
        if yesterday.loc[yesterday["margin"] <= margin, "bytes"].sum() <= budget:
            threshold = margin
    spent, rows = 0, []
    for row in range(len(today)):
        frame = today.iloc[row]
        if threshold is not None and frame["margin"] <= threshold and spent + frame["bytes"] <= budget:
            spent += frame["bytes"]
            rows.append(row)
    return rows
""",
        # sorted once
        """
def uploads(yesterday, today, budget):
    ordered = yesterday.sort_values("margin", kind="stable")
    used = ordered["bytes"].cumsum().groupby(ordered["margin"]).transform("max")
    below = ordered["margin"][used <= budget]
    chosen, left = [], budget
    for row in np.flatnonzero(today["margin"].to_numpy() <= (below.iloc[-1] if len(below) else -np.inf)):
        if today["bytes"].iloc[row] <= left:
            left -= today["bytes"].iloc[row]
            chosen.append(int(row))
    return chosen
""",
    ],
}

WRONG = {
    "case_tesla-1": [
        (
            "the mean as a certainty",
            "def labels_needed(wanted, rate, frames, certainty):\n    return round(wanted / rate) * frames\n",
            "every other time",
        ),
        (
            "frames of one scene as if they were different scenes",
            "def labels_needed(wanted, rate, frames, certainty):\n    return int(wanted + nbinom.ppf(certainty, wanted, rate))\n",
            "whole scenes are labelled",
        ),
        (
            "failures only",
            "def labels_needed(wanted, rate, frames, certainty):\n    return int(frames * nbinom.ppf(certainty, wanted, rate))\n",
            "9,289 labels",
        ),
        (
            "labels that all count, duplicates forgotten the other way",
            "def labels_needed(wanted, rate, frames, certainty):\n"
            "    scenes = -(-wanted // frames)\n"
            "    return int(frames * (scenes + nbinom.ppf(certainty, scenes, rate)))\n",
            "As many scenes as before",
        ),
        (
            "more than certainty, not at least",
            "def labels_needed(wanted, rate, frames, certainty):\n"
            "    n = wanted\n"
            "    while binom.sf(wanted - 1, n, rate) <= certainty:\n"
            "        n += 1\n"
            "    return n * frames\n",
            "exactly 75 %",
        ),
    ],
    "case_tesla-2": [
        (
            "unweighted",
            "def natural_recall(triggered):\n    tyres = triggered[triggered['tyre']]\n    return tyres['recognised'].mean(), len(tyres)\n",
            "recall on what was sent",
        ),
        (
            "weights by inverse score",
            "def natural_recall(triggered):\n"
            "    tyres = triggered[triggered['tyre']]\n"
            "    w = 1 / tyres['score']\n"
            "    return (w * tyres['recognised']).sum() / w.sum(), w.sum() ** 2 / (w**2).sum()\n",
            "score is not the probability",
        ),
        (
            "divided by the number",
            "def natural_recall(triggered):\n"
            "    tyres = triggered[triggered['tyre']]\n"
            "    w = 1 / tyres['probability']\n"
            "    return (w * tyres['recognised']).sum() / len(tyres), w.sum() ** 2 / (w**2).sum()\n",
            "not by their number",
        ),
        (
            "false alarms among the recognised",
            "def natural_recall(triggered):\n"
            "    w = 1 / triggered['probability']\n"
            "    hit = triggered['recognised'] & triggered['tyre']\n"
            "    some = triggered['tyre'] | triggered['recognised']\n"
            "    return w[triggered['recognised'] & some].sum() / w[some].sum(), w[some].sum() ** 2 / (w[some]**2).sum()\n",
            "no tyre counts nowhere",
        ),
        (
            "takes any probability",
            "def natural_recall(triggered):\n"
            "    tyres = triggered[triggered['tyre']]\n"
            "    if tyres.empty:\n"
            "        return float('nan'), 0.0\n"
            "    w = 1 / tyres['probability']\n"
            "    return w[tyres['recognised']].sum() / w.sum(), w.sum() ** 2 / (w**2).sum()\n",
            "raise a ValueError",
        ),
    ],
    "case_tesla-3": [
        (
            "the threshold is tuned on today",
            """
def uploads(yesterday, today, budget):
    total = today.groupby("margin")["bytes"].sum().cumsum()
    threshold = max(total[total <= budget].index, default=-np.inf)
    return [row for row, margin in enumerate(today["margin"]) if margin <= threshold]
""",
            "equal to the threshold|yesterday alone|passed over",
        ),
        (
            "the most confident ones",
            """
def uploads(yesterday, today, budget):
    ordered = yesterday.sort_values("margin", ascending=False)
    fits = ordered["margin"][ordered["bytes"].cumsum() <= budget]
    sent, left = [], budget
    for row, (margin, size) in enumerate(zip(today["margin"], today["bytes"])):
        if len(fits) and margin >= fits.min() and size <= left:
            sent.append(row)
            left -= size
    return sent
""",
            "small margin is doubt|above it",
        ),
        (
            "stops at the first that does not fit",
            """
def uploads(yesterday, today, budget):
    total = yesterday.groupby("margin")["bytes"].sum().cumsum()
    threshold = max(total[total <= budget].index, default=-np.inf)
    sent, left = [], budget
    for row, (margin, size) in enumerate(zip(today["margin"], today["bytes"])):
        if margin <= threshold:
            if size > left:
                break
            sent.append(row)
            left -= size
    return sent
""",
            "equal to the threshold|passed over",
        ),
        (
            "today's most doubtful first",
            """
def uploads(yesterday, today, budget):
    total = yesterday.groupby("margin")["bytes"].sum().cumsum()
    threshold = max(total[total <= budget].index, default=-np.inf)
    sent, left = [], budget
    for row in np.argsort(today["margin"].to_numpy(), kind="stable"):
        if today["margin"].iloc[row] <= threshold and today["bytes"].iloc[row] <= left:
            sent.append(int(row))
            left -= today["bytes"].iloc[row]
    return sorted(sent)
""",
            "equal to the threshold|250 fit|by noon",
        ),
        (
            "part of the frames with equal margin",
            """
def uploads(yesterday, today, budget):
    ordered = yesterday.sort_values("margin", kind="stable")
    fits = ordered["margin"][ordered["bytes"].cumsum() <= budget]
    sent, left = [], budget
    for row, (margin, size) in enumerate(zip(today["margin"], today["bytes"])):
        if len(fits) and margin <= fits.iloc[-1] and size <= left:
            sent.append(row)
            left -= size
    return sent
""",
            "together",
        ),
    ],
}

EQUIVALENT = {
    "case_tesla-2": {
        '- raise ValueError("a frame was sent with a probability above 0 and up to 1") / + raise ValueError("~a frame was sent with a probability above 0 and up to 1")': "the statement asks for no message",
        '- weight = 1 / tyres["probability"] / + weight = 2 / tyres["probability"]': "both numbers are ratios of weights: a common factor cancels",
    },
}
