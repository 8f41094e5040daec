"""Numbers in prose: each stands in a cell's code or output, has its source in the sentence, or a reason that is kept."""

import copy
import json

import prose
import pytest

from companion import book

#: it goes down as cells come to print their sentences; never up
EXCEPTIONS_AT_MOST = 12


def read(chapter) -> dict:
    return json.loads((book.folder() / chapter.file).read_text(encoding="utf-8"))


def test_every_number_in_the_prose_of_a_notebook_is_explained(chapter):
    new = prose.unexplained(prose.check(chapter.name, read(chapter)), prose.exceptions())
    assert new == [], "let a cell print the sentence, or put the number's source into it:\n" + "\n".join(map(str, new))


def test_every_exception_is_still_needed_and_they_become_fewer():
    found = {
        (finding.notebook, finding.number, " ".join(finding.sentence.split()))
        for chapter in book.BOOK
        for finding in prose.check(chapter.name, read(chapter))
    }
    kept = prose.exceptions()
    assert set(kept) <= found, "explained or gone by now: take them out of prose_exceptions.yaml"
    assert len({(notebook, sentence) for notebook, _, sentence in kept}) <= EXCEPTIONS_AT_MOST


def test_an_exception_needs_a_reason(tmp_path):
    path = tmp_path / "exceptions.yaml"
    path.write_text("dask_audio:\n- numbers: ['3']\n  sentence: We measured 3.\n  reason: ' '\n")
    with pytest.raises(ValueError, match="no reason"):
        prose.exceptions(path)


# Prove by breaking: planted sentences.


def planted(sentence: str, *cells: tuple[str, str], words: bool = False) -> list[str]:
    """The numbers found in a sentence, beside cells of ``(code, printed)``."""
    notebook = {
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": sentence},
            *(
                {
                    "cell_type": "code",
                    "metadata": {},
                    "source": source,
                    "outputs": [{"output_type": "stream", "name": "stdout", "text": printed}],
                }
                for source, printed in cells
            ),
        ]
    }
    return [finding.number for finding in prose.check("planted", notebook, words=words)]


@pytest.mark.parametrize(
    ("sentence", "numbers"),
    [
        ("The cluster was 3.7 times as fast.", ["3.7"]),
        ("We measured 1,234 requests/s.", ["1,234"]),
        ("It lost 17 % of its keys.", ["17"]),
        ("It takes 40 to 50 ms.", ["40", "50"]),
        ("It takes 40–50 ms.", ["40", "50"]),
        ("Between 49 and 100 times faster.", ["49", "100"]),
        ("**98 %** of them, in 12.5 s.", ["98", "12.5"]),
        ("The worker died at 14:05.", ["14:05"]),
        ("The day was 2025-03-04.", ["2025-03-04"]),
        ("- 77 files are left;\n- 88 are not", ["77", "88"]),
        ("| engine | s |\n|---|---|\n| Dask | 41.5 |", ["41.5"]),
        ("The first needs 0.25 s; the source is elsewhere. ([Adams, 2019](https://example.org/a))", ["0.25"]),
        ("Two sentences ([Adams, 2019](https://example.org/a)). And 85 workers.", ["85"]),
        ("Amdahl (1967) was right. 8.25 is the limit.", ["8.25"]),
        ("### 3 · Apply: 640 pictures (2 points)", ["640"]),
    ],
)
def test_a_planted_number_is_found_with_its_sentence(sentence, numbers):
    assert planted(sentence) == numbers


