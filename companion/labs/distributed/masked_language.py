"""What BERT on two workers needs beside the all-reduce: hiding words, the network, baselines, checkpoints, timing, figures.

A *batch* is three int32 arrays: the tokens as shown, shape (n, LENGTH); the chosen places, shape (n, MOST), 0 for none; and the words
hidden there, shape (n, MOST). Functions whose first argument is ``kept`` run in a worker (``companion.processes.remote``), which
keeps its ``strategy``, ``model``, ``optimizer`` and compiled functions there. Losses are in nats a hidden word.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from companion import draw
from companion.datasets.sentences import MASK, PAD, SPECIAL, vocabulary
from companion.errors import DatasetError

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

    Batch = tuple[np.ndarray, np.ndarray, np.ndarray]
    Answer = tuple[list[np.ndarray], list[np.ndarray], float]

#: tokens of a row, hidden words of a row at most, and tokens of the vocabulary
LENGTH, MOST, WORDS = 32, 5, len(vocabulary())
#: hours of BERT's training by TPU chips, one recipe for all (LAMB; on 16 chips the baseline), and of LAMB with batches of 64k and 32k
#: on 1,024: You et al., 2019, https://arxiv.org/abs/1904.00962, table 1
LAMB_HOURS = {16: 81.4, 32: 43.2, 64: 21.4, 128: 693.6 / 60, 256: 390.5 / 60, 512: 200.0 / 60, 1024: 101.2 / 60}
LAMB_MIXED_HOURS = 76.19 / 60


def text(tokens: np.ndarray) -> str:
    """A row of tokens in words, without the padding; shape (any,)."""
    return " ".join(vocabulary()[token] for token in tokens if token != PAD)


# hiding words


def _chosen(tokens: np.ndarray) -> np.ndarray:
    """How many words BERT's rule hides in each row: 15 %, rounded, at least one, at most MOST."""
    return np.clip(np.round(0.15 * (tokens != PAD).sum(axis=1)), 1, MOST)


def mask(tokens: np.ndarray, rng: np.random.Generator) -> Batch:
    """Hide words by BERT's rule; shape (n, LENGTH) to a batch.

    As ``create_masked_lm_predictions`` of google-research/bert (2018): a fixed number of a row's words, of which 80 % become [MASK],
    10 % any word, and 10 % stay.
    """
    order = np.where(tokens > MASK, rng.random(tokens.shape), 2).argsort(axis=1)[:, :MOST]
    places = np.where(np.arange(MOST) < _chosen(tokens)[:, None], order, 0).astype(np.int32)
    hidden = np.take_along_axis(tokens, places, axis=1)
    row, column = np.nonzero(places)
    draws, other = rng.random(len(row)), rng.integers(len(SPECIAL), WORDS, len(row))
    word = hidden[row, column]
    shown = tokens.copy()
    shown[row, places[row, column]] = np.where(draws < 0.8, MASK, np.where(draws < 0.9, word, other))
    return shown, places, hidden


def keeps_the_rule(tokens: np.ndarray, shown: np.ndarray, places: np.ndarray, hidden: np.ndarray) -> bool:
    """Whether a batch made of ``tokens`` keeps BERT's rule: counts exactly, shares by the exact binomial test at one in a thousand."""
    from scipy.stats import binomtest

    row, column = np.nonzero(places)
    there, word = shown[row, places[row, column]], hidden[row, column]
    masked, stayed = (there == MASK).sum(), (there == word).sum()
    same = 0.1 + 0.1 / (WORDS - len(SPECIAL))  # a random word is now and then the old one
    chance = min(binomtest(masked, len(row), 0.8).pvalue, binomtest(stayed, len(row), same).pvalue)
    counted = (np.count_nonzero(places, axis=1) == _chosen(tokens)).all()
    return bool(counted and word.min() > MASK and chance > 0.001)


def by_length(tokens: np.ndarray) -> np.ndarray:
    """The rows, the shortest documents first, equal ones in their order; shape (n, LENGTH)."""
    return tokens[np.argsort((tokens != PAD).sum(axis=1), kind="stable")]


def uneven_batches(tokens: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[Batch, Batch]]:
    """Batches of 32 documents for each of two workers, ever more of worker 0's the longest of all and of worker 1's the shortest."""
    ordered = by_length(tokens)
    for many in range(0, 33, 4):
        ends = ordered[len(ordered) - many :], ordered[:many]
        usual = tokens[: 32 - many], tokens[32 : 64 - many]
        first, second = (mask(np.concatenate(part), rng) for part in zip(ends, usual, strict=True))
        yield first, second


