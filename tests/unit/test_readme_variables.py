"""README's table of variables: every variable of the engines is in it, and a test has used each example in its form."""

import re
from pathlib import Path

import pytest
from readme import checked, examples, form

from companion import checkout, engines

TESTS = checkout.folder("tests")
SCRIPT = (checkout.folder("scripts") / "cluster.sh").read_text(encoding="utf-8")


def used_on_the_cluster() -> set[str]:
    """What `make cluster` prints, all of which the fixture of small_cluster.py has checked and set."""
    return set(re.findall(r'echo "  export (\w+)=', SCRIPT))


def used_elsewhere() -> set[str]:
    """What a test hands to `checked` by its name, or by a party's."""
    text = "".join(path.read_text(encoding="utf-8") for path in Path(TESTS).rglob("*.py"))
    found = set(re.findall(r'checked\(\s*"(\w+)"', text))
    if 'checked(f"SYFT_{party}_EMAIL"' in text and 'checked(f"SYFT_{party}_TOKEN_PATH"' in text:
        found |= {f"SYFT_{party}_{what}" for party in ("DO", "DS") for what in ("EMAIL", "TOKEN_PATH")}
    return found


def test_each_example_is_of_a_form_that_a_test_has_used():
    assert set(examples()) - used_on_the_cluster() - used_elsewhere() == set()


def test_what_the_cluster_prints_is_in_the_table():
    assert used_on_the_cluster() - set(examples()) == set()


def test_every_variable_of_an_engine_is_in_the_table():
    known = set(engines.VARIABLES)
    # of TLS to Docker README has the names in its text: what they hold is Docker's business
    assert known - set(examples()) <= {"DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "redis://127.0.0.1:6379/0"),  # no password
        ("REDIS_URL", "rediss://:password@127.0.0.1:6379/0"),
        ("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:8786"),
        ("DATABASE_URL", "postgresql://companion:password@127.0.0.1:5432"),  # no database
        ("KUBECONFIG", "https://127.0.0.1:6443"),
        ("SPARK_LOCAL_IP", "localhost"),
        ("DASK_DISTRIBUTED__COMM__TLS__CA_FILE", "/etc/ca"),
    ],
)
def test_another_form_is_noticed(name, value):
    with pytest.raises(AssertionError, match=f"README's example for {name}"):
        checked(name, value)


def test_other_hosts_ports_and_passwords_are_the_same_form():
    assert form("redis://:x@10.0.0.1:7000/3") == form(examples()["REDIS_URL"])
