"""Pipelines of a few words, and what a rehearsal of one writes down."""

from jenkinsfile import check, runner


def log(word: str) -> str:
    return f"sh 'echo {word} >> log'"


def stage(name: str, steps: str = "", more: str = "") -> str:
    return f"stage('{name}') {{\n{more}\nsteps {{\n{steps or log(name)}\n}}\n}}\n"


def pipeline(stages: str, head: str = "agent any", tail: str = "") -> str:
    return f"pipeline {{\n{head}\nstages {{\n{stages}\n}}\n{tail}\n}}\n"


def post(*conditions: str) -> str:
    """A post with these conditions, in the wrong order; each writes its name down."""
    return "post {\n" + "".join(f"{name} {{ {log(name)} }}\n" for name in reversed(conditions)) + "}"


def rehearse(folder, source: str, **settings) -> tuple[str, dict[str, str], list[str]]:
    """The result, the status of each stage, and what was written down, in its order."""
    assert check(source) == []
    done = runner.run(source, folder, **settings)
    written = folder / "log"
    return (
        done.result,
        {stage.name: stage.status for stage in done.stages},
        written.read_text().split() if written.exists() else [],
    )
