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
        """
from contextlib import ExitStack
import mmap

class Manifest:
    def __init__(self, folder):
        self.folder = Path(folder)

    @property
    def said(self):
        return json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))["sha256"]

    @property
    def found(self):
        with ExitStack() as stack:
            file = stack.enter_context(open(self.folder / "model.skops", "rb"))
            if not self.folder.joinpath("model.skops").stat().st_size:
                return hashlib.sha256().hexdigest()
            return hashlib.sha256(stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))).hexdigest()

def intact(folder):
    try:
        return Manifest(folder).said == Manifest(folder).found
    except (OSError, KeyError):
        return False
""",
        """
def blocks(path):
    with open(path, "rb") as file:
        yield from iter(lambda: file.read(1000), b"")

def intact(folder):
    names = {entry.name: entry for entry in Path(folder).glob("*") if entry.is_file()}
    match names:
        case {"model.skops": model, "manifest.json": manifest}:
            digest = hashlib.sha256()
            for block in blocks(model):
                digest.update(block)
            match json.loads(manifest.read_text()):
                case {"sha256": str(said)}:
                    return said == digest.hexdigest()
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
        _file(f"COPY [r]*.txt .\n{_PIP}COPY [am]*.* ./\n"),
        _file(f'COPY ["requirements.txt", "."]\n{_PIP}COPY --chown=10001:10001 . /app/\n'),
        "import textwrap\nDOCKERFILE = textwrap.dedent('''\n    # syntax: any builder\n    FROM   python:3.12-slim\n    WORKDIR /app\n"
        "    COPY requirements.txt requirements.txt\n    RUN pip install \\\\\n        -r requirements.txt\n    COPY app.py app.py\n"
        '    COPY model.skops model.skops\n    CMD ["python", "app.py"]\n    USER 10001\n\'\'\')\n',
        f"DOCKERFILE = {(_HEAD + 'COPY requirements.txt .' + chr(10) + _PIP + 'COPY . .' + chr(10) + _TAIL).replace(chr(10), chr(13) + chr(10))!r}\n",
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
        """
from fractions import Fraction
def best_order(steps):
    left, order = [dict(s) for s in steps], []
    while left:
        first = min(left, key=lambda s: Fraction(s["changes"]) / Fraction(s["seconds"]))
        left.remove(first)
        order.append(first["name"])
    return order
""",
        """
import pandas as pd
def best_order(steps):
    if not steps:
        return []
    table = pd.DataFrame(steps)
    return table.loc[(table["seconds"] / table["changes"]).sort_values(ascending=False).index, "name"].tolist()
""",
        """
