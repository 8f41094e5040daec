"""Answers to the exercises of sklearn_fraud: other right ones, and the classic wrong ones with the hint they must get."""


def upsert(body: str) -> str:
    """An answer to exercise 3 that adds one payment after the other, with ``add(card, euros)`` written out."""
    add = (
        'database.execute("INSERT OR IGNORE INTO totals VALUES (?, 0)", (card,)); '
        'database.execute("UPDATE totals SET euros = euros + ? WHERE card = ?", (euros, card))'
    )
    return body.replace("ADD", add)


RIGHT = {
    "sklearn_fraud-1": [
        "def silence(labels):\n    genuine = sum(1 for label in labels if not label)\n    return [genuine / len(labels), 0]\n",
        """
from sklearn.metrics import accuracy_score, recall_score
def silence(labels):
    says = np.zeros(len(labels), dtype=int)
    return accuracy_score(labels, says), recall_score(labels, says)
""",
        "from fractions import Fraction\ndef silence(labels):\n    n = len(labels)\n    return Fraction(n - int(sum(labels)), n), 0.0\n",
        "def silence(labels):\n    return np.array([1 - np.mean(labels), 0.0])\n",
        """
from collections import Counter
def silence(labels):
    counted = Counter(int(label) for label in labels)
    return counted[0] / counted.total(), 0 / counted[1]
""",
        """
from typing import NamedTuple
class Silent(NamedTuple):
    accuracy: float
    recall: float
def silence(labels):
    said = [0] * len(labels)
    right = [a == b for a, b in zip(labels, said)]
    found = [a for a, b in zip(labels, said) if a == b == 1]
    return Silent(sum(right) / len(right), len(found) / sum(int(a) for a in labels))
""",
        """
from sklearn.dummy import DummyClassifier
from sklearn import metrics
def silence(labels):
    X = np.zeros((len(labels), 1))
    model = DummyClassifier(strategy='constant', constant=0).fit(np.zeros((2, 1)), [0, 1])
    said = model.predict(X)
    return metrics.accuracy_score(labels, said), metrics.recall_score(labels, said)
""",
    ],
    "sklearn_fraud-2": [
        """
def net_saved(scores, fraud, amount, day, budget, cost):
    by_day = {}
    for row in zip(day, scores, fraud, amount):
        by_day.setdefault(row[0], []).append(row[1:])
    total = 0
    for rows in by_day.values():
        for score, bad, euros in sorted(rows, key=lambda row: row[0], reverse=True)[:budget]:
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
        # one pass in the order of day and score, a counter for each day
        """
def net_saved(scores, fraud, amount, day, budget, cost):
    seen, total = {}, 0.0
    for i in sorted(range(len(day)), key=lambda i: (day[i], -float(scores[i]), i)):
        seen[day[i]] = seen.get(day[i], 0) + 1
        if seen[day[i]] <= budget:
            total += (amount[i] if fraud[i] else 0.0) - cost
    return total
""",
        """
import heapq
def net_saved(scores, fraud, amount, day, budget, cost):
    total = 0.0
    for today in set(day):
        rows = [(float(s), -i) for i, (s, d) in enumerate(zip(scores, day)) if d == today]
        for _, i in heapq.nlargest(budget, rows):
            total = total - cost + amount[-i] * fraud[-i]
    return total
""",
        """
def net_saved(scores, fraud, amount, day, budget, cost):
    scores = np.asarray(scores, dtype=float)
    order = np.lexsort((np.arange(len(scores)), -scores, np.asarray(day)))
    days = np.asarray(day)[order]
    rank = np.arange(len(days)) - np.searchsorted(days, days)
    rows = order[rank < budget]
    return np.float32(0) if not len(rows) else np.dot(np.asarray(amount)[rows], np.asarray(fraud)[rows]) - cost * rows.size
""",
        """
import contextlib
def net_saved(scores, fraud, amount, day, budget, cost):
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE p (n INTEGER, s REAL, f INTEGER, a REAL, d INTEGER)")
        rows = ((n, float(s), int(f), float(a), int(d)) for n, (s, f, a, d) in enumerate(zip(scores, fraud, amount, day)))
        db.executemany("INSERT INTO p VALUES (?, ?, ?, ?, ?)", rows)
        ranked = "SELECT f, a, ROW_NUMBER() OVER (PARTITION BY d ORDER BY s DESC, n) AS r FROM p"
        return db.execute(f"SELECT COALESCE(SUM(a * f - ?), 0) FROM ({ranked}) WHERE r <= ?", (cost, budget)).fetchone()[0]
""",
        """
import pandas as pd
def net_saved(scores, fraud, amount, day, budget, cost):
    table = pd.DataFrame({"s": np.asarray(scores, float), "v": np.asarray(amount, float) * np.asarray(fraud, float) - cost, "d": day})
    return table.loc[table.groupby("d")["s"].rank(method="first", ascending=False) <= budget, "v"].sum()
""",
        """
def net_saved(scores, fraud, amount, day, budget, cost):
    s, f, a, d = (np.array(c, dtype=float) for c in (scores, fraud, amount, day))
    n = len(s)
    before = (d[:, None] == d) & ((s > s[:, None]) | ((s == s[:, None]) & (np.arange(n) < np.arange(n)[:, None])))
    return ((a * f - cost) * (before.sum(axis=1) < budget)).sum().item() if n else 0
""",
    ],
    "sklearn_fraud-3": [
        upsert("""
def apply_batch(database, batch, payments):
    try:
        if database.execute("SELECT 1 FROM done WHERE batch = ?", (batch,)).fetchone():
            return
        for card, euros in payments:
            ADD
        database.execute("INSERT INTO done VALUES (?)", (batch,))
        database.commit()
    except BaseException:
        database.rollback()
        raise
"""),
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
        # the database locks everybody out while it works
        upsert("""
def apply_batch(database, batch, payments):
    database.execute("BEGIN EXCLUSIVE")
    try:
        if not database.execute("SELECT EXISTS (SELECT 1 FROM done WHERE batch = ?)", (batch,)).fetchone()[0]:
            for card, euros in payments:
                ADD
            database.execute("INSERT INTO done VALUES (?)", (batch,))
    except:
        database.execute("ROLLBACK")
        raise
    else:
        database.execute("COMMIT")
"""),
        # the batch's number refuses the second time
        """
def apply_batch(database, batch, payments):
    add = "INSERT INTO totals VALUES (?, ?) ON CONFLICT (card) DO UPDATE SET euros = euros + excluded.euros"
    try:
        database.execute("INSERT INTO done VALUES (?)", (batch,))
    except sqlite3.IntegrityError:
        database.rollback()
        return
    with database:
        database.executemany(add, payments)
""",
        # sums first, one statement a card
        """
from collections import defaultdict
def apply_batch(database, batch, payments):
    sums = defaultdict(float)
    for card, euros in payments:
        sums[card] += euros
    with database:
        if (batch,) in database.execute("SELECT batch FROM done").fetchall():
            return
        known = dict(database.execute("SELECT card, euros FROM totals"))
        rows = [(card, known.get(card, 0) + euros) for card, euros in sums.items()]
        database.executemany("INSERT OR REPLACE INTO totals (card, euros) VALUES (?, ?)", rows)
        database.execute("INSERT INTO done (batch) VALUES (?)", (batch,))
""",
        # a savepoint in the transaction, and a cursor
        upsert("""
import contextlib
def apply_batch(database, batch, payments):
    with contextlib.closing(database.cursor()) as cursor:
        cursor.execute("SAVEPOINT whole")
        try:
            if cursor.execute("INSERT INTO done SELECT :b WHERE :b NOT IN (SELECT batch FROM done)", {"b": batch}).rowcount > 0:
                for card, euros in payments:
                    ADD
            cursor.execute("RELEASE whole")
        except BaseException:
            cursor.execute("ROLLBACK TO whole")
            cursor.execute("RELEASE whole")
            raise
"""),
        """
import json
def apply_batch(database, batch, payments):
    rows = json.dumps([[card, euros] for card, euros in payments])
    with database:
        if database.execute("INSERT INTO done VALUES (?) ON CONFLICT DO NOTHING RETURNING batch", (batch,)).fetchone() is None:
            return
        database.execute(
            "INSERT INTO totals SELECT value ->> 0, SUM(value ->> 1) FROM json_each(?) WHERE true GROUP BY 1 "
            "ON CONFLICT (card) DO UPDATE SET euros = euros + excluded.euros", (rows,))
""",
        """
import contextlib
def apply_batch(database, batch, payments):
    with contextlib.ExitStack() as stack:
        stack.callback(database.rollback)
        if database.execute("SELECT count(*) FROM done WHERE batch IS ?", (batch,)).fetchone() == (1,):
            return
        cards = {}
        for payment in payments:
            cards.setdefault(payment[0], []).append(payment[1])
        for card in cards:
            database.execute("INSERT OR IGNORE INTO totals VALUES (?, 0)", (card,))
            database.executemany("UPDATE totals SET euros = euros + ? WHERE card = ?", ((e, card) for e in cards[card]))
        database.execute("INSERT INTO done VALUES (?)", (batch,))
        database.commit()
""",
        """
def apply_batch(database, batch, payments):
    try:
        database.executemany("INSERT INTO totals VALUES (?, ?) ON CONFLICT (card) DO UPDATE SET euros = euros + excluded.euros", payments)
        before = database.total_changes
        database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,))
        (database.commit if database.total_changes > before else database.rollback)()
    finally:
        if database.in_transaction:
            database.rollback()
