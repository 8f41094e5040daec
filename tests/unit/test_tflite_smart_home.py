"""The home's sensors, and the cloud at the other end."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import requests
from processes import assert_gone, new_mark

from companion import DatasetError, EngineUnavailable, SettingError
from companion.datasets import smart_home
from companion.labs.edge import cloud
from companion.processes.server import answers

pytestmark = pytest.mark.usefixtures("scratch")


def test_the_same_seed_gives_the_same_readings():
    assert smart_home.readings(5, seed=1).equals(smart_home.readings(5, seed=1))
    assert not smart_home.readings(5, seed=1).equals(smart_home.readings(5, seed=2))


def test_the_planted_activity_is_in_the_sensors():
    table = smart_home.readings(60)
    assert len(table) == 60 * 288 and table.notna().all().all()
    by = table.groupby("activity").mean()
    away, cooking = smart_home.ACTIVITIES.index("away"), smart_home.ACTIVITIES.index("cooking")
    assert by["power"].idxmax() == cooking and by["motion"].idxmin() == away and by["temperature"].idxmin() == away
    shares = np.bincount(table["activity"]) / len(table)
    assert 0.25 < shares[0] < 0.45 and 0.01 < shares[cooking] < 0.1


def test_the_air_obeys_its_mass_balance():
    """After an absence of hours the CO2 has fallen towards the outdoor 420 ppm, at 0.5 air changes an hour."""
    table = smart_home.readings(60)
    away = (table["activity"] == smart_home.ACTIVITIES.index("away")).to_numpy()
    run = np.array([away[max(0, i - 60) : i + 1].all() for i in range(len(away))])  # five hours
    assert run.any()
    assert table["co2"][run].mean() < 420 + 1.3 * np.exp(-0.5 * 5) * 1000


def test_windows_look_back_one_hour():
    table = smart_home.readings(3)
    inputs, labels = smart_home.windows(table)
    assert inputs.shape == (3 * 288 - 11, 12, 6) and inputs.dtype == np.float32
    assert np.allclose(inputs[5, -1], table[list(smart_home.SENSORS)].iloc[16])
    assert labels[5] == table["activity"].iloc[16]


def test_bad_input_is_named():
    with pytest.raises(SettingError, match="days must be at least 2, got 1"):
        smart_home.readings(1)
    table = smart_home.readings(2)
    with pytest.raises(DatasetError, match="missing: co2, light"):
        smart_home.windows(table.drop(columns=["co2", "light"]))
    with pytest.raises(DatasetError, match="a window takes 12 readings, got 5"):
        smart_home.windows(table.head(5))


@pytest.fixture
def client(tmp_path):
    return cloud.create_app(str(tmp_path), "sesame").test_client()


HEADERS = {"Authorization": "Bearer sesame"}


@pytest.mark.parametrize("path", ["/events", "/log", "/metrics"])
def test_nobody_gets_in_without_the_token(client, path):
    for wrong in ({}, {"Authorization": "Bearer guess"}, {"Authorization": "sesame"}):
        assert client.get(path, headers=wrong).status_code == 401
    assert client.get("/healthz").status_code == 200


def test_an_event_is_stored_once_for_each_key(client):
    first = client.post("/events", json={"n": 1}, headers={**HEADERS, "Idempotency-Key": "a"})
    again = client.post("/events", json={"n": 1}, headers={**HEADERS, "Idempotency-Key": "a"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert client.get("/events", headers=HEADERS).json == [{"n": 1}]
    client.post("/log", json={"n": 1}, headers=HEADERS)
    client.post("/log", json={"n": 1}, headers=HEADERS)
    assert len(client.get("/log", headers=HEADERS).json) == 2


def test_bad_requests_are_refused(client):
    key = {**HEADERS, "Idempotency-Key": "a"}
    assert client.post("/events", json={"n": 1}, headers=HEADERS).status_code == 400
    assert client.post("/events", data="not json", headers=key).status_code == 400
    assert client.post("/events", json=[1], headers=key).status_code == 400
    assert client.post("/events", json={"n": "x" * 100_000}, headers=key).status_code == 413
    assert client.get("/events", headers=HEADERS).json == []


NO_EVENT = {
    "NaN": b'{"n": NaN}',
    "an infinity": b'{"n": -Infinity}',
    "a number that becomes one": b'{"n": 1e999}',
    "5,000 digits": b'{"n": ' + b"9" * 5_000 + b"}",
    "20,000 brackets": b'{"n": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "21 levels": b'{"n": ' * 21 + b"1" + b"}" * 21,
    "another encoding": '{"n": 1}'.encode("utf-16"),
    "half a letter": b'{"n": "\xc3"}',
    "cut": b'{"n": 1',
    "two": b'{"n": 1}{"n": 2}',
    "nothing": b"",
}


@pytest.mark.parametrize("path", ["/events", "/log"])
@pytest.mark.parametrize("body", NO_EVENT.values(), ids=NO_EVENT)
def test_what_is_no_event_is_refused_and_spoils_nobodys_list(client, caplog, path, body):
    headers = {**HEADERS, "Idempotency-Key": "a", "Content-Length": str(len(body))}
    found = client.post(path, data=body, headers=headers, content_type="application/json")
    assert found.status_code == (400 if body else 411), found.data
    assert client.get(path, headers=HEADERS).json == [] and not caplog.records


def test_a_key_that_comes_again_with_another_event_is_refused_not_swallowed(client):
    """An edge that is told "known already" deletes its copy: the second event would be lost without a word."""
    key = {**HEADERS, "Idempotency-Key": "a"}
    assert client.post("/events", json={"n": 1, "m": 2}, headers=key).status_code == 201
    assert client.post("/events", json={"m": 2, "n": 1}, headers=key).status_code == 200, "the same, in another order"
    for other in ({"n": 2, "m": 2}, {"n": 1}, {"n": True, "m": 2}, {"n": 1.0, "m": 2}):
        assert client.post("/events", json=other, headers=key).status_code == 422
    assert client.get("/events", headers=HEADERS).json == [{"n": 1, "m": 2}]


def test_a_strange_token_or_key_is_an_answer_and_no_crash(client, caplog):
    for token in ("s\xe9same", "\xff" * 50, "x" * 50_000, "sesame\xa0"):
        assert client.get("/events", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    for key, status in (("", 400), ("k" * 201, 400), ("k" * 200, 201), ("\xff'; DROP TABLE events; --", 201)):
        assert client.post("/events", json={}, headers={**HEADERS, "Idempotency-Key": key}).status_code == status
    assert client.get("/events", headers=HEADERS).json == [{}, {}] and not caplog.records


def test_it_counts_what_it_does(client):
    for key in ("a", "a", "b"):
        client.post("/events", json={"n": 1}, headers={**HEADERS, "Idempotency-Key": key})
    client.get("/events")
    metrics = client.get("/metrics", headers=HEADERS).text
    assert 'events_received_total{endpoint="events"} 2.0' in metrics
    assert "events_repeated_total 1.0" in metrics and "requests_refused_total 1.0" in metrics


def test_its_data_survive_a_restart_under_the_same_address(tmp_path):
    service = cloud.start(tmp_path)
    assert service.url.startswith("http://127.0.0.1:")
    headers = {"Authorization": f"Bearer {service.token}"}
    requests.post(f"{service.url}/events", json={"n": 1}, headers={**headers, "Idempotency-Key": "a"}, timeout=60)
    service.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{service.url}/events", headers=headers, timeout=60)
    again = cloud.start(tmp_path, url=service.url, token=service.token)
    assert requests.get(f"{again.url}/events", headers=headers, timeout=60).json() == [{"n": 1}]
    pieces = iter(
        [b'{"loot": 1}' + b" " * 70_000, b" " * 70_000]
    )  # in chunks, no length said, a whole event before the limit
    found = requests.post(f"{again.url}/events", data=pieces, headers={**headers, "Idempotency-Key": "b"}, timeout=60)
    assert found.status_code == 411
    assert requests.get(f"{again.url}/events", headers=headers, timeout=60).json() == [{"n": 1}], "it goes on"
    command = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    again.stop()
    log = (tmp_path / "cloud.log").read_text()
    assert service.token not in log + command and "loot" not in log and "Traceback" not in log


def test_a_port_that_is_taken_is_said(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    first = cloud.start(tmp_path / "1")
    other = cloud.start(tmp_path / "2")
    other.stop()
    import socket

    with socket.create_server((("127.0.0.1"), 0)) as taken:
        with pytest.raises(EngineUnavailable, match=r"(?s)the cloud did not start.*in use"):
            cloud.start(tmp_path / "2", url=f"http://127.0.0.1:{taken.getsockname()[1]}")
    first.stop()


def test_it_dies_with_a_killed_kernel(tmp_path):
    mark = new_mark()
    code = f"from pathlib import Path; from companion.labs.edge import cloud; c = cloud.start(Path({str(tmp_path)!r})); print(c.url, flush=True); import time; time.sleep(60)"
    kernel = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, **mark}
    )
    url = kernel.stdout.readline().strip()
    assert answers(url, 80)
    kernel.send_signal(signal.SIGKILL)
    kernel.wait()
    assert_gone(mark)
    assert not answers(url, 80)
