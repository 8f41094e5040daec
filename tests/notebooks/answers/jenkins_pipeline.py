"""Answers to the exercises of jenkins_pipeline: other right ones, and the classic wrong ones with their hints."""

# 1: a gate for a hook


def gate(body: str) -> str:
    return f"def may_be_pushed(sources):\n{body}"


RIGHT_1 = [
    gate("""    result = []
    for name in sorted(sources):
        lines = [finding.line for finding in jenkinsfile.check(sources[name])]
        if lines:
            result.append(name + ":" + str(min(lines)))
    return result
"""),
    gate("""    from jenkinsfile import examine
    result = []
    for name, text in sorted(sources.items()):
        for fault in sorted(examine(text).findings, key=lambda f: (f.line, f.column)):
            result.append("%s:%d" % (name, fault.line))
            break
    return result
"""),
    gate("""    names, faulty = sorted(sources), []
    for name in names:
        try:
            pipeline.read_pipeline(sources[name])
        except jenkinsfile.PipelineError:
            faulty.append(name)
    return [f"{name}:{min(jenkinsfile.examine(sources[name]).findings).line}" for name in faulty]
"""),
    gate("""    import subprocess, sys
    result = []
    for name in sorted(sources.keys()):
        command = [sys.executable, "-m", "jenkinsfile", "-"]
        said = subprocess.run(command, input=sources[name], capture_output=True, text=True)
        if said.returncode == 1:
            lines = [int(line.split(":")[1]) for line in said.stdout.splitlines() if line.startswith("-:")]
            result += [f"{name}:{min(lines)}"]
    return result
"""),
    gate("""    def first(text):
        return min((f.line for f in jenkinsfile.check(text)), default=None)
    pairs = ((name, first(sources[name])) for name in sorted(sources))
    return list(map(lambda p: f"{p[0]}:{p[1]}", filter(lambda p: p[1] is not None, pairs)))
"""),
]

WRONG_1 = [
    ("nothing", gate("    return None\n"), "A list is wanted"),
    ("a generator", gate("    return (f'{n}:{f[0].line}' for n in sorted(sources) if (f := jenkinsfile.check(sources[n])))\n"), "A list is wanted"),
    ("whether it is so", gate("    return not any(jenkinsfile.check(t) for t in sources.values())\n"), "A list is wanted"),
    ("always empty", gate("    return []\n"), "with the line of the fault"),
    ("the number of faults instead of the line", gate("    return [f'{n}:{len(jenkinsfile.check(t))}' for n, t in sorted(sources.items()) if jenkinsfile.check(t)]\n"), "with the line of the fault"),
    ("the column", gate("    return [f'{n}:{jenkinsfile.check(t)[0].column}' for n, t in sorted(sources.items()) if jenkinsfile.check(t)]\n"), "with the line of the fault"),
    ("names only", gate("    return [n for n, t in sorted(sources.items()) if jenkinsfile.check(t)]\n"), "NAME:LINE"),
    ("an entry a fault", gate("    return [f'{n}:{f.line}' for n, t in sorted(sources.items()) for f in jenkinsfile.check(t)]\n"), "One entry a faulty file"),
    ("in the order given", gate("    return [f'{n}:{jenkinsfile.check(t)[0].line}' for n, t in sources.items() if jenkinsfile.check(t)]\n"), "in the order of the names"),
    ("the last fault", gate("    return [f'{n}:{jenkinsfile.check(t)[-1].line}' for n, t in sorted(sources.items()) if jenkinsfile.check(t)]\n"), "Only the first fault"),
    ("the entries sorted", gate("    return sorted(f'{n}:{jenkinsfile.check(t)[0].line}' for n, t in sources.items() if jenkinsfile.check(t))\n"), "Sort the names"),
    ("capital letters like small ones", gate("    return [f'{n}:{jenkinsfile.check(sources[n])[0].line}' for n in sorted(sources, key=str.lower) if jenkinsfile.check(sources[n])]\n"), "capital letters first"),
    ("only what is no Groovy", gate("""    from jenkinsfile import groovy
    found = []
    for name in sorted(sources):
        try:
            groovy.parse(sources[name])
        except groovy.GroovySyntaxError as error:
            found.append(f"{name}:{error.line}")
    return found
"""), "with the line of the fault"),
    ("blank lines stripped", gate("    return [f'{n}:{jenkinsfile.check(sources[n].strip())[0].line}' for n in sorted(sources) if jenkinsfile.check(sources[n].strip())]\n"), "blank lines counted"),
    ("files without faults as well", gate("    return [f'{n}:{(jenkinsfile.check(sources[n]) or [type(\"\", (), {\"line\": 0})])[0].line}' for n in sorted(sources)]\n"), "the list is empty"),
    ("eats what it is given", gate("""    found = []
    for name in sorted(sources):
        faults = jenkinsfile.check(sources.pop(name))
        if faults:
            found.append(f"{name}:{faults[0].line}")
    return found
"""), "stays as it was"),
    ("an empty file is fine", gate("    return [f'{n}:{jenkinsfile.check(sources[n])[0].line}' for n in sorted(sources) if sources[n] and jenkinsfile.check(sources[n])]\n"), "An empty file is no pipeline"),
]  # fmt: skip