""",
        """
def apply_batch(database, batch, payments):
    with database:
        database.execute("BEGIN")
        database.execute("CREATE TEMP TABLE coming (card INTEGER, euros REAL)")
        database.executemany("INSERT INTO coming VALUES (?, ?)", payments)
        if not database.execute("SELECT 1 FROM done WHERE batch = ?", (batch,)).fetchone():
            database.execute("INSERT OR IGNORE INTO totals SELECT DISTINCT card, 0 FROM coming")
            database.execute("UPDATE totals SET euros = euros + (SELECT SUM(c.euros) FROM coming c WHERE c.card = totals.card) WHERE card IN (SELECT card FROM coming)")
            database.execute("INSERT INTO done VALUES (?)", (batch,))
        database.execute("DROP TABLE coming")
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
        # the last eighty against all before them
        """
def detect(errors):
    total, sums = 0, [0]
    for index, error in enumerate(errors):
        total += error
        sums.append(total)
        before, recent = index + 1 - 80, total - sums[max(0, index + 1 - 80)]
        if before >= 200:
            rate = sums[before] / before
            if recent / 80 - rate > 3.9 * (rate * (1 - rate) / 80 + rate * (1 - rate) / before) ** 0.5:
                return index
    return None
""",
        # a likelihood ratio, its usual rate learned from the first five hundred
        """
import math
def detect(errors):
    rate = level = 0.0
    for index, error in enumerate(errors):
        if index < 500:
            rate += error / 500
            continue
        p, q = rate, min(rate + 0.25, 0.95)
        level = max(0.0, level + (math.log(q / p) if error else math.log((1 - q) / (1 - p))))
        if level > 8:
            return np.int64(index)
""",
        """
def detect(errors):
    detector = drift.ADWIN(delta=0.1, clock=1)
    for index in range(len(errors)):
        before = detector.estimation
        detector.update(errors[index])
        if detector.drift_detected and detector.estimation > before:
            return index
    return None
""",
        """
def detect(errors):
    x = np.asarray(errors, dtype=float)
    n = np.arange(1, len(x) + 1)
    mean = np.cumsum(x) / n
    total = np.cumsum(x - mean - 0.1)
    above = (total - np.minimum.accumulate(total) > 10) & (n > 100) if len(x) else np.zeros(0, bool)
    return int(np.flatnonzero(above)[0]) if above.any() else None
""",
        """
class Watch:
    def __init__(self):
        self.detectors = [drift.PageHinkley(delta=0.1, threshold=10.5, mode='up'), drift.ADWIN(delta=0.01, clock=1)]
    def rings(self, error):
        for one in self.detectors:
            one.update(error)
        return any(one.drift_detected for one in self.detectors)
def detect(errors):
    watch = Watch()
    for index in range(len(errors)):
        if watch.rings(int(errors[index])):
            return index
""",
        # Page's test against a mean that forgets
        """
def detect(errors):
    weight = total = above = 0.0
    for index, error in enumerate(errors):
        weight, total = 0.999 * weight + 1, 0.999 * total + error
        if index >= 100:
            above = max(0.0, above + error - total / weight - 0.1)
        if above > 10:
            return index
    return None
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
        ("a fixed figure", "def silence(labels):\n    return 0.998, 0.0\n", "silence gets 0.25"),
        ("recall first", "def silence(labels):\n    return 0.0, 1 - np.mean(labels)\n", "accuracy comes first"),
        ("per cent", "def silence(labels):\n    return 100 * (1 - np.mean(labels)), 0.0\n", "not per cent"),
        ("one number", "def silence(labels):\n    return float(1 - np.mean(labels))\n", "a pair of two numbers"),
        ("rounded", "def silence(labels):\n    return round(1 - float(np.mean(labels)), 3), 0.0\n", "gets 0.6667"),
        (
            "lists only",
            "def silence(labels):\n    return (labels.count(0) / len(labels), 0.0) if isinstance(labels, list) else (0.0, 0.0)\n",
            "of a list and of an array",
        ),
        (
            "sorts the caller's labels",
            "def silence(labels):\n    labels.sort()\n    return int(np.searchsorted(labels, 1)) / len(labels), 0.0\n",
            "must stay as they are",
        ),
        ("nothing", "def silence(labels):\n    pass\n", "a pair of two numbers"),
        ("names", "def silence(labels):\n    return {'accuracy': 0.998, 'recall': 0.0}\n", "a pair of two numbers"),
        (
            "rounded to six",
            """
