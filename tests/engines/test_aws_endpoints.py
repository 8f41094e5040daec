"""The cells that talk to AWS, at endpoints that are not the embedded stand-in, each in a process of its own (tests/support/like_aws.py).

What only the stand-in does is asserted in cells tagged ``stand-in``, behind ``aws_engine.stand_in(...)``: elsewhere each says in one
sentence what it skips. Every mark is shown to be needed, and what is asserted without one is listed with its reason.
"""

import ast
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from types import SimpleNamespace

import aws_account
import pytest
from botocore.exceptions import ClientError
from harness import chapters

from companion import checkout
from companion.book import BOOK, chapter
from companion.engines import aws
from companion.errors import EngineUnavailable

pytestmark = pytest.mark.usefixtures("scratch", "no_live_engines")
CLOUDFORMATION, BOTO3 = chapter("cloudformation_autoscaling"), chapter("boto3_autoscaling")
BOTH = pytest.mark.parametrize("of", [CLOUDFORMATION, BOTO3], ids=lambda of: of.name)
TAG, ACCOUNT, SENTENCE = "stand-in", "111122223333", "Skipped, as this is not the embedded stand-in: "
#: what is asserted of a client's answer everywhere, by the beginning of the assertion: any endpoint that does as AWS documents gives it
ANYWHERE = {
    "values(there) == values(written)": "a stack has the values of its template; CloudFormation is for that",
    "len(clicked.policies) == len(written.policies)": "of the same answer, changed by hand: would the check above have noticed",
    "options['HttpTokens'] == 'required'": "the launch template and the security group as the template has them",
    "deployed()['group']['HealthCheckGracePeriod'] == 300": "UPDATE_COMPLETE means that the new template is what is there",
    "after == (6, 2)": "documented: sizes are set to the template's, with IgnoreUnmodifiedGroupSizeProperties they are left alone",
    "drift() == {}": "documented: a change set with REVERT_DRIFT brings the live state back to the template",
    "isinstance(sys.last_value, WaiterError)": "documented: a failed update rolls back, and the waiter raises on that state",
    "threshold() == 80 and drift() == {}": "documented: UPDATE_ROLLBACK_COMPLETE means the template before",
}
#: names that a notebook takes from an answer and calculates with from there on: what was put is given back
SETTLED = {"scheduled", "written"}


# Which cells assert what


def is_stand_in(node: ast.AST) -> bool:
    """``if aws_engine.stand_in("...", because="..."):`` without an else."""
    return isinstance(node, ast.If) and ast.unparse(node.test).startswith("aws_engine.stand_in(") and not node.orelse


def names(node: ast.AST) -> set[str]:
    return {found.id for found in ast.walk(node) if isinstance(found, ast.Name)}


def assigned(node: ast.AST) -> list[tuple[ast.AST, ast.AST]]:
    """What a statement itself gives a name to, with where the value comes from."""
    if isinstance(node, ast.Assign):
        return [(target, node.value) for target in node.targets]
    if isinstance(node, ast.AugAssign | ast.AnnAssign) and node.value:
        return [(node.target, node.value)]
    return [(node.target, node.iter)] if isinstance(node, ast.For) else []


def unmarked(sources: list[str]) -> list[str]:
    """What is asserted of an answer outside a ``stand_in``, and is not listed as what every endpoint gives.

    Of an answer is what is calculated from a session, followed through the cells, statement by statement.
    """
    answers, found = {"sys"}, []

    def follow(statements: list, inside: bool) -> None:
        for node in statements:
            if isinstance(node, ast.FunctionDef):
                own = {argument.arg for argument in node.args.args}
                (answers.add if (names(node) - own) & answers else answers.discard)(node.name)
                continue
            for target, value in assigned(node):
                of_answer = names(value) & answers or "aws_engine.connect(" in ast.unparse(value)
                # an item that is set leaves the rest of what it is in as it was
                if of_answer or isinstance(target, ast.Name | ast.Tuple):
                    (answers.update if of_answer else answers.difference_update)(names(target) - SETTLED)
            if isinstance(node, ast.Assert) and not inside and names(node.test) & answers:
                found.append(ast.unparse(node.test))
            for below in ("body", "orelse", "handlers", "finalbody"):
                follow(getattr(node, below, []), inside or is_stand_in(node))

    for source in sources:
        follow(ast.parse(source).body, False)
    return [text for text in found if not text.startswith(tuple(ANYWHERE))]


