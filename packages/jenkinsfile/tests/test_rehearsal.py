"""The rehearsal held against Jenkins: what each pipeline gives there, with the place in Jenkins's source that says so.

Sources, all of github.com/jenkinsci: ModelInterpreter, BuildCondition, the conditions and the comparators of
pipeline-model-definition-plugin (here: model); CatchErrorStep, WarnErrorStep, RetryStepExecution, TimeoutStepExecution and
EnvStep of workflow-basic-steps-plugin (here: steps); EnvVars and Util of jenkins (here: core).
"""

import os

import pytest
from jenkinsfile import PipelineError, check, runner
from pipelines import log, pipeline, post, rehearse, stage

ALL = (
    "always",
    "changed",
    "fixed",
    "regression",
    "aborted",
    "success",
    "unsuccessful",
    "unstable",
    "failure",
    "cleanup",
)
FAIL = "sh 'exit 1'"
TIMEOUT = "timeout(time: 100, unit: 'MILLISECONDS') { sleep 30 }"

TABLE = {
    # model, ModelInterpreter.catchRequiredContextForNode: "Attempted to execute a step that requires a node context"
    "no agent": (pipeline(stage("a") + stage("b"), "agent none"), "failure", "a=failure b=not reached", ""),
    "no agent, no need of one": (pipeline(stage("a", "echo 'x'"), "agent none"), "success", "a=success", ""),
    "no agent but the stage's": (pipeline(stage("a", more="agent any"), "agent none"), "success", "a=success", "a"),
    "agent none within an agent": (pipeline(stage("a", more="agent none")), "success", "a=success", "a"),
    "no agent in post": (
        pipeline(stage("a", more="agent any"), "agent none", post("always")), "failure", "a=success", "a",
    ),
    "no agent for a condition": (
        pipeline(stage("a", more="agent any\nwhen {\nbeforeAgent true\nexpression { sh(script: 'true', returnStatus: true) == 0 }\n}"), "agent none"),
        "failure", "a=failure", "",
    ),
    # steps, CatchErrorStep: buildResult FAILURE, stageResult SUCCESS by default, and context.onSuccess: it continues
    "catchError": (
        pipeline(stage("a", f"catchError {{\n{FAIL}\n{log('no')}\n}}\n{log('after')}") + stage("b")),
        "failure", "a=success b=success", "after b",
    ),
    "catchError, only the stage": (
        pipeline(stage("a", f"catchError(buildResult: 'SUCCESS', stageResult: 'FAILURE') {{ {FAIL} }}") + stage("b")),
        "success", "a=failure b=success", "b",
    ),
    "catchError, unstable": (
        pipeline(stage("a", f"catchError(buildResult: 'UNSTABLE', stageResult: 'unstable') {{ {FAIL} }}") + stage("b")),
        "unstable", "a=unstable b=success", "b",
    ),
    "catchError, not built": (
        pipeline(stage("a", "catchError(buildResult: 'NOT_BUILT') { error 'x' }"), tail=post("notBuilt", "failure")),
        "not_built", "a=success", "notBuilt",
    ),
    "nothing to catch": (pipeline(stage("a", f"catchError {{ {log('a')} }}"), tail=post(*ALL)), "success", "a=success", "a always changed success cleanup"),
    # the same: a FlowInterruptedException is caught too, with its own result
    "catchError around a timeout": (
        pipeline(stage("a", f"catchError(buildResult: 'SUCCESS') {{ {TIMEOUT} }}\n{log('after')}") + stage("b")),
        "aborted", "a=aborted b=success", "after b",
    ),
    # steps, WarnErrorStep
    "warnError": (pipeline(stage("a", f"warnError('x') {{ {FAIL} }}\n{log('after')}") + stage("b")), "unstable", "a=unstable b=success", "after b"),
    # model, ModelInterpreter.evaluateStage: skipUnstable(root.options)
    "unstable": (pipeline(stage("a", "unstable 'x'") + stage("b")), "unstable", "a=unstable b=success", "b"),
    "unstable, skipped": (
        pipeline(stage("a", f"unstable 'x'\n{log('rest')}") + stage("b", more=post("always")), "agent any\noptions { skipStagesAfterUnstable() }", post("always", "unstable")),
        "unstable", "a=unstable b=skipped", "rest always unstable",
    ),
    "unstable in post, skipped": (
        pipeline(stage("a", more="post { always { unstable 'x' } }") + "stage('c') { stages { " + stage("b") + "} }", "agent any\noptions { skipStagesAfterUnstable() }"),
        "unstable", "a=unstable c=skipped b=skipped", "a",
    ),
    "failed but caught, not skipped": (
        pipeline(stage("a", f"catchError {{ {FAIL} }}") + stage("b"), "agent any\noptions { skipStagesAfterUnstable() }"),
        "failure", "a=success b=success", "b",
    ),
    # model, Changed.groovy: "If there's no previous build, we're inherently changed"; Fixed and Regression: false then
    # the order is that of the ordinals: always 1000, changed 900, fixed 890, regression 880, aborted 800, success 700,
    # unsuccessful 650, unstable 600, failure 500, cleanup -10000
    "post of a success": (pipeline(stage("a"), tail=post(*ALL)), "success", "a=success", "a always changed success cleanup"),
    "post of a failure": (pipeline(stage("a", FAIL), tail=post(*ALL)), "failure", "a=failure", "always changed unsuccessful failure cleanup"),
    "post of an unstable": (pipeline(stage("a", "unstable 'x'"), tail=post(*ALL)), "unstable", "a=unstable", "always changed unsuccessful unstable cleanup"),
    "post of an abort": (pipeline(stage("a", TIMEOUT), tail=post(*ALL)), "aborted", "a=aborted", "always changed aborted unsuccessful cleanup"),
    "post of a stage": (pipeline(stage("a", FAIL, post(*ALL)) + stage("b", more=post(*ALL))), "failure", "a=failure b=not reached", "always changed unsuccessful failure cleanup"),
    # model, BuildCondition.getCombinedResult: the build's result counts in every stage, and what a step gave the stage
    "post after an unstable stage": (
        pipeline(stage("a", "unstable 'x'") + stage("b", more=post("success", "unstable"))), "unstable", "a=unstable b=success", "b unstable",
    ),
    "post after a caught failure": (
        pipeline(stage("a", f"catchError {{ {FAIL} }}", post("success", "failure")) + stage("b", more=post("success", "failure"))),
        "failure", "a=success b=success", "failure b failure",
    ),
    "post of a stage that was given a failure": (
        pipeline(stage("a", f"catchError(buildResult: 'SUCCESS', stageResult: 'FAILURE') {{ {FAIL} }}", post("success", "failure")) + stage("b", more=post("success", "failure"))),
        "success", "a=failure b=success", "failure b success",
    ),
    # model, runPostConditions: an error in one condition counts for the ones after it, and does not end them
    "error in post": (
        pipeline(stage("a", more="post {\nalways { error 'x' }\nsuccess { sh 'echo success >> log' }\nfailure { sh 'echo failure >> log' }\n}") + stage("b")),
        "failure", "a=failure b=not reached", "a failure",
    ),
    "unstable in the pipeline's post": (
        pipeline(stage("a"), tail="post {\nalways { unstable 'x' }\nsuccess { sh 'echo success >> log' }\nunstable { sh 'echo unstable >> log' }\n}"),
        "unstable", "a=success", "a unstable",
    ),
    "post in stages": (
        pipeline("stage('p') { stages { " + stage("a", FAIL, post("failure")) + stage("b") + "}\n" + post("always", "failure") + "}"),
        "failure", "p=failure a=failure b=not reached", "failure always failure",
    ),
    # model, evaluateStage: post of a skipped stage does not run, and all within it is skipped
    "skipped": (
        pipeline("stage('p') { when { expression { false } }\nstages { " + stage("a") + "}\n" + post("always") + "}\n" + stage("b")),
        "success", "p=skipped a=skipped b=success", "b",
    ),
    # model, evaluateStage: the conditions come before withEnvBlock(thisStage.getEnvVars)
    "a condition does not see its stage's environment": (
        pipeline(stage("a", more="environment { X = 'y' }\nwhen { environment name: 'X', value: 'y' }") + stage("b")), "success", "a=skipped b=success", "b",
    ),
    "but that around it": (
        pipeline("stage('p') { environment { X = 'y' }\nstages { " + stage("a", more="when { environment name: 'X', value: 'Y', ignoreCase: true }") + "} }"),
        "success", "p=success a=success", "a",
    ),
    # parallel: the others end by themselves; PR 313 (JENKINS-55459): with failFast the build is a failure, the others aborted
    "parallel": (
        pipeline("stage('p') { parallel { " + stage("a", FAIL) + stage("b", "sh 'sleep 0.3; echo b >> log'", post("success")) + "}\n" + post("failure") + "}\n" + stage("c")),
        "failure", "p=failure a=failure b=success c=not reached", "b success failure",
    ),
    "failFast": (
        pipeline("stage('p') { failFast true\nparallel { " + stage("a", "sh 'sleep 0.3; exit 1'") + stage("b", f"sleep 30\n{log('no')}", post("aborted", "failure")) + "}\n" + post("failure", "aborted") + "}"),
        "failure", "p=failure a=failure b=aborted", "aborted failure",
    ),
    "failFast false": (
        pipeline("stage('p') { failFast false\nparallel { " + stage("a", FAIL) + stage("b", "sh 'sleep 0.3; echo b >> log'") + "} }"),
        "failure", "p=failure a=failure b=success", "b",
    ),
    "parallelsAlwaysFailFast": (
        pipeline("stage('p') { parallel { " + stage("a", "sh 'sleep 0.3; exit 1'") + stage("b", "sleep 30") + "} }", "agent any\noptions { parallelsAlwaysFailFast() }"),
        "failure", "p=failure a=failure b=aborted", "",
    ),
    "unstable in parallel": (
        pipeline("stage('p') { parallel { " + stage("a", "unstable 'x'") + stage("b") + "}\n" + post("unstable") + "}\n" + stage("c")),
        "unstable", "p=unstable a=unstable b=success c=success", "b unstable c",
    ),
    # steps, RetryStepExecution: it tries again, but for an actual interruption; TimeoutStepExecution: past its own block a
    # timeout is none (JENKINS-51454)
    "retry": (pipeline(stage("a", "retry(3) { sh 'echo x >> log; [ $(wc -l < log) -ge 3 ]' }")), "success", "a=success", "x x x"),
    "retry in vain": (pipeline(stage("a", "retry(2) { sh 'echo x >> log; exit 1' }") + stage("b")), "failure", "a=failure b=not reached", "x x"),
    "retry of a timeout": (pipeline(stage("a", f"retry(2) {{\n{log('x')}\n{TIMEOUT}\n}}")), "aborted", "a=aborted", "x x"),
    "timeout of a retry": (pipeline(stage("a", f"timeout(time: 2, unit: 'SECONDS') {{ retry(5) {{\n{log('x')}\nsleep 30\n}} }}")), "aborted", "a=aborted", "x"),
    "retry as an option runs post each time": (
        pipeline(stage("a", "sh 'echo x >> log; [ $(grep -c x log) -ge 2 ]'", "options { retry(3) }\n" + post("always", "failure")) + stage("b")),
        "success", "a=success b=success", "x always failure x always b",
    ),
    # model, call: the wrappers are around stages and post; a timeout that has ended one step lets post run
    "timeout of the pipeline": (
        pipeline(stage("a", "sleep 30", post("aborted")) + stage("b"), "agent any\noptions { timeout(time: 300, unit: 'MILLISECONDS') }", post("always", "aborted")),
        "aborted", "a=aborted b=not reached", "aborted always aborted",
    ),
    "timeout in post": (
        pipeline(stage("a", more="options { timeout(time: 2, unit: 'SECONDS') }\npost {\nalways { sleep 30 }\naborted { sh 'echo aborted >> log' }\n}")),
        "aborted", "a=aborted", "a aborted",
    ),
    # a script that names its interpreter is run by it, without -e; a command's signal is 128 and its number
    "interpreter": (pipeline(stage("a", "sh '''#!/bin/sh\nfalse\necho on >> log'''")), "success", "a=success", "on"),
    "an interpreter that is not there": (pipeline(stage("a", "sh '''#!/nowhere/sh\necho on'''")), "failure", "a=failure", ""),
    "a command's signal": (pipeline(stage("a", "sh 'kill -9 $$ ; echo on'\n") ), "failure", "a=failure", ""),
    "blank line before it": (pipeline(stage("a", "sh '''\n#!/bin/sh\nfalse\necho on >> log'''")), "failure", "a=failure", ""),
    "exit codes are values": (pipeline(stage("a", "sh(script: 'exit 3', returnStatus: true)\nsh(script: 'echo x', returnStdout: true)\n" + log("a"))), "success", "a=success", "a"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "result", "stages", "written"), TABLE.values(), ids=TABLE)