def shares(tokens: np.ndarray, seed: int, steps: int, workers: int = 2) -> list[list[np.ndarray]]:
    """The documents, shuffled and masked by the seed, cut into steps: for each worker a batch with one axis more, (steps, n, ...).

    The number of documents has to be a multiple of ``steps * workers``.
    """
    rng = np.random.default_rng(seed)
    parts = mask(rng.permutation(tokens), rng)
    return [[part.reshape(steps, workers, -1, part.shape[1])[:, worker] for part in parts] for worker in range(workers)]


# the network


def bert(seed: int, width: int = 32, heads: int = 4, layers: int = 2) -> keras.Model:
    """Tokens (n, LENGTH) and places (n, MOST) to logits (n, MOST, WORDS); the seed says all first weights.

    BERT made small: layers of attention, normalised before each, and one matrix from words to vectors and from vectors to words.
    """
    import keras

    keras.utils.set_random_seed(seed)
    dense, norm = keras.layers.Dense, keras.layers.LayerNormalization
    small = {"embeddings_initializer": keras.initializers.RandomNormal(stddev=0.05)}
    tokens, places = keras.Input((LENGTH,), dtype="int32"), keras.Input((MOST,), dtype="int32")
    words = keras.layers.ReversibleEmbedding(WORDS, width, name="words", **small)
    x = words(tokens) + keras.layers.Embedding(LENGTH, width, **small)(keras.ops.arange(LENGTH))
    there = keras.ops.expand_dims(tokens != PAD, 1)
    for _ in range(layers):
        y = norm()(x)
        x = x + keras.layers.MultiHeadAttention(heads, width // heads, use_bias=False)(y, y, attention_mask=there)
        x = x + dense(width)(dense(4 * width, "gelu")(norm()(x)))
    x = keras.ops.take_along_axis(x, keras.ops.expand_dims(places, -1), axis=1)
    return keras.Model([tokens, places], words(norm()(dense(width, "gelu")(norm()(x))), reverse=True))


def adam(model: keras.Model, steps: int) -> keras.optimizers.Optimizer:
    """Adam for the model's variables; its rate rises to 0.01 in 20 steps and falls to 0 until step ``steps``, along a cosine."""
    import keras

    rate = keras.optimizers.schedules.CosineDecay(0.0, steps - 20, warmup_target=0.01, warmup_steps=20)
    optimizer = keras.optimizers.Adam(rate, beta_2=0.98)
    optimizer.build(model.trainable_variables)
    return optimizer


def _variables(kept: Mapping[str, Any]) -> list[Any]:
    return [*kept["model"].variables, *kept["optimizer"].variables]


def values(kept: Mapping[str, Any]) -> list[np.ndarray]:
    """What stands in a worker's weights, and after them all that its optimizer remembers."""
    return [variable.numpy() for variable in _variables(kept)]


def first_values(seed: int, steps: int) -> list[np.ndarray]:
    """``values`` before the first step."""
    model = bert(seed)
    return values({"model": model, "optimizer": adam(model, steps)})


def weights_hash(kept: Mapping[str, Any]) -> str:
    """What stands in a worker's weights, to the last bit, in eight characters."""
    return hashlib.sha256(b"".join(variable.numpy().tobytes() for variable in kept["model"].variables)).hexdigest()[:8]


# in a worker


def one_thread() -> None:
    """Let TensorFlow compute with one thread in this process; before it has computed anything."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def put(kept: Mapping[str, Any], new: Sequence[np.ndarray]) -> None:
    """Set a worker's ``values``."""
    with kept["strategy"].scope():
        for variable, value in zip(_variables(kept), new, strict=True):
            variable.assign(value)


def save(kept: Mapping[str, Any], folder: str, step: int) -> None:
    """Write a worker's ``values`` to a file named after the step; it is whole, or not there."""
    part = Path(folder, "part.npz")
    np.savez(part, *values(kept))
    os.replace(part, Path(folder, f"step_{step:03}.npz"))


def newest_checkpoint(folder: Path) -> tuple[int, list[np.ndarray]]:
    """The step of the last file of ``save``, and the values in it.

    Raises:
        DatasetError: there is none.
    """
    found = sorted(folder.glob("step_*.npz"))
    if not found:
        raise DatasetError(f"no checkpoint in {folder}: no step_*.npz")
    with np.load(found[-1]) as arrays:
        return int(found[-1].stem.removeprefix("step_")), list(arrays.values())


def step_seconds(
    kept: Mapping[str, Any], data: Sequence[np.ndarray], names: Sequence[str], turns: int = 5
) -> list[float]:
    """Median seconds a step of each of a worker's functions, by its own clock; in turns of ten steps each, so that load meets all.

    The first turn of each doesn't count: functions are compiled in it. ``data`` has batches for ten steps for each turn, and ten more.
    """
    import tensorflow as tf

    seconds: dict[str, list[float]] = {name: [] for name in names}
    for first in range(0, 10 * (turns + 1), 10):
        for name in names:
            for step in range(first, first + 10):
                batch = [tf.constant(part[step]) for part in data]
                begin = time.perf_counter()
                kept[name](*batch)
                seconds[name].append(time.perf_counter() - begin)
    return [float(np.median(seconds[name][10:])) for name in names]


# gradients and bytes


def per_word(summed: Sequence[Any], count: Any) -> list[np.ndarray]:
    """Gradients of a summed loss (TensorFlow's tensors), divided by the number of hidden words: those of the mean loss."""
    return [gradient.numpy() / float(count) for gradient in summed]


def furthest(found: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> float:
    """The largest difference over all numbers of all tensors, relative to the largest number."""
    return max(np.abs(f - r).max() for f, r in zip(found, right, strict=True)) / max(np.abs(r).max() for r in right)


def share_and_error(first: Answer, second: Answer) -> tuple[float, float]:
    """Worker 0's share of the hidden words, and how far the mean of both workers' gradients is from the right one.

    The error is divided by the distance of the two (Euclidean, over all numbers).

    Args:
        first: of worker 0: the right gradient, its own, and its number of hidden words; second: the same of worker 1.
    """
    (total, own, n0), (_, other, n1) = first, second
    right, a, b = (np.concatenate([gradient.ravel() for gradient in grads]) for grads in (total, own, other))
    return n0 / (n0 + n1), float(np.linalg.norm((a + b) / 2 - right) / np.linalg.norm(a - b))


def as_predicted(measured: float, numbers: int, workers: int = 2) -> bool:
    """Whether measured bytes are those of a ring's all-reduce of so many 32-bit numbers, and less than 10 % more (gRPC's headers)."""
    return 1 <= measured / (2 * (workers - 1) / workers * 4 * numbers) < 1.1


# baselines


@dataclass(frozen=True)
class Counts:
    """What documents say without a network.

    Attributes:
        frequency: shape (WORDS,), the share of each word, smoothed by half a word; special tokens have 0.
        pairs: shape (WORDS, WORDS), how often the second came right behind the first; padding doesn't count.
    """

    frequency: np.ndarray
    pairs: np.ndarray


def count(tokens: np.ndarray) -> Counts:
    """Count the words and pairs of documents, shape (n, LENGTH)."""
    frequency = np.bincount(tokens[tokens > MASK], minlength=WORDS) + 0.5
    frequency[: len(SPECIAL)] = 0
    pairs = np.zeros((WORDS, WORDS))
    np.add.at(pairs, (tokens[:, :-1], tokens[:, 1:]), 1)
    pairs[PAD] = pairs[MASK] = pairs[:, PAD] = 0
    return Counts(frequency / frequency.sum(), pairs)


def neighbour_losses(known: Counts, batch: Batch, smoothing: float, trust: float) -> np.ndarray:
    """The losses of a guess from both neighbours, shape (chosen places,): what each of them says of the word, multiplied.

    Args:
        smoothing: how many words with the usual frequencies are added to what followed a neighbour.
        trust: the power to which a neighbour's word is raised, relative to the frequencies; 0 leaves the frequencies alone.
    """
    shown, places, hidden = batch
    row, column = np.nonzero(places)
    place, words = places[row, column], slice(len(SPECIAL), None)
    usual = known.frequency[words]
    scores = np.tile(np.log(usual), (len(row), 1))
    for seen in (known.pairs[shown[row, place - 1]][:, words], known.pairs.T[shown[row, place + 1]][:, words]):
        chance = (seen + smoothing * usual) / (seen.sum(axis=1, keepdims=True) + smoothing)
        scores += trust * (np.log(chance) - np.log(usual))
    scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return -scores[np.arange(len(row)), hidden[row, column] - len(SPECIAL)]


def baselines(tokens: np.ndarray, validation: Batch, test: Batch) -> dict[str, float]:
    """The mean loss on ``test`` of two that count ``tokens``: word frequencies, and both neighbours.

    The two settings of the second are those of 25 that do best on ``validation``.
    """
    known = count(tokens)
    settings = [(smoothing, trust) for smoothing in (1, 3, 10, 30, 100) for trust in (0.3, 0.4, 0.5, 0.7, 1.0)]
    best = min(settings, key=lambda pair: neighbour_losses(known, validation, *pair).mean())
    return {
        "word frequencies": float(-np.log(known.frequency[test[2][test[1] > 0]]).mean()),
        "both neighbours": float(neighbour_losses(known, test, *best).mean()),
    }


# figures


def draw_unevenness(share: np.ndarray, wrong: np.ndarray) -> Figure:
    """The error of the mean of means, in distances of the two means, by worker 0's share of the hidden words; shape (n,) both."""
    fig, ax = draw.figure(6.5, 3.4)
    ax.plot(share, np.abs(share - 0.5), color=draw.BLACK, linestyle="--", linewidth=1, label="predicted: |share − 1/2|")
    ax.plot(share, wrong, "o", label="mean of means, measured")
    ax.set(xlabel="share of the hidden words that worker 0 has", ylabel="error / distance of the two means")
    ax.set_title(f"{share.max():.0%} of the words on one worker: off by {wrong.max():.2f} distances")
    ax.legend()
    return fig


def draw_losses(curves: Sequence[Sequence[float]], each: Sequence[float], bars: Mapping[str, float]) -> Figure:
    """Training curves by seed, and held-out losses as bars, with those of each seed as dots on the third."""
    fig, (left, right) = draw.figure(10, 3.4, columns=2)
    for seed, curve in enumerate(curves):
        left.plot(np.convolve(curve, np.ones(10) / 10, "valid"), linewidth=1, label=f"seed {seed}")
    left.set(xlabel="step", ylabel="training loss in nats, mean of ten")
    ends = [np.mean(curve[-10:]) for curve in curves]
    left.set_title(f"All {len(curves)} seeds learn: {min(ends):.2f} to {max(ends):.2f} nats at the end")
    left.legend()
    right.barh(list(bars), list(bars.values()), color=[draw.SKY, draw.SKY, draw.BLUE, draw.BLACK])
    right.plot(each, [2] * len(each), "o", color=draw.ORANGE, label="each seed")
    right.set(xlabel="held-out loss in nats")
    right.set_title(f"BERT {min(each):.2f} to {max(each):.2f}, neighbours {bars['both neighbours']:.2f}")
    right.invert_yaxis()
    right.legend()
    return fig


def draw_efficiency(ours: float) -> Figure:
    """How much of each machine's time is left for work, by how many times the machines there are: LAMB's table, and our two workers.

    Efficiency is the speed-up over the fewest machines, divided by how many times as many there are.
    """
    fewest, longest = next(iter(LAMB_HOURS.items()))
    times = np.array([chips / fewest for chips in LAMB_HOURS])
    efficiency = longest / np.array(list(LAMB_HOURS.values())) / times
    fig, ax = draw.figure(7.5, 3.6)
    ax.axhline(1, color=draw.BLACK, linestyle="--", linewidth=1, label="ideal")
    ax.plot(times, efficiency, "o-", linewidth=1, label="LAMB, one recipe: 16 to 1,024 TPU chips")
    ax.plot(times[-1], longest / LAMB_MIXED_HOURS / times[-1], "D", color=draw.GREEN, label="LAMB, larger batches")
    ax.plot(2, ours, "s", color=draw.RED, markersize=9, label="here: two workers instead of one")
    ax.set_xscale("log", base=2)
    ax.set(xlabel="times as many machines", ylabel="efficiency", ylim=(0, 1.15), xticks=times)
    ax.set_xticklabels([f"{n:.0f}" for n in times])
    ax.set_yticks(np.arange(0, 1.1, 0.25), ["0%", "25%", "50%", "75%", "100%"])
    ax.set_title(f"Efficiency: {ours:.0%} with our second worker, {efficiency[-1]:.0%} on 1,024 chips")
    ax.legend(loc="lower right")
    return fig
