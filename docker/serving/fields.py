"""Input fields that take what JSON says and nothing else.

marshmallow's own are lenient (``"12"`` and ``true`` pass as numbers): good for forms, wrong for a model, which would answer
a question that nobody asked.
"""

from __future__ import annotations

import math
import re
from typing import Any, cast

from apiflask import Schema
from apiflask.fields import Field, Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range
from marshmallow import RAISE, ValidationError

_DIGITS = re.compile(r"-?[0-9]{1,18}", re.ASCII)


class Number(Field):
    """A finite JSON number, not a text and not a truth value."""

    default_error_messages = {"invalid": "must be a number"}  # noqa: RUF012  (marshmallow's own way)

    def _deserialize(self, value, attr, data, **kwargs) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid")
        try:
            number = float(value)
        except OverflowError as error:
            raise self.make_error("invalid") from error
        if not math.isfinite(number):
            raise self.make_error("invalid")
        return number


class Whole(Integer):
    """A JSON integer: 3 and 3.0 are the same number, a text and a truth value are none."""

    def _deserialize(self, value, attr, data, **kwargs) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise self.make_error("invalid")
        return int(value)


class Digits(Integer):
    """An integer in a query, as text: ASCII digits, with a minus where it may be negative (int() also takes ``٧``, ``1_0`` and blanks)."""

    def _deserialize(self, value, attr, data, **kwargs) -> int:
        if not isinstance(value, str) or not _DIGITS.fullmatch(value):
            raise self.make_error("invalid")
        return int(value)


class Text(String):
    """A JSON string that is valid Unicode (JSON can escape half a character, which nothing can encode)."""

    def _deserialize(self, value, attr, data, **kwargs) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValidationError("holds half of a character (a lone surrogate)") from error
        return text


class Strict(Schema):
    """Refuses fields that it doesn't know: a misspelt one must not be ignored in silence."""

    class Meta:
        unknown = RAISE


def input_schema(name: str, properties: dict[str, dict[str, Any]]) -> type[Schema]:
    """A marshmallow schema class from JSON Schema by field; every field is required.

    Knows ``number`` with ``minimum`` and ``maximum``, ``string`` with ``enum``, or with ``minLength`` and ``maxLength``.
    """
    fields = {field: _field(rule) for field, rule in properties.items()}
    return cast("type[Schema]", Strict.from_dict(fields, name=name))


def _field(rule: dict[str, Any]) -> Field:
    about: dict[str, Any] = {"description": rule["description"]} if "description" in rule else {}
    if rule["type"] == "number":
        # apispec knows the limits of marshmallow's own numbers only
        about.update(type="number", minimum=rule["minimum"], maximum=rule["maximum"])
        return Number(required=True, validate=Range(rule["minimum"], rule["maximum"]), metadata=about)
    if "enum" in rule:
        return Text(required=True, validate=OneOf(rule["enum"]), metadata=about)
    return Text(required=True, validate=Length(rule["minLength"], rule["maxLength"]), metadata=about)


def request_schema(name: str, properties: dict[str, dict[str, Any]], most: int) -> type[Schema]:
    """``{"instances": [...]}`` with 1 to ``most`` instances."""
    instances = List(Nested(input_schema(f"{name}Instance", properties)), required=True, validate=Length(1, most))
    return cast("type[Schema]", Strict.from_dict({"instances": instances}, name=f"{name}Request"))
