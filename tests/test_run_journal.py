"""What a run journals: the same as its text and JSON, with its identity."""

import math
from pathlib import Path

import pytest

from otel_mmlog.core.errors import ConfigError
from tests.conftest import MakeRun
from tests.journals import events, json_lines, read_journals, records, strict_json, text_lines
from tests.training import place, train

KEYS = ["ts", "level", "logger", "event", "rank", "run_id", "attempt", "seq"]


def test_text_json_and_journal_say_the_same(make_run: MakeRun, tmp_path: Path) -> None:
    """Each text line is a JSON line and a log record; each tag of each record a point; no number is missing."""
    with make_run() as run:
        train(run, 25)
        run.logger.info("saved", path="a.pt")
    lines = json_lines(tmp_path / "tmp.jsonl")
    texts = text_lines(tmp_path / "tmp.log")
    assert len(lines) == len(texts)
    assert all(line["event"] in text for line, text in zip(lines, texts, strict=True))
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    assert all(list(line)[: len(KEYS)] == KEYS for line in lines)
    journals = read_journals(tmp_path)
    logs = [log for log in journals.logs if log.event_name != "mmlog.span.start"]
    assert [(log.body, log.attributes["mmlog.seq"]) for log in logs] == [
        (line["event"], line["seq"]) for line in lines
    ]
    points = [(point.name, point.value) for point in journals.points if not point.flags]
    assert points == [
        (f"mmlog.train.{tag}", float(value))
        for record in records(tmp_path)
        for tag, value in record["tags"].items()
    ]
    assert not journals.unreadable_lines


def test_points_are_identified(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each point has rank, run, attempt, method and window; its resource is the process."""
    place(monkeypatch, 1)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=vision")
    with make_run(run_id="job") as run:
        train(run)
    point = next(point for point in read_journals(tmp_path).points if point.name == "mmlog.train.loss")
    assert point.attributes == {
        "rank": 1,
        "mmlog.run.id": "job",
        "mmlog.run.attempt": 0,
        "method": "mean",
        "window": "10",
    }
    expected = {"service.name": "tmp", "rank": 1, "world_size": 2, "team": "vision", "mmlog.run.id": "job"}
    assert expected.items() <= point.resource.items()


def test_series_end_at_close(make_run: MakeRun, tmp_path: Path) -> None:
    """At ``close`` each series ends with one point without a value, those about the journal too."""
    with make_run() as run:
        train(run)
    points = read_journals(tmp_path, health=True).points
    series = [(point.name, str(point.attributes)) for point in points]
    ended = [key for key, point in zip(series, points, strict=True) if point.flags]
    assert sorted(ended) == sorted(set(series))
    assert ("mmlog.journal.produced" in {name for name, _ in ended}, len(ended) > 8) == (True, True)
    assert all(point.value is None for point in points if point.flags)


def test_checkpoint(make_run: MakeRun, tmp_path: Path) -> None:
    """A checkpoint is a line, and a span with its path; an exception inside ends it with an error."""
    with make_run() as run:
        train(run)
        with run.checkpoint(tmp_path / "a.pt") as path:
            assert path == tmp_path / "a.pt"
        with pytest.raises(OSError, match="full"), run.checkpoint("b.pt"):
            raise OSError("full")
    spans = [span for span in read_journals(tmp_path).spans if span.name == "mmlog.checkpoint.save"]
    assert [(span.attributes["path"], span.status) for span in spans] == [
        (str(tmp_path / "a.pt"), 0),
        ("b.pt", 2),
    ]
    assert "Saving checkpoint at 1 epochs" in [line["event"] for line in events(tmp_path)]


def test_user_span(make_run: MakeRun, tmp_path: Path) -> None:
    """``run.span`` times a part of the run, and logs inside carry its ids."""
    with make_run() as run, run.span("download", {"url": "u"}):
        run.logger.info("inside")
    journals = read_journals(tmp_path)
    (span,) = [span for span in journals.spans if span.name == "download"]
    (line,) = [line for line in events(tmp_path) if line["event"] == "inside"]
    assert (line["trace_id"], line["span_id"]) == (span.trace_id, span.span_id)
    assert span.attributes == {"url": "u"}


def test_hidden_records_still_leave_points(make_run: MakeRun, tmp_path: Path) -> None:
    """At WARNING no record is a line, but every point is in the journal."""
    with make_run(log_level="WARNING") as run:
        train(run)
    assert (tmp_path / "tmp.jsonl").read_text() == ""
    points = read_journals(tmp_path).points
    losses = [point.value for point in points if point.name == "mmlog.train.loss" and not point.flags]
    assert losses == [4.5]


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("OTEL_SDK_DISABLED", "true", (False, False, False)),
        ("OTEL_METRICS_EXPORTER", "none", (False, True, True)),
        ("OTEL_LOGS_EXPORTER", "none", (True, False, True)),
        ("OTEL_TRACES_EXPORTER", "none", (True, True, False)),
    ],
)
def test_signals_can_be_turned_off(
    make_run: MakeRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    kept: tuple[bool, bool, bool],
) -> None:
    """OpenTelemetry's own variables turn signals off; text and JSON stay."""
    monkeypatch.setenv(name, value)
    with make_run() as run:
        train(run)
        assert run.flush()
    journals = read_journals(tmp_path)
    assert (bool(journals.points), bool(journals.logs), bool(journals.spans)) == kept
    assert len(records(tmp_path)) == 1


def test_journal_lines_are_strict_json(make_run: MakeRun, tmp_path: Path) -> None:
    """Every line of a journal is one request object."""
    with make_run() as run:
        train(run)
        run.logger.info("x", value=math.nan, text="\ud800\n\u2028")
    (segment,) = (tmp_path / "otlp" / "rank0000").iterdir()
    for line in segment.read_text(encoding="utf-8").rstrip("\n").split("\n"):
        assert set(strict_json(line)) <= {"resourceMetrics", "resourceLogs", "resourceSpans"}


def test_telemetry_of_rank_0_alone(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``ranks="0"`` another rank writes its files, and no journal; rank 0 writes both."""
    place(monkeypatch, 1)
    with make_run(ranks="0", distributed=True) as run:
        train(run, 10)
    assert len(records(tmp_path, "tmp_rank1")) == 1
    assert not list(tmp_path.glob("otlp/*/*"))
    place(monkeypatch, 0)
    with make_run(ranks="0") as run:
        train(run, 10)
    assert read_journals(tmp_path).points


def test_ranks_that_there_are_not(make_run: MakeRun) -> None:
    """Anything but all ranks or rank 0 is told at once."""
    with pytest.raises(ConfigError, match="ranks is 0, but it is 'all'"):
        make_run(ranks=0)
