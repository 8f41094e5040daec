"""Code within ``script { }`` and methods in conditions: what Jenkins does with it, and which code is refused before anything runs.

Sources, all of github.com/jenkinsci: EnvActionImpl of workflow-cps-plugin (here: cps) and EnvironmentExpander of
workflow-step-api-plugin (here: steps); RunWrapper of workflow-support-plugin (here: support); TimeoutStepExecution of
workflow-basic-steps-plugin (here: basic). What a method answers is said by Groovy 2.4 itself, where it is installed; that
Jenkins's sandbox lets the method through stands in generic-whitelist of script-security-plugin.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from jenkinsfile import PipelineError, check, runner
from pipelines import log, pipeline, post, rehearse, stage

FAIL = "sh 'exit 1'"
TIMEOUT = "timeout(time: 100, unit: 'MILLISECONDS') { sleep 30 }"
LATER = stage("b")


def script(code: str, more: str = "") -> str:
    return stage("a", f"script {{\n{code}\n}}", more)


TABLE = {
    "steps": (script(f"{log('x')}\n{log('y')}"), "success", "a=success", "x y"),
    "a failing step": (script(f"{FAIL}\n{log('no')}") + LATER, "failure", "a=failure b=not_reached", ""),
    "if": (script(f"if (params.LIVE) {{ {log('yes')} }} else {{ {log('no')} }}"), "success", "a=success", "no"),
    "if without braces": (script(f"if (!params.LIVE)\n{log('yes')}\nelse\n{log('no')}"), "success", "a=success", "yes"),
    "else if": (
        script(f"if (env.A == 'x') {{ {log('x')} }} else if (env.A == 'b') {{ {log('b')} }} else {{ {log('no')} }}"),
        "success", "a=success", "b",
    ),
    "a text is true unless it is empty": (script(f"if ('false') {{ {log('x')} }}\nif ('') {{ {log('no')} }}"), "success", "a=success", "x"),
    "a variable": (script("def x = 'a' + env.A\nsh \"echo ${x} >> log\"\nx = \"c\"\nsh \"echo $x >> log\""), "success", "a=success", "ab c"),
    # Groovy: what is declared as a String is one, whatever it is made of
    "variables with a type": (
        script(f"String x = \"${{env.A}}\"\nString y = 'b'\nboolean f = params.LIVE\nBoolean g = true\nint n = 3\nInteger m = 4\nif (x.equals(y) && !f && g && n < m) {{ {log('x')} }}"),
        "success", "a=success", "x",
    ),
    "null is no number": (
        "stage('p') { when { expression { false } }\nstages { " + script("env.V = 'x'") + "} }\n" + stage("b", f"script {{\nint n = env.V?.length()\n{log('no')}\n}}"),
        "failure", "p=skipped a=skipped b=failure", "",
    ),
    "null in a text": (
        "stage('p') { when { expression { false } }\nstages { " + script("env.V = 'x'") + "} }\n" + stage("b", "sh \"echo ${env.V} ${env.V + 'y'} >> log\""),
        "success", "p=skipped a=skipped b=success", "null nully",
    ),
    "null is false": (
        "stage('p') { when { expression { false } }\nstages { " + script("env.V = 'x'") + "} }\n" + stage("b", f"script {{\nboolean f = env.V?.isEmpty()\nif (f == false) {{ {log('x')} }}\n}}"),
        "success", "p=skipped a=skipped b=success", "x",
    ),
    "a variable of an outer block": (script("def x = 'a'\ndir('.') { x = 'b' }\nif (true) { x = x + 'c' }\nsh \"echo ${x} >> log\""), "success", "a=success", "bc"),
    "a variable hides one of the environment": (script("def A = 'mine'\nsh \"echo ${A} ${env.A} $A >> log; echo \\$A >> log\""), "success", "a=success", "mine b mine b"),
    "two blocks, one name": (script("if (true) { def x = 'a' }\ndef x = 'b'\nsh \"echo ${x} >> log\""), "success", "a=success", "b"),
    "what a command prints": (script("def x = sh(script: 'echo out', returnStdout: true).trim()\nsh \"echo ${x}! >> log\""), "success", "a=success", "out!"),
    "an exit code": (script(f"def code = sh(script: 'exit 3', returnStatus: true)\nif (code > 2) {{ {log('x')} }}\nif (code != 3) {{ error 'x' }}"), "success", "a=success", "x"),
    "error": (script("if (env.A != 'x') { error 'no' }") + LATER, "failure", "a=failure b=not_reached", ""),
    # Groovy: what a closure returns ends that closure, and no other
    "return": (script(f"{log('x')}\nif (true) {{ return }}\n{log('no')}") + LATER, "success", "a=success b=success", "x b"),
    "return from the block of a step": (script(f"dir('.') {{\nif (true) {{ return }}\n{log('no')}\n}}\n{log('x')}"), "success", "a=success", "x"),
    "return, and finally": (script(f"try {{ return }} finally {{ {log('x')} }}\n{log('no')}"), "success", "a=success", "x"),
    # Groovy's try; an AbortException, as a failing step throws it, is an Exception
    "try": (script(f"try {{\n{FAIL}\n{log('no')}\n}} catch (e) {{ {log('x')} }}\n{log('y')}") + LATER, "success", "a=success b=success", "x y b"),
    "catch, and throw": (
        script(f"try {{ {FAIL} }} catch (Exception e) {{\n{log('x')}\nthrow e\n}}", post("failure", "success")) + LATER,
        "failure", "a=failure b=not_reached", "x failure",
    ),
    "finally": (script(f"try {{ {FAIL} }} finally {{ {log('x')} }}\n{log('no')}"), "failure", "a=failure", "x"),
    "finally after a success": (script(f"try {{ {log('x')} }} catch (Throwable t) {{ {log('no')} }} finally {{ {log('y')} }}"), "success", "a=success", "x y"),
    "finally after a throw": (script(f"try {{ {FAIL} }} catch (e) {{ throw e }} finally {{ {log('x')} }}"), "failure", "a=failure", "x"),
    "an error in catch": (script(f"try {{ {FAIL} }} catch (e) {{ error 'y' }} finally {{ {log('x')} }}\n{log('no')}"), "failure", "a=failure", "x"),
    "an error in finally": (script(f"try {{ {log('x')} }} finally {{ error 'y' }}\n{log('no')}"), "failure", "a=failure", "x"),
    # basic: the interruption of a timeout is an Exception as well, FlowInterruptedException
    "a timeout is caught": (script(f"try {{ {TIMEOUT} }} catch (e) {{ {log('x')} }}"), "success", "a=success", "x"),
    "a timeout is thrown on": (script(f"try {{ {TIMEOUT} }} catch (e) {{ throw e }}") + LATER, "aborted", "a=aborted b=not_reached", ""),
    "retry": (script("retry(3) {\ndef n = sh(script: 'echo x >> log; wc -l < log', returnStdout: true).trim()\nif (n != '3') { error 'again' }\n}"), "success", "a=success", "x x x"),
    # support, RunWrapper.setResult: a result can only get worse; nothing fails, and the stage is a success
    "currentBuild.result": (
        script("currentBuild.result = 'UNSTABLE'", post("success", "unstable")) + stage("b", more=post("unstable")),
        "unstable", "a=success b=success", "unstable b unstable",
    ),
    "currentBuild.result gets no better": (script("currentBuild.result = 'FAILURE'\ncurrentBuild.result = 'SUCCESS'") + LATER, "failure", "a=success b=success", "b"),
    "the idiom of a caught failure": (
        script(f"try {{ {FAIL} }} catch (Exception e) {{ currentBuild.result = 'FAILURE' }}") + LATER, "failure", "a=success b=success", "b",
    ),
    # cps, EnvActionImpl.getEnvironment: putAll, so for the whole build, no $NAME in it and an empty text is a value
    "env": (script("env.V = \"1${env.A}\"\nsh 'echo $V >> log'") + stage("b", "sh 'echo $V >> log'"), "success", "a=success b=success", "1b 1b"),
    "env in a condition": (script("env.V = 'x'") + stage("b", more="when { environment name: 'V', value: 'x' }") + stage("c", more="when { expression { V != 'x' } }"), "success", "a=success b=success c=skipped", "b"),
    "env of a skipped stage": (
        "stage('p') { when { expression { false } }\nstages { " + script("env.V = 'x'") + "} }\n" + stage("b", more="when { expression { env.V == null } }"),
        "success", "p=skipped a=skipped b=success", "b",
    ),
    "env as it is written": (script("env.V = '$A'\nenv.W = ''\nsh 'echo \"$V ${W-unset}.\" >> log'"), "success", "a=success", "$A ."),
    # steps, EnvironmentExpander.getEffectiveEnvironment: over those of the machine
    "env over the machine's": (script("env.HOME = '/here'\nsh 'echo $HOME >> log'"), "success", "a=success", "/here"),
    "null has no methods": (
        "stage('p') { when { expression { false } }\nstages { " + script("env.V = 'x'") + "} }\n"
        + stage("b", f"script {{\ntry {{ if (env.V.isEmpty()) {{ {log('no')} }} }} catch (e) {{ {log('x')} }}\nif (env.V?.isEmpty()) {{ {log('no')} }}\n}}"),
        "success", "p=skipped a=skipped b=success", "x",
    ),
    "no agent": (script("echo 'x'\n" + log("no")), "failure", "a=failure", ""),
    "in post": (stage("a", more=f"post {{ always {{ script {{ if (params.LIVE == false) {{ {log('x')} }} }} }} }}"), "success", "a=success", "a x"),
}  # fmt: skip
HEAD = "parameters { booleanParam(name: 'LIVE') }\nenvironment { A = 'b' }"


@pytest.mark.parametrize(
    ("name", "source", "result", "stages", "written"), [(n, *row) for n, row in TABLE.items()], ids=TABLE
)
def test_a_script_block_does_what_it_does_in_jenkins(tmp_path, name, source, result, stages, written):
    expected = {k: v.replace("_", " ") for k, v in (pair.split("=") for pair in stages.split())}
    agent = "agent none" if name == "no agent" else "agent any"
    assert rehearse(tmp_path, pipeline(source, f"{agent}\n{HEAD}")) == (result, expected, written.split())


# expressions over B = 'main', E = '' and the flag LIVE = true, with Groovy's own answers
ANSWERS = {
    "env.B.equals('main')": True,
    "env.B.equals('Main')": False,
    "'main'.equals(env.B)": True,
    "env.B.equals(true)": False,
    "env.B.equals(null)": False,
    "params.LIVE.equals(true)": True,
    "params.LIVE.equals('true')": False,
    "\"${env.B}\".toString().equals('main')": True,
    "\"${env.B}\" == 'main'": True,
    "\"${env.B}\".toString() in ['main']": True,
    "env.B.equalsIgnoreCase('MAIN')": True,
    "env.B.equalsIgnoreCase(\"m${'ain'}\")": True,
    "'straße'.equalsIgnoreCase('STRASSE')": False,
    "'ß'.equalsIgnoreCase('ẞ')": True,  # the same in small letters
    "'ς'.equalsIgnoreCase('σ')": True,  # the same in capital letters
    "'a'.equalsIgnoreCase('ab')": False,
    "env.B.startsWith('ma')": True,
    "env.B.startsWith('')": True,
    "env.B.startsWith(\"${env.B}x\")": False,
    "\"${env.B}\".startsWith('ma')": True,
    "env.B.endsWith('in')": True,
    "env.B.endsWith('ma')": False,
    "env.B.contains('ai')": True,
    "env.B.contains('AI')": False,
    "env.E.isEmpty()": True,
    "' '.isEmpty()": False,
    "\"${env.E}\".isEmpty()": True,
    "' a\\t\\n'.trim()": "a",
    "'\\u00a0a'.trim()": "\u00a0a",
    "'MAIN'.toLowerCase()": "main",
    "'straße'.toUpperCase()": "STRASSE",
    "'😀a'.length()": 3,
    "'😀a'.size()": 3,
    "'😀a'.size() > 2": True,
    "'true'.toBoolean()": True,
    "' Y '.toBoolean()": True,
    "'1'.toBoolean()": True,
    "'yes'.toBoolean()": False,
    "'TRUE'.toBoolean()": True,
    "''.toBoolean()": False,
    "params.LIVE.toBoolean()": True,
    "params.LIVE.toString()": "true",
    "5.toString()": "5",
    "env.B.toLowerCase().startsWith('m') && !env.B.contains('x')": True,
    "env.B.matches('ma.*')": True,
    "env.B.matches('ma')": False,
    "env.B.matches('a|main')": True,
    "'a\\nb'.matches('a.b')": False,
    "env.B ==~ /m.+n/": True,
    "env.B ==~ 'ai'": False,
    "(env.B =~ /ai/) ? 'y' : 'n'": "y",
    "(env.B =~ /^ai/) ? 'y' : 'n'": "n",
    "env.B?.startsWith('ma')": True,
}  # fmt: skip


def answered(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(("expression", "value"), ANSWERS.items(), ids=ANSWERS)
def test_a_method_answers_as_in_groovy(tmp_path, expression, value):
    head = "agent any\nparameters { booleanParam(name: 'LIVE', defaultValue: true)\nstring(name: 'E') }\nenvironment { B = 'main' }"
    source = pipeline(stage("a", f'script {{\ndef x = {expression}\necho "<${{x}}>"\n}}'), head)
    assert check(source) == []
    assert runner.run(source, tmp_path)["a"].output == [f"<{answered(value)}>"]


@pytest.mark.skipif(
    not (shutil.which("groovy") and shutil.which("java")), reason="no Groovy to compare with: apt-get install groovy"
)
def test_groovy_itself_answers_so(tmp_path):
    lines = ["def env = [B: 'main', E: ''], params = [LIVE: true]"]
    lines += [f"println('<' + ({expression}) + '>')" for expression in ANSWERS]
    program = tmp_path / "answers.groovy"
    program.write_text("\n".join(lines), encoding="utf-8")
    home = str(Path(shutil.which("java") or "").resolve().parent.parent)
    env = {**os.environ, "JAVA_HOME": home, "JAVA_OPTS": "-Dfile.encoding=UTF-8"}
    done = subprocess.run(["groovy", "-c", "UTF-8", str(program)], capture_output=True, text=True, env=env, timeout=300)
    assert done.stdout.splitlines() == [f"<{answered(value)}>" for value in ANSWERS.values()], done.stderr[-2000:]


REFUSED = {
    # code
    "for (x in ['a']) { sh 'x' }": "for in a script block",
    "while (true) { sh 'x' }": "while in a script block",
    "switch (env.A) { case 'b': sh 'x' }": "switch in a script block",
    "assert env.A == 'b'": "assert in a script block",
    "['a'].each { sh 'x' }": "each of an object",
    "node { sh 'x' }": "the step node",
    "parallel(a: { sh 'x' }, b: { sh 'y' })": "the step parallel",
    "stage('x') { sh 'x' }": "the step stage",
    "println 'x'": "the step println",
    "deploy()": "the step deploy",
    "this.sh 'x'": "sh of an object",
    "{ -> sh 'x' }()": "this call of an object",
    "return 1": "return in a script block",
    "throw new Exception('x')": "throw in a script block",
    "env.A": "this code in a script block",
    "sh": "this code in a script block",
    # steps that the linter does not look at here
    "sh()": "sh needs 'script'",
    "sh 'a', 'b'": "sh takes one argument",
    "echo text: 'a'": "echo has no argument 'text'",
    "echo 1": "echo takes a string",
    # variables
    "x = 'a'": "x is no variable of this script block",
    "def x": "a script block declares",
    "def (x, y) = ['a', 'b']": "a script block declares",
    "final x = 'a'": "a script block declares",
    "List x = ['a']": "a script block declares",
    "def x = ['a']": "a list",
    "def x = [a: 'b']": "this expression",
    "def x = null": "a null",
    "def x = 1.5": "a number with a fraction",
    "int x = 'a'": "a text is not rehearsed as int",
    "String x = true": "a flag is not rehearsed as String",
    "def x = readFile('a')": "readFile is known",
    "def x = { sh 'x' }": "this expression",
    "def x = 'a'\ndef x = 'b'": "x can't be declared here",
    "def x = 'a'\nif (true) { def x = 'b' }": "x can't be declared here",
    "def env = 'a'": "env can't be declared here",
    "def params = 'a'": "params can't be declared here",
    "def currentBuild = 'a'": "currentBuild can't be declared here",
    "def scm = 'a'\ncheckout scm": "scm can't be declared here",
    "def sh = 'a'\nsh 'x'": "sh is a variable here",
    "try { sh 'x' } catch (env) { sh 'y' }": "env can't be declared here",
    "try { sh 'x' } catch (helper) { sh 'y' }": "helper can't be declared here",
    "def helper = 'a'": "helper can't be declared here",
    "if (true) { def x = 'a' }\necho x": "x is known on a controller only",
    "def x = 'a'\nx = 1": "x is a text",
    "def x = 'a'\nx = \"${env.A}\"": "interpolated",
    "def x = 'a'\nx += 'b'": "the operator +=",
    "def x = 1\nx++": "this code in a script block",
    "def x = 'a'\nx 'b'": "x is a variable here",
    # the environment and the result
    "env.A = 'x'": "env.A is set elsewhere",
    "env.LIVE = 'x'": "env.LIVE is set elsewhere",
    "env.W = 'x'\nwithEnv(['W=y']) { sh 'x' }": "env.W is set elsewhere",
    "env.BUILD_NUMBER = '2'": "env.BUILD_NUMBER is set elsewhere",
    "env.BRANCH_NAME = 'x'": "env.BRANCH_NAME is set elsewhere",
    "env.GIT_COMMIT = 'x'": "env.GIT_COMMIT is set elsewhere",
    "env.V = 1": "env.V has to be a text",
    "env.V = null": "env.V has to be a text",
    "env.V += 'x'": "the operator +=",
    "env['V'] = 'x'": "what is assigned here",
    "env.\"${env.A}\" = 'x'": "what is assigned here",
    "params.LIVE = true": "what is assigned here",
    "env.V = 'x'\necho env.V": "env.V may be null here",
    "currentBuild.result = 'BAD'": "currentBuild.result is one of",
    "currentBuild.result = env.A": "currentBuild.result is one of",
    "currentBuild.displayName = 'x'": "what is assigned here",
    "if (currentBuild.result == 'FAILURE') { sh 'x' }": "currentBuild.result is known",
    # try
    "try { sh 'x' } catch (hudson.AbortException e) { sh 'y' }": "catch (hudson . AbortException ...)",
    "try { sh 'x' } catch (IOException | RuntimeException e) { sh 'y' }": "catch (IOException | RuntimeException ...)",
    "try { sh 'x' } catch (e) { sh 'y' } catch (Throwable t) { sh 'z' }": "more than one catch",
    "try { sh 'x' } catch (e) { echo e.message }": "e.message is known",
    "try { sh 'x' } catch (e) { echo \"${e}\" }": "what the error e says",
    "try { sh 'x' } catch (e) { e = 'x' }": "e is no variable",
    "def e = 'x'\ntry { sh 'x' } catch (e) { sh 'y' }": "e can't be declared here",
    "try { sh 'x' } catch (e) { sh 'y' }\nthrow e": "throw in a script block",
    "try { sh 'x' } catch (e) { for (x in ['a']) { sh 'y' } }": "for in a script block",
    "try { sh 'x' } finally { deploy() }": "the step deploy",
    # expressions
    "if (env.A.tokenize('x')) { sh 'x' }": "the method tokenize",
    "if (env.A.replaceAll('a', 'b') == 'b') { sh 'x' }": "the method replaceAll",
    "if (env.A.startsWith('a', 1)) { sh 'x' }": "the method startsWith is rehearsed with 1 arguments",
    "if (env.A.startsWith(true)) { sh 'x' }": "the method startsWith of a flag",
    "if (2 - 1 == 1) { sh 'x' }": "number - number is not rehearsed",
    "if (env.A.\"${'trim'}\"()) { sh 'x' }": "the method that is computed",
    'echo "${params}"': "params by itself",
    "if (env.A.equals(['b'])) { sh 'x' }": "the method equals of a list",
    "if (env.A.startsWith(null)) { sh 'x' }": "the method startsWith of a null",
    "if (env.NOBODY.isEmpty()) { sh 'x' }": "the method isEmpty of a null",
    "if (params.LIVE.isEmpty()) { sh 'x' }": "the method isEmpty of a flag",
    "if (env.A*.trim()) { sh 'x' }": "the operator *.",
    "if (env.A.&trim) { sh 'x' }": "the operator .&",
    "if (env.A.matches(env.A)) { sh 'x' }": "this regular expression",
    "if (env.A.matches('a++')) { sh 'x' }": "this regular expression",
    # Groovy: an interpolated string equals no string by equals, nor in a list; 49 == '1', the number of that character
    "if (\"${env.A}\".equals('b')) { sh 'x' }": "an interpolated string equals no string",
    "if (env.A.equals(\"${env.A}\")) { sh 'x' }": "an interpolated string equals no string",
    "def x = \"${env.A}\"\nif (x.equals('b')) { sh 'x' }": "an interpolated string equals no string",
    "if (\"${env.A}\" in ['b']) { sh 'x' }": "an interpolated string is never in a list",
    "if (env.A in [\"${env.A}\"]) { sh 'x' }": "an interpolated string is never in a list",
    "if (env.A == 49) { sh 'x' }": "a text and a number are not compared",
}


@pytest.mark.parametrize(("code", "reason"), REFUSED.items(), ids=REFUSED)
def test_other_code_is_refused_by_name_before_anything_runs(tmp_path, code, reason):
    source = "def helper = 'x'\n" + pipeline(stage("a") + stage("b", f"script {{\n{code}\n}}"), f"agent any\n{HEAD}")
    assert check(source) == []
    with pytest.raises(PipelineError, match=r"^line \d+: ") as refusal:
        runner.run(source, tmp_path)
    assert reason in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["environment", "withEnv"])
def test_a_variable_that_a_later_stage_sets_is_no_variable_of_code(tmp_path, place):
    later = {"environment": ("echo 'x'", "environment { V = 'y' }"), "withEnv": ("withEnv(['V=y']) { echo 'x' }", "")}
    source = pipeline(script("env.V = 'x'") + stage("b", *later[place]))
    with pytest.raises(PipelineError, match=r"env\.V is set elsewhere"):
        runner.run(source, tmp_path)
