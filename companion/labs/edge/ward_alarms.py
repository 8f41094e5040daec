"""Alarms on wards, judged: how many a patient-day, how long before the collapse, how many collapses without one, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from companion.datasets.ward import DAY, ROUND, SENSORS, Vitals, Ward
from companion.errors import SettingError
from companion.measure.timing import student

if TYPE_CHECKING:
    from collections.abc import Mapping

BEDS = 20  # a ward: what is drawn again for an interval


class Verdict(NamedTuple):
    """What a rule did on several wards."""

    alarms: np.ndarray  # (wards,) int
    patient_days: np.ndarray  # (wards,)
    lead: (
        np.ndarray
    )  # (events,) minutes from the first alarm that begins within a deterioration to its collapse; 0 without one
    ward: np.ndarray  # (events,) int

    @property
    def per_day(self) -> float:
        """Alarms a patient-day."""
        return float(self.alarms.sum() / self.patient_days.sum())

    @property
    def missed(self) -> int:
        """Deteriorations within which no alarm began."""
        return int((self.lead == 0).sum())


def begins(state: np.ndarray) -> np.ndarray:
    """Where a state (beds, minutes), a bool or a level, rises; the first minute counts as a rise from nothing."""
    levels = state.astype(np.int8)
    return np.diff(levels, axis=1, prepend=np.int8(0)) > 0


def carried(vitals: Vitals, most: int = 15) -> Vitals:
    """Each missing reading is the last known one, for at most ``most`` minutes."""
    minute = np.arange(vitals.pulse.shape[1])

    def fill(values: np.ndarray) -> np.ndarray:
        known = last(~np.isnan(values))
        recent = (known >= 0) & (minute - known <= most)
        return np.where(recent, np.take_along_axis(values, np.maximum(known, 0), axis=1), np.nan)

    return vitals._replace(**{name: fill(getattr(vitals, name)) for name in SENSORS})


def last(where: np.ndarray) -> np.ndarray:
    """The last minute up to each one at which it was so (beds, minutes); -1 if never."""
    minute = np.arange(where.shape[1], dtype=np.int32)
    return np.maximum.accumulate(np.where(where, minute, np.int32(-1)), axis=1)


def lasting(yes: np.ndarray, no: np.ndarray, hold: int) -> np.ndarray:
    """Where it is so, and has been in ``hold`` minutes since it last was not; minutes of neither are not counted."""
    count = np.cumsum(yes, axis=1, dtype=np.int32)
    before = last(no)
    earlier = np.where(before >= 0, np.take_along_axis(count, np.maximum(before, 0), axis=1), 0)
    return yes & (count - earlier >= hold)


def judge(ward: Ward, alarms: np.ndarray) -> Verdict:
    """Judge alarms by the minutes in which they begin (beds, minutes), bool.

    An alarm that began before the onset and is still on has told nobody of what comes now: it does not count for the lead.

    Raises:
        SettingError: the beds are no whole wards.
    """
    beds, minutes = ward.present.shape
    if beds % BEDS or alarms.shape != ward.present.shape:
        raise SettingError(f"whole wards of {BEDS} beds, got {alarms.shape} for {ward.present.shape}")
    counted = (alarms & ward.present).reshape(-1, BEDS * minutes).sum(axis=1)
    lead = [_lead(alarms[event.bed, event.onset : event.collapse]) for event in ward.events]
    days = ward.present.reshape(-1, BEDS * minutes).sum(axis=1) / DAY
    return Verdict(counted, days, np.array(lead, int), np.array([event.bed // BEDS for event in ward.events], int))


def _lead(within: np.ndarray) -> int:
    return len(within) - int(np.argmax(within)) if within.any() else 0


def at_rounds(due: np.ndarray, every: int = ROUND) -> np.ndarray:
    """The calls of a nurse who looks every so many minutes: where a call is due (beds, minutes) when she looks."""
    looked = np.zeros(due.shape[1], bool)
    looked[::every] = True
    return due & looked


def before_collapse(ward: Ward, minutes: int) -> np.ndarray:
    """The last minutes before each collapse (beds, minutes), bool."""
    final = np.zeros(ward.present.shape, bool)
    for event in ward.events:
        final[event.bed, max(0, event.collapse - minutes) : event.collapse] = True
    return final


def gain(verdict: Verdict, rounds: Verdict) -> float:
    """Median over the events of how many minutes earlier than the rounds; a collapse that nobody saw coming has a lead of 0."""
    return float(np.median(verdict.lead - rounds.lead))


def interval(verdict: Verdict, rounds: Verdict, draws: int = 500, seed: int = 0) -> tuple[float, float, float, float]:
    """95 % limits of alarms a patient-day, and of the gain, over wards drawn with replacement: low, high, low, high."""
    rng = np.random.default_rng(seed)
    wards = len(verdict.alarms)
    per_ward = [np.flatnonzero(verdict.ward == ward) for ward in range(wards)]
    earlier = verdict.lead - rounds.lead
    rates, gains = [], []
    for chosen in rng.integers(0, wards, (draws, wards)):
        rates.append(verdict.alarms[chosen].sum() / verdict.patient_days[chosen].sum())
        gains.append(np.median(np.concatenate([earlier[per_ward[ward]] for ward in chosen])))
    return (*np.percentile(rates, [2.5, 97.5]), *np.percentile(gains, [2.5, 97.5]))


def fewer(one: Verdict, other: Verdict) -> tuple[float, float]:
    """By how many alarms a patient-day ``one`` rings less than ``other``, ward by ward: mean, and half its 95 % interval."""
    difference = other.alarms / other.patient_days - one.alarms / one.patient_days
    low, high = student(difference)
    return float(difference.mean()), float(high - low) / 2


def table(verdicts: Mapping[str, Verdict], rounds: Verdict) -> str:
    """A row a rule: alarms a patient-day and gain in minutes with their 95 % limits, and how many were missed."""
    lines = [f"{'':26}{'alarms a day':>14}{'(low, high)':>14}{'gain, min':>11}{'(low, high)':>13}{'missed':>8}"]
    for name, verdict in verdicts.items():
        low, high, worst, best = interval(verdict, rounds)
        alarms = f"{verdict.per_day:14.2f}{f'{low:.1f}, {high:.1f}':>14}"
        lines.append(
            f"{name:26}{alarms}{gain(verdict, rounds):11.0f}{f'{worst:.0f}, {best:.0f}':>13}{verdict.missed:8}"
        )
    return "\n".join(lines)
