"""The lab of ``kubernetes_hpa``: its yardstick against a simulation of single customers, its lines against known ones."""

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.labs.scaling import releases


@pytest.mark.parametrize(("rate", "pods"), [(60.0, 3), (60.0, 4), (200.0, 9), (400.0, 17), (50.0, 3)])
def test_the_late_share_is_the_one_of_customers_one_by_one(rate, pods):
    rng, late, customers = np.random.default_rng(1), 0, 200_000
    free = [0.0] * pods
    at = 0.0
    for gap, work in zip(rng.exponential(1 / rate, customers), rng.exponential(1 / 25, customers), strict=True):
        at += gap
        done = max(heapq.heappop(free), at) + work
        heapq.heappush(free, done)
        late += done - at > 0.1
    assert releases.late_share(rate, pods, 25.0, 0.1) == pytest.approx(late / customers, abs=0.02)


@settings(deadline=None)
@given(st.floats(1, 2000), st.floats(0.05, 2), st.floats(0.01, 0.3))
def test_one_pod_less_would_break_the_promise(rate, seconds, share):
    if np.exp(-25 * seconds) > share:  # the service alone is too slow for it: no number of pods would do
        return
    pods = releases.fewest_pods(rate, 25.0, seconds, share)
    assert releases.late_share(rate, pods, 25.0, seconds) <= share
    assert pods == 1 or releases.late_share(rate, pods - 1, 25.0, seconds) > share


def test_a_line_is_found_again():
    slopes, starts = releases.delay_lines(
        lambda trace, boot, lag: trace[0] + 4 * (boot + lag) / 60, [np.array([1.5]), np.array([0.0])]
    )
    assert slopes == pytest.approx([4, 4]) and starts == pytest.approx([1.5, 0])


def test_who_waits_is_counted_against_a_share_that_is_known():
    """One pod: the share that waits is the load, rate over service rate; and of few customers on many pods nobody waits."""
    assert releases.waiting_share(10.0, 1, 25.0) == pytest.approx(0.4, abs=0.01)
    assert releases.waiting_share(10.0, 50, 25.0, customers=50) == 0
