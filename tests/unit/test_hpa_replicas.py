"""The replica calculation against the cases of Kubernetes' own unit tests (data/hpa), and its properties."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import checkout
from companion.errors import SettingError
from companion.simulate.hpa import Metric, MetricError, Pod, PodMetric, Settings, Turn, group_pods, propose, upstream
from companion.simulate.hpa.replicas import Tolerance
from companion.simulate.hpa.turn import LONG_AGO

FILE = checkout.folder("data/hpa") / "replica_calculator.json"
VECTORS = json.loads(FILE.read_text())
OLD = Settings(
    tolerance=VECTORS["settings"]["tolerance"],
    cpu_initialization_seconds=VECTORS["settings"]["cpu_initialization_s"],
    initial_readiness_seconds=VECTORS["settings"]["initial_readiness_delay_s"],
    rules="1.20",
)
NEW = replace(OLD, rules="current")
CASES = upstream.cases(FILE)


def test_the_vectors_are_all_there():
    assert len(CASES) == VECTORS["counts"]["applicable"] == 59
    kinds = {(case.metric.type, case.metric.target_type) for case in CASES}
    assert len(kinds) == 6 and sum(case.expected == (None, None, None) for case in CASES) == 2


@pytest.mark.parametrize("rules", ["1.20", "current"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_upstream_case(case, rules):
    """Every one holds under the rules of its own release, and under the present ones too."""
    assert case.answer(replace(case.settings, rules=rules)) == case.expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        ("{}", "not a file of cases: KeyError\\('settings'\\)"),
        ("[", "not a file of cases"),
    ],
)
def test_vectors_that_are_none(tmp_path, content, message):
    if content is not None:
        (tmp_path / "cases.json").write_text(content)
    with pytest.raises(SettingError, match=f"^cases.json: {message}"):
        upstream.cases(tmp_path / "cases.json")


def grouped(row: dict, settings: Settings) -> dict:
    pods = [upstream.pod_of(entry) for entry in row["pods"]]
    samples = {
        entry["name"]: PodMetric(*(entry["metric"][key] for key in ("usage_milli", "taken_s", "window_s")))
        for entry in row["pods"]
        if entry["metric"]
    }
    ready, *sets = group_pods(Turn(len(pods), pods, settings=settings), samples, cpu=row["resource"] == "cpu")
    return {"ready_count": ready} | dict(zip(("unready", "missing", "ignored"), map(sorted, sets), strict=True))


@pytest.mark.parametrize("row", VECTORS["extra_group_pods"], ids=lambda row: f"row{row['row']}")
def test_upstream_groups(row):
    assert grouped(row, OLD) == row["expected"]


@pytest.mark.parametrize("row", VECTORS["extra_group_pods"], ids=lambda row: f"row{row['row']}")
def test_the_present_rules_group_alike_but_for_pods_that_succeeded(row):
    running = {**row, "pods": [p | {"phase": p["phase"].replace("Succeeded", "Running")} for p in row["pods"]]}
    assert grouped(running, NEW) == row["expected"]
    succeeded = {p["name"] for p in row["pods"] if p["phase"] == "Succeeded" and not p["deleted"]}
    assert succeeded <= set(grouped(row, NEW)["ignored"])


@pytest.mark.parametrize("probe", VECTORS["extra_tolerance_probes"])
def test_tolerance_in_the_last_bit(probe):
    ratio = probe["mean_milli"] / probe["target_milli"]
    assert Tolerance(0.1, 0.1, interval=False).holds(ratio) is probe["inside_tolerance"]
    # the present check draws the line by other arithmetic: 1.1 <= 1 + 0.1 holds, |1 - 1.1| <= 0.1 does not
    assert Tolerance(0.1, 0.1, interval=True).holds(ratio)


CPU = Metric("Resource", "cpu", "Utilization", 60)
REQUESTS = {"app": {"cpu": 500}}


def fleet(count: int, **options) -> list[Pod]:
    return [Pod(f"p{i}", requests=REQUESTS, **options) for i in range(count)]


def test_a_utilisation_is_truncated():
    # 329 of 500 is 65.8 %; 65 / 60 is inside the tolerance of 9 %, 65.8 / 60 would not be
    samples = {pod.name: PodMetric(329) for pod in fleet(10)}
    found = propose(CPU, samples, Turn(10, fleet(10), settings=Settings(tolerance=0.09)))
    assert (found.utilization, found.replicas) == (65, 10)


def test_the_multiplier_is_the_ready_pods_not_the_replicas():
    pods = [*fleet(4), Pod("gone", phase="Failed", requests=REQUESTS)]
    samples = {pod.name: PodMetric(500) for pod in pods}
    assert propose(CPU, samples, Turn(5, pods)).replicas == 7  # ceil(100/60 * 4), not ceil(100/60 * 5) = 9


def test_a_missing_pod_counts_against_the_direction():
    down = {f"p{i}": PodMetric(100) for i in range(3)}  # 20 % of 500
    # (3 * 100 + 500) / 2000 = 40 %; 40/60 * 4 pods
    assert propose(CPU, down, Turn(4, fleet(4))).replicas == 3
    up = {f"p{i}": PodMetric(500) for i in range(3)}
    # 1500 / 2000 = 75 %; ceil(75/60 * 4)
    assert propose(CPU, up, Turn(4, fleet(4))).replicas == 5


def test_a_booting_pod_counts_as_nothing_on_the_way_up():
    booting = Pod("new", ready=False, started=-20.0, ready_changed=-20.0, requests=REQUESTS)
    samples = {pod.name: PodMetric(350) for pod in fleet(10)} | {"new": PodMetric(500, 0.0, 15)}
    assert propose(CPU, {n: s for n, s in samples.items() if n != "new"}, Turn(11, fleet(10))).replicas == 12
    # with it 3500 of 5500 are 63 %, inside the tolerance: nothing more is ordered
    assert propose(CPU, samples, Turn(11, [*fleet(10), booting])).replicas == 11


@pytest.mark.parametrize(("age", "counts"), [(299, False), (300, True), (301, True)])
def test_an_old_sample_counts_once_the_initialisation_period_is_over(age, counts):
    pod = Pod("p", ready=True, started=-float(age), ready_changed=-1.0, requests=REQUESTS)
    groups = group_pods(Turn(1, [pod]), {"p": PodMetric(500, -10.0, 15)}, cpu=True)
    assert (groups.ready_count == 1) is counts


def test_only_running_and_ready_pods_multiply_a_total():
    queue = Metric("External", "queue", "Value", 100)
    pods = [*fleet(2), Pod("failed", phase="Failed"), Pod("unready", ready=False)]
    assert propose(queue, [200], Turn(4, pods)).replicas == 4


def test_a_missing_pod_counts_as_the_target_when_that_is_more():
    high = replace(CPU, target=200)
    samples = {"p0": PodMetric(500), "p1": PodMetric(500)}  # 100 % of the request, half the target
    pods = fleet(3)
    new = propose(high, samples, Turn(3, pods))
    old = propose(high, samples, Turn(3, pods, settings=OLD))
    assert (new.replicas, old.replicas) == (2, 2)
    samples = {
        "p0": PodMetric(850)
    }  # 170 %; filled in: (850 + 2 * 1000) / 1500 = 190 %, or (850 + 2 * 500) / 1500 = 123 %
    assert propose(high, samples, Turn(3, pods)).replicas == 3
    assert propose(high, samples, Turn(3, pods, settings=OLD)).replicas == 2


def test_in_1_20_a_silent_pod_counts_as_nothing_where_the_others_are_exactly_at_the_target():
    """``else``, where it says ``else if usageRatio > 1.0`` now: of a plain metric only."""
    plain = Metric("Pods", "requests_per_second", "AverageValue", 10_000)
    samples = {f"p{i}": PodMetric(10_000) for i in range(4)}
    old, new = (propose(plain, samples, Turn(5, fleet(5), settings=s)).replicas for s in (OLD, NEW))
    assert (old, new) == (4, 5)
    at_target = {f"p{i}": PodMetric(300) for i in range(4)}  # 60 %: a utilisation never did it
    assert propose(CPU, at_target, Turn(5, fleet(5), settings=OLD)).replicas == 5


def test_an_own_tolerance_each_way():
    samples = {pod.name: PodMetric(330) for pod in fleet(10)}  # 66 %, ratio 1.1
    keep, move = Tolerance(0.0, 0.2), Tolerance(0.2, 0.0)
    assert propose(CPU, samples, Turn(10, fleet(10)), keep).replicas == 10
    assert propose(CPU, samples, Turn(10, fleet(10)), move).replicas == 11


def test_zero_replicas_start_from_the_ratio():
    queue = Metric("External", "queue", "Value", 30_000)
    assert propose(queue, [100_000], Turn(0)).replicas == 4
    assert propose(replace(queue, target_type="AverageValue"), [100_000], Turn(0)).replicas == 4


@pytest.mark.parametrize(
    ("pods", "samples", "message"),
    [
        ([], {}, "no pods returned by selector"),
        (fleet(2), {}, "did not receive metrics"),
        (
            [Pod("p0", requests={"app": {"memory": 1}})],
            {"p0": PodMetric(1)},
            "missing request for cpu in container app of pod p0",
        ),
        (fleet(1), {"stranger": PodMetric(5)}, "no metrics returned matched known pods"),
    ],
)
def test_no_replica_count_follows(pods, samples, message):
    with pytest.raises(MetricError, match=message):
        propose(CPU, samples, Turn(2, pods))


# Properties


@st.composite
def fleets(draw):
    """Pods in every state, some without a sample, and the current replica count."""
    pods, samples = [], {}
    for index in range(draw(st.integers(1, 12))):
        started = draw(st.sampled_from([None, LONG_AGO, -400.0, -100.0, -5.0]))
        changed = draw(st.sampled_from([None, LONG_AGO, -90.0, -1.0]))
        phase = draw(st.sampled_from(["Running", "Running", "Running", "Pending", "Failed"]))
        pods.append(
            Pod(f"p{index}", phase, draw(st.sampled_from([True, True, False, None])), started, changed,
                draw(st.booleans()) and draw(st.booleans()), REQUESTS, draw(st.integers(1, 5)))
        )  # fmt: skip
        if draw(st.integers(0, 3)):
            samples[f"p{index}"] = PodMetric(draw(st.integers(0, 1500)), draw(st.sampled_from([-40.0, 0.0])), 30)
    return pods, samples, draw(st.integers(1, 40))


@settings(deadline=None)
@given(fleets(), st.integers(1, 150), st.sampled_from([OLD, NEW]))
def test_pods_that_look_alike_count_as_many(state, target, settings):
    """``count`` is a shorthand: the same pods one by one give the same answer."""
    pods, samples, current = state
    single, single_samples = [], {}
    for pod in pods:
        for copy in range(pod.count):
            single.append(replace(pod, name=f"{pod.name}-{copy}", count=1))
            if pod.name in samples:
                single_samples[single[-1].name] = samples[pod.name]
    metric = replace(CPU, target=target)

    def answer(pods, samples):
        try:
            return propose(metric, samples, Turn(current, pods, settings=settings))
        except MetricError:
            return None

    assert answer(pods, samples) == answer(single, single_samples)


@settings(deadline=None)
@given(fleets(), st.integers(1, 150))
def test_filling_in_never_turns_the_direction(state, target):
    """With unready or missing pods the answer may stay, but never goes against what the measured pods say."""
    pods, samples, _ = state
    groups = group_pods(Turn(1, pods), samples, cpu=True)
    current = sum(pod.count for pod in pods if pod.name not in groups.ignored)
    try:
        found = propose(replace(CPU, target=target), samples, Turn(current, pods))
    except MetricError:
        return
    if found.ratio > 1 and (groups.unready or groups.missing):
        assert found.replicas >= current
    if found.ratio < 1 and groups.missing and not groups.unready:
        assert found.replicas <= current
