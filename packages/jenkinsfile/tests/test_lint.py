"""The linter of declarative pipelines: accepts what Jenkins accepts, rejects what it rejects, says where and why."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jenkinsfile
import pytest
from jenkinsfile import __main__ as command
from jenkinsfile import groovy, javaregex, tokens
from jenkinsfile.declarative.words import near_miss

FILES = Path(__file__).parent / "jenkinsfiles"
VALID = sorted((FILES / "valid").glob("*.Jenkinsfile"))
INVALID = sorted((FILES / "invalid").glob("*.Jenkinsfile"))
PIECES = re.split(r"(?m)^%%% (\w+)\n", (FILES / "groovy.txt").read_text(encoding="utf-8"))[1:]
PIECES = list(zip(PIECES[1::2], PIECES[::2], strict=True))


def expected(source: str) -> list[tuple[int, str]]:
    """The faults that the comments at the top of an invalid file announce."""
    return [(int(line), words) for line, words in re.findall(r"(?m)^// line (\d+): (.*)$", source)]


def parses(source: str) -> bool:
    try:
        groovy.parse(source)
    except groovy.GroovySyntaxError:
        return False
    return True


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_pipeline_has_no_fault(path):
    assert jenkinsfile.check(jenkinsfile.read(path)) == []


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_every_fault_of_an_invalid_pipeline_is_found_on_its_line_and_no_other(path):
    source = jenkinsfile.read(path)
    wanted, found = expected(source), jenkinsfile.check(source)
    assert wanted, "an invalid file says what is wrong with it"
    for line, words in wanted:
        match = next((f for f in found if f.line == line and words in f.message), None)
        assert match, f"line {line}: {words!r} is not among {list(map(str, found))}"
        found.remove(match)
    assert found == []


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_only_words_of_plugins_are_noted(path):
    notes = jenkinsfile.examine(jenkinsfile.read(path)).notes
    named = {"words_of_plugins": 25, "arguments_of_newer_versions": 2}
    assert len(notes) == named.get(path.stem, 0), list(map(str, notes))


def test_a_note_is_printed_and_is_no_fault(capsys):
    path = FILES / "valid" / "words_of_plugins.Jenkinsfile"
    assert command.main([str(path)]) == 0
    printed = capsys.readouterr().out
    assert f"{path}:6:9: note: the option 'buildBlocker' is not known here" in printed
    assert "did you mean" not in printed
    assert printed.endswith(f"{path}: no faults\n")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("timestamp", "timestamps"),
        ("timestmaps", "timestamps"),
        ("TIMESTAMPS", "timestamps"),
        ("time-stamps", "timestamps"),
        ("timestamps2", None),
        ("timestamped", None),
        ("retries", None),
        ("buildBlocker", None),
    ],
)
def test_a_near_miss_is_one_slip_away(word, meant):
    assert near_miss(word, ("timestamps", "retry", "buildBlockerProperty")) == meant


@pytest.mark.parametrize(
    ("pattern", "right"),  # the verdicts are those of Java 17's java.util.regex.Pattern
    [
        (r"a{2}{3}", True),
        (r"{2}a", True),
        (r"[]a]", True),
        (r"[a-z&&[^bc]]", True),
        (r"\Q*[(\E(", False),
        (r"\Q*[(\E", True),
        (r"\E", False),
        (r"a{,3}", False),
        (r"{a}", False),
        (r"(?P<a>b)", False),
        (r"(?<a1>b)\k<a1>", True),
        (r"(?<a_1>b)", False),
        (r"a++?", False),
        (r"a{2}*", False),
        (r"\x4", False),
        (r"\08", False),
        (r"[[a]", False),
        (r"a|+b", False),
    ],
)
def test_a_regular_expression_is_judged_by_javas_rules(pattern, right):
    assert (javaregex.fault(pattern) is None) == right


def test_there_are_enough_of_both():
    assert len(VALID) >= 25
    assert len(INVALID) >= 40


# The parser


@pytest.mark.parametrize(("source", "verdict"), PIECES, ids=range(len(PIECES)))
def test_the_parser_accepts_what_groovy_accepts(source, verdict):
    assert parses(source) == (verdict == "accepted")


def test_a_place_is_that_of_the_source():
    script = groovy.parse("x = 1\n\n  /* a\n b */ pipeline {\n\tagent any }")
    call = script.statements[1]
    assert (call.line, call.column) == (4, 7)
    agent = call.block.body[0]
    assert (agent.line, agent.column, agent.name) == (5, 2, "agent")
    assert [groovy.text_of(argument) for argument in agent.arguments] == ["any"]


def test_named_arguments_come_first_and_a_block_last():
    call = groovy.parse("f('x', a: 1, b: 2) { y }").statements[0]
    named, plain, block = call.arguments
    assert [groovy.text_of(key) for key, _ in named.entries] == ["a", "b"]
    assert plain.value == "x"
    assert isinstance(block, groovy.Closure)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        (r"'a\tb\'c\u00e9\101'", "a\tb'céA"),
        ('"""a\n"b" \\$c"""', 'a\n"b" $c'),
        ("$/a $$ /b/$", "a $ /b"),
        ("(/a\\/b\\d/)", "a/b\\d"),
        ("0x1F", 31),
        ("1_000", 1000),
        ("1.5e1", 15.0),
        ("017", 15),
    ],
)
def test_values_are_groovys(source, value):
    assert groovy.parse(source).statements[0].value == value


def test_a_gstring_keeps_its_parts():
    (value,) = groovy.parse('"a ${b + 1} $c.d e"').statements
    first, calculation, space, path, last = value.parts
    assert (first, space, last) == ("a ", " ", " e")
    assert isinstance(calculation, groovy.Binary)
    assert isinstance(path, groovy.Property)


def test_damaged_sources_never_crash():
    draw = random.Random(0)
    for path in VALID:
        source = jenkinsfile.read(path)
        found = tokens.tokenize(source)
        for _ in range(15):
            one, other = draw.choice(found), draw.choice(found)
            damaged = source[: one.start] + other.text + source[one.end + draw.randrange(3) :]
            assert all(fault.line >= 1 and fault.column >= 1 and fault.message for fault in jenkinsfile.check(damaged))


@pytest.mark.parametrize(
    "source", ["a{" * 5000 + "}" * 5000, "x = " + "(" * 9000 + ")" * 9000, 'x="${' * 900 + '}"' * 900]
)
def test_a_source_nested_too_deeply_is_a_finding(source):
    (finding,) = jenkinsfile.check(source)
    assert "nested too deeply" in finding.message


def test_a_large_file_takes_no_longer_than_its_size():
    stage = "stage('{}') {{ steps {{ sh \"make ${{params.A}}\" }} }}\n"
    source = "pipeline {\nagent any\nstages {\n" + "".join(stage.format(n) for n in range(2000)) + "}\n}\n"
    assert jenkinsfile.check(source) == []


# Other parsers as judges


def find_groovy() -> dict[str, str] | None:
    """The environment in which Debian's groovy runs, or None."""
    java = shutil.which("java")
    if not (shutil.which("groovy") and java):
        return None
    return {**os.environ, "JAVA_HOME": str(Path(java).resolve().parents[1])}