def silence(labels):
    return round(float(np.mean(np.asarray(labels) == 0)), 6), 0.0
""",
            "not rounded",
        ),
        (
            "remembers by length",
            """
import functools
MEM = {}
def silence(labels):
    MEM.setdefault(len(labels), float(np.mean(np.asarray(labels) == 0)))
    return MEM[len(labels)], 0.0
""",
            "gets 0.7500",
        ),
        (
            "text",
            """
def silence(labels):
    return f'{np.mean(np.asarray(labels) == 0)}', '0'
""",
            "a pair of two numbers",
        ),
        (
            "never below a half",
            """
def silence(labels):
    return max(0.5, float(np.mean(np.asarray(labels) == 0))), 0.0
""",
            "gets 0.2500",
        ),
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
            "pays only for false alarms",
            """
def net_saved(scores, fraud, amount, day, budget, cost):
    scores, fraud, amount, day = map(np.asarray, (scores, fraud, amount, day))
    total = 0
    for today in np.unique(day):
        rows = np.flatnonzero(day == today)
        top = rows[np.argsort(-scores[rows], kind="stable")[:budget]]
        total += (amount * fraud)[top].sum() - cost * (1 - fraud[top]).sum()
    return total
""",
            "One alert, one fraud",
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
        (
            "of equal scores the larger sum first",
            """
