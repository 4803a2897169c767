"""A real model on real data on two ranks: text, JSON, journal and Collector say the same."""

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog.otel.semconv import OWN_METRIC_PREFIXES
from tests.end_to_end.digits_runs import LINE, finish, journal, json_lines, run_digits, start_digits
from tests.end_to_end.otlp_files import Point, Telemetry, read_otlp
from tests.end_to_end.servers import otelcol, wait_until

RANKS = (0, 1)


@pytest.fixture(scope="module")
def diverged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work_dir of two ranks whose loss became NaN in the last epoch."""
    work_dir = tmp_path_factory.mktemp("digits") / "work"
    printed = run_digits(work_dir, "--distributed", "--diverge")
    (work_dir / "printed.txt").write_text(printed)
    return work_dir


@pytest.fixture(scope="module")
def collected(diverged: Path, tmp_path_factory: pytest.TempPathFactory) -> Telemetry:
    """What a real Collector made of the journals of `diverged`."""
    folder = tmp_path_factory.mktemp("collector")
    out = folder / "telemetry.jsonl"
    config = Path(__file__).parents[2] / "collector-config" / "offline.yaml"
    expected = sum(journal(diverged, rank).items for rank in RANKS)
    variables = {"OTEL_MMLOG_WORK_DIR": str(diverged), "MMLOG_COLLECTOR_FILE": str(out)}
    with otelcol(config, folder, variables) as server:
        wait_until(lambda: read_otlp(out).items >= expected, 25)
        server.stop()
    return read_otlp(out)


def name_of(rank: int) -> str:
    """The stem of a rank's files."""
    return "digits" if rank == 0 else f"digits_rank{rank}"


def records(work_dir: Path, rank: int) -> list[dict[str, Any]]:
    """The JSON lines of a rank that are records."""
    return [line for line in json_lines(work_dir / f"{name_of(rank)}.jsonl") if "tags" in line]


def with_value(points: list[Point]) -> list[Point]:
    """Points but those that end a series."""
    return [point for point in points if point.flags == 0]


def as_text(value: Any) -> str:
    """A number as one spelling, whether it came as JSON text, int or float."""
    return {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}.get(str(value), str(float(value)))


def test_each_rank_has_its_files(diverged: Path) -> None:
    """Text, JSON and journal exist for both ranks, and every text line has MMEngine's form."""
    for rank in RANKS:
        text = (diverged / f"{name_of(rank)}.log").read_text().splitlines()
        assert text
        assert all(LINE.match(line) for line in text)
        assert not list((diverged / "otlp" / f"rank{rank:04d}").glob("*.part"))


def test_ranks_of_one_distributed_model(diverged: Path) -> None:
    """The gradients that the ranks share have one norm, and each rank's loss is its own."""
    norms, losses = (
        [
            [record["tags"][name] for record in records(diverged, rank) if name in record["tags"]][:5]
            for rank in RANKS
        ]
        for name in ("grad_norm", "loss")
    )
    assert len(norms[0]) == 5
    assert norms[0] == pytest.approx(norms[1])
    assert all(one != other for one, other in zip(*losses, strict=True))


def test_the_console_shows_rank_zero_alone(diverged: Path) -> None:
    """What was printed is rank 0's file, line by line, apart from the year."""
    printed = (diverged / "printed.txt").read_text().splitlines()
    written = (diverged / "digits.log").read_text().splitlines()
    assert printed == [line[5:] for line in written]


def test_points_are_the_tags_of_the_json_lines(diverged: Path, collected: Telemetry) -> None:
    """Each number of each record is one point at the Collector, with rank, run and attempt; NaN included."""
    expected: Counter[tuple[Any, ...]] = Counter()
    for rank in RANKS:
        for record in records(diverged, rank):
            for tag, value in record["tags"].items():
                expected[rank, f"mmlog.{record['mode']}.{tag}", as_text(value), record["run_id"], 0] += 1
    found = Counter(
        (
            point.attributes["rank"],
            point.name,
            as_text(point.value),
            point.attributes["mmlog.run.id"],
            point.attributes["mmlog.run.attempt"],
        )
        for point in with_value(collected.points)
        if not point.name.startswith(OWN_METRIC_PREFIXES)
    )
    assert found == expected
    assert any(name == "mmlog.train.loss" and value == "nan" for _, name, value, _, _ in found)
    assert all(math.isnan(float(value)) for _, _, value, _, _ in found if value == "nan")