# 2: fix the pipeline

_REPAIRED = """
pipeline {
    agent any
    options { timeout(time: 10, unit: 'MINUTES') }
    stages {
        stage('Build') {
            steps { sh 'echo build >> log' }
        }
        stage('Ship') {
            when { branch 'main' }
            steps { sh 'echo ship >> log' }
            post {
                always { sh 'echo done >> log' }
                failure { sh 'echo back >> log' }
            }
        }
    }
}
"""


def repaired(*changes: tuple[str, str]) -> str:
    text = _REPAIRED
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return f"def repaired():\n    return {text!r}\n"


_OPTIONS = "options { timeout(time: 10, unit: 'MINUTES') }"
_WHEN = "when { branch 'main' }"
_ALWAYS = "always { sh 'echo done >> log' }"
_FAILURE = "failure { sh 'echo back >> log' }"
_SHIP = "steps { sh 'echo ship >> log' }"

RIGHT_2 = [
    repaired(),
    repaired((_OPTIONS, "options { timeout(10) }"), (_WHEN, "when { branch pattern: 'main' }")),
    repaired((_OPTIONS, "options {\n timestamps()\n timeout time: 600, unit: 'SECONDS'\n }"), (_FAILURE, "unsuccessful { sh 'echo back >> log' }")),
    repaired((_OPTIONS, 'options { timeout(unit: "MINUTES", time: 10) }'), (_WHEN, "when { expression { env.BRANCH_NAME == 'main' } }")),
    repaired((_WHEN, "when { expression { return BRANCH_NAME == 'main' } }"), ("sh 'echo", "sh script: 'echo"), ("stage('Build')", 'stage("Build")')),
    repaired((_WHEN, "when { environment name: 'BRANCH_NAME', value: 'main' }"), (_ALWAYS, ""), (_FAILURE, _FAILURE + "\n cleanup { sh 'echo done >> log' }")),
    repaired((_WHEN, "when {\n beforeAgent true\n allOf { branch 'main' }\n }"), (_SHIP, "steps {\n sh '''\n echo ship >> log\n '''\n }")),
    repaired(("agent any\n", "agent none\n"), ("stage('Build') {", "stage('Build') { agent any\n"), ("stage('Ship') {", "stage('Ship') { agent any\n")),
    repaired((_ALWAYS, "success { sh 'echo done >> log' }"), (_FAILURE, "failure {\n sh 'echo done >> log'\n sh 'echo back >> log'\n }")),
    repaired((_WHEN, "when { not { not { branch 'main' } } }"), (_SHIP, "steps { echo 'shipping'\n sh \"echo ship >> log\" }")),
    repaired(("agent any", "agent { label '' }"), ("pipeline {", "/* mended */ pipeline {"), ("'echo done >> log'", "'printf \"done\\\\n\" >> log'")),
    repaired((_WHEN, "when { expression { env.BRANCH_NAME.equals('main') } }")),
    repaired((_WHEN, "when { expression { env.BRANCH_NAME ==~ /main/ } }"), (_SHIP, "steps { script { sh 'echo ship >> log' } }")),
    repaired((_WHEN, "when { equals expected: 'main', actual: env.BRANCH_NAME }"), ("agent any", "agent any\n environment { OUT = 'log' }"), ("'echo build >> log'", "'echo build >> $OUT'")),
    """
def repaired():
    text = BROKEN
    for old, new in [
        ("pipeline {\\n", "pipeline {\\n    agent any\\n"),
        ("'MINUTE'", "'MINUTES'"),
        ("step {", "steps {"),
        ("branch == 'main'", "branch 'main'"),
        ("failed {", "failure {"),
    ]:
        text = text.replace(old, new)
    return text
""",
]  # fmt: skip