def part(of) -> list[dict]:
    """The taught code cells from the one that connects on."""
    cells = [cell for cell in chapters.code(of) if not chapters.marks(cell)]
    first = next(n for n, cell in enumerate(cells) if "aws_engine.connect(" in cell["source"])
    last = next((n for n, c in enumerate(cells) if "exercise-setup" in c["metadata"].get("tags", [])), len(cells))
    return cells[first:last]


def marked(of) -> list[dict]:
    return [cell for cell in chapters.code(of) if TAG in cell["metadata"].get("tags", [])]


def test_only_these_notebooks_use_the_engine():
    using = [one for one in BOOK if any("aws_engine.connect(" in cell["source"] for cell in chapters.code(one))]
    assert sorted(one.name for one in using) == sorted([BOTO3.name, CLOUDFORMATION.name])


@BOTH
def test_what_only_the_stand_in_does_is_marked(of):
    assert unmarked([cell["source"] for cell in part(of)]) == []


@BOTH
def test_the_tag_and_the_code_say_the_same(of):
    coded = [c for c in chapters.code(of) if any(is_stand_in(node) for node in ast.walk(ast.parse(c["source"])))]
    assert coded == marked(of) and len(coded) >= 4
    assert all("aws_engine.embedded()" not in cell["source"] for cell in chapters.code(of))


@BOTH
def test_the_search_for_unmarked_assertions_would_notice(of):
    sources = [cell["source"] for cell in part(of)]
    for number, source in enumerate(sources):
        if "aws_engine.stand_in(" in source and "assert" in source:
            tree = ast.parse(source)
            (block,) = (node for node in ast.walk(tree) if is_stand_in(node))
            block.test = ast.Constant(True)
            left = [*sources[:number], ast.unparse(tree), *sources[number + 1 :]]
            assert len(unmarked(left)) == 1, source


def test_no_reason_is_left_over():
    said = [ast.unparse(n.test) for of in (BOTO3, CLOUDFORMATION) for c in part(of) for n in ast.walk(ast.parse(c["source"])) if isinstance(n, ast.Assert)]  # fmt: skip
    assert [one for one in ANYWHERE if not any(text.startswith(one) for text in said)] == []


# The cells at other endpoints


@contextmanager
def serving(*arguments: str):
    """The address of an endpoint in a process of its own."""
    program = [sys.executable, str(checkout.folder() / "tests" / "support" / "like_aws.py"), *arguments]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        yield server.stdout.readline().strip()
        server.stdin.close()


@pytest.fixture(scope="module")
def like_aws():
    with serving() as address:
        yield address