def test_each_json_line_is_one_log_record(diverged: Path, collected: Telemetry) -> None:
    """Bodies, ranks and numbers of the log records are those of the JSON lines; no number is missing."""
    for rank in RANKS:
        lines = json_lines(diverged / f"{name_of(rank)}.jsonl")
        assert [line["seq"] for line in lines] == list(range(len(lines)))
        logs = {
            log.attributes["mmlog.seq"]: log.body
            for log in collected.logs
            if log.resource["rank"] == rank and "mmlog.seq" in log.attributes
        }
        assert logs == {line["seq"]: line["event"] for line in lines}


def test_both_ranks_share_one_trace(collected: Telemetry) -> None:
    """One trace id; rank 1's run span is a child of rank 0's; train, epoch and val nest below it."""
    assert len({span.trace_id for span in collected.spans}) == 1
    by_id = {span.span_id: span for span in collected.spans}
    roots = [span for span in collected.spans if not span.parent_id]
    assert [(root.name, root.resource["rank"]) for root in roots] == [("mmlog.run", 0)]

    def lineage(span_id: str) -> Iterator[str]:
        while span_id:
            yield by_id[span_id].name
            span_id = by_id[span_id].parent_id

    chains = {tuple(lineage(span.span_id)) for span in collected.spans}
    assert ("mmlog.val", "mmlog.epoch", "mmlog.train", "mmlog.run") in chains
    assert ("mmlog.val", "mmlog.epoch", "mmlog.train", "mmlog.run", "mmlog.run") in chains
    assert ("mmlog.checkpoint.save", "mmlog.epoch", "mmlog.train", "mmlog.run") in chains


def test_records_are_correlated_with_spans(collected: Telemetry) -> None:
    """Every record's log carries the trace, and the id of a span that arrived."""
    spans = {span.span_id for span in collected.spans}
    logs = [log for log in collected.logs if log.event_name == "mmlog.train.iter"]
    assert logs
    assert all(log.span_id in spans for log in logs)


def test_a_second_start_is_a_new_run_and_a_resume_the_next_attempt(tmp_path: Path) -> None:
    """In one folder: a new run has a new id and trace; resume=True goes on as attempt 1 with steps and ETA right."""
    work_dir = tmp_path / "work"
    run_digits(work_dir, "--epochs", "1")
    run_digits(work_dir, "--epochs", "1")
    run_digits(work_dir, "--epochs", "2", "--resume")
    lines = json_lines(work_dir / "digits.jsonl")
    starts = list(dict.fromkeys((line["run_id"], line["attempt"]) for line in lines))
    first, second, resumed = starts
    assert first[0] != second[0]
    assert (first[1], second[1]) == (0, 0)
    assert resumed == (second[0], 1)
    assert_resumed(lines, second, resumed)
    for rank in RANKS:
        spans = journal(work_dir, rank).spans
        assert len({(span.trace_id, span.resource["mmlog.run.id"]) for span in spans}) == 3


def assert_resumed(lines: list[dict[str, Any]], before: tuple[str, int], after: tuple[str, int]) -> None:
    """The resumed attempt begins behind the last step of the attempt before it."""
    train = [line for line in lines if line.get("mode") == "train"]
    last = [line for line in train if (line["run_id"], line["attempt"]) == before][-1]
    again = [line for line in train if (line["run_id"], line["attempt"]) == after]
    assert again[0]["epoch"] == last["epoch"] + 1
    assert again[0]["iter"] == last["iter"] + 10
    assert again[-1]["tags"]["eta"] == 0


def test_two_jobs_at_once_in_one_folder_do_not_mix(tmp_path: Path) -> None:
    """Two torchrun jobs with one name: no file holds lines of both, and each trace is whole."""
    work_dir = tmp_path / "work"
    jobs = [start_digits(work_dir, "--distributed", "--epochs", "2") for _ in range(2)]
    for job in jobs:
        finish(job)
    files = sorted(work_dir.glob("*.jsonl"))
    owners = [{line["run_id"] for line in json_lines(path)} for path in files]
    assert len(files) == 4
    assert all(len(owner) == 1 for owner in owners)
    for rank in RANKS:
        found = journal(work_dir, rank)
        assert found.unreadable_lines == 0
        assert len({(span.trace_id, span.resource["mmlog.run.id"]) for span in found.spans}) == 2
