"""The exercise on campaigns in ``kubernetes_hpa``: bursts with lulls between, and an autoscaler's manifest put in charge of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from companion.configs import manifests
from companion.simulate import hpa, traffic


def campaign(seed: int) -> np.ndarray:
    """Requests a second, shape (1440,), a step 15 s: quiet, then eleven bursts of four to six minutes with lulls between, then quiet."""
    rng = np.random.default_rng(seed)
    trace, at = np.full(6 * 240, 40.0), int(rng.integers(200, 500))
    for _ in range(11):
        trace[at : at + int(rng.integers(16, 26))] = 300.0
        at += int(rng.integers(40, 60))
    return traffic.with_noise(trace, deviation=0.04, seed=seed)


@cache
def _base() -> list[manifests.Manifest]:
    return manifests.render("base")


def judge(changes: Mapping[str, Any], trace: np.ndarray) -> tuple[float, float]:
    """Minutes broken and pod-hours on a trace when these fields replace those of the spec of ``k8s/base``'s autoscaler.

    Pods answer 25 requests/s each, serve 45 s after their start, and are measured 30 s late; broken is a step of 15 s in which more than
    5 % of the requests take longer than 250 ms.

    Raises:
        SettingError: the changed manifest is none.
    """
    objects = copy.deepcopy(_base())
    manifests.find(objects, "HorizontalPodAutoscaler")["spec"].update(changes)
    scaler = hpa.read(objects)
    pool = traffic.ServerPool(scaler.minimum, service_rate=25, workers=1, boot_seconds=45, lag_seconds=30)
    controller = hpa.Controller(scaler, hpa.requests_of(objects, scaler), busy=500, boot_seconds=45)
    run = traffic.replay(trace, pool, controller)
    return traffic.slo_minutes(run, 0.25), traffic.instance_hours(run)
