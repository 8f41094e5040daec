"""Two clinics' patients: names, diagnoses and appointments of nobody, to be protected from everybody.

Simulated; the planted truth is each patient's diagnosis, which an attacker must not learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

CLINICS = ("north", "south")
DIAGNOSES = ("asthma", "migraine", "type 2 diabetes", "hypertension", "HIV infection", "major depressive disorder")
#: in per cent of the patients
_SHARES = (24, 22, 20, 20, 4, 10)
_FIRST = ("Ada", "Bela", "Cleo", "Dara", "Edo", "Fina", "Goran", "Hana", "Ivo", "Juna", "Kalle", "Lea", "Milo", "Nora", "Otis", "Pia")  # fmt: skip
_LAST = ("Abel", "Bruun", "Cerny", "Dolan", "Eriks", "Fabry", "Gallo", "Hruska", "Ilves", "Janda", "Kovac", "Lind", "Moreau", "Novak", "Orsi", "Petrov", "Quist", "Rossi", "Sabo", "Toth")  # fmt: skip


def records(patients: int = 600, seed: int = 0) -> pd.DataFrame:
    """One row a patient: ``patient_id``, ``clinic``, ``appointment`` (date), ``name``, ``born`` (year), ``diagnosis``.

    Raises:
        SettingError: no patient, or more than there are patient numbers.
    """
    import pandas as pd

    if not 1 <= patients <= 90_000:
        raise SettingError(f"patients must be from 1 to 90000, got {patients}")
    rng = np.random.default_rng(seed)
    days = np.datetime64("2026-01-05") + rng.integers(0, 180, patients).astype("m8[D]")
    first, last = rng.integers(0, len(_FIRST), patients), rng.integers(0, len(_LAST), patients)
    return pd.DataFrame(
        {
            "patient_id": 10_000 + rng.permutation(90_000)[:patients],
            "clinic": np.array(CLINICS)[rng.integers(0, 2, patients)],
            "appointment": [day.item() for day in days],
            "name": [f"{_FIRST[i]} {_LAST[j]}" for i, j in zip(first, last, strict=True)],
            "born": rng.integers(1935, 2012, patients),
            "diagnosis": np.array(DIAGNOSES)[
                np.searchsorted(np.cumsum(_SHARES), rng.integers(0, 100, patients), "right")
            ],
        }
    )
