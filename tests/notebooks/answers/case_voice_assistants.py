"""Answers to the exercises of case_voice_assistants: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "case_voice_assistants-1": [
        # speaker by speaker
        """
def on_both_sides(speaker, test):
    both = 0
    for name in np.unique(speaker):
        sides = test[speaker == name]
        both += bool(sides.any() and not sides.all())
    return both
""",
        "def on_both_sides(speaker, test):\n    return len(np.intersect1d(speaker[test], speaker[np.logical_not(test)]))\n",
    ],
    "case_voice_assistants-2": [
        # the normal equations, and the held columns put back
        """
def adapt(W, x, words, k, strength):
    X, Y = x[:k], np.zeros((k, W.shape[1]))
    Y[np.arange(k), words[:k]] = 1
    V = np.linalg.inv(X.T @ X + strength * np.identity(W.shape[0])) @ (X.T @ Y + strength * W)
    for word in range(W.shape[1]):
        if word not in words[:k]:
            V[:, word] = W[:, word]
    wrong = [np.argmax(features @ V) != word for features, word in zip(x[k:], words[k:])]
    return V, (sum(wrong) / len(wrong) if wrong else None)
""",
        # one column at a time, by scikit-learn
        """
def adapt(W, x, words, k, strength):
    from sklearn.linear_model import Ridge
    V = np.array(W, float)
    for word in set(words[:k].tolist()):
        rest = (words[:k] == word) - x[:k] @ W[:, word]
        V[:, word] += Ridge(alpha=strength, fit_intercept=False).fit(x[:k], rest).coef_
    if k >= len(words):
        return V, None
    return [V, float(np.mean((x[k:] @ V).argmax(-1) != words[k:]))]
""",
    ],
    "case_voice_assistants-3": [
        # errors counted once for each head
        """
def guard(W, proposals, x, words, held):
    kept, said = x[held], words[held]
    def errors(head):
        if len(said) == 0 or not np.all(np.isfinite(head)):
            return float("inf")
        return np.mean(np.argmax(kept @ head, axis=-1) != said)
    used, now, refused = W, errors(W), []
    for day in range(len(proposals)):
        then = errors(proposals[day])
        if then == float("inf") or then > now:
            refused.append(day)
        else:
            used, now = proposals[day], then
    return used, refused
""",
        # right words instead of wrong ones
        """
def guard(W, proposals, x, words, held):
    rows = np.flatnonzero(held)
    def right(head):
        return sum(int(np.argmax(x[row] @ head) == words[row]) for row in rows)
    history = [W]
    for proposal in proposals:
        use = len(rows) > 0 and not np.isnan(proposal).any() and not np.isinf(proposal).any()
        history.append(proposal if use and right(proposal) >= right(history[-1]) else history[-1])
    used, refused = W, []
    for day, (proposal, after) in enumerate(zip(proposals, history[1:])):
        legal = len(rows) > 0 and np.isfinite(proposal).all() and right(proposal) >= right(used)
        if not legal:
            refused.append(day)
        used = after
    return (used, refused)
""",
    ],
}

_ADAPT = """
def adapt(W, x, words, k, strength):
    own = x[:k]
    said = np.eye(W.shape[1])[words[:k]]
    surprise = (said - own @ W) * said.any(axis=0)
    head = W + own.T @ np.linalg.solve(own @ own.T + strength * np.eye(k), surprise)
    return head, ((x[k:] @ head).argmax(axis=1) != words[k:]).mean() if k < len(x) else None
"""
_GUARD = """
def guard(W, proposals, x, words, held):
    def wrong(head):
        return int(((x[held] @ head).argmax(axis=1) != words[held]).sum())
    head, refused = W, []
    for day, proposal in enumerate(proposals):
        if held.any() and np.isfinite(proposal).all() and wrong(proposal) <= wrong(head):
            head = proposal
        else:
            refused.append(day)
    return head, refused
