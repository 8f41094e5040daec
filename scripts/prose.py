"""List the numbers in the notebooks' prose that nothing explains: neither a cell's code or output nor a source in the sentence.

usage: python scripts/prose.py [--words] [NAME ...]      default: every notebook of the book

A figure that was typed into prose stays when the cell that it came from changes. The cure is a sentence that the cell prints; what
remains is either a fact with its source beside it, or an assumption with a reason in tests/notebooks/prose_exceptions.yaml.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import yaml

from companion import book, checkout

EXCEPTIONS = "tests/notebooks/prose_exceptions.yaml"

#: what may follow a figure and makes it another one in the code: (pattern, how many of the code's unit are one of the prose's)
_SCALES = (
    (r"(?:%|per ?cent\b|percent\b|percentage points?\b)", (1.0, 0.01)),
    (r"hundred\b", (100.0,)),
    (r"thousand\b", (1e3,)),
    (r"million\b", (1e6,)),
    (r"billion\b", (1e9,)),
    (r"(?:µs|microseconds?)\b", (1.0, 1e-6, 1e-3)),
    (r"(?:ms|milliseconds?)\b", (1.0, 1e-3)),
    (r"minutes?\b", (1.0, 60.0)),
    (r"hours?\b", (1.0, 60.0, 3600.0)),
    (r"days?\b", (1.0, 24.0, 86400.0)),
    (r"(?:KiB|kB|KB|kilobytes?)\b", (1.0, 1e3, 2.0**10)),
    (r"(?:MiB|MB|megabytes?|Mbit|megabits?)\b", (1.0, 1e6, 2.0**20)),
    (r"(?:GiB|GB|gigabytes?|Gbit)\b", (1.0, 1e9, 2.0**30, 2.0**10, 1e3)),
    (r"kHz\b", (1.0, 1e3)),
    (r"km\b", (1.0, 1e3)),
)
_SCALE = re.compile("|".join(f"(?P<s{at}>{pattern})" for at, (pattern, _) in enumerate(_SCALES)))
#: what may stand between the two ends of a range, whose unit follows the second
_RANGE = re.compile(r"\s*(?:–|-|to|and|or|\.\.\.|…)\s*[±~]?\d[\d,.]*")
_NUMBER = re.compile(r"(?<![\w.,/#&@^-])(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?!\w|[-/:.]\w|,\d)")
#: 24-hour times and dates are compared as they are written
_STAMP = re.compile(r"(?<![\w.:/-])(?:\d{4}-\d\d-\d\d|\d{1,2}:\d\d(?::\d\d)?)(?![\w:/-])")
_YEAR = re.compile(r"(?:1[89]|20)\d\d")
_HEDGE = re.compile(
    r"(?:\babout|\baround|\bsome|\bnearly|\balmost|\broughly|\bover|\bmore than|\bless than|\bunder|\bup to|~|≈)\s*$",
    re.I,
)
#: a number that names a thing is no figure: a version, a standard, a place in the book
_NAMED = re.compile(
    r"(?:\b(?:version|versions|release|RFC|PEP|KEP|ISO|IEC|IEEE|FIPS|NIST|HTTP|TLS|IPv|status|code|port|chapter|section|figure|table|unit|"
    r"step|exercise|cell|goal|part|level|page|item|question|note|vol\.|no\.|OpenAPI|Redis|PostgreSQL|Python|Java|Kubernetes|Prometheus|Spark|"
    r"Docker|Jenkins|Dask|NumPy|pandas|Keras|TensorFlow|TensorFlow Lite|Groovy|Debian|Ubuntu|Linux|cgroup|SIGKILL|exit code|article|"
    r"Art\.|§|seed)|[§№])\s*$",
    re.I,
)
_SOURCE = re.compile(r"\]\(https?://|<https?://|\((?:[^()]*[\s,;])?[A-Z][^()]*\b(?:1[89]|20)\d\d[a-z]?\)|\bet al\.")
#: what others write into the cell (scripts/navigation.py), blocks of code, comments, formulas
_NO_PROSE = re.compile(
    r"<!-- contents.*?<!-- end of contents -->|^ *(?P<fence>```+|~~~+).*?^ *(?P=fence)|<!--.*?-->|\$\$.*?\$\$"
    r"|(?:\A|(?<=\n\n))(?: {4}[^\n]*\n?)+",
    re.S | re.M,
)
_WORDS = dict(zip(["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], range(2, 13), strict=True)) | {
    "half": 0.5, "dozen": 12, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "hundred": 100, "thousand": 1000,
    "twice": 2, "third": 1 / 3, "quarter": 0.25,
}  # fmt: skip
_WORD = re.compile(rf"(?<![\w-])(?:{'|'.join(_WORDS)})(?![\w-])", re.I)
_SPLIT = re.compile(r"(?<=[.!?])\s+(?=[A-Z*_\"“(\[`$0-9])|(?<=[.!?][*\")])\s+|(?<=[.!?]\*\*)\s+")
_IN_CODE = re.compile(r"(?<![A-Za-z_\d.])\d[\d_,]*(?:\.\d+)?(?:[eE][+-]?\d+)?|(?<![\w.])\.\d+")


@dataclass(frozen=True)
class Finding:
    """A number that nothing explains: the notebook's name, the cell's index from 0, the number as written, its sentence."""

    notebook: str
    cell: int
    number: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.notebook} cell {self.cell}: {self.number}, {self.sentence}"


@dataclass(frozen=True)
class Figure:
    """A number as prose writes it: its text, its value, how many of its digits are decimals, which scales it may have, hedged or not."""

    text: str
    value: float
    decimals: int
    scales: tuple[float, ...] = (1.0,)
    hedged: bool = False


class Known:
    """The numbers and stamps of a notebook's code and outputs."""

    def __init__(self, texts: Iterable[str]):
        values, self.stamps = set(), set()
        for text in texts:
            self.stamps |= set(_STAMP.findall(text))
            for found in _IN_CODE.findall(text):
                values |= set(_values(found))
        self.values = sorted(values)

    def explains(self, figure: Figure) -> bool:
        """Whether one of the values is the figure, written with as many digits."""
        return any(self._near(figure.value * scale, _tolerance(figure) * scale) for scale in figure.scales)

    def _near(self, value: float, tolerance: float) -> bool:
        slack = tolerance + 1e-9 * abs(value)
        return bisect_left(self.values, value - slack) < bisect_right(self.values, value + slack)


