"""`opentelemetry-exporter-otlp-json-common` as a second oracle: it writes OTLP JSON without protobuf."""

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from otel_mmlog._version import __version__
from otel_mmlog.core.record import LogEvent, TraceRef
from tests.oracle import json_common
from tests.oracle.otlp import ATTRIBUTES, FLOATS, INT64, KEY, SPAN_IDS, TEXT, TIMES_NS, TRACE_IDS
from tests.otel.telemetry import NOW_NS, POINT, RESOURCE, make_encoder, make_record

PACKAGE = "opentelemetry-exporter-otlp-json-common"

# each example is a process: no time to shrink
FEW = settings(max_examples=4, deadline=None, phases=[Phase.generate])

SPANS = st.fixed_dictionaries(
    {
        "trace_id": TRACE_IDS,
        "span_id": SPAN_IDS,
        "parent_id": SPAN_IDS,
        "name": TEXT,
        "attributes": ATTRIBUTES,
        "time_ns": st.integers(1, 2**62),
        "kind": st.integers(0, 4),
    }
)
TAGS = st.dictionaries(st.text("abcxyz", min_size=1), INT64 | FLOATS, min_size=1, max_size=6)
EVENTS = st.builds(
    LogEvent,
    time_ns=TIMES_NS,
    level=st.just(20),
    logger=TEXT,
    body=TEXT,
    attributes=st.dictionaries(KEY.map("my.{}".format), ATTRIBUTES | INT64 | FLOATS | TEXT, max_size=4),
    event_name=KEY,
    trace=st.builds(TraceRef, TRACE_IDS, SPAN_IDS, st.sampled_from([0, 1])),
    seq=INT64,
)


@pytest.fixture(scope="module")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a fresh environment with the package, whose pins clash with ours."""
    folder = tmp_path_factory.mktemp("json_common")
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [
        str(python),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--no-input",
        PACKAGE,
    ]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no index gave {PACKAGE}: {done.stderr[-300:]}")
    return python


def theirs(python: Path, folder: Path, samples: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """Return what the package makes of samples."""
    path = folder / "samples.pickle"
    path.write_bytes(pickle.dumps(samples))
    command = [str(python), "-I", json_common.__file__, str(path)]
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return [comparable(json.loads(line)) for line in out.splitlines()]


def comparable(node: Any) -> Any:
    """Compare as numbers what JSON may write in two ways (``1`` and ``1.0``), and attributes in any order."""
    if isinstance(node, dict):
        return {key: sorted(value, key=str) if key == "attributes" else value for key, value in _items(node)}
    return [comparable(item) for item in node] if isinstance(node, list) else node


def _items(node: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(key, comparable(value)) for key, value in node.items()]


def ours(data: bytes) -> Any:
    """Return a line as the same kind of object."""
    return comparable(json.loads(data))


@FEW
@given(samples=st.lists(SPANS, min_size=10, max_size=25))
def test_spans_are_the_same_json(other_python: Path, samples: list[dict[str, Any]]) -> None:
    """Names, ids, enums, links, events and values are written alike."""
    made = [ours(make_encoder().spans_lines([json_common.build_span(sample)])[0].data) for sample in samples]
    assert made == theirs(other_python, other_python.parent, [("traces", sample) for sample in samples])


@FEW
@given(samples=st.lists(TAGS, min_size=10, max_size=25))
def test_records_are_the_same_json(other_python: Path, samples: list[dict[str, Any]]) -> None:
    """A record's gauges are those of the SDK's classes, NaN and infinities included."""
    made = [ours(make_encoder().metrics_lines(make_record(tags))[0].data) for tags in samples]
    attributes = {**POINT, "method": "current", "window": "1"}
    wanted = [
        {
            "points": [(f"mmlog.train.{tag}", "", attributes, value) for tag, value in tags.items()],
            "time_ns": NOW_NS,
            "version": __version__,
            "resource": RESOURCE,
        }
        for tags in samples
    ]
    assert made == theirs(other_python, other_python.parent, [("metrics", sample) for sample in wanted])


@FEW
@given(events=st.lists(EVENTS, min_size=10, max_size=25))
def test_events_are_the_same_json(other_python: Path, events: list[LogEvent]) -> None:
    """Body, severity, times, ids, name and attributes are written alike."""
    made = [ours(make_encoder().log_line(event).data) for event in events]
    assert made == theirs(
        other_python, other_python.parent, [("logs", _log_sample(event)) for event in events]
    )


def _log_sample(event: LogEvent) -> dict[str, Any]:
    trace = event.trace or TraceRef(0, 0, 0)
    return {
        "time_ns": event.time_ns,
        "observed_ns": NOW_NS,
        "body": event.body,
        "event_name": event.event_name,
        "trace_id": trace.trace_id,
        "span_id": trace.span_id,
        "flags": trace.flags,
        "version": __version__,
        "resource": RESOURCE,
        "attributes": {
            "event.name": event.event_name,
            "mmlog.seq": event.seq,
            "logger": event.logger,
            **event.attributes,
        },
    }
