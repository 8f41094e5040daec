"""The corpus and its planted truths, the notebook's reader of ranges, its pool interrupted and killed at work, and its references."""

import io
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import nbformat
import numpy as np
import pytest
from conftest import NOTEBOOKS
from harness import chapters
from harness.kernels import Kernel
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import assert_gone, assert_no_new_shared_memory, marked, new_mark, shared_memory, until

from companion import DatasetError, SettingError, WorkspaceError
from companion.book import chapter
from companion.datasets import text

WORDS = [word for words in text.TOPICS.values() for word in words]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return text.write(tmp_path_factory.mktemp("corpus"), documents=5_000, real=False)


@pytest.fixture(scope="module")
def counted(corpus):
    """Words of each generated document, in lower case and without full stops."""
    lines = corpus.path.read_text().splitlines()[-5_000:]
    return [line.partition("\t")[2].lower().replace(".", "").split() for line in lines]


def test_the_same_seed_gives_the_same_bytes(tmp_path, corpus):
    again = text.write(tmp_path, documents=5_000, real=False)
    assert again.path.read_bytes() == corpus.path.read_bytes()
    assert next(text.generated(10, seed=1))[0] != next(text.generated(10, seed=0))[0]


def test_more_documents_begin_with_the_same_ones(corpus):
    lines, topics = next(text.generated(7))
    assert corpus.path.read_bytes()[corpus.generated_at :].startswith(lines)
    assert lines.count(b"\n") == len(topics) == 7 and np.array_equal(corpus.topics[:7], topics)


def test_the_description_fits_the_file(corpus):
    content = corpus.path.read_bytes()
    assert corpus.bytes == len(content) and corpus.documents == content.count(b"\n") == 5_002
    assert content[corpus.generated_at :].startswith(b"generated/0000000\t")
    names = [line.partition("\t")[0] for line in content.decode().splitlines()]
    assert len(set(names)) == len(names) and names[-1] == "generated/0004999"
    assert all(line.count("\t") == 1 for line in content.decode().splitlines())


def test_topics_are_planted(corpus, counted):
    for words in counted[:200]:
        topics = [sum(word in topic for word in words) for topic in text.TOPICS.values()]
        assert sum(n > 0 for n in topics) <= 2, "two topics a document"
    own = sum(
        word in list(text.TOPICS.values())[main]
        for words, main in zip(counted, corpus.topics, strict=True)
        for word in words
    )
    of_topics = sum(word in WORDS for words in counted for word in words)
    assert own / of_topics == pytest.approx(text.MAIN_SHARE, abs=0.01)
    assert of_topics / sum(map(len, counted)) == pytest.approx(text.TOPIC_SHARE, abs=0.01)


def test_other_words_follow_zipf(counted):
    counts = Counter(word for words in counted for word in words)
    vocabulary = text.vocabulary()
    for rank in (1, 10, 100):
        expected = counts[vocabulary[0]] * rank**-text.ZIPF
        assert counts[vocabulary[rank - 1]] == pytest.approx(expected, rel=6 / expected**0.5)


def test_pairs_stand_together(counted):
    joined = " ".join(word for words in counted for word in words)
    for pair in text.PAIRS:
        first, _, second = pair.partition(" ")
        together, alone = joined.count(pair), joined.count(first) - joined.count(pair)
        assert together > 150 and alone > 50, f"{pair}: both together and alone"
        assert second in joined


def test_no_word_has_two_meanings():
    halves = " ".join(text.PAIRS).split()
    assert len(set(WORDS)) == len(WORDS) == 12 * len(text.TOPICS) and len(set(halves)) == 12
    assert len(set(text.vocabulary())) == text.VOCABULARY
    assert not {*WORDS} & {*halves} and not {*text.vocabulary()} & {*WORDS, *halves}


def test_public_domain_text_is_there_without_printing(capsys):
    found = dict(text.public_domain())
    assert "Beautiful is better than ugly." in found["public-domain/zen-of-python"]
    assert len(found["public-domain/email-validator"]) > 10_000
    assert capsys.readouterr().out == ""


def test_manuals_are_prose_by_service():
    found = []
    for name, content in text.manuals():
        if name.startswith("b"):
            break
        found.append((name, content))
    assert len(found) > 1_000 and len(dict(found)) == len(found)
    assert {name.partition("/")[0] for name, _ in found} >= {"acm", "athena"}
    assert not any("\t" in content or "\n" in content or "<p>" in content for _, content in found)