def net_saved(scores, fraud, amount, day, budget, cost):
    total = 0
    for today in set(day):
        rows = sorted(((s, a, f) for s, f, a, d in zip(scores, fraud, amount, day) if d == today), reverse=True)[:budget]
        total += sum(a * f - cost for s, a, f in rows)
    return total
""",
            "Of equal scores",
        ),
        (
            "a budget of 0 is none",
            """
def net_saved(scores, fraud, amount, day, budget, cost):
    scores, fraud, amount, day = map(np.asarray, (scores, fraud, amount, day))
    total = 0
    for today in np.unique(day):
        rows = np.flatnonzero(day == today)
        top = rows[np.argsort(-scores[rows], kind="stable")][: budget or None]
        total += (amount * fraud)[top].sum() - cost * len(top)
    return total
""",
            "A budget of 0",
        ),
        (
            "days side by side, not grouped",
            """
from itertools import groupby
def net_saved(scores, fraud, amount, day, budget, cost):
    total = 0
    for today, rows in groupby(zip(day, scores, fraud, amount), key=lambda row: row[0]):
        for _, _, bad, euros in sorted(rows, key=lambda row: row[1], reverse=True)[:budget]:
            total += euros * bad - cost
    return total
""",
            "group by day first",
        ),
        (
            "only scores above 0",
            """
def net_saved(scores, fraud, amount, day, budget, cost):
    scores, fraud, amount, day = map(np.asarray, (scores, fraud, amount, day))
    total = 0
    for today in np.unique(day):
        rows = np.flatnonzero((day == today) & (scores > 0))
        top = rows[np.argsort(-scores[rows], kind="stable")[:budget]]
        total += (amount * fraud)[top].sum() - cost * len(top)
    return total
