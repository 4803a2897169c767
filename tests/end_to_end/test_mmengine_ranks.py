"""MMEngine on two ranks, by torchrun."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.arrivals import assert_spans_are_whole
from tests.end_to_end.mmengine_runs import RUN, Ended, finish, options, start
from tests.end_to_end.otlp_files import Telemetry
from tests.end_to_end.servers import free_port
from tests.journals import json_lines, read_journals, text_lines

TORCHRUN = ("-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port")
WRAPPER = "model_wrapper_cfg.device_ids=None"
REGISTRY = "mmlog.registry."


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Two ranks at DEBUG, in the folder ``tmp``; a launch that says no run id."""
    folder = tmp_path_factory.mktemp("two")
    changes = options("log_level=DEBUG", "experiment_name=tmp", "work_dir=tmp", WRAPPER)
    before = (*TORCHRUN, str(free_port()), *RUN)
    return finish(start(folder, "--launcher", "pytorch", *changes, before=before), folder)


@pytest.fixture(scope="module")
def journals(two: Ended) -> Telemetry:
    """The journals of both ranks."""
    return read_journals(two.folder / "tmp")


def test_each_rank_has_its_files(two: Ended) -> None:
    """``tmp.log`` and ``tmp_rank1.log``, each with the lines of its rank and JSON beside it."""
    folder = two.folder / "tmp"
    assert sorted(path.name for path in folder.glob("*.log")) == ["tmp.log", "tmp_rank1.log"]
    for rank, name in enumerate(("tmp", "tmp_rank1")):
        lines = json_lines(folder / f"{name}.jsonl")
        assert {line["rank"] for line in lines} == {rank}
        assert any(line.get("event_name") == "mmlog.registry.build" for line in lines)
        records = [line for line in lines if line.get("mode") == "train"]
        assert [line["iter"] for line in records] == [2, 4, 7, 9]
        text = text_lines(folder / f"{name}.log")
        assert sum("Epoch(train)" in line for line in text) == len(records)


def test_ranks_are_one_trace(journals: Telemetry) -> None:
    """They find one run id; the run of rank 1 is in that of rank 0, and the life of each nests in its own."""
    assert len({log.resource["mmlog.run.id"] for log in journals.logs}) == 1
    lives = [span for span in journals.spans if not span.name.startswith(REGISTRY)]
    assert len({span.trace_id for span in lives}) == 1
    by_id = {span.span_id: span for span in lives}
    (root,) = [span for span in lives if not span.parent_id]
    assert (root.name, root.resource["rank"]) == ("mmlog.run", 0)
    (second,) = [span for span in lives if span.name == "mmlog.run" and span is not root]
    assert (second.parent_id, second.resource["rank"]) == (root.span_id, 1)
    inner = [span for span in lives if span.name != "mmlog.run"]
    assert all(by_id[span.parent_id].resource["rank"] == span.resource["rank"] for span in inner)
    assert {(span.name, span.resource["rank"]) for span in inner} >= {("mmlog.val", 0), ("mmlog.val", 1)}
    assert_spans_are_whole(journals)


def test_builds_of_other_ranks_have_a_trace_of_their_own(two: Ended, journals: Telemetry) -> None:
    """Those of rank 0 are in the run's trace; those of rank 1 in another, whose beginnings link to the root."""
    (root,) = [span for span in journals.spans if span.name == "mmlog.run" and not span.parent_id]
    traces = {
        rank: {
            span.trace_id
            for span in journals.spans
            if span.name.startswith(REGISTRY) and span.resource["rank"] == rank
        }
        for rank in (0, 1)
    }
    assert traces[0] == {root.trace_id}
    assert len(traces[1]) == 1
    assert traces[1] != traces[0]
    begun = [span for span in raw_spans(two.folder / "tmp") if {span["traceId"]} == traces[1]]
    links = [span.get("links", []) for span in begun if not span.get("parentSpanId")]
    assert links
    for (link,) in links:
        assert (link["traceId"], link["spanId"]) == (root.trace_id, root.span_id)


def test_every_record_has_a_span(journals: Telemetry) -> None:
    """The log of each record has trace and span id, of a span of its rank."""
    spans = {(span.trace_id, span.span_id): span for span in journals.spans}
    logs = [log for log in journals.logs if log.event_name in {"mmlog.train.iter", "mmlog.val.epoch"}]
    assert {log.resource["rank"] for log in logs} == {0, 1}
    for log in logs:
        assert spans[log.trace_id, log.span_id].resource["rank"] == log.resource["rank"]


def test_console_shows_rank_zero_alone(two: Ended) -> None:
    """As with MMEngine alone, each line is printed once."""
    printed = [line for line in two.out.splitlines() if "Epoch(train)" in line]
    assert len(printed) == 4


def raw_spans(work_dir: Path) -> Iterator[dict[str, Any]]:
    """The spans of a work_dir's journals as they are written."""
    for path in sorted(work_dir.glob("otlp/*/*.jsonl*")):
        for line in path.read_text().splitlines():
            for resource in json.loads(line).get("resourceSpans", ()):
                yield from (span for scope in resource["scopeSpans"] for span in scope["spans"])
