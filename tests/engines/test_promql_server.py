"""The second path against a real server: the same answer to each expression, or a clear refusal; never a guess."""

import json

import numpy as np
import pytest
from test_prometheus import needs_prometheus

from companion.engines import prometheus
from companion.errors import SettingError
from companion.labs.monitoring import promql

START, STEP, COUNT = 1_772_323_200, 15, 200
AT = START + STEP * 150 + 7.0  # between two samples


def rows() -> dict[str, np.ndarray]:
    """Selectors and their values, a sample each 15 seconds: counters, gauges, buckets, and what is odd."""
    rng, n = np.random.default_rng(3), COUNT
    found: dict[str, np.ndarray] = {}
    for job, code, most in (
        ("api", "200", 90),
        ("api", "404", 5),
        ("api", "500", 4),
        ("batch", "200", 30),
        ("batch", "503", 2),
    ):
        found[f'requests_total{{job="{job}",code="{code}"}}'] = np.cumsum(rng.integers(0, most, n)).astype(float)
    restarted = np.cumsum(rng.integers(0, 9, n)).astype(float)
    found['requests_total{job="cron",code="200"}'] = np.where(np.arange(n) < 140, restarted, restarted - restarted[140])
    found['errors_total{job="api",code="500"}'] = np.cumsum(rng.integers(0, 3, n)).astype(float)
    for job in ("api", "batch"):
        counts = np.cumsum(rng.multinomial(40, [0.3, 0.4, 0.25, 0.05], n), axis=0)
        for i, bound in enumerate(("0.1", "0.5", "1.0", "+Inf")):
            found[f'seconds_bucket{{job="{job}",le="{bound}"}}'] = counts[:, : i + 1].sum(axis=1).astype(float)
        found[f'seconds_count{{job="{job}"}}'] = counts.sum(axis=1).astype(float)
        found[f'up{{job="{job}",instance="a"}}'] = np.ones(n)
        found[f'up{{job="{job}",instance="b"}}'] = np.zeros(n)
    found['empty_bucket{job="api",le="1"}'] = found['empty_bucket{job="api",le="+Inf"}'] = np.zeros(n)
    for feature, bins in (("load", (9, 10, 0)), ("heat", (3, 5, 7))):
        for i, most in enumerate(bins):
            counted = np.cumsum(rng.integers(0, most + 1, n)).astype(float)
            found[f'values_total{{job="api",feature="{feature}",bin="{i}"}}'] = counted
    found['gauge{job="api"}'], found['gauge{job="batch"}'] = rng.normal(0, 3, n), rng.normal(5, 1, n)
    found['other{job="api"}'], found['other{job="cron"}'] = rng.normal(0, 3, n), np.full(n, np.inf)
    found['zero{job="api"}'], found['zero{job="batch"}'] = np.zeros(n), np.ones(n)
    found['odd{job="api"}'], found['odd{job="batch"}'] = np.full(n, np.nan), np.full(n, 2.0)
    for path in ("/a.b", "/axb", "/a/b", r"/a\b", 'say "hi"', "5xx", "/ü", "a|b", "a+b"):
        found[f"paths{{path={json.dumps(path, ensure_ascii=False)}}}"] = np.full(n, float(len(path)))
    return found


def series_of(selector: str, values: np.ndarray, start: int = START) -> promql.Series:
    (name,) = promql.parse(f"{selector} 0\n")
    return promql.Series(name.labels, start + STEP * np.arange(len(values), dtype=float), values)