""",
            "Scores may be negative",
        ),
        (
            "uses the caller's lists up",
            """
def net_saved(scores, fraud, amount, day, budget, cost):
    total = 0
    if not isinstance(scores, list):
        scores, fraud, amount, day = (list(column) for column in (scores, fraud, amount, day))
    left = dict.fromkeys(day, budget)
    while any(left.get(d) for d in day):
        i = max((k for k in range(len(day)) if left[day[k]]), key=lambda k: (scores[k], -k))
        left[day[i]] -= 1
        total += amount[i] * fraud[i] - cost
        for column in (scores, fraud, amount, day):
            del column[i]
    return total
""",
            "must stay as they are|One alert|A day with three|false alarm",
        ),
        (
            "nothing to do is no number",
            """
def net_saved(scores, fraud, amount, day, budget, cost):
    if not len(scores):
        return None
    total = 0
    for today in set(day):
        rows = [i for i in range(len(day)) if day[i] == today]
        for i in sorted(rows, key=lambda i: -float(scores[i]))[:budget]:
            total += amount[i] * fraud[i] - cost
    return total
""",
            "Return one number",
        ),
        (
            "rounded to four",
            """
def net_saved(scores, fraud, amount, day, budget, cost):
    scores, fraud, amount, day = map(np.asarray, (scores, fraud, amount, day))
    total = 0.0
    for today in np.unique(day):
        rows = np.flatnonzero(day == today)
        top = rows[np.argsort(-scores[rows], kind="stable")[:budget]]
        total += (amount * fraud)[top].sum() - cost * len(top)
    return round(float(total), 4)
""",
            "don.t round",
        ),
        (
            "the threshold lets ties in",
            """
def net_saved(scores, fraud, amount, day, budget, cost):
    scores, fraud, amount, day = map(np.asarray, (scores, fraud, amount, day))
    total = 0.0
    for today in np.unique(day):
        rows = np.flatnonzero(day == today)
        top = rows[scores[rows] >= np.sort(scores[rows])[-min(budget, len(rows))]] if budget else rows[:0]
        total += (amount * fraud)[top].sum() - cost * len(top)
    return total
""",
            "Of equal scores",
        ),
        (
            "keeps adding",
            """
TOTAL = 0.0
def net_saved(scores, fraud, amount, day, budget, cost):
    scores, fraud, amount, day = map(np.asarray, (scores, fraud, amount, day))
    global TOTAL
    for today in np.unique(day):
        rows = np.flatnonzero(day == today)
        top = rows[np.argsort(-scores[rows], kind="stable")[:budget]]
        TOTAL += (amount * fraud)[top].sum() - cost * len(top)
    return TOTAL
""",
            "false alarm|A day with three",
        ),
        (
            "amount changed in place",
            """
def net_saved(scores, fraud, amount, day, budget, cost):
    scores, fraud, amount, day = map(np.asarray, (scores, fraud, amount, day))
    total = 0.0
    amount = amount if not len(amount) else amount
    amount *= fraud
    for today in np.unique(day):
        rows = np.flatnonzero(day == today)
        top = rows[np.argsort(-scores[rows], kind="stable")[:budget]]
        total += (amount * fraud)[top].sum() - cost * len(top)
    return total
""",
            "must stay as they are",
        ),
    ],
    "sklearn_fraud-3": [
        (
            "no commit",
            upsert("""
def apply_batch(database, batch, payments):
    if database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,)).rowcount:
        for card, euros in payments:
            ADD
"""),
            "and commit",
        ),
        (
            "counts a batch twice",
            upsert("""
def apply_batch(database, batch, payments):
    with database:
        for card, euros in payments:
            ADD
        database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,))
"""),
            "must not count twice",
        ),
        (
            "remembers in memory what is done",
            upsert("""
SEEN = set()
def apply_batch(database, batch, payments):
    if batch in SEEN:
        return
    with database:
        for card, euros in payments:
            ADD
    SEEN.add(batch)
"""),
            "must stand in the table done",
        ),
        (
            "notes it on disk, and looks in memory",
            upsert("""
def apply_batch(database, batch, payments, seen=set()):
    if batch in seen:
        return
    with database:
        for card, euros in payments:
            ADD
        database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,))
    seen.add(batch)
