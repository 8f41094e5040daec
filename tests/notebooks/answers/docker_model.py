"""Answers to the exercises of docker_model: other right ones, and the classic wrong ones with their hints."""

_HEAD = "FROM python:3.12-slim\nWORKDIR /app\n"
_TAIL = 'USER 10001\nCMD ["python", "app.py"]\n'
_PIP = "RUN pip install -r requirements.txt\n"


def _file(middle: str, tail: str = _TAIL) -> str:
    return f"DOCKERFILE = {_HEAD + middle + tail!r}\n"


RIGHT = {
    "docker_model-1": [
        "def intact(folder):\n"
        "    with open(folder / 'model.skops', 'rb') as model:\n"
        "        found = hashlib.file_digest(model, 'sha256').hexdigest()\n"
        "    return found == json.load(open(folder / 'manifest.json')).get('sha256')\n",
    ],
    "docker_model-2": [
        _file(f"COPY requirements.txt ./\n{_PIP}COPY model.skops .\nCOPY app.py .\n"),
        _file(f"COPY requirements.txt .\n{_PIP}USER 10001\nCOPY app.py model.skops ./\n", 'CMD ["python", "app.py"]\n'),
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
    ],
}

WRONG = {
    "docker_model-1": [
        (
            "compares the size",
            "def intact(folder):\n    m = json.loads((folder / 'manifest.json').read_text())\n    return (folder / 'model.skops').stat().st_size == m['bytes']\n",
            "hash the content",
        ),
        (
            "hashes the manifest's own words",
            "def intact(folder):\n    m = json.loads((folder / 'manifest.json').read_text())\n    return len(m['sha256']) == 64\n",
            "hash the content",
        ),
        (
            "reads text",
            "def intact(folder):\n    m = json.loads((folder / 'manifest.json').read_text())\n    t = (folder / 'model.skops').read_text(errors='replace')\n    return hashlib.sha256(t.encode()).hexdigest() == m['sha256']\n",
            "in binary",
        ),
    ],
    "docker_model-2": [
        ("as it was", _file(f"COPY . .\n{_PIP}"), "installs the packages again"),
        ("everything after the RUN", _file(f"{_PIP}COPY . .\n"), "before the RUN"),
        ("forgets the application", _file(f"COPY requirements.txt .\n{_PIP}COPY model.skops .\n"), "no application"),
        (
            "the model before the packages",
            _file(f"COPY requirements.txt model.skops .\n{_PIP}COPY app.py .\n"),
            "new model installs the packages again",
        ),
        (
            "no user",
            _file(f"COPY requirements.txt .\n{_PIP}COPY model.skops app.py .\n", 'CMD ["python", "app.py"]\n'),
            "Every instruction is needed",
        ),
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
    ],
}
