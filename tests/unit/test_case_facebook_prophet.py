"""The page views, the public series where it has been fetched, and what the notebook's own checks notice."""

import logging

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import NOTEBOOKS

from companion import DatasetError, SettingError
from companion.book import chapter
from companion.datasets import pageviews
from companion.workspace import root


def test_the_same_seed_gives_the_same_pages_and_more_begin_with_the_same():
    few, many, other = pageviews.panel(3, 4), pageviews.panel(25, 4), pageviews.panel(3, 5)
    pd.testing.assert_frame_equal(few.views, many.views.iloc[:, :3])
    pd.testing.assert_frame_equal(few.truth, many.truth.iloc[:3])
    assert not few.views.equals(other.views)
    assert pageviews.twin(1).equals(pageviews.twin(1)) and not pageviews.twin(1).equals(pageviews.twin(2))


def test_a_bad_count_is_named():
    with pytest.raises(SettingError, match="count must be at least 1, got 0"):
        pageviews.panel(0)


def test_the_twin_has_the_originals_dates_and_gaps():
    table = pageviews.twin(3)
    assert len(table) == 2905 and table["ds"].is_unique and table["ds"].is_monotonic_increasing
    assert (str(table["ds"].iloc[0].date()), str(table["ds"].iloc[-1].date())) == ("2007-12-10", "2016-01-20")
    assert table["ds"].diff().max() >= pd.Timedelta(days=20)


def test_the_planted_truth_is_in_the_pages():
    panel = pageviews.panel(40, 0)
    truth, log_views = panel.truth, np.log(panel.views)
    assert truth["kind"].value_counts().to_dict() == {"healthy": 32} | dict.fromkeys(pageviews.KINDS, 2)
    for name, (kind, day, size) in truth.iterrows():
        y = log_views[name]
        if kind == "short history":
            assert y.first_valid_index() == day
        else:
            assert y.notna().all()
        if kind == "level shift":
            step = y[day:].iloc[:14].mean() - y[:day].iloc[-15:-1].mean()
            assert step == pytest.approx(size, abs=0.35)
        if kind == "outlier week":
            week = y[day:].iloc[:7].mean()
            around = pd.concat([y[:day].iloc[-8:-1], y[day:].iloc[7:14]]).mean()
            assert week - around == pytest.approx(size, abs=0.4)


def notebook_functions(*names: str) -> dict:
    """What the notebook's cells define, run as they stand there."""
    cells = nbformat.read(NOTEBOOKS / chapter("case_facebook_prophet").file, as_version=4).cells
    defined: dict = {"np": np, "pd": pd}
    for name in names:
        source = next(c.source for c in cells if c.cell_type == "code" and f"def {name}(" in c.source)
        start = source.index(f"def {name}(")
        lines = source[start:].split("\n")
        end = next((n for n, line in enumerate(lines) if n and line and not line.startswith((" ", ")"))), len(lines))
        exec("\n".join(lines[:end]), defined)  # noqa: S102  (the project's own cells)
    return defined


def test_last_year_never_looks_past_what_is_known():
    last_year = notebook_functions("last_year")["last_year"]
    known = pd.Series(np.arange(800.0), pd.date_range("2020-01-01", periods=800))
    days = pd.date_range(known.index[-1] + pd.Timedelta(days=1), periods=365)
    found = last_year(known, days)
    assert found[0] == 800 - 364 and found[363] == 799
    assert found[364] == 800 + 364 - 728  # a plain lag of 364 would need a day that is not known yet
    short = known.iloc[:100]
    assert last_year(short, pd.date_range(short.index[-1] + pd.Timedelta(days=1), periods=8)).tolist() == [
        *range(93, 100),
        93,
    ]


def test_the_scale_is_of_pairs_a_season_apart_and_follows_the_unit():
    naive_step = notebook_functions("naive_step")["naive_step"]
    known = pd.Series([1.0, 2, 4, 8], pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-04", "2020-01-05"]))
    assert naive_step(known, 3) == pytest.approx((3 + 6) / 2)
    assert naive_step(1000 * known, 3) == pytest.approx(1000 * naive_step(known, 3))


def mean_absolute_errors(table: pd.DataFrame, lag: int) -> tuple[float, dict[str, float]]:
    """The naive error of the manual's protocol with Prophet's own functions, and the first row of its metrics."""
    from prophet import Prophet
    from prophet.diagnostics import cross_validation, performance_metrics

    for logger in ("prophet", "prophet.plot", "cmdstanpy"):
        logging.getLogger(logger).disabled = True
    np.random.seed(0)
    model = Prophet().fit(table)
    rows = cross_validation(model, initial="730 days", period="180 days", horizon="365 days", disable_tqdm=True)
    row = performance_metrics(rows).iloc[0].to_dict()
    daily = table.set_index("ds")["y"].asfreq("D").ffill()
    naive = (rows["y"] - daily.reindex(rows["ds"] - pd.Timedelta(days=lag)).to_numpy()).abs().mean()
    return naive, row | {"prophet": (rows["y"] - rows["yhat"]).abs().mean(), "cutoffs": rows["cutoff"].nunique()}


def furthest_from_documented(row: dict) -> float:
    return max(abs(row[name] / value - 1) for name, value in pageviews.DOCUMENTED_ROW.items())


def test_the_documented_row_on_the_public_series():
    if not (root() / "downloads" / pageviews.PEYTON_NAME).exists():
        pytest.skip(
            f"the public series has not been fetched: pageviews.fetch_peyton(), or put {pageviews.PEYTON_NAME} into "
            "downloads/ of the workspace (its checksum is checked)"
        )
    table = pageviews.fetch_peyton(progress=False)
    naive, row = mean_absolute_errors(table, 364)
    assert row["cutoffs"] == 11 and furthest_from_documented(row) < 0.01, row
    assert row["horizon"] == pd.Timedelta(days=37)
    assert (naive, row["prophet"]) == (pytest.approx(0.537, abs=0.005), pytest.approx(0.630, abs=0.005))
    shifted = table.assign(y=table["y"].shift(1)).dropna()  # seen to fail: the same views, each a day late
    assert furthest_from_documented(mean_absolute_errors(shifted.iloc[:-30], 364)[1]) > 0.01


def test_another_file_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_WORKSPACE", str(tmp_path))
    wrong = tmp_path / "wrong.csv"
    wrong.write_text('"ds","y"\n"2007-12-10",9.59\n')
    monkeypatch.setattr(pageviews, "PEYTON", wrong.as_uri())
    with pytest.raises(DatasetError, match=pageviews.PEYTON_NAME):
        pageviews.fetch_peyton(progress=False)


def test_the_stored_cutoffs_are_the_finding():
    table = pd.DataFrame(pageviews.PEYTON_CUTOFFS, columns=["cutoff", "prophet", "naive", "moves"])
    worse = table["prophet"] > table["naive"]
    assert len(table) == 11 and worse.sum() == 4
    assert (worse == (table["moves"].abs() > 1)).all()
    assert table["prophet"].mean() == pytest.approx(0.630, abs=0.002)
    assert table["naive"].mean() == pytest.approx(0.537, abs=0.002)