"""),
            "knows nothing but the database",
        ),
        (
            "notes the batch in a transaction of its own",
            upsert("""
def apply_batch(database, batch, payments):
    with database:
        if not database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,)).rowcount:
            return
    with database:
        for card, euros in payments:
            ADD
"""),
            "all of a batch or nothing",
        ),
        (
            "commits every payment",
            upsert("""
def apply_batch(database, batch, payments):
    if database.execute("SELECT 1 FROM done WHERE batch = ?", (batch,)).fetchone():
        return
    for card, euros in payments:
        with database:
            ADD
    with database:
        database.execute("INSERT INTO done VALUES (?)", (batch,))
"""),
            "all of a batch or nothing",
        ),
        (
            "commits every payment, once all have come",
            upsert("""
def apply_batch(database, batch, payments):
    if database.execute("SELECT 1 FROM done WHERE batch = ?", (batch,)).fetchone():
        return
    payments = list(payments)
    for card, euros in payments:
        ADD
        database.commit()
    database.execute("INSERT INTO done VALUES (?)", (batch,))
    database.commit()
"""),
            "left something behind",
        ),
        (
            "leaves a broken batch for the next commit",
            upsert("""
def apply_batch(database, batch, payments):
    if database.execute("SELECT 1 FROM done WHERE batch = ?", (batch,)).fetchone():
        return
    for card, euros in payments:
        ADD
    database.execute("INSERT INTO done VALUES (?)", (batch,))
    database.commit()
"""),
            "left something behind",
        ),
        (
            "undoes only what it calls an Exception",
            upsert("""
def apply_batch(database, batch, payments):
    try:
        if database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,)).rowcount:
            for card, euros in payments:
                ADD
        database.commit()
    except Exception:
        database.rollback()
        raise
"""),
            "KeyboardInterrupt. left something behind",
        ),
        (
            "swallows the exception",
            upsert("""
def apply_batch(database, batch, payments):
    try:
        with database:
            if not database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,)).rowcount:
                return
            for card, euros in payments:
                ADD
    except Exception:
        pass
"""),
            "exception must come out",
        ),
        (
            "another exception",
            upsert("""
def apply_batch(database, batch, payments):
    try:
        with database:
            if not database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,)).rowcount:
                return
            for card, euros in payments:
                ADD
    except BaseException as error:
        raise RuntimeError("batch failed") from error
"""),
            "must come out as it is",
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
        (
            "only batches with a higher number",
            upsert("""
def apply_batch(database, batch, payments):
    with database:
        newest = database.execute("SELECT MAX(batch) FROM done").fetchone()[0]
        if newest is not None and batch <= newest:
            return
        for card, euros in payments:
            ADD
        database.execute("INSERT INTO done VALUES (?)", (batch,))
"""),
            "batches come in any order",
        ),
        (
            "asks the database once, and then its memory",
            upsert("""
KNOWN = None
def apply_batch(database, batch, payments):
    global KNOWN
    if KNOWN is None:
        KNOWN = {b for (b,) in database.execute("SELECT batch FROM done")}
    if batch in KNOWN:
        return
    with database:
        for card, euros in payments:
            ADD
        database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,))
    KNOWN.add(batch)
"""),
            "Another process has done batch 4",
        ),
        (
            "rounds to cents",
            upsert("""
def apply_batch(database, batch, payments):
    with database:
        if database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,)).rowcount:
            for card, euros in payments:
                ADD
            database.execute("UPDATE totals SET euros = ROUND(euros, 2)")
"""),
            "nothing is rounded",
        ),
        (
            "an empty batch is not noted",
            upsert("""
def apply_batch(database, batch, payments):
    payments = list(payments)
    if not payments:
        return
    with database:
        if database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,)).rowcount:
            for card, euros in payments:
                ADD
"""),
            "is done all the same",
        ),
        (
            "an ignored batch leaves a transaction open",
            upsert("""
def apply_batch(database, batch, payments):
    if not database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,)).rowcount:
        return
    with database:
        for card, euros in payments:
            ADD
"""),
            "leaves no transaction open",
        ),
        (
            "skips the payment that fails",
            upsert("""
def apply_batch(database, batch, payments):
    with database:
        if database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,)).rowcount:
            for card, euros in payments:
                try:
                    ADD
                except sqlite3.Error:
                    continue
