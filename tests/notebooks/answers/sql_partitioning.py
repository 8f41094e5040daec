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
    "sql_partitioning-4": [
        """
def add_month(year, month):
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    name = "visits_%d_%02d" % (year, month)
    low, high = "%d-%02d-01 00:00+00" % (year, month), "%d-%02d-01 00:00+00" % following
    lab.execute(
        f"CREATE TABLE {name} (LIKE visits INCLUDING ALL, CHECK (at >= '{low}' AND at < '{high}'));"
        f"ALTER TABLE visits ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')"
    )
""",
        """
def add_month(year, month):
    table = Identifier(f"visits_{year:04d}_{month:02d}")
    stop = date(year + (month == 12), month % 12 + 1, 1)
    lab.execute(SQL("CREATE TABLE {} (at timestamptz NOT NULL, page text NOT NULL)").format(table))
    try:
        lab.execute(
            SQL("ALTER TABLE visits ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                table, Literal(date(year, month, 1)), Literal(stop)
            )
        )
    except psycopg.Error:
        lab.execute(SQL("DROP TABLE {}").format(table))
        raise
""",
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
        (
            "pastes the month",
            "def month_query(year, month):\n    text = f'SELECT count(*) FROM visits WHERE at >= make_timestamptz(%(y)s, {month}, 1, 0, 0, 0) AND at < make_timestamptz(%(y)s, {month}, 1, 0, 0, 0) + %(step)s::interval'\n    return text, {'y': year, 'step': '1 month'}\n",
            "sent beside the text, as a value",
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
        (
            "only drops, each by itself, in the order of the names",
            "def retire(keep_from):\n    old = [name for name, _, stop in bounds() if stop <= keep_from]\n    for name in old:\n        lab.execute(SQL('DROP TABLE {}').format(Identifier(name)))\n    return old\n",
            "nothing may have changed",
        ),
    ],
    "sql_partitioning-4": [
        (
            "locks the parent",
            'def add_month(year, month):\n    name = f"visits_{year}_{month:02d}"\n    start = datetime(year, month, 1, tzinfo=UTC)\n    stop = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)\n    lab.execute(SQL("CREATE TABLE {} PARTITION OF visits FOR VALUES FROM ({}) TO ({})").format(Identifier(name), Literal(start), Literal(stop)))\n',
            "waits for the report",
        ),
        (
            "never attaches",
            'def add_month(year, month):\n    name = f"visits_{year}_{month:02d}"\n    start = datetime(year, month, 1, tzinfo=UTC)\n    stop = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)\n    lab.execute(SQL("CREATE TABLE {} (LIKE visits)").format(Identifier(name)))\n',
            "none before it is attached",
        ),
        (
            "no transaction",
            'def add_month(year, month):\n    name = f"visits_{year}_{month:02d}"\n    start = datetime(year, month, 1, tzinfo=UTC)\n    stop = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)\n    lab.execute(SQL(\'CREATE TABLE {} (LIKE visits)\').format(Identifier(name)))\n    lab.execute(SQL("ALTER TABLE visits ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(Identifier(name), Literal(start), Literal(stop)))\n',
            "nothing has changed .the default holds",
        ),
        (
            "takes a table that is there",
            'def add_month(year, month):\n    name = f"visits_{year}_{month:02d}"\n    start = datetime(year, month, 1, tzinfo=UTC)\n    stop = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)\n    with lab.transaction():\n        lab.execute(SQL(\'CREATE TABLE IF NOT EXISTS {} (LIKE visits)\').format(Identifier(name)))\n        lab.execute(SQL("ALTER TABLE visits ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(Identifier(name), Literal(start), Literal(stop)))\n',
            "error has to come out: visits_2025_06",
        ),
        (
            "replaces a table that is there",
            'def add_month(year, month):\n    name = f"visits_{year}_{month:02d}"\n    start = datetime(year, month, 1, tzinfo=UTC)\n    stop = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)\n    with lab.transaction():\n        lab.execute(SQL(\'DROP TABLE IF EXISTS {0}; CREATE TABLE {0} (LIKE visits)\').format(Identifier(name)))\n        lab.execute(SQL("ALTER TABLE visits ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(Identifier(name), Literal(start), Literal(stop)))\n',
            "error has to come out: visits_2025_05",
        ),
        (
            "swallows the error",
            'def add_month(year, month):\n    name = f"visits_{year}_{month:02d}"\n    start = datetime(year, month, 1, tzinfo=UTC)\n    stop = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)\n    try:\n      with lab.transaction():\n        lab.execute(SQL(\'CREATE TABLE {} (LIKE visits)\').format(Identifier(name)))\n        lab.execute(SQL("ALTER TABLE visits ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(Identifier(name), Literal(start), Literal(stop)))\n    except psycopg.Error:\n      pass\n',
            "error has to come out: the default",
        ),
        (
            "moves the strays away",
            "def add_month(year, month):\n    name = f\"visits_{year}_{month:02d}\"\n    start = datetime(year, month, 1, tzinfo=UTC)\n    stop = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)\n    lab.execute('DELETE FROM visits_default WHERE at >= %s AND at < %s', (start, stop))\n    with lab.transaction():\n        lab.execute(SQL('CREATE TABLE {} (LIKE visits)').format(Identifier(name)))\n        lab.execute(SQL(\"ALTER TABLE visits ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})\").format(Identifier(name), Literal(start), Literal(stop)))\n",
            "error has to come out: the default",
        ),
        (
            "ends a day early",
            "def add_month(year, month):\n    name = f\"visits_{year}_{month:02d}\"\n    start = datetime(year, month, 1, tzinfo=UTC)\n    stop = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)\n    stop -= __import__('datetime').timedelta(days=1)\n    with lab.transaction():\n        lab.execute(SQL('CREATE TABLE {} (LIKE visits)').format(Identifier(name)))\n        lab.execute(SQL(\"ALTER TABLE visits ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})\").format(Identifier(name), Literal(start), Literal(stop)))\n",
            "whole of April",
        ),
        (
            "its January is of the same year",
            'def add_month(year, month):\n    name = f"visits_{year}_{month:02d}"\n    start = datetime(year, month, 1, tzinfo=UTC)\n    stop = datetime(year, month % 12 + 1, 1, tzinfo=UTC)\n    with lab.transaction():\n        lab.execute(SQL(\'CREATE TABLE {} (LIKE visits)\').format(Identifier(name)))\n        lab.execute(SQL("ALTER TABLE visits ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(Identifier(name), Literal(start), Literal(stop)))\n',
            "December is followed",
        ),
        (
            "detaches the default meanwhile",
            "def add_month(year, month):\n    name = f\"visits_{year}_{month:02d}\"\n    start = datetime(year, month, 1, tzinfo=UTC)\n    stop = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)\n    with lab.transaction():\n        lab.execute('ALTER TABLE visits DETACH PARTITION visits_default')\n        lab.execute(SQL('CREATE TABLE {} (LIKE visits)').format(Identifier(name)))\n        lab.execute(SQL(\"ALTER TABLE visits ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})\").format(Identifier(name), Literal(start), Literal(stop)))\n",
            "waits for the report",
        ),
    ],
}

_SESSION_IN_UTC = (
    "the session's time zone is UTC, as the statement says, so PostgreSQL reads a time without a zone as one of UTC"
)
_START = "- start = datetime(year, month, 1, tzinfo=UTC) / + start = datetime(year, month, 1)"
_STOP = (
    "- stop = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)"
    " / + stop = datetime(year + month // 12, month % 12 + 1, 1)"
)
EQUIVALENT = {
    "sql_partitioning-2": {_START: _SESSION_IN_UTC, _STOP: _SESSION_IN_UTC},
    "sql_partitioning-3": {
        '- lab.execute(SQL("ALTER TABLE visits DETACH PARTITION {}").format(Identifier(name))) / + pass': "DROP TABLE takes a partition off its parent by itself, within the same transaction"
    },
    "sql_partitioning-4": {_START: _SESSION_IN_UTC, _STOP: _SESSION_IN_UTC},
}