@pytest.fixture
def impatient(monkeypatch):
    """Waiters poll at once, and nobody waits for this process' end to clean up."""
    monkeypatch.setattr("botocore.waiter.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(aws, "_remove_at_the_end", lambda _: None)


@pytest.fixture
def readers_endpoint(like_aws, impatient, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", like_aws)


@pytest.fixture
def real_aws(like_aws, impatient, monkeypatch, tmp_path):
    """The account that the reader has named answers as AWS does, and the reader agrees."""
    aws_account.name(ACCOUNT, like_aws, f"{ACCOUNT[-4:]}\n", tmp_path, monkeypatch)


def at_work(of):
    """The cells that talk to AWS, or that such cells need: the simulated days, the pictures and the exercises are left out."""
    on = True
    for cell in chapters.cells(of):
        heading = cell["source"].partition("\n")[0]
        if heading == "## Exercises":
            return
        if heading.startswith("## "):
            on = (on and not heading.startswith("## Measure")) or heading in ("## Clean up", "## Tear down")
        if on and cell["cell_type"] == "code" and "draw.show(" not in cell["source"]:
            yield cell


def run(of, prove=None) -> dict:
    """Run these cells as a kernel would; ``prove(source, space)`` is called before each that is marked."""
    raising, space = chapters.raising(of), {"__name__": "__main__"}
    for cell in at_work(of):
        source = cell["source"]
        if prove and TAG in cell["metadata"].get("tags", []):
            prove(source, space)
        try:
            exec(compile(source, of.name, "exec"), space)  # noqa: S102  (the project's own cells)
        except Exception as error:
            if source not in raising:
                raise
            sys.last_value = error
        else:
            assert source not in raising, f"raised nothing:\n{source}"
    return space


def sentences(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(SENTENCE)]


@pytest.mark.slow
@BOTH
def test_at_an_endpoint_of_the_readers_the_cells_come_through_and_say_what_they_skip(of, readers_endpoint, capsys):
    run(of)
    said = sentences(capsys.readouterr().out)
    assert len(said) == len(marked(of)) and all(", because " in one and one.endswith(".") for one in said)


@pytest.mark.slow
@BOTH
def test_every_mark_is_needed_where_an_endpoint_answers_otherwise(of, readers_endpoint, monkeypatch, capsys):
    tried = []

    def without_the_mark(source, space):
        with monkeypatch.context() as patch:
            patch.setattr(aws, "stand_in", lambda *_, **__: True)
            with pytest.raises((AssertionError, ClientError)):
                exec(compile(source, of.name, "exec"), dict(space))  # noqa: S102  (the project's own cell)
        tried.append(source)

    run(of, without_the_mark)
    assert tried == [cell["source"] for cell in marked(of)]
    assert len(sentences(capsys.readouterr().out)) == len(tried)


@pytest.mark.slow
@BOTH
def test_on_real_aws_exactly_the_plan_is_made(of, real_aws, capsys):
    sent = Counter()
    space = {}

    def count(params, model, **_):
        sent[model.name] += 1

    def listen(source, names):
        if not space:
            names["session"].events.register("before-parameter-build", count)
            for name in ("ec2", "asg", "cloud"):
                if name in names:
                    names[name].meta.events.register("before-parameter-build", count)
        space.update(names)

    run(of, listen)
    printed = capsys.readouterr().out
    assert f"REAL AWS: account {ACCOUNT}" in printed and "an hour when every group is at its maximum size" in printed
    assert len(sentences(printed)) == len(marked(of))
    fence = aws.Fence(aws.Plan(), aws._made[ACCOUNT])
    (plan,) = (node for cell in part(of) for node in ast.walk(ast.parse(cell["source"])) if isinstance(node, ast.Call) and ast.unparse(node.func) == "aws_engine.Plan")  # fmt: skip
    plan = eval(compile(ast.Expression(plan), of.name, "eval"), {"aws_engine": aws, **space})  # noqa: S307
    assert dict(fence.resources) == dict(plan.resources) and fence.instances == plan.instances
    makes = {name for name in sent if not name.startswith(("Describe", "List", "Get", "Delete"))}
    assert makes <= {call.partition(":")[2] for call in aws.fence._READERS} | {"ExecuteChangeSet"}


@pytest.mark.slow
def test_moto_alone_is_enough_for_the_calls_in_code(impatient, monkeypatch, capsys):
    with serving("--plain") as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        run(BOTO3)
    assert len(sentences(capsys.readouterr().out)) == len(marked(BOTO3))


def test_the_sentence_and_the_silence(monkeypatch, capsys):
    assert aws.stand_in("the size", because="AWS does scale") and capsys.readouterr().out == ""
    for name in ("AWS_ENDPOINT_URL", "COMPANION_REAL_AWS"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "http://127.0.0.1:1")
            assert not aws.stand_in("the size", because="AWS does scale")
        assert capsys.readouterr().out == f"{SENTENCE}the size, because AWS does scale.\n"


# Exercises


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "COMPANION_REAL_AWS"])
def test_exercises_use_the_stand_in_whatever_a_variable_says(name, monkeypatch):
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    with pytest.raises(EngineUnavailable):
        aws.connect()
    space = {}
    try:
        for source in chapters.setup(BOTO3):
            exec(source, space)  # noqa: S102  (the project's own cells)
        assert space["session"].client("sts").get_caller_identity()["Account"] == "123456789012"
    finally:
        aws.clean_up(aws.connect(own=True))


@BOTH
def test_no_exercise_connects_to_anything_else(of):
    cells = [*chapters.setup(of), *(cell["source"] for cell in chapters.code(of) if chapters.marks(cell))]
    assert [source for source in cells if "connect(" in source.replace("connect(own=True)", "")] == []
