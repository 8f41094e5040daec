"""Answers to the exercises of case_ska_telescope: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "case_ska_telescope-1": [
        "def delay_samples(dispersion, low, high, seconds):\n"
        "    return int(np.rint(4148.808 * dispersion * (low**-2 - high**-2) / seconds))\n",
    ],
    "case_ska_telescope-2": [
        """
def is_harmonic(f, g, seconds, most=8):
    ratios = {a / b for a in range(1, most + 1) for b in range(1, most + 1)}
    return bool(min(abs(f - ratio * g) for ratio in ratios) * seconds <= 1)
"""
    ],
    "case_ska_telescope-3": [
        # a halo, where the blocks are made long enough for it
        """
def dedispersed(sky, delays):
    halo = int(delays.max())
    length = sky.shape[1] - halo
    def add(block):
        sums = np.zeros((len(delays), block.shape[1] - halo), np.int32)
        for total, trial in zip(sums, delays):
            for channel, delay in zip(block, trial):
                total += channel[delay:delay + len(total)]
        return sums
    return sky.rechunk(-1).map_blocks(add, dtype=np.int32, chunks=((len(delays),), (length,)))
""",
        # one sum of a stack for each trial
        """
def dedispersed(sky, delays):
    length = sky.shape[1] - delays.max()
    return da.stack([
        da.stack([sky[c, d:d + length] for c, d in enumerate(trial)]).sum(axis=0, dtype=np.int32) for trial in delays
    ])
""",
    ],
    "case_ska_telescope-4": [
        # from the left, each as far as its reach goes
        """
def trial_dispersions(highest, width, loss):
    reach = width / SMEAR_SECONDS * (12 * ((1 / (1 - loss)) ** 4 - 1)) ** 0.5
    found, covered = [], 0.0
    while not found or covered < highest:
        found.append(covered + reach)
        covered += 2 * reach
    return found
"""
    ],
}

WRONG = {
    "case_ska_telescope-1": [
        (
            "megahertz for gigahertz",
            "def delay_samples(dispersion, low, high, seconds):\n    return round(DISPERSION_SECONDS * dispersion * (low**-2 - high**-2) / seconds)\n",
            "Frequencies are in MHz",
        ),
        (
            "the sign turned",
            "def delay_samples(dispersion, low, high, seconds):\n    return round(DISPERSION_SECONDS * dispersion * ((high / 1000) ** -2 - (low / 1000) ** -2) / seconds)\n",
            "the delay is positive",
        ),
        (
            "rounds down",
            "def delay_samples(dispersion, low, high, seconds):\n    return int(DISPERSION_SECONDS * dispersion * ((low / 1000) ** -2 - (high / 1000) ** -2) / seconds)\n",
            "1338 samples|to the nearest",
        ),
        (
            "seconds",
            "def delay_samples(dispersion, low, high, seconds):\n    return DISPERSION_SECONDS * dispersion * ((low / 1000) ** -2 - (high / 1000) ** -2)\n",
            "1338 samples",
        ),
    ],
    "case_ska_telescope-2": [
        (
            "whole multiples only",
            "def is_harmonic(f, g, seconds, most=8):\n    return any(abs(f - a * g) <= 1 / seconds for a in range(1, most + 1))\n",
            "may be below 1",
        ),
        (
            "whole multiples and parts, no ratios",
            "def is_harmonic(f, g, seconds, most=8):\n    return any(abs(f - a * g) <= 1 / seconds or abs(f - g / a) <= 1 / seconds for a in range(1, most + 1))\n",
            "both numbers may be above 1",
        ),
        (
            "a tolerance in per cent",
            "def is_harmonic(f, g, seconds, most=8):\n    n = range(1, most + 1)\n    return any(abs(f * b / a / g - 1) <= 1 / seconds for a in n for b in n)\n",
            "within 1/64|0.03 away",
        ),
        (
            "periods compared",
            "def is_harmonic(f, g, seconds, most=8):\n    n = range(1, most + 1)\n    return any(abs(1 / f - b / a / g) <= 1 / seconds for a in n for b in n)\n",
            "3.03 is 0.03 away",
        ),
        (
            "always up to 8",
            "def is_harmonic(f, g, seconds, most=8):\n    n = range(1, 9)\n    return any(abs(f - a / b * g) <= 1 / seconds for a in n for b in n)\n",
            "most|up to 4",
        ),
    ],
    "case_ska_telescope-3": [
        (
            "block by block, without the neighbour",
            """
