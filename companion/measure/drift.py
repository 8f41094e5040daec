"""Whether numbers still look as they did: shares of bins, and the population stability index between two of them."""

from __future__ import annotations

import numpy as np


def shares_of(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Share of the values in each bin; shape (len(edges) + 1,)."""
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return counts / counts.sum()


def psi(expected: np.ndarray, counts: np.ndarray) -> float:
    """Population stability index of counts against expected shares: the sum of ``(a - e) ln(a / e)``.

    Half an observation is added to every bin, so that an empty one has a logarithm.
    """
    actual = (counts + 0.5) / (counts + 0.5).sum()
    return float(((actual - expected) * np.log(actual / expected)).sum())
