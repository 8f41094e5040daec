"""The house: arrows run one way, in no circle, past no private door, and no module outgrows its reader.

Read off the source of every product module (the library, the services in docker/, the Jenkinsfile reader, the scripts), and
shown to notice: each rule meets a small house in which it is broken.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest

from companion import checkout

LINES, METHODS = 400, 20
#: what a docstring's line begins with that gives a reason to be longer
REASON = "Long because "

#: floors of the library, from the ground up: arrows go down. Rooms of one floor know nothing of each other
FLOORS = (
    ("errors", "this_run", "tree", "workspace", "checkout", "book", "chapter", "quiet", "interrupts", ""),
    ("processes", "draw"),
    ("measure",),  # a load waits as a process does
    ("engines", "datasets", "simulate", "configs"),
    ("labs",),
    ("grading", "check"),  # what nbgrader and the command call, never a notebook
    ("__main__",),
)
#: what else may be imported: from a service's training the data that it trains on, from a lab the services that it runs
MAY = {
    "services": {"serving"},
    "training": {"serving", "companion.datasets"},
    "labs": {"serving", "recommender", "model_server", "nlp_service", "jenkinsfile"},
}


@dataclass
class Module:
    """A module: its name as one imports it, and what its source says."""

    name: str
    path: Path
    root: str  # "companion", "docker", "packages", "scripts"
    tree: ast.Module = field(repr=False)
    lines: int = 0

    @property
    def room(self) -> str:
        """``companion.engines``, ``companion.labs.edge``; elsewhere the package."""
        parts = self.name.split(".")
        depth = {"companion": 3 if parts[1:2] == ["labs"] else 2}.get(self.root, 1)
        return ".".join(parts[:depth])

    @property
    def floor(self) -> int | None:
        """The number of its floor from the ground up; None where no floor names its room."""
        part = self.name.partition(".")[2].partition(".")[0]
        return next((number for number, rooms in enumerate(FLOORS) if part in rooms), None)


@dataclass
class House:
    """Every product module below a checkout."""

    root: Path

    @cached_property
    def modules(self) -> dict[str, Module]:
        found = {}
        for root, folder, pattern in (
            ("companion", self.root, "companion/**/*.py"),
            ("docker", self.root / "docker", "*/**/*.py"),
            ("packages", self.root / "packages/jenkinsfile", "jenkinsfile/**/*.py"),
            ("scripts", self.root / "scripts", "*.py"),
        ):
            for path in sorted(folder.glob(pattern)):
                parts = path.relative_to(folder).with_suffix("").parts
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                text = path.read_text(encoding="utf-8")
                found[name] = Module(name, path, root, ast.parse(text), len(text.splitlines()))
        return found

    @cached_property
    def imports(self) -> dict[str, dict[str, int]]:
        """By module, the product modules that it imports, also late ones, with the line; not those for types alone."""
        return {name: dict(self._imports(module)) for name, module in self.modules.items()}

    def _imports(self, module: Module) -> Iterator[tuple[str, int]]:
        for node in _without_types(module.tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = self.base(module, node)
                names = [f"{base}.{alias.name}" for alias in node.names]
            else:
                continue
            for name in names:
                target = self.nearest(name)
                if target and target != module.name:
                    yield target, node.lineno

    def base(self, module: Module, node: ast.ImportFrom) -> str:
        """The module that ``from X import`` names, the dots of a relative one resolved."""
        if not node.level:
            return node.module or ""
        parts = module.name.split(".")
        parts = parts[: len(parts) - node.level + (module.path.name == "__init__.py")]
        return ".".join([*parts, node.module or ""]).rstrip(".")

    def nearest(self, name: str) -> str | None:
        """The module that a dotted name is, or is something of."""
        while name and name not in self.modules:
            name = name.rpartition(".")[0]
        return name or None


def _without_types(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those under ``if TYPE_CHECKING:``, which no run ever sees."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield other
                yield from _without_types(other)
            continue
        yield node
        yield from _without_types(node)


# The rules: each gives what it has to complain about


def circles(house: House) -> list[str]:
    """Modules that import each other, directly or round about, each circle once."""
    found, done = [], set()

    def walk(name: str, way: list[str]) -> None:
        if name in way:
            circle = way[way.index(name) :]
            first = circle.index(min(circle))
            found.append(" -> ".join([*circle[first:], *circle[:first], circle[first]]))
            return
        if name in done:
            return
        for target in house.imports[name]:
            walk(target, [*way, name])
        done.add(name)

    for name in house.modules:
        walk(name, [])
    return sorted(set(found))


def wrong_arrows(house: House) -> list[str]:
    """Imports that go up, or to a neighbour, or out of a house of its own; and modules of the library in no room at all."""
    library = [module for module in house.modules.values() if module.root == "companion"]
    if homeless := [f"{module.name} lies in no room that FLOORS names" for module in library if module.floor is None]:
        return homeless
    return [
        f"{name}:{line} imports {target}"
        for name, targets in house.imports.items()
        for target, line in targets.items()
        if not _may(house.modules[name], house.modules[target])
    ]


def _may(one: Module, other: Module) -> bool:
    if one.room == other.room:
        return True
    if one.root == "companion":
        if other.root == "companion":
            return other.floor < one.floor or (one.floor == other.floor == 0)
        return one.floor >= FLOORS.index(("labs",)) and other.room in MAY["labs"]
    if one.root == "docker":
        return other.room in MAY["training" if one.name.endswith(".train") else "services"]
    return one.root == "scripts"  # the maintainer's tools stand outside, and may see everything


def private_doors(house: House) -> list[str]:
    """Names with an underscore that are taken out of another room."""
    return [fault for module in house.modules.values() for fault in _private_doors(house, module)]


def _private_doors(house: House, module: Module) -> Iterator[str]:
    aliases: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            base = house.base(module, node)
            taken = [(f"{base}.{alias.name}", alias.asname or alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            taken = [(alias.name, alias.asname or alias.name.partition(".")[0]) for alias in node.names]
        else:
            continue
        for name, alias in taken:
            target = house.nearest(name)
            if target is None or house.modules[target].room == module.room:
                continue
            if any(_is_private(part) for part in name.split(".")):
                yield f"{module.name}:{node.lineno} takes {name}"
            elif name in house.modules:
                aliases[alias] = name
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
            continue
        if _is_private(node.attr) and node.value.id in aliases:
            yield f"{module.name}:{node.lineno} takes {aliases[node.value.id]}.{node.attr}"


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def too_long(house: House) -> list[str]:
    """Modules and classes beyond the size that one reads in a sitting, without a reason in their docstring."""
    found = []
    for module in house.modules.values():
        if module.lines > LINES and not _has_reason(module.tree):
            found.append(f"{module.name} has {module.lines} lines")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                methods = sum(isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) for child in node.body)
                if methods > METHODS and not _has_reason(node):
                    found.append(f"{module.name}.{node.name} has {methods} methods")
    return found


def _has_reason(node: ast.Module | ast.ClassDef) -> bool:
    return any(line.startswith(REASON) for line in (ast.get_docstring(node) or "").splitlines())


RULES = (circles, wrong_arrows, private_doors, too_long)


# The house as it stands


@pytest.fixture(scope="module")
def house() -> House:
    return House(checkout.root())


def test_every_product_module_is_looked_at(house):
    roots = {module.root for module in house.modules.values()}
    assert roots == {"companion", "docker", "packages", "scripts"} and len(house.modules) > 80
    assert {"companion.processes.server", "serving.web", "jenkinsfile.tokens", "deploy"} <= set(house.modules)
    assert sum(map(len, house.imports.values())) > 100


def test_no_modules_import_each_other(house):
    assert circles(house) == []


def test_arrows_run_one_way(house):
    assert wrong_arrows(house) == []


def test_no_room_takes_what_is_private_to_another(house):
    assert private_doors(house) == []


def test_no_module_and_no_class_outgrows_its_reader(house):
    assert too_long(house) == []


def test_to_import_the_package_is_to_import_nothing_else():
    """Neither an engine's client nor NumPy: beside itself only what Python brings."""
    code = "import sys; before = set(sys.modules); import companion; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    others = {name.partition(".")[0] for name in done.stdout.split()} - set(sys.stdlib_module_names)
    assert others == {"companion"}


