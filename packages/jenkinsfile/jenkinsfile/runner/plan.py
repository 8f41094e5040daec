"""What is settled before anything runs: the stages that were chosen, and that every part of them can be rehearsed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from jenkinsfile.declarative.blocks import body_of, is_block
from jenkinsfile.errors import PipelineError
from jenkinsfile.groovy import (
    Binary,
    Call,
    Closure,
    Declaration,
    GString,
    ListLiteral,
    Literal,
    MapLiteral,
    Name,
    Node,
    Property,
    text_of,
    walk,
)
from jenkinsfile.groovy import Statement as GroovyStatement
from jenkinsfile.pipeline import Pipeline, Stage, calls_in
from jenkinsfile.runner.conditions import Facts, check_condition
from jenkinsfile.runner.environment import check_environment
from jenkinsfile.runner.known import Known, check_call, check_signature, refused, type_of
from jenkinsfile.runner.script import check_statement
from jenkinsfile.runner.steps import EMPTYING, LEFT_OUT, STEPS

#: options that change nothing of what one build on one machine does
_WITHOUT_EFFECT = (
    "ansiColor", "authorizationMatrix", "buildDiscarder", "copyArtifactPermission", "disableConcurrentBuilds", "disableResume",
    "disableRestartFromStage", "durabilityHint", "githubProjectProperty", "gitLabConnection", "overrideIndexTriggers",
    "preserveStashes", "quietPeriod", "rateLimitBuilds", "skipDefaultCheckout", "timestamps",
)  # fmt: skip
#: of the whole pipeline, and done here
_DONE = ("parallelsAlwaysFailFast", "skipStagesAfterUnstable")


def chosen_stages(pipeline: Pipeline, only: str | Iterable[str] | None) -> set[tuple[str, ...]]:
    """Paths of the stages to run: those named, with all within and around them."""
    paths = [path for path, _ in pipeline.walk()]
    if only is None:
        return set(paths)
    only = [only] if isinstance(only, str) else list(only)
    for name in only:
        if name not in {path[-1] for path in paths}:
            raise PipelineError(f"there is no stage {name!r}; there are: {', '.join(path[-1] for path in paths)}")
    named = [path for path in paths if path[-1] in only]
    within = {path for path in paths for top in named if path[: len(top)] == top}
    return within | {path[:n] for path in named for n in range(1, len(path))}


def has_node(section: Call | None, outside: bool) -> bool:
    """Whether an agent is allocated in a pipeline or a stage with this section agent."""
    if section is None or text_of(next(iter(section.arguments), None)) == "none":
        return outside
    return True


@dataclass
class Plan:
    """Goes over all of a pipeline that was chosen and refuses what can't be rehearsed.

    Attributes:
        notes: what is taken for granted, or left out, each with its line.
    """

    pipeline: Pipeline
    chosen: set[tuple[str, ...]]
    facts: Facts
    notes: list[str] = field(default_factory=list)

    def check(self, known: Known) -> None:
        """Check everything; PipelineError at the first that is refused."""
        sections = self.pipeline.sections
        hidden = {name for statement in self.pipeline.outside for name in _defined(statement)}
        known = replace(
            known, hidden=frozenset(hidden), settled=frozenset({*known.parameters, *_set_elsewhere(sections)})
        )
        assigned = _assigned(sections)
        known = replace(known.with_variables(assigned), assigned=frozenset(assigned))
        self.agent(sections.get("agent"), known)
        _refuse_sections(sections, "the pipeline", ("tools", "libraries"))
        inner = check_environment(sections.get("environment"), known)
        for option in calls_in(sections.get("options")):
            self.option(option, inner, (*_WITHOUT_EFFECT, *_DONE))
            if option.name == "retry":
                raise refused(
                    option, "retry as an option of the whole pipeline is not rehearsed: Jenkins skips every stage then"
                )
        self.stages(self.pipeline.stages, (), inner)
        self.post(sections.get("post"), inner, last=True)

    def stages(self, stages: Iterable[Stage], path: tuple[str, ...], known: Known) -> None:
        """Check those of some stages that are chosen."""
        for stage in stages:
            if (*path, stage.name) in self.chosen:
                self.stage(stage, (*path, stage.name), known.with_variables(["STAGE_NAME"]))

    def stage(self, stage: Stage, path: tuple[str, ...], known: Known) -> None:
        """Check one stage, and those in it."""
        where, sections = f"stage {stage.name!r}", stage.sections
        if stage.kind == "matrix":
            raise PipelineError(f"line {stage.line}: {where} has a matrix, which only a controller runs")
        _refuse_sections(sections, where, ("input", "tools"))
        self.agent(sections.get("agent"), known)
        if "agent" in sections and text_of(next(iter(self.pipeline.sections["agent"].arguments), None)) != "none":
            self.notes.append(
                f"line {sections['agent'].line}: agent, with a workspace of its own: here it is the same folder"
            )
        for option in calls_in(sections.get("options")):
            self.option(option, known, _WITHOUT_EFFECT)
            if option.name == "retry" and stage.kind != "steps":
                raise refused(option, "retry as an option of a stage with stages in it is not rehearsed")
        for condition in calls_in(sections.get("when")):
            self.notes += check_condition(condition, known, self.facts)
        inner = check_environment(sections.get("environment"), known)
        if stage.kind == "steps":
            self.steps(sections["steps"], inner)
        self.stages(stage.children, path, inner)
        self.post(sections.get("post"), known if stage.kind == "parallel" else inner)

    def agent(self, section: Call | None, known: Known) -> None:
        """Check a section agent: any node can be this machine, a container can't."""
        for kind in calls_in(section):
            if kind.name not in ("label", "node"):
                raise refused(kind, f"the agent {kind.name} is started by a controller only")
            lines = calls_in(kind) or [kind]
            for line in lines:
                if line.name not in ("label", "node", "retries"):
                    raise refused(line, f"{line.name} of the agent is known on a controller only")
                for value in line.arguments:
                    type_of(value, known)

    def option(self, option: Call, known: Known, without: Iterable[str]) -> None:
        """Check an option."""
        if option.name in ("timeout", "retry"):
            check_call(option, known, STEPS[option.name].arguments)
        elif option.name not in set(without):
            raise refused(option, f"the option {option.name} takes effect on a controller only")

    def post(self, section: Call | None, known: Known, *, last: bool = False) -> None:
        """Check a section post."""
        for condition in calls_in(section):
            self.steps(condition, known, last=last)

    def steps(self, block: Call, known: Known, *, last: bool = False) -> None:
        """Check the steps in a block; ``last``: nothing comes after them."""
        self.statements(body_of(block), known, last=last)

    def statements(self, statements: Iterable[Node], known: Known, *, last: bool = False) -> None:
        """Check steps, and the code among them in a script block."""
        for statement in statements:
            if isinstance(statement, Call):
                self.step(statement, known, last=last)
            else:
                known = check_statement(statement, known, lambda body, inner: self.statements(body, inner, last=last))

    def step(self, call: Call, known: Known, *, last: bool) -> None:
        """Check one step, and those in its block."""
        if call.object is not None or call.name is None:
            raise refused(call, f"{text_of(call.method) or 'this call'} of an object is known on a controller only")
        name = call.name
        if known.local(name):
            raise refused(call, f"{name} is a variable here, and can't be called")
        if name in LEFT_OUT or (name in EMPTYING and last) or _is_own_checkout(call):
            return
        if name in EMPTYING:
            raise refused(call, f"{name} would empty the folder: it is rehearsed in the pipeline's post only")
        step = STEPS.get(name)
        if step is None or step.block != (call.block is not None):
            raise refused(call, f"the step {name} runs on a controller only")
        if known.locals is not None:
            check_signature(call)
        check_call(call, known, step.arguments)
        if name == "script":
            known = replace(known, locals=known.locals or {})
        if step.block:
            self.steps(call, _within(call, known) if name == "withEnv" else known, last=last)


