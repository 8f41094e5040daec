"""Sentences of a small made-up language whose words depend on others further away than their neighbours.

Every second word is a function word, as "the" and "of" are. Between them stand content words, from a list that the document's
topic chooses. The neighbours of a content word are function words, which every topic uses: what fits is said only by the other
content words, further away. Since the language is known, so is the best loss that anybody can reach on it (``best_loss``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from companion.datasets import text
from companion.errors import DatasetError, SettingError

#: the first tokens of the vocabulary; words come after them
SPECIAL = ("[PAD]", "[CLS]", "[SEP]", "[MASK]")
PAD, CLS, SEP, MASK = range(4)
TOPICS = 8
FUNCTION_WORDS, CONTENT_WORDS = 40, 200
TOPIC_WORDS = 25  #: of the content words, those that a topic uses; topics share some of them
SHORTEST = 8  #: words of a document; the longest fills the row


@dataclass(frozen=True)
class Documents:
    """Documents, one a row.

    Attributes:
        tokens: shape (documents, length), int32: [CLS], the words, [SEP], then [PAD].
        topics: shape (documents,), the planted topic.
    """

    tokens: np.ndarray
    topics: np.ndarray


@cache
def vocabulary() -> tuple[str, ...]:
    """The token of each number: the special ones, then the function words, then the content words."""
    return SPECIAL + text.vocabulary()[: FUNCTION_WORDS + CONTENT_WORDS]


@cache
def language() -> np.ndarray:
    """The planted truth, P(token | topic, place): shape (TOPICS, 2, tokens); kind 0 for odd places of a row, 1 for even ones."""
    rng = np.random.default_rng(0)
    chance = np.zeros((TOPICS, 2, len(vocabulary())))
    first = len(SPECIAL)
    chance[:, 0, first : first + FUNCTION_WORDS] = _zipf(FUNCTION_WORDS)
    for topic in range(TOPICS):
        own = first + FUNCTION_WORDS + rng.permutation(CONTENT_WORDS)[:TOPIC_WORDS]
        chance[topic, 1, own] = _zipf(TOPIC_WORDS)
    return chance


def _zipf(words: int) -> np.ndarray:
    weight = 1 / np.arange(1, words + 1)
    return weight / weight.sum()


def documents(count: int, *, length: int = 32, seed: int = 0) -> Documents:
    """Documents of eight to ``length - 2`` words, every length as likely as another. Other seeds, other documents, one language.

    Raises:
        SettingError: not a positive number of documents, or rows too short for the shortest document.
    """
    if count < 1:
        raise SettingError(f"documents: expected at least 1, got {count}")
    if length < SHORTEST + 2:
        raise SettingError(f"length: expected at least {SHORTEST + 2} tokens a row, got {length}")
    rng = np.random.default_rng([seed, length])
    words = rng.integers(SHORTEST, length - 1, count)
    topics = rng.integers(0, TOPICS, count)
    summed = language().cumsum(axis=2)
    tokens = np.empty((count, length), np.int32)
    for place in range(length):
        tokens[:, place] = (rng.random((count, 1)) >= summed[topics, 1 - place % 2]).sum(axis=1)
    tokens[np.arange(length) > words[:, None] + 1] = PAD
    tokens[:, 0] = CLS
    tokens[np.arange(count), words + 1] = SEP
    return Documents(tokens, topics)


def best_loss(shown: np.ndarray, places: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """The loss in nats of whoever knows the language and all that is shown, for words hidden by BERT's rule (80/10/10).

    It is Bayes' rule over the topics. It is even told which places were chosen: nobody can expect a smaller loss.

    Args:
        shown: shape (documents, length), the tokens with some of them hidden.
        places: shape (documents, most), where words were chosen; 0 is no place.
        hidden: shape (documents, most), the words that were there.

    Returns:
        Shape (chosen places,), document by document.

    Raises:
        DatasetError: a hidden token is no word, or the shapes do not fit.
    """
    if places.shape != hidden.shape or len(places) != len(shown):
        raise DatasetError(f"shapes do not fit: shown {shown.shape}, places {places.shape}, hidden {hidden.shape}")
    document, column = np.nonzero(places)
    place, word = places[document, column], hidden[document, column]
    if (word < len(SPECIAL)).any():
        raise DatasetError("a hidden token is no word: [CLS], [SEP] and [PAD] are never masked")
    words, kind = FUNCTION_WORDS + CONTENT_WORDS, 1 - np.arange(shown.shape[1]) % 2
    chance = language()
    seen = chance[:, kind, shown]  # P(what is shown | topic), shape (topics, documents, length)
    at = seen[:, document, place]
    seen[:, document, place] = np.where(shown[document, place] == MASK, 0.8, 0.1 * at + 0.1 / words)
    seen[:, shown < MASK] = 1.0
    whole = np.log(np.maximum(seen, 1e-300)).sum(axis=2)
    others = whole[:, document] - np.log(seen[:, document, place])  # all that is shown elsewhere in the document
    topic = np.exp(others - others.max(axis=0))
    there = shown[document, place]
    fits = np.where(there == MASK, 0.8, 0.1 * (there == word) + 0.1 / words)
    right = (topic * chance[:, kind[place], word]).sum(axis=0) * fits
    return -np.log(right / (topic * seen[:, document, place]).sum(axis=0))
