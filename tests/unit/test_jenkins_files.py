"""jenkins/: what can be held of a controller as code without a controller."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import jenkinsfile
import pytest
import yaml
from containers import skip_or_fail
from jenkinsfile import groovy, pipeline

from companion import checkout

ROOT = checkout.folder()
JENKINS = ROOT / "jenkins"
CASC = yaml.safe_load((JENKINS / "casc.yaml").read_text())
PASSWORDS = {"JENKINS_ADMIN_PASSWORD": "a", "JENKINS_COMPANION_PASSWORD": "b"}


def composed(file: Path, *options: str, **variables: str) -> dict:
    """A compose file as compose reads it."""
    plugin = (
        shutil.which("docker") and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode
    )
    if not plugin and shutil.which("docker-compose") is None:
        skip_or_fail("no compose: Debian: apt-get install docker-compose")
    command = [*(["docker", "compose"] if plugin else ["docker-compose"]), "-f", str(file), *options, "config"]
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)["services"]


def published(services: dict) -> set[str]:
    """The ports of this machine that services take."""
    ports = [port for service in services.values() for port in service.get("ports", [])]
    return {str(p["published"]) if isinstance(p, dict) else p.rpartition(":")[0].rpartition(":")[2] for p in ports}


def test_compose_reads_what_the_readme_says_to_type():
    services = composed(JENKINS / "compose.yaml", "--profile", "agent", **PASSWORDS)
    assert set(services) == {"controller", "agent"}
    for service in services.values():
        assert (Path(service["build"]["context"]) / "Dockerfile").is_file()
        folders = [v.partition(":")[0] if isinstance(v, str) else v["source"] for v in service["volumes"]]
        assert str(ROOT) in folders, "the checkout, wherever the command is typed"
    assert services["agent"]["environment"]["JENKINS_URL"] == "http://127.0.0.1:8081/"
    assert published(services) == {"8081"}


def test_no_password_has_a_default():
    done = subprocess.run(
        ["docker-compose", "-f", str(JENKINS / "compose.yaml"), "config"],
        env={k: v for k, v in os.environ.items() if not k.startswith("JENKINS_")},
        capture_output=True,
        text=True,
    ) if shutil.which("docker-compose") else None  # fmt: skip
    assert done is None or (done.returncode and "choose the password" in done.stderr)


def test_it_runs_beside_the_small_cluster():
    secrets = {"REDIS_PASSWORD": "a", "POSTGRES_PASSWORD": "b"}
    profiles = [o for p in ("monitoring", "recommender") for o in ("--profile", p)]
    cluster = composed(ROOT / "docker" / "compose.yaml", *profiles, **secrets)
    ours = composed(JENKINS / "compose.yaml", "--profile", "agent", **PASSWORDS)
    assert not published(cluster) & published(ours)
    assert not {name for name in cluster if "jenkins" in name}, "one controller, the one as code"


def test_no_build_runs_on_the_controller():
    assert CASC["jenkins"]["numExecutors"] == 0
    (node,) = [node["permanent"] for node in CASC["jenkins"]["nodes"]]
    read = pipeline.read_pipeline(jenkinsfile.read(JENKINS / "Jenkinsfile"))
    (label,) = [n.value for n in groovy.walk(read.sections["agent"]) if isinstance(n, groovy.Literal)]
    assert node["labelString"] == label
    assert node["numExecutors"] >= 1


def test_only_who_is_named_may_start_a_build():
    for entry in CASC["jenkins"]["authorizationStrategy"]["globalMatrix"]["entries"]:
        ((kind, entry),) = entry.items()
        if kind == "group":
            assert not {"Job/Build", "Job/Configure", "Overall/Administer"} & set(entry["permissions"]), entry["name"]
    for user in CASC["jenkins"]["securityRealm"]["local"]["users"]:
        assert re.fullmatch(r"\$\{\w+\}", user["password"]), "of the environment, without a default"


def test_images_and_plugins_have_one_version():
    for dockerfile in JENKINS.rglob("Dockerfile"):
        (base,) = re.findall(r"^ARG BASE_IMAGE=(\S+)", dockerfile.read_text(), re.MULTILINE)
        assert re.search(r":\d[\w.-]*\d", base), f"{base} means something else tomorrow"
    plugins = re.findall(r"^[^#\s].*", (JENKINS / "plugins.txt").read_text(), re.MULTILINE)
    assert len(plugins) >= 8
    assert all(re.fullmatch(r"[a-z-]+:\d[\w.]+", plugin) for plugin in plugins)


def test_no_advice_makes_a_password_a_token():
    for path in [*JENKINS.rglob("*.md"), ROOT / "README.md", ROOT / "notebooks/11-devops/jenkins_pipeline.ipynb"]:
        assert not re.search(r"JENKINS_TOKEN=\S*PASSWORD|JENKINS_USER=admin", path.read_text()), path


def test_free_text_is_a_parameter_only_where_there_is_no_list():
    """What a user types reaches make: each such name is one that the Makefile, or the program behind it, checks."""
    read = pipeline.read_pipeline(jenkinsfile.read(JENKINS / "Jenkinsfile"))
    kinds: dict[str, set[str]] = {}
    for call in pipeline.calls_in(read.sections["parameters"]):
        kinds.setdefault(call.name, set()).add(pipeline.named_arguments(call)["name"].value)
    assert set(kinds) <= {"choice", "booleanParam", "string"}
    assert kinds["string"] == {"TAG", "NAME"}, "tried by test_makefile.py and test_deploy.py"


@pytest.mark.parametrize("name", ["trial", "staging.yaml", "Jenkinsfile", "plugins.txt", "agent/Dockerfile"])
def test_the_readme_names_what_is_there(name):
    assert (JENKINS / name).exists()
    assert f"`{name}" in (JENKINS / "README.md").read_text()
