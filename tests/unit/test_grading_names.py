"""Whose file, which notebook: what file names say."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.grading import names


@pytest.mark.parametrize(
    "name", ["anna_b", "müller", "eva smith", "anna@uni.de", "Renée", "李明", "o'brien", "a__b", "1234567", "X Æ A-12"]
)
def test_a_readable_name_is_its_own_id(name):
    assert names.student_id(name) == name


@pytest.mark.parametrize(
    ("name", "made"),
    [("x,y", "x~2cy"), ("=1+1", "~3d1~2b1"), ("..", "~2e."), ("-rf", "~2drf"), ("a/b", "a~2fb"), ("a*b", "a~2ab"),
     ("a~2cb", "a~7e2cb"), ("  eva   smith ", "eva smith"), ("a\u200bb", "a~200bb"), ("@home", "~40home")],
)  # fmt: skip
def test_any_other_sign_is_spelt_out(name, made):
    assert names.student_id(name) == made


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
def test_an_id_is_safe_and_belongs_to_one_name(one, other):
    made = names.student_id(one)
    assert not set(made) & set('/\\*?[]{}",+\n\0') and not made.startswith((".", "-", "=", "@"))
    assert len(made.encode()) < 200 and made == made.strip()
    same = " ".join(unicodedata.normalize("NFC", one).split()) == " ".join(unicodedata.normalize("NFC", other).split())
    assert (made == names.student_id(other)) is same


def test_both_unicode_spellings_are_one_student():
    assert names.student_id(unicodedata.normalize("NFD", "zoë")) == names.student_id("zoë") == "zoë"


@pytest.mark.parametrize(
    ("stem", "folders", "found"),
    [
        ("anna_b__start_here", (), ("anna_b", "start_here")),
        ("a__b__start_here", (), ("a__b", "start_here")),
        ("start_here", ("anna",), ("anna", "start_here")),
        ("start_here", ("anna__work", "inside"), ("anna", "start_here")),
        ("start_here", ("Anna Bell_12345_assignsubmission_file_",), ("Anna Bell", "start_here")),
        ("start_here", (), (None, "start_here")),
        ("__start_here", (), (None, "start_here")),
    ],
)
def test_student_and_notebook(stem, folders, found):
    assert names.split(stem, folders) == found


@pytest.mark.parametrize(
    ("written", "copy"),
    [("start_here", 0), ("start_here (1)", 1), ("start_here(12)", 12), ("start_here - Kopie", 1), ("start_here - Copy (2)", 2),
     ("start_here-Copy1", 1), ("start_here copy 3", 3), ("start_here_copy", 1), ("START_HERE", 0), ("Copy of start_here", 0),
     ("start here", 0), ("start-here (1) (1)", 1)],
)  # fmt: skip
def test_a_copy_is_known_by_its_mark(written, copy):
    assert names.known(written, ["start_here", "other"]) == "start_here"
    assert names.copy_number(written) == copy


@pytest.mark.parametrize("written", ["start", "start_here_2", "homework", "", "copy"])
def test_another_name_is_not_guessed(written):
    assert names.known(written, ["start_here", "other"]) is None


@pytest.mark.parametrize(
    ("file", "stem"),
    [
        ("a.ipynb", "a"),
        ("a.IPYNB", "a"),
        ("a.ipynb.txt", "a"),
        ("a.ipynb (1)", "a (1)"),
        ("a.b.ipynb.json", "a.b"),
        ("a.py", None),
    ],
)
def test_endings(file, stem):
    assert names.without_ending(file) == stem
