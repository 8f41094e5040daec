"""Write what follows from the book's list (companion/book.py) and from figures in the notebooks' metadata: navigation and facts cells
in every notebook, the tables of larger sizes and of more workers in *Take it further*, the contents tables of the start page and
the README, and the start page's map.

usage: python scripts/navigation.py [--check]      --check writes nothing, names what is out of date, exits with 1
"""

import argparse
import os
import re
import sys
from pathlib import Path

import further
import knobs
import nbformat
from nbformat import NotebookNode

from companion import book, checkout
from companion.book import BOOK, UNITS, Chapter

ROOT = checkout.folder()
NOTEBOOKS = ROOT / "notebooks"
TAG = "generated"
START = BOOK[0]
MARKS = ("<!-- contents: written by scripts/navigation.py -->", "<!-- end of contents -->")
MAP_MARKS = ("<!-- map: written by scripts/navigation.py -->", "<!-- end of map -->")
#: where the units stand on the way from growth to a service: (letter, what is done there, beginnings of the units' names)
STAGES = (
    ("P", "process", ("01", "02")),
    ("L", "learn", ("03", "06", "07")),
    ("S", "ship", ("04", "11")),
    ("A", "scale", ("05", "10")),
    ("W", "watch and keep", ("08", "09", "12")),
)


def link(source: Chapter, target: Chapter) -> str:
    """Relative address from one notebook to another."""
    return os.path.relpath(target.file, source.unit).replace(os.sep, "/")


def navigation_line(chapter: Chapter) -> str:
    """Previous, contents, next."""
    at = BOOK.index(chapter)
    parts = []
    if at > 0:
        parts.append(f"[← {BOOK[at - 1].title}]({link(chapter, BOOK[at - 1])})")
    if chapter is not START:
        parts.append(f"[Contents]({link(chapter, START)})")
    if at + 1 < len(BOOK):
        parts.append(f"[{BOOK[at + 1].title} →]({link(chapter, BOOK[at + 1])})")
    return " · ".join(parts)


def facts_line(chapter: Chapter) -> str:
    """Unit, engine, run time, and what to read first."""
    needs = [book.chapter(name) for name in chapter.prerequisites]
    before = ", ".join(f"[{c.title}]({link(chapter, c)})" for c in needs) or "nothing"
    facts = {
        "Unit": UNITS[chapter.unit],
        "Engine": chapter.engine_label,
        "Runs in": f"about {book.run_time(chapter)} on two cores",
        "Read first": before,
    }
    return " · ".join(f"**{name}** {value}" for name, value in facts.items() if value != "-")


def contents_table(prefix: str) -> str:
    """The book as a Markdown table; ``prefix`` leads from the page that holds it to ``notebooks/``."""
    rows = ["| unit | notebook | what you do there | engine | runs in |", "|---|---|---|---|---|"]
    for chapter in BOOK:
        if chapter is not START:
            cell = f"[{chapter.title}]({prefix}{chapter.file})"
            rows.append(
                f"| {UNITS[chapter.unit]} | {cell} | {chapter.summary} | {chapter.engine_label} | {book.run_time(chapter)} |"
            )
    return "\n".join(rows)


def book_map(chapters: tuple[Chapter, ...] = BOOK) -> str:
    """The book as a Mermaid picture with its sentence: what grows, what answers it, with which engine, and which cases there are."""
    found = {letter: [c for c in chapters if c.unit[:2] in units] for letter, _, units in STAGES}
    cases = {letter: [c.title.partition(":")[0] for c in there if is_case(c)] for letter, there in found.items()}

    def engines(letter: str) -> str:
        each = [name for c in found[letter] if not is_case(c) for name in c.engine_label.split(", ")]
        return ", ".join(dict.fromkeys(each))

    nodes = [f'    {letter}["{what}: {engines(letter)}"]' for letter, what, _ in STAGES]
    nodes += [
        f'    {letter} -.-> C{letter}["case studies: {", ".join(names)}"]' for letter, names in cases.items() if names
    ]
    picture = [
        "```mermaid",
        "flowchart LR",
        '    D["more data"] --> P',
        '    C["more computation"] --> P',
        '    U["more users"] --> S',
        "    P --> L --> S --> A --> W",
        *nodes,
        "```",
    ]
    named = [name for names in cases.values() for name in names]
    told = (
        "data and computation call for parallel processing, which feeds learning; models are shipped, then scaled, watched and "
        "kept in order as users come"
    )
    last = f"; case studies try the practices on known problems ({', '.join(named)})" if named else ""
    return "\n".join([*picture, f"*The map: {told}{last}.*"])


def is_case(chapter: Chapter) -> bool:
    """Whether a notebook is a case study."""
    return chapter.name.startswith("case_")


def between_marks(text: str, content: str, where: str, marks: tuple[str, str] = MARKS) -> str:
    """``text`` with what stands between the two marks replaced; ValueError without the marks."""
    start, end = marks
    if text.count(start) != 1 or text.count(end) != 1:
        raise ValueError(f"{where} must hold once each: {start} and {end}")
    return re.sub(
        f"{re.escape(start)}.*?{re.escape(end)}", lambda _: f"{start}\n{content}\n{end}", text, flags=re.DOTALL
    )


def write_cells(notebook: NotebookNode, chapter: Chapter) -> None:
    """Replace the generated cells: navigation first and last, facts after the title, tables behind *Take it further*."""

    def cell(name: str, source: str) -> NotebookNode:
        return nbformat.v4.new_markdown_cell(source, id=f"generated-{name}", metadata={"tags": [TAG]})

    own = [c for c in notebook.cells if TAG not in c.metadata.get("tags", [])]
    for place in [n for n, c in enumerate(own) if further.HEADING in c.source.splitlines()]:
        own[place + 1 : place + 1] = [cell(name, source) for name, source in further_tables(notebook).items()]
    line = navigation_line(chapter)
    notebook.cells = [cell("top", line), own[0], cell("facts", facts_line(chapter)), *own[1:], cell("bottom", line)]
    if chapter is START:
        for entry in notebook.cells:
            if MARKS[0] in entry.source:
                entry.source = between_marks(entry.source, contents_table("../"), chapter.file)
            if MAP_MARKS[0] in entry.source:
                entry.source = between_marks(entry.source, book_map(), chapter.file, MAP_MARKS)


def further_tables(notebook: NotebookNode) -> dict[str, str]:
    """What is measured of the notebook at other sizes and on more workers, by name of the cell that says it."""
    kept, tables = notebook.metadata.get("companion", {}), {}
    if "sizes" in kept:
        tables["sizes"] = further.sizes(kept["sizes"], knobs.of(notebook))
    if "workers" in kept:
        tables["workers"] = further.workers(kept["workers"])
    return tables


def render() -> dict[Path, str]:
    """Every file this script owns a part of, with the text it should have."""
    wanted = {}
    for chapter in BOOK:
        path = NOTEBOOKS / chapter.file
        notebook = nbformat.read(path, as_version=4)
        write_cells(notebook, chapter)
        wanted[path] = nbformat.writes(notebook) + "\n"
    readme = ROOT / "README.md"
    wanted[readme] = between_marks(readme.read_text(encoding="utf-8"), contents_table("notebooks/"), "README.md")
    return wanted


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when something is out of date")
    check = parser.parse_args(arguments).check
    stale = [path for path, text in render().items() if path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{'out of date' if check else 'written'}: {path.relative_to(ROOT)}")
        if not check:
            path.write_text(render()[path], encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
