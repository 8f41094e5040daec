"""Stages on this machine: Jenkins's order of things, real processes, and nothing left of them."""

import os
import signal
import subprocess
import sys
import time

import pytest
from jenkinsfile import pipeline, runner
from jenkinsfile.errors import PipelineError
from leftovers import assert_gone, interruptible, new_mark


def file(stages: str, before: str = "", after: str = "") -> str:
    return f"pipeline {{\nagent any\n{before}\nstages {{\n{stages}\n}}\n{after}\n}}\n"


def stage(name: str, steps: str, more: str = "") -> str:
    return f"stage('{name}') {{\n{more}\nsteps {{\n{steps}\n}}\n}}\n"


def statuses(done: runner.Run) -> dict[str, str]:
    return {s.name: s.status for s in done.stages}


def test_a_failure_ends_it_and_post_runs_in_jenkinss_order(tmp_path):
    post = "post {\ncleanup { echo 'last' }\nsuccess { echo 'no' }\nfailure { echo 'third' }\nunsuccessful { echo 'second' }\nalways { echo 'first' }\n}"
    done = runner.run(file(stage("a", "sh 'exit 7'") + stage("b", "sh 'touch b'"), after=post), tmp_path)
    assert done.result == "failure"
    assert statuses(done) == {"a": "failure", "b": "not reached"}
    assert "exit code 7" in done["a"].reason
    assert [line for line in done.output if not line.startswith("post")] == ["first", "second", "third", "last"]
    assert not (tmp_path / "b").exists()


def test_the_shell_stops_at_the_first_failing_command(tmp_path):
    done = runner.run(file(stage("a", "sh '''false\ntouch late'''")), tmp_path)
    assert done.result == "failure"
    assert not (tmp_path / "late").exists()


def test_environment_and_parameters_reach_the_commands(tmp_path):
    head = """
    parameters {
        string(name: 'WHO', defaultValue: 'ada')
        booleanParam(name: 'LOUD', defaultValue: true)
        choice(name: 'HOW', choices: ['slow', 'fast'])
    }
    environment { A = "a-${params.WHO}"; B = "${A}" + '-b'; C = sh(script: 'echo " c "', returnStdout: true).trim() }
    """
    steps = "sh 'echo \"$A $B $C $WHO $LOUD $HOW\"'\necho \"${env.A} ${params.LOUD ? 'yes' : 'no'} $B\""
    assert runner.run(file(stage("a", steps), head), tmp_path)["a"].output == [
        "a-ada a-ada-b c ada true slow",
        "a-ada yes a-ada-b",
    ]
    other = runner.run(file(stage("a", steps), head), tmp_path, parameters={"WHO": "bob", "HOW": "fast"})
    assert other["a"].output[0] == "a-bob a-bob-b c bob true fast"
    for wrong, reason in (({"WHAT": 1}, "no parameter 'WHAT'"), ({"HOW": "never"}, "one of slow, fast")):
        with pytest.raises(PipelineError, match=reason):
            runner.run(file(stage("a", steps), head), tmp_path, parameters=wrong)


@pytest.mark.parametrize(
    ("when", "runs"),
    [
        ("branch 'release-*'", True),
        ("branch 'main'", False),
        ("not { branch 'main' }", True),
        ("anyOf { branch 'main'; expression { 1 == 1 } }", True),
        ("allOf { branch 'main'; expression { true } }", False),
        ("branch 'release-*'\nexpression { return false }", False),
        ("environment name: 'A', value: 'b'", True),
        ("equals expected: 'b', actual: env.A", True),
        ("expression { env.A ==~ /b|c/ && !(env.A != 'b') }", True),
        ("changeRequest()", False),
        ("beforeAgent true\nbranch 'release-*'", True),
    ],
)
def test_when(tmp_path, when, runs):
    source = file(stage("a", "sh 'touch a'", f"when {{\n{when}\n}}"), "environment { A = 'b' }")
    done = runner.run(source, tmp_path, branch="release-2")
    assert done.result == "success"
    assert (tmp_path / "a").exists() == runs
    assert done["a"].status == ("success" if runs else "skipped")


def test_branches_run_at_the_same_time(tmp_path):
    meet = "touch {0}; for i in $(seq 400); do [ -e {1} ] && exit 0; sleep 0.05; done; exit 1"
    one, other = (stage(a, f"sh '{meet.format(a, b)}'") for a, b in (("x", "y"), ("y", "x")))
    done = runner.run(file(f"stage('both') {{ parallel {{\n{one}{other}\n}} }}"), tmp_path)
    assert done.result == "success"