WRONG_2 = [
    ("as it was", "def repaired():\n    return BROKEN\n", "There are still faults"),
    ("nothing", "def repaired():\n    pass\n", "The text of a pipeline is wanted"),
    ("a list of lines", f"def repaired():\n    return {_REPAIRED!r}.splitlines()\n", "The text of a pipeline is wanted"),
    ("the condition thrown out", repaired((_WHEN, "when { expression { true } }")), "keep its when"),
    ("the when thrown out", repaired((_WHEN, "")), "keep its when"),
    ("any branch that begins so", repaired((_WHEN, "when { branch 'ma*' }")), "main only, not on maintenance"),
    ("another one as well", repaired((_WHEN, "when { anyOf { branch 'main'; branch 'master' } }")), "main only, not on master"),
    ("any branch that begins so, by a method", repaired((_WHEN, "when { expression { env.BRANCH_NAME.startsWith('main') } }")), "main only, not on maintenance"),
    ("any branch that has it in it", repaired((_WHEN, "when { expression { BRANCH_NAME =~ 'main' } }")), "main only, not on (maintenance|domain)"),
    ("any branch that ends so", repaired((_WHEN, "when { branch '**/main' }")), "main only, not on release/main"),
    ("all but feature", repaired((_WHEN, "when { not { branch 'feature' } }")), "runs on main only"),
    ("another branch", repaired((_WHEN, "when { branch 'master' }")), "On main both stages run"),
    ("done on success only", repaired((_ALWAYS, "success { sh 'echo done >> log' }")), "done and back are written"),
    ("back on success", repaired((_FAILURE, "success { sh 'echo back >> log' }")), "On main both stages run"),
    ("back whatever happens", repaired((_FAILURE, "cleanup { sh 'echo back >> log' }")), "On main both stages run"),
    ("no back", repaired((_FAILURE, "")), "done and back are written"),
    ("done on failure only", repaired((_ALWAYS, "unsuccessful { sh 'echo done >> log' }")), "On main both stages run"),
    (
        "done and back for the whole pipeline",
        repaired(
            ("post {\n                " + _ALWAYS + "\n                " + _FAILURE + "\n            }\n", ""),
            ("        }\n    }\n}\n", f"        }}\n    }}\n post {{ {_ALWAYS}\n {_FAILURE} }}\n}}\n"),
        ),
        "On another branch|neither done nor back|keep its when",
    ),
    ("done as a step", repaired((_ALWAYS, ""), (_SHIP, "steps { sh 'echo ship >> log'\n sh 'echo done >> log' }")), "done and back are written"),
    ("the failure is swallowed", repaired((_SHIP, "steps { catchError(buildResult: 'SUCCESS', stageResult: 'FAILURE') { sh 'echo ship >> log' } }")), "A failure stays a failure|done and back"),
    ("the failure is a warning", repaired((_SHIP, "steps { warnError('oh') { sh 'echo ship >> log' } }"), (_FAILURE, "unsuccessful { sh 'echo back >> log' }")), "A failure stays a failure"),
    ("an hour is enough", repaired(("'MINUTES'", "'HOURS'")), "time 10, unit MINUTES"),
    ("ten seconds", repaired(("'MINUTES'", "'SECONDS'")), "time 10, unit MINUTES"),
    ("a minute", repaired(("time: 10, unit: 'MINUTES'", "time: 10 * 6, unit: 'SECONDS'")), "time 10, unit MINUTES|still faults|does not run"),
    ("ten minutes of silence", repaired(("unit: 'MINUTES'", "unit: 'MINUTES', activity: true")), "time 10, unit MINUTES|does not run"),
    ("no timeout", repaired((_OPTIONS, "options { timestamps() }")), "keep the timeout"),
    ("a timeout for each stage", repaired((_OPTIONS, ""), ("stage('Build') {", f"stage('Build') {{ {_OPTIONS}\n"), ("stage('Ship') {", f"stage('Ship') {{ {_OPTIONS}\n")), "keep the timeout in its options"),
    ("a timeout around a step", repaired((_OPTIONS, ""), ("{ sh 'echo build", "{ timeout(10) { sh 'echo build"), ("build >> log' }", "build >> log' } }")), "keep the timeout in its options"),
    ("an agent of that name", repaired(("agent any", "agent { label 'any' }")), "agent of that name"),
    ("an agent with a label", repaired(("agent any", "agent { label 'linux' }")), "agent of that name"),
    ("no agent", repaired(("    agent any\n", "")), "still faults"),
    ("agent none", repaired(("agent any", "agent none")), "agent any|does not run|On main"),
    ("the stages turned round", repaired(("'Build'", "'X'"), ("'Ship'", "'Build'"), ("'X'", "'Ship'")), "in their order"),
    ("side by side", repaired(("    stages {", "    stages { stage('All') { parallel {"), ("        }\n    }\n}\n", "        }\n    }\n}\n}\n}\n")), "Both stages have to stay"),
    ("Build left out", repaired(("        stage('Build') {\n            steps { sh 'echo build >> log' }\n        }\n", "")), "Both stages have to stay"),
]  # fmt: skip

