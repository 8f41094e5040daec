"""Trains the model of the service and stores it with its manifest. ``make models`` runs it; the image does not hold it.

usage: python -m model_server.train [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from model_server import service
from serving import artefact
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from companion.datasets import machines

MODEL_VERSION = "1.0.0"
UNSEEN = 2000


def new_model() -> Pipeline:
    """The model before it has learned anything."""
    one_hot = make_column_transformer((OneHotEncoder(categories=[[0.0, 1.0, 2.0]]), [4]), remainder="passthrough")
    return make_pipeline(one_hot, RandomForestClassifier(60, min_samples_leaf=25, random_state=0))


def train(folder: Path) -> dict:
    """Fit on the first machines, measure on the last, store both; returns the manifest."""
    table = machines.readings(seed=0)
    instances = table[list(service.PROPERTIES)].to_dict("records")
    for name, tenths in service.TENTHS.items():
        seen = np.quantile(table[name][:-UNSEEN], np.arange(0.1, 1, 0.1)).round(2).tolist()
        if seen != tenths:
            raise ValueError(f"service.TENTHS[{name!r}] are those of other data; of these they are {seen}")
    inputs, failed = service.features(instances), table["failed"].to_numpy()
    model = new_model().fit(inputs[:-UNSEEN], failed[:-UNSEEN])
    risk = model.predict_proba(inputs[-UNSEEN:])[:, 1]
    golden = instances[-3:]
    return artefact.write(
        folder,
        model,
        service=service.NAME,
        model_version=MODEL_VERSION,
        schema=service.PROPERTIES,
        metrics={
            "roc_auc": round(float(roc_auc_score(failed[-UNSEEN:], risk)), 4),
            "brier": round(float(brier_score_loss(failed[-UNSEEN:], risk)), 4),
        },
        golden=[{"instance": i, "prediction": p} for i, p in zip(golden, service.predict(model, golden), strict=True)],
    )


if __name__ == "__main__":
    manifest = train(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "model")
    print(manifest["service"], manifest["model_version"], manifest["metrics"])
