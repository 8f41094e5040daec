"""Answers to the exercises of sklearn_fraud: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "sklearn_fraud-1": [
        "def silence(labels):\n    genuine = sum(1 for label in labels if not label)\n    return [genuine / len(labels), 0]\n"
    ],
    "sklearn_fraud-2": [
        """
def net_saved(scores, fraud, amount, day, budget, cost):
    by_day = {}
    for row in zip(day, scores, fraud, amount):
        by_day.setdefault(row[0], []).append(row[1:])
    total = 0
    for rows in by_day.values():
        for score, bad, euros in sorted(rows, key=lambda row: -row[0])[:budget]:
            total += euros * bad - cost
    return total
""",
        """
import pandas as pd
def net_saved(scores, fraud, amount, day, budget, cost):
    table = pd.DataFrame({"s": scores, "f": fraud, "a": amount, "d": day})
    top = table.sort_values("s", ascending=False, kind="stable").groupby("d").head(budget)
    return (top["f"] * top["a"]).sum() - cost * len(top)
""",
    ],
    "sklearn_fraud-3": [
        """
def apply_batch(database, batch, payments):
    try:
        if database.execute("SELECT 1 FROM done WHERE batch = ?", (batch,)).fetchone():
            return
        for card, euros in payments:
            database.execute("INSERT OR IGNORE INTO totals VALUES (?, 0)", (card,))
            database.execute("UPDATE totals SET euros = euros + ? WHERE card = ?", (euros, card))
        database.execute("INSERT INTO done VALUES (?)", (batch,))
        database.commit()
    except BaseException:
        database.rollback()
        raise
""",
        """
def apply_batch(database, batch, payments):
    payments = list(payments)
    if database.execute("SELECT COUNT(*) FROM done WHERE batch = ?", (batch,)).fetchone()[0]:
        return
    with database:
        for card, euros in payments:
            old = database.execute("SELECT euros FROM totals WHERE card = ?", (card,)).fetchone()
            database.execute("REPLACE INTO totals VALUES (?, ?)", (card, euros + (old[0] if old else 0.0)))
        database.execute("INSERT INTO done VALUES (?)", (batch,))
""",
    ],
    "sklearn_fraud-4": [
        """
def detect(errors):
    highest = total = 0.0
    for index, error in enumerate(errors):
        total += error
        if index >= 150:
            highest = max(0.0, highest + error - total / (index + 1) - 0.1)
        if highest > 10:
            return index
    return None
""",
        """
def detect(errors):
    detector = drift.ADWIN(delta=0.05)
    for index, error in enumerate(errors):
        detector.update(error)
        if detector.drift_detected:
            return index
""",
    ],
}

WRONG = {
    "sklearn_fraud-1": [
        ("the share of frauds", "def silence(labels):\n    return np.mean(labels), 0.0\n", "what share is right"),
        (
            "recall of the genuine class",
            "def silence(labels):\n    return 1 - np.mean(labels), 1.0\n",
            "Silence finds none",
        ),
        ("a fixed figure", "def silence(labels):\n    return 0.998, 0.0\n", "silence is right once"),
    ],
    "sklearn_fraud-2": [
        (
            "one budget for all days",
            """
def net_saved(scores, fraud, amount, day, budget, cost):
    top = np.argsort(-np.asarray(scores), kind="stable")[:budget]
    return (np.asarray(amount)[top] * np.asarray(fraud)[top]).sum() - cost * len(top)
""",
            "The budget is for each day",
        ),
        (
            "counts genuine payments as saved",
            """
def net_saved(scores, fraud, amount, day, budget, cost):
    scores, amount, day = np.asarray(scores), np.asarray(amount), np.asarray(day)
    total = 0
    for today in np.unique(day):
        rows = np.flatnonzero(day == today)
        top = rows[np.argsort(-scores[rows], kind="stable")[:budget]]
        total += amount[top].sum() - cost * len(top)
    return total
""",
            "genuine payment are not saved",
        ),
        (
            "pays the whole budget every day",
            """
def net_saved(scores, fraud, amount, day, budget, cost):
    scores, fraud, amount, day = map(np.asarray, (scores, fraud, amount, day))
    total = 0
    for today in np.unique(day):
        rows = np.flatnonzero(day == today)
        top = rows[np.argsort(-scores[rows], kind="stable")[:budget]]
        total += (amount * fraud)[top].sum() - cost * budget
    return total
""",
            "three investigations, not nine",
        ),
        (
            "takes the lowest scores",
            """
def net_saved(scores, fraud, amount, day, budget, cost):
    scores, fraud, amount, day = map(np.asarray, (scores, fraud, amount, day))
    total = 0
    for today in np.unique(day):
        rows = np.flatnonzero(day == today)
        top = rows[np.argsort(scores[rows], kind="stable")[:budget]]
        total += (amount * fraud)[top].sum() - cost * len(top)
    return total
""",
            "One alert, one fraud",
        ),
        (
            "reverses the order of ties",
            """
