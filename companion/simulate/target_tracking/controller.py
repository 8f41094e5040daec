"""A plan in charge of a server pool: from what the pool shows to datapoints, and an evaluation for each."""

from __future__ import annotations

from bisect import bisect_right

from companion.simulate.target_tracking.policies import REQUESTS, Plan, policy_warmup
from companion.simulate.target_tracking.rules import evaluate
from companion.simulate.target_tracking.schedule import apply_schedule
from companion.simulate.target_tracking.state import NEVER, initial
from companion.simulate.traffic import Observation, Sample


def metric_value(metric: str, sample: Sample, warmup: float = 0.0, boot_utilisation: float = 0.0) -> float | None:
    """What CloudWatch would hold for one step of a pool; None when there is nothing to measure.

    CPU in %, averaged over the instances that are warm [WARM]; one that is warm but still boots counts with
    ``boot_utilisation``. Requests a minute for each instance that serves; they don't saturate, and are 0 without data [TT].
    """
    if metric == REQUESTS:
        return sample.requests_per_second * 60 / max(sample.serving, 1)
    warm = bisect_right(sample.launches, sample.time - warmup)  # they are in ascending order
    if not warm:
        return None
    busy = min(sample.serving, warm)
    return 100 * (sample.utilisation * busy + boot_utilisation * (warm - busy)) / warm


class Controller:
    """A plan in charge of a server pool: pass it to ``traffic.replay``; ``state`` holds what happened.

    Args:
        boot_utilisation: CPU share that a booting instance burns.

    Samples are averaged over ``plan.period`` into a datapoint, and each datapoint is evaluated as soon as it is visible.
    """

    def __init__(self, plan: Plan, *, boot_utilisation: float = 0.0):
        self.plan, self.state = plan, initial(plan)
        self._boot_utilisation = boot_utilisation
        self._seen = NEVER
        self._period_end = plan.period
        self._open: dict[str, list[float]] = {policy.name: [] for policy in plan.policies}
        self._warmups = {policy.name: policy_warmup(plan, policy) for policy in plan.policies}

    def __call__(self, seen: Observation) -> int:
        self.state = apply_schedule(self.plan, self.state, seen.now)
        if seen.sample is not None and seen.sample.time > self._seen:
            self._seen = seen.sample.time
            self._collect(seen.sample)
            if self._seen >= self._period_end - 1e-9:
                self._period_end += self.plan.period
                values = {name: sum(v) / len(v) if v else None for name, v in self._open.items()}
                self.state = evaluate(self.plan, self.state, seen.now, seen.launches, values)
                self._open = {name: [] for name in self._open}
        return self.state.desired

    def _collect(self, sample: Sample) -> None:
        for policy in self.plan.policies:
            value = metric_value(policy.metric, sample, self._warmups[policy.name], self._boot_utilisation)
            if value is not None:
                self._open[policy.name].append(value)
