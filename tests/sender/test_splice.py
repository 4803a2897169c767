"""Lines joined into one request, without reading what they hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.sender.splice import MalformedLineError, splice
from otel_mmlog.sender.types import SIGNALS, Signal
from tests.sender.transports import point_lines, some_lines

NAMES: dict[Signal, str] = {"metrics": "resourceMetrics", "logs": "resourceLogs", "traces": "resourceSpans"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_splice_is_one_request_of_all_lines(signal: Signal) -> None:
    """The groups of all lines, in their order, in one request."""
    lines = some_lines()[signal]
    groups = [group for line in lines for group in json.loads(line)[NAMES[signal]]]
    assert json.loads(splice(signal, lines)) == {NAMES[signal]: groups}


def test_the_lines_bytes_stay_as_they_are() -> None:
    """What lies between the outermost brackets is neither parsed nor written anew."""
    lines = [b'{"resourceLogs":[{"a": 1.50}]}\n', b'{"resourceLogs":[{"b":"\\u00e9"},{}]}']
    assert splice("logs", lines) == b'{"resourceLogs":[{"a": 1.50},{"b":"\\u00e9"},{}]}'


@given(st.lists(st.lists(JSON, max_size=3), max_size=4), st.sampled_from([None, 1]), st.booleans())
def test_any_way_to_write_a_line(groups: list[list[object]], indent: int | None, is_ascii: bool) -> None:
    """Lines with other spaces, or with nothing in them, come to the same request."""
    lines = [
        json.dumps({"resourceSpans": each}, ensure_ascii=is_ascii).encode("utf-8", "replace")
        for each in groups
    ]
    if indent is None:
        lines = [
            json.dumps({"resourceSpans": each}, separators=(",", ":")).encode() + b"\r\n" for each in groups
        ]
        assert json.loads(splice("traces", lines)) == {
            "resourceSpans": [group for each in groups for group in each]
        }
    else:
        expected = [group for line in lines for group in json.loads(line)["resourceSpans"]]
        assert json.loads(splice("traces", lines)) == {"resourceSpans": expected}


def test_no_lines_are_an_empty_request() -> None:
    """A splice of nothing is what a server takes for nothing."""
    assert splice("metrics", []) == b'{"resourceMetrics":[]}'


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"[1]",
        b'{"resourceLogs":[]}',
        b'{"resourceMetrics": 1}',
        b'{"resourceMetrics":[{"scopeMetr',
        b'"\xff"',
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_request_of_its_signal(line: bytes) -> None:
    """It is an error that does not repeat the line."""
    with pytest.raises(
        MalformedLineError, match=r"^a line is not an OTLP JSON request with 'resourceMetrics'$"
    ):
        splice("metrics", [*point_lines(1), line])
