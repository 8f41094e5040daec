"""Machines in a factory that may fail within a week: simulated readings with a planted risk.

The planted truth is each machine's own probability of failure. No model can rank better than that probability does, so it
gives the best area under the ROC curve that there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("lathe", "mill", "press")


def readings(rows: int = 6000, seed: int = 0) -> pd.DataFrame:
    """One row a machine: ``temperature`` (°C), ``vibration`` (mm/s), ``load`` (share of the most), ``hours`` since service,
    ``kind``, ``failed`` within a week (0 or 1), and the planted ``risk`` (probability, not for training).
    """
    import pandas as pd

    if rows < 1:
        raise SettingError(f"rows must be at least 1, got {rows}")
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, len(KINDS), rows)
    load = rng.beta(4, 3, rows)
    hours = rng.uniform(0, 4000, rows)
    temperature = 45 + 30 * load + 4 * (kind == 2) + rng.normal(0, 5, rows)
    vibration = rng.gamma(5, 0.4, rows) + hours / 4000
    # worn bearings shake, and heat hurts most under load
    logit = -6.2 + 1.0 * (vibration - 2.5) + 0.09 * (temperature - 60) * (load > 0.5) + hours / 1300 + 0.7 * (kind == 2)
    risk = 1 / (1 + np.exp(-logit))
    return pd.DataFrame(
        {
            "temperature": temperature.round(1),
            "vibration": vibration.round(2),
            "load": load.round(2),
            "hours": hours.round(0),
            "kind": np.array(KINDS)[kind],
            "failed": (rng.random(rows) < risk).astype(int),
            "risk": risk,
        }
    )
