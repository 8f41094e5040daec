"""Patient records: real tumour measurements, with made-up identifiers, and a mock of them that holds no patient.

The measurements are the breast-cancer data that scikit-learn ships (Wolberg, Street and Mangasarian, 1995).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

#: of the thirty measurements, the means over a patient's cells
MEASUREMENTS = ("radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "symmetry")
COLUMNS = ("patient_id", *MEASUREMENTS, "malignant")


def records(seed: int = 0) -> pd.DataFrame:
    """One row a patient, 569 rows: ``patient_id`` (``MRN-`` and seven digits, made up), measurements, ``malignant`` (0 or 1)."""
    from sklearn.datasets import load_breast_cancer

    source = load_breast_cancer(as_frame=True)
    table = source.data[[f"mean {name}" for name in MEASUREMENTS]].set_axis(list(MEASUREMENTS), axis=1)
    rng = np.random.default_rng(seed)
    numbers = rng.choice(9_000_000, len(table), replace=False) + 1_000_000
    table.insert(0, "patient_id", [f"MRN-{number}" for number in numbers])
    table["malignant"] = 1 - source.target  # scikit-learn's 0 is malignant
    return table


def mock(table: pd.DataFrame, rows: int = 60, seed: int = 0) -> pd.DataFrame:
    """Rows with the schema of ``table`` and the range of each column, and nobody behind them.

    Every value is drawn uniformly between the column's 5 % and 95 % quantile, each column by itself: no row, no value and
    no relation between columns is a patient's.

    Raises:
        DatasetError: ``table`` has other columns than ``COLUMNS``.
    """
    import pandas as pd

    if tuple(table.columns) != COLUMNS:
        wrong = sorted(set(table.columns) ^ set(COLUMNS)) or "their order"
        raise DatasetError(f"not patient records, wrong columns: {wrong}")
    rng = np.random.default_rng(seed)
    low, high = table[list(MEASUREMENTS)].quantile(0.05), table[list(MEASUREMENTS)].quantile(0.95)
    values = rng.uniform(low, high, (rows, len(MEASUREMENTS)))
    found = pd.DataFrame(values, columns=list(MEASUREMENTS)).round(4)
    found.insert(0, "patient_id", [f"MOCK-{number:04d}" for number in range(rows)])
    found["malignant"] = rng.integers(0, 2, rows)
    return found