def net_saved(scores, fraud, amount, day, budget, cost):
    scores, fraud, amount, day = map(np.asarray, (scores, fraud, amount, day))
    total = 0
    for today in np.unique(day):
        rows = np.flatnonzero(day == today)
        top = rows[np.argsort(scores[rows], kind="stable")[::-1][:budget]]
        total += (amount * fraud)[top].sum() - cost * len(top)
    return total
""",
            "Of equal scores",
        ),
    ],
    "sklearn_fraud-3": [
        (
            "no commit",
            """
def apply_batch(database, batch, payments):
    if database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,)).rowcount:
        for card, euros in payments:
            database.execute("INSERT OR IGNORE INTO totals VALUES (?, 0)", (card,))
            database.execute("UPDATE totals SET euros = euros + ? WHERE card = ?", (euros, card))
""",
            "and commit",
        ),
        (
            "counts a batch twice",
            """
def apply_batch(database, batch, payments):
    with database:
        for card, euros in payments:
            database.execute("INSERT OR IGNORE INTO totals VALUES (?, 0)", (card,))
            database.execute("UPDATE totals SET euros = euros + ? WHERE card = ?", (euros, card))
        database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,))
""",
            "must not count twice",
        ),
        (
            "notes the batch in a transaction of its own",
            """
def apply_batch(database, batch, payments):
    with database:
        if not database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,)).rowcount:
            return
    with database:
        for card, euros in payments:
            database.execute("INSERT OR IGNORE INTO totals VALUES (?, 0)", (card,))
            database.execute("UPDATE totals SET euros = euros + ? WHERE card = ?", (euros, card))
""",
            "must not be marked as done before",
        ),
        (
            "commits every payment",
            """
def apply_batch(database, batch, payments):
    if database.execute("SELECT 1 FROM done WHERE batch = ?", (batch,)).fetchone():
        return
    for card, euros in payments:
        with database:
            database.execute("INSERT OR IGNORE INTO totals VALUES (?, 0)", (card,))
            database.execute("UPDATE totals SET euros = euros + ? WHERE card = ?", (euros, card))
    with database:
        database.execute("INSERT INTO done VALUES (?)", (batch,))
""",
            "left something behind",
        ),
        (
            "leaves a broken batch for the next commit",
            """
def apply_batch(database, batch, payments):
    if database.execute("SELECT 1 FROM done WHERE batch = ?", (batch,)).fetchone():
        return
    for card, euros in payments:
        database.execute("INSERT OR IGNORE INTO totals VALUES (?, 0)", (card,))
        database.execute("UPDATE totals SET euros = euros + ? WHERE card = ?", (euros, card))
    database.execute("INSERT INTO done VALUES (?)", (batch,))
    database.commit()
""",
            "left something behind",
        ),
        (
            "swallows the exception",
            """
def apply_batch(database, batch, payments):
    try:
        with database:
            if not database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,)).rowcount:
                return
            for card, euros in payments:
                database.execute("INSERT OR IGNORE INTO totals VALUES (?, 0)", (card,))
                database.execute("UPDATE totals SET euros = euros + ? WHERE card = ?", (euros, card))
    except Exception:
        pass
""",
            "exception must come out",
        ),
        (
            "overwrites the total",
            """
def apply_batch(database, batch, payments):
    with database:
        if database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,)).rowcount:
            database.executemany("REPLACE INTO totals VALUES (?, ?)", payments)
""",
            "add up",
        ),
    ],
    "sklearn_fraud-4": [
        (
            "rings at two errors in a row",
            "def detect(errors):\n    for i in range(1, len(errors)):\n        if errors[i] and errors[i - 1]:\n            return i\n",
            "Too many false alarms",
        ),
        (
            "DDM as it comes",
            """
from river.drift import binary
def detect(errors):
    detector = binary.DDM()
    for index, error in enumerate(errors):
        detector.update(error)
        if detector.drift_detected:
            return index
""",
            "Too many false alarms|noticed|missed",
        ),
        (
            "Page-Hinkley as it comes",
            """
def detect(errors):
    detector = drift.PageHinkley()
    for index, error in enumerate(errors):
        detector.update(error)
        if detector.drift_detected:
            return index
""",
            "too late",
        ),
        (
            "a fixed threshold for a usual rate of 20 %",
            """
def detect(errors):
    for index in range(150, len(errors)):
        if sum(errors[index - 99 : index + 1]) > 34:
            return index
""",
            "don't assume 20 %",
        ),
        (
            "looks ahead",
            """
def detect(errors):
    errors = np.asarray(errors)
    n = len(errors)
    if n < 400:
        return None
    gaps = [errors[i:].mean() - errors[:i].mean() for i in range(200, n - 100)]
    return int(np.argmax(gaps)) + 240 if max(gaps) > 0.15 else None
""",
            "Don.t look ahead",
        ),
        ("never rings", "def detect(errors):\n    return None\n", "must be noticed"),
    ],
}
