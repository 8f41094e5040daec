"""Tables of ``case_barcelona``: the measures and what they take, the reach of the look-ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from companion.labs.edge import street


def messages(night: street.Night, lit: np.ndarray) -> int:
    """Events of the sensors, commands to the lamps, and a heartbeat a step, in one night.

    Args:
        lit: bool (steps, lamps).
    """
    changes = sum(np.count_nonzero(np.diff(what, axis=0)) for what in (night.occupied, lit))
    return int(changes + night.steps)


def measures(
    names: Sequence[str],
    used: Mapping[frozenset[str], np.ndarray],
    dark: Mapping[frozenset[str], np.ndarray],
    traffic: float,
) -> pd.DataFrame:
    """Energy, light and traffic for each combination of measures.

    Args:
        names: of the measures, in the order of their columns.
        used: kWh of a point, an entry a night, for each combination.
        dark: person-minutes too dark, likewise.
        traffic: messages a night where there is presence.
    """
    old = used[frozenset()]
    saved = {some: 100 * (1 - used[some] / old) for some in used}
    return pd.DataFrame(
        {
            "kWh a point and year": [round(365 * used[some].mean()) for some in used],
            "saved, %": [round(saved[some].mean(), 1) for some in used],
            "lowest": [round(saved[some].min(), 1) for some in used],
            "highest": [round(saved[some].max(), 1) for some in used],
            "dark minutes": [round(dark[some].max()) for some in used],
            "messages a night": [round(traffic * ("presence" in some)) for some in used],
        },
        index=[" + ".join(name for name in names if name in some) or "the old street" for some in used],
    )


def reach(nights: Sequence[street.Night], levels: Sequence[np.ndarray], dark: Sequence[np.ndarray]) -> dict[str, float]:
    """Mean level, person-minutes too dark a night, and the runners' part of them.

    Args:
        levels: of each night, (steps, lamps).
        dark: of each night, what ``street.too_dark`` says of them.
    """
    minutes = np.array([street.person_minutes(each) for each in dark])
    runs = np.concatenate([night.speed > 2.5 for night in nights])
    short = np.concatenate(list(dark))
    return {
        "mean level": round(float(np.mean([each.mean() for each in levels])), 3),
        "dark minutes": round(minutes.mean()),
        "worst night": round(minutes.max()),
        "runners' part": round(float(runs[short].mean()), 2) if short.any() else 0.0,
    }
