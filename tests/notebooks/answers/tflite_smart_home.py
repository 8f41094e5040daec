"""Answers to the exercises of tflite_smart_home: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "tflite_smart_home-1": [
        "def dequantise(q, scale, zero):\n    return [scale * (int(value) - zero) for value in q]\n",
        "def dequantise(q, scale, zero):\n    return np.float32(scale) * (q.astype('int32') - zero)\n",
    ],
    "tflite_smart_home-2": [
        """
def parameters(low, high):
    low = 0.0 if low > 0 else low
    high = 0.0 if high < 0 else high
    if high - low == 0:
        return 1, np.int32(0)
    scale = (high - low) / 255.0
    zero = np.rint(127 - high / scale)
    return np.float64(scale), np.int64(min(127, max(-128, zero)))
"""
    ],
    "tflite_smart_home-3": [
        """
def add(outbox, number, body, limit):
    with outbox:
        outbox.execute("INSERT INTO outbox VALUES (?, ?)", (number, body))
        (count,) = outbox.execute("SELECT count(*) FROM outbox").fetchone()
        extra = max(0, count - limit)
        old = outbox.execute("SELECT number FROM outbox ORDER BY number LIMIT ?", (extra,)).fetchall()
        outbox.executemany("DELETE FROM outbox WHERE number = ?", old)
    return extra
""",
        """
def add(outbox, number, body, limit):
    outbox.execute("BEGIN IMMEDIATE")
    try:
        before = outbox.total_changes
        outbox.execute("INSERT INTO outbox (body, number) VALUES (:body, :number)", {"body": body, "number": number})
        (count,) = outbox.execute("SELECT count(*) FROM outbox").fetchone()
        while count > limit:
            outbox.execute("DELETE FROM outbox WHERE number = (SELECT min(number) FROM outbox)")
            count -= 1
        outbox.commit()
        return outbox.total_changes - before - 1
    except BaseException:
        outbox.rollback()
        raise
