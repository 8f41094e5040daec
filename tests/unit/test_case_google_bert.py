"""The made-up language and its bound, what the notebook's lab gives it, the processes that keep their state, and the sockets."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from companion import DatasetError, EngineUnavailable, SettingError
from companion.datasets import sentences
from companion.labs.distributed import masked_language as lab
from companion.processes import remote, sockets

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
    return lab.mask(made.tokens, np.random.default_rng(seed)), made.topics


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


# Hiding words, its check, and what the check notices.


def test_the_masker_keeps_its_rule_for_every_seed_but_one_in_hundreds():
    tokens = sentences.documents(3_000, seed=9).tokens
    kept = [lab.keeps_the_rule(tokens, *lab.mask(tokens, np.random.default_rng(s))) for s in range(12)]
    assert sum(kept) >= 11


@pytest.mark.parametrize("wrong", ["all masked", "none stays", "a fifth", "special"])
def test_the_check_notices_a_wrong_masker(wrong):
    tokens = sentences.documents(3_000, seed=9).tokens
    shown, places, hidden = lab.mask(tokens, np.random.default_rng(1))
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
    assert not lab.keeps_the_rule(tokens, shown, places, hidden)


def test_a_row_in_words_has_no_padding():
    row = np.array([sentences.CLS, 4, sentences.MASK, sentences.SEP, sentences.PAD, sentences.PAD])
    assert lab.text(row) == f"[CLS] {sentences.vocabulary()[4]} [MASK] [SEP]"


def test_rows_by_length_keep_their_order_where_they_are_equal():
    rows = np.zeros((4, 32), np.int32)
    for row, words in enumerate((9, 5, 9, 3)):
        rows[row, :words] = row + 4
    assert lab.by_length(rows)[:, 0].tolist() == [7, 5, 4, 6]


def test_uneven_batches_begin_alike_and_end_with_the_longest_and_the_shortest_documents():
    tokens = sentences.documents(150, seed=9).tokens
    batches = list(lab.uneven_batches(tokens, np.random.default_rng(1)))
    assert all(part.shape[0] == 32 for pair in batches for batch in pair for part in batch)
    shares = [n0 / (n0 + n1) for n0, n1 in ([np.count_nonzero(batch[1]) for batch in pair] for pair in batches)]
    assert len(shares) == 9 and shares == sorted(shares) and abs(shares[0] - 0.5) < 0.1
    longest, shortest = (sorted((shown != sentences.PAD).sum(axis=1)) for shown, _, _ in batches[-1])
    words = sorted((tokens != sentences.PAD).sum(axis=1))
    assert shortest == words[:32] and longest == words[-32:] and words[32] < words[63]


def test_shares_hold_each_document_once_in_the_order_of_the_steps():
    tokens = sentences.documents(240, seed=9).tokens
    first, second = lab.shares(tokens, 5, steps=10)
    assert [part.shape for part in first] == [(10, 12, 32), (10, 12, 5), (10, 12, 5)]
    shown, places, hidden = (
        np.concatenate([a, b], axis=1).reshape(240, -1) for a, b in zip(first, second, strict=True)
    )
    whole = shown.copy()
    row, column = np.nonzero(places)
    whole[row, places[row, column]] = hidden[row, column]
    assert sorted(map(bytes, whole)) == sorted(map(bytes, tokens))
    rng = np.random.default_rng(5)
    assert all(
        (a == b).all() for a, b in zip(lab.mask(rng.permutation(tokens), rng), (shown, places, hidden), strict=True)
    )
    assert lab.shares(tokens, 6, steps=10)[0][0].tobytes() != first[0].tobytes()


# The network.


def test_the_lab_is_imported_without_tensorflow():
    code = "import sys; from companion.labs.distributed import masked_language; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorflow", "keras", "matplotlib", "scipy"} & set(loaded)


def test_a_network_says_words_at_its_places_and_looks_at_no_padding():
    import tensorflow as tf

    model = lab.bert(3)
    shown, places, _ = lab.mask(sentences.documents(6, seed=9).tokens, np.random.default_rng(1))
    logits = model([tf.constant(shown), tf.constant(places)]).numpy()
    assert logits.shape == (6, lab.MOST, lab.WORDS) and model.count_params() == 34_144
    assert model.get_layer("words").count_params() == lab.WORDS * 32
    turned = places[:, ::-1].copy()
    assert np.allclose(model([tf.constant(shown), tf.constant(turned)]).numpy()[:, ::-1], logits, atol=1e-5)
    row = int((shown != sentences.PAD).sum(axis=1).argmin())
    layer = model.get_layer("words")
    matrix = layer.get_weights()[0]
    matrix[sentences.PAD] = np.random.default_rng(0).normal(size=32)  # another vector for the padding
    layer.set_weights([matrix])
    words = slice(len(sentences.SPECIAL), None)
    again = model([tf.constant(shown), tf.constant(places)]).numpy()
    assert np.allclose(again[row, :, words], logits[row, :, words], atol=1e-4)


def test_first_values_are_those_of_the_seed_and_an_empty_optimizer():
    model = lab.bert(3)
    values, count = lab.first_values(3, 200), len(model.variables)
    assert all((value == variable.numpy()).all() for value, variable in zip(values, model.variables, strict=False))
    assert len(values) > 2 * count and all(
        not value.any() for value in values[count:] if np.ndim(value)
    )  # Adam's two memories
    same, other = (lab.weights_hash({"model": lab.bert(seed)}) for seed in (3, 4))
    assert lab.weights_hash({"model": model}) == same != other and len(same) == 8


def test_the_rate_rises_and_falls():
    optimizer = lab.adam(lab.bert(0), 200)
    rates = []
    for step in (0, 10, 20, 110, 200):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    assert rates == pytest.approx([0, 0.005, 0.01, 0.005, 0], abs=1e-6)


def test_what_was_saved_is_put_back_to_the_last_bit(tmp_path):
    import tensorflow as tf

    model = lab.bert(3)
    kept = {"strategy": tf.distribute.get_strategy(), "model": model, "optimizer": lab.adam(model, 200)}
    with pytest.raises(DatasetError, match=r"no step_\*\.npz"):
        lab.newest_checkpoint(tmp_path)
    kept["optimizer"].iterations.assign(41)
    saved, hashed = lab.values(kept), lab.weights_hash(kept)
    lab.save(kept, str(tmp_path), 41)
    lab.put(kept, lab.first_values(4, 200))
    assert lab.weights_hash(kept) != hashed and int(kept["optimizer"].iterations) == 0
    lab.save(kept, str(tmp_path), 9)
    (tmp_path / "part.npz").write_bytes(b"half of one")
    step, values = lab.newest_checkpoint(tmp_path)
    lab.put(kept, values)
    assert step == 41 and int(kept["optimizer"].iterations) == 41 and lab.weights_hash(kept) == hashed
    assert all((a == b).all() for a, b in zip(values, saved, strict=True))
    with pytest.raises(ValueError, match="shorter"):
        lab.put(kept, values[:-1])


@pytest.fixture
def fake_tensorflow(monkeypatch):
    """Notes which settings of threads were made; constants are what they are made of."""
    said = []
    threading = SimpleNamespace(
        set_intra_op_parallelism_threads=lambda n: said.append(("intra", n)),
        set_inter_op_parallelism_threads=lambda n: said.append(("inter", n)),
    )
    fake = SimpleNamespace(config=SimpleNamespace(threading=threading), constant=lambda value: value)
    monkeypatch.setitem(sys.modules, "tensorflow", fake)
    return said


def test_one_thread_is_one_within_and_between_operations(fake_tensorflow):
    lab.one_thread()
    assert sorted(fake_tensorflow) == [("inter", 1), ("intra", 1)]


def test_steps_are_timed_in_turns_without_the_first(fake_tensorflow, monkeypatch):
    clock, seen = SimpleNamespace(now=0.0), []

    def work(name, seconds):
        def step(number, word):
            first_turn = number < 10
            seen.append((name, number, word))
            clock.now += 100.0 if first_turn else seconds

        return step

    monkeypatch.setattr(lab.time, "perf_counter", lambda: clock.now)
    kept = {"alone": work("alone", 2.0), "summed": work("summed", 3.0)}
    data = [np.arange(20), np.arange(100, 120)]
    assert lab.step_seconds(kept, data, ("alone", "summed"), turns=1) == [2.0, 3.0]
    wanted = [(name, n, 100 + n) for first in (0, 10) for name in kept for n in range(first, first + 10)]
    assert seen == wanted


# Gradients and bytes.


def test_gradients_are_divided_and_compared_by_their_largest_numbers():
    tensor = SimpleNamespace(numpy=lambda: np.array([6.0, 3.0]))
    assert lab.per_word([tensor], 3)[0].tolist() == [2.0, 1.0]
    right = [np.array([1.0, -4.0]), np.array([[2.0]])]
    assert lab.furthest(right, right) == 0
    assert lab.furthest([np.array([1.0, -4.0]), np.array([[3.0]])], right) == 0.25
    with pytest.raises(ValueError, match="longer"):
        lab.furthest(right[:1], right)


def test_the_error_of_the_mean_is_the_error_of_the_weights():
    own, other = [np.array([1.0, 2.0]), np.array([3.0])], [np.array([2.0, 0.0]), np.array([5.0])]
    total = [(3 * a + b) / 4 for a, b in zip(own, other, strict=True)]
    assert lab.share_and_error((total, own, 30.0), (total, other, 10.0)) == pytest.approx((0.75, 0.25))
    assert lab.share_and_error((total, other, 10.0), (total, own, 30.0)) == pytest.approx((0.25, 0.25))


def test_the_count_of_bytes_is_taken_for_what_it_is_and_nothing_else():
    right = lab.as_predicted
    assert right(4 * 1000 * 1.02, 1000) and right(2 * 3 / 4 * 4 * 1000, 1000, workers=4)
    assert not right(4 * 1000 * 1.2, 1000) and not right(2 * 1000, 1000) and not right(4 * 1000 - 1, 1000)


# Baselines.


def test_counts_are_those_of_words_and_of_pairs_without_padding():
    row = [sentences.CLS, 10, 11, 10, sentences.SEP, sentences.PAD, sentences.PAD]
    known = lab.count(np.array([row, row]))
    assert known.frequency.sum() == pytest.approx(1) and not known.frequency[: len(sentences.SPECIAL)].any()
    assert known.frequency[10] / known.frequency[11] == pytest.approx(4.5 / 2.5)
    assert known.pairs[10, 11] == known.pairs[11, 10] == known.pairs[sentences.CLS, 10] == 2
    assert known.pairs.sum() == 8  # the four pairs of each row, none with padding


def test_a_guess_from_neighbours_shares_out_one_and_follows_what_it_has_counted():
    known = lab.count(sentences.documents(500, seed=9).tokens)
    shown, places, hidden = lab.mask(sentences.documents(1, seed=8).tokens, np.random.default_rng(1))
    total = 0.0
    for word in range(len(sentences.SPECIAL), lab.WORDS):
        total = total + np.exp(-lab.neighbour_losses(known, (shown, places, np.full_like(hidden, word)), 3, 0.5))
    assert total == pytest.approx(1)
    alone = lab.neighbour_losses(known, (shown, places, hidden), 3, 0)
    assert alone == pytest.approx(-np.log(known.frequency[hidden[places > 0]]))
    pairs = np.array([[sentences.CLS, 10, 11, 12, sentences.SEP], [sentences.CLS, 20, 21, 22, sentences.SEP]] * 50)
    batch = np.array([[sentences.CLS, 10, sentences.MASK, 12, sentences.SEP]]), np.array([[2]]), np.array([[11]])
    assert lab.neighbour_losses(lab.count(pairs), batch, 1, 1)[0] < 0.01
    for place, right, wrong in ((1, 10, 20), (3, 12, 22)):  # each of the two neighbours is looked at
        batch[0][0, place] = wrong
        assert lab.neighbour_losses(lab.count(pairs), batch, 1, 1)[0] == pytest.approx(np.log(2), abs=0.01)
        batch[0][0, place] = right


def test_the_settings_are_chosen_on_the_validation_documents():
    tokens = sentences.documents(3_000, seed=9).tokens
    batches = [lab.mask(sentences.documents(40, seed=s).tokens, np.random.default_rng(s)) for s in (5, 6)]
    found, known = lab.baselines(tokens, *batches), lab.count(tokens)
    assert found["both neighbours"] < found["word frequencies"]
    tried = {
        (smoothing, trust): [float(lab.neighbour_losses(known, batch, smoothing, trust).mean()) for batch in batches]
        for smoothing in (1, 3, 10, 30, 100)
        for trust in (0.3, 0.4, 0.5, 0.7, 1.0)
    }
    assert found["both neighbours"] == min(tried.values())[1] > min(test for _, test in tried.values())


# Figures.


def test_titles_say_what_was_found():
    (ax,) = lab.draw_unevenness(np.array([0.5, 0.75]), np.array([0.0, 0.25])).axes
    assert ax.get_title(loc="left") == "75% of the words on one worker: off by 0.25 distances"
    bars = {"word frequencies": 5.0, "both neighbours": 4.0, "BERT": 3.5, "best possible": 3.0}
    left, right = lab.draw_losses([[3.0] * 20, [2.0] * 20], [3.25, 3.75], bars).axes
    assert left.get_title(loc="left") == "All 2 seeds learn: 2.00 to 3.00 nats at the end"
    assert right.get_title(loc="left") == "BERT 3.25 to 3.75, neighbours 4.00"


def test_the_efficiency_of_a_thousand_chips_is_that_of_the_table():
    (ax,) = lab.draw_efficiency(0.8).axes
    assert ax.get_title(loc="left") == "Efficiency: 80% with our second worker, 75% on 1,024 chips"
    lines = {line.get_label(): line.get_xydata().tolist() for line in ax.get_lines()}
    (here,) = (points for label, points in lines.items() if label.startswith("here"))
    (table,) = (points for label, points in lines.items() if "one recipe" in label)
    (mixed,) = (points for label, points in lines.items() if "larger" in label)
    assert here == [[2.0, 0.8]] and table[0] == [1.0, 1.0] and [x for x, _ in table] == [2.0**n for n in range(7)]
    assert mixed[0] == pytest.approx([64, 1], abs=0.01)  # the famous 64 times


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


def test_of_processes_that_wait_for_each_other_all_are_kept_or_none():
    with remote.all_or_none("a", "b") as made:
        assert [one.name for one in made] == ["a", "b"] and [t for t, _ in remote.ask(made, add, [1, 2])] == [1, 2]
    assert [t for t, _ in remote.ask(made, add, [1, 2])] == [2, 4]  # the block is over, they are not
    for one in made:
        one.stop()
    for trouble in (KeyboardInterrupt, ValueError):
        with pytest.raises(trouble), remote.all_or_none("a", "b") as made:
            raise trouble
        assert len(made) == 2 and not any(one.process.is_alive() for one in made)


def test_when_the_second_does_not_start_the_first_is_stopped(monkeypatch):
    made = []

    class Half:
        def __init__(self, name):
            if name == "b":
                raise OSError("no more processes")
            made.append(self)

        def stop(self):
            made.remove(self)

    monkeypatch.setattr(remote, "Remote", Half)
    with pytest.raises(OSError, match="no more"), remote.all_or_none("a", "b"):
        pass
    assert made == []


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
