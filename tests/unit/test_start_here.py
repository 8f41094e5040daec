"""The start page's reference solutions, held to their own statements; and what the page says of merging."""

import math
from fractions import Fraction

import nbformat
import numpy as np
import pytest
from conftest import NOTEBOOKS
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from companion.book import chapter


@pytest.fixture(scope="module")
def page() -> dict:
    """What its cells define: the merging, and the three references."""
    cells = nbformat.read(NOTEBOOKS / chapter("start_here").file, as_version=4).cells
    defined = {"math": math, "np": np}
    for cell in cells:
        if cell.cell_type == "code" and (
            "def merge(" in cell.source or cell.metadata.get("nbgrader", {}).get("solution")
        ):
            exec(cell.source, defined)  # noqa: S102  (the project's own cells)
    return defined


@given(st.floats(1e-6, 1))
def test_the_ceiling_is_approached_and_never_passed(page, share):
    ceiling = page["amdahl_ceiling"](share)
    reached = [1 / (share + (1 - share) / n) for n in (1, 10, 10**6, 10**12)]
    assert max(reached) <= ceiling * (1 + 1e-12)
    assert ceiling == pytest.approx(reached[-1], rel=1e-5)


@settings(deadline=None)
@given(st.floats(0.1, 200), st.floats(0, 1))
def test_the_smallest_number_of_workers_is_enough_and_one_less_is_not(page, target, share):
    found = page["workers_needed"](target, share)
    exact, part = Fraction(target), Fraction(share)

    def reached(n: int) -> Fraction:
        return 1 / (part + (1 - part) / n)

    if found is None:
        assert target > 1 and exact * part >= 1 - Fraction(1, 10**12), "some number reaches it"
        return
    assume(not part or abs(exact * part - 1) > Fraction(1, 10**6))  # rounding decides beside the ceiling
    slack = Fraction(1, 10**9)
    assert reached(found) >= exact * (1 - slack)
    assert found == 1 or reached(found - 1) < exact * (1 + slack)


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 0.1), st.floats(0, 2))
def test_no_other_number_of_workers_has_a_larger_profit(page, a, b, price):
    n = np.arange(1, 1001)
    profit = n / (1 + a * (n - 1) + b * n * (n - 1)) - price * n
    found = page["best_workers"](a, b, price)
    assert profit[found - 1] == profit.max() and (profit[: found - 1] < profit.max()).all()


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8), min_size=2, max_size=6), st.randoms())
def test_parts_merge_in_any_order_to_the_same_but_for_rounding(page, parts, random):
    whole = np.concatenate(parts)

    def merged() -> tuple:
        made = [(len(part), np.mean(part), np.var(part) * len(part)) for part in parts]
        total = made[0]
        for part in made[1:]:
            total = page["merge"](total, part)
        return total

    for _ in range(2):
        count, mean, deviations = merged()
        assert count == len(whole)
        assert mean == pytest.approx(whole.mean(), abs=1e-9)
        assert deviations / count == pytest.approx(whole.var(), abs=1e-6)
        random.shuffle(parts)
