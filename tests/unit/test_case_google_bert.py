"""The made-up language and its bound, the processes that keep their state, the sockets, and the notebook's own functions."""

import os
import signal
import socket
import threading
import time
from functools import cache

import nbformat
import numpy as np
import psutil
import pytest
from conftest import NOTEBOOKS

from companion import DatasetError, EngineUnavailable, SettingError
from companion.book import chapter
from companion.datasets import sentences
from companion.processes import remote, sockets


@cache
def defined() -> dict:
    """What the notebook's cells define for masking and its check, run as they stand there."""
    names = {"sentences": sentences, "np": np, "LENGTH": 32, "WORDS": len(sentences.vocabulary())}
    for cell in nbformat.read(NOTEBOOKS / chapter("case_google_bert").file, as_version=4).cells:
        if cell.cell_type == "code" and "def mask(" in cell.source:
            exec(cell.source, names)  # noqa: S102  (the project's own cells)
        if cell.cell_type == "code" and "def keeps_the_rule(" in cell.source:
            exec(cell.source.split("batch = mask")[0], names)  # noqa: S102
        if cell.cell_type == "code" and "def as_predicted(" in cell.source:
            start = cell.source.index("def as_predicted(")
            exec(cell.source[start:].split("\n\n\n")[0], names)  # noqa: S102
    return names


# The language.


def test_the_same_seed_gives_the_same_documents_and_another_seed_others():
    first, second, other = (sentences.documents(200, seed=seed) for seed in (1, 1, 2))
    assert first.tokens.tobytes() == second.tokens.tobytes() and (first.topics == second.topics).all()
    assert not {row.tobytes() for row in first.tokens} & {row.tobytes() for row in other.tokens}


def test_documents_are_framed_and_padded():
    tokens = sentences.documents(500, seed=3).tokens
    words = (tokens > sentences.MASK).sum(axis=1)
    assert (tokens[:, 0] == sentences.CLS).all() and words.min() == 8 and words.max() == 30
    assert (tokens[np.arange(500), words + 1] == sentences.SEP).all()
    assert all((row[n + 2 :] == sentences.PAD).all() for row, n in zip(tokens, words, strict=True))


def test_the_planted_topic_is_in_the_words():
    """Each content word is one of its topic's; the words of a topic come as often as the language says."""
    made = sentences.documents(4_000, seed=4)
    chance = sentences.language()
    for topic in range(sentences.TOPICS):
        even = made.tokens[made.topics == topic][:, 2::2]
        words = even[even > sentences.MASK]
        assert (chance[topic, 1, words] > 0).all()
        found = np.bincount(words, minlength=chance.shape[2]) / len(words)
        assert np.abs(found - chance[topic, 1]).max() < 0.03


@pytest.mark.parametrize(("count", "length", "message"), [(0, 32, "documents: .* got 0"), (5, 9, "length: .* got 9")])
def test_a_wrong_setting_is_named(count, length, message):
    with pytest.raises(SettingError, match=message):
        sentences.documents(count, length=length)


# The bound.


def brute_force(shown, places, hidden):
    """The same by adding up every topic and every word, one place at a time."""
    chance, words, losses = sentences.language(), range(4, len(sentences.vocabulary())), []

    def likely(topic, place, word, there, told):
        alone = chance[topic, 1 - place % 2, word]
        if not told:
            return alone if there == word else 0.0
        return alone * (0.8 if there == sentences.MASK else 0.1 * (there == word) + 0.1 / len(words))

    for row, at, right in zip(shown, places, hidden, strict=True):
        told = set(at[at > 0].tolist())
        spots = [p for p in range(32) if row[p] >= sentences.MASK]
        for place, word in zip(at[at > 0], right[at > 0], strict=True):
            weight = np.zeros(len(sentences.vocabulary()))
            for topic in range(sentences.TOPICS):
                rest = [
                    sum(likely(topic, p, w, row[p], True) for w in words)
                    if p in told
                    else likely(topic, p, row[p], row[p], False)
                    for p in spots
                    if p != place
                ]
                weight[4:] += np.prod(rest) * np.array([likely(topic, place, w, row[place], True) for w in words])
            losses.append(-np.log(weight[word] / weight.sum()))
    return np.array(losses)


def hidden_words(count, seed):
    made = sentences.documents(count, seed=seed)
    return defined()["mask"](made.tokens, np.random.default_rng(seed)), made.topics


def test_the_bound_is_bayes_rule():
    batch, _ = hidden_words(6, 5)
    assert sentences.best_loss(*batch) == pytest.approx(brute_force(*batch), abs=1e-9)


def test_the_bound_is_worse_than_knowing_the_topic_and_better_than_frequencies():
    batch, topics = hidden_words(2_000, 6)
    row, column = np.nonzero(batch[1])
    place, word = batch[1][row, column], batch[2][row, column]
    chance = sentences.language()
    told = -np.log(chance[topics[row], 1 - place % 2, word])
    frequencies = -np.log(chance.mean(axis=0)[1 - place % 2, word])
    masked = batch[0][row, place] == sentences.MASK  # elsewhere the word that is shown tells more than the topic
    bound = sentences.best_loss(*batch)
    assert told[masked].mean() < bound[masked].mean() < frequencies[masked].mean() - 0.5


