"""The environment: one lock, hashed, without addresses, that conda users get too; all given packages used for real."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import scan
import yaml

from companion import checkout

ROOT = checkout.folder()
GIVEN = [
    "jupyterlab",
    "dask",
    "distributed",
    "scikit-learn",
    "tensorflow",
    "syft",
    "redis",
    "flask",
    "prometheus-client",
    "boto3",
    "docker",
    "pyspark",
    "nbval",
]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def name_of(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement)[0].lower()


def locked() -> dict[str, str]:
    """Version by package, of those that this platform installs."""
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)(?: ;[^\n]*)? \\$", LOCK, re.M))


def test_every_requirement_is_pinned_with_hashes():
    heads = [line for line in LOCK.splitlines() if line and not line.startswith(" ")]
    assert heads and all(re.match(r"[\w.-]+==[\w.]+( ; .+)? \\$", line) for line in heads)
    assert LOCK.count("--hash=sha256:") >= len(heads)


def test_the_given_packages_are_direct_dependencies():
    direct = {name_of(requirement) for requirement in PROJECT["project"]["dependencies"]}
    assert set(GIVEN) <= direct


@pytest.mark.parametrize("package", GIVEN)
def test_a_given_package_is_used_for_real(package):
    """Imported (or, for the two that are commands, called) somewhere outside the tests."""
    module = {"scikit-learn": "sklearn", "prometheus-client": "prometheus_client"}.get(package, package)
    called = {"jupyterlab": "-m jupyterlab", "nbval": "--nbval"}
    pattern = re.escape(called[package]) if package in called else rf"(?:import|from) {module}\b"
    folders = ("companion", "notebooks", "docker")
    sources = [p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in {".py", ".ipynb"}]
    assert any(
        re.search(pattern, p.read_text(encoding="utf-8"))
        for p in [*sources, ROOT / "Makefile", ROOT / "tests" / "test_runs.py"]
    )


def test_direct_dependencies_are_locked_and_installed_as_locked():
    direct = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["dev"]]
    versions = locked()
    for name in map(name_of, direct):
        assert versions[name] == version(name), f"{name}: run make lock, or make env"


def test_the_lock_follows_from_the_project_file():
    """Resolving offline with the lock as it is changes nothing: no requirement was added or tightened past it."""
    command = [sys.executable, "-m", "uv", "--no-config", "pip", "compile", "--quiet", "--offline", "--universal"]
    options = ["--python-version", "3.12", "--extra", "dev", "--extra", "reference", "--no-header", "--no-annotate"]
    options += ["-c", "requirements.lock"]
    done = subprocess.run(
        [*command, *options, "pyproject.toml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PATH": "", "UV_CACHE_DIR": str(ROOT / ".cache" / "uv"), "HOME": str(ROOT / ".cache")},
    )
    if "offline" in done.stderr or "cache" in done.stderr or "network" in done.stderr.lower():
        pytest.skip("the packages' metadata is not in .cache/uv (the environment was made without make env)")
    assert done.returncode == 0, done.stderr
    resolved = set(re.findall(r"^([\w.-]+==[\w.]+)", done.stdout, re.M))
    assert resolved == set(re.findall(r"^([\w.-]+==[\w.]+)", LOCK, re.M))


def test_conda_gets_the_same_versions_from_the_same_lock():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    *packages, pip = conda["dependencies"]
    wanted = (ROOT / ".python-version").read_text().strip()
    assert f"python={wanted}" in packages and "pip" in packages
    assert PROJECT["project"]["requires-python"].startswith(f">={wanted}")
    (java,) = [p for p in packages if p.startswith("openjdk=")]
    assert int(java.partition("=")[2]) >= 17
    # the package itself, every version from the lock, and nothing beside them
    assert pip == {"pip": ["--constraint requirements.lock", "--editable .[dev]"]}


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|deb\.debian\.org|registry\.npmjs\.org|repo\.anaconda|index-url ?=? ?http"
)


def test_no_file_names_a_registry_a_machine_or_a_secret():
    home = re.compile(r"/(?:home|Users)/(?!ada\b)\w+/|/root/|/work/")
    found = []
    for path in tracked_files():
        if path.resolve() == Path(__file__).resolve():
            continue  # it holds the patterns
        text = path.read_text(encoding="utf-8", errors="ignore")
        found += [f"{path.name}: {m[0]}" for pattern in (REGISTRY, home) if (m := pattern.search(text))]
        found += scan.secrets([path])
    assert found == []


def test_a_secret_in_a_file_would_be_seen(tmp_path):
    (tmp_path / "notes.md").write_text("\n".join([f"AKIA{'Q' * 16}", f"ghp_{'a' * 36}", f"xoxb-{'1' * 12}"]))
    (tmp_path / "key.pem").write_text("-----BEGIN " + "RSA PRIVATE KEY-----")
    kinds = {line.rpartition(": ")[2] for line in scan.secrets(sorted(tmp_path.iterdir()))}
    assert kinds == {"an AWS key", "a GitHub token", "a Slack token", "a private key"}


def test_the_patterns_of_secrets_stand_in_one_place():
    holders = [p.name for p in tracked_files() if p.suffix == ".py" and "AKIA" + "|" in p.read_text(encoding="utf-8")]
    assert holders == ["scan.py"]


def test_no_tracked_file_is_large():
    assert [p.name for p in tracked_files() if p.stat().st_size > 2 * 2**20] == []