def _tolerance(figure: Figure) -> float:
    """Half of the last digit's place; nothing for small whole numbers, which are counts."""
    if figure.hedged:
        return 0.07 * figure.value
    if figure.decimals == 0 and figure.value < 10:
        return 0.0
    return 0.5 * 10.0**-figure.decimals


def _values(written: str) -> Iterator[float]:
    """What digits in code or in an output can mean: 1_000, 1,000; and 1,2 as two numbers."""
    whole = written.strip("_,").replace("_", "")
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?([eE][+-]?\d+)?", whole):
        yield float(whole.replace(",", ""))
    for part in whole.split(","):
        if part:
            yield float(part)


def figures(sentence: str, *, words: bool = False) -> list[Figure]:
    """The numbers of a sentence that are figures: no years, no versions, nothing that only names a thing."""
    found = []
    for match in _NUMBER.finditer(sentence):
        text, before = match["digits"], sentence[: match.start()]
        if _NAMED.search(before) or (_YEAR.fullmatch(text) and not _SCALE.match(sentence[match.end() :].lstrip())):
            continue
        after = sentence[match.end() :]
        if ranged := _RANGE.match(after):
            after = after[ranged.end() :]
        unit = _SCALE.match(after.lstrip(" -\u00a0\u202f"))
        scales = (1.0,) if unit is None else next(s for at, (_, s) in enumerate(_SCALES) if unit[f"s{at}"])
        value, decimals = float(text.replace(",", "")), len(text.partition(".")[2])
        found.append(Figure(text, value, decimals, scales, bool(_HEDGE.search(before))))
    if words:
        for match in _WORD.finditer(sentence):
            scales = (1.0, 0.01) if match[0] in ("half", "third", "quarter") else (1.0,)
            found.append(Figure(match[0], _WORDS[match[0].lower()], 3 if scales[1:] else 0, scales))
    return found


