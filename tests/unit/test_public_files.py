"""What newcomers read and fill in: their links lead somewhere, their commands exist, their forms are forms, their versions are one."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml

import companion
from companion import checkout

ROOT = checkout.folder()
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    ".github/pull_request_template.md",
    "data/README.md",
)
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.M))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def dead_links(text: str, folder) -> list[str]:
    """Relative links of a Markdown page in ``folder`` that lead to no file."""
    targets = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]+)", text)
    return [target for target in targets if not (folder / target).exists()]


def unknown_commands(text: str) -> list[str]:
    """Make targets, commands of ``companion`` and programs of .venv that a text names and that are not there."""
    code = "\n".join(re.findall(r"`([^`\n]+)`", text) + re.findall(r"```\w*\n(.*?)```", text, re.S))
    helped = subprocess.run([sys.executable, "-m", "companion", "--help"], capture_output=True, text=True).stdout
    ours = set(re.findall(r"^    ([a-z][a-z-]*)(?: |$)", helped, re.M))
    named = {f"make {name}": name in TARGETS for name in re.findall(r"\bmake ([a-z][a-z-]*)", code)}
    named |= {f"companion {name}": name in ours for name in re.findall(r"(?<![\w/.-])companion ([a-z][a-z-]*)", code)}
    named |= {
        f".venv/bin/{name}": (ROOT / ".venv/bin" / name).exists() for name in re.findall(r"\.venv/bin/([\w-]+)", code)
    }
    named |= {f"scripts/{name}": (ROOT / "scripts" / name).exists() for name in re.findall(r"scripts/([\w./-]+)", code)}
    return sorted(command for command, there in named.items() if not there)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere_and_commands_exist(page):
    assert dead_links(read(page), (ROOT / page).parent) == []
    assert unknown_commands(read(page)) == []


def test_a_dead_link_and_an_unknown_command_are_found():
    """Prove by breaking."""
    assert dead_links("[a](nowhere.md) [b](README.md) [c](https://x.org/d)", ROOT) == ["nowhere.md"]
    text = "`make coffee`, `companion dance`, `.venv/bin/nope` and `scripts/no.py`, beside `make lab` and `companion doctor`"
    assert unknown_commands(text) == [".venv/bin/nope", "companion dance", "make coffee", "scripts/no.py"]


def test_every_room_of_contributing_is_there():
    table = read("CONTRIBUTING.md").partition("## Where a line of code belongs")[2].partition("\n## ")[0]
    rooms = re.findall(r"^\| (`.*?) \|", table, re.M)
    folders = [name for row in rooms for name in re.findall(r"`([^`]+)`", row) if "*" not in name]
    assert len(folders) > 10 and [name for name in folders if not (ROOT / name).is_dir()] == []
    ours = {p.parent.name for p in (ROOT / "companion").glob("*/__init__.py")}
    assert ours == {name.split("/")[1] for name in folders if name.startswith("companion/")}, (
        "a room without a sentence"
    )


def test_the_answers_that_contributing_shows_have_the_form_that_is_checked():
    shown = re.search(r"```python\n(RIGHT.*?)```", read("CONTRIBUTING.md"), re.S)[1]
    kept: dict = {}
    exec(shown, kept)  # noqa: S102  (the project's own page)
    from companion.check.exercises import _source, _wrong

    assert [_source(entry) for entry in kept["RIGHT"]["NAME-1"]] == [""]
    assert [_wrong(entry) for entry in kept["WRONG"]["NAME-1"]] == ["", ""]


def test_both_places_name_the_same_command_for_conda():
    """environment.yml runs nothing after itself: the whole line stands in it, and in README."""
    command = re.compile(r"conda env create.*")
    (told,), (readme,) = command.findall(read("environment.yml")), command.findall(read("README.md"))
    assert told == readme
    name = yaml.safe_load(read("environment.yml"))["name"]
    assert told.split(" && ")[1:] == [f"conda activate {name}", "python -m companion.engines.pysyft"]
    assert ".venv/bin/python -m companion.engines.pysyft" in read("scripts/setup.sh"), (
        "what make env does, conda users do"
    )


# Forms


def form_faults(form: dict) -> list[str]:
    """What GitHub would refuse in an issue form."""
    found = [key for key in ("name", "description", "body") if not form.get(key)]
    fields = [field for field in form.get("body", []) if field.get("type") != "markdown"]
    found += [
        f"type {f.get('type')}" for f in fields if f.get("type") not in {"input", "textarea", "dropdown", "checkboxes"}
    ]
    found += [f"no label: {field.get('id')}" for field in fields if not field.get("attributes", {}).get("label")]
    ids = [field.get("id") for field in fields]
    found += [f"id {name}" for name in ids if not name or ids.count(name) > 1]
    return found


def test_issue_forms_are_what_github_takes():
    assert [path.stem for path in FORMS] == ["broken_engine", "config", "erratum", "new_notebook"]
    for path in FORMS:
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.stem == "config":
            assert form == {"blank_issues_enabled": True}
            continue
        assert form_faults(form) == [], path.name
        assert unknown_commands(path.read_text(encoding="utf-8")) == [], path.name


def test_a_broken_form_is_found():
    """Prove by breaking."""
    broken = {
        "name": "x",
        "body": [{"type": "text", "id": "a"}, {"type": "input", "id": "a", "attributes": {"label": "l"}}],
    }
    assert form_faults(broken) == ["description", "type text", "no label: a", "id a", "id a"]


def test_hooks_run_what_ci_runs_and_download_nothing():
    settings = yaml.safe_load(read(".pre-commit-config.yaml"))
    assert [repository["repo"] for repository in settings["repos"]] == ["local"]
    hooks = [hook for repository in settings["repos"] for hook in repository["hooks"]]
    assert {hook["language"] for hook in hooks} == {"system"}
    for hook in hooks:
        program, *arguments = hook["entry"].split()
        assert program in {"make", ".venv/bin/python"}, hook["entry"]
        if program == "make":
            assert arguments[-1] in TARGETS
    assert {"make --no-print-directory lint", "make --no-print-directory check"} <= {hook["entry"] for hook in hooks}
    checked = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-config", ".pre-commit-config.yaml"],
        cwd=ROOT,
        capture_output=True,
    )
    assert checked.returncode == 0, checked.stdout.decode()


def test_lint_looks_at_the_whole_checkout():
    """Make knows a variable LINT by itself: the name of a program, which is no folder to lint."""
    shown = subprocess.run(
        ["make", "-n", "-o", "env", "lint"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "ruff check .\n" in shown


# One version


def versions() -> dict[str, str]:
    """Every place that says which version this is."""
    citation = yaml.safe_load(read("CITATION.cff"))
    found = {
        "CITATION.cff": str(citation["version"]),
        "CHANGELOG.md": re.search(r"^## \[(\d[\w.]*)\]", read("CHANGELOG.md"), re.M)[1],
    }
    for path in [*(ROOT / "k8s").rglob("*.yaml"), *(ROOT / "docker").rglob("*.y*ml")]:
        for tag in re.findall(r"scalable-ai-companion:([\w.-]+)", path.read_text(encoding="utf-8")):
            found[path.relative_to(ROOT).as_posix()] = tag
    return found


def test_every_place_says_the_same_version():
    assert {name: version for name, version in versions().items() if version != companion.__version__} == {}


def test_pyproject_reads_the_version_instead_of_repeating_it():
    project = tomllib.loads(read("pyproject.toml"))
    assert "version" not in project["project"] and project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "companion.__version__"}


def test_the_citation_has_what_the_format_asks_for():
    """The schema of Citation File Format 1.2.0 in short; the whole one was tried when the file was written."""
    citation = yaml.safe_load(read("CITATION.cff"))
    allowed = {"abstract", "authors", "cff-version", "date-released", "doi", "identifiers", "keywords", "license", "message",
               "repository-code", "title", "type", "url", "version"}  # fmt: skip
    assert {"authors", "cff-version", "message", "title"} <= set(citation) <= allowed
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", citation["date-released"])
    assert f"## [{citation['version']}] - {citation['date-released']}" in read("CHANGELOG.md")
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert citation["license"] == project["license"] == "MIT"
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in project["authors"]]
    assert f"Copyright (c) 2026 {project['authors'][0]['name']}" in read("LICENSE")


def test_the_changelog_keeps_its_form():
    text = read("CHANGELOG.md")
    heads = re.findall(r"^## \[(.+?)\](?: - (.+))?$", text, re.M)
    assert heads[0] == ("Unreleased", "") and all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for _, date in heads[1:])
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.M)) <= kinds
