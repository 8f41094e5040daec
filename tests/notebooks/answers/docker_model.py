"""Answers to the exercises of docker_model: other right ones, and the classic wrong ones with their hints."""

_HEAD = "FROM python:3.12-slim\nWORKDIR /app\n"
_TAIL = 'USER 10001\nCMD ["python", "app.py"]\n'
_PIP = "RUN pip install -r requirements.txt\n"
_READ = "    m = json.loads((folder / 'manifest.json').read_text())\n"


def _file(middle: str, tail: str = _TAIL, head: str = _HEAD) -> str:
    return f"DOCKERFILE = {head + middle + tail!r}\n"


RIGHT = {
    "docker_model-1": [
        """
def intact(folder):
    try:
        with open(folder / "model.skops", "rb") as model:
            found = hashlib.file_digest(model, "sha256").hexdigest()
        return found == json.load(open(folder / "manifest.json")).get("sha256")
    except FileNotFoundError:
        return False
""",
        """
def intact(folder):
    digest = hashlib.sha256()
    if {"model.skops", "manifest.json"} - {path.name for path in folder.iterdir()}:
        return False
    with (folder / "model.skops").open("rb") as model:
        while part := model.read(4096):
            digest.update(part)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    return "sha256" in manifest and digest.hexdigest() == manifest["sha256"]
""",
        """
import hmac
import os

def intact(folder):
    model, manifest = os.path.join(folder, "model.skops"), os.path.join(folder, "manifest.json")
    if not all(map(os.path.exists, (model, manifest))):
        return False
    with open(manifest) as text, open(model, "rb") as content:
        said = json.load(text).get("sha256") or ""
        return bool(hmac.compare_digest(said, hashlib.new("sha256", content.read()).hexdigest()))
""",
        """
import subprocess
import sys

def intact(folder):
    try:
        said = json.loads(Path(folder, "manifest.json").read_text())["sha256"]
        return bytes.fromhex(said) == hashlib.sha256(Path(folder, "model.skops").read_bytes()).digest()
    except (OSError, KeyError, ValueError):
        return False
""",
    ],
    "docker_model-2": [
        _file(f"COPY requirements.txt ./\n{_PIP}COPY model.skops .\nCOPY app.py .\n"),
        _file(f"COPY requirements.txt .\n{_PIP}USER 10001\nCOPY app.py model.skops ./\n", 'CMD ["python", "app.py"]\n'),
        _file(f"COPY requirements.txt .\n{_PIP}COPY . .\n"),
        _file(f'COPY ./requirements.txt /app/requirements.txt\n{_PIP}COPY ["app.py", "model.skops", "/app/"]\n'),
        _file(
            f"# first what changes rarely\nCOPY req*.txt .\n{_PIP}\n\nCOPY --chown=10001 *.py /app\nCOPY model.skops /app\n"
        ),
        _file(
            f"{_PIP}COPY model.skops app.py ./\nUSER 10001\n",
            "",
            'FROM python:3.12-slim\nCMD ["python", "app.py"]\nCOPY requirements.txt /app/\nWORKDIR /app\n',
        ),
        'DOCKERFILE = "\\n".join(["from python:3.12-slim", "workdir /app", "copy requirements.txt .",'
        ' "run pip install -r requirements.txt", "copy model.skops \\\\\\n  app.py ./", "user 10001",'
        ' \'cmd ["python", "app.py"]\'])\n',
    ],
    "docker_model-3": [
        "def best_order(steps):\n    return [s['name'] for s in sorted(steps, key=lambda s: -s['seconds'] / s['changes'])]\n",
        """
import itertools
def best_order(steps):
    def cost(row):
        return sum(s["changes"] * sum(t["seconds"] for t in row[i:]) for i, s in enumerate(row))
    return [s["name"] for s in min(itertools.permutations(steps), key=cost)]
""",
        """
from functools import cmp_to_key
def best_order(steps):
    def neighbours(a, b):
        return a["changes"] * b["seconds"] - b["changes"] * a["seconds"]
    return tuple(s["name"] for s in sorted(steps, key=cmp_to_key(neighbours)))
""",
        """
def best_order(steps):
    row = list(steps)
    for _ in row:
        for i in range(len(row) - 1):
            a, b = row[i], row[i + 1]
            if a["changes"] * b["seconds"] > b["changes"] * a["seconds"]:
                row[i], row[i + 1] = b, a
    return [s["name"] for s in row]
""",
        """
import heapq
def best_order(steps):
    heap = [(s["changes"] / s["seconds"], i) for i, s in enumerate(steps)]
    heapq.heapify(heap)
    return [steps[heapq.heappop(heap)[1]]["name"] for _ in steps]
""",
    ],
}

