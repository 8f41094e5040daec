"""Text by the hundred megabytes: manuals that ship with installed packages, and generated documents with planted truths.

One file, one document a line: its name, a tab, its text. Real and generated documents follow each other, and everything is
written block by block, so that a corpus larger than memory could be made the same way.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import html
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np

from companion.errors import DatasetError, SettingError
from companion.workspace import check_free, disk_errors

_TOPICS = {
    "astronomy": "comet galaxy nebula orbit planet pulsar quasar satellite spectrum star telescope transit",
    "cooking": "bake basil dough flour garlic grill oven recipe saffron simmer spoon vinegar",
    "gardening": "bloom compost fern hedge lawn orchard pruning root seedling soil trowel tulip",
    "law": "appeal clause contract court defendant judge jury plaintiff statute tribunal verdict witness",
    "medicine": "artery clinic diagnosis dosage fever nurse patient surgeon symptom therapy vaccine virus",
    "music": "cello chord fugue melody opera orchestra piano rhythm sonata soprano tempo violin",
    "railways": "carriage conductor freight junction locomotive platform rail siding signal station track tunnel",
    "sailing": "anchor boat deck harbour keel lighthouse mast rudder rope sail tide wind",
}
#: the planted topics; of each document's words, TOPIC_SHARE are its topics'
TOPICS = {name: tuple(words.split()) for name, words in _TOPICS.items()}
#: pairs that stand together far more often than chance would have it; their halves also stand alone
PAIRS = ("brass band", "northern lights", "olive branch", "paper tiger", "red herring", "white elephant")
ZIPF = 1.1  #: exponent of the other words: the one of rank r comes up in proportion to r ** -ZIPF
VOCABULARY = 20_000  # other words
TOPIC_SHARE, MAIN_SHARE = 0.15, 0.75  # of a document's words; of these, its main topic's
PAIR_SHARE, HALF_SHARE = 0.003, 0.003  # of all words: pairs, and halves of pairs on their own

_BLOCK = 2_000  # documents made at a time
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Corpus:
    """A corpus on disk.

    Attributes:
        path: the file, UTF-8, one document a line: name, tab, text.
        documents: how many.
        bytes: its size.
        generated_at: byte at which the first generated document begins; the real ones come before.
        topics: shape (generated documents,); main topic, an index into the names of ``TOPICS``, of ``generated/0000000`` on.
    """

    path: Path
    documents: int
    bytes: int
    generated_at: int
    topics: np.ndarray


def public_domain() -> Iterator[tuple[str, str]]:
    """Name and text of the public-domain prose in installed packages: the Zen of Python, and email-validator's manual."""
    from importlib.metadata import metadata

    with contextlib.redirect_stdout(io.StringIO()):  # it prints itself when it is imported first
        import this
    yield "public-domain/zen-of-python", " ".join(codecs.decode(this.s, "rot13").split())
    # a message, though its protocol does not say so, with one part
    manual = cast(Message, metadata("email-validator")).get_payload()
    yield "public-domain/email-validator", " ".join(str(manual).split())


def manuals() -> Iterator[tuple[str, str]]:
    """Name and text of the manuals of all cloud services that botocore (Apache 2.0) describes, service by service.

    A document is an operation or a type with all its members: ``s3/PutObject``, ``s3/PutObjectRequest``.

    Raises:
        DatasetError: botocore is not installed.
    """
    try:
        import botocore
    except ImportError as error:
        raise DatasetError(
            "the manuals are part of botocore, which is missing: install it, or use real=False"
        ) from error
    for service in sorted((Path(botocore.__file__).parent / "data").iterdir()):
        versions = sorted(service.glob("*/service-2.json.gz"))
        if versions:
            yield from _manual(service.name, json.loads(gzip.decompress(versions[-1].read_bytes())))


def _manual(service: str, description: dict) -> Iterator[tuple[str, str]]:
    operations, types = description.get("operations", {}), description.get("shapes", {})
    for name, entry in [*operations.items(), *((n, e) for n, e in types.items() if n not in operations)]:
        text = _TAG.sub(" ", " ".join(_documentation(entry)))
        text = " ".join(html.unescape(text).split())
        if text:
            yield f"{service}/{name}", text


def _documentation(entry) -> Iterator[str]:
    """Every ``documentation`` in nested dicts and lists."""
    if isinstance(entry, dict):
        if isinstance(own := entry.get("documentation"), str):
            yield own
        entry = entry.values()
    for inner in entry:
        if isinstance(inner, dict | list):
            yield from _documentation(inner)


