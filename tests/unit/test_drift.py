"""Shares of bins and the population stability index."""

import numpy as np
import pytest

from companion.measure import drift


def test_a_value_on_an_edge_is_in_the_bin_above_it():
    assert drift.shares_of(np.array([0.0, 1.0, 1.5, 2.0]), np.array([1.0, 2.0])).tolist() == [0.25, 0.5, 0.25]


def test_the_index_is_zero_for_equal_shares_and_finite_for_empty_bins():
    equal = np.full(4, 0.25)
    assert drift.psi(equal, np.full(4, 100)) == pytest.approx(0)
    assert 0 < drift.psi(equal, np.array([0, 0, 0, 400])) < 20


def test_the_index_by_hand():
    """Half an observation more in each bin: shares 1/4 and 3/4 against halves."""
    assert drift.psi(np.array([0.5, 0.5]), np.array([0, 1])) == pytest.approx(-0.25 * np.log(0.5) + 0.25 * np.log(1.5))
