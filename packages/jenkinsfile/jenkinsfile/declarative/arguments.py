"""Arguments held against a signature of the reference."""

from __future__ import annotations

from collections.abc import Iterable

from jenkinsfile import vocabulary
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.words import hint, in_words, near_miss
from jenkinsfile.groovy import Call, ListLiteral, Literal, MapLiteral, Node, text_of
from jenkinsfile.vocabulary import Signature

_LARGEST = 2**63 - 1


def check_values(report: Report, arguments: Iterable[Node]) -> None:
    """What no value of an argument can be."""
    for value in arguments:
        if isinstance(value, MapLiteral) and value.named:
            check_values(report, [inner for _, inner in value.entries])
        elif isinstance(value, Call) and value.name == "$" and value.block:
            report.add(value, "${...} can't be a value by itself: put it into double quotes")
        elif isinstance(value, Literal) and isinstance(value.value, int) and not -_LARGEST <= value.value <= _LARGEST:
            report.add(value, f"the number {value.value} is too large: the largest is {_LARGEST}")


def check_keys(report: Report, arguments: Iterable[Node]) -> bool:
    """The names of arguments have to be written out: Jenkins reads them before anything runs. Whether they are."""
    maps = [value for value in arguments if isinstance(value, MapLiteral) and value.named]
    computed = [key for named in maps for key, _ in named.entries if text_of(key) in (None, "*")]
    for key in computed:
        found = "*:" if text_of(key) else in_words(key)
        report.add(key, f"expected the name of an argument in plain words, found {found}")
    return not computed


def check_arguments(
    report: Report,
    call: Call,
    name: str,
    arguments: list[Node],
    signature: Signature,
    block: bool = False,
    single: str | None = None,
) -> None:
    """Hold arguments against a signature: unknown and missing names, too many without a name, wrong kinds."""
    named = arguments[0] if arguments and isinstance(arguments[0], MapLiteral) and arguments[0].named else None
    plain = arguments[1:] if named else arguments
    if named and plain:
        report.add(call, f"{name} can't mix arguments with a name and without")
        return
    if len(plain) > 1:
        report.add(call, f"{name} takes one argument without a name: name them ({', '.join(signature.kinds)})")
        return
    if plain:
        single = single or signature.single or (next(iter(signature.kinds), None) if _lone_flag(signature) else None)
        if single is not None:
            check_kind(report, plain[0], f"{name}", signature.kinds[single])
        elif not block and not isinstance(plain[0], MapLiteral):
            wanted = f": name it ({', '.join(signature.kinds)})" if signature.kinds else ""
            report.add(call, f"{name} takes no argument without a name{wanted}")
        return
    given = checked_names(report, call, name, named, signature)
    if given is not None:
        for required in signature.required:
            if required not in given:
                report.add(call, f"{name} needs {required!r}")


def checked_names(
    report: Report, call: Call, name: str, named: MapLiteral | None, signature: Signature
) -> set[str] | None:
    """The names given, or None when what is missing can't be said."""
    given: set[str] = set()
    for key, value in named.entries if named else ():
        text = text_of(key)
        if text in (None, "*", "$class"):
            return None
        given.add(text)
        if text not in signature.kinds and name in vocabulary.GROWING_STEPS and not near_miss(text, signature.kinds):
            report.note(key, f"{name} is not known to have the argument {text!r}: its plugin may be newer")
            continue
        if text not in signature.kinds:
            report.add(key, f"{name} has no argument {text!r}{hint(text, tuple(signature.kinds))}")
            return None
        check_kind(report, value, f"{text} of {name}", signature.kinds[text])
    return given


def check_kind(report: Report, value: Node, what: str, wanted: str) -> None:
    """A literal of the wrong kind; what is only known in a run is not judged."""
    if isinstance(value, Literal) and value.value is not None:
        given = value.value
        number, flag = isinstance(given, int | float) and not isinstance(given, bool), isinstance(given, bool)
        # Jenkins refuses an Integer and a Boolean where a text is wanted, and takes a Long
        if wanted == "text" and ((type(given) is int and -(2**31) <= given < 2**31) or flag):
            report.add(value, f"{what} takes a string, found {in_words(value)}")
        elif wanted == "int" and not number:
            report.add(value, f"{what} takes a whole number, found {in_words(value)}")
        elif wanted == "unit" and given not in vocabulary.TIME_UNITS:
            meant = hint(str(given), vocabulary.TIME_UNITS)
            report.add(value, f"{what} takes a unit of time, found {given!r}{meant}")
    elif isinstance(value, ListLiteral | MapLiteral) and wanted in ("text", "int", "unit"):
        words = {"text": "a string", "int": "a whole number", "unit": "a unit of time"}
        report.add(value, f"{what} takes {words[wanted]}, found {in_words(value)}")


def _lone_flag(signature: Signature) -> bool:
    """``skipDefaultCheckout true``: one optional flag or number may come without its name."""
    return len(signature.kinds) == 1 and not signature.required


def argument_values(call: Call) -> Iterable[Node]:
    """The values of a call's arguments, with a name or without, and those of a map, which Jenkins takes for named ones."""
    for argument in call.arguments:
        if isinstance(argument, MapLiteral):
            yield from (value for _, value in argument.entries)
        else:
            yield argument
