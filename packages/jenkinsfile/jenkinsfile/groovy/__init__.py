"""A parser of Groovy 2.4, the version that every Jenkins controller embeds: a source becomes a tree, each node with its place.

By recursive descent over ``jenkinsfile.tokens``. The tree has the shape that Jenkins's own validator looks at: a
command such as ``sh 'make'`` is a ``Call``, named arguments come first as one ``MapLiteral``, a trailing block is the last
argument. Groovy's own parser (Debian's package groovy) and a published grammar (PyPI's groovy-parser) are the outside check:
see ``tests/test_lint.py``.

The modules from the smallest piece to the largest: ``nodes``, ``cursor``, ``typenames``, ``arguments``, ``values``,
``expressions``, ``declarations``, ``statements``. A function ``read_X`` takes an X and returns it, ``skip_X`` and ``step_to_X``
only move, ``X_follows`` only looks.
"""

from __future__ import annotations

from jenkinsfile.errors import GroovySyntaxError
from jenkinsfile.groovy.cursor import Cursor, Grammar
from jenkinsfile.groovy.declarations import read_class_body
from jenkinsfile.groovy.expressions import read_expression
from jenkinsfile.groovy.nodes import (
    ASSIGNMENTS,
    Binary,
    Call,
    Closure,
    Declaration,
    GString,
    Index,
    ListLiteral,
    Literal,
    MapLiteral,
    Name,
    New,
    Node,
    Property,
    Script,
    Statement,
    Ternary,
    Unary,
    text_of,
    walk,
)
from jenkinsfile.groovy.statements import read_statements
from jenkinsfile.groovy.values import read_primary
from jenkinsfile.tokens import tokenize

__all__ = [
    "ASSIGNMENTS",
    "Binary",
    "Call",
    "Closure",
    "Declaration",
    "GString",
    "GroovySyntaxError",
    "Index",
    "ListLiteral",
    "Literal",
    "MapLiteral",
    "Name",
    "New",
    "Node",
    "Property",
    "Script",
    "Statement",
    "Ternary",
    "Unary",
    "parse",
    "text_of",
    "walk",
]

_GRAMMAR = Grammar(read_primary, read_expression, read_statements, read_class_body)


def parse(source: str) -> Script:
    """The tree of a source; GroovySyntaxError says what is wrong and where."""
    try:
        cursor = Cursor(tokenize(source), _GRAMMAR)
        script = Script(1, 1, 0, len(source), read_statements(cursor, top=True))
        for _ in walk(script):  # whoever reads the tree needs the depth as well
            pass
    except RecursionError:
        raise GroovySyntaxError("the source is nested too deeply to be read", 1, 1) from None
    return script
