"""Rules for every stored notebook that nbval does not check: was it run, does it say what must not be said."""

import re
from itertools import pairwise

import nbformat
import pytest

from companion import book

MACHINE_PATH = re.compile(
    r"(?<![\w.:/])/(?:root|home/\w+|Users/\w+|work|opt|mnt|srv|tmp|var|private|usr|nix)/[\w./-]+|[A-Z]:\\\\?\w"
)
OBJECT_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
NETWORK_ADDRESS = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}:\d+|\blocalhost:\d{2,}")
WARNING = re.compile(r"\b\w*Warning: |\bWARNING\b")
REMOTE_PICTURE = re.compile(
    r"!\[[^\]]*\]\(\s*(?:https?:)?//|<(?:img|script|iframe|video|audio|link)[^>]*(?:src|href)=[\"'](?:https?:)?//", re.I
)
IGNORED = "nbval-ignore-output"


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def output_texts(cell):
    """Every text of a cell's outputs, with what kind of output it is."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            yield output.name, output.text
        elif output.output_type == "error":
            yield "error", "\n".join([output.ename, output.evalue, *output.traceback])
        else:
            yield from (
                (kind, text if isinstance(text, str) else str(text))
                for kind, text in output.data.items()
                if not kind.startswith(("image/", "audio/", "video/"))
            )


def faults(notebook) -> list[str]:
    """What is wrong with a stored notebook, one line a fault, each with its code cell."""
    cells = code_cells(notebook)
    found = []
    if [cell.execution_count for cell in cells] != list(range(1, len(cells) + 1)):
        found.append("not executed from top to bottom in one go")
    ignored = sum(IGNORED in tags(cell) for cell in cells)
    if ignored >= 0.2 * max(1, len(cells)):
        found.append(f"{ignored} of {len(cells)} code cells are ignored: 20 % or more")
    for number, cell in enumerate(cells, 1):
        found += [f"code cell {number}: {fault}" for fault in cell_faults(cell)]
    found += expected_error_faults(cells)
    found += ["a picture or script from another server" for c in notebook.cells if REMOTE_PICTURE.search(c.source)]
    return found


def cell_faults(cell) -> list[str]:
    found = []
    if MACHINE_PATH.search(cell.source):
        found.append(f"a machine's path in the source: {MACHINE_PATH.search(cell.source)[0]}")
    for kind, text in output_texts(cell):
        # an embedded recording is one long data: address
        text = re.sub(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=\s]+", "", text)
        if kind == "stderr":
            found.append(f"stderr in the output: {text[:80]!r}")
        for name, pattern in {
            "a machine's path": MACHINE_PATH,
            "an object's address": OBJECT_ADDRESS,
            "a network address": NETWORK_ADDRESS,
            "a warning": WARNING,
            "a remote picture": REMOTE_PICTURE,
        }.items():
            if match := pattern.search(text):
                found.append(f"{name} in the output ({kind}): {match[0][:80]!r}")
    return found


def expected_error_faults(cells: list) -> list[str]:
    """An error is tagged, really happens, and the next cell asserts that it did (nbval alone lets it go missing)."""
    found = []
    for number, (cell, following) in enumerate(pairwise([*cells, None]), 1):
        raised = any(output.output_type == "error" for output in cell.get("outputs", []))
        meant = "raises-exception" in tags(cell)
        if raised and not meant:
            found.append(f"code cell {number}: an error without the tag raises-exception")
        if meant and not raised:
            found.append(f"code cell {number}: tagged raises-exception, but raised nothing")
        if meant and (following is None or "assert isinstance(sys.last_value" not in following.source):
            found.append(f"code cell {number}: the next cell does not assert the error (sys.last_value)")
    return found


def test_stored_notebook_has_no_faults(notebook):
    assert faults(notebook) == []


def test_has_three_exercises_with_points(notebook):
    solutions = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("solution")]
    assert len(solutions) >= 3
    for cell in solutions:
        assert "### BEGIN SOLUTION" in cell.source and "### END SOLUTION" in cell.source
        assert cell.metadata.jupyter.source_hidden, "a reader meets the task first, and its solution collapsed"
        name = cell.metadata.nbgrader.grade_id
        tests = [
            c.source
            for c in notebook.cells
            if c.metadata.get("nbgrader", {}).get("grade") and c.metadata.nbgrader.grade_id.startswith(f"{name}-test")
        ]
        assert tests, f"{name} has no test cell"
        assert any("### BEGIN HIDDEN TESTS" in source for source in tests), f"{name} has no hidden test"


def test_composition(notebook, chapter):
    """STYLE in numbers: prose in plenty, code in small bites."""
    code = [c for c in code_cells(notebook) if "nbgrader" not in c.metadata]
    sizes = [
        sum(bool(line.strip()) and not line.strip().startswith("#") for line in c.source.splitlines()) for c in code
    ]
    prose = sum(cell.cell_type == "markdown" for cell in notebook.cells)
    assert prose >= 0.4 * len(notebook.cells)
    assert max(sizes) <= 30
    assert any("```mermaid" in cell.source for cell in notebook.cells)
    assert notebook.cells[1].source.startswith("# ")


def test_stored_kernel_and_metadata_are_nobodys_in_particular(notebook):
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"companion", "kernelspec", "language_info"}


def test_every_notebook_is_in_the_book():
    stored = {
        p.relative_to(book.folder()).as_posix() for p in book.folder().rglob("*.ipynb") if ".ipynb_" not in str(p)
    }
    assert stored == {chapter.file for chapter in book.BOOK}


# Prove by breaking: each rule rejects the fault it is for.


def broken(notebook, change) -> list[str]:
    change(code_cells(notebook))
    return faults(notebook)


def stream(text: str, name: str = "stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda cells: cells[3].update(execution_count=None), "not executed from top to bottom"),
        (lambda cells: cells[3].update(execution_count=9), "not executed from top to bottom"),
        (lambda cells: [c.metadata.update(tags=[IGNORED]) for c in cells[:8]], "20 % or more"),
        (lambda cells: cells[1].outputs.append(stream("/home/ada/x.csv")), "a machine's path"),
        (lambda cells: cells[1].outputs.append(stream("<object at 0x7f12ab34cd56>")), "an object's address"),
        (lambda cells: cells[1].outputs.append(stream("tcp://127.0.0.1:41231")), "a network address"),
        (lambda cells: cells[1].outputs.append(stream("UserWarning: old")), "a warning"),
        (lambda cells: cells[1].outputs.append(stream("hm", "stderr")), "stderr"),
        (lambda cells: cells[1].update(source="open('/home/ada/x.csv')"), "a machine's path in the source"),
        (lambda cells: cells[1].update(source="'<img src=\"https://example.org/x.png\">'"), "from another server"),
        (lambda cells: [c.metadata.pop("tags", None) for c in cells], "without the tag raises-exception"),
        (lambda cells: [c.update(source=c.source.replace("sys.last_value", "x")) for c in cells], "does not assert"),
        (lambda cells: cells[1].metadata.update(tags=["raises-exception"]), "but raised nothing"),
    ],
)
def test_a_broken_notebook_is_rejected(change, complaint):
    start_page = nbformat.read(book.folder() / book.BOOK[0].file, as_version=4)
    assert any(complaint in fault for fault in broken(start_page, change))
