"""Trains the model of the service and stores it with its manifest. ``make models`` runs it; the image does not hold it.

usage: python -m nlp_service.train [FOLDER]
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

from nlp_service import service
from serving import artefact
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline

from companion.datasets import names

MODEL_VERSION = "1.0.0"


def new_model() -> Pipeline:
    """The model before it has learned anything: counts of character n-grams, and Bayes' rule."""
    ngrams = HashingVectorizer(
        analyzer="char_wb", ngram_range=(1, 4), n_features=2**14, alternate_sign=False, norm=None, lowercase=False
    )
    return make_pipeline(ngrams, MultinomialNB(alpha=0.1))


def is_test(thing: str) -> bool:
    """Whether a thing is in the test, by a hash of its code: a quarter of the things, the same ones in every language."""
    return zlib.crc32(thing.encode()) % 4 == 0


def train(folder: Path) -> dict:
    """Fit on three quarters of the things, measure on the rest, store both; returns the manifest."""
    table = names.table(service.LANGUAGES)
    table["text"] = table["text"].map(service.normalise)
    test = table["thing"].map(is_test)
    model = new_model().fit(table["text"][~test], table["language"][~test])
    right = model.predict(table["text"][test]) == table["language"][test]
    golden = [{"text": text} for text in ("Vereinigtes Königreich", "États-Unis", "Suomen markka", "12345")]
    return artefact.write(
        folder,
        model,
        service=service.NAME,
        model_version=MODEL_VERSION,
        schema=service.PROPERTIES,
        metrics={"accuracy": round(float(right.mean()), 4)},
        golden=[{"instance": i, "prediction": p} for i, p in zip(golden, service.predict(model, golden), strict=True)],
    )


if __name__ == "__main__":
    manifest = train(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "model")
    print(manifest["service"], manifest["model_version"], manifest["metrics"])
