"""The book's own Jenkinsfile, and the book's name for the linter's command."""

import jenkinsfile
import pytest
from jenkinsfile import pipeline

from companion import __main__ as command
from companion import checkout

ROOT = checkout.folder()
OURS = ROOT / "jenkins" / "Jenkinsfile"


def test_the_projects_own_pipeline_has_no_fault():
    assert jenkinsfile.check(jenkinsfile.read(OURS)) == []


def test_every_command_of_our_pipeline_is_a_make_target():
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    targets = {line.partition(":")[0] for line in lines if ":" in line and not line.startswith(("\t", "#"))}
    read = pipeline.read_pipeline(jenkinsfile.read(OURS))
    commands = [command for _, found in read.walk() for command in found.commands]
    assert len(commands) >= 9
    assert all(command.split()[0] == "make" and command.split()[1] in targets for command in commands)


@pytest.mark.parametrize(("content", "code"), [(b"node { }", 1), (None, 2), (OURS.read_bytes(), 0)])
def test_our_command_says_what_the_packages_own_says(tmp_path, capsys, content, code):
    path = tmp_path / "Jenkinsfile"
    if content is not None:
        path.write_bytes(content)
    from jenkinsfile.__main__ import main

    assert main([str(path)]) == code
    theirs = capsys.readouterr()
    assert command.main(["jenkins-lint", str(path)]) == code
    assert capsys.readouterr() == theirs


def test_the_packages_licence_is_the_projects():
    assert (ROOT / "packages" / "jenkinsfile" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
