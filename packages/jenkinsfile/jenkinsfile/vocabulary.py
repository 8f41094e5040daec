"""The words of declarative pipelines: sections, directives, options, conditions, and the arguments that they take.

Source: the public reference "Pipeline Syntax" (https://www.jenkins.io/doc/book/pipeline/syntax/) and the step reference, read
in 2026. What a plugin adds is listed where the plugin is common; a controller knows only the plugins that it has, and may have
others: a word that is not here is no fault, unless it is a near miss of a core word or a core word in the wrong place.

Arguments are written ``name:kind``, with ``!`` behind a required one. Kinds: ``text``, ``int``, ``bool``, ``unit`` (of time),
``any``. A call with a single value that has no name means its one required argument.
"""

from __future__ import annotations

from dataclasses import dataclass

TIME_UNITS = ("NANOSECONDS", "MICROSECONDS", "MILLISECONDS", "SECONDS", "MINUTES", "HOURS", "DAYS")


@dataclass(frozen=True)
class Signature:
    """The arguments of a call: kind by name, and which are required."""

    kinds: dict[str, str]
    required: tuple[str, ...]

    @property
    def single(self) -> str | None:
        """The argument that a value without a name stands for."""
        return self.required[0] if len(self.required) == 1 else None


def _signature(text: str) -> Signature:
    pairs = [word.partition(":")[::2] for word in text.split()]
    return Signature(
        {name: kind.rstrip("!") or "any" for name, kind in pairs},
        tuple(name for name, kind in pairs if kind.endswith("!")),
    )


def _table(text: str) -> dict[str, Signature | None]:
    """A table from lines ``name: arguments``; a name without a colon takes anything (its plugin checks)."""
    table: dict[str, Signature | None] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, arguments = line.partition(": ") if ": " in line else (line.rstrip(":"), line.endswith(":"), "")
        table[name] = _signature(arguments) if colon else None
    return table


PIPELINE_SECTIONS = (
    "agent", "stages", "post", "environment", "options", "parameters", "triggers", "tools", "libraries",
)  # fmt: skip
STAGE_SECTIONS = (
    "agent", "stages", "steps", "parallel", "matrix", "post", "environment", "options", "tools", "input", "when", "failFast",
)  # fmt: skip
MATRIX_SECTIONS = ("axes", "excludes", "stages", "agent", "environment", "input", "options", "post", "tools", "when")
#: what can be done in a stage: exactly one of them
CONTENTS = ("steps", "stages", "parallel", "matrix")
RENAMED = {
    "properties": "options",
    "wrappers": "options",
    "jobProperties": "options",
    "notifications": "post",
    "postBuild": "post",
}
CONDITIONS = (
    "always", "changed", "fixed", "regression", "aborted", "failure", "success", "unstable", "unsuccessful", "notBuilt",
    "cleanup",
)  # fmt: skip
INPUT_FIELDS = ("message", "id", "ok", "submitter", "submitterParameter", "parameters")
#: not inside steps, and why; neither is any of them, nor node, a value of an option, a trigger or a parameter
BLOCKED_STEPS = {
    "stage": "stages belong into stages or parallel",
    "parallel": "the step parallel has to be the only one in its steps block",
    "properties": "use the sections options, parameters and triggers",
    "pipeline": "the block pipeline belongs to the top of the file",
}

_DOCKER = (
    "label:text args:text registryUrl:text registryCredentialsId:text customWorkspace:text reuseNode:bool "
    "containerPerStageRoot:bool retries:int"
)
_KUBERNETES = (
    "cloud:text inheritFrom:text label:text yaml:text yamlFile:text yamlMergeStrategy:any defaultContainer:text "
    "namespace:text serviceAccount:text nodeSelector:text nodeUsageMode:any workingDir:text customWorkspace:text "
    "containerTemplate:any containerTemplates:any containers:any volumes:any envVars:any annotations:any imagePullSecrets:any "
    "workspaceVolume:any podRetention:any instanceCap:int idleMinutes:int activeDeadlineSeconds:int slaveConnectTimeout:int "
    "runAsUser:text runAsGroup:text supplementalGroups:text hostNetwork:bool showRawYaml:bool inheritYamlMergeStrategy:bool "
    "retries:int agentContainer:text agentInjection:bool schedulerName:text"
)
AGENTS = _table(f"""
    label: label:text! customWorkspace:text retries:int
    node: label:text! customWorkspace:text retries:int
    docker: image:text! alwaysPull:bool {_DOCKER}
    dockerfile: filename:text dir:text additionalBuildArgs:text {_DOCKER}
    kubernetes: {_KUBERNETES}
    ecs
""")

#: agents of a plugin that gets new fields all the time
GROWING_AGENTS = ("kubernetes",)