"""


def _instead(source: str, old: str, new: str) -> str:
    assert source.count(old) == 1, old
    return source.replace(old, new)


WRONG = {
    "case_voice_assistants-1": [
        (
            "a fifth of the speakers",
            "def on_both_sides(speaker, test):\n    return round(0.2 * len(set(speaker)))\n",
            "not a fifth of the speakers",
        ),
        (
            "files, not speakers",
            "def on_both_sides(speaker, test):\n    return int(np.isin(speaker[test], speaker[~test]).sum())\n",
            "count speakers, not files",
        ),
        (
            "everybody in the test",
            "def on_both_sides(speaker, test):\n    return len(set(speaker[test]))\n",
            "Split by speaker: nobody",
        ),
        (
            "everybody",
            "def on_both_sides(speaker, test):\n    return len(set(speaker))\n",
            "Split by speaker: nobody",
        ),
    ],
    "case_voice_assistants-2": [
        (
            "adapts to the test utterances too",
            _instead(
                _ADAPT,
                "    own = x[:k]\n    said = np.eye(W.shape[1])[words[:k]]",
                "    own = x\n    said = np.eye(W.shape[1])[words]",
            ).replace("np.eye(k)", "np.eye(len(x))"),
            "stay as they are|only the first k|Without the prior",
        ),
        (
            "drops the prior at k = 1",
            _instead(_ADAPT, "    own = x[:k]\n", "    own = x[:k]\n    W = np.zeros(W.shape) if k == 1 else W\n"),
            "Without the prior they would be lost",
        ),
        (
            "no prior at all: the least change that explains everything",
            _instead(_ADAPT, "strength * np.eye(k)", "1e-9 * np.eye(k)"),
            "and the prior also at k = 1",
        ),
        (
            "moves the columns of words that were not said",
            _instead(_ADAPT, " * said.any(axis=0)", ""),
            "the columns of the other three stay as they are",
        ),
        (
            "judges on the utterances it adapted to as well",
            _instead(
                _ADAPT,
                "((x[k:] @ head).argmax(axis=1) != words[k:]).mean()",
                "((x @ head).argmax(axis=1) != words).mean()",
            ),
            "from number k on",
        ),
        (
            "judges on the utterances it adapted to alone",
            _instead(
                _ADAPT,
                "((x[k:] @ head).argmax(axis=1) != words[k:]).mean()",
                "((x[:k] @ head).argmax(axis=1) != words[:k]).mean()",
            ),
            "from number k on",
        ),
        (
            "changes the general head",
            _instead(_ADAPT, "head = W + own.T", "head = W\n    head += own.T"),
            "given head has changed|not the minimum|the column of its word",
        ),
        (
            "shrinks towards nothing instead of towards W",
            _instead(_ADAPT, "(said - own @ W) * said.any(axis=0)", "said").replace("head = W + own.T", "head = own.T"),
            "stay as they are",
        ),
        (
            "an error of nothing",
            _instead(_ADAPT, " if k < len(x) else None", " if k < len(x) else 0.0"),
            "the error is None",
        ),
    ],
    "case_voice_assistants-3": [
        (
            "judges on what it was adapted to",
            _instead(
                _GUARD,
                "x[held] @ head).argmax(axis=1) != words[held]",
                "x[~held] @ head).argmax(axis=1) != words[~held]",
            ),
            "Judge on the utterances kept back",
        ),
        (
            "judges on everything",
            _instead(_GUARD, "x[held] @ head).argmax(axis=1) != words[held]", "x @ head).argmax(axis=1) != words"),
            "Judge on the utterances kept back",
        ),
        (
            "never rolls back",
            "def guard(W, proposals, x, words, held):\n    return (proposals[-1] if proposals else W), []\n",
            "the telephone rolls back",
        ),
        (
            "compares with the first head",
            _instead(_GUARD, "wrong(proposal) <= wrong(head)", "wrong(proposal) <= wrong(W)"),
            "with the head in use at that moment",
        ),
        (
            "refuses a tie",
            _instead(_GUARD, "wrong(proposal) <= wrong(head)", "wrong(proposal) < wrong(head)"),
            "no reason to refuse",
        ),
        (
            "stops at the first refusal",
            _instead(
                _GUARD, "            refused.append(day)\n", "            refused.append(day)\n            break\n"
            ),
            "does not end the week|with the head in use at that moment",
        ),
        (
            "a head with NaN",
            _instead(_GUARD, " and np.isfinite(proposal).all()", ""),
            "is refused, whatever its scores",
        ),
        ("nothing kept back", _instead(_GUARD, "held.any() and ", ""), "Nothing was kept back"),
        ("copies", _instead(_GUARD, "head = proposal", "head = proposal.copy()"), "itself and no copy"),
    ],
}
