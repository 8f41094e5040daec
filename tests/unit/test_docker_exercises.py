"""The exercises of docker_model and docker_nlp: their own answers hold what their statements say, on inputs drawn at random;
and what the notebooks' lab reads out of a build's log and out of a HEALTHCHECK.
"""

import hashlib
import itertools
import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
import requests
from conftest import NOTEBOOKS
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import EngineUnavailable, SettingError
from companion.book import chapter
from companion.configs import layers
from companion.labs.containers import builds, healthcheck, service


def solution(grade_id: str, **names):
    """What the book's own answer to an exercise defines."""
    file = NOTEBOOKS / chapter(grade_id.rpartition("-")[0]).file
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    source = next("".join(c["source"]) for c in cells if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)
    space = {"Path": Path, "hashlib": hashlib, "json": json, "np": np, "layers": layers, **names}
    exec(source, space)  # noqa: S102  (the repository's own)
    return space


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_intact_is_true_for_the_described_bytes_and_no_others(described, stored):
    intact = solution("docker_model-1")["intact"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.skops").write_bytes(stored)
        (folder / "manifest.json").write_text(json.dumps({"sha256": hashlib.sha256(described).hexdigest()}))
        assert intact(folder) is (described == stored)
        (folder / "model.skops").unlink()
        assert intact(folder) is False


@pytest.mark.parametrize("flag", ["--link", "--chmod=644"])
def test_a_flag_of_buildkit_alone_does_not_build_with_any_builder(flag):
    with pytest.raises(SettingError, match=f"knows no {flag.partition('=')[0]} of COPY"):
        layers.placed(f"FROM python\nCOPY {flag} app.py /app/\n", {"app.py"})


def test_a_pattern_may_begin_with_a_bracket():
    text = "FROM python\nWORKDIR /app\nCOPY [am]*.* ./\n"
    assert set(layers.placed(text, {"app.py", "model.skops", "x.txt"})[-1].files) == {"/app/app.py", "/app/model.skops"}
    assert [step.keyword for step in layers.again(text, {"model.skops"})] == ["COPY"]


def test_the_order_of_layers_is_what_its_statement_asks():
    text = solution("docker_model-2")["DOCKERFILE"]
    placed = layers.placed(text, {"requirements.txt", "app.py", "model.skops"})
    assert {"/app/app.py", "/app/model.skops"} <= set(placed[-1].files)
    for changed, again in (("app.py", False), ("model.skops", False), ("requirements.txt", True)):
        assert any(step.keyword == "RUN" for step in layers.again(text, {changed})) is again


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)), max_size=5))
def test_no_other_order_costs_less(numbers):
    best_order = solution("docker_model-3")["best_order"]
    steps = [{"name": f"s{i}", "seconds": a, "changes": b} for i, (a, b) in enumerate(numbers)]

    def cost(order) -> float:
        row = [steps[int(name[1:])] for name in order]
        return sum(s["changes"] * sum(later["seconds"] for later in row[i:]) for i, s in enumerate(row))

    found = best_order(steps)
    assert sorted(found) == sorted(s["name"] for s in steps)
    assert cost(found) <= min(map(cost, itertools.permutations(found))) * (1 + 1e-9)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 4), st.integers(1, 6), st.floats(0.001, 50), st.integers(0, 2**32 - 1))
def test_honest_keeps_the_order_the_sum_and_undoes_itself(texts, languages, temperature, seed):
    honest = solution("docker_nlp-2")["honest"]
    rows = np.random.default_rng(seed).dirichlet(np.ones(languages), size=texts)
    before = rows.copy()
    warm = honest(rows, temperature)
    assert np.array_equal(rows, before) and warm.shape == rows.shape
    assert np.allclose(warm.sum(axis=1), 1) and (warm.argmax(axis=1) == rows.argmax(axis=1)).all()
    if 0.5 < temperature < 2:
        assert np.allclose(honest(warm, 1 / temperature), rows, atol=1e-6)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.5, 5.0, 9.99, 10.0, 11.0, 500.0]), max_size=25), st.integers(0, 30))
def test_restarts_wait_as_the_statement_says(lives, most):
    moments = solution("docker_nlp-3")["restart_times"](list(lives), most)
    assert len(moments) == min(len(lives), most) and (not moments or moments[0] == 0)
    short = 0  # runs since the last long one, that one not counted
    for lived, now, following in zip(lives, moments, moments[1:], strict=False):
        short = 0 if lived >= 10 else short
        assert math.isclose(following - now - lived, min(60.0, 0.1 * 2**short), abs_tol=1e-6)
        short += 1


def test_the_health_check_is_what_its_statement_asks():
    found = healthcheck.by_rules(solution("docker_nlp-1")["HEALTHCHECK"])
    assert found == {
        "Test": ["CMD", "python", "-m", "serving.healthcheck"], "Interval": 15, "Timeout": 2, "StartPeriod": 30, "Retries": 4,
    }  # fmt: skip


def test_an_option_given_twice_is_refused():
    with pytest.raises(SettingError, match="given twice: --timeout"):
        healthcheck.by_rules("HEALTHCHECK --timeout=5s --timeout=2s CMD x")


def test_a_request_whose_worker_died_is_asked_again():
    answers = [requests.ConnectionError("its worker is gone"), False, True]

    def ask() -> bool:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    service.until(None, ask)
    assert answers == []


# a build's log

LOG = [
    {"stream": "Step 1/5 : ARG BASE=python"},
    {"stream": "Step 2/5 : FROM ${BASE}"},
    {"stream": " ---> 30a961ef1d0a\n"},
    {"stream": "Step 3/5 : COPY a   /a"},
    {"stream": " ---> Using cache\n"},
    {"stream": "Step 4/5 : RUN pip  install -r /a"},
    {"stream": " ---> Running in 1\n"},
    {"stream": "Step 5/5 : LABEL companion.session=1"},
    {"stream": " ---> Running in 2\n"},
    {"aux": {"ID": "sha256:1"}},
]


def test_a_log_says_which_steps_were_made_and_which_were_not():
    build = builds.follow(LOG)
    assert build.id == "sha256:1" and build.steps == (("COPY a /a", True), ("RUN pip install -r /a", False))
    assert build.made == ["RUN pip install -r /a"]
    assert "1 steps made,  1 from the cache" in str(build)


def test_without_a_package_index_there_is_no_engine_to_build_with():
    """The notebooks go on without one then, instead of ending with a traceback."""
    failed = [{"stream": "Step 1/2 : RUN python -m pip download x"}, {"error": "no route to host"}]
    with pytest.raises(EngineUnavailable, match="can't download the packages: no route"):
        builds.follow(failed)
    with pytest.raises(SettingError, match=r"stopped at 'COPY a b \.': .* end with a /"):
        builds.follow([{"stream": "Step 2/2 : COPY a b ."}, {"error": "the destination must end with a /"}])