#: of the whole pipeline only
PIPELINE_OPTIONS = _table("""
    buildDiscarder: strategy:any!
    checkoutToSubdirectory: subdirectory:text!
    disableConcurrentBuilds: abortPrevious:bool
    disableResume:
    disableRestartFromStage:
    durabilityHint: hint:any!
    newContainerPerStage:
    overrideIndexTriggers: enableTriggers:bool
    parallelsAlwaysFailFast:
    preserveStashes: buildCount:int
    provisioningTimeout: time:int! unit:unit
    quietPeriod: quietPeriod:int!
    skipDefaultCheckout: skipDefaultCheckout:bool
    skipStagesAfterUnstable:
    authorizationMatrix
    buildBlockerProperty
    copyArtifactPermission
    datadog
    disableConcurrentBuildsProperty
    githubProjectProperty
    gitLabConnection
    gitlabBuilds
    gitLabConnectionProperty
    giteaPush
    lastChanges
    office365ConnectorWebhooks
    rateLimitBuilds
    rebuild
    sidebarLinks
    throttleJobProperty
    throttle
    newRelicConfiguration
""")
#: of one stage, and of the whole pipeline as well
STAGE_OPTIONS = _table("""
    checkoutToSubdirectory: subdirectory:text!
    skipDefaultCheckout: skipDefaultCheckout:bool
    timeout: time:int! unit:unit activity:bool
    retry: count:int! conditions:any
    timestamps:
    ansiColor: colorMapName:text
    cache
    catchError
    gitlabCommitStatus
    lock
    podTemplate
    throttle
    waitUntil
    warnError
    withChecks
    withContext
    withCredentials
    withEnv
    wrap
    withFolderProperties
""")
OPTIONS_MISPLACED = {
    "node": "use the section agent",
    "stage": "use the section stages",
    "parallel": "use parallel in a stage",
    "properties": "write its entries into options, parameters and triggers",
    "parameters": "use the section parameters",
    "triggers": "use the section triggers",
    "pipelineTriggers": "use the section triggers",
}

_PARAMETER = "name:text! description:text"
PARAMETERS = _table(f"""
    string: {_PARAMETER} defaultValue:text trim:bool
    text: {_PARAMETER} defaultValue:text trim:bool
    booleanParam: {_PARAMETER} defaultValue:bool
    choice: {_PARAMETER} choices:any
    file: {_PARAMETER}
    stringParam: {_PARAMETER} defaultValue:text trim:bool
    textParam: {_PARAMETER} defaultValue:text trim:bool
    choiceParam: {_PARAMETER} choices:any
    fileParam: {_PARAMETER}
    runParam: {_PARAMETER} projectName:text filter:text
    password: {_PARAMETER} defaultValue:text defaultValueAsSecret:any
    run: {_PARAMETER} projectName:text filter:text
    credentials: {_PARAMETER} defaultValue:text credentialType:text required:bool
    activeChoice
    activeChoiceParam
    activeChoiceHtml
    base64File
    stashedFile
    extendedChoice
    gitParameter
    hidden
    imageTag
    listGitBranches
    nonStoredPassword
    persistentBoolean
    persistentChoice
    persistentString
    persistentText
    reactiveChoice
    separator
    validatingString
    jiraReleaseVersion
    label
    agentParameter
    nodeParam
    multiselect
    dynamicParameter
""")
TRIGGERS = _table("""
    cron: spec:text!
    pollSCM: scmpoll_spec:text! ignorePostCommitHooks:bool
    upstream: upstreamProjects:text! threshold:any
    bitbucketPush
    bitBucketTrigger
    dockerHub
    eventTrigger
    GenericTrigger
    gerrit
    giteaPush
    githubPush
    githubPullRequests
    githubBranches
    ghprbTrigger
    gitlab
    issueCommentTrigger
    jiraChangelogTrigger
    jiraCommentTrigger
    parameterizedCron
    snapshotDependencies
    urlTrigger
    bitbucketTriggers
    ciBuildTrigger
    hudsonStartupTrigger
    registryPush
""")
TOOLS = (
    "maven", "jdk", "gradle", "ant", "git", "jgit", "jgitapache", "nodejs", "go", "groovy", "dockerTool", "sbt", "cmake",
    "msbuild", "terraform", "sonarRunner", "allure", "python", "ruby", "xcode", "kubectl", "helm", "dotnetsdk", "customTool",
    "oc", "snyk", "jfrog", "scala", "nunit", "doxygen", "android", "flutter", "rust",
)  # fmt: skip
#: the tools of the plugins that nearly every controller has: what a near miss is measured against
CORE_TOOLS = ("maven", "jdk", "gradle", "ant", "nodejs")
#: conditions of when that hold others, and how many (0: one or more)
NESTING = {"allOf": 0, "anyOf": 0, "not": 1}
_CHANGE = (
    "id:text target:text branch:text fork:text url:text title:text author:text authorDisplayName:text authorEmail:text "
    "comparator:text"
)
_COMPARED = "pattern:text! comparator:text"
WHEN = _table(f"""
    branch: {_COMPARED}
    buildingTag:
    changelog: pattern:text! multiline:bool
    changeset: pattern:text! comparator:text glob:text caseSensitive:bool
    changeRequest: {_CHANGE}
    environment: name:text! value:text! ignoreCase:bool comparator:text
    equals: expected:any! actual:any!
    isRestartedRun:
    tag: pattern:text comparator:text
    triggeredBy: cause:text! detail:text
""")
#: conditions that take one value though none is required
WHEN_SINGLE = {"tag": "pattern"}
WHEN_FLAGS = ("beforeAgent", "beforeInput", "beforeOptions")