"""),
            "exception must come out",
        ),
        ("nothing", "def apply_batch(database, batch, payments):\n    pass\n", "add up, and commit"),
        (
            "equal payments counted once",
            """
def apply_batch(database, batch, payments):
    with database:
        if database.execute("INSERT OR IGNORE INTO done VALUES (?)", (batch,)).rowcount:
            for card, euros in set(payments):
                database.execute("INSERT OR IGNORE INTO totals VALUES (?, 0)", (card,)); database.execute("UPDATE totals SET euros = euros + ? WHERE card = ?", (euros, card))
""",
            "equal sums",
        ),
        (
            "takes back by hand",
            """
def apply_batch(database, batch, payments):
    if database.execute("SELECT 1 FROM done WHERE batch = ?", (batch,)).fetchone():
        return
    added = []
    try:
        for card, euros in payments:
            database.execute("INSERT OR IGNORE INTO totals VALUES (?, 0)", (card,)); database.execute("UPDATE totals SET euros = euros + ? WHERE card = ?", (euros, card))
            added.append((card, euros))
        database.execute("INSERT INTO done VALUES (?)", (batch,))
    except BaseException:
        for card, euros in added:
            database.execute("UPDATE totals SET euros = euros - ? WHERE card = ?", (euros, card))
        raise
    finally:
        database.commit()
""",
            "left something behind",
        ),
        (
            "a script, which commits first",
            """
def apply_batch(database, batch, payments):
    if database.execute("SELECT 1 FROM done WHERE batch = ?", (batch,)).fetchone():
        return
    lines = "".join(f"INSERT INTO totals VALUES ({card}, {euros}) ON CONFLICT DO UPDATE SET euros = euros + excluded.euros;" for card, euros in payments)
    database.executescript(lines + f"INSERT INTO done VALUES ({batch});")
""",
            "left something behind",
        ),
        (
            "counts how many are done",
            """
def apply_batch(database, batch, payments):
    with database:
        if database.execute("SELECT COUNT(*) FROM done").fetchone()[0] >= batch:
            return
        for card, euros in payments:
            database.execute("INSERT OR IGNORE INTO totals VALUES (?, 0)", (card,)); database.execute("UPDATE totals SET euros = euros + ? WHERE card = ?", (euros, card))
        database.execute("INSERT INTO done VALUES (?)", (batch,))
""",
            "Batch 0|any order",
        ),
        (
            "marks a failed batch as done",
            """
def apply_batch(database, batch, payments):
    if database.execute("SELECT 1 FROM done WHERE batch = ?", (batch,)).fetchone():
        return
    try:
        for card, euros in payments:
            database.execute("INSERT OR IGNORE INTO totals VALUES (?, 0)", (card,)); database.execute("UPDATE totals SET euros = euros + ? WHERE card = ?", (euros, card))
    except BaseException:
        database.rollback()
        raise
    finally:
        database.execute("INSERT INTO done VALUES (?)", (batch,))
        database.commit()
""",
            "left something behind",
        ),
        (
            "every error of uniqueness is a batch that is done",
            """
def apply_batch(database, batch, payments):
    try:
        with database:
            database.execute("INSERT INTO done VALUES (?)", (batch,))
            for card, euros in payments:
                database.execute("INSERT OR IGNORE INTO totals VALUES (?, 0)", (card,)); database.execute("UPDATE totals SET euros = euros + ? WHERE card = ?", (euros, card))
    except sqlite3.IntegrityError:
        pass
""",
            "exception must come out",
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
            "ADWIN as it comes",
            """
def detect(errors):
    detector = drift.ADWIN()
    for index, error in enumerate(errors):
        detector.update(error)
        if detector.drift_detected:
            return index
""",
            "too late",
        ),
        (
            "ADWIN that trusts everything",
            """
def detect(errors):
    detector = drift.ADWIN(delta=0.5, clock=1)
    for index, error in enumerate(errors):
        detector.update(error)
        if detector.drift_detected:
            return index
""",
            "Too many false alarms",
        ),
        (
            "a fixed threshold for a usual rate of 20 %",
            """
def detect(errors):
    for index in range(150, len(errors)):
        if sum(errors[index - 99 : index + 1]) > 34:
            return index
""",
            "Don't assume a rate",
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
        (
            "looks at the mean of the whole stream",
            """
