"""An unmodified training of MMEngine: metrics, logs and spans at a real Collector, and its tree in a real Jaeger."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog.otel.semconv import METHOD, WINDOW
from tests.end_to_end.arrivals import Arrivals, JsonLine, assert_same
from tests.end_to_end.backends import Jaeger, get_json, jaeger
from tests.end_to_end.collectors import CONFIG, Ports, free_ports
from tests.end_to_end.mmengine_runs import Ended, finish, lineages, options, start
from tests.end_to_end.otlp_files import Telemetry
from tests.end_to_end.servers import otelcol, wait_until
from tests.journals import json_lines

BUILD = "mmlog.registry.build"
EVENTS = ("mmlog.train.iter", "mmlog.val.iter", "mmlog.val.epoch", BUILD)


@dataclass(frozen=True, slots=True)
class Sent:
    """A training at DEBUG that was sent.

    Attributes:
        ended: The training.
        lines: Its JSON lines.
        found: What came to the Collector.
        trees: What Jaeger shows: of each span its name and its class, and those of what it is in.
    """

    ended: Ended
    lines: list[JsonLine]
    found: Telemetry
    trees: set[tuple[str, ...]]


@contextmanager
def forwarding_collector(folder: Path, ports: Ports, store: Jaeger) -> Iterator[Path]:
    """The Collector that users try first, which hands spans on to Jaeger too; gives its file."""
    config = CONFIG.read_text()
    for before, after in (
        ("exporters:\n", f"exporters:\n  otlphttp: {{ traces_endpoint: {store.endpoint} }}\n"),
        ("traces: { receivers: [otlp], exporters: [", "traces: { receivers: [otlp], exporters: [otlphttp, "),
    ):
        assert before in config
        config = config.replace(before, after, 1)
    path = folder / "collector.yaml"
    path.write_text(config)
    variables = {
        "MMLOG_COLLECTOR_GRPC": f"127.0.0.1:{ports.grpc}",
        "MMLOG_COLLECTOR_HTTP": f"127.0.0.1:{ports.http}",
    }
    with otelcol(path, folder, variables):
        yield folder / "telemetry.jsonl"


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """``otel-mmlog run train.py cfg.py`` with a Collector, the runner built by its registry."""
    folder, ports = tmp_path_factory.mktemp("delivery"), free_ports()
    with jaeger(folder) as store, forwarding_collector(folder, ports, store) as out:
        variables = {**ports.variables("http/protobuf"), "OTEL_MMLOG_CLOSE_TIMEOUT": "30"}
        arguments = options("log_level=debug", "runner_type=Runner")
        ended = finish(start(folder / "toy", *arguments, variables=variables), folder / "toy")
        found = Arrivals(out).found
        assert wait_until(lambda: len(stored_spans(store)) >= len(found.spans), 20)
        trees = set(paths(stored_spans(store)))
    return Sent(ended, json_lines(ended.work_dir / "toy.jsonl"), found, trees)


def stored_spans(store: Jaeger) -> list[dict[str, Any]]:
    """The spans that Jaeger has of the training."""
    traces = get_json(f"{store.url}/api/traces", service="toy", limit="10")["data"]
    return [span for trace in traces for span in trace["spans"]]


def paths(spans: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Of each span its name and class, and those of what it is in, outermost first."""
    by_id = {span["spanID"]: span for span in spans}

    def climb(span: dict[str, Any] | None) -> Iterator[str]:
        while span is not None:
            of_class = [f" {tag['value']}" for tag in span["tags"] if tag["key"] == "class"]
            yield "".join([span["operationName"], *of_class])
            outer = [by_id.get(each["spanID"]) for each in span["references"]]
            span = outer[0] if outer else None

    for span in spans:
        yield tuple(climb(span))[::-1]


def test_collector_has_what_the_disk_has(sent: Sent) -> None:
    """Points are the tags of the records, log records the JSON lines, and each span that began has ended."""
    assert sum("tags" in line for line in sent.lines) == 14
    assert_same(sent.found, sent.lines)
    assert not list(sent.ended.work_dir.glob("otlp/*/*.jsonl*"))


def test_points_say_how_they_came_about(sent: Sent) -> None:
    """A custom rule's point has its statistic and window, as those of the defaults have."""
    records = [each for each in sent.found.points if METHOD in each.attributes]
    sources = {(each.name, each.attributes[METHOD], each.attributes[WINDOW]) for each in records}
    assert ("mmlog.train.loss", "mean", "4") in sources
    assert ("mmlog.train.loss_global", "mean", "global") in sources
    assert ("mmlog.train.lr", "current", "1") in sources


def test_records_have_the_span_they_are_in(sent: Sent) -> None:
    """Train records are in an epoch, val records in a val loop; the line of a build is in its span."""
    names = {span.span_id: span.name for span in sent.found.spans}
    inside = {(log.event_name, names[log.span_id]) for log in sent.found.logs if log.event_name in EVENTS}
    assert inside == {
        ("mmlog.train.iter", "mmlog.epoch"),
        ("mmlog.val.iter", "mmlog.val"),
        ("mmlog.val.epoch", "mmlog.val"),
        (BUILD, BUILD),
    }


def test_jaeger_shows_the_life_of_the_run(sent: Sent) -> None:
    """Run, train, epoch, val and checkpoint nest, in one trace."""
    epoch = ("mmlog.run", "mmlog.train", "mmlog.epoch")
    assert {(*epoch, "mmlog.val"), (*epoch, "mmlog.checkpoint.save")} <= sent.trees
    assert len({span.trace_id for span in sent.found.spans}) == 1
    assert {path[0] for path in sent.trees} == {"mmlog.run"}


def test_jaeger_shows_builds_as_they_nest(sent: Sent) -> None:
    """The runner builds the model, which builds its backbone; the dataset is built for training."""
    model = ("mmlog.run", f"{BUILD} Runner", f"{BUILD} ToyModel")
    assert (*model, f"{BUILD} ToyBackbone", "mmlog.registry.get ToyBackbone") in sent.trees
    assert ("mmlog.run", "mmlog.train", f"{BUILD} ToyData") in sent.trees


def test_jaeger_has_what_the_collector_has(sent: Sent) -> None:
    """The names of the spans and of what they are in are the same."""
    bare = {tuple(name.split(" ")[0] for name in path)[::-1] for path in sent.trees}
    assert bare == lineages(sent.found)