@cache
def vocabulary() -> tuple[str, ...]:
    """The generated documents' other words, most frequent first: one, two or three syllables, none of them a planted word."""
    syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
    planted = {word for words in TOPICS.values() for word in words} | {half for pair in PAIRS for half in pair.split()}
    rng = np.random.default_rng(0)
    words: dict[str, None] = {}
    for length, count in ((1, 50), (2, 4_000), (3, VOCABULARY)):
        drawn = rng.integers(0, len(syllables), (2 * count, length))
        new = dict.fromkeys(w for w in ("".join(syllables[s] for s in row) for row in drawn) if w not in planted)
        words |= dict.fromkeys(list(new)[:count])
    return tuple(words)[:VOCABULARY]


def generated(documents: int, seed: int = 0) -> Iterator[tuple[bytes, np.ndarray]]:
    """Blocks of generated documents: lines of a corpus file, and the main topic of each, shape (documents in the block,).

    A document has two topics, and a length around 120 words that varies by half (lognormal). More documents from one seed
    begin with the same ones.

    Raises:
        SettingError: not a positive number of documents.
    """
    if documents < 1:
        raise SettingError(f"documents must be at least 1, got {documents}")
    for first in range(0, documents, _BLOCK):
        lines, topics = _block(first, np.random.default_rng([seed, first]))
        if (count := documents - first) < _BLOCK:
            lines, topics = b"".join(lines.splitlines(keepends=True)[:count]), topics[:count]
        yield lines, topics


def _block(first: int, rng: np.random.Generator) -> tuple[bytes, np.ndarray]:
    main = rng.integers(0, len(TOPICS), _BLOCK)
    side = (main + rng.integers(1, len(TOPICS), _BLOCK)) % len(TOPICS)
    length = np.clip(rng.lognormal(np.log(120), 0.5, _BLOCK), 20, 2_000).astype(int)
    document = np.repeat(np.arange(_BLOCK), length)
    count = len(document)
    last = np.zeros(count, bool)
    last[np.cumsum(length) - 1] = True

    word = _ranks()[rng.integers(0, len(_ranks()), count)]
    kind = rng.random(count)
    pairs, halves, topical = np.cumsum([PAIR_SHARE, HALF_SHARE, TOPIC_SHARE])
    place = rng.integers(0, 12, count)  # of a word within its topic, or among the halves
    topic = np.where(rng.random(count) < MAIN_SHARE, main[document], side[document])
    word = np.where(kind < topical, VOCABULARY + 18 + 12 * topic + place, word)
    word = np.where(kind < halves, VOCABULARY + 6 + place, word)
    word = np.where(kind < pairs, VOCABULARY + place % 6, word)

    stop = rng.random(count) < 1 / 14
    begins = np.roll(stop | last, 1)
    form = 3 * begins + np.where(last, 2, stop)
    pieces = np.empty(count + _BLOCK, _forms().dtype)
    names = np.cumsum(length) - length + np.arange(_BLOCK)
    is_name = np.zeros(len(pieces), bool)
    is_name[names] = True
    pieces[is_name] = [b"generated/%07d\t" % number for number in range(first, first + _BLOCK)]
    pieces[~is_name] = _forms()[word, form]
    return pieces.tobytes().replace(b"\0", b""), main


@cache
def _ranks() -> np.ndarray:
    """A table to draw from: each word's number as often as Zipf's law has it, to within one in four million."""
    weight = np.arange(1, VOCABULARY + 1) ** -ZIPF
    return np.searchsorted(np.cumsum(weight) / weight.sum(), (np.arange(2**22) + 0.5) / 2**22).astype(np.int32)


@cache
def _forms() -> np.ndarray:
    """The six ways to write each word (small or capital; before a space, a full stop, the end), padded bytes, shape (n, 6)."""
    words = [
        *vocabulary(),
        *PAIRS,
        *(h for pair in PAIRS for h in pair.split()),
        *(w for t in TOPICS.values() for w in t),
    ]
    return np.array(
        [[begin + end for begin in (w, w[0].upper() + w[1:]) for end in (" ", ". ", ".\n")] for w in words], "S18"
    )


def write(folder: Path, documents: int = 96_000, *, real: bool = True, seed: int = 0) -> Corpus:
    """Write ``corpus.txt`` into ``folder``: the public-domain texts, the manuals (42 MB), generated documents (0.65 KB each).

    Args:
        documents: how many generated ones.
        real: whether the manuals are part of it.
        seed: the same seed gives the same bytes (with the same version of botocore).

    Raises:
        SettingError: not a positive number of documents.
        DatasetError: botocore is not installed.
        WorkspaceError: the disk is too full.
    """
    check_free(folder, 1_000 * documents + (50_000_000 if real else 0))
    path, count, topics = folder / "corpus.txt", 0, []
    sources = [public_domain(), manuals()] if real else [public_domain()]
    with disk_errors(folder), path.open("wb") as file:
        for source in sources:
            for name, text in source:
                file.write(f"{name}\t{text}\n".encode())
                count += 1
        start = file.tell()
        for lines, main in generated(documents, seed):
            file.write(lines)
            topics.append(main)
        size = file.tell()
    return Corpus(path, count + documents, size, start, np.concatenate(topics))
