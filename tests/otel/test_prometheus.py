"""What Prometheus makes of names, units and attributes; `tests/end_to_end/test_openmetrics.py` asks the real one."""

from typing import Any

import pytest

from otel_mmlog.otel.prometheus import (
    Kind,
    label_name,
    label_value,
    metric_name,
    point_labels,
    resource_labels,
    series_labels,
)


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("mmlog.train.loss", "", "gauge", "mmlog_train_loss"),
        ("mmlog.train.time", "s", "gauge", "mmlog_train_time_seconds"),
        ("mmlog.train.time.seconds", "s", "gauge", "mmlog_train_time_seconds"),
        ("mmlog.train.memory", "MiBy", "gauge", "mmlog_train_memory_mebibytes"),
        ("mmlog.journal.produced", "", "counter", "mmlog_journal_produced_total"),
        ("total.moved", "By", "counter", "moved_bytes_total"),
        ("used", "1", "gauge", "used_ratio"),
        ("used", "1", "sum", "used"),
        ("speed", "By/s", "gauge", "speed_bytes_per_second"),
        ("rate", "{thing}/min", "gauge", "rate_per_min"),
        ("things", "{thing}", "counter", "things_total"),
        ("1.power", "W", "gauge", "_1_power_watts"),
        ("a:b__c total", "", "gauge", "a:b_c_total"),
        ("损失", "", "gauge", ""),
    ],
)
def test_metric_name(name: str, unit: str, kind: Kind, expected: str) -> None:
    """Runs of other characters become one underscore; unit and type are added once."""
    assert metric_name(name, unit, kind) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("mmlog.run.id", "mmlog_run_id"),
        ("long__name.", "long__name_"),
        ("1st", "key_1st"),
        ("_x", "key_x"),
        ("__y__", "__y__"),
        ("é", "key_"),
        ("..", ""),
        ("", ""),
    ],
)
def test_label_name(key: str, expected: str) -> None:
    """Each other character becomes an underscore; what would begin with a digit or one underscore gets a prefix."""
    assert label_name(key) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": "a b"}, "a b"),
        ({"intValue": "3"}, "3"),
        ({"boolValue": True}, "true"),
        ({"doubleValue": 3.0}, "3"),
        ({"doubleValue": 0.1}, "0.1"),
        ({"doubleValue": 1e20}, "100000000000000000000"),
        ({"doubleValue": 1e21}, "1e+21"),
        ({"doubleValue": 1.5e-7}, "1.5e-7"),
        ({"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "x<"}, {}]}}, '[1,"x<",null]'),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": False}}]}}, '{"a":false}'),
        ({}, ""),
    ],
)
def test_label_value(value: dict[str, Any], expected: str) -> None:
    """Numbers as short as they can be, lists as JSON."""
    assert label_value(value) == expected


def test_labels_of_a_series() -> None:
    """A point's label wins over a promoted one, the resource's job and instance over all; empty ones are no labels."""
    resource = resource_labels(
        {
            "service.name": "exp",
            "service.namespace": "lab",
            "service.instance.id": "i",
            "local_rank": "1",
            "x": "y",
        }
    )
    assert resource == {"service_name": "exp", "local_rank": "1", "job": "lab/exp", "instance": "i"}
    point = point_labels({"a_b": "2", "a.b": "1", "local_rank": "5", "job": "mine", "empty": ""})
    assert series_labels(resource, point) == {
        "a_b": "1;2",
        "instance": "i",
        "job": "lab/exp",
        "local_rank": "5",
        "service_name": "exp",
    }