def test_a_rehearsal_ends_as_in_jenkins(tmp_path, source, result, stages, written):
    expected = dict(pair.rsplit("=", 1) for pair in stages.replace("not reached", "not_reached").split())
    expected = {name: status.replace("not_reached", "not reached") for name, status in expected.items()}
    assert rehearse(tmp_path, source) == (result, expected, written.split())


PARAMETERS = """agent any
parameters {
    booleanParam(name: 'LIVE', defaultValue: false)
    string(name: 'WHO', defaultValue: ' ada ', trim: true)
    choice(name: 'HOW', choices: 'slow\\nfast')
}
environment { A = 'b' }
"""


@pytest.mark.parametrize(
    ("when", "runs", "settings"),
    [
        # parameters are environment variables, texts all of them; params keeps their types
        ("environment name: 'LIVE', value: 'true'", True, {"parameters": {"LIVE": True}}),
        ("expression { env.LIVE == 'true' }", True, {"parameters": {"LIVE": True}}),
        ("expression { env.LIVE == true }", False, {"parameters": {"LIVE": True}}),
        ("expression { params.LIVE }", False, {}),
        ("expression { LIVE }", True, {}),  # the text 'false' is no empty one
        ("expression { params.LIVE == 'false' }", False, {}),
        ("expression { params['LIVE'] }", False, {}),
        ("expression { params['LIVE'] }", True, {"parameters": {"LIVE": True}}),
        ("expression { params['NOBODY'] == null && params[\"HOW\"] == 'slow' }", True, {}),
        ("expression { return env.WHO == 'ada' && HOW == 'slow' }", True, {}),
        ("expression { params.NOBODY == null }", True, {}),
        ("expression { env.NOBODY ?: params.LIVE }", False, {}),
        ("expression { \"${params.LIVE}\" == 'false' }", True, {}),
        ("expression { params.HOW in ['fast', 'faster'] }", False, {}),
        ("expression { env.WHO =~ /d/ }", True, {}),
        ("expression { env.WHO ==~ /d/ }", False, {}),
        ("expression { sh(script: 'exit 4', returnStatus: true) == 4 }", True, {}),
        ("expression { sh(script: 'echo x; echo y >&2', returnStdout: true).trim() == 'x' }", True, {}),
        ("environment name: 'NOBODY', value: ''", True, {}),
        ("environment name: 'A', value: 'B'", False, {}),
        ("equals expected: true, actual: params.LIVE", True, {"parameters": {"LIVE": True}}),
        ("equals expected: 'true', actual: params.LIVE", False, {"parameters": {"LIVE": True}}),
        ("isRestartedRun()", False, {}),
        # the branch that the caller states is BRANCH_NAME
        ("expression { env.BRANCH_NAME == 'main' }", True, {"branch": "main"}),
        ("expression { BRANCH_NAME == 'main' }", True, {"branch": "main"}),
        ("expression { env.BRANCH_NAME == null }", True, {"branch": ""}),
        ("branch 'main'", True, {"environment": {"BRANCH_NAME": "main"}}),
        ("branch 'main'", False, {"branch": ""}),
        # Comparator: GLOB is Ant's, of parts of a path and without case; REGEXP and EQUALS are of the whole
        ("branch 'release/*'", True, {"branch": "release/1"}),
        ("branch 'release/*'", False, {"branch": "release/1/hotfix"}),
        ("branch 'release/**'", True, {"branch": "release/1/hotfix"}),
        ("branch '*'", False, {"branch": "feature/x"}),
        ("branch 'MAIN'", True, {"branch": "main"}),
        ("branch pattern: '^main$', comparator: 'REGEXP'", True, {"branch": "main"}),
        ("branch pattern: 'main', comparator: 'REGEXP'", False, {"branch": "maintenance"}),
        ("branch pattern: 'release-\\\\d+', comparator: 'regexp'", True, {"branch": "release-12"}),
        ("branch pattern: 'main*', comparator: 'EQUALS'", False, {"branch": "main2"}),
        ("not { branch 'main' }", False, {"branch": "main"}),
        # what the caller states of the build
        ("tag 'v*'", True, {"tag": "v1"}),
        ("tag()", True, {"tag": "v1"}),
        ("tag pattern: 'v\\\\d', comparator: 'REGEXP'", False, {"tag": "v12"}),
        ("buildingTag()", False, {"tag": ""}),
        ("buildingTag()", False, {"branch": "main"}),
        ("changeRequest()", True, {"change": {"id": "7", "target": "main"}}),
        ("changeRequest target: 'main'", True, {"change": {"id": "7", "target": "main"}}),
        ("changeRequest target: 'mai', comparator: 'REGEXP'", False, {"change": {"id": "7", "target": "main"}}),
        ("expression { env.CHANGE_ID == '7' }", True, {"change": {"id": "7"}}),
        ("changeRequest()", False, {"change": {}}),
        ("not { changeRequest() }", True, {}),
        ("triggeredBy 'TimerTrigger'", True, {"cause": "hudson.triggers.TimerTrigger"}),
        ("triggeredBy 'UserIdCause'", False, {"cause": "TimerTrigger"}),
        ("changeset 'docs/**'", True, {"changes": ["docs/a/b.md"]}),
        ("changeset 'docs/*'", False, {"changes": ["docs/a/b.md", "x"]}),
        ("changeset '**/*.MD'", True, {"changes": ["docs/a/b.md"]}),
        ("changeset pattern: '**/*.MD', caseSensitive: true", False, {"changes": ["docs/a/b.md"]}),
        ("anyOf { branch 'a'; allOf { branch 'main'; not { tag 'x' } } }", True, {"branch": "main"}),
    ],
)
def test_conditions_hold_as_in_jenkins(tmp_path, when, runs, settings):
    source = pipeline(stage("a", more=f"when {{\n{when}\n}}"), PARAMETERS)
    assert rehearse(tmp_path, source, **settings) == ("success", {"a": "success" if runs else "skipped"}, ["a"] * runs)