@pytest.mark.parametrize(
    "sentence",
    [
        "BERT was trained on 1,024 chips instead of 16 ([You et al., 2019](https://arxiv.org/abs/1904.00962)).",
        "Telescopes send 8 terabits a second (SKAO, 2025).",
        "It was measured ([Adams, 2019](https://example.org/a)):\n\n| a | 0.2529 |\n|---|---|\n| b | 0.0442 |",
        "In 2018 the game went down; since 1967 we know why.",
        "`timeout=35` and $S(16) = 1 / 0.35$ are code and formula.",
        "```python\nworkers = 640\n```",
        "Run:\n\n    export ACCOUNT=123456789012",
        "## 4 · Measure\n\n1. first\n2. second\n13. thirteenth",
        "### 2 · Apply: a page at once (3 points)",
        "See section 4.6 of RFC 3394, figure 12 and chapter 13.",
        "Redis 7.4 and version 6.2 know HTTP 503; SHA-256, UTF-8, int8, M/M/1, x86-64, h2o-3.",
        "**Sources.**\nN. J. Gunther, *Guerrilla Capacity Planning*, Springer 2007, pages 100 to 120, 512 pages.",
        "[part 12](12-privacy/notebook_34.ipynb)",
        "<!-- contents: written -->\n| a | 45 s |\n<!-- end of contents -->",
    ],
)
def test_what_is_no_figure_or_has_its_source_is_not_found(sentence):
    assert planted(sentence) == []


@pytest.mark.parametrize(
    ("sentence", "code", "printed"),
    [
        ("It was 1.7 times as fast.", "", "speed-up 1.74"),
        ("It lost 1.7 % of them.", "", "share 0.0168"),
        ("It lost 17 % of them.", "share = 0.17", ""),
        ("It lost 17 % of them.", "", "lost: 17 %"),
        ("We send 124,000 requests.", "requests = 124_000", ""),
        ("We send 5 million rows.", "rows = 5_000_000", ""),
        ("We send 5 million rows.", "", "5,000,000 rows"),
        ("It waits 250 ms.", "timeout = 0.25", ""),
        ("It waits ten minutes, or 10 minutes.", "ttl = 600", ""),
        ("It holds 64 MiB.", "", "67108864 bytes"),
        ("About 300 of them.", "", "297 found"),
        ("50 to 70 % load.", "low, high = 0.5, 0.7", ""),
        ("The rate is 0.002.", "rate = 2e-3", ""),
        ("The alarm came at 18:30.", "", "18:30 page"),
        ("The 14 of 96.", "", "| 14 | 96 |"),
    ],
)
def test_a_number_that_a_cell_holds_is_explained(sentence, code, printed):
    assert planted(sentence, (code, printed)) == []
    assert planted(sentence, ("x = 1", "nothing")) != []


@pytest.mark.parametrize(
    ("sentence", "printed"),
    [
        ("It was 1.8 times as fast.", "speed-up 1.74"),
        ("It lost 2.7 % of them.", "share 0.017"),
        ("200 files in 20 batches.", "100 files in 20 batches"),
        ("It takes 4 s.", "3.6 s"),
        ("About 300 of them.", "250 found"),
        ("It was 1.74 times as fast.", "speed-up 1.7"),
    ],
)
def test_another_value_explains_nothing(sentence, printed):
    assert len(planted(sentence, ("", printed))) == 1


def test_number_words_on_demand():
    assert planted("Three workers, half of them idle, a dozen files.", words=False) == []
    assert planted("Three workers, half of them idle, a dozen files.", words=True) == ["Three", "half", "dozen"]
    assert planted("Three workers.", ("n = 3", ""), words=True) == []


def test_a_table_that_is_stored_as_html_explains():
    notebook = {
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": "The oracle has 0.259."},
            {
                "cell_type": "code",
                "metadata": {},
                "source": "table",
                "outputs": [
                    {
                        "output_type": "execute_result",
                        "data": {"text/html": "<style>td {width: 9}</style><td>0.259</td>"},
                    }
                ],
            },
        ]
    }
    assert prose.check("planted", notebook) == []
    bare = copy.deepcopy(notebook)
    bare["cells"][1]["outputs"] = []
    assert [f.number for f in prose.check("planted", bare)] == ["0.259"]


def test_the_command_lists_what_is_new(tmp_path, capsys):
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "metadata": {}, "source": "A\nIt took 41.5 s."}]}))
    assert prose.main([str(path)]) == 1
    assert capsys.readouterr().out == "mine cell 0: 41.5, A It took 41.5 s.\n"
    assert prose.main(["start_here"]) == 0
    assert capsys.readouterr().out == ""
    with pytest.raises(SystemExit, match="2"):
        prose.main(["no_such_notebook"])
