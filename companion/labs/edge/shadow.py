"""The vehicles' network: an embedding with fixed filters, in whole numbers, and a linear head that is learned; and its LiteRT files.

Ten filters of 5 x 5 pixels (edges, lines, a dot, a ring), whose weights are whole numbers that add up to nothing, and the largest
and smallest value of each in nine parts of the picture. The largest weight is 127: in 8 bits they are the same numbers. Sums of whole numbers below 2^24 are exact in float32, in any order: the
embedding is the same in every bit on every processor.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from companion.engines import litert as litert_engine
from companion.errors import DatasetError
from companion.labs.edge.fleet import CLASSES, SIDE
from companion.quiet import quiet

if TYPE_CHECKING:
    import keras

KERNEL, POOL = 5, 4  # pixels, both ways
PARTS = (SIDE - KERNEL + 1) // POOL  # of a picture, both ways
FILTERS = 20  # ten, and their negatives
FEATURES = PARTS * PARTS * FILTERS
_BATCH = 2048  # frames that LiteRT takes at a time


@cache
def filters() -> np.ndarray:
    """The weights, float32 whole numbers from -127 to 127, shape (5, 5, 20): ten filters, then the same with the other sign."""
    row, column = np.mgrid[-2:3, -2:3]
    ring = np.maximum(np.abs(row), np.abs(column))
    edges = [127 * np.sign(shape) for shape in (row, column, row * column, row + column, row - column)]
    marks = [_against_the_rest(mark) for mark in (column == 0, row == 0, ring <= 1, ring == 0, ring == 1)]
    ten = np.stack([*edges, *marks], axis=-1)
    return np.concatenate([ten, -ten], axis=-1).astype(np.float32)


def _against_the_rest(mark: np.ndarray) -> np.ndarray:
    """127 where the mark is, and whole numbers elsewhere that take it all back, as equal as they can be."""
    weights = np.where(mark, 127, 0)
    each, rest = divmod(127 * mark.sum(), np.sum(~mark))
    weights[~mark] = -each - (np.arange(np.sum(~mark)) < rest)
    return weights


@cache
def _layer() -> np.ndarray:
    """The ten filters at all places as one matrix, shape (256, 16 x 90): places of a part first, then parts and filters."""
    ten, inside = filters()[..., : FILTERS // 2], range(POOL * PARTS)
    matrix = np.zeros((SIDE, SIDE, POOL, POOL, PARTS, PARTS, FILTERS // 2), np.float32)
    for top in inside:
        for left in inside:
            place = (top % POOL, left % POOL, top // POOL, left // POOL)
            matrix[(slice(top, top + KERNEL), slice(left, left + KERNEL), *place)] = ten
    return matrix.reshape(SIDE * SIDE, -1)


def embed(frames: np.ndarray) -> np.ndarray:
    """What the head sees of each frame: float32 whole numbers, shape (n, 180), from uint8 frames, shape (n, 16, 16).

    Raises:
        DatasetError: no frames of this shape and type.
    """
    if frames.ndim != 3 or frames.shape[1:] != (SIDE, SIDE) or frames.dtype != np.uint8:
        raise DatasetError(f"frames are uint8 of shape (n, {SIDE}, {SIDE}), got {frames.dtype} {frames.shape}")
    found = np.empty((len(frames), PARTS * PARTS, FILTERS), np.float32)
    for start in range(0, len(frames), 512):
        pixels = frames[start : start + 512].reshape(-1, SIDE * SIDE).astype(np.float32)
        places = (pixels @ _layer()).reshape(len(pixels), POOL * POOL, PARTS * PARTS, FILTERS // 2)
        found[start : start + 512, :, : FILTERS // 2] = places.max(axis=1)
        found[start : start + 512, :, FILTERS // 2 :] = -places.min(axis=1)
    return np.maximum(found, 0).reshape(len(frames), FEATURES)


class Head(NamedTuple):
    """A linear head: ``weights`` (7, 180), ``bias`` (7,)."""

    weights: np.ndarray
    bias: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """How much speaks for each class, shape (n, 7), from features (n, 180)."""
        return features @ self.weights.T + self.bias

    def decide(self, features: np.ndarray) -> np.ndarray:
        """The class with the highest score, shape (n,)."""
        return self.scores(features).argmax(axis=1)


def network(head: Head) -> keras.Sequential:
    """``embed`` and a head as one Keras model, frames (n, 16, 16, 1) of 0 to 255 to scores (n, 7).

    What the head's weights have in common over the classes decides nothing and is taken away: it would waste the few values
    that 8 bits have.
    """
    import keras

    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            keras.layers.Conv2D(FILTERS, KERNEL, activation="relu", use_bias=False),
            keras.layers.MaxPooling2D(POOL),
            keras.layers.Flatten(),
            keras.layers.Dense(len(CLASSES)),
        ]
    )
    weights = (head.weights - head.weights.mean(axis=0)).T
    model.set_weights([filters()[:, :, None, :], weights, head.bias - head.bias.mean()])
    return model


def decisions(model: bytes, frames: np.ndarray) -> np.ndarray:
    """What a ``.tflite`` model, float32 or int8, decides on uint8 frames (n, 16, 16): the class of each, by LiteRT.

    Raises:
        SettingError: no TFLite model.
    """
    runtime = litert_engine.interpreter(model)
    source, target = runtime.get_input_details()[0], runtime.get_output_details()[0]
    found = np.empty(len(frames), np.int64)
    for start in range(0, len(frames), _BATCH):
        pixels = frames[start : start + _BATCH, ..., None].astype(np.float32)
        if source["dtype"] == np.int8:
            scale, zero = source["quantization"]
            pixels = np.clip(np.rint(pixels / scale + zero), -128, 127)
        if start == 0 or len(pixels) < _BATCH:  # the first batch, and the last one
            runtime.resize_tensor_input(source["index"], pixels.shape)
            with quiet():
                runtime.allocate_tensors()
        runtime.set_tensor(source["index"], pixels.astype(source["dtype"]))
        runtime.invoke()
        found[start : start + _BATCH] = runtime.get_tensor(target["index"]).argmax(axis=1)
    return found