@pytest.mark.parametrize(
    ("previous", "steps", "written"),
    [
        ("success", "echo 'x'", ""),
        ("failure", "echo 'x'", "changed fixed"),
        ("unstable", "unstable 'x'", ""),
        ("success", "unstable 'x'", "changed regression"),
        ("unstable", "error 'x'", "changed regression"),
        ("aborted", "error 'x'", "changed"),
    ],
)
def test_what_the_build_before_was_counts(tmp_path, previous, steps, written):
    source = pipeline(stage("a", steps), tail=post("changed", "fixed", "regression"))
    assert rehearse(tmp_path, source, previous=previous)[2] == written.split()


@pytest.mark.parametrize(
    ("environment", "printed"),
    [
        # model, RuntimeASTTransformer: the values of one block see one another in any order, and themselves outside
        ('B = "${A}-b"; A = "a"', "a-b"),
        ('B = "${env.A}-b"; A = "a"', "a-b"),
        ('A = "x"; B = "${OUTER}${A}"', "outerx"),
        ("B = '1' + \"${OUTER}\" + true", "1outertrue"),
        ("B = sh(script: 'echo \" x \"', returnStdout: true)", " x "),
        ("B = -1", "-1"),
        # core, EnvVars.overrideExpandingAll and Util.replaceMacro
        ("B = '$OUTER/${OUTER}/$NOBODY/$$'", "outer/outer/$NOBODY/$"),
        ("A = ''; B = \"${env.OUTER}\"", "outer"),
    ],
)
def test_environment(tmp_path, environment, printed):
    body = "environment {\n" + environment.replace("; ", "\n") + "\n}"
    source = pipeline(stage("a", "sh 'echo \"$B\"'", body), "agent any\nenvironment { OUTER = 'outer' }")
    assert runner.run(source, tmp_path)["a"].output == [printed] + [""] * printed.startswith(" ")