def test_the_bound_refuses_what_is_no_word():
    (shown, places, hidden), _ = hidden_words(3, 8)
    wrong = hidden.copy()
    wrong[places > 0] = sentences.CLS
    with pytest.raises(DatasetError, match="a hidden token is no word"):
        sentences.best_loss(shown, places, wrong)
    with pytest.raises(DatasetError, match="shapes do not fit"):
        sentences.best_loss(shown, places[:, :2], hidden)


# The notebook's masker, its check, and what the check notices.


def test_the_masker_keeps_its_rule_for_every_seed_but_one_in_hundreds():
    tokens = sentences.documents(3_000, seed=9).tokens
    kept = [
        defined()["keeps_the_rule"](tokens, *defined()["mask"](tokens, np.random.default_rng(s))) for s in range(12)
    ]
    assert sum(kept) >= 11


@pytest.mark.parametrize("wrong", ["all masked", "none stays", "a fifth", "special"])
def test_the_check_notices_a_wrong_masker(wrong):
    tokens = sentences.documents(3_000, seed=9).tokens
    shown, places, hidden = defined()["mask"](tokens, np.random.default_rng(1))
    row, column = np.nonzero(places)
    at = row, places[row, column]
    if wrong == "all masked":
        shown[at] = sentences.MASK
    if wrong == "none stays":
        shown[at] = np.where(shown[at] == hidden[row, column], sentences.MASK, shown[at])
    if wrong == "a fifth":  # one place more, where there is room
        places = np.where(places == 0, 1, places)
        hidden = np.take_along_axis(tokens, places, axis=1)
    if wrong == "special":
        places[0, 0], hidden[0, 0] = 0, 0
        places[1, 0], hidden[1, 0] = 31, tokens[1, 31] if tokens[1, 31] < 4 else sentences.SEP
    assert not defined()["keeps_the_rule"](tokens, shown, places, hidden)


def test_the_count_of_bytes_is_taken_for_what_it_is_and_nothing_else():
    right = defined()["as_predicted"]
    assert right(4 * 1000 * 1.02, 1000) and right(2 * 3 / 4 * 4 * 1000, 1000, workers=4)
    assert not right(4 * 1000 * 1.2, 1000) and not right(2 * 1000, 1000) and not right(4 * 1000 - 1, 1000)


# Processes that keep their state.


@pytest.fixture
def two():
    made = [remote.Remote(f"worker {n}") for n in range(2)]
    yield made
    for one in made:
        one.stop()
        assert not psutil.pid_exists(one.process.pid or 0) or not one.process.is_alive()


def add(kept, value):
    kept["sum"] = kept.get("sum", 0) + value
    return kept["sum"], os.getpid()


def test_what_a_function_keeps_is_there_for_the_next(two):
    assert [total for total, _ in remote.ask(two, add, [1, 10])] == [1, 10]
    answers = remote.ask(two, add, [2, 20])
    assert [total for total, _ in answers] == [3, 30]
    assert [pid for _, pid in answers] == [one.process.pid for one in two]


def fail(kept):
    raise ValueError("on purpose")


def test_an_error_is_told_and_the_process_goes_on(two):
    with pytest.raises(EngineUnavailable, match="worker 0: ValueError: on purpose"):
        remote.ask(two, fail)
    assert [total for total, _ in remote.ask(two, add, [5, 6])] == [5, 6]


def test_an_answer_that_nobody_fetched_is_not_taken_for_the_next(two):
    two[0].send(add, 1)
    assert remote.ask(two, add, [10, 10])[0][0] == 11


def pause(kept, seconds):
    time.sleep(seconds)


def test_a_dead_one_is_told_at_once_and_a_slow_one_in_time(two):
    with pytest.raises(EngineUnavailable, match=r"worker 0 has not answered after 0\.2 s"):
        two[0].answer(two[0].send(pause, 60), 0.2)
    two[1].process.kill()
    with pytest.raises(EngineUnavailable, match=r"worker 1 is dead \(exit code -9\)"):
        two[1].answer(two[1].send(pause, 60), 60)


def hold(kept):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_an_interrupt_of_the_kernel_is_not_for_them(two):
    assert remote.ask(two, hold) == [True, True]


# Sockets.


def listening(kept):
    server = socket.create_server(("0.0.0.0", 0))  # noqa: S104  (as TensorFlow's does)
    kept["server"] = server
    threading.Thread(target=server.accept, daemon=True).start()
    found = sockets.loopback_only()
    device = server.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16)
    return server.getsockname()[1], found, device.rstrip(b"\0")


def test_a_socket_that_listens_everywhere_is_bound_to_loopback(two):
    port, found, device = two[0].answer(two[0].send(listening), 30)
    assert found == [port] and device == b"lo"
    socket.create_connection(("127.0.0.1", port), 5).close()


def test_the_bytes_that_came_in_are_counted_to_the_last():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as out:
        into, _ = server.accept()
        with into:
            port = server.getsockname()[1]
            before = sockets.bytes_received([port])
            out.sendall(bytes(12_345))
            left = 12_345
            while left:
                left -= len(into.recv(left))
            assert sockets.bytes_received([port]) - before == 12_345
            assert sockets.bytes_received([1]) == 0
    assert sockets.loopback_seconds(1_000, repeats=3) > 0
