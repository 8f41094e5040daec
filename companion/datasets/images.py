"""Pictures that ship with installed packages: photographs cut into patches, and handwritten digits in slight variations.

All originals are real. What is simulated is only the cutting and the variation, from a seed.
"""

from __future__ import annotations

import numpy as np

from companion.errors import SettingError

PATCH = 32  # pixels, both ways

#: photograph by name, and the function of scikit-image or file of scikit-learn that holds it
_SKIMAGE = ("astronaut", "brick", "camera", "chelsea", "coffee", "grass", "gravel")
_SKLEARN = ("china", "flower")
PHOTOGRAPHS = tuple(sorted(_SKIMAGE + _SKLEARN))


def photograph(name: str) -> np.ndarray:
    """One photograph in grey, float32 in [0, 1], shape (rows, columns).

    Raises:
        SettingError: no such photograph.
    """
    if name not in PHOTOGRAPHS:
        raise SettingError(f"no photograph {name!r}; there are: {', '.join(PHOTOGRAPHS)}")
    if name in _SKLEARN:
        from sklearn.datasets import load_sample_image

        pixels = load_sample_image(f"{name}.jpg")
    else:
        from skimage import data

        pixels = getattr(data, name)()
    pixels = pixels.astype(np.float32) / 255
    # the luma of ITU-R BT.709, as skimage.color.rgb2gray has it
    return pixels @ np.array([0.2125, 0.7154, 0.0721], np.float32) if pixels.ndim == 3 else pixels


def patches(count: int, *, side: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Square cuttings from all photographs, as many from each.

    Args:
        count: how many altogether, a multiple of the number of photographs.
        side: ``left`` (the left 60 % of each photograph) or ``right`` (the right 30 %); no pixel is on both sides, so one
            can be learned from and the other tested on.
        seed: the same seed gives the same cuttings.

    Returns:
        ``(patches, labels)``: float32 in [0, 1], shape (count, 32, 32); index into ``PHOTOGRAPHS``, shape (count,).

    Raises:
        SettingError: another side, or a count that does not divide evenly.
    """
    if side not in ("left", "right"):
        raise SettingError(f"no side {side!r}; there are: left, right")
    each, rest = divmod(count, len(PHOTOGRAPHS))
    if rest or count <= 0:
        raise SettingError(f"count must be a positive multiple of {len(PHOTOGRAPHS)}, got {count}")
    rng = np.random.default_rng([seed, side == "right"])
    found = np.empty((count, PATCH, PATCH), np.float32)
    for number, name in enumerate(PHOTOGRAPHS):
        pixels = photograph(name)
        rows, columns = pixels.shape
        first, last = (0, int(0.6 * columns)) if side == "left" else (int(0.7 * columns), columns)
        tops = rng.integers(0, rows - PATCH + 1, each)
        lefts = rng.integers(first, last - PATCH + 1, each)
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (PATCH, PATCH))
        found[number * each : (number + 1) * each] = windows[tops, lefts]
    return found, np.repeat(np.arange(len(PHOTOGRAPHS)), each)


def digits(copies: int = 10, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scikit-learn's 1,797 handwritten digits, enlarged, each in ``copies`` variations (shift, contrast, noise).

    Returns:
        ``(images, labels, originals)``: float32 in [0, 1], shape (n, 32, 32); the digit, shape (n,); the number of the
        original, shape (n,). Variations of one original must stay on one side of a split.
    """
    from skimage.transform import resize
    from sklearn.datasets import load_digits

    if copies < 1:
        raise SettingError(f"copies must be at least 1, got {copies}")
    source = load_digits()
    large = np.stack([resize(image / 16, (24, 24), order=1) for image in source.images]).astype(np.float32)
    rng = np.random.default_rng(seed)
    originals = np.repeat(np.arange(len(large)), copies)
    found = np.zeros((len(originals), PATCH, PATCH), np.float32)
    for row, (top, left) in enumerate(rng.integers(1, PATCH - 24, (len(originals), 2))):
        found[row, top : top + 24, left : left + 24] = large[originals[row]]
    found *= rng.uniform(0.6, 1.0, (len(found), 1, 1)).astype(np.float32)
    found += 0.02 * rng.standard_normal(found.shape, np.float32)
    return np.clip(found, 0, 1), source.target[originals], originals
