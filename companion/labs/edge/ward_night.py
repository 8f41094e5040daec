"""A night on the ward: readings go to an edge program minute by minute, while its cloud goes down and comes back and somebody kills it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from companion.datasets.ward import Vitals
from companion.labs.edge import cloud as cloud_service
from companion.labs.edge import ward_store


class Edge(Protocol):
    """What the night needs of a supervised edge program."""

    at_start: list[int]

    def minute(self, minute: int, vitals: Vitals) -> Any: ...
    def stop(self) -> None: ...


class Night(NamedTuple):
    """What is known the next morning."""

    minutes: range
    answers: list[Any]  # the edge's answer to each minute; None: nobody answered
    at_start: list[int]  # the levels of all beds when the program last started
    stored: list[dict]  # the cloud's events, in the order of their coming
    resent: list[dict]  # the same after every one of them was sent again

    def answer(self, minute: int) -> Any:
        """What the edge answered to one minute."""
        return self.answers[minute - self.minutes.start]


def live(
    place: Path,
    start: Callable[[str, str], Edge],
    readings: Vitals,
    minutes: range,
    outage: tuple[int, int],
    killed: int,
) -> Night:
    """Live through a night.

    Args:
        place: an empty folder, for the cloud's data.
        start: starts the edge program for a cloud's address and token.
        outage: the minutes in which the cloud goes down, and is back.
        killed: the minute before which the program gets SIGKILL; its supervisor is not told.

    Raises:
        EngineUnavailable: the cloud does not start.
    """
    cloud = cloud_service.start(place)
    try:
        edge = start(cloud.url, cloud.token)
        try:
            answers = []
            for minute in minutes:
                if minute == outage[0]:
                    cloud.stop()
                if minute == outage[1]:
                    cloud = cloud_service.start(place, url=cloud.url, token=cloud.token)
                if minute == killed:
                    edge.stop()
                answers.append(edge.minute(minute, at(readings, minute)))
            stored = events(cloud)
            return Night(minutes, answers, edge.at_start, stored, _again(cloud, stored))
        finally:
            edge.stop()
    finally:
        cloud.stop()


def at(readings: Vitals, minute: int) -> Vitals:
    """One minute of the readings, each of shape (beds, 1)."""
    return Vitals(*(values[:, [minute]] for values in readings))


def alarms(stored: list[dict]) -> set[tuple[int, int]]:
    """Bed and minute of each alarm whose level rises, from a list of events."""
    rises, level = set(), dict[int, int]()
    for event in stored:
        if event["what"] == "alarm":
            if event["level"] > level.get(event["bed"], 0):
                rises.add((event["bed"], event["minute"]))
            level[event["bed"]] = event["level"]
    return rises


def beginnings(where: np.ndarray, minutes: range) -> set[tuple[int, int]]:
    """Bed and minute of each alarm that begins, from an array (beds, minutes) over those minutes."""
    return {(int(bed), int(column) + minutes.start) for bed, column in zip(*np.nonzero(where), strict=True)}


def events(cloud: cloud_service.Cloud) -> list[dict]:
    """All events that a cloud has stored, in the order of their coming."""
    with ward_store.line(cloud.token) as line:
        reply = line.get(f"{cloud.url}/events", timeout=10)
    reply.raise_for_status()
    return list(reply.json())


def _again(cloud: cloud_service.Cloud, stored: list[dict]) -> list[dict]:
    """Send every event once more, as an edge does that lost all acknowledgements; what the cloud has then."""
    with ward_store.line(cloud.token) as line:
        for event in stored:
            key = {"Idempotency-Key": f"ward-7/{event['seq']}"}
            line.post(f"{cloud.url}/events", json=event, headers=key, timeout=10).raise_for_status()
    return events(cloud)