# 3: a pipeline that can go back

_RELEASE = """
pipeline {
    agent any
    parameters { booleanParam name: 'LIVE', description: 'go live?' }
    options { parallelsAlwaysFailFast() }
    stages {
        stage('Gates') {
            parallel {
                stage('Lint') { steps { sh(script: './lint') } }
                stage('Test') { steps { sh(script: './test') } }
            }
        }
        stage('Deploy') {
            stages {
                stage('Up') { steps { sh './deploy' } }
                stage('Ask') { steps { sh './smoke' } }
            }
            post { failure { sh './rollback' } }
        }
        stage('Live') {
            when { expression { return params.LIVE == true } }
            steps { sh './live' }
        }
    }
    post { cleanup { sh './report' } }
}
"""


def release(*changes: tuple[str, str]) -> str:
    text = _RELEASE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return f"def release_pipeline():\n    return {text!r}\n"


_LIVE = "when { expression { return params.LIVE == true } }"
_PARAMETER = "booleanParam name: 'LIVE', description: 'go live?'"
_FAST = "    options { parallelsAlwaysFailFast() }\n"
_BACK = "            post { failure { sh './rollback' } }\n"
_REPORT = "post { cleanup { sh './report' } }"
_UP, _ASK = "stage('Up') { steps { sh './deploy' } }", "stage('Ask') { steps { sh './smoke' } }"
_DEPLOY = f"stages {{\n                {_UP}\n                {_ASK}\n            }}\n"

RIGHT_3 = [
    release(),
    release((_LIVE, "when { environment name: 'LIVE', value: 'true' }"), (_DEPLOY, "steps { sh './deploy'\n sh './smoke' }\n"), (_REPORT, "post { always { sh './report' } }")),
    release((_LIVE, "when { equals expected: true, actual: params.LIVE }"), (_FAST, ""), ("            parallel {", "            failFast true\n            parallel {")),
    release((_LIVE, "when { expression { env.LIVE == 'true' } }"), (_DEPLOY, "steps { sh '''\n ./deploy\n ./smoke\n ''' }\n"), ("failure {", "unsuccessful {")),
    release((_LIVE, ""), ("sh './live'", "sh 'if [ \"$LIVE\" = true ]; then ./live; fi'"), (_DEPLOY, "steps { sh './deploy && ./smoke' }\n")),
    release((_LIVE, "when { environment name: 'GO', value: 'true' }"), (_FAST, "    environment { GO = \"${params.LIVE}\" }\n" + _FAST), (_PARAMETER, "booleanParam(defaultValue: false, name: 'LIVE')")),
    release((_LIVE, "when {\n beforeAgent true\n allOf { expression { params.LIVE }\n not { expression { !params.LIVE } } }\n }"), (_FAST, "options {\n timestamps()\n timeout(time: 1, unit: 'HOURS')\n disableConcurrentBuilds()\n parallelsAlwaysFailFast()\n }\n")),
    release(("sh './deploy'", "retry(1) { sh './deploy' }"), (_BACK, "            post {\n failure { sh './rollback' }\n aborted { sh './rollback' }\n }\n"), ("sh(script: './lint')", 'sh "./lint"')),
    release((_LIVE, "when { expression { \"${params.LIVE}\" == 'true' } }"), (_REPORT, "post {\n success { echo 'well' }\n cleanup { sh script: './report', label: 'report' }\n }")),
    release((_LIVE, "when { anyOf { equals expected: 'true', actual: env.LIVE } }"), (_FAST, "    environment { HERE = '.' }\n" + _FAST), ("sh './smoke'", "sh '$HERE/smoke'"), ("'./report'", "\"${HERE}/report\"")),
    release(("sh(script: './lint')", "timeout(5) { sh './lint' }"), ("sh(script: './test')", "withEnv(['A=b']) { sh './test' }"), ("agent any", "agent { label 'linux' }")),
    release((_DEPLOY, "steps { sh './deploy; ./smoke' }\n")),  # sh stops at the first that fails
    # code
    release((_LIVE, ""), ("sh './live'", "script { if (params.LIVE) { sh './live' } }")),
    release((_LIVE, ""), ("sh './live'", "script {\n if (!params.LIVE) { return }\n sh './live' }")),
    release((_BACK, ""), (_DEPLOY, "steps { script {\n try {\n sh './deploy'\n sh './smoke'\n } catch (Exception e) {\n sh './rollback'\n throw e\n } } }\n")),
    release((_BACK, ""), (_DEPLOY, "steps { script {\n def ok = false\n try {\n sh './deploy'\n sh './smoke'\n ok = true\n } finally {\n if (!ok) { sh './rollback' } } } }\n")),
    release(
        (_BACK, ""),
        (_DEPLOY, "steps { script {\n def code = sh(script: './deploy && ./smoke', returnStatus: true)\n if (code != 0) {\n sh './rollback'\n error \"exit code ${code}\" } } }\n"),
    ),
    release((_LIVE, "when { expression { params.LIVE.toString().equals('true') } }"), (_REPORT, "post { always { script { sh './report' } } }")),
    release((_LIVE, "when { expression { env.LIVE.toBoolean() } }")),
    release((_LIVE, "when { expression { params['LIVE'] } }")),
    release((_DEPLOY, "steps { dir('.') { sh returnStatus: false, script: './deploy' }\n sh './smoke' }\n"), (_LIVE, "when { not { equals expected: false, actual: params.LIVE } }")),
]  # fmt: skip