def sentences(markdown: str) -> Iterator[str]:
    """The sentences of a markdown cell that have no source beside them; without code, formulas, addresses, numbering and points."""
    sourced = False
    for block in _blocks(_NO_PROSE.sub("\n\n", markdown)):
        if re.match(r"[#*\s]*Sources\b", block):
            return
        if sourced and block.startswith("|"):
            continue  # a table belongs to the sentence that announces it
        for sentence in _SPLIT.split(block):
            sourced = bool(_SOURCE.search(sentence))
            if not sourced:
                yield sentence.strip()


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs, items of lists, rows of tables, headings: each on one line, without its marks."""
    block: list[str] = []
    for line in [*text.splitlines(), ""]:
        starts = re.match(r"\s*(?:#{1,6}\s|[-*+]\s|\d+[.)]\s|\||>)", line)
        if (not line.strip() or starts) and block:
            yield " ".join(block)
            block = []
        if line.strip():
            line = re.sub(r"^\s*(?:#{1,6}\s+(?:\d+(?:\.\d+)*\s*[·.:)]?\s+)?|[-*+]\s+|\d+[.)]\s+|>\s*)", "", line)
            block.append(re.sub(r"\(\d+ points?\)", "", line).strip())


def _bare(sentence: str) -> str:
    """A sentence without what is no prose: code spans, formulas, the addresses of links."""
    bare = re.sub(r"`+[^`]*`+|(?<!\\)\$[^$]+\$", " … ", sentence)
    bare = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", bare)
    return unescape(re.sub(r"<[^>]+>", " ", bare)).replace("**", "").replace("*", "")


def check(name: str, notebook: dict, *, words: bool = False) -> list[Finding]:
    """The findings of one notebook, in its order.

    Args:
        name: what they are reported under.
        notebook: the file as JSON.
        words: number words (two to twelve, half, dozen, ...) as well.
    """
    cells = notebook["cells"]
    known, found = Known(_machine_texts(cells)), []
    for at, cell in enumerate(cells):
        if cell["cell_type"] != "markdown" or "generated" in cell["metadata"].get("tags", []):
            continue
        for sentence in sentences(_text(cell["source"])):
            bare = _bare(sentence)
            found += [Finding(name, at, stamp, sentence) for stamp in _STAMP.findall(bare) if stamp not in known.stamps]
            found += [
                Finding(name, at, figure.text, sentence)
                for figure in figures(_STAMP.sub(" … ", bare), words=words)
                if not known.explains(figure)
            ]
    return found


def _machine_texts(cells: list[dict]) -> Iterator[str]:
    """What the cells hold and print: code, streams, results, tables, errors."""
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        yield _text(cell["source"])
        for output in cell.get("outputs", []):
            yield _text(output.get("text", ""))
            yield f"{output.get('evalue', '')}"
            for kind, data in output.get("data", {}).items():
                if kind == "text/html":
                    yield unescape(
                        re.sub(r"<(?:style|script).*?</(?:style|script)>|<[^>]+>", " ", _text(data), flags=re.S)
                    )
                elif kind.startswith("text/"):
                    yield _text(data)


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def exceptions(path: Path | None = None) -> dict[tuple[str, str, str], str]:
    """``{(notebook, number, sentence): reason}`` of the numbers that may stand as they are.

    Raises:
        ValueError: one has no reason.
    """
    path = path if path is not None else checkout.folder() / EXCEPTIONS
    kept = {}
    for notebook, entries in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
        for entry in entries:
            if not str(entry.get("reason") or "").strip():
                raise ValueError(f"{path.name}: {notebook}: {entry.get('sentence')} has no reason")
            for number in entry["numbers"]:
                kept[notebook, str(number), " ".join(entry["sentence"].split())] = entry["reason"]
    return kept


def unexplained(findings: Iterable[Finding], allowed: dict[tuple[str, str, str], str]) -> list[Finding]:
    """The findings without an exception."""
    return [f for f in findings if (f.notebook, f.number, " ".join(f.sentence.split())) not in allowed]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help="a notebook's name, such as dask_audio, or the path of an .ipynb file")
    parser.add_argument("--words", action="store_true", help="number words as well: two to twelve, half, dozen, ...")
    parser.add_argument("--all", action="store_true", help="also those that have an exception with a reason")
    options = parser.parse_args(arguments)
    try:
        paths = [
            Path(name) if name.endswith(".ipynb") else checkout.folder("notebooks") / book.chapter(name).file
            for name in options.name or [chapter.name for chapter in book.BOOK]
        ]
        read = {path: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    except KeyError as error:
        parser.error(str(error.args[0]))
    except (OSError, json.JSONDecodeError) as error:
        parser.error(str(error))
    found = [finding for path, notebook in read.items() for finding in check(path.stem, notebook, words=options.words)]
    if not options.all:
        found = unexplained(found, exceptions())
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