""",
    ],
}

WRONG = {
    "tflite_smart_home-1": [
        (
            "forgets the zero point",
            "def dequantise(q, scale, zero):\n    return scale * q\n",
            "zero point stands for 0",
        ),
        (
            "subtracts within 8 bits",
            "def dequantise(q, scale, zero):\n    return scale * (q - np.int8(zero))\n",
            "does not fit into 8 bits",
        ),
        (
            "multiplies before it subtracts",
            "def dequantise(q, scale, zero):\n    return scale * q.astype(float) - zero\n",
            "zero point stands for 0",
        ),
    ],
    "tflite_smart_home-2": [
        (
            "the range as it is, without zero",
            "def parameters(low, high):\n    s = (high - low) / 255 or 1\n    return s, int(np.clip(round(-128 - low / s), -128, 127))\n",
            "Is 0 in the range",
        ),
        (
            "symmetric",
            "def parameters(low, high):\n    return max(abs(low), abs(high)) / 127 or 1, 0\n",
            "scale 1, and 0 is the lowest",
        ),
        (
            "256 steps instead of 255",
            "def parameters(low, high):\n    low, high = min(low, 0), max(high, 0)\n    s = (high - low) / 256 or 1\n    return s, int(np.clip(round(-128 - low / s), -128, 127))\n",
            "256 integers for 256 values",
        ),
        (
            "cuts the zero point off",
            "def parameters(low, high):\n    low, high = min(low, 0), max(high, 0)\n    s = (high - low) / 255\n    return (s, int(-128 - low / s)) if s else (1, 0)\n",
            "not the whole number nearest",
        ),
        (
            "a fractional zero point",
            "def parameters(low, high):\n    low, high = min(low, 0), max(high, 0)\n    s = (high - low) / 255 or 1\n    return s, -128 - low / s\n",
            "one of the integers",
        ),
    ],
    "tflite_smart_home-3": [
        (
            "drops the newest",
            "def add(outbox, number, body, limit):\n    with outbox:\n        outbox.execute('INSERT INTO outbox VALUES (?, ?)', (number, body))\n        return outbox.execute('DELETE FROM outbox WHERE number NOT IN (SELECT number FROM outbox ORDER BY number LIMIT ?)', (limit,)).rowcount\n",
            "drop the oldest",
        ),
        (
            "never commits",
            "def add(outbox, number, body, limit):\n    outbox.execute('INSERT INTO outbox VALUES (?, ?)', (number, body))\n    return outbox.execute('DELETE FROM outbox WHERE number NOT IN (SELECT number FROM outbox ORDER BY number DESC LIMIT ?)', (limit,)).rowcount\n",
            "transaction is still open",
        ),
        (
            "values pasted into the SQL",
            "def add(outbox, number, body, limit):\n    with outbox:\n        try:\n            outbox.execute(f\"INSERT INTO outbox VALUES ({number}, '{body}')\")\n        except sqlite3.OperationalError:\n            return 0\n        return outbox.execute(f'DELETE FROM outbox WHERE number NOT IN (SELECT number FROM outbox ORDER BY number DESC LIMIT {limit})').rowcount\n",
            "pass values as parameters",
        ),
        (
            "two transactions",
            "def add(outbox, number, body, limit):\n    with outbox:\n        n = outbox.execute('DELETE FROM outbox WHERE number NOT IN (SELECT number FROM outbox ORDER BY number DESC LIMIT ?)', (limit - 1,)).rowcount\n    with outbox:\n        outbox.execute('INSERT INTO outbox VALUES (?, ?)', (number, body))\n    return n\n",
            "that may be the new one|nothing may have changed",
        ),
        (
            "stores in one transaction, deletes in the next",
            "def add(outbox, number, body, limit):\n    with outbox:\n        outbox.execute('INSERT INTO outbox VALUES (?, ?)', (number, body))\n    with outbox:\n        return outbox.execute('DELETE FROM outbox WHERE number NOT IN (SELECT number FROM outbox ORDER BY number DESC LIMIT ?)', (limit,)).rowcount\n",
            "two transactions, not one",
        ),
        (
            "each statement commits by itself",
            "def add(outbox, number, body, limit):\n    outbox.isolation_level = None\n    outbox.execute('INSERT INTO outbox VALUES (?, ?)', (number, body))\n    return outbox.execute('DELETE FROM outbox WHERE number NOT IN (SELECT number FROM outbox ORDER BY number DESC LIMIT ?)', (limit,)).rowcount\n",
            "two transactions, not one",
        ),
        (
            "takes the new one back by hand when the deletion fails",
            "def add(outbox, number, body, limit):\n    with outbox:\n        outbox.execute('INSERT INTO outbox VALUES (?, ?)', (number, body))\n    try:\n        with outbox:\n            return outbox.execute('DELETE FROM outbox WHERE number NOT IN (SELECT number FROM outbox ORDER BY number DESC LIMIT ?)', (limit,)).rowcount\n    except sqlite3.Error:\n        outbox.execute('DELETE FROM outbox WHERE number = ?', (number,))\n        outbox.commit()\n        raise\n",
            "two transactions, not one",
        ),
        (
            "leaves the transaction open when it fails",
            "def add(outbox, number, body, limit):\n    outbox.execute('INSERT INTO outbox VALUES (?, ?)', (number, body))\n    n = outbox.execute('DELETE FROM outbox WHERE number NOT IN (SELECT number FROM outbox ORDER BY number DESC LIMIT ?)', (limit,)).rowcount\n    outbox.commit()\n    return n\n",
            "nothing may have changed|rolled back as a whole",
        ),
        (
            "makes room first, and always keeps the new one",
            "def add(outbox, number, body, limit):\n    with outbox:\n        n = outbox.execute('DELETE FROM outbox WHERE number NOT IN (SELECT number FROM outbox ORDER BY number DESC LIMIT ?)', (limit - 1,)).rowcount\n        outbox.execute('INSERT INTO outbox VALUES (?, ?)', (number, body))\n        return n\n",
            "that may be the new one",
        ),
        (
            "replaces silently",
            "def add(outbox, number, body, limit):\n    with outbox:\n        outbox.execute('INSERT OR REPLACE INTO outbox VALUES (?, ?)', (number, body))\n        return outbox.execute('DELETE FROM outbox WHERE number NOT IN (SELECT number FROM outbox ORDER BY number DESC LIMIT ?)', (limit,)).rowcount\n",
            "must not be replaced silently",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "tflite_smart_home-2": {
        "- return scale, int(np.clip(round(-128 - low / scale), -128, 127)) / + return scale, int(np.clip(round(-128 - low / scale), -129, 127))": "low is at most 0, so the zero point is at least -128 before it is clipped",
        "- return scale, int(np.clip(round(-128 - low / scale), -128, 127)) / + return scale, int(np.clip(round(-128 - low / scale), -128, 128))": "-low is at most 255 scales, so the zero point is at most 127 before it is clipped",
        "- return scale, int(np.clip(round(-128 - low / scale), -128, 127)) / + return scale, np.clip(round(-128 - low / scale), -128, 127)": "a whole number of NumPy's, which the statement allows",
    },
}
