"""Answers to the exercises of case_facebook_prophet: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "case_facebook_prophet-1": [
        """
def cutoffs(first, last, horizon, initial, period):
    count = max(0, (last - horizon - first - initial) // period + 1)
    return [last - horizon - k * period for k in reversed(range(count))]
"""
    ],
    "case_facebook_prophet-2": [
        """
def mase_at(table, cutoff, days, season):
    known = table.loc[table["ds"] <= cutoff]
    values = dict(zip(known["ds"], known["y"]))
    gap = pd.Timedelta(days=season)
    steps = [abs(y - values[d - gap]) for d, y in values.items() if d - gap in values]
    if not steps or sum(steps) == 0:
        raise ValueError("no scale")
    test = table[table["ds"].between(cutoff, cutoff + pd.Timedelta(days=days), inclusive="right")]
    model = Prophet(uncertainty_samples=0)
    model.fit(known)
    errors = model.predict(test[["ds"]])["yhat"].values - test["y"].values
    return np.mean(np.abs(errors)) / np.mean(steps)
"""
    ],
    "case_facebook_prophet-3": [
        """
def choose(table, count):
    rank = pd.DataFrame({
        "short": table["days"].where(table["days"] < 730).rank(),
        "worst": table["worst"].rank(ascending=False),
        "mase": table["mase"].where(table["days"] >= 730).rank(ascending=False),
    }).min(axis=1)
    return list(rank.sort_values(kind="stable").index[:count])
"""
    ],
}

WRONG = {
    "case_facebook_prophet-1": [
        (
            "the last cutoff is the last day",
            "def cutoffs(first, last, horizon, initial, period):\n    found, cutoff = [], last\n    while cutoff >= first + initial:\n        found.append(cutoff)\n        cutoff -= period\n    return found[::-1]\n",
            "exactly one horizon of data behind it",
        ),
        (
            "a horizon apart",
            "def cutoffs(first, last, horizon, initial, period):\n    found, cutoff = [], last - horizon\n    while cutoff >= first + initial:\n        found.append(cutoff)\n        cutoff -= horizon\n    return found[::-1]\n",
            "one period at a time",
        ),
        (
            "forwards from the first",
            "def cutoffs(first, last, horizon, initial, period):\n    return list(pd.date_range(first + initial, last - horizon, freq=period))\n",
            "exactly one horizon of data behind it",
        ),
        (
            "more than initial",
            "def cutoffs(first, last, horizon, initial, period):\n    found, cutoff = [], last - horizon\n    while cutoff > first + initial:\n        found.append(cutoff)\n        cutoff -= period\n    return found[::-1]\n",
            "Exactly initial|Prophet has",
        ),
    ],
    "case_facebook_prophet-2": [
        (
            "scale from the test period",
            "def mase_at(table, cutoff, days, season):\n    past = table[table['ds'] <= cutoff]\n    ahead = table[(table['ds'] > cutoff) & (table['ds'] <= cutoff + pd.Timedelta(days=days))]\n    scale = ahead['y'].diff(season).abs().mean()\n    yhat = Prophet(uncertainty_samples=0).fit(past).predict(ahead[['ds']])['yhat']\n    return np.abs(yhat.to_numpy() - ahead['y'].to_numpy()).mean() / scale\n",
            "from the past alone",
        ),
        (
            "mean of ratios by point",
            "def mase_at(table, cutoff, days, season):\n    past = table[table['ds'] <= cutoff]\n    ahead = table[(table['ds'] > cutoff) & (table['ds'] <= cutoff + pd.Timedelta(days=days))]\n    step = table['y'].diff(season).abs().loc[ahead.index]\n    yhat = Prophet(uncertainty_samples=0).fit(past).predict(ahead[['ds']])['yhat']\n    return np.mean(np.abs(yhat.to_numpy() - ahead['y'].to_numpy()) / step.to_numpy())\n",
            "one scale",
        ),
        (
            "rows apart, not days",
            "def mase_at(table, cutoff, days, season):\n    past = table[table['ds'] <= cutoff]\n    ahead = table[(table['ds'] > cutoff) & (table['ds'] <= cutoff + pd.Timedelta(days=days))]\n    scale = past['y'].diff(season).abs().mean()\n    if not scale > 0:\n        raise ValueError('no scale')\n    yhat = Prophet(uncertainty_samples=0).fit(past).predict(ahead[['ds']])['yhat']\n    return np.abs(yhat.to_numpy() - ahead['y'].to_numpy()).mean() / scale\n",
            "in days, not in rows",
        ),
        (
            "fitted on everything",
            "def mase_at(table, cutoff, days, season):\n    past = table[table['ds'] <= cutoff]\n    ahead = table[(table['ds'] > cutoff) & (table['ds'] <= cutoff + pd.Timedelta(days=days))]\n    scale = past['y'].diff(season).abs().mean()\n    yhat = Prophet(uncertainty_samples=0).fit(table).predict(ahead[['ds']])['yhat']\n    return np.abs(yhat.to_numpy() - ahead['y'].to_numpy()).mean() / scale\n",
            "later than the given days|from the past alone",
        ),
    ],
    "case_facebook_prophet-3": [
        (
            "the largest error in views",
            "def choose(table, count):\n    return list(table['error'].nlargest(count).index)\n",
            "finds large pages",
        ),
        (
            "the error that nobody knows yet",
            "def choose(table, count):\n    return list(table.sort_values('next_error').index[:count])\n",
            "next_error is empty",
        ),
        (
            "the shortest histories",
            "def choose(table, count):\n    return list(table['days'].nsmallest(count).index)\n",
            "One sign alone",
        ),
        (
            "the worst fits",
            "def choose(table, count):\n    return list(table['worst'].nlargest(count).index)\n",
            "One sign alone|Only",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "case_facebook_prophet-2": {
        '- raise ValueError("no two different observations a season apart: no scale") / + raise ValueError("~no two different observations a season apart: no scale")': "the text of a message",
        "- model = Prophet(uncertainty_samples=0).fit(past) / + model = Prophet().fit(past)": "samples make an interval, yhat is the same",
        "- model = Prophet(uncertainty_samples=0).fit(past) / + model = Prophet(uncertainty_samples=-1).fit(past)": "samples make an interval, yhat is the same",
        "- model = Prophet(uncertainty_samples=0).fit(past) / + model = Prophet(uncertainty_samples=1).fit(past)": "samples make an interval, yhat is the same",
        '- return float(np.abs(forecast.to_numpy() - ahead["y"].to_numpy()).mean() / scale) / + return np.abs(forecast.to_numpy() - ahead["y"].to_numpy()).mean() / scale': "NumPy's float is a float",
    },
    "case_facebook_prophet-3": {
        '- long = table[table["days"] >= 730] / + long = table[table["days"] > 730]': "no page has a history near two years: short ones end at 260 days, the others have all 791",
        '- long = table[table["days"] >= 730] / + long = table[table["days"] >= 729]': "no page has a history near two years: short ones end at 260 days, the others have all 791",
        '- long = table[table["days"] >= 730] / + long = table[table["days"] >= 731]': "no page has a history near two years: short ones end at 260 days, the others have all 791",
        '- table[table["days"] < 730].sort_values("days").index, / + table[table["days"] <= 730].sort_values("days").index,': "no page has a history near two years: short ones end at 260 days, the others have all 791",
        '- table[table["days"] < 730].sort_values("days").index, / + table[table["days"] < 729].sort_values("days").index,': "no page has a history near two years: short ones end at 260 days, the others have all 791",
        '- table[table["days"] < 730].sort_values("days").index, / + table[table["days"] < 731].sort_values("days").index,': "no page has a history near two years: short ones end at 260 days, the others have all 791",
        "- for turn in range(len(table)): / + for turn in range(1, len(table)):": "the ranking without its first of each sign is as good by the statement",
        "- for turn in range(len(table)): / + for turn in range(len(table) + 1):": "a last turn in which no sign has a page left",
        "- for turn in range(len(table)): / + for turn in range(len(table) - 1):": "the page of the last turn by one sign came earlier by another",
    },
}
