"""Answers to the exercises of sql_partitioning: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "sql_partitioning-1": [
        """
def executed(plan):
    stack, names = [plan], []
    while stack:
        node = stack.pop()
        if node.get("Relation Name") and node.get("Actual Loops"):
            names.append(node["Relation Name"])
        stack.extend(node.get("Plans") or [])
    return set(names)
"""
    ],
    "sql_partitioning-2": [
        """
def month_query(year, month):
    values = {"first": f"{year}-{month:02d}-01 00:00+00"}
    text = "SELECT count(at) FROM visits WHERE at >= %(first)s::timestamptz AND at < %(first)s::timestamptz + interval '1 month'"
    return text, values
""",
        """
def month_query(year, month):
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return "SELECT count(*) FROM visits WHERE %s <= at AND NOT at >= %s", [date(year, month, 1), date(*following, 1)]
""",
    ],
    "sql_partitioning-3": [
        """
def retire(keep_from):
    gone = []
    with lab.transaction():
        for name, first, stop in sorted(bounds(), reverse=True):
            if keep_from >= stop:
                here = lab.execute("SELECT current_schema()").fetchone()[0]
                lab.execute(SQL("DROP TABLE {}").format(Identifier(here, name)))
                gone.append(name)
    return gone
"""
    ],
}

WRONG = {
    "sql_partitioning-1": [
        (
            "counts what was never executed",
            "def executed(plan):\n    own = {plan['Relation Name']} if 'Relation Name' in plan else set()\n    return own.union(*map(executed, plan.get('Plans', [])))\n",
            "0 loops was never executed",
        ),
        (
            "looks at the top's children only",
            "def executed(plan):\n    every = [plan, *plan.get('Plans', [])]\n    return {n['Relation Name'] for n in every if 'Relation Name' in n and n['Actual Loops']}\n",
            "children's children",
        ),
        (
            "knows sequential scans only",
            "def executed(plan):\n    own = {plan['Relation Name']} if plan['Node Type'] == 'Seq Scan' and plan['Actual Loops'] else set()\n    return own.union(*map(executed, plan.get('Plans', [])))\n",
            "Every kind of scan counts",
        ),
        (
            "exactly one loop",
            "def executed(plan):\n    own = {plan['Relation Name']} if 'Relation Name' in plan and plan['Actual Loops'] == 1 else set()\n    return own.union(*map(executed, plan.get('Plans', [])))\n",
            "more than one loop",
        ),
    ],
    "sql_partitioning-2": [
        (
            "wraps the key",
            "def month_query(year, month):\n    return \"SELECT count(*) FROM visits WHERE date_trunc('month', at) = %s\", (datetime(year, month, 1, tzinfo=UTC),)\n",
            "bare column with two bounds",
        ),
        (
            "forgets that December is followed by January",
            "def month_query(year, month):\n    stop = datetime(year, min(month + 1, 12), 1, tzinfo=UTC)\n    return 'SELECT count(*) FROM visits WHERE at >= %s AND at < %s', (datetime(year, month, 1, tzinfo=UTC), stop)\n",
            "December is followed by January",
        ),
        (
            "an inclusive upper bound",
            "def month_query(year, month):\n    stop = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)\n    return 'SELECT count(*) FROM visits WHERE at >= %s AND at <= %s', (datetime(year, month, 1, tzinfo=UTC), stop)\n",
            "first moment of December",
        ),
        (
            "BETWEEN the last second",
            "def month_query(year, month):\n    stop = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC) - __import__('datetime').timedelta(seconds=1)\n    return 'SELECT count(*) FROM visits WHERE at BETWEEN %s AND %s', (datetime(year, month, 1, tzinfo=UTC), stop)\n",
            "first moment belongs",
        ),
        (
            "pastes the values",
            "def month_query(year, month):\n    stop = f'{year + month // 12}-{month % 12 + 1:02d}-01'\n    return f\"SELECT count(*) FROM visits WHERE at >= '{year}-{month:02d}-01' AND at < '{stop}'\", ()\n",
            "Send the values beside the text",
        ),
    ],
    "sql_partitioning-3": [
        (
            "deletes rows instead",
            "def retire(keep_from):\n    lab.execute('DELETE FROM visits WHERE at < %s', (keep_from,))\n    return [name for name, _, stop in bounds() if stop <= keep_from]\n",
            "detached table is still there|holds the 15th",
        ),
        (
            "takes the partition that holds the date",
            "def retire(keep_from):\n    old = [name for name, low, _ in bounds() if low < keep_from]\n    for name in old:\n        lab.execute(SQL('DROP TABLE {}').format(Identifier(name)))\n    return old\n",
            "Only November ends before",
        ),
        (
            "only detaches",
            "def retire(keep_from):\n    old = [name for name, _, stop in bounds() if stop <= keep_from]\n    for name in old:\n        lab.execute(SQL('ALTER TABLE visits DETACH PARTITION {}').format(Identifier(name)))\n    return old\n",
            "still there: drop it",
        ),
        (
            "spares one that ends on the day",
            "def retire(keep_from):\n    old = [name for name, _, stop in bounds() if stop < keep_from]\n    with lab.transaction():\n        for name in old:\n            lab.execute(SQL('DROP TABLE {}').format(Identifier(name)))\n    return old\n",
            "ends on the day itself",
        ),
        (
            "one transaction each",
            "def retire(keep_from):\n    old = [name for name, _, stop in sorted(bounds(), reverse=True) if stop <= keep_from]\n    for name in old:\n        lab.execute(SQL('DROP TABLE {}').format(Identifier(name)))\n    return old\n",
            "nothing may have changed",
        ),
        (
            "drops with CASCADE",
            "def retire(keep_from):\n    old = [name for name, _, stop in bounds() if stop <= keep_from]\n    with lab.transaction():\n        for name in old:\n            lab.execute(SQL('DROP TABLE {} CASCADE').format(Identifier(name)))\n    return old\n",
            "don't use CASCADE",
        ),
    ],
}
