"""A reader who has named an AWS account, whose own session ends at a local endpoint by boto3's own variables."""

import io
import sys
from pathlib import Path

import pytest

from companion.engines import aws

#: the services that the book uses, and one that it does not
SERVICES = (
    "STS",
    "EC2",
    "AUTO_SCALING",
    "CLOUDFORMATION",
    "CLOUDWATCH",
    "ELASTIC_LOAD_BALANCING_V2",
    "IAM",
    "SNS",
    "S3",
)


def name(account: str, address: str, typed: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the reader's variables; a request to any other address ends at a dead proxy, and nothing is remembered of other tests.

    Args:
        typed: what the reader answers to a question, with the end of the line.
        folder: where no configuration of AWS is.
    """
    variables = {f"AWS_ENDPOINT_URL_{service}": address for service in SERVICES}
    variables |= {one: str(folder / "none") for one in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
    variables |= dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "made-up")
    variables |= {
        "AWS_DEFAULT_REGION": "us-east-1",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "COMPANION_REAL_AWS": account,
    }
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    for variable in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(aws, "_made", {})
    answers(typed, monkeypatch)


def answers(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the reader types at the next question; an empty text is an end of input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