def detect(errors):
    usual, level = np.mean(errors[:500]), 0.0
    for index in range(500, len(errors)):
        level = max(0.0, level + errors[index] - usual - 0.1)
        if level > 9 and np.mean(errors[index:]) > usual + 0.1:
            return index
""",
            "Don.t look ahead",
        ),
        (
            "one detector for all streams",
            """
DETECTOR = drift.PageHinkley(min_instances=100, delta=0.1, threshold=10, mode="up")
def detect(errors):
    for index, error in enumerate(errors):
        DETECTOR.update(int(error))
        if DETECTOR.drift_detected:
            return index
""",
            "Too many false alarms|remember nothing|noticed|look ahead",
        ),
        (
            "the second stream is judged by the first",
            """
SEEN = {}
def detect(errors):
    key = tuple(errors[:600])
    if key not in SEEN:
        detector = drift.PageHinkley(min_instances=100, delta=0.1, threshold=10, mode="up")
        SEEN[key] = None
        for index, error in enumerate(errors):
            detector.update(int(error))
            if detector.drift_detected:
                SEEN[key] = index
                return index
        return None
    return None if SEEN[key] is None else SEEN[key] + 1
""",
            "remember nothing|look ahead",
        ),
        (
            "an alarm at the first value of an empty stream",
            """
def detect(errors):
    detector, index = drift.PageHinkley(min_instances=100, delta=0.1, threshold=10, mode="up"), 0
    for index, error in enumerate(errors):
        detector.update(int(error))
        if detector.drift_detected:
            return index
    return None if index else 0
""",
            "nothing to ring for",
        ),
        (
            "says whether it rings, not where",
            """
def detect(errors):
    detector = drift.PageHinkley(delta=0.1, threshold=10)
    for error in errors:
        detector.update(error)
        if detector.drift_detected:
            return True
    return None
""",
            "Return the index",
        ),
        (
            "-1 for none",
            """
def detect(errors):
    detector = drift.PageHinkley(delta=0.1, threshold=10)
    for index, error in enumerate(errors):
        detector.update(error)
        if detector.drift_detected:
            return index
    return -1
""",
            "or None when there is none",
        ),
        ("never rings", "def detect(errors):\n    return None\n", "must be noticed"),
        (
            "always in the middle",
            "def detect(errors):\n    return 810 if len(errors) > 810 else None\n",
            "Too many false alarms",
        ),
        (
            "one too late",
            """
def detect(errors):
    detector = drift.PageHinkley(delta=0.1, threshold=10)
    for index, error in enumerate(errors):
        detector.update(error)
        if detector.drift_detected:
            return index + 1
    return None
""",
            "[Dd]on.t look ahead|Cut the stream",
        ),
        (
            "only whole streams",
            """
def detect(errors):
    if len(errors) < 1500:
        return None
    detector = drift.PageHinkley(delta=0.1, threshold=10)
    for index, error in enumerate(errors):
        detector.update(error)
        if detector.drift_detected:
            return index
    return None
""",
            "ook ahead",
        ),
        (
            "looks twenty values ahead",
            """
def detect(errors):
    detector = drift.PageHinkley(delta=0.1, threshold=10)
    for index, error in enumerate(errors):
        detector.update(error)
        if detector.drift_detected:
            return max(0, index - 20)
    return None
""",
            "ook ahead",
        ),
        (
            "adapts its level from stream to stream",
            """
LEVEL = [10.0]
def detect(errors):
    LEVEL[0] += 0.002
    detector = drift.PageHinkley(delta=0.1, threshold=LEVEL[0])
    for index, error in enumerate(errors):
        detector.update(error)
        if detector.drift_detected:
            return index
    return None
""",
            "remember nothing",
        ),
    ],
}

_REFERENCE = "- detector = drift.PageHinkley(delta=0.1, threshold=10) / + detector = drift.PageHinkley"

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "sklearn_fraud-4": {
        f"{_REFERENCE}(delta=0.11, threshold=10)": "another setting that keeps every promise of the statement",
        f"{_REFERENCE}(delta=0.1, threshold=11)": "another setting that keeps every promise of the statement",
        f"{_REFERENCE}(delta=0.1, threshold=9)": "another setting that keeps every promise of the statement",
    },
}