WRONG = {
    "docker_model-1": [
        (
            "compares the size",
            f"def intact(folder):\n{_READ}    return (folder / 'model.skops').stat().st_size == m['bytes']\n",
            "hash the content",
        ),
        (
            "hashes the manifest's own words",
            f"def intact(folder):\n{_READ}    return len(m['sha256']) == 64\n",
            "hash the content",
        ),
        (
            "reads text",
            "def intact(folder):\n    if not (folder / 'model.skops').is_file() or not (folder / 'manifest.json').is_file():\n        return False\n"
            f"{_READ}    t = (folder / 'model.skops').read_text(errors='replace')\n    return hashlib.sha256(t.encode()).hexdigest() == m.get('sha256')\n",
            "in binary",
        ),
        (
            "a missing file raises",
            f"def intact(folder):\n{_READ}    return hashlib.sha256((folder / 'model.skops').read_bytes()).hexdigest() == m.get('sha256')\n",
            "False, not an exception",
        ),
        (
            "a missing model equals a missing hash",
            """
def intact(folder):
    def get(path, how):
        return how(path) if path.is_file() else None
    said = get(folder / "manifest.json", lambda p: json.loads(p.read_text()).get("sha256"))
    return said == get(folder / "model.skops", lambda p: hashlib.sha256(p.read_bytes()).hexdigest())
""",
            "None equals None",
        ),
        (
            "another hash, where the manifest has one",
            """
def intact(folder):
    try:
        said, model = json.loads((folder / "manifest.json").read_text())["sha256"], (folder / "model.skops").read_bytes()
    except (OSError, KeyError):
        return False
    return said in {hashlib.new(name, model).hexdigest() for name in ("sha256", "sha512")}
""",
            "another hash",
        ),
        (
            "the first digits",
            """
def intact(folder):
    try:
        said, model = json.loads((folder / "manifest.json").read_text())["sha256"], (folder / "model.skops").read_bytes()
    except (OSError, KeyError):
        return False
    return bool(said) and hashlib.sha256(model).hexdigest()[:12] == said[:12]
""",
            "last digit",
        ),
        (
            "the first block of the model",
            """
def intact(folder):
    try:
        said = json.loads((folder / "manifest.json").read_text())["sha256"]
        with open(folder / "model.skops", "rb") as model:
            return hashlib.sha256(model.read(65536)).hexdigest() == said
    except (OSError, KeyError):
        return False
""",
            "all of it",
        ),
        (
            "an empty model is none",
            """
def intact(folder):
    try:
        said, model = json.loads((folder / "manifest.json").read_text())["sha256"], (folder / "model.skops").read_bytes()
    except (OSError, KeyError):
        return False
    return bool(model) and hashlib.sha256(model).hexdigest() == said
""",
            "empty file has a hash",
        ),
        (
            "mends the manifest",
            """
def intact(folder):
    try:
        manifest, model = json.loads((folder / "manifest.json").read_text()), (folder / "model.skops").read_bytes()
    except OSError:
        return False
    found = hashlib.sha256(model).hexdigest()
    same = manifest.get("sha256") == found
    (folder / "manifest.json").write_text(json.dumps({**manifest, "sha256": found}))
    return same
""",
            "Leave the folder",
        ),
        ("always yes", "def intact(folder):\n    return True\n", "hash the content"),
        ("says nothing", "def intact(folder):\n    return None\n", "exactly the hash"),
    ],
    "docker_model-2": [
        ("as it was", _file(f"COPY . .\n{_PIP}"), "installs the packages again"),
        ("everything after the RUN", _file(f"{_PIP}COPY . .\n"), "before the RUN"),
        ("forgets the application", _file(f"COPY requirements.txt .\n{_PIP}COPY model.skops .\n"), "no /app/app.py"),
        ("forgets the model", _file(f"COPY requirements.txt .\n{_PIP}COPY app.py .\n"), "no /app/model.skops"),
        (
            "several files to a dot, as the book's first edition had it",
            _file(f"COPY requirements.txt .\n{_PIP}COPY model.skops app.py .\n"),
            "does not build.* end with a /",
        ),
        (
            "the model before the packages",
            _file(f"COPY requirements.txt model.skops ./\n{_PIP}COPY app.py .\n"),
            "new model installs the packages again",
        ),
        (
            "no user",
            _file(f"COPY requirements.txt .\n{_PIP}COPY model.skops app.py ./\n", 'CMD ["python", "app.py"]\n'),
            "Every instruction but COPY is needed",
        ),
        (
            "pip as nobody",
            _file(
                f"COPY requirements.txt .\nUSER 10001\n{_PIP}COPY model.skops app.py ./\n", 'CMD ["python", "app.py"]\n'
            ),
            "may not write",
        ),
        (
            "requirements where pip does not look",
            _file(f"COPY requirements.txt /wheels/\n{_PIP}COPY . .\n"),
            "must lie in its folder",
        ),
        (
            "copied before the folder is chosen",
            _file(f"COPY requirements.txt .\nWORKDIR /app\n{_PIP}COPY . .\n", head="FROM python:3.12-slim\n"),
            "must lie in its folder",
        ),
        (
            "another base",
            _file(f"COPY requirements.txt .\n{_PIP}COPY . .\n", head="FROM python:latest\nWORKDIR /app\n"),
            "word for word",
        ),
        (
            "installs twice",
            _file(f"COPY requirements.txt .\n{_PIP}COPY app.py model.skops ./\n{_PIP}"),
            "installs the packages again",
        ),
        ("a file that is not there", _file(f"COPY requirement.txt .\n{_PIP}COPY . .\n"), "does not build.* context"),
        (
            "the application under another name",
            _file(f"COPY requirements.txt .\n{_PIP}COPY app.py main.py\nCOPY model.skops .\n"),
            "no /app/app.py",
        ),
        ("no text", "DOCKERFILE = ['FROM python:3.12-slim']\n", "Set DOCKERFILE"),
    ],
    "docker_model-3": [
        (
            "rarest first",
            "def best_order(steps):\n    return [s['name'] for s in sorted(steps, key=lambda s: s['changes'])]\n",
            "their ratio",
        ),
        (
            "slowest first",
            "def best_order(steps):\n    return [s['name'] for s in sorted(steps, key=lambda s: -s['seconds'])]\n",
            "their ratio",
        ),
        (
            "as given",
            "def best_order(steps):\n    return [s['name'] for s in steps]\n",
            "changes rarely and takes long",
        ),
        (
            "the other way round",
            "def best_order(steps):\n    return [s['name'] for s in sorted(steps, key=lambda s: -s['changes'] / s['seconds'])]\n",
            "changes rarely and takes long",
        ),
        (
            "the product",
            "def best_order(steps):\n    return [s['name'] for s in sorted(steps, key=lambda s: s['changes'] * s['seconds'])]\n",
            "changes rarely|their ratio",
        ),
        (
            "the difference",
            "def best_order(steps):\n    return [s['name'] for s in sorted(steps, key=lambda s: s['changes'] - s['seconds'])]\n",
            "their ratio",
        ),
        (
            "whole numbers only",
            "def best_order(steps):\n    return [s['name'] for s in sorted(steps, key=lambda s: s['changes'] // s['seconds'])]\n",
            "their ratio",
        ),
        (
            "sorts in place",
            "def best_order(steps):\n    steps.sort(key=lambda s: s['changes'] / s['seconds'])\n    return [s['name'] for s in steps]\n",
            "Leave `steps`",
        ),
        (
            "the steps, not their names",
            "def best_order(steps):\n    return sorted(steps, key=lambda s: s['changes'] / s['seconds'])\n",
            "list of names",
        ),
        (
            "learned by heart",
            "def best_order(steps):\n    return [n for n in ('packages', 'model', 'code') if n in {s['name'] for s in steps}]\n",
            "every name once",
        ),
        (
            "one pass over neighbours",
            """
def best_order(steps):
    row = list(steps)
    for i in range(len(row) - 1):
        if row[i]["changes"] * row[i + 1]["seconds"] > row[i + 1]["changes"] * row[i]["seconds"]:
            row[i], row[i + 1] = row[i + 1], row[i]
    return [s["name"] for s in row]
""",
            "their ratio|changes rarely",
        ),
        (
            "fails without steps",
            "def best_order(steps):\n    first = min(steps, key=lambda s: s['changes'] / s['seconds'])\n"
            "    rest = sorted((s for s in steps if s is not first), key=lambda s: s['changes'] / s['seconds'])\n    return [s['name'] for s in (first, *rest)]\n",
            "No steps|empty",
        ),
    ],
}