WRONG_3 = [
    ("nothing", "def release_pipeline():\n    return None\n", "The text of a pipeline"),
    ("no agent", release(("    agent any\n", "")), "has a fault in line"),
    ("agent none", release(("agent any", "agent none")), "does not run|By default"),
    ("a loop", release((_DEPLOY, "steps { script { for (x in ['deploy', 'smoke']) { sh \"./${x}\" } } }\n")), "does not run this pipeline: line .*for in a script block"),
    ("code that is caught, and all is well", release((_BACK, ""), (_DEPLOY, "steps { script { try { sh './deploy'\n sh './smoke' } catch (e) { sh './rollback' } } }\n")), "roll back, don't go live|the run is a success"),
    ("code that goes back whatever happens", release((_BACK, ""), (_DEPLOY, "steps { script { try { sh './deploy'\n sh './smoke' } finally { sh './rollback' } } }\n")), "By default"),
    ("code that notes the failure and goes on", release((_BACK, ""), (_DEPLOY, "steps { script { try { sh './deploy'\n sh './smoke' } catch (e) { sh './rollback'\n currentBuild.result = 'FAILURE' } } }\n")), "roll back, don't go live"),
    ("code that asks after every exit code but one", release((_BACK, ""), (_DEPLOY, "steps { script {\n sh './deploy'\n if (sh(script: './smoke', returnStatus: true) != 0) {\n sh './rollback'\n error 'smoke' } } }\n")), "fails half way"),
    ("always live", release(("params.LIVE == true", "true")), "nothing goes live"),
    ("live when it is not asked", release(("params.LIVE == true", "params.LIVE == false")), "nothing goes live"),
    ("a false text is a true one", release((_LIVE, "when { expression { params.LIVE.toString() } }")), "nothing goes live"),
    ("never live", release(("params.LIVE == true", "params.LIVE == 'true'")), "With LIVE it goes live"),
    ("live by default", release(("description: 'go live?'", "defaultValue: true")), "nothing goes live"),
    ("a text for a parameter", release((_PARAMETER, "string name: 'LIVE', defaultValue: 'false'"), ("params.LIVE == true", "params.LIVE == 'true'")), "booleanParam"),
    ("a list for a parameter", release((_PARAMETER, "choice name: 'LIVE', choices: ['false', 'true']"), ("params.LIVE == true", "params.LIVE == 'true'")), "booleanParam"),
    ("no parameter", release((f"    parameters {{ {_PARAMETER} }}\n", ""), (_LIVE, "when { expression { env.LIVE == 'true' } }")), "booleanParam"),
    ("Live in Deploy", release(("'Live'", "'Other'")), "Three stages"),
    ("no stage for the lint", release(("stage('Lint')", "stage('Style')")), "the stages Lint and Test"),
    ("no way back", release((_BACK, "")), "roll back, don't go live"),
    ("goes back after every failure", release((_BACK, ""), ("post { cleanup", "post { failure { sh './rollback' }\n    cleanup")), "belongs to the stage Deploy"),
    ("goes back only when the question fails", release((_BACK, ""), (_ASK, "stage('Ask') { steps { sh './smoke' }\n post { failure { sh './rollback' } } }")), "fails half way"),
    ("goes back only when the deployment fails", release((_BACK, ""), (_UP, "stage('Up') { steps { sh './deploy' }\n post { failure { sh './rollback' } } }")), "roll back, don't go live"),
    ("goes back whatever happens", release(("failure { sh './rollback' }", "always { sh './rollback' }")), "By default"),
    ("goes back twice", release(("failure { sh './rollback' }", "failure { sh './rollback' }\n unsuccessful { sh './rollback' }")), "roll back, don't go live"),
    ("goes back when Live fails", release(("steps { sh './live' }", "steps { sh './live' }\n post { failure { sh './rollback' } }")), "belongs to the stage Deploy"),
    ("goes back in the shell, and all is well", release((_BACK, ""), ("sh './smoke'", "sh './smoke || ./rollback'"), ("sh './deploy'", "sh './deploy || ./rollback'")), "roll back, don't go live|the run is a success"),
    ("the failure is caught", release((_DEPLOY, "steps { catchError(buildResult: 'SUCCESS', stageResult: 'FAILURE') { sh './deploy'\n sh './smoke' } }\n")), "roll back, don't go live"),
    ("the lint is a warning", release(("sh(script: './lint')", "catchError { sh './lint' }")), "A failed gate|does not run"),
    ("a failed lint is nothing", release(("'./lint'", "'./lint || true'")), "A failed gate"),
    ("the answer of the smoke test is not looked at", release(("sh './smoke'", "sh script: './smoke', returnStatus: true")), "roll back, don't go live"),
    ("a failed live is nothing", release(("sh './live'", "sh './live || true'")), "the run is a success"),
    ("no smoke test", release((f"                {_ASK}\n", "")), "By default"),
    ("asked before it is there", release((_DEPLOY, "steps { sh './smoke'\n sh './deploy' }\n")), "By default"),
    ("waits for the slower gate", release((_FAST, "")), r"ends test at once"),
    ("one gate after the other", release(("            parallel {", "            stages {")), "at the same time|ends (lint|test)"),
    ("both gates in one", release(("./lint", "./lint && ./test"), ("sh(script: './test')", "echo 'see Lint'")), "at the same time|ends (lint|test)"),
    ("reports success only", release(("cleanup {", "success {")), "roll back, don't go live|and report"),
    ("reports failure only", release(("cleanup {", "failure {")), "By default"),
    ("reports twice", release(("cleanup { sh './report' }", "always { sh './report' }\n cleanup { sh './report' }")), "By default"),
    ("reports after Live only", release((_REPORT, ""), ("steps { sh './live' }", "steps { sh './live' }\n post { always { sh './report' } }")), "By default"),
    ("the report is a stage", release((_REPORT, ""), ("    stages {\n        stage('Gates')", "    stages {\n        stage('Gates')")), "By default"),
    ("the report is the last step", release((_REPORT, ""), (_LIVE, ""), ("sh './live'", "sh 'if [ $LIVE = true ]; then ./live; fi'\n sh './report'")), "roll back, don't go live"),
    ("the report comes before the roll-back", release((_BACK, "            post { always { sh './report' }\n failure { sh './rollback' } }\n"), (_REPORT, "")), "roll back, don't go live|By default|A failed gate|With LIVE"),
    ("no gates", release(("sh(script: './lint')", "echo 'fine'"), ("sh(script: './test')", "echo 'fine'")), "By default"),
]  # fmt: skip

RIGHT = {"jenkins_pipeline-1": RIGHT_1, "jenkins_pipeline-2": RIGHT_2, "jenkins_pipeline-3": RIGHT_3}
WRONG = {"jenkins_pipeline-1": WRONG_1, "jenkins_pipeline-2": WRONG_2, "jenkins_pipeline-3": WRONG_3}