def _assigned(sections: dict[str, Call]) -> set[str]:
    """The environment variables that code somewhere in the pipeline sets: from then on they are there for the whole build."""
    targets = [n.left for n in walk(list(sections.values())) if isinstance(n, Binary) and n.operator == "="]
    return {
        text_of(target.name) or ""
        for target in targets
        if isinstance(target, Property) and isinstance(target.object, Name) and target.object.name == "env"
    }


def _set_elsewhere(sections: dict[str, Call]) -> set[str]:
    """The environment variables of every section environment and every withEnv, and those of every build."""
    found = {"JOB_NAME", "JOB_BASE_NAME", "BUILD_TAG", "WORKSPACE", "BUILD_NUMBER", "BUILD_ID", "BUILD_DISPLAY_NAME"}
    for node in walk(list(sections.values())):
        if isinstance(node, Call) and node.name == "environment":
            found |= {text_of(line.left) or "" for line in body_of(node) if isinstance(line, Binary)}
        if isinstance(node, Call) and node.name == "withEnv":
            found |= {str(part).partition("=")[0].partition("+")[0] for part in _texts(node)}
    return found


def _texts(call: Call) -> list[object]:
    """The plain beginnings of all strings in a call's arguments."""
    given = [value for value in call.arguments if not isinstance(value, Closure)]
    strings = [node for node in walk(given) if isinstance(node, Literal | GString)]
    return [node.value if isinstance(node, Literal) else next(iter(node.parts), "") for node in strings]


