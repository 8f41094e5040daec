"""What the mutants of a notebook say about its exercises: those that got full marks, and those that are explained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mutation.exercises import Equivalent
from mutation.grading import Graded
from mutation.mutants import Mutant
from mutation.worker import Verdict


@dataclass(frozen=True)
class Report:
    """The verdicts of a notebook's mutants.

    Attributes:
        survivors: those that got full marks, and are not listed as equivalent.
        explained: those that got full marks, and are.
        stale: ``(exercise, change)`` of the list for which no mutant gets full marks.
    """

    notebook: str
    exercises: tuple[str, ...]
    graded: list[tuple[Mutant, Verdict]]
    survivors: list[Mutant]
    explained: list[Mutant]
    stale: list[tuple[str, str]]

    @property
    def fine(self) -> bool:
        """Whether every survivor is explained, and every explanation is of a survivor."""
        return not self.survivors and not self.stale

    def lines(self) -> Iterator[str]:
        """The report as text."""
        for exercise in self.exercises:
            mine = [verdict.outcome for mutant, verdict in self.graded if mutant.exercise == exercise]
            explained = sum(mutant.exercise == exercise for mutant in self.explained)
            survivors = [mutant for mutant in self.survivors if mutant.exercise == exercise]
            caught = len(mine) - mine.count("full marks")
            yield f"{exercise}: {len(mine)} mutants, {caught} caught, {explained} equivalent, {len(survivors)} with full marks"
            for mutant in survivors:
                yield f"  line {mutant.line} ({mutant.operator}): {mutant.change}"
        for exercise, change in self.stale:
            yield f"{exercise}: EQUIVALENT lists what does not get full marks any more: {change}"

    def as_json(self) -> dict[str, Any]:
        """The report as plain data, every mutant with its verdict."""
        survivors = set(self.survivors)
        mutants = [
            {**asdict(mutant), **asdict(verdict), "unexplained": mutant in survivors} for mutant, verdict in self.graded
        ]
        stale = [{"exercise": exercise, "change": change} for exercise, change in self.stale]
        return {"notebook": self.notebook, "mutants": mutants, "stale": stale}


def report(
    notebook: str, exercises: Iterable[str], mutants: Iterable[Mutant], graded: Graded, equivalent: Equivalent
) -> Report:
    """Hold the verdicts against the list of equivalent mutants; of that only these exercises are looked at."""
    exercises = tuple(exercises)
    pairs = list(zip(mutants, graded.verdicts, strict=True))
    alive = [mutant for mutant, verdict in pairs if verdict.outcome == "full marks"]
    explained = [mutant for mutant in alive if mutant.change in equivalent.get(mutant.exercise, {})]
    known = {(mutant.exercise, mutant.change) for mutant in alive}
    listed = [(exercise, change) for exercise in exercises for change in equivalent.get(exercise, {})]
    return Report(
        notebook,
        exercises,
        pairs,
        [mutant for mutant in alive if mutant not in explained],
        explained,
        [entry for entry in listed if entry not in known],
    )
