"""Words that the reference does not know: what only a controller can know is not judged."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jenkinsfile import vocabulary
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.words import near_miss
from jenkinsfile.groovy import Call
from jenkinsfile.vocabulary import Signature


def core(table: Mapping[str, Signature | None]) -> tuple[str, ...]:
    """The words of a table whose arguments are known: those that every controller has."""
    return tuple(name for name, signature in table.items() if signature is not None)


def report_unknown(report: Report, call: Call, what: str, name: str, known: Collection[str], where: str = "") -> None:
    """A word that is in no table: a fault where it is a slip or stands in the wrong section, else a note.

    Args:
        what: the kind of word, as in ``vocabulary.MISPLACED``.
        known: the words that every controller has in this place.
        where: how the sentence begins; "there is" where nothing is given.
    """
    sentence = f"{where or 'there is'} no {what} {name!r}"
    if place := vocabulary.MISPLACED[what].get(name):
        report.add(call, f"{sentence}: {name} {place}")
    elif meant := near_miss(name, known):
        report.add(call, f"{sentence}, did you mean {meant!r}?")
    else:
        report.note(call, f"the {what} {name!r} is not known here: a plugin of the controller may define it")