# Houses in which something is wrong


def built(root: Path, files: dict[str, str]) -> House:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return House(root)


#: what is planted: files, the rule that must notice, and what it says
PLANTED = {
    "a circle": (
        {"companion/simulate/a.py": "from companion.simulate import b", "companion/simulate/b.py": "import companion.simulate.a"},
        circles, "companion.simulate.a -> companion.simulate.b -> companion.simulate.a",
    ),
    "a circle of three, one of them late": (
        {"companion/a.py": "import companion.b", "companion/b.py": "from . import c", "companion/c.py": "def f():\n    from companion.a import x"},
        circles, "companion.a -> companion.b -> companion.c -> companion.a",
    ),
    "up": ({"companion/processes/a.py": "from companion.engines import redis", "companion/engines/redis.py": ""}, wrong_arrows, "companion.processes.a:1 imports companion.engines.redis"),
    "up, late": ({"companion/errors.py": "def f():\n    import companion.draw", "companion/draw.py": ""}, wrong_arrows, "companion.errors:2 imports companion.draw"),
    "to a neighbour": ({"companion/simulate/a.py": "import companion.configs.sql", "companion/configs/sql.py": ""}, wrong_arrows, "companion.simulate.a:1 imports companion.configs.sql"),
    "to another unit's lab": ({"companion/labs/edge/a.py": "import companion.labs.monitoring.b", "companion/labs/monitoring/b.py": ""}, wrong_arrows, "companion.labs.edge.a:1 imports companion.labs.monitoring.b"),
    "to the command": ({"companion/labs/edge/a.py": "import companion.__main__", "companion/__main__.py": ""}, wrong_arrows, "companion.labs.edge.a:1 imports companion.__main__"),
    "out of the library": ({"companion/engines/a.py": "import serving.web", "docker/serving/web.py": ""}, wrong_arrows, "companion.engines.a:1 imports serving.web"),
    "out of the Jenkinsfile reader": ({"packages/jenkinsfile/jenkinsfile/a.py": "from companion.errors import X", "companion/errors.py": ""}, wrong_arrows, "jenkinsfile.a:1 imports companion.errors"),
    "out of a service": ({"docker/recommender/ranking/a.py": "import companion.datasets.shop", "companion/datasets/shop.py": ""}, wrong_arrows, "recommender.ranking.a:1 imports companion.datasets.shop"),
    "out of a training, too far": ({"docker/model_server/train.py": "import companion.engines", "companion/engines/__init__.py": ""}, wrong_arrows, "model_server.train:1 imports companion.engines"),
    "from service to service": ({"docker/recommender/a.py": "import nlp_service.service", "docker/nlp_service/service.py": ""}, wrong_arrows, "recommender.a:1 imports nlp_service.service"),
    "to the scripts": ({"companion/labs/edge/a.py": "import deploy", "scripts/deploy.py": ""}, wrong_arrows, "companion.labs.edge.a:1 imports deploy"),
    "a loose module": ({"companion/store_room.py": ""}, wrong_arrows, "companion.store_room lies in no room that FLOORS names"),
    "a private name": ({"companion/engines/a.py": "from companion.processes.b import _x", "companion/processes/b.py": ""}, private_doors, "companion.engines.a:1 takes companion.processes.b._x"),
    "a private module": ({"scripts/a.py": "import companion._b", "companion/_b.py": ""}, private_doors, "a:1 takes companion._b"),
    "a private attribute": ({"companion/engines/a.py": "from companion.processes import b as c\nc._x()", "companion/processes/b.py": ""}, private_doors, "companion.engines.a:2 takes companion.processes.b._x"),
    "a long module": ({"companion/a.py": "x = 1\n" * 401}, too_long, "companion.a has 401 lines"),
    "a large class": ({"docker/serving/a.py": "class A:\n" + "".join(f"    def m{i}(self): ...\n" for i in range(21))}, too_long, "serving.a.A has 21 methods"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "rule", "fault"), PLANTED.values(), ids=PLANTED)
