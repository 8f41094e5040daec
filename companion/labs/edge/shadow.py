"""The part of the vehicles' network that stays as it is: an embedding with fixed filters, in whole numbers.

Ten filters of 5 x 5 pixels (edges, lines, a dot, a ring), whose weights are whole numbers that add up to nothing, and the largest
and smallest value of each in nine parts of the picture. The largest weight is 127: in 8 bits they are the same numbers. Sums of whole numbers below 2^24 are exact in float32, in any order: the
embedding is the same in every bit on every processor.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from companion.errors import DatasetError
from companion.labs.edge.fleet import SIDE

KERNEL, POOL = 5, 4  # pixels, both ways
PARTS = (SIDE - KERNEL + 1) // POOL  # of a picture, both ways
FILTERS = 20  # ten, and their negatives
FEATURES = PARTS * PARTS * FILTERS


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