#: steps of plugins that get new arguments now and then
GROWING_STEPS = ("cleanWs", "junit")
#: the steps of the plugins that every controller with declarative pipelines has; others are never rejected by name
STEPS = _table("""
    archiveArtifacts: artifacts:text! allowEmptyArchive:bool caseSensitive:bool defaultExcludes:bool excludes:text fingerprint:bool followSymlinks:bool onlyIfSuccessful:bool
    bat: script:text! encoding:text label:text returnStatus:bool returnStdout:bool
    catchError: buildResult:text catchInterruptions:bool message:text stageResult:text
    cleanWs: cleanWhenAborted:bool cleanWhenFailure:bool cleanWhenNotBuilt:bool cleanWhenSuccess:bool cleanWhenUnstable:bool cleanupMatrixParent:bool deleteDirs:bool disableDeferredWipeout:bool externalDelete:text notFailBuild:bool patterns:any skipWhenFailed:bool
    deleteDir:
    dir: path:text!
    echo: message:text!
    error: message:text!
    fileExists: file:text!
    isUnix:
    junit: testResults:text! allowEmptyResults:bool checksName:text healthScaleFactor:any keepLongStdio:bool keepProperties:bool keepTestNames:bool skipMarkingBuildUnstable:bool skipMarkingStageUnstable:bool skipOldReports:bool skipPublishingChecks:bool stdioRetention:text testDataPublishers:any
    milestone
    powershell: script:text! encoding:text label:text returnStatus:bool returnStdout:bool
    pwd: tmp:bool
    pwsh: script:text! encoding:text label:text returnStatus:bool returnStdout:bool
    readFile: file:text! encoding:text
    retry: count:int! conditions:any
    sh: script:text! encoding:text label:text returnStatus:bool returnStdout:bool
    sleep: time:int! unit:unit
    stash: name:text! allowEmpty:bool excludes:text includes:text useDefaultExcludes:bool
    timeout: time:int! unit:unit activity:bool
    timestamps:
    tool: name:text! type:text
    unstable: message:text!
    unstash: name:text!
    waitUntil: initialRecurrencePeriod:int quiet:bool
    warnError: message:text! catchInterruptions:bool
    withCredentials: bindings:any!
    withEnv: overrides:any!
    writeFile: file:text! text:text! encoding:text
    ws: dir:text!
""")

#: steps that can be nothing else, wherever they stand
_ONLY_STEPS = (
    "archiveArtifacts", "bat", "build", "checkout", "deleteDir", "dir", "echo", "error", "fileExists", "isUnix", "junit", "mail",
    "powershell", "pwd", "pwsh", "readFile", "script", "sh", "sleep", "stash", "unstable", "unstash", "writeFile", "ws",
)  # fmt: skip
_ONLY_OPTIONS = (
    *(name for name, signature in PIPELINE_OPTIONS.items() if signature), "retry", "timeout", "timestamps",
)  # fmt: skip
_ONLY_PARAMETERS = tuple(
    name for name, signature in PARAMETERS.items() if signature and name not in ("credentials", "file", "run")
)
_ONLY_TRIGGERS = ("cron", "pollSCM", "upstream", "githubPush")


def _elsewhere(**words: tuple[str, ...]) -> dict[str, str]:
    """What each word is, where it can't stand."""
    what = {
        "steps": "is a step",
        "options": "is an option: it belongs into the section options",
        "parameters": "is a parameter: it belongs into the section parameters",
        "triggers": "is a trigger: it belongs into the section triggers",
        "conditions": "is a condition of post",
        "agents": "is an agent: it belongs into the section agent",
    }
    return {word: what[kind] for kind, listed in words.items() for word in listed}


#: by section: core words that stand in the wrong one
MISPLACED = {
    "agent": _elsewhere(steps=_ONLY_STEPS),
    "option": _elsewhere(steps=_ONLY_STEPS, parameters=_ONLY_PARAMETERS, triggers=_ONLY_TRIGGERS),
    "parameter": _elsewhere(steps=_ONLY_STEPS, options=_ONLY_OPTIONS, triggers=_ONLY_TRIGGERS),
    "trigger": _elsewhere(steps=_ONLY_STEPS, options=_ONLY_OPTIONS, parameters=_ONLY_PARAMETERS),
    "kind of tool": _elsewhere(steps=_ONLY_STEPS, options=_ONLY_OPTIONS, triggers=_ONLY_TRIGGERS),
    "condition": _elsewhere(steps=_ONLY_STEPS, parameters=_ONLY_PARAMETERS, conditions=CONDITIONS),
}
