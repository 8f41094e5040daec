"""The hospitals' notebooks without PySyft: the references by their statements, the door, the attack and the audit on other seeds."""

import json
import math

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from harness import chapters
from scipy.stats import binom

from companion.book import chapter
from companion.datasets import hospital as data

HEALTHCARE = chapters.references(chapter("pysyft_healthcare"))
REFERENCES = chapters.references(chapter("pysyft_privacy"))


def taught(*starts: str, **names):
    """What the notebook's own cells define that hold one of these texts, run in order."""
    for source in chapters.taught(chapter("pysyft_privacy")):
        if any(start in source for start in starts):
            exec(source, names)  # noqa: S102  (the project's own cells)
    return names


@pytest.fixture(scope="module")
def notebook():
    """The mechanism, the attack and the audit as the notebook defines them."""
    records = data.records()
    names = {"np": np, "data": data, "records": records, "sites": data.sites(records, 0)[0], "start": np.zeros(9)}
    return taught(
        "MECHANISM =", "def scores(", "def epsilon_of(", "def transcript(", "def adds_up(", "def upper(", **names
    )


LIMITS = {"a": (0, 10), "b": (-1, 1)}
NUMBER = st.one_of(st.integers(-20, 20), st.floats(-2, 12), st.sampled_from([-0.0, 1e-12, float("nan"), float("inf")]))


@hypothesis.given(a=NUMBER, b=NUMBER, blanks=st.text(" \n\t", max_size=5), turned=st.booleans())
def test_what_leaves_the_door_is_a_function_of_the_rounded_numbers(a, b, blanks, turned):
    pairs = [("a", a), ("b", b)]
    left = HEALTHCARE["release"](json.dumps(dict(pairs[::-1] if turned else pairs)) + blanks, LIMITS)
    rounded = [round(float(value), 3) + 0.0 for _, value in pairs]
    fits = all(low <= value <= high for value, (low, high) in zip(rounded, LIMITS.values(), strict=True))
    assert (left is not None) == fits
    if left is not None:
        assert left == json.dumps(dict(zip(LIMITS, rounded, strict=True)))


@hypothesis.given(text=st.one_of(st.text(), st.recursive(st.none() | st.booleans() | NUMBER | st.text(max_size=4), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner)).map(json.dumps)))  # fmt: skip
def test_the_door_never_raises(text):
    left = HEALTHCARE["release"](text, LIMITS)
    assert left is None or list(json.loads(left)) == ["a", "b"]


@hypothesis.given(counts=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 12)), k=st.integers(1, 8))
def test_gaps_are_safe_and_no_fewer_would_be(counts, k):
    def safe(gaps):
        return not gaps or sum(gaps) - len(gaps) + 1 >= k

    small = [count for count in counts.values() if 0 < count < k]
    others = sorted(count for count in counts.values() if count >= k)
    found = HEALTHCARE["suppress"](counts, k)
    if found is None:
        assert not safe(small + others)
        return
    gaps = [counts[ward] for ward in found if found[ward] is None]
    assert found.keys() == counts.keys() and safe(gaps) and all(c in (None, counts[w]) for w, c in found.items())
    more = len(gaps) - len(small)
    assert sorted(gaps) == sorted(small + others[:more]) and (more == 0 or not safe(small + others[: more - 1]))


@hypothesis.given(runs=st.integers(1, 2000), data_=st.data(), delta=st.sampled_from([0.0, 1e-5, 0.1]))
def test_the_auditors_limit_is_clopper_and_pearsons(runs, data_, delta):
    errors = [data_.draw(st.integers(0, runs)) for _ in range(2)]
    found = REFERENCES["audited"](*errors, runs, delta)
    assert found >= 0
    if found > 0:  # at the limit that it stands on, so few errors have a probability of 2.5 %
        tries = []
        for one, other in (errors, errors[::-1]):
            if one < runs and other < runs:
                low, high = 0.0, 1.0
                for _ in range(60):
                    middle = (low + high) / 2
                    low, high = (middle, high) if binom.cdf(one, runs, middle) > 0.025 else (low, middle)
                a = low
                low, high = 0.0, 1.0
                for _ in range(60):
                    middle = (low + high) / 2
                    low, high = (middle, high) if binom.cdf(other, runs, middle) > 0.025 else (low, middle)
                tries.append((1 - delta - a) / low)
        assert found == pytest.approx(math.log(max(tries)), abs=1e-6)