def test_variables_go_out_of_scope_are_unset_and_prepended(tmp_path):
    steps = """
    withEnv(['A=inner', 'PATH+X=/first', 'B=', 'C=$A']) { sh 'echo "$A ${PATH%%:*} ${B-unset} $C $STAGE_NAME $BUILD_NUMBER"' }
    sh 'echo "$A $B ${C-unset}"'
    """
    source = pipeline(stage("a", steps), "agent any\nenvironment { A = 'outer'; B = 'b' }".replace("; ", "\n"))
    assert runner.run(source, tmp_path)["a"].output == ["inner /first unset inner a 1", "outer b unset"]


def test_a_variable_of_the_build_around_is_not_taken_over(tmp_path, monkeypatch):
    monkeypatch.setenv("BRANCH_NAME", "other")
    monkeypatch.setenv("CHANGE_ID", "7")
    done = runner.run(pipeline(stage("a", "sh 'echo \"${BRANCH_NAME-none} ${CHANGE_ID-none}\"'")), tmp_path)
    assert done["a"].output == ["none none"]


def test_reports_of_tests_and_artifacts(tmp_path):
    (tmp_path / "r.xml").write_text("<testsuite><testcase/><testcase><failure/></testcase></testsuite>")
    failed = stage("a", "junit 'r.xml'") + stage("b", "archiveArtifacts 'r.*'")
    done = runner.run(pipeline(failed, tail=post("unstable")), tmp_path)
    assert (done.result, done["a"].status, done["b"].status) == ("unstable", "unstable", "success")
    assert [line.partition(": ")[2] for line in done.left_out] == ["junit", "archiveArtifacts"]
    os.utime(tmp_path / "r.xml", (0, 0))
    for steps in ("junit 'r.xml'", "junit 'none/*.xml'", "archiveArtifacts 'none/**'"):
        assert runner.run(pipeline(stage("a", steps)), tmp_path).result == "failure"
    for steps in (
        "junit testResults: 'x/*.xml', allowEmptyResults: true",
        "archiveArtifacts artifacts: 'x', allowEmptyArchive: true",
    ):
        assert runner.run(pipeline(stage("a", steps)), tmp_path).result == "success"