def test_what_is_wrong_is_named(tmp_path, monkeypatch):
    with pytest.raises(SettingError, match="documents must be at least 1, got 0"):
        text.write(tmp_path, documents=0, real=False)
    monkeypatch.setitem(sys.modules, "botocore", None)
    with pytest.raises(DatasetError, match="botocore, which is missing: install it, or use real=False"):
        text.write(tmp_path, documents=1)
    with pytest.raises(WorkspaceError, match="MiB are needed"):
        text.write(tmp_path, documents=10**13)


def notebook_functions(*ids: str) -> dict:
    """What these cells of the notebook define."""
    cells = nbformat.read(NOTEBOOKS / chapter("multiprocessing_text").file, as_version=4).cells
    namespace: dict = {}
    for cell in cells:
        if cell.id in {f"mpt-{name}" for name in ids}:
            exec(cell.source, namespace)  # noqa: S102  (the project's own cells)
    return namespace


@pytest.fixture(scope="module")
def reader():
    return notebook_functions("tokens", "lines", "document", "map")


@given(
    content=st.lists(st.sampled_from([b"", b"a", b"bc", b"\n", b"\n\n", b"d\te\n", b"x" * 40])),
    cuts=st.lists(st.integers(0, 300)),
)
@settings(deadline=None, max_examples=200)
def test_ranges_have_each_line_exactly_once(reader, tmp_path_factory, content, cuts):
    path = tmp_path_factory.getbasetemp() / "ranges.txt"
    whole = b"".join(content)
    path.write_bytes(whole)
    edges = sorted({0, *(cut for cut in cuts if cut < len(whole)), len(whole)})
    found = [line for start, stop in pairwise(edges) for line in reader["lines"](path, start, stop)]
    assert [line for _, line in found] == whole.splitlines(keepends=True)
    assert all(whole[position : position + len(line)] == line for position, line in found)


@pytest.mark.parametrize("size", [5, 17, 64, 1000])
def test_a_line_without_end_is_reported_once_and_costs_nobody_else(reader, tmp_path, monkeypatch, size):
    monkeypatch.setitem(reader, "LONGEST", 16)
    path = tmp_path / "long.txt"
    path.write_bytes(b"a\tone two\nlong\t" + b"ha " * 100 + b"\nb\tthree\nno tab\nc\tcaf\xe9\nd\tfour")
    parts = [
        reader["count_range"](path, start, min(start + size, 400)) for start in range(0, path.stat().st_size, size)
    ]
    assert sum((words for words, _, _ in parts), Counter()) == Counter(["one", "two", "three", "four"])
    assert sum(documents for _, documents, _ in parts) == 3
    assert [fault for _, _, rejected in parts for fault in rejected] == [
        "long: longer than 16 bytes",
        f"the line at byte {path.read_bytes().index(b'no tab')}: no tab after a name",
        "c: byte 0xe9 is not UTF-8",
    ]


def once_working(kernel: Kernel, action: Callable[[], None]) -> threading.Thread:
    """A thread that does ``action`` when the kernel's two workers have begun to work."""

    def wait() -> None:
        # resource tracker, two workers
        if until(lambda: len(kernel.children()) >= 3 and kernel.busiest_child() >= 0.2):
            action()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.slow
def test_a_pool_interrupted_and_then_killed_leaves_nothing(scratch):
    entry, mark, before = chapter("multiprocessing_text"), new_mark(), shared_memory()
    cells = chapters.taught(entry)
    at = next(number for number, source in enumerate(cells) if "parallel_seconds =" in source)
    kernel = Kernel(NOTEBOOKS / entry.unit, mark)
    try:
        needed = [cell for cell in cells[:at] if "plain" not in cell and "frequencies" not in cell]  # not the slow loop
        for source in ["import time", *needed]:
            assert kernel.run(source)["status"] == "ok"
        thread = once_working(kernel, kernel.interrupt)
        # the signal goes to the workers too: which of them is noticed first is open
        assert kernel.run(cells[at]).get("ename") in ("KeyboardInterrupt", "BrokenProcessPool")
        thread.join()
        assert kernel.run("assert 1 + 1 == 2")["status"] == "ok", "the kernel is still usable"
        assert until(lambda: len(marked(mark)) <= 2), "the workers are gone"
        kernel.start(cells[at])
        once_working(kernel, lambda: os.kill(kernel.process.pid, signal.SIGKILL)).join()
    finally:
        kernel.close()
    assert_gone(mark)
    assert_no_new_shared_memory(before)