ROWS = rows()
SAMPLES = [series_of(selector, values) for selector, values in ROWS.items()]
RATE = "sum by (job) (rate(requests_total[5m]))"
EQUAL = [
    # selectors, and texts with escapes in them
    "gauge", "gauge{}", 'gauge{job="api"}', "gauge{job='api'}", "gauge{job=`api`}", 'gauge{job!="api"}', 'gauge{job=~"a.*"}',
    'gauge{job!~"a.*"}', '{__name__="gauge"}', '{__name__=~"gauge|other"}', 'gauge{job=""}', 'gauge{none=""}', "nothing",
    r'requests_total{code=~"5\\d\\d"}', r'requests_total{code=~"[45]\\d+"}', 'requests_total{code=~"5.."}',
    'requests_total{code=~"200|404"}', 'requests_total{code!~"2.."}', 'requests_total{code=~"20"}', 'requests_total{code=~".+"}',
    r'paths{path=~"/a\\.b"}', 'paths{path=~"/a.b"}', r'paths{path="say \"hi\""}', r'paths{path="/a\\b"}', 'paths{path=\'say "hi"\'}',
    r'paths{path=~"a\\|b"}', r'paths{path=~"a\\+b"}', r'paths{path="\u002fa.b"}', 'paths{path="/ü"}', 'paths{path=~"(/a)+.b"}',
    'paths{path=~"[^x]+"}', 'paths{path=~"5x?x"}', r'paths{path!~"\\W.*"}', 'paths{path=~"/[a-z]/?b"}',
    # numbers
    "1 + 2 * 3", "2 * (3 - 1)", "1 / 0", "-1 / 0", "0 / 0", "-(2)", "1e3", ".5", "5.", "Inf", "-Inf", "+Inf", "NaN", "inf", "1 - -1",
    "-gauge", "- - gauge", "+gauge", "gauge < Inf", "gauge > -Inf", "other == Inf", "other < Inf", "gauge != NaN", "odd == odd", "odd != odd",
    # arithmetic and comparison
    "gauge + 1", "1 - gauge", "gauge * gauge", "gauge / zero", "zero / zero", "gauge + other", "gauge / other", "gauge - odd",
    "gauge > 0", "0 < gauge", "gauge >= gauge", "gauge > other", "gauge == gauge", "gauge != other", "odd > 1", "odd < 3", "gauge > 100",
    "gauge > 4 + 1", "2 * gauge > 1", "gauge + 1 > other * 2", "gauge - gauge == 0",
    # what belongs together
    'gauge + on (job) other', 'errors_total / on (job, code) requests_total', 'requests_total / on (job) group_left seconds_count',
    'requests_total / on (job) group_left () seconds_count', f"sum by (job, code) (rate(requests_total[5m])) / on (job) group_left {RATE}",
    'up * on (job) group_left zero',
    # sets
    "gauge and other", "gauge or other", "gauge unless other", "gauge > 0 or other", "gauge > 0 and other < 3", "gauge or gauge", "up and gauge",
    'up == 0 or absent(up{job="api"})', "gauge unless gauge > 4", "gauge or odd", "zero / zero or gauge", "zero / zero and gauge", "odd unless gauge",
    'errors_total and requests_total', 'requests_total unless errors_total', 'gauge > 0 or gauge < 1 and zero or other',
    # rates
    "rate(requests_total[5m])", "increase(requests_total[20m])", 'rate(requests_total{job="cron"}[10m])', "increase(requests_total[1m30s])",
    "rate(requests_total[1s])", "rate(requests_total[1d])", 'rate(requests_total{code=~"5.."}[5m])', "rate(seconds_bucket[2m])", "-rate(requests_total[5m])",
    RATE, 'sum by (job) (rate(requests_total{code=~"5.."}[5m])) / sum by (job) (rate(requests_total[5m]))',
    '1 - sum by (job) (rate(seconds_bucket{le="0.5"}[5m])) / sum by (job) (rate(seconds_count[5m]))',
    # aggregations
    "sum(gauge)", "sum by (job) (requests_total)", "sum by () (gauge)", "sum(requests_total) by (code)", "max by (job) (requests_total)", "min(gauge)",
    "count(gauge)", "count by (code) (requests_total)", "sum by (none) (gauge)", "max(odd)", "min(odd)", "sum(odd)", "count(odd)", "count(zero / zero)",
    "sum(nothing)", "count(nothing)", 'sum by (job) ({__name__=~"gauge|other"})', "max(other)", "sum by (job, job) (gauge)", "sum by (job) (up) == 0",
    # functions
    "ln(gauge)", "ln(zero)", "ln(gauge * gauge + 1)", "absent(gauge)", "absent(nothing)", 'absent(nothing{job="a",code=~"5.."})', 'absent(nothing{job=""})',
    "absent(zero / zero)", "absent(odd)", 'absent(sum(nothing{job="a"}))', 'absent(nothing{job="a"} or nothing{job="b"})', "absent(gauge > 100)",
    'absent({__name__="nothing", job="a"})',
    "histogram_quantile(0.9, seconds_bucket)", "histogram_quantile(0.5, sum by (le) (rate(seconds_bucket[5m])))",
    "histogram_quantile(0.99, sum by (job, le) (rate(seconds_bucket[5m])))", "histogram_quantile(1.5, seconds_bucket)", "histogram_quantile(-1, seconds_bucket)",
    "histogram_quantile(0, seconds_bucket)", "histogram_quantile(1, seconds_bucket)", "histogram_quantile(0.5, empty_bucket)", "histogram_quantile(2, empty_bucket)",
    'histogram_quantile(0.5, seconds_bucket{le!="+Inf"})', 'histogram_quantile(0.5, seconds_bucket{le="+Inf"})', "histogram_quantile(NaN, seconds_bucket)",
    'histogram_quantile(0.5, seconds_bucket{le=~"0.5|.Inf"})',
    # the distance of shares, as the rules have it
    "sum by (job, feature) ((values_total / on (job, feature) group_left sum by (job, feature) (values_total) - 0.3)"
    " * ln(values_total / on (job, feature) group_left sum by (job, feature) (values_total) / 0.3))",
]  # fmt: skip
#: what the server refuses, and so do we
BOTH_REFUSE = [
    "", "sum(", "sum(up", "up up", "up{job>1}", "rate(up[soon])", "up § 2", "1 > 2", "up and 1", "sum(1)", "rate(up)", "up[5m] + 1", "{}", '{job=""}',
    'up{job="\\d"}', 'up{__name__="a"}', "nosuch(up)", "rate(up[0s])", "sum by (job (up)", "histogram_quantile(up, 1)", "ln(1)", "absent(1)",
    'rate({__name__=~"requests_total|errors_total"}[5m])', '{__name__=~"gauge|other"} + 1', '-{__name__=~"gauge|other"}', "gauge + on (job) up",
    'requests_total / on (job) seconds_count', 'up + on (job) group_left up', 'ln({__name__=~"gauge|other"})', '{job="api"} + 1', "(up", "up)", "5m5",
    'gauge + {__name__=~"gauge|other"}', 'paths{path=~"("}', "gauge and bool other", 'gauge * on () zero{job="batch"}',
]  # fmt: skip
#: what the server knows, or another version of it, and we do not say that we do
WE_REFUSE = [
    "avg(up)", "sum without (job) (up)", "topk(1, up)", "up offset 1m", "up @ 0", "max_over_time(up[5m])", "rate(up[5m:1m])", "deriv(up[5m])", "up > bool 0",
    "up ^ 2", "up % 2", "up atan2 up", "gauge + ignoring (job) other", "gauge and on (job) other", "gauge > on (job) other", "time()", "vector(1)", "scalar(up)",
    "up / on (job) group_left (x) zero", "zero / on (job) group_right up", "0x1F", "010", "1_000", "5m", 'up{job="a" or job="b"}', '{"up"}',
    '{job="api"}', r"paths{path=`/a\\b`}", r'paths{path=~"(?i)A"}', r'paths{path=~"\\p{L}"}', r'paths{path=~"a{2}"}', 'paths{path=~"a*+"}', 'paths{path=~"^a$"}',
    'absent((nothing{job="a"}))', 'absent(nothing{job="a", job="a"})', "up # a comment", "sum by (__name__) (up)", "up == 0 or label_replace(up, 'a', 'b', 'c', 'd')",
    'paths{path="a\\nb"}', "up[5m]", '"text"', 'histogram_quantile(0.5, {__name__=~"seconds_bucket|empty_bucket"})', "histogram_quantile(0.5, up)", "sgn(up)",
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A real one that holds the samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_WORKSPACE", str(tmp_path_factory.mktemp("workspace")))
        patch.delenv("PROMETHEUS_URL", raising=False)
        folder = tmp_path_factory.mktemp("promql")
        lines = []
        for selector, values in ROWS.items():
            lines += [
                f"{selector} {value!r} {START + STEP * i}".replace("nan ", "NaN ")
                for i, value in enumerate(values.tolist())
            ]
        (folder / "samples.txt").write_text("\n".join([*lines, "# EOF", ""]))
        prometheus.backfill(folder / "samples.txt", folder / "data")
        with prometheus.connect(folder=folder / "data") as api:
            yield api


def asked(server, expression: str) -> dict | None:
    """What the server says at the moment, by labels; None when it refuses."""
    answer = server.get("api/v1/query", params={"query": expression, "time": AT}).json()
    if answer["status"] != "success":
        return None
    return {labels: float(values[0]) for labels, values in promql.read(answer["data"], [AT]).items()}


@needs_prometheus
@pytest.mark.usefixtures("scratch", "no_live_engines")
def test_more_than_a_hundred_expressions_have_the_servers_answer(server):
    assert len(set(EQUAL)) == len(EQUAL) > 100
    wrong = []
    for expression in EQUAL:
        try:
            wanted, found = asked(server, expression), promql.instant(expression, SAMPLES, AT)
        except SettingError as error:
            wrong.append((expression, error))
            continue
        same = wanted is not None and wanted.keys() == found.keys()
        if not same or any(not np.isclose(found[k], v, rtol=1e-9, atol=0, equal_nan=True) for k, v in wanted.items()):
            wrong.append((expression, wanted, found))
    assert not wrong, "\n".join(map(str, wrong))


@needs_prometheus
@pytest.mark.usefixtures("scratch", "no_live_engines")
def test_what_the_server_refuses_is_refused(server):
    for expression in BOTH_REFUSE:
        assert asked(server, expression) is None, expression
        with pytest.raises(SettingError):
            promql.instant(expression, SAMPLES, AT)


@pytest.mark.parametrize("expression", WE_REFUSE)
def test_what_is_not_known_to_be_equal_is_refused(expression):
    with pytest.raises(SettingError):
        promql.instant(expression, SAMPLES, AT)


ATOMS = [
    "gauge", "other", "odd", "zero", "up", "requests_total", "errors_total", "rate(requests_total[5m])", "seconds_count", "1", "0", "2.5", "-1", "Inf",
    "NaN", 'values_total{feature="load"}', "nothing", '{__name__=~"gauge|other|odd"}',
]  # fmt: skip
SIGNS = ["+", "-", "*", "/", ">", "<", "==", "!=", ">=", "<=", *2 * ["and", "or", "unless"]]


def grown(rng: np.random.Generator, depth: int) -> str:
    """A random expression, right or wrong."""
    if depth == 0 or rng.random() < 0.15:
        return str(rng.choice(ATOMS))
    kind, inner = rng.random(), grown(rng, depth - 1)
    if kind < 0.5:
        match = rng.choice(["", "", " on (job)", " on (job) group_left"])
        other = f"{rng.choice(SIGNS)}{match}"
        return (
            f"({inner}) {other} ({grown(rng, depth - 1)})" if kind < 0.3 else f"{inner} {other} {grown(rng, depth - 1)}"
        )
    if kind < 0.75:
        return (
            f"{rng.choice(['sum', 'max', 'min', 'count'])}{rng.choice(['', ' by (job)', ' by (job, code)'])} ({inner})"
        )
    return f"{rng.choice(['ln', 'absent'])}({inner})" if kind < 0.85 else f"-{inner}"


@needs_prometheus
@pytest.mark.usefixtures("scratch", "no_live_engines")
def test_what_chance_writes_has_the_servers_answer_or_none(server):
    rng, answered = np.random.default_rng(0), 0
    for _ in range(300):
        expression = grown(rng, int(rng.integers(1, 4)))
        try:
            found = promql.instant(expression, SAMPLES, AT)
        except SettingError:
            continue
        wanted, answered = asked(server, expression), answered + 1
        assert wanted is not None and wanted.keys() == found.keys(), expression
        assert all(np.isclose(found[k], v, rtol=1e-9, atol=1e-12, equal_nan=True) for k, v in wanted.items()), (
            expression
        )
    assert answered > 100


def test_a_sample_on_the_edge_of_a_window_is_refused():
    """A server of version 2 counts a sample that is exactly as old as the window, one of version 3 does not."""
    counter = series_of("a_total", np.arange(100.0), start=0)
    with pytest.raises(SettingError, match=r"exactly 300 s old: Prometheus 2 counts it in, 3 does not"):
        promql.instant("rate(a_total[5m])", [counter], 900)
    assert promql.instant("increase(a_total[5m])", [counter], 907) == {(): 20.0}
    with pytest.raises(SettingError, match="exactly five minutes old"):
        promql.instant("a_total", [counter], 99 * STEP + 300)
    assert promql.instant("a_total", [counter], 99 * STEP + 301) == {}


@pytest.mark.parametrize("odd", [-1.0, np.nan])
def test_what_is_no_counter_has_no_rate(odd):
    with pytest.raises(SettingError, match="a_total is no counter"):
        promql.instant("rate(a_total[5m])", [series_of("a_total", np.array([1.0, odd, 3.0]), start=0)], 31)


def test_series_that_no_server_could_hold_are_refused():
    one = series_of("a", np.ones(3), start=0)
    with pytest.raises(SettingError, match="two of the series have the same labels"):
        promql.instant("a", [one, one], 31)
    gap = promql.Series({"__name__": "a_bucket", "le": "1"}, np.array([0.0]), np.array([1.0]))
    rest = promql.Series({"__name__": "a_bucket", "le": "+Inf"}, np.array([0.0, 400.0]), np.array([1.0, 2.0]))
    with pytest.raises(SettingError, match=r"some buckets .* are missing at some moments"):
        promql.instant("histogram_quantile(0.5, a_bucket)", [gap, rest], 401)


def test_hostile_expressions_end_soon_and_clearly():
    for expression in (
        "(" * 5000 + "up" + ")" * 5000,
        "-" * 5000 + "up",
        "up" + "+up" * 5000,
        "\x00",
        "up{a='\ud800'}",
        'up{a="' + "x" * 10**6 + '"}',
        "🦊",
    ):
        try:
            promql.instant(expression, SAMPLES[:1], AT)
        except SettingError:
            continue
