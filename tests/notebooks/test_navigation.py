"""Navigation and contents are written by a script from one list, and a second run changes nothing."""

import navigation
import nbformat
import pytest

from companion.book import BOOK, UNITS, chapter


def test_everything_is_up_to_date():
    stale = [path.name for path, text in navigation.render().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run make navigation"


def test_it_is_idempotent():
    notebook = nbformat.read(navigation.NOTEBOOKS / BOOK[1].file, as_version=4)
    navigation.write_cells(notebook, BOOK[1])
    once = nbformat.writes(notebook)
    navigation.write_cells(notebook, BOOK[1])
    assert nbformat.writes(notebook) == once


def test_every_link_leads_to_a_notebook():
    for entry in BOOK:
        for target in navigation.navigation_line(entry).split("](")[1:]:
            address = target.partition(")")[0]
            assert (navigation.NOTEBOOKS / entry.unit / address).is_file(), f"{entry.name}: {address}"


def test_the_ends_of_the_book_have_no_dead_link():
    assert "←" not in navigation.navigation_line(BOOK[0])
    assert "→" not in navigation.navigation_line(BOOK[-1])


def test_the_tables_hold_every_notebook():
    table = navigation.contents_table("x/")
    assert all(f"](x/{entry.file})" in table for entry in BOOK[1:])


def test_the_map_promises_what_is_in_the_book():
    """Every unit's engines and every case study, and nothing else: what leaves the book leaves the map."""
    stages = [unit for _, _, units in navigation.STAGES for unit in units]
    assert sorted(stages) == sorted(unit[:2] for unit in UNITS if unit != BOOK[0].unit), "each unit at one place"
    page = navigation.render()[navigation.NOTEBOOKS / BOOK[0].file]
    drawn = navigation.book_map()
    assert all(line in page for line in drawn.replace('"', '\\"').splitlines()), "the start page shows it"
    cases = [entry for entry in BOOK if entry.name.startswith("case_")]
    for entry in BOOK[1:]:
        for word in [entry.title.partition(":")[0]] if entry in cases else entry.engine_label.split(", "):
            assert word in drawn, entry.name
    for case in cases:
        without = navigation.book_map(tuple(entry for entry in BOOK if entry is not case))
        assert case.title.partition(":")[0] not in without
    assert "case studies" not in navigation.book_map(tuple(entry for entry in BOOK if entry not in cases))


def test_missing_marks_are_said():
    with pytest.raises(ValueError, match=r"README\.md must hold once each"):
        navigation.between_marks("no marks here", "table", "README.md")


def test_check_finds_a_notebook_that_was_changed(monkeypatch, capsys):
    real = navigation.render()
    path = navigation.NOTEBOOKS / BOOK[0].file
    monkeypatch.setattr(navigation, "render", lambda: {**real, path: "changed"})
    assert navigation.main(["--check"]) == 1
    assert "out of date: notebooks" in capsys.readouterr().out


def test_the_list_is_sound():
    assert [entry.unit for entry in BOOK] == sorted(entry.unit for entry in BOOK), "units in order"
    assert {entry.unit for entry in BOOK} <= set(UNITS)
    for entry in BOOK:
        assert all(BOOK.index(chapter(name)) < BOOK.index(entry) for name in entry.prerequisites)