@pytest.mark.slow
def test_the_cluster_s_cells_run_as_they_are_printed(scratch):
    """The former ones named a module that was not imported and a file in another folder."""
    entry, mark = chapter("multiprocessing_text"), new_mark()
    cells = chapters.taught(entry)
    kernel = Kernel(NOTEBOOKS / entry.unit, mark)
    try:
        kernel.run("import time")
        for source in cells[: next(n for n, source in enumerate(cells) if source.startswith("def reduce(")) + 1]:
            if "plain" not in source and "frequencies" not in source:
                reply = kernel.run(source.replace("documents=DOCUMENTS", "documents=100, real=False"))
                assert reply["status"] == "ok", f"{reply.get('evalue')}, in\n{source}"
        (printed,) = chapters.printed_code(entry, "Take it further")
        reply = kernel.run(printed)
        assert reply["status"] == "ok", reply.get("evalue")
        same = "assert on_cluster == count_range(corpus.path, 0, corpus.bytes) and on_cluster[1] == corpus.documents"
        reply = kernel.run(same)
        assert reply["status"] == "ok", (reply.get("ename"), reply.get("evalue"))
        kernel.run("client.close()")
        kernel.end()
    finally:
        if kernel.process.is_running():
            kernel.kill()
    assert_gone(mark)


def test_a_window_keeps_every_worker_busy():
    """A window of four kept four of sixteen workers at work."""
    windowed = notebook_functions("pool", "windowed")["windowed"]
    meeting = threading.Barrier(16)
    with ThreadPoolExecutor(16) as pool:
        found = list(windowed(pool, lambda _: meeting.wait(20), [(n,) for n in range(16)], 32))
    assert sorted(found) == list(range(16))


# The reference solutions, held to their statements by properties.


@pytest.fixture(scope="module")
def references():
    return chapters.references(chapter("multiprocessing_text"))


parts = st.lists(st.lists(st.integers(0, 500), max_size=6), max_size=8)


@given(parts)
@settings(deadline=None)
def test_reference_combine_is_the_mean_however_it_was_cut(references, parts):
    whole = (0, 0.0)
    for part in parts:
        whole = references["combine"](whole, (len(part), sum(part) / max(len(part), 1)))
    every = [length for part in parts for length in part]
    assert whole[0] == len(every)
    assert whole[1] == pytest.approx(sum(every) / len(every) if every else 0)


@given(
    st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=12),
    st.integers(1, 9),
    st.booleans(),
)
@settings(deadline=None)
def test_reference_cuts_cover_whole_lines_in_order(references, lines, parts, ended):
    content = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    pairs = references["cuts"](io.BytesIO(content), parts)
    assert len(pairs) <= parts and all(start < stop for start, stop in pairs)
    assert b"".join(content[start:stop] for start, stop in pairs) == content
    assert all(start == 0 or content[start - 1 : start] == b"\n" for start, _ in pairs)


@given(st.lists(st.text("abcdef", max_size=30), min_size=1, max_size=6), st.integers(1, 5), st.randoms())
@settings(deadline=None)
def test_reference_counters_keep_their_promises_merged_in_any_order(references, texts, k, random):
    counted = [references["heavy"](iter(text), k) for text in texts]
    while len(counted) > 1:
        left, right = (counted.pop(random.randrange(len(counted))) for _ in range(2))
        counted.append(references["merge"](left, right, k))
    (found,), exact = counted, Counter("".join(texts))
    assert len(found) <= k and all(0 < n <= exact[word] for word, n in found.items())
    assert all(n - found.get(word, 0) <= exact.total() / (k + 1) for word, n in exact.items())


@given(st.lists(st.integers(0, 20), max_size=15), st.integers(1, 6))
@settings(deadline=None, max_examples=30)
def test_reference_as_finished_gives_each_result_once(references, numbers, window):
    with ThreadPoolExecutor(3) as pool:
        found = references["as_finished"](pool, lambda n: n * n, ((n,) for n in numbers), window)
        assert sorted(found) == sorted(n * n for n in numbers)
