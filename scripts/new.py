"""Begin a notebook: a skeleton that passes every check, its kept answers, a data card, its entry in the book; executed, with its
navigation. When a step fails, everything is as it was before.

usage: python scripts/new.py UNIT NAME [--title TITLE] [--unit-title TITLE]
"""

import argparse
import ast
import json
import keyword
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from companion import book, checkout
from companion.errors import SettingError

ROOT = checkout.folder()
SKELETON = ROOT / "scripts" / "skeleton"
BOOK, CARDS = ROOT / "companion" / "book.py", ROOT / "data" / "README.md"
LINE = "Say in one sentence what the reader does there."
LONGEST_NAME = 40


def refuse_names(unit: str, name: str, title: str, unit_title: str | None) -> None:
    """What can't become a notebook, each with what would.

    Raises:
        SettingError: a name that is taken or no identifier, an unknown unit without a title, a title that breaks a table.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or len(name) > LONGEST_NAME:
        raise SettingError(
            f"NAME={name}: a notebook's name is a Python identifier in lower case of at most {LONGEST_NAME} characters, "
            "such as dask_audio"
        )
    if not re.fullmatch(r"\d\d-[a-z0-9]+(-[a-z0-9]+)*", unit):
        raise SettingError(
            f"UNIT={unit}: a unit's folder is two digits and words in lower case, such as 05-auto-scaling"
        )
    if name in {chapter.name for chapter in book.BOOK}:
        raise SettingError(f"NAME={name}: the book has a notebook of this name, in {book.chapter(name).unit}")
    for path in (notebook_file(unit, name), answers_file(name)):
        if path.exists():
            raise SettingError(f"NAME={name}: {checkout.shown(path)} is there already")
    if unit not in book.UNITS and not unit_title:
        raise SettingError(
            f"UNIT={unit}: the book has {', '.join(book.UNITS)}; a new unit needs a title (UNIT_TITLE=…)"
        )
    if unit in book.UNITS and unit_title and unit_title != book.UNITS[unit]:
        raise SettingError(f"UNIT_TITLE={unit_title}: {unit} has a title, {book.UNITS[unit]}")
    for given in (title, unit_title or "-"):
        if not given.strip() or re.search(r"[|\n\[\]]", given):
            raise SettingError(f"TITLE={given}: a title stands in a table and in links: no bars, brackets, line breaks")


def notebook_file(unit: str, name: str) -> Path:
    return ROOT / "notebooks" / unit / f"{name}.ipynb"


def answers_file(name: str) -> Path:
    return ROOT / "tests" / "notebooks" / "answers" / f"{name}.py"


def with_chapter(source: str, unit: str, name: str, title: str, unit_title: str | None = None) -> str:
    """The text of ``companion/book.py`` with one more notebook at the end of its unit, and its unit where that is new."""
    assigned = {ast.unparse(n.targets[0]): n.value for n in ast.parse(source).body if isinstance(n, ast.Assign)}
    chapters, units = assigned["BOOK"], assigned["UNITS"]
    assert isinstance(chapters, ast.Tuple) and isinstance(units, ast.Dict)
    lines = source.splitlines(keepends=True)
    before = [entry.end_lineno for entry in chapters.elts if _unit(entry) <= unit]
    place = before[-1] if before else chapters.lineno
    texts = [json.dumps(text, ensure_ascii=False) for text in (unit, name, title, LINE, "Redis")]
    entry = "".join(f"        {text},\n" for text in texts)
    lines.insert(place or 0, f'    Chapter(\n{entry}        engines=("redis",),\n    ),\n')
    known = {ast.literal_eval(key): key.lineno for key in units.keys if key}
    if unit not in known:
        above = [line for key, line in known.items() if key < unit]
        texts = [json.dumps(text, ensure_ascii=False) for text in (unit, unit_title)]
        lines.insert(above[-1] if above else units.lineno, f"    {texts[0]}: {texts[1]},\n")
    return "".join(lines)


def _unit(entry: ast.expr) -> str:
    assert isinstance(entry, ast.Call)
    return str(ast.literal_eval(entry.args[0]))


def filled(file: str, name: str, title: str) -> str:
    """A file of the skeleton under its new name."""
    text = (SKELETON / file).read_text(encoding="utf-8")
    shown = json.dumps(title, ensure_ascii=False)[1:-1] if file.endswith(".ipynb") else title
    return text.replace("skeleton", name).replace("Title of the notebook", shown)


def write(unit: str, name: str, title: str, unit_title: str | None) -> None:
    """The new files, the data card and the entry in the book."""
    notebook_file(unit, name).parent.mkdir(exist_ok=True)
    notebook_file(unit, name).write_text(filled("notebook.ipynb", name, title), encoding="utf-8")
    answers_file(name).write_text(filled("answers.py", name, title), encoding="utf-8")
    CARDS.write_text(CARDS.read_text(encoding="utf-8") + filled("card.md", name, title), encoding="utf-8")
    BOOK.write_text(with_chapter(BOOK.read_text(encoding="utf-8"), unit, name, title, unit_title), encoding="utf-8")


def finish(unit: str, name: str) -> None:
    """Format, execute, write the navigation, check: each in a process of its own, which reads the new list."""
    new = [str(notebook_file(unit, name)), str(answers_file(name))]
    for arguments in (
        ["-m", "ruff", "format", "--quiet", *new],
        ["scripts/notebooks.py", name],
        ["scripts/navigation.py"],
        ["-m", "companion", "check", name],
    ):
        subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True)


@contextmanager
def all_or_nothing(unit: str, name: str) -> Iterator[None]:
    """Whatever happens in the block, a failure or Ctrl-C leaves the files as they were."""
    owned = [BOOK, CARDS, ROOT / "README.md", *(ROOT / "notebooks" / chapter.file for chapter in book.BOOK)]
    before = {path: path.read_bytes() for path in owned if path.is_file()}
    folder_is_new = not notebook_file(unit, name).parent.exists()
    try:
        yield
    except BaseException:
        for path in (notebook_file(unit, name), answers_file(name)):
            path.unlink(missing_ok=True)
        if folder_is_new and notebook_file(unit, name).parent.is_dir():
            notebook_file(unit, name).parent.rmdir()
        for path, content in before.items():
            if path.read_bytes() != content:
                path.write_bytes(content)
        raise


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("unit", metavar="UNIT", help="its folder, such as 05-auto-scaling")
    parser.add_argument("name", metavar="NAME", help="a Python identifier in lower case, such as dask_audio")
    parser.add_argument("--title", default="", help="as in the contents; made from NAME when left out")
    parser.add_argument("--unit-title", default="", help="for a unit that the book does not have yet")
    options = parser.parse_args(arguments)
    unit, name, unit_title = options.unit, options.name, options.unit_title or None
    title = options.title or name.replace("_", " ").capitalize()
    try:
        refuse_names(unit, name, title, unit_title)
        with all_or_nothing(unit, name):
            write(unit, name, title, unit_title)
            finish(unit, name)
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"nothing was made: {' '.join(error.cmd[1:3])} failed, its reason stands above", file=sys.stderr)
        return 1
    print(
        f"notebooks/{unit}/{name}.ipynb is yours. The subject is to be replaced in it, in tests/notebooks/answers/{name}.py,"
    )
    print(f"in its card in data/README.md and in its entry in companion/book.py. Then: make notebooks NAME={name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
