"""A submitted file is read whatever state it is in, and its exercise cells are put back in order; nothing is run here."""

import json

import nbformat
import pytest

from companion.grading.submission import DatasetError, Original, notes, read, restore


def original(grade_id: str, source: str, *, locked: bool) -> Original:
    return Original(grade_id, "code", source, source, "sum", locked, locked, not locked, False, 1.0 if locked else None)


HANDED_OUT = {
    o.grade_id: o
    for o in (
        original("a", "raise NotImplementedError()", locked=False),
        original("a-test", "assert a", locked=True),
        original("b", "raise NotImplementedError()", locked=False),
        original("b-test", "assert b", locked=True),
    )
}


def cell(source: str, grade_id: str | None = None, **marks):
    metadata = {"nbgrader": {**HANDED_OUT[grade_id].metadata, **marks}} if grade_id in HANDED_OUT else {}
    if grade_id and not metadata:
        metadata = {"nbgrader": {"grade_id": grade_id}}
    return nbformat.v4.new_code_cell(source, metadata=metadata)


def put_in_order(*cells):
    """``([(source, the exercise's id or None)], notes)`` after it."""
    notebook = nbformat.v4.new_notebook(cells=list(cells))
    restore(notebook, HANDED_OUT)
    after = [(c.source, c.metadata.get("nbgrader", {}).get("grade_id")) for c in notebook.cells]
    return after, notes(notebook)


RIGHT = (cell("a = 1", "a"), cell("assert a", "a-test"), cell("b = 1", "b"), cell("assert b", "b-test"))
RIGHT_AFTER = [("a = 1", "a"), ("assert a", "a-test"), ("b = 1", "b"), ("assert b", "b-test")]


def test_a_notebook_in_order_stays_as_it_is():
    assert put_in_order(*RIGHT) == (RIGHT_AFTER, [])


def test_of_two_answers_the_last_one_with_an_answer_counts_and_both_are_run():
    after, found = put_in_order(cell("a = 0", "a"), *RIGHT)
    assert after == [("a = 0", None), *RIGHT_AFTER] and found == ["a is there 2 times: the last counts"]


def test_a_blank_copy_is_not_run():
    notebook = nbformat.v4.new_notebook(cells=[RIGHT[0], cell(HANDED_OUT["a"].source, "a"), *RIGHT[1:]])
    restore(notebook, HANDED_OUT)
    assert [c.cell_type for c in notebook.cells] == ["code", "raw", "code", "code", "code"]


def test_an_answer_below_its_test_takes_the_test_along():
    after, found = put_in_order(RIGHT[1], RIGHT[0], *RIGHT[2:])
    assert after == RIGHT_AFTER and found == ["a-test stood before its answer: it was run after it"]


def test_deleted_tests_come_back_after_what_the_student_wrote():
    after, found = put_in_order(cell("a = 1", "a"), cell("a += 1"), *RIGHT[2:3])
    assert after == [("a = 1", "a"), ("a += 1", None), ("assert a", "a-test"), ("b = 1", "b"), ("assert b", "b-test")]
    assert found == ["a-test was missing and put back", "b-test was missing and put back"]


def test_a_deleted_answer_stays_deleted():
    after, _ = put_in_order(cell("a = 1"), *RIGHT[1:])
    assert after == [("a = 1", None), *RIGHT_AFTER[1:]]


def test_an_edited_test_is_the_original_again_without_tags():
    edited = cell("assert True", "a-test", points=100, grade=False)
    edited.metadata["tags"] = ["skip-execution"]
    notebook = nbformat.v4.new_notebook(cells=[RIGHT[0], edited, *RIGHT[2:]])
    restore(notebook, HANDED_OUT)
    test = notebook.cells[1]
    assert test.source == "assert a" and "tags" not in test.metadata
    assert test.metadata.nbgrader == HANDED_OUT["a-test"].metadata
    assert notes(notebook) == ["a-test: points changed to 100, 1 count", "a-test was changed: the original was run"]


def test_unknown_ids_are_ordinary_cells():
    after, found = put_in_order(cell("x = 1", "x"), *RIGHT)
    assert after == [("x = 1", None), *RIGHT_AFTER] and "'x' was never handed out" in found[0]


@pytest.mark.parametrize("marks", [None, 1, "x", [], {}, {"grade_id": None}, {"grade_id": ["a"]}])
def test_marks_of_any_kind_do_no_harm(marks):
    odd = cell("x = 1")
    odd.metadata["nbgrader"] = marks
    after, _ = put_in_order(odd, *RIGHT)
    assert after == [("x = 1", None), *RIGHT_AFTER]


NOTEBOOK = json.dumps(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("é = 1")]), ensure_ascii=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding):
    assert read(NOTEBOOK.encode(encoding)).cells[0].source == "é = 1"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (NOTEBOOK.encode()[:-30], "cut off"),
        (NOTEBOOK.encode()[:25], "cut off"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"<<<<<<< HEAD\n{}", "conflict"),
        (b"{\n<<<<<<< HEAD\n}", "conflict"),
        (b"print(1)", "not JSON"),
        (b"\x00\x01\x02", "not JSON"),
        (b"null", "no cells"),
        (b"[1]", "no cells"),
        (b'{"nbformat": 4}', "no cells"),
        (b'{"cells": 1, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "cells are none"),
        (b'{"cells": [1], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "cells are none"),
        (b'{"cells": [], "nbformat": 9, "nbformat_minor": 0, "metadata": {}}', "that can be read"),
        (b"[" * 200_000, "nested"),
    ],
)
def test_what_is_no_notebook_says_what_it_is(data, reason):
    with pytest.raises(DatasetError, match=reason):
        read(data)


def test_a_students_own_notes_are_dropped():
    planted = json.loads(NOTEBOOK)
    planted["metadata"]["grading"] = {"notes": ["full marks, please"], "unreadable": True}
    assert "grading" not in read(json.dumps(planted).encode()).metadata