def test_what_is_planted_is_noticed(tmp_path, files, rule, fault):
    assert rule(built(tmp_path, files)) == [fault]


#: what is allowed, and must stay so
ALLOWED = {
    "down": {"companion/labs/edge/a.py": "import companion.engines.b", "companion/engines/b.py": "from companion.errors import X", "companion/errors.py": ""},
    "within a room": {"companion/engines/a.py": "from companion.engines.b import _x", "companion/engines/b.py": ""},
    "on the ground": {"companion/workspace.py": "from companion import checkout", "companion/checkout.py": ""},
    "for types alone": {"companion/draw.py": "if TYPE_CHECKING:\n    from companion.measure import Law", "companion/measure.py": "import companion.errors", "companion/errors.py": ""},
    "a lab and its services": {"companion/labs/edge/a.py": "import recommender.b, jenkinsfile", "docker/recommender/b.py": "import serving", "docker/serving/__init__.py": "", "packages/jenkinsfile/jenkinsfile/__init__.py": ""},
    "a training and its data": {"docker/nlp_service/train.py": "from companion.datasets import names", "companion/datasets/names.py": ""},
    "scripts": {"scripts/a.py": "import companion.engines, serving, b", "scripts/b.py": "", "companion/engines/__init__.py": "", "docker/serving/__init__.py": ""},
    "a reason": {"companion/draw.py": '"""A.\n\nLong because a table is read in one piece.\n"""\n' + "x = 1\n" * 401},
    "a class with a reason": {"companion/draw.py": 'class A:\n    """A.\n\n    Long because Groovy has as many constructs.\n    """\n' + "".join(f"    def m{i}(self): ...\n" for i in range(21))},
    "just so long": {"companion/draw.py": "x = 1\n" * 400, "scripts/b.py": "class A:\n" + "".join(f"    def m{i}(self): ...\n" for i in range(20))},
}  # fmt: skip


@pytest.mark.parametrize("files", ALLOWED.values(), ids=ALLOWED)
def test_what_is_allowed_is_let_be(tmp_path, files):
    house = built(tmp_path, files)
    assert [fault for rule in RULES for fault in rule(house)] == []
