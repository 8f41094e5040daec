"""The tokens of Groovy 2.4, the version that every Jenkins controller embeds, each with its place in the source."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

from jenkinsfile.errors import GroovySyntaxError

_KEYWORDS = (
    "as assert boolean break byte case catch char class const continue def default do double else enum extends false final "
    "finally float for goto if implements import in instanceof int interface long native new null package private "
    "protected public return short static strictfp super switch synchronized this threadsafe throw throws trait "
    "transient true try void volatile while"
)
KEYWORDS = frozenset(_KEYWORDS.split())
#: longest first, so that the first match is the right one
_OPERATORS = (
    ">>>= <=> ==~ === !== ... ..< **= >>> <<= >>= .& .@ *. ?. ?: .. -> == != <= >= && || ++ -- += -= *= /= %= &= |= ^= =~ ** "
    "<< >> + - * / % & | ^ ! ~ = < > ? : . , ; @ ( ) [ ] { }"
)
_OPERATOR = re.compile("|".join(re.escape(op) for op in _OPERATORS.split()))
_WORD = re.compile(r"[^\W\d][\w$]*|\$[\w$]*")
_NUMBER = re.compile(
    r"0[xX][0-9a-fA-F]+(?:_+[0-9a-fA-F]+)*[gGlLiI]?|0[bB][01]+(?:_+[01]+)*[gGlLiI]?"
    r"|\d+(?:_+\d+)*(?:\.\d+(?:_+\d+)*)?(?:[eE][+-]?\d+)?[gGlLiIfFdD]?"
)
_BLANK = re.compile(r"[ \t\f\r]+|\\\r?\n")
#: what is no part of any quote, escape or interpolation, and can be read at one go
_PLAIN = re.compile(r"[^\\$'\"/\n]+")
_CODED = re.compile(r"\\u+([0-9a-fA-F]{4})|\\([0-3]?[0-7]{1,2})|\\\r\n")
_INTERPOLATED_PATH = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\", "$": "$", "\n": ""}
_CLOSER = {"(": ")", "[": "]", "{": "}"}


class Long(int):
    """A whole number with ``L`` or ``G`` behind it: to Java another type than the plain one."""


@dataclass(slots=True)
class Token:
    """One token.

    Attributes:
        kind: ``word``, ``keyword``, ``number``, ``string``, ``gstring``, ``op``, ``newline`` or ``end``.
        text: as it stands in the source (an operator, a name).
        value: of a string its characters; of a number its value; of an interpolated string its parts, each a text or a
            list of tokens.
        start, end: offsets into the source.
    """

    kind: str
    text: str
    line: int
    column: int
    start: int
    end: int
    value: Any = field(default=None)

    def is_op(self, *texts: str) -> bool:
        """Whether this is one of these operators."""
        return self.kind == "op" and self.text in texts

    def is_word(self, *texts: str) -> bool:
        """Whether this is one of these words, keywords among them; any word when none is given."""
        return self.kind in ("word", "keyword") and (not texts or self.text in texts)


def tokenize(source: str) -> list[Token]:
    """All tokens of a source, the last one of kind ``end``; GroovySyntaxError where there is none to be found."""
    return _Lexer(source).run(inside=None)


class _Lexer:
    def __init__(self, source: str):
        self.source, self.at = source, 0
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", source))]
        if source.startswith("#!"):
            self.at = source.find("\n") if "\n" in source else len(source)

    def place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def error(self, message: str, offset: int) -> GroovySyntaxError:
        return GroovySyntaxError(message, *self.place(offset))

    def token(self, kind: str, start: int, value: Any = None) -> Token:
        return Token(kind, self.source[start : self.at], *self.place(start), start, self.at, value)

    def run(self, inside: int | None) -> list[Token]:
        """Tokens up to the end, or up to the ``}`` that ends an interpolation begun at ``inside``."""
        tokens: list[Token] = []
        open_brackets: list[Token] = []
        while self.at < len(self.source):
            if self.skip_blank():
                continue
            if self.source[self.at] == "\n":
                self.at += 1
                # within round and square brackets a line break means nothing
                if not (open_brackets and open_brackets[-1].text in "(["):
                    tokens.append(self.token("newline", self.at - 1))
                continue
            token = self.next_token(tokens[-1] if tokens else None)
            if inside is not None and token.is_op("}") and not open_brackets:
                tokens.append(Token("end", "", token.line, token.column, token.start, token.start))
                return tokens
            self.match_brackets(token, open_brackets)
            tokens.append(token)
        if inside is not None:
            raise self.error("the interpolation ${ is never closed", inside)
        if open_brackets:
            opening = open_brackets[-1]
            raise self.error(
                f"the file ends, but {opening.text!r} of line {opening.line} is never closed", len(self.source)
            )
        tokens.append(self.token("end", len(self.source)))
        return tokens

    def match_brackets(self, token: Token, open_brackets: list[Token]) -> None:
        if token.is_op("(", "[", "{"):
            open_brackets.append(token)
        elif token.is_op(")", "]", "}"):
            if not open_brackets:
                raise self.error(f"{token.text!r} closes nothing", token.start)
            opening = open_brackets.pop()
            if _CLOSER[opening.text] != token.text:
                raise self.error(
                    f"{token.text!r} where {_CLOSER[opening.text]!r} has to close {opening.text!r} of line {opening.line}",
                    token.start,
                )

    def skip_blank(self) -> bool:
        if match := _BLANK.match(self.source, self.at):
            self.at = match.end()
        elif self.source.startswith("//", self.at):
            end = self.source.find("\n", self.at)
            self.at = len(self.source) if end < 0 else end
        elif self.source.startswith("/*", self.at):
            end = self.source.find("*/", self.at + 2)
            if end < 0:
                raise self.error("the comment /* is never closed", self.at)
            self.at = end + 2
        else:
            return False
        return True

    def next_token(self, previous: Token | None) -> Token:
        start, rest = self.at, self.source
        if rest[start] in "'\"" or (rest.startswith(("/", "$/"), start) and _begins_an_operand(previous)):
            return self.string()
        if match := _WORD.match(rest, start):
            self.at = match.end()
            return self.token("keyword" if match[0] in KEYWORDS else "word", start)
        if match := _NUMBER.match(rest, start):
            return self.number(match[0], start)
        if match := _OPERATOR.match(rest, start):
            self.at = match.end()
            return self.token("op", start)
        raise self.error(f"unexpected character {rest[start]!r}", start)

    def number(self, text: str, start: int) -> Token:
        self.at = start + len(text)
        digits = text.rstrip("gGlLiIfFdD") if text[:2] not in ("0x", "0X") else text.rstrip("gGlLiI")
        plain = digits.replace("_", "")
        hexadecimal = plain.lower().startswith("0x")
        if not hexadecimal and (re.search(r"[.eE]", plain) or text[-1] in "fFdD"):
            return self.token("number", start, float(plain))
        octal = re.fullmatch(r"0[0-7]+", plain)
        value = int(plain, 8) if octal else int(plain) if plain.isdigit() else int(plain, 0)
        return self.token("number", start, Long(value) if text[-1] in "gGlL" else value)

    def string(self) -> Token:
        start = self.at
        for quote in ("'''", '"""', "'", '"', "$/", "/"):
            if self.source.startswith(quote, start):
                break
        self.at += len(quote)
        closing = "/$" if quote == "$/" else quote
        parts: list[str | list[Token]] = [""]
        while not self.source.startswith(closing, self.at):
            if self.at >= len(self.source) or (len(quote) == 1 and quote != "/" and self.source[self.at] == "\n"):
                raise self.error(f"the string that begins here with {quote} is never closed", start)
            self.string_piece(quote, parts)
        self.at += len(closing)
        if len(parts) == 1:
            return self.token("string", start, parts[0])
        return self.token("gstring", start, [part for part in parts if part != ""])

    def string_piece(self, quote: str, parts: list[str | list[Token]]) -> None:
        """Read some plain characters, one escape or one interpolation of a string."""
        char, after = self.source[self.at], self.source[self.at + 1 : self.at + 2]
        if char == "\\" and quote != "$/":
            _extend(parts, self.escape(quote, after))
        elif quote == "$/" and char == "$" and after in ("$", "/"):
            _extend(parts, after)
            self.at += 2
        elif char == "$" and "'" not in quote:
            self.interpolation(quote, after, parts)
        else:
            plain = _PLAIN.match(self.source, self.at)
            text = plain[0] if plain else char
            _extend(parts, text)
            self.at += len(text)

    def escape(self, quote: str, after: str) -> str:
        start = self.at
        if quote == "/":  # only the slash itself is escaped
            self.at += 2 if after == "/" else 1
            return "/" if after == "/" else "\\"
        if match := _CODED.match(self.source, start):
            self.at = match.end()
            return chr(int(match[1], 16)) if match[1] else chr(int(match[2], 8)) if match[2] else ""
        if after not in _ESCAPES:
            raise self.error(f"\\{after} is no escape: write \\\\{after} for a backslash", start)
        self.at += 2
        return _ESCAPES[after]

    def interpolation(self, quote: str, after: str, parts: list[str | list[Token]]) -> None:
        start = self.at
        if after == "{":
            self.at += 2
            inner = self.run(inside=start)
            parts += [inner, ""]
        elif match := _INTERPOLATED_PATH.match(self.source, start + 1):
            self.at = start + 1
            inner = self.path_tokens(match[0])
            parts += [inner, ""]
        elif quote in ("/", "$/"):
            _extend(parts, "$")
            self.at += 1
        else:
            raise self.error(
                "after a dollar sign in double quotes comes a name or {: write \\$ for the sign itself", start
            )

    def path_tokens(self, path: str) -> list[Token]:
        """``a.b.c`` of ``"$a.b.c"`` as tokens."""
        tokens: list[Token] = []
        for name in path.split("."):
            if tokens:
                self.at += 1
                tokens.append(self.token("op", self.at - 1))
            start = self.at
            self.at += len(name)
            tokens.append(self.token("word", start))
        tokens.append(Token("end", "", *self.place(self.at), self.at, self.at))
        return tokens


def _extend(parts: list[str | list[Token]], text: str) -> None:
    """Add to the text that ends the parts of a string."""
    last = parts[-1]
    assert isinstance(last, str)
    parts[-1] = last + text


def _begins_an_operand(previous: Token | None) -> bool:
    """Whether a slash after this token begins a string; else it divides."""
    if previous is None or previous.kind == "newline":
        return True
    if previous.kind == "op":
        return previous.text not in (")", "]", "}", "++", "--")
    return previous.kind == "keyword" and previous.text not in ("this", "super", "true", "false", "null", "class")
