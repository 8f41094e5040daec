"""Answers to the exercises of jenkins_pipeline: other right ones, and the classic wrong ones with their hints."""

_RIGHT_PIPELINE = """
pipeline {
    agent none
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


def pipeline(*changes: tuple[str, str]) -> str:
    text = _RIGHT_PIPELINE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return f"def release_pipeline():\n    return {text!r}\n"


_REPAIR = """
def repaired():
    text = BROKEN
    for old, new in {changes}:
        text = text.replace(old, new)
    return text
"""
_CHANGES = [
    ("pipeline {\n", "pipeline {\n    agent any\n"),
    ("'MINUTE'", "'MINUTES'"),
    ("step {", "steps {"),
    ("branch == 'main'", "branch 'main'"),
    ("failed {", "failure {"),
]


def repair(**instead: str) -> str:
    """The repair with some changes replaced, by a word of what they replace."""
    changes = [(old, instead.get(old.split()[0].strip("'{"), new)) for old, new in _CHANGES]
    return _REPAIR.format(changes=changes)


RIGHT = {
    "jenkins_pipeline-1": [
        """
def may_be_pushed(sources):
    result = []
    for name in sorted(sources):
        lines = [finding.line for finding in jenkinsfile.check(sources[name])]
        if lines:
            result.append(name + ":" + str(min(lines)))
    return result
""",
    ],
    "jenkins_pipeline-2": [
        repair(branch="branch pattern: 'main'"),
        '''
def repaired():
    return """
pipeline {
    agent { label 'any' }
    options { timeout(time: 10, unit: 'MINUTES') }
    stages {
        stage('Build') { steps { sh 'echo build >> log' } }
        stage('Ship') {
            when { anyOf { branch 'main' } }
            steps { sh 'echo ship >> log' }
            post {
                unsuccessful { sh 'echo back >> log' }
                always { sh 'echo done >> log' }
            }
        }
    }
}
"""
''',
    ],
    "jenkins_pipeline-3": [pipeline()],
}

WRONG = {
    "jenkins_pipeline-1": [
        (
            "the number of faults instead of the line",
            "def may_be_pushed(sources):\n    return [f'{n}:{len(jenkinsfile.check(t))}' for n, t in sorted(sources.items()) if jenkinsfile.check(t)]\n",
            "line is that of the finding",
        ),
        (
            "an entry a fault",
            "def may_be_pushed(sources):\n    return [f'{n}:{f.line}' for n, t in sorted(sources.items()) for f in jenkinsfile.check(t)]\n",
            "One entry a faulty file",
        ),
        (
            "in the order given",
            "def may_be_pushed(sources):\n    return [f'{n}:{jenkinsfile.check(t)[0].line}' for n, t in sources.items() if jenkinsfile.check(t)]\n",
            "in the order of the names",
        ),
        (
            "the last fault",
            "def may_be_pushed(sources):\n    return [f'{n}:{jenkinsfile.check(t)[-1].line}' for n, t in sorted(sources.items()) if jenkinsfile.check(t)]\n",
            "Only the first fault",
        ),
    ],
    "jenkins_pipeline-2": [
        ("as it was", "def repaired():\n    return BROKEN\n", "There are still faults"),
        ("the condition thrown out", repair(branch="expression { true }"), "keep its when"),
        (
            "failure thrown out",
            repair(failed="success {"),
            "done and then back are written|done is always written",
        ),
        (
            "an hour is enough",
            repair(MINUTE="'HOURS'"),
            "time 10, unit MINUTES",
        ),
        (
            "no timeout",
            "def repaired():\n    return (BROKEN.replace('pipeline {\\n', 'pipeline {\\n    agent any\\n').replace('step {', 'steps {')"
            ".replace(\"branch == 'main'\", \"branch 'main'\").replace('failed {', 'failure {')"
            ".replace(\"timeout(time: 10, unit: 'MINUTE')\", 'timestamps()'))\n",
            "keep the timeout",
        ),
    ],
    "jenkins_pipeline-3": [
        ("no agent", pipeline(("    agent none\n", "")), "has a fault in line"),
        ("always live", pipeline(("params.LIVE == true", "true")), "nothing goes live"),
        ("no way back", pipeline(("post { failure { sh './rollback' } }", "")), "roll back, don't go live"),
        (
            "goes back after every failure",
            pipeline(
                ("            post { failure { sh './rollback' } }\n", ""),
                ("post { cleanup", "post { failure { sh './rollback' }\n    cleanup"),
            ),
            "belongs to the stage Deploy",
        ),
        (
            "goes back only when the question fails",
            pipeline(
                ("            post { failure { sh './rollback' } }\n", ""),
                ("sh './smoke' } }", "sh './smoke' }\n post { failure { sh './rollback' } } }"),
            ),
            "fails half way",
        ),
        (
            "waits for the slower gate",
            pipeline(("    options { parallelsAlwaysFailFast() }\n", "")),
            "ends the other one",
        ),
        (
            "one gate after the other",
            pipeline(("            parallel {", "            stages {")),
            "at the same time",
        ),
    ],
}