REFUSED = {
    "the result so far": stage("b", more="when { expression { currentBuild.result == null } }"),
    "a method": stage("b", more="when { expression { env.A.tokenize('x') } }"),
    "a method of what may be anything": stage("b", more="when { expression { env.NOBODY.isEmpty() } }"),
    "two statements": stage("b", more="when { expression { def x = 1; x == 1 } }"),
    "an unknown name": stage("b", 'echo "${NOBODY}"'),
    "a variable of a controller": stage("b", 'echo "${env.GIT_COMMIT}"'),
    "an index of env": stage("b", more="when { expression { env['A'] == 'b' } }"),  # not let through by the sandbox
    "an index that is computed": stage("b", more="when { expression { params[env.A] } }"),
    "the branch": stage("b", 'echo "${env.BRANCH_NAME}"'),
    "a branch": stage("b", more="when { branch 'main' }"),
    "not a branch": stage("b", more="when { not { branch 'main' } }"),
    "changeset": stage("b", more="when { changeset '*.py' }"),
    "changelog": stage("b", more="when { changelog 'x' }"),
    "tag": stage("b", more="when { tag 'v*' }"),
    "buildingTag": stage("b", more="when { not { buildingTag() } }"),
    "changeRequest": stage("b", more="when { changeRequest() }"),
    "changeRequest, twice negated": stage("b", more="when { not { anyOf { not { changeRequest() } } } }"),
    "triggeredBy": stage("b", more="when { triggeredBy 'TimerTrigger' }"),
    "a condition of a plugin": stage("b", more="when { commitMessage 'x' }"),
    "a regular expression of Java": stage("b", more="when { branch pattern: 'a++', comparator: 'REGEXP' }"),
    "a loop": stage("b", "script { for (x in [1]) { sh 'x' } }"),
    "a loop in post": stage("b", more="post { always { script { while (true) { sh 'x' } } } }"),
    "a step of a plugin": stage("b", "catchError { deployTo 'x' }"),
    "in nested stages": "stage('p') { stages { " + stage("b", "echo currentBuild.number") + "} }",
    "in parallel": "stage('p') { parallel { " + stage("b", "error \"${currentBuild.result}\"") + stage("c") + "} }",
    "in post": stage("b", more="post { failure { echo \"${currentBuild.currentResult}\" } }"),
    "in withEnv": stage("b", "withEnv([\"A=${env.JENKINS_URL}\"]) { sh 'x' }"),
    "a number that is known later": stage("b", "timeout(time: params.MINUTES.toInteger()) { sh 'x' }"),
    "in options": stage("b", more="options { timeout(time: currentBuild.number) }"),
    "lock": stage("b", more="options { lock('x') }"),
    "retry of stages": "stage('p') { options { retry(2) }\nstages { " + stage("b") + "} }",
    "timeout by activity": stage("b", "timeout(time: 5, activity: true) { sh 'x' }"),
    "retry by conditions": stage("b", "retry(count: 2, conditions: [nonresumable()]) { sh 'x' }"),
    "input": stage("b", more="input { message 'x' }"),
    "the step input": stage("b", "input 'x'"),
    "matrix": "stage('b') { matrix { axes { axis { name 'A'; values '1' } }\nstages { " + stage("c") + "} } }",
    "a container": stage("b", more="agent { docker 'python' }"),
    "a pod": stage("b", more="agent { kubernetes { yaml 'x' } }"),
    "a workspace elsewhere": stage("b", more="agent { node { label 'x'; customWorkspace '/x' } }"),
    "tools": stage("b", more="tools { maven '3' }"),
    "credentials": stage("b", more="environment { A = credentials('x') }"),
    "a circle": stage("b", more="environment {\nA = \"${B}\"\nB = \"${A}\"\n}"),
    "stash": stage("b", "stash 'x'"),
    "an emptied folder": stage("b", "deleteDir()"),
    "the old step parallel": stage("b", "parallel x: { echo 'x' }, y: { echo 'y' }"),
    "windows": stage("b", "bat 'x'"),
    "an encoding": stage("b", "sh(script: 'x', encoding: 'latin1')"),
    "a flag for a text": stage("b", "echo params.LIVE"),
    "a checkout from elsewhere": stage("b", "checkout scmGit(branches: [])"),
}  # fmt: skip