def test_fail_fast_ends_the_other_branch_and_all_its_processes(tmp_path, monkeypatch):
    mark = new_mark()
    for name, value in mark.items():
        monkeypatch.setenv(name, value)
    parallel = (
        "failFast true\nparallel {\n"
        + stage("a", "sh 'until [ -e on ]; do sleep 0.05; done; exit 1'")
        + stage("b", "sh 'touch on; sleep 600 & sleep 600'")
        + "}"
    )
    done = runner.run(file(f"stage('both') {{\n{parallel}\n}}"), tmp_path)
    assert statuses(done) == {"both": "failure", "a": "failure", "b": "aborted"}
    assert_gone(mark)


def test_without_fail_fast_the_other_branch_ends_by_itself(tmp_path):
    parallel = "parallel {\n" + stage("a", "sh 'exit 1'") + stage("b", "sh 'sleep 0.3; touch b'") + "}"
    done = runner.run(file(f"stage('both') {{\n{parallel}\n}}"), tmp_path)
    assert done.result == "failure"
    assert (tmp_path / "b").exists()


def test_timeout_retry_and_caught_errors(tmp_path):
    done = runner.run(file(stage("a", "timeout(time: 300, unit: 'MILLISECONDS') { sh 'sleep 60' }")), tmp_path)
    assert (done.result, done["a"].status) == ("aborted", "aborted")
    count = "sh 'echo x >> tries; [ $(wc -l < tries) -ge 3 ]'"
    assert runner.run(file(stage("a", f"retry(3) {{ {count} }}")), tmp_path).result == "success"
    (tmp_path / "tries").unlink()
    assert runner.run(file(stage("a", count, "options { retry(2) }")), tmp_path).result == "failure"
    caught = "catchError(buildResult: 'UNSTABLE') { sh 'exit 1' }\nsh 'touch after'"
    assert runner.run(file(stage("a", caught)), tmp_path).result == "unstable"
    assert (tmp_path / "after").exists()


def test_chosen_stages_and_steps_that_are_left_out(tmp_path):
    source = file(stage("a", "sh 'touch a'") + stage("b", "sh 'touch b'\narchiveArtifacts 'b'"))
    done = runner.run(source, tmp_path, only=["b"])
    assert statuses(done) == {"a": "left out", "b": "success"}
    line = 1 + source.splitlines().index("archiveArtifacts 'b'")
    assert done.left_out == [f"line {line}: archiveArtifacts"]
    assert not (tmp_path / "a").exists()
    with pytest.raises(PipelineError, match="no stage 'c'; there are: a, b"):
        runner.run(source, tmp_path, only="c")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            file(stage("a", "sh 'touch a'") + stage("b", "script { node { sh 'x' } }")),
            "step node runs on a controller only",
        ),
        (file(stage("a", "sh 'touch a'") + stage("b", "deployTo 'x'")), "step deployTo runs on a controller only"),
        (file(stage("a", "sh 'touch a'", "input { message 'x' }")), "has input"),
        (file("stage('a') { step { sh 'touch a' } }"), "line 5: stage 'a' has no section 'step'"),
    ],
)
def test_what_cant_run_here_is_refused_before_anything_runs(tmp_path, source, reason):
    with pytest.raises(PipelineError, match=reason):
        runner.run(source, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGINT])
def test_a_runner_that_is_killed_or_interrupted_leaves_no_process(tmp_path, sig):
    mark = new_mark()
    script = f"from jenkinsfile import runner\nrunner.run({file(stage('a', 'sh "touch on; sleep 90"'))!r}, {str(tmp_path)!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, **mark},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=interruptible,
    )
    end = time.monotonic() + 60
    while not (tmp_path / "on").exists() and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(sig)
    process.wait(60)
    assert_gone(mark)


@pytest.mark.skipif(sys.platform != "linux", reason="it is found in /proc")
def test_a_command_whose_guard_loses_its_parent_is_ended_and_the_run_goes_on(tmp_path):
    killer = """sh 'kill -9 $(cut -d" " -f4 /proc/$PPID/stat); sleep 600'"""
    done = runner.run(file(stage("a", killer, "post { always { sh 'touch after' } }")), tmp_path)
    assert (done.result, "exit code 143" in done["a"].reason) == ("failure", True)
    assert (tmp_path / "after").exists()


def test_the_drawing_has_every_stage_and_what_runs_together_side_by_side():
    nested = "stage('Both') { parallel {\n" + stage("x", "echo '1'") + stage('"y"', "echo '2'") + "} }\n"
    drawn = pipeline.mermaid(
        pipeline.read_pipeline(file(stage("first", "echo '0'") + nested + stage("last", "echo '3'")))
    )
    assert drawn.splitlines()[0] == "flowchart LR"
    assert 's2["Both"]' in drawn
    assert '["#quot;y#quot;"]' in drawn
    assert "s1 --> s3 & s4" in drawn
    assert "s3 & s4 --> s5" in drawn