@pytest.mark.slow
@pytest.mark.skipif(
    find_groovy() is None, reason="no Groovy to compare with: apt-get install groovy default-jre-headless"
)
def test_groovy_itself_agrees():
    """The verdicts kept in groovy.txt are Groovy's, and so is what the parser says of every pipeline here."""
    files = [*map(str, VALID), *map(str, INVALID), str(FILES / "groovy.txt")]
    done = subprocess.run(
        ["groovy", str(FILES / "syntax.groovy"), *files], capture_output=True, text=True, env=find_groovy(), timeout=300
    )
    verdicts = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(verdicts) == len(VALID) + len(INVALID) + len(PIECES), done.stderr[-2000:]
    for verdict in verdicts:
        if verdict["file"].endswith(".txt"):
            source, kept = PIECES[verdict["number"]]
            assert verdict["accepted"] == (kept == "accepted"), source
        else:
            assert verdict["accepted"] == parses(Path(verdict["file"]).read_bytes().decode()), verdict["file"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["smallest", "on_one_line", "parallel_step"])
def test_a_published_grammar_finds_the_same_calls(name):
    """PyPI's groovy-parser: another grammar (of Groovy 3), another algorithm (Earley), seconds instead of milliseconds."""
    from groovy_parser.parser import parse_groovy_content

    source = jenkinsfile.read(FILES / "valid" / f"{name}.Jenkinsfile")
    words = {token.value[1] for token in parse_groovy_content(source).scan_values(lambda token: "IDENT" in token.type)}
    calls = [node for node in groovy.walk(groovy.parse(source)) if isinstance(node, groovy.Call)]
    names = {groovy.text_of(call.method) for call in calls if isinstance(call.method, groovy.Name)}
    assert names <= words
    assert {"pipeline", "agent", "stages", "stage"} <= names


# The command


def lint(*arguments: str, source: bytes = b"") -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "jenkinsfile", *arguments], input=source, capture_output=True)


def test_the_command_names_file_line_column_and_reason():
    done = lint(str(FILES / "invalid" / "step_for_steps.Jenkinsfile"))
    assert done.returncode == 1
    place, _, reason = done.stdout.decode().strip().partition(": ")
    assert place.endswith("step_for_steps.Jenkinsfile:6:13")
    assert reason == "stage 'a' has no section 'step', did you mean 'steps'?"


def test_several_files_and_the_standard_input(capsys):
    good, bad = str(VALID[0]), str(INVALID[0])
    assert command.main([good]) == 0
    assert command.main([good, bad]) == 1
    printed = capsys.readouterr().out
    assert f"{good}: no faults" in printed
    assert f"{bad}:" in printed
    assert lint("-", source=VALID[0].read_bytes()).returncode == 0
    assert lint("-", source=b"node { }").returncode == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), (b"\xff\xfe\x00", "utf-8"), ("folder", "Is a directory")],
)
def test_a_file_that_cant_be_read_is_named_and_the_others_are_checked(tmp_path, capsys, content, reason):
    path = tmp_path / "Jenkinsfile"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    assert command.main([str(path), str(INVALID[0])]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"{path}: can't be read: ")
    assert reason in printed.err
    assert str(INVALID[0]) in printed.out


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "Jenkinsfile"
    path.write_bytes(b"\xef\xbb\xbf" + VALID[0].read_bytes())
    assert command.main([str(path)]) == 0


def test_help_and_a_wrong_call():
    assert lint("--help").returncode == 0
    assert lint().returncode == 2