def dedispersed(sky, delays):
    halo = int(delays.max())
    def add(block):
        sums = np.zeros((len(delays), block.shape[1]), np.int32)
        for total, trial in zip(sums, delays):
            for channel, delay in zip(block, trial):
                total[:max(0, len(total) - delay)] += channel[delay:]
        return sums
    whole = sky.rechunk({0: -1})
    return whole.map_blocks(add, dtype=np.int32, chunks=((len(delays),), whole.chunks[1]))[:, :sky.shape[1] - halo]
""",
            "where the blocks end",
        ),
        (
            "computes at once",
            """
def dedispersed(sky, delays):
    beam = sky.compute(scheduler="synchronous").astype(np.int32)
    length = beam.shape[1] - delays.max()
    return da.from_array(np.array([sum(beam[c, d:d + length] for c, d in enumerate(t)) for t in delays]).astype(np.int32))
""",
            "only plan",
        ),
        (
            "adds eight bits",
            """
def dedispersed(sky, delays):
    length = sky.shape[1] - delays.max()
    return da.stack([sum((sky[c, d:d + length] for c, d in enumerate(t) if c), start=sky[0, t[0]:t[0] + length]) for t in delays]).astype(np.int32)
""",
            "overflow",
        ),
        (
            "as long as the last trial's delays allow",
            """
def dedispersed(sky, delays):
    length, halo = sky.shape[1] - delays[-1].max(), delays.max()
    padded = da.pad(sky, ((0, 0), (0, halo)))
    return da.stack([sum(padded[c, d:d + length].astype(np.int32) for c, d in enumerate(t)) for t in delays])
""",
            "largest delay",
        ),
    ],
    "case_ska_telescope-4": [
        (
            "a reach apart",
            """
def trial_dispersions(highest, width, loss):
    reach = width * np.sqrt(12 * ((1 - loss) ** -4 - 1)) / SMEAR_SECONDS
    return np.arange(reach, highest + reach, reach)
""",
            "twice its reach",
        ),
        (
            "only the half of it",
            """
def trial_dispersions(highest, width, loss):
    reach = width * np.sqrt(12 * ((1 - loss) ** -4 - 1)) / SMEAR_SECONDS
    return np.arange(0, highest, 4 * reach)
""",
            "loses more than a tenth",
        ),
        (
            "begins at zero and stops short",
            """
def trial_dispersions(highest, width, loss):
    reach = width * np.sqrt(12 * ((1 - loss) ** -4 - 1)) / SMEAR_SECONDS
    return np.arange(0, highest - 2 * reach, 2 * reach)
""",
            "both ends",
        ),
        (
            "the root forgotten: a smear of the pulse's own width",
            """
def trial_dispersions(highest, width, loss):
    reach = width / SMEAR_SECONDS
    count = int(np.ceil(highest / (2 * reach)))
    return (np.arange(count) + 0.5) * highest / count
""",
            "are enough|loses more",
        ),
        (
            "in no order",
            """
def trial_dispersions(highest, width, loss):
    reach = width * np.sqrt(12 * ((1 - loss) ** -4 - 1)) / SMEAR_SECONDS
    count = max(1, int(np.ceil(highest / (2 * reach))))
    return ((np.arange(count) + 0.5) * highest / count)[::-1]
""",
            "increasing order",
        ),
    ],
}
