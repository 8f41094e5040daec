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

    _check_columns(table)
    rng = np.random.default_rng(seed)
    low, high = table[list(MEASUREMENTS)].quantile(0.05), table[list(MEASUREMENTS)].quantile(0.95)
    values = rng.uniform(low, high, (rows, len(MEASUREMENTS)))
    found = pd.DataFrame(values, columns=list(MEASUREMENTS)).round(4)
    found.insert(0, "patient_id", [f"MOCK-{number:04d}" for number in range(rows)])
    found["malignant"] = rng.integers(0, 2, rows)
    return found


#: share of the patients, and how strongly a large tumour is drawn there (0: as they come); in the order in which they draw
SITES = {
    "referral": (0.14, 3.0),
    "screening": (0.08, -3.0),
    "rural": (0.05, 0.0),
    "city": (0.27, -1.0),
    "university": (0.46, 0.0),
}


def sites(table: pd.DataFrame, seed: int = 0) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """The patients of five hospitals by name, unbalanced and skewed, and a fifth of all patients that nobody trains on.

    The test patients are drawn first, evenly. Then each hospital of ``SITES`` draws its share of the others without
    putting back, a patient with a weight of ``exp(skew * z)``, where z is the standardised radius; the last takes who is
    left. Large tumours are mostly malignant, so the skew is one of measurements and of labels.

    Raises:
        DatasetError: ``table`` has other columns than ``COLUMNS``, or fewer than 100 rows.
    """
    _check_columns(table)
    if len(table) < 100:
        raise DatasetError(f"{len(table)} patients are too few for five hospitals: at least 100")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(table))
    test, rest = table.iloc[order[: len(table) // 5]], table.iloc[order[len(table) // 5 :]]
    size = ((rest["radius"] - rest["radius"].mean()) / rest["radius"].std()).to_numpy()
    free, found = np.ones(len(rest), bool), {}
    for name, (share, skew) in SITES.items():
        count = free.sum() if name == list(SITES)[-1] else round(share * len(rest))
        weights = np.exp(skew * size) * free
        drawn = rng.choice(len(rest), count, replace=False, p=weights / weights.sum())
        free[drawn] = False
        found[name] = rest.iloc[np.sort(drawn)].reset_index(drop=True)
    return found, test.reset_index(drop=True)


def _check_columns(table: pd.DataFrame) -> None:
    if tuple(table.columns) != COLUMNS:
        wrong = sorted(set(table.columns) ^ set(COLUMNS)) or "their order"
        raise DatasetError(f"not patient records, wrong columns: {wrong}")