@pytest.mark.parametrize("second", REFUSED.values(), ids=REFUSED)
def test_what_cant_be_known_is_refused_before_anything_runs(tmp_path, second):
    head = "agent any\nparameters { booleanParam(name: 'LIVE') }\nenvironment { A = 'b' }"
    source = pipeline(stage("a") + second, head)
    assert check(source) == []
    with pytest.raises(PipelineError, match=r"^line \d+: "):
        runner.run(source, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("head", "tail", "before"),
    [
        ("agent { dockerfile true }", "", ""),
        ("agent any\ntools { maven '3' }", "", ""),
        ("agent any\nlibraries { lib('x') }", "", ""),
        ("agent any\noptions { retry(2) }", "", ""),
        ("agent any\noptions { withCredentials([]) }", "", ""),
        ("agent any\noptions { checkoutToSubdirectory('x') }", "", ""),
        ("agent any\nparameters { password(name: 'A') }", "", ""),
        ("agent any\nparameters { string(name: 'A', defaultValue: \"${env.X}\") }", "", ""),
        ("agent any\nparameters { gitParameter(name: 'A') }", "", ""),
        ("agent any", "post { always { echo currentBuild.currentResult } }", ""),
        ("agent any", "post { always { slackSend 'x' } }", ""),
        ("agent any", "", "@Library('x') _\n"),
        ("agent any", "", "node { sh 'x' }\n"),
        ("agent any", "", "env.A = 'b'\n"),
        ("agent any", "", "def sh(x) { }\n"),
        ("agent any", "", "def A = currentBuild.number\n"),
    ],
)
def test_so_is_what_the_whole_pipeline_needs(tmp_path, head, tail, before):
    with pytest.raises(PipelineError, match=r"^line \d+: "):
        runner.run(before + pipeline(stage("a"), head, tail), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_stands_around_the_pipeline_and_does_nothing_is_let_be(tmp_path):
    before = "#!groovy\nimport a.B\ndef version = '1'\ndef deploy(x) { sh x }\n"
    assert rehearse(tmp_path, before + pipeline(stage("a")))[0] == "success"
    with pytest.raises(PipelineError, match="version is known on a controller only"):
        runner.run(before + pipeline(stage("a", 'echo "${version}"')), tmp_path)


def test_what_is_taken_for_granted_is_noted(tmp_path):
    source = pipeline(
        stage("a", "checkout scm\nmail to: 'x'", "agent any\nwhen { not { changeRequest() } }"),
        tail="post { cleanup { cleanWs() } }",
    )
    noted = [line.partition(": ")[2] for line in runner.run(source, tmp_path).left_out]
    assert noted == [
        "agent, with a workspace of its own: here it is the same folder",
        "changeRequest: this build is taken for none, say change= if it is one",
        "checkout",
        "mail",
        "cleanWs",
    ]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"previous": "green"}, "previous is one of success"),
        ({"change": {"number": "7"}}, "a change request has no number"),
        ({"parameters": {"LIVE": "maybe"}}, "LIVE is true or false"),
        ({"parameters": {"HOW": "never"}}, "HOW is one of slow, fast"),
        ({"parameters": {"WHAT": "x"}}, "no parameter 'WHAT'"),
    ],
)
def test_wrong_settings_are_refused(tmp_path, settings, reason):
    with pytest.raises(PipelineError, match=reason):
        runner.run(pipeline(stage("a"), PARAMETERS), tmp_path, **settings)
