"""Says what is wrong with a declarative pipeline, and where, without a controller.

Nearly every broken pipeline is valid Groovy: ``step { }`` for ``steps { }``, an agent without a value, a stage twice. So the
source is parsed as Groovy first, and then its tree is held against the reference: which sections stand where, which are
required, what each may hold, which arguments of which kind. What only a controller can know (is this library there, which
tools are installed, what does a custom step take) is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from jenkinsfile import groovy, vocabulary
from jenkinsfile.groovy import (
    Binary,
    Call,
    Closure,
    GString,
    ListLiteral,
    Literal,
    MapLiteral,
    Name,
    Node,
    text_of,
)
from jenkinsfile.tokens import GroovySyntaxError
from jenkinsfile.vocabulary import Signature

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_LARGEST = 2**63 - 1


@dataclass(frozen=True, order=True)
class Finding:
    """One fault: where (line and column from 1) and why."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}"


def check(source: str) -> list[Finding]:
    """The faults of a Jenkinsfile, in the order of its lines; an empty list when there is none."""
    try:
        script = groovy.parse(source)
    except GroovySyntaxError as error:
        return [Finding(error.line, error.column, f"not Groovy: {error.message}")]
    checker = _Checker()
    checker.script(script)
    return sorted(set(checker.findings))


def find_pipeline(script: groovy.Script) -> Call | None:
    """The block ``pipeline``: at the top, or in a shared library's method ``call``."""
    for statement in script.statements:
        if _block_named(statement, "pipeline"):
            return statement
    for statement in script.statements:
        if isinstance(statement, groovy.Statement) and statement.keyword == "method":
            name, *body = statement.children
            if text_of(name) == "call":
                found = [node for node in groovy.walk(body) if _block_named(node, "pipeline")]
                if found:
                    return found[0]
    return None


def _block_named(node: Node, name: str) -> bool:
    return isinstance(node, Call) and node.name == name and node.block is not None