@hypothesis.given(
    asked=st.lists(st.tuples(st.integers(1, 2), st.sets(st.sampled_from("abcdez"), max_size=4)), max_size=12)
)
def test_a_careful_hospital_says_one_set_a_round(asked):
    one, said = REFERENCES["Discloser"]("a", list("abcde"), 1.0, math.sqrt(3)), {}
    for number, lost in asked:
        told = one.disclose(number, sorted(lost, reverse=True))
        may = "a" not in lost and "z" not in lost and len(lost) <= 2 and said.get(number, lost) == lost
        assert told == (lost if may else set())
        if may:
            said[number] = lost


@hypothesis.given(hospitals=st.integers(1, 50), share=st.floats(0, 9), data_=st.data())
def test_what_is_left_of_the_noise_adds_up_in_squares(hospitals, share, data_):
    lost = data_.draw(st.integers(0, hospitals))
    telling = data_.draw(st.integers(0, hospitals - lost))
    left = REFERENCES["noise_left"](share, hospitals, lost, telling)
    assert left**2 == pytest.approx(share**2 * (hospitals - lost - telling), abs=1e-9)


@pytest.mark.parametrize(
    "content",
    [None, b"", b"[", b"[" * 100_000, b"nine", b"{}", b"[1,2,3]", b"[0,0,0,0,0,0,0,0,true]", b"[0,0,0,0,0,0,0,0,1.5]",
     b"[0,0,0,0,0,0,0,0,\"1\"]", b"[0,0,0,0,0,0,0,0,[1]]", b"[0,0,0,0,0,0,0,0,NaN]", b"[0,0,0,0,0,0,0,0,1e999]",
     b"[0,0,0,0,0,0,0,0," + b"9" * 400 + b"]", b"[0,0,0,0,0,0,0,0," + b"9" * 5000 + b"]", b"\xff\xfe\x00", b"[0,0,0,0,0,0,0,0,101]",
     b"[60,60,60,0,0,0,0,0,0]"],
)  # fmt: skip
def test_only_nine_whole_numbers_of_a_possible_length_are_taken_from_a_job(content):
    nine = taught("def nine(", UNIT=2**20)["nine"]
    assert nine(content, int, 100) is None
    assert nine(b"[0,0,0,0,0,0,0,60,-80]", int, 100) == [0, 0, 0, 0, 0, 0, 0, 60, -80], "exactly as long as may be"


def test_the_control_of_the_control_is_guessing(notebook):
    """On other seeds than the notebook's: where neither group was trained on, the attack says nothing."""
    runs = [notebook["scores"](seed, 23, 10, elsewhere=True) for seed in range(1000, 1060)]
    auc = np.array([(inside[:, None] > outside).mean() for inside, outside in runs])
    assert abs(auc.mean() - 0.5) < 4 * auc.std(ddof=1) / math.sqrt(len(auc))


def test_an_audit_convicts_what_is_broken_and_not_what_is_honest(notebook):
    """The notebook's own audit with fewer runs; a wrong scale and a forgotten clip are far enough off to be seen by those too."""
    promised = notebook["epsilon_of"](math.sqrt(notebook["ROUNDS"]) / notebook["NOISE"])
    loudest = 16
    assert max(notebook["audit"](loudest, runs=3000).values()) < promised
    for broken in ({"noise": notebook["NOISE"] / math.sqrt(10)}, {"rows": notebook["whole_length"]}):
        assert max(notebook["audit"](loudest, runs=3000, **broken).values()) > promised
