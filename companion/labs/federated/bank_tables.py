"""Tables of ``case_mastercard``: recalls of many seeds, brought into a few rows. Recalls are arrays (seeds, banks, kinds)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from companion.labs.federated.banks import KINDS, Table

if TYPE_CHECKING:
    import pandas as pd


def by_seed(recalls: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The mean over banks and kinds: a row a seed, a column a way to learn."""
    import pandas as pd

    return pd.DataFrame({way: values.mean(axis=(1, 2)) for way, values in recalls.items()})


def gap_closed(seeds: pd.DataFrame) -> pd.DataFrame:
    """Of the gap between ``alone`` and ``pooled`` the share that each way closes: a row a seed."""
    gap = seeds["pooled"] - seeds["alone"]
    return seeds.sub(seeds["alone"], axis=0).div(gap, axis=0)


def gains(alone: np.ndarray, together: np.ndarray) -> pd.DataFrame:
    """Mean recall alone and together, the gain of the first bank and of the others, what is caught of each kind together: a row a seed."""
    import pandas as pd

    gain = (together - alone).mean(axis=2)
    table = {"alone": alone.mean(axis=(1, 2)), "together": together.mean(axis=(1, 2))}
    table |= {"Alder gains": gain[:, 0], "others gain": gain[:, 1:].mean(axis=1)}
    return pd.DataFrame(table | dict(zip(KINDS, together.mean(axis=1).T, strict=True)))


def prices(
    honest: Mapping[str, tuple[np.ndarray, float]], lied: Mapping[str, tuple[np.ndarray, float]]
) -> pd.DataFrame:
    """A row a rule (the first is what prices are counted from): recall and PR-AUC with all honest, with one liar."""
    import pandas as pd

    table = pd.DataFrame({"all honest": {rule: recalls.mean() for rule, (recalls, _) in honest.items()}})
    table["price"] = table["all honest"].iloc[0] - table["all honest"]
    table["one liar"] = {rule: recalls.mean() for rule, (recalls, _) in lied.items()}
    table["PR-AUC honest"] = {rule: area for rule, (_, area) in honest.items()}
    table["PR-AUC one liar"] = {rule: area for rule, (_, area) in lied.items()}
    return table


def average_precision(score: np.ndarray, kind: np.ndarray) -> float:
    """Area under precision over recall: the mean, over the frauds, of the precision among all payments at least as suspicious.

    Payments with the same score are taken in the order in which they stand.
    """
    fraud = (kind > 0)[np.argsort(-score, kind="stable")]
    return float((np.cumsum(fraud) / np.arange(1, len(fraud) + 1))[fraud].mean())


def boosted_trees(
    training: Table, tests: Sequence[Table], recall: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> float:
    """Mean of ``recall(score, kind)`` of scikit-learn's boosted trees, trained on these payments."""
    from sklearn.ensemble import GradientBoostingClassifier

    trees = GradientBoostingClassifier(n_estimators=60, max_depth=3, random_state=0)
    trees.fit(training.x, training.kind > 0)
    return float(np.mean([recall(trees.predict_proba(test.x)[:, 1], test.kind) for test in tests]))