class _Checker:
    def __init__(self):
        self.findings: list[Finding] = []

    def report(self, node: Node, message: str) -> None:
        self.findings.append(Finding(node.line, node.column, message))

    # the file

    def script(self, script: groovy.Script) -> None:
        pipeline = find_pipeline(script)
        if pipeline is not None:
            self.pipeline(pipeline)
            for extra in (
                script.statements[script.statements.index(pipeline) + 1 :] if pipeline in script.statements else ()
            ):
                if _block_named(extra, "pipeline"):
                    self.report(extra, "a run can have only one pipeline block, this is the second")
            return
        nested = [node for node in groovy.walk(script) if isinstance(node, Call) and node.name == "pipeline"]
        for node in nested:
            if node.block is None:
                self.report(node, "pipeline needs a block: pipeline { ... }")
            else:
                self.report(node, "the block pipeline has to stand at the top of the file, not within another block")
        if not nested:
            first = script.statements[0] if script.statements else script
            self.report(first, "no pipeline block: this is not a declarative pipeline")

    def pipeline(self, pipeline: Call) -> None:
        sections = self.sections(pipeline, "pipeline", vocabulary.PIPELINE_SECTIONS, self.pipeline_section)
        for required in ("agent", "stages"):
            if required not in sections:
                self.report(pipeline, f"the pipeline has no {required}: the section is required")

    def pipeline_section(self, name: str, call: Call) -> None:
        if name == "stages":
            self.stages(call, within_parallel=False)
        elif name == "options":
            self.options(call, in_stage=False)
        else:
            self.directive(name, call)

    def directive(self, name: str, call: Call) -> None:
        """A section that is the same at every level."""
        readers: dict[str, Callable[[Call], None]] = {
            "agent": self.agent,
            "post": self.post,
            "environment": self.environment,
            "parameters": self.parameters,
            "triggers": self.triggers,
            "tools": self.tools,
            "libraries": self.libraries,
            "input": self.input,
            "when": self.when,
        }
        readers[name](call)

    def sections(
        self, container: Call, where: str, known: tuple[str, ...], read: Callable[[str, Call], None]
    ) -> dict[str, Call]:
        """The sections of a block by name, each read; unknown and repeated ones are reported."""
        found: dict[str, Call] = {}
        for statement in container.block.body:
            call = self.call(statement, f"a section of {where}")
            if call is None:
                continue
            name = call.name
            if name in found:
                self.report(call, f"{name} stands a second time in {where}, the first is in line {found[name].line}")
                continue
            found[name] = call
            if name in known:
                read(name, call)
            elif where == "pipeline" and name in vocabulary.RENAMED:
                self.report(call, f"the section {name} is gone: use {vocabulary.RENAMED[name]}")
            else:
                self.report(call, f"{where} has no section {name!r}{_hint(name, known)}")
        return found

    def call(self, statement: Node, wanted: str) -> Call | None:
        """The statement as a call by a fixed name; reported where it is something else."""
        if isinstance(statement, Call):
            if statement.object is not None and text_of(statement.object) != "this":
                if isinstance(statement.object, Call) and statement.object.block and text_of(statement.method):
                    # agent { ... } steps { ... }: to Groovy that is a chain of calls
                    self.report(statement, f"{text_of(statement.method)} has to begin on a line of its own")
                else:
                    self.report(
                        statement, f"expected {wanted}: methods of objects can be called in a script block only"
                    )
                return None
            if text_of(statement.method) is None:
                self.report(statement, f"expected {wanted}, found a call of something computed")
                return None
            if statement.object is not None:
                statement.object = None
            return statement
        self.report(statement, f"expected {wanted}, found {_kind(statement)}")
        return None

    def block(self, call: Call, name: str) -> list[Node] | None:
        """The statements of a section's block."""
        if call.block is None:
            self.report(call, f"{name} needs a block: {name} {{ ... }}")
            return None
        return call.block.body

    # stages

    def stages(self, call: Call, within_parallel: bool, name: str = "stages") -> None:
        body = self.block(call, name)
        if body is None:
            return
        if not body:
            self.report(call, f"{name} is empty: it needs at least one stage")
        seen: dict[str, int] = {}
        for statement in body:
            stage = self.stage(statement, within_parallel)
            if stage in seen:
                self.report(statement, f"a second stage is called {stage!r}, the first is in line {seen[stage]}")
            elif stage:
                seen[stage] = statement.line

    def stage(self, statement: Node, within_parallel: bool) -> str | None:
        """Check one stage; returns its name."""
        if not (isinstance(statement, Call) and statement.name == "stage"):
            found = f"{statement.name}" if isinstance(statement, Call) and statement.name else _kind(statement)
            self.report(statement, f"expected a stage, found {found}")
            return None
        title = statement.arguments[0] if statement.arguments else None
        name = text_of(title)
        if title is None or isinstance(title, Closure):
            self.report(statement, "the stage has no name: stage('name') { ... }")
        elif name is None:
            self.report(title, f"the name of a stage has to be a plain string, found {_kind(title)}")
        elif not name.strip():
            self.report(title, "the name of a stage can't be empty")
        if statement.block is None:
            self.report(statement, f"stage {name!r} has no block")
            return name
        self.stage_body(statement, name or "", within_parallel)
        return name

    def stage_body(self, stage: Call, name: str, within_parallel: bool) -> None:
        where = f"stage {name!r}"

        def read(section: str, call: Call) -> None:
            if section == "steps":
                self.steps(call, "steps")
            elif section == "stages":
                self.stages(call, within_parallel)
            elif section == "parallel":
                self.stages(call, within_parallel=True, name="parallel")
            elif section == "matrix":
                self.matrix(call)
            elif section == "options":
                self.options(call, in_stage=True)
            elif section == "failFast":
                self.flag(call, "failFast")
            else:
                self.directive(section, call)

        sections = self.sections(stage, where, vocabulary.STAGE_SECTIONS, read)
        contents = [sections[section] for section in vocabulary.CONTENTS if section in sections]
        contents.sort(key=lambda call: call.start)
        if not contents and not any(section not in vocabulary.STAGE_SECTIONS for section in sections):
            self.report(stage, f"{where} has nothing to do: it needs one of steps, stages, parallel or matrix")
        for second in contents[1:]:
            self.report(
                second, f"{where} can have only one of steps, stages, parallel and matrix, and has {contents[0].name}"
            )
        for branching in ("parallel", "matrix"):
            if branching not in sections:
                continue
            if within_parallel:
                self.report(sections[branching], f"{branching} can't stand within another parallel or matrix")
            for refused in ("agent", "tools"):
                if refused in sections:
                    self.report(sections[refused], f"{where} can't have {refused}: it only holds {branching}")

    def flag(self, call: Call, name: str) -> None:
        value = call.arguments[0] if len(call.arguments) == 1 else None
        if not (isinstance(value, Literal) and isinstance(value.value, bool)):
            self.report(call, f"{name} takes true or false")

    def matrix(self, call: Call) -> None:
        if self.block(call, "matrix") is None:
            return

        def read(section: str, inner: Call) -> None:
            if section == "stages":
                self.stages(inner, within_parallel=True)
            elif section == "axes":
                self.axes(inner)
            elif section == "excludes":
                self.excludes(inner)
            elif section == "options":
                self.options(inner, in_stage=True)
            else:
                self.directive(section, inner)

        sections = self.sections(call, "matrix", vocabulary.MATRIX_SECTIONS, read)
        for required in ("axes", "stages"):
            if required not in sections:
                self.report(call, f"the matrix has no {required}: the section is required")

    def axes(self, call: Call, name: str = "axes", exclude: bool = False) -> None:
        body = self.block(call, name)
        if body is None:
            return
        if not body:
            self.report(call, f"{name} is empty: it needs at least one axis")
        seen: set[str] = set()
        for statement in body:
            axis = self.call(statement, "an axis")
            if axis is None:
                continue
            if axis.name != "axis" or axis.block is None:
                self.report(axis, f"expected axis {{ ... }}, found {axis.name}")
                continue
            title = self.axis(axis, exclude)
            if title in seen:
                self.report(axis, f"a second axis is called {title!r}")
            seen.add(title or "")

    def axis(self, axis: Call, exclude: bool) -> str | None:
        known = ("name", "values", "notValues") if exclude else ("name", "values")
        fields = self.sections(axis, "axis", known, lambda *_: None)
        title = None
        if "name" not in fields:
            self.report(axis, "the axis has no name")
        else:
            arguments = fields["name"].arguments
            title = text_of(arguments[0]) if len(arguments) == 1 else None
            if title is None or not isinstance(arguments[0], Literal):
                self.report(fields["name"], "the name of an axis has to be one plain string")
            elif not _IDENTIFIER.fullmatch(title):
                self.report(
                    fields["name"], f"{title!r} can't be the name of an axis: it becomes an environment variable"
                )
        choices = [fields[name] for name in ("values", "notValues") if name in fields]
        if not choices or not all(choice.arguments for choice in choices):
            self.report(axis, f"the axis has no {' or '.join(known[1:])}")
        if len(choices) > 1:
            self.report(choices[1], "an axis of an exclude has values or notValues, not both")
        for choice in choices:
            self.axis_values(choice)
        return title

    def axis_values(self, call: Call) -> None:
        seen: set[object] = set()
        for value in call.arguments:
            if not isinstance(value, Literal):
                self.report(value, f"the values of an axis have to be plain, found {_kind(value)}")
            elif value.value in seen:
                self.report(value, f"the value {value.value!r} stands there twice")
            else:
                seen.add(value.value)

    def excludes(self, call: Call) -> None:
        body = self.block(call, "excludes")
        if body is None:
            return
        if not body:
            self.report(call, "excludes is empty: it needs at least one exclude")
        for statement in body:
            exclude = self.call(statement, "an exclude")
            if exclude is not None and exclude.name != "exclude":
                self.report(exclude, f"expected exclude {{ ... }}, found {exclude.name}")
            elif exclude is not None:
                self.axes(exclude, "exclude", exclude=True)

    # steps

    def steps(self, call: Call, where: str) -> None:
        body = self.block(call, where)
        if body is None:
            return
        if not body:
            self.report(call, f"{where} is empty: it needs at least one step")
        if len(body) == 1 and isinstance(body[0], Call) and body[0].name == "parallel":
            self.branches(body[0])
            return
        for statement in body:
            self.step(statement)

    def branches(self, call: Call) -> None:
        """The step ``parallel`` with branches by name, the way of before 2017."""
        named = call.arguments[0] if call.arguments and isinstance(call.arguments[0], MapLiteral) else None
        if named is None:
            return
        for key, value in named.entries:
            if text_of(key) == "failFast":
                if not (isinstance(value, Literal) and isinstance(value.value, bool)):
                    self.report(key, "failFast takes true or false")
            elif isinstance(value, Closure):
                for statement in value.body:
                    self.step(statement)
                if not value.body:
                    self.report(key, f"the branch {text_of(key)!r} is empty: it needs at least one step")
            else:
                self.report(key, f"the branch {text_of(key)!r} of parallel has to be a block, found {_kind(value)}")

    def step(self, statement: Node) -> None:
        call = self.step_call(statement)
        if call is None:
            return
        name = call.name
        if name == "script":
            if call.block is None:
                self.report(call, "script needs a block: script { ... }")
            return
        if name == "$":
            self.report(call, "${...} can't be a step, it belongs into a string in double quotes")
            return
        if name in vocabulary.BLOCKED_STEPS:
            self.report(call, f"{name} can't be a step here: {vocabulary.BLOCKED_STEPS[name]}")
            return
        arguments = call.arguments[:-1] if call.block else call.arguments
        self.values(arguments)
        if signature := vocabulary.STEPS.get(name):
            self.arguments(call, name, arguments, signature, block=call.block is not None)
        if call.block:
            for inner in call.block.body:
                self.step(inner)

    def step_call(self, statement: Node) -> Call | None:
        if isinstance(statement, Name):
            known = statement.name in vocabulary.STEPS or statement.name == "script"
            add = f": write {statement.name}() or give it its arguments" if known else ""
            self.report(statement, f"expected a step, found the bare word {statement.name!r}{add}")
            return None
        if not isinstance(statement, Call):
            self.report(
                statement, f"expected a step, found {_kind(statement)}: Groovy code belongs into script {{ ... }}"
            )
            return None
        return self.call(statement, "a step")

    def values(self, arguments: Iterable[Node]) -> None:
        """What no value of an argument can be."""
        for value in arguments:
            if isinstance(value, MapLiteral) and value.named:
                self.values([inner for _, inner in value.entries])
            elif isinstance(value, Call) and value.name == "$" and value.block:
                self.report(value, "${...} can't be a value by itself: put it into double quotes")
            elif isinstance(value, Literal) and type(value.value) is int and value.value > _LARGEST:
                self.report(value, f"the number {value.value} is too large: the largest is {_LARGEST}")

    # arguments of calls

    def arguments(
        self,
        call: Call,
        name: str,
        arguments: list[Node],
        signature: Signature,
        block: bool = False,
        single: str | None = None,
    ) -> None:
        """Hold arguments against a signature: unknown and missing names, too many without a name, wrong kinds."""
        named = arguments[0] if arguments and isinstance(arguments[0], MapLiteral) and arguments[0].named else None
        plain = arguments[1:] if named else arguments
        if named and plain:
            self.report(call, f"{name} can't mix arguments with a name and without")
            return
        if len(plain) > 1:
            self.report(call, f"{name} takes one argument without a name: name them ({', '.join(signature.kinds)})")
            return
        if plain:
            single = (
                single or signature.single or (next(iter(signature.kinds), None) if _lone_flag(signature) else None)
            )
            if single is not None:
                self.kind(plain[0], f"{name}", signature.kinds[single])
            elif not block and not isinstance(plain[0], MapLiteral):
                wanted = f": name it ({', '.join(signature.kinds)})" if signature.kinds else ""
                self.report(call, f"{name} takes no argument without a name{wanted}")
            return
        given = self.named_arguments(call, name, named, signature)
        if given is not None:
            for required in signature.required:
                if required not in given:
                    self.report(call, f"{name} needs {required!r}")

    def named_arguments(self, call: Call, name: str, named: MapLiteral | None, signature: Signature) -> set[str] | None:
        """The names given, or None when what is missing can't be said."""
        given: set[str] = set()
        for key, value in named.entries if named else ():
            text = text_of(key)
            if text in (None, "*", "$class"):
                return None
            given.add(text)
            if text not in signature.kinds:
                self.report(key, f"{name} has no argument {text!r}{_hint(text, tuple(signature.kinds))}")
                return None
            self.kind(value, f"{text} of {name}", signature.kinds[text])
        return given

    def kind(self, value: Node, what: str, wanted: str) -> None:
        """A literal of the wrong kind; what is only known in a run is not judged."""
        if isinstance(value, Literal) and value.value is not None:
            given = value.value
            number, flag = type(given) in (int, float), isinstance(given, bool)
            if wanted == "text" and (type(given) is int or flag):
                self.report(value, f"{what} takes a string, found {_kind(value)}")
            elif wanted == "int" and not number:
                self.report(value, f"{what} takes a whole number, found {_kind(value)}")
            elif wanted == "unit" and given not in vocabulary.TIME_UNITS:
                hint = _hint(str(given), vocabulary.TIME_UNITS)
                self.report(value, f"{what} takes a unit of time, found {given!r}{hint}")
        elif isinstance(value, ListLiteral | MapLiteral) and wanted in ("text", "int", "unit"):
            words = {"text": "a string", "int": "a whole number", "unit": "a unit of time"}
            self.report(value, f"{what} takes {words[wanted]}, found {_kind(value)}")

    # sections

    def agent(self, call: Call) -> None:
        body = call.block.body if call.block else None
        if body is None:
            word = text_of(call.arguments[0]) if len(call.arguments) == 1 else None
            if word not in ("any", "none"):
                found = f", found {word!r}" if word else ""
                self.report(call, f"agent takes any, none or a block{found}")
            return
        if len(body) != 1:
            self.report(call, f"the block of agent holds one kind of agent, found {len(body)}")
            return
        inner = self.call(body[0], "a kind of agent with its value")
        if inner is None:
            return
        if inner.name not in vocabulary.AGENTS:
            self.report(inner, f"there is no agent {inner.name!r}{_hint(inner.name, tuple(vocabulary.AGENTS))}")
            return
        self.agent_arguments(inner, vocabulary.AGENTS[inner.name])

    def agent_arguments(self, inner: Call, signature: Signature | None) -> None:
        if len(inner.arguments) != 1:
            self.report(inner, f"the agent {inner.name} takes one value or a block, found {len(inner.arguments)}")
            return
        if not inner.block:
            self.values(inner.arguments)
            if signature and signature.single:
                self.kind(inner.arguments[0], f"agent {inner.name}", signature.kinds[signature.single])
            return
        keys = self.keys(inner)
        if signature is None:
            return
        for key, place in keys.items():
            if key not in signature.kinds:
                self.report(place, f"the agent {inner.name} has no {key!r}{_hint(key, tuple(signature.kinds))}")
        for required in signature.required:
            if required not in keys:
                self.report(inner, f"the agent {inner.name} needs {required}")

    def keys(self, call: Call) -> dict[str, Call]:
        """A block of ``key value`` lines, or of ``key { ... }``."""
        found: dict[str, Call] = {}
        for statement in call.block.body:
            line = self.call(statement, "a line of key and value")
            if line is None:
                continue
            found[line.name] = line
            if len(line.arguments) != 1:
                self.report(line, f"{line.name} takes one value, found {len(line.arguments)}")
            elif line.block:
                self.keys(line)
            else:
                self.values(line.arguments)
        return found

    def post(self, call: Call) -> None:
        body = self.block(call, "post")
        if body is None:
            return
        if not body:
            self.report(call, "post is empty: it needs at least one condition")
        seen: set[str] = set()
        for statement in body:
            name = statement.name if isinstance(statement, Call) else None
            if isinstance(statement, Call) and statement.object is not None:
                self.call(statement, "a condition of post")
                continue
            if name is None or statement.block is None:
                found = f"{name} without a block" if name else _kind(statement)
                self.report(statement, f"post holds conditions with a block such as always {{ ... }}, found {found}")
                continue
            if name not in vocabulary.CONDITIONS:
                self.report(statement, f"post has no condition {name!r}{_hint(name, vocabulary.CONDITIONS)}")
            elif name in seen:
                self.report(statement, f"the condition {name} stands a second time in post")
            seen.add(name)
            self.steps(statement, name)

    def environment(self, call: Call) -> None:
        body = self.block(call, "environment")
        if body is None:
            return
        if not body:
            self.report(call, "environment is empty: it needs at least one variable")
        seen: set[str] = set()
        for statement in body:
            if not (isinstance(statement, Binary) and statement.operator == "="):
                self.report(statement, f"environment holds lines NAME = value, found {_kind(statement)}")
                continue
            name = text_of(statement.left)
            if name is None or not _IDENTIFIER.fullmatch(name):
                shown = repr(name) if name else _kind(statement.left)
                self.report(statement, f"{shown} can't be the name of a variable: letters, digits and underscores")
            elif name in seen:
                self.report(statement, f"the variable {name} is set a second time")
            seen.add(name or "")
            self.environment_value(statement.right)

    def environment_value(self, value: Node) -> None:
        if isinstance(value, Literal | GString):
            return
        if isinstance(value, Call):
            self.values([value])
            if value.name == "credentials" and not all(isinstance(a, Literal | GString) for a in value.arguments):
                self.report(value, "credentials takes a string, the id of the credentials")
        elif isinstance(value, Binary) and value.operator == "+":
            self.joined(value)
        elif isinstance(value, Binary):
            self.report(value, "the values of environment can only be joined with +")
        else:
            self.report(
                value, f"a value of environment is a string or a call, found {_kind(value)}: put it into quotes"
            )

    def joined(self, value: Binary) -> None:
        for side in (value.left, value.right):
            if isinstance(side, Binary):
                if side.operator == "+":
                    self.joined(side)
                else:
                    self.report(side, "the values of environment can only be joined with +")
            elif not isinstance(side, Literal | GString):
                self.report(side, f"only strings can be joined in environment, found {_kind(side)}: put it into quotes")

    def options(self, call: Call, in_stage: bool) -> None:
        known = dict(vocabulary.STAGE_OPTIONS)
        if not in_stage:
            known |= vocabulary.PIPELINE_OPTIONS
        seen: set[str] = set()
        for option in self.entries(call, "options", "an option"):
            name = option.name
            if name in seen:
                self.report(option, f"the option {name} stands there twice")
            seen.add(name)
            if name in vocabulary.OPTIONS_MISPLACED:
                self.report(option, f"{name} is not an option: {vocabulary.OPTIONS_MISPLACED[name]}")
            elif in_stage and name in vocabulary.PIPELINE_OPTIONS and name not in known:
                self.report(option, f"the option {name} is for the whole pipeline, not for a stage")
            elif name not in known:
                self.report(option, f"there is no option {name!r}{_hint(name, tuple(known))}")
            elif signature := known[name]:
                self.arguments(option, name, option.arguments, signature)
                self.retention(option)

    def retention(self, option: Call) -> None:
        """The one option whose value is a call with arguments of its own."""
        for value in option.arguments:
            if isinstance(value, Call) and value.name == "logRotator":
                names = ("daysToKeepStr", "numToKeepStr", "artifactDaysToKeepStr", "artifactNumToKeepStr")
                signature = Signature(dict.fromkeys(names, "text") | {"removeLastBuild": "bool"}, ())
                self.arguments(value, "logRotator", value.arguments, signature)

    def parameters(self, call: Call) -> None:
        for parameter in self.entries(call, "parameters", "a parameter"):
            self.known(parameter, "parameter", vocabulary.PARAMETERS)

    def triggers(self, call: Call) -> None:
        seen: set[str] = set()
        for trigger in self.entries(call, "triggers", "a trigger"):
            if trigger.name in seen:
                self.report(trigger, f"the trigger {trigger.name} stands there twice")
            seen.add(trigger.name)
            self.known(trigger, "trigger", vocabulary.TRIGGERS)

    def known(self, call: Call, what: str, table: dict[str, Signature | None]) -> None:
        if call.name not in table:
            self.report(call, f"there is no {what} {call.name!r}{_hint(call.name, tuple(table))}")
        elif signature := table[call.name]:
            self.arguments(call, call.name, call.arguments, signature)

    def entries(self, call: Call, name: str, wanted: str) -> list[Call]:
        """The calls in options, parameters or triggers."""
        body = self.block(call, name)
        if body is None:
            return []
        if not body:
            self.report(call, f"{name} is empty: it needs at least one entry")
        found = []
        for statement in body:
            entry = self.call(statement, wanted)
            if entry is None:
                continue
            if any(isinstance(node, Closure) for node in _argument_values(entry)):
                self.report(entry, f"{entry.name} in {name} can't have a block")
            else:
                self.values(entry.arguments)
                found.append(entry)
        return found

    def tools(self, call: Call) -> None:
        body = self.block(call, "tools")
        if body is None:
            return
        if not body:
            self.report(call, "tools is empty: it needs at least one tool")
        for statement in body:
            tool = self.call(statement, "a tool with its version, such as jdk 'openjdk-21'")
            if tool is None:
                continue
            if len(tool.arguments) != 1:
                self.report(tool, f"the tool {tool.name} takes one version, found {len(tool.arguments)}")
            elif isinstance(tool.arguments[0], Closure | MapLiteral | ListLiteral):
                self.report(tool, f"the version of {tool.name} has to be a string, found {_kind(tool.arguments[0])}")
            elif tool.name not in vocabulary.TOOLS and "." not in tool.name:
                self.report(tool, f"there is no kind of tool {tool.name!r}{_hint(tool.name, vocabulary.TOOLS)}")
            else:
                self.kind(tool.arguments[0], f"tool {tool.name}", "text")

    def libraries(self, call: Call) -> None:
        body = self.block(call, "libraries")
        if body is None:
            return
        if not body:
            self.report(call, "libraries is empty: it needs at least one lib")
        for statement in body:
            right = (
                isinstance(statement, Call)
                and statement.name == "lib"
                and len(statement.arguments) == 1
                and not isinstance(statement.arguments[0], Closure | MapLiteral | ListLiteral)
            )
            if not right:
                found = statement.name if isinstance(statement, Call) and statement.name else _kind(statement)
                self.report(statement, f"libraries holds lib('name@version'), found {found}")

    def input(self, call: Call) -> None:
        if self.block(call, "input") is None:
            return

        def read(field: str, line: Call) -> None:
            if field == "parameters":
                self.parameters(line)
            elif len(line.arguments) != 1 or line.block:
                self.report(line, f"{field} of input takes one value")
            else:
                self.values(line.arguments)

        fields = self.sections(call, "input", vocabulary.INPUT_FIELDS, read)
        if "message" not in fields:
            self.report(call, "input needs a message")

    # when

    def when(self, call: Call) -> None:
        body = self.block(call, "when")
        if body is None:
            return
        conditions = 0
        for statement in body:
            inner = self.call(statement, "a condition")
            if inner is None:
                conditions += 1
            elif inner.name in vocabulary.WHEN_FLAGS:
                self.flag(inner, inner.name)
            else:
                conditions += 1
                self.condition(inner)
        if not conditions:
            self.report(call, "when is empty: it needs at least one condition")

    def condition(self, call: Call) -> None:
        name = call.name
        known = ("expression", *vocabulary.NESTING, *vocabulary.WHEN)
        if name not in known:
            self.report(call, f"when has no condition {name!r}{_hint(name, known)}")
        elif name == "expression":
            if call.block is None:
                self.report(call, "expression needs a block: expression { ... }")
        elif name in vocabulary.NESTING:
            self.nested(call, vocabulary.NESTING[name])
        elif call.block is not None:
            self.report(call, f"the condition {name} takes no block")
        else:
            self.values(call.arguments)
            self.arguments(call, name, call.arguments, vocabulary.WHEN[name], single=vocabulary.WHEN_SINGLE.get(name))

    def nested(self, call: Call, count: int) -> None:
        if call.block is None or len(call.arguments) > 1:
            self.report(call, f"the condition {call.name} takes a block of conditions and nothing else")
            return
        body = call.block.body
        if not body or (count and len(body) != count):
            wanted = "exactly one condition" if count else "at least one condition"
            self.report(call, f"{call.name} holds {wanted}, found {len(body)}")
        for statement in body:
            inner = self.call(statement, "a condition")
            if inner is not None:
                self.condition(inner)