def best_order(steps):
    if len(steps) < 2:
        return [s["name"] for s in steps]
    half = len(steps) // 2
    a, b = best_order(steps[:half]), best_order(steps[half:])
    ratio = {s["name"]: s["changes"] / s["seconds"] for s in steps}
    row = []
    while a and b:
        row.append(a.pop(0) if ratio[a[0]] <= ratio[b[0]] else b.pop(0))
    return row + a + b
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
            "last digit|whole hash",
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
        (
            "the hash anywhere in the manifest",
            """
def intact(folder):
    try:
        said, model = (folder / "manifest.json").read_text(), (folder / "model.skops").read_bytes()
    except OSError:
        return False
    return hashlib.sha256(model).hexdigest() in said
""",
            "only the one under sha256|whole hash",
        ),
        (
            "the beginning of a hash",
            """
def intact(folder):
    try:
        said, model = json.loads((folder / "manifest.json").read_text())["sha256"], (folder / "model.skops").read_bytes()
    except (OSError, KeyError):
        return False
    return bool(said) and hashlib.sha256(model).hexdigest().startswith(said)
""",
            "not its beginning",
        ),
        (
            "as many bytes as the manifest says",
            """
def intact(folder):
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        with open(folder / "model.skops", "rb") as model:
            return hashlib.sha256(model.read(manifest.get("bytes", -1))).hexdigest() == manifest["sha256"]
    except (OSError, KeyError):
        return False
""",
            "added at its end",
        ),
        (
            "remembers what it found",
            """
from functools import lru_cache

@lru_cache
def intact(folder):
    try:
        said, model = json.loads((folder / "manifest.json").read_text())["sha256"], (folder / "model.skops").read_bytes()
    except (OSError, KeyError):
        return False
    return hashlib.sha256(model).hexdigest() == said
""",
            "changed since the last call",
        ),
        (
            "exactly one file missing",
            """
def intact(folder):
    model, manifest = folder / "model.skops", folder / "manifest.json"
    if model.is_file() != manifest.is_file():
        return False
    return hashlib.sha256(model.read_bytes()).hexdigest() == json.loads(manifest.read_text()).get("sha256")
""",
            "empty folder",
        ),
        (
            "a list of what is wrong",
            """
def intact(folder):
    try:
        said, model = json.loads((folder / "manifest.json").read_text())["sha256"], (folder / "model.skops").read_bytes()
    except (OSError, KeyError):
        return ["a file is missing"]
    return [] if hashlib.sha256(model).hexdigest() == said else ["another hash"]
""",
            "exactly the hash",
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
        (
            "a flag that only BuildKit knows",
            _file(f"COPY requirements.txt .\n{_PIP}COPY --link app.py model.skops ./\n"),
            "does not build.* knows no --link",
        ),
        (
            "the packages from a mount",
            _file(
                "RUN --mount=type=bind,source=requirements.txt,target=requirements.txt pip install -r requirements.txt\nCOPY . .\n"
            ),
            "requirements.txt must lie|before the RUN",
        ),
        (
            "two stages",
            _file(f"COPY requirements.txt .\n{_PIP}FROM python:3.12-slim\nWORKDIR /app\nCOPY app.py model.skops ./\n"),
            "must still be installed|word for word",
        ),
        (
            "another command for pip",
            _file("COPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\nCOPY . .\n"),
            "word for word",
        ),
        (
            "ADD for COPY",
            _file(f"ADD requirements.txt .\n{_PIP}ADD app.py model.skops ./\n"),
            "Every instruction but COPY",
        ),
        (
            "the folder chosen last",
            _file(f"COPY requirements.txt .\n{_PIP}COPY . .\n", 'USER 10001\nWORKDIR /srv\nCMD ["python", "app.py"]\n'),
            "word for word|no /app/app.py",
        ),
        (
            "the model into a folder of its own",
            _file(f"COPY requirements.txt .\n{_PIP}COPY app.py .\nCOPY model.skops model/\n"),
            "no /app/model.skops",
        ),
        (
            "a pattern that takes the application, too",
            _file(f"COPY [ar]*.* ./\n{_PIP}COPY model.skops .\n"),
            "app.py installs the packages again",
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
            "the ratio, to two digits",
            "def best_order(steps):\n    return [s['name'] for s in sorted(steps, key=lambda s: round(s['changes'] / s['seconds'], 2))]\n",
            "their ratio",
        ),
        (
            "writes the ratio into the steps",
            "def best_order(steps):\n    for s in steps:\n        s['ratio'] = s['changes'] / s['seconds']\n    return [s['name'] for s in sorted(steps, key=lambda s: s['ratio'])]\n",
            "Leave `steps`",
        ),
        (
            "one name a ratio",
            "def best_order(steps):\n    by_ratio = {s['changes'] / s['seconds']: s['name'] for s in steps}\n    return [by_ratio[r] for r in sorted(by_ratio)]\n",
            "every name once",
        ),
        (
            "the first call's answer for ever",
            "KNOWN = []\ndef best_order(steps):\n    if not KNOWN:\n        KNOWN.extend(s['name'] for s in sorted(steps, key=lambda s: s['changes'] / s['seconds']))\n    return KNOWN\n",
            "every name once",
        ),
        (
            "the notebook's own week",
            "def best_order(steps):\n    return [s['name'] for s in sorted(week, key=lambda s: s['changes'] / s['seconds'])]\n",
            "every name once|NameError|week",
        ),
        (
            "forgets the last one",
            "def best_order(steps):\n    row = sorted(steps, key=lambda s: s['changes'] / s['seconds'])\n    return [a['name'] for a, b in zip(row, row[1:])]\n",
            "every name once",
        ),
        (
            "an iterator",
            "def best_order(steps):\n    return map(lambda s: s['name'], sorted(steps, key=lambda s: s['changes'] / s['seconds']))\n",
            "list of names",
        ),
        (
            "fails without steps",
            "def best_order(steps):\n    first = min(steps, key=lambda s: s['changes'] / s['seconds'])\n"
            "    rest = sorted((s for s in steps if s is not first), key=lambda s: s['changes'] / s['seconds'])\n    return [s['name'] for s in (first, *rest)]\n",
            "No steps|empty",
        ),
    ],
}
