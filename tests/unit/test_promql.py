"""Recorded names are written out where they are series, and nowhere else."""

import pytest

from companion.errors import SettingError
from companion.labs.monitoring import promql

RATE = {"job:up:rate": "rate(up[5m])"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("job:up:rate > 0", "(rate(up[5m])) > 0"),
        ("sum(job:up:rate)", "sum((rate(up[5m])))"),
        ("job:up:rate / job:up:rate", "(rate(up[5m])) / (rate(up[5m]))"),
        # a name inside a text is a text
        ('up{job="job:up:rate"}', 'up{job="job:up:rate"}'),
        ("up{job='job:up:rate'} + job:up:rate", "up{job='job:up:rate'} + (rate(up[5m]))"),
        ('up{job="a\\"}, job:up:rate {"}', 'up{job="a\\"}, job:up:rate {"}'),
        ("up{job=`job:up:rate`}", "up{job=`job:up:rate`}"),
        # and a name beside it may be a longer one
        ("my:job:up:rate + job:up:rate5m", "my:job:up:rate + job:up:rate5m"),
    ],
)
def test_a_recorded_name_is_written_out_where_it_is_a_series(expression, expected):
    assert promql.expand(expression, RATE) == expected


def test_a_label_that_is_called_like_a_record_stays_a_label():
    records = {"job": "up", "up": "process_up"}
    assert (
        promql.expand('sum by (job) (up{job="up"}) + job', records)
        == 'sum by (job) ((process_up){job="up"}) + ((process_up))'
    )


def test_records_of_records_and_none():
    records = {"a:b": "sum(c:d)", "c:d": "rate(e[5m])", "a:b:longer": "f"}
    assert promql.expand("a:b + a:b:longer", records) == "(sum((rate(e[5m])))) + (f)"
    assert promql.expand("a:b", {}) == "a:b"


def test_records_that_record_each_other():
    with pytest.raises(SettingError, match="rules that record each other: a, b"):
        promql.expand("a", {"a": "b", "b": "a"})