def _lone_flag(signature: Signature) -> bool:
    """``skipDefaultCheckout true``: one optional flag or number may come without its name."""
    return len(signature.kinds) == 1 and not signature.required


def _argument_values(call: Call) -> Iterable[Node]:
    for argument in call.arguments:
        if isinstance(argument, MapLiteral) and argument.named:
            yield from (value for _, value in argument.entries)
        else:
            yield argument


def _hint(word: str, known: tuple[str, ...]) -> str:
    """What was meant, or what there is."""
    lower = {name.lower(): name for name in known}
    if close := get_close_matches(word.lower(), lower, 1, 0.7):
        return f", did you mean {lower[close[0]]!r}?"
    if not known:
        return ""
    return f": it is one of {', '.join(known)}" if len(known) <= 14 else ""


def _kind(node: Node) -> str:
    """A node in words."""
    if isinstance(node, Literal):
        value = node.value
        if value is None:
            return "null"
        if isinstance(value, bool):
            return str(value).lower()
        return f"the string {value!r}" if isinstance(value, str) else f"the number {value}"
    if isinstance(node, Name):
        return f"the bare word {node.name!r}"
    if isinstance(node, Binary):
        return "an assignment" if node.operator in groovy.ASSIGNMENTS else "an expression"
    if isinstance(node, groovy.Statement):
        return f"{'an' if node.keyword[0] in 'aeio' else 'a'} {node.keyword}"
    words = {
        GString: "a string with ${...} in it",
        ListLiteral: "a list",
        MapLiteral: "a map",
        Closure: "a block",
        groovy.Declaration: "a definition",
        groovy.Property: "a property",
        Call: "a call",
    }
    return words.get(type(node), "an expression")
