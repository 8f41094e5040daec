"""What the notebook jenkins_pipeline stands on: the reading of a pipeline, the machine's questions, and its reference solutions."""

import itertools

import jenkinsfile
import pytest
from harness import chapters
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jenkinsfile import pipeline

from companion import book
from companion.labs.devops import reading, releases

SOUND = "pipeline { agent any\n stages { stage('a') { steps { sh 'true' } } } }"


@pytest.fixture(scope="module")
def references() -> dict:
    """The reference solutions by their functions' names."""
    given = {"jenkinsfile": jenkinsfile, "pipeline": pipeline, "attempt": reading.attempt}
    return chapters.references(book.chapter("jenkins_pipeline"), **given)


def read(options: str = "", agent: str = "agent any", stage: str = "") -> pipeline.Pipeline:
    text = f"pipeline {{\n {agent}\n {options}\n stages {{ stage('a') {{ {stage}\n steps {{ sh 'true' }} }} }} }}"
    return pipeline.read_pipeline(text)


@pytest.mark.parametrize(
    ("call", "minutes"),
    [
        ("timeout(10)", 10),
        ("timeout(time: 10)", 10),
        ("timeout time: 600, unit: 'SECONDS'", 10),
        ("timeout(unit: \"HOURS\", time: 1)", 60),
        ("timestamps()\n timeout(time: 1, unit: 'DAYS')", 1440),
        ("timeout(time: 10, unit: 'MINUTES', activity: true)", float("inf")),
        ("timeout(time: 10, unit: 'MINUTES', activity: false)", 10),
        ("timestamps()", None),
    ],
)  # fmt: skip
def test_the_limit_of_a_pipeline(call, minutes):
    assert reading.limit(read(f"options {{ {call} }}")) == minutes


def test_a_limit_of_a_stage_is_none_of_the_pipeline():
    assert reading.limit(read(stage="options { timeout(10) }")) is None


@pytest.mark.parametrize(
    ("agent", "stage", "found"),
    [
        ("agent any", "", {"any"}),
        ("agent { label '' }", "", {"any"}),
        ("agent { label 'any' }", "", {"label any"}),
        ("agent { node { label 'x' } }", "", {"label x"}),
        ("agent none", "", {"none"}),
        ("agent none", "agent any", {"any"}),
        ("agent any", "agent { label 'x' }", {"label x"}),
    ],
)
def test_where_the_steps_run(agent, stage, found):
    assert reading.agents(read(agent=agent, stage=stage)) == found


@pytest.mark.parametrize(
    "step",
    [
        "sh 'true'",
        'sh "true"',
        "sh(script: 'true')",
        "sh script: 'tr' + 'ue', label: 'x'",
        "sh '''\n true\n '''",
        "timeout(1) { sh 'true' }",
        "script {\n sh 'true'\n }",
        "script {\n if (sh(returnStatus: true, script: 'true') != 0) { error 'x' }\n }",
        "script {\n try { sh 'true' } catch (e) { throw e }\n }",
    ],
)
def test_a_stage_that_fails_however_it_is_written(step):
    text = SOUND.replace("sh 'true'", f"{step}\n sh 'touch log'")
    assert reading.attempt(text)[0] == "success"
    assert reading.attempt(reading.failing(text, "a")) == ("failure", [])


def test_there_is_no_such_stage():
    with pytest.raises(KeyError, match="no stage 'b'"):
        reading.failing(SOUND, "b")


def test_a_refused_pipeline_is_said_as_the_students_fault():
    with pytest.raises(AssertionError, match="does not run this pipeline"):
        reading.attempt(SOUND.replace("sh 'true'", "script { for (x in ['a']) { sh 'true' } }"))


def test_nobody_serves_where_nothing_was_put(tmp_path):
    (tmp_path / "addresses.json").write_text('{"production": {"hello": "http://127.0.0.1:9"}}')
    assert releases.serves(tmp_path, "staging") is None
    assert releases.serves(tmp_path, "production") is None, "an address where nobody answers"
    with pytest.raises(ConnectionRefusedError):
        releases.customers(tmp_path)()


# the reference solutions, against their statements

FAULTY = {"agent any": "agent", "stages {": "stagse {", "steps {": "step {", "sh 'true'": "sh 1"}
TEXTS = st.builds(
    lambda blank, edits: "\n" * blank + _edited(edits),
    st.integers(0, 5),
    st.sets(st.sampled_from(sorted(FAULTY)), max_size=3),
)


def _edited(edits) -> str:
    text = SOUND
    for old in sorted(edits):
        text = text.replace(old, FAULTY[old])
    return text


@settings(max_examples=60, deadline=None)
@given(
    sources=st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters=":\n"), max_size=4), TEXTS, max_size=5
    )
)
def test_a_gate_names_each_faulty_file_once_in_order(references, sources):
    answer = references["may_be_pushed"](dict(sources))
    names = [entry.rpartition(":")[0] for entry in answer]
    assert names == sorted(name for name, text in sources.items() if text.strip() != SOUND)
    for entry in answer:
        name, _, line = entry.rpartition(":")
        lines = [fault.line for fault in jenkinsfile.check(sources[name])]
        assert int(line) in lines and all(int(line) <= other for other in lines)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    branch=st.sampled_from(["main", "feature", "maintenance", "x/main"]), fails=st.sampled_from(["", "Build", "Ship"])
)
def test_the_repaired_pipeline_keeps_its_statement(references, branch, fails):
    text = references["repaired"]()
    result, log = reading.attempt(reading.failing(text, fails) if fails else text, branch=branch)
    shipped = branch == "main" and fails != "Build"
    assert ("done" in log) == shipped
    assert ("back" in log) == (shipped and fails == "Ship")
    assert ("ship" in log) == (shipped and fails != "Ship")
    assert (result == "failure") == (fails == "Build" or (shipped and fails == "Ship"))


SHELL = ("lint", "test", "deploy", "smoke", "live")


@pytest.mark.parametrize("failing", [f for n in range(3) for f in itertools.combinations(SHELL, n)], ids=" ".join)
def test_the_release_pipeline_keeps_its_statement(references, failing):
    fail = set(failing)
    names = ("lint", "test", "deploy", "smoke", "live", "rollback", "report")
    programs = {name: f"{'exit 1' if name in fail else ''}\necho {name} >> log" for name in names}
    result, log = reading.attempt(references["release_pipeline"](), programs, parameters={"LIVE": True})
    gates, deployed = not fail & {"lint", "test"}, not fail & {"lint", "test", "deploy", "smoke"}
    assert log.count("report") == 1 and log[-1] == "report"
    assert log.count("rollback") == (gates and not deployed)
    assert ("live" in log) == (deployed and "live" not in fail)
    assert (result == "success") == (not fail)