def _refuse_sections(sections: dict[str, Call], where: str, names: Iterable[str]) -> None:
    for name in names:
        if name in sections:
            raise refused(sections[name], f"{where} has {name}, which only a controller has")


def _defined(statement: Node) -> set[str]:
    """The names that a statement outside of the block defines, and nothing else; PipelineError when it does something."""
    if isinstance(statement, GroovyStatement) and statement.keyword in ("import", "package", "class"):
        return set()
    if isinstance(statement, GroovyStatement) and statement.keyword == "method":
        name = text_of(statement.children[0]) or ""
        if not any(is_block(node, "pipeline") for node in walk(statement.children)) and name not in (*STEPS, *LEFT_OUT):
            return set()
    if isinstance(statement, Declaration) and "_" not in statement.names and _is_constant(statement.values):
        return set(statement.names)
    raise refused(statement, "code outside of the block pipeline is run by a controller only")


def _is_constant(values: Iterable[Node]) -> bool:
    return all(isinstance(value, Literal) for value in values)


def _is_own_checkout(call: Call) -> bool:
    """``checkout scm``: the folder is that."""
    only = call.arguments[0] if len(call.arguments) == 1 else None
    return call.name == "checkout" and isinstance(only, Name) and only.name == "scm"


def _within(call: Call, known: Known) -> Known:
    """What is known in the block of ``withEnv``."""
    names: set[str] = set()
    empty: set[str] = set()
    overrides = next(value for value in _values(call))
    for item in overrides:
        if type_of(item, known) != "text":
            raise refused(item, "withEnv takes texts NAME=value here")
        parts = item.parts if isinstance(item, GString) else [item.value] if isinstance(item, Literal) else []
        name, equals, value = str(parts[0]).partition("=") if parts and isinstance(parts[0], str) else ("", "", "")
        if not equals:
            raise refused(item, "withEnv takes texts NAME=value here, the name in plain words")
        (names if value or len(parts) > 1 else empty).add(name.partition("+")[0])
    return replace(known, variables=(known.variables | names) - empty)


def _values(call: Call) -> Iterable[list[Node]]:
    for value in call.arguments:
        if isinstance(value, ListLiteral):
            yield value.items
        elif isinstance(value, MapLiteral):
            yield from (inner.items for _, inner in value.entries if isinstance(inner, ListLiteral))
