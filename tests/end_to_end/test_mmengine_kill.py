"""A training of MMEngine that is killed in an epoch, and goes on as the next attempt at the same run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.arrivals import JsonLine, assert_spans_are_whole
from tests.end_to_end.mmengine_runs import finish, lineages, options, start
from tests.end_to_end.otlp_files import Span, Telemetry
from tests.journals import json_lines, read_journals, text_lines

KILLED = -9


@dataclass(frozen=True, slots=True)
class Resumed:
    """A run that was killed in the 15th of 20 iterations and resumed behind the 10th.

    Attributes:
        work_dir: Of both attempts.
        lines: Their JSON lines.
        found: Their journals.
    """

    work_dir: Path
    lines: list[JsonLine]
    found: Telemetry

    def records(self, attempt: int) -> dict[int, JsonLine]:
        """The train records of an attempt, by their iteration."""
        return {
            line["iter"]: line
            for line in self.lines
            if line["attempt"] == attempt and line.get("mode") == "train" and "tags" in line
        }

    def spans(self, attempt: int) -> list[Span]:
        """The spans of an attempt."""
        return [span for span in self.found.spans if span.resource["mmlog.run.attempt"] == attempt]


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    """The model kills its process; then the same command, with --resume."""
    folder = tmp_path_factory.mktemp("kill")
    fault = options("model.fault=kill", "model.fault_at=14")
    finish(start(folder, *fault), folder, KILLED)
    ended = finish(start(folder, "--resume"), folder)
    return Resumed(ended.work_dir, json_lines(ended.work_dir / "toy.jsonl"), read_journals(ended.work_dir))


def tags(record: JsonLine, *names: str) -> dict[str, Any]:
    """Some of the tags of a record."""
    return {name: record["tags"][name] for name in names}


def test_trace_of_a_killed_run_is_whole(resumed: Resumed) -> None:
    """What was open when it died has an end and an error; each span has its parent, and the epoch its val."""
    killed = resumed.spans(0)
    ended = {span.name: span.status for span in killed if span.attributes.get("mmlog.span.synthesized")}
    assert ended == {"mmlog.run": 2, "mmlog.train": 2, "mmlog.epoch": 2}
    assert_spans_are_whole(resumed.found)
    assert [span.attributes["epoch"] for span in killed if span.name == "mmlog.epoch"] == [1, 2]
    assert ("mmlog.val", "mmlog.epoch", "mmlog.train", "mmlog.run") in lineages(resumed.found)


def test_resume_is_attempt_one_of_the_same_run(resumed: Resumed) -> None:
    """One run id, a trace for each attempt; the second one loads a checkpoint and ends well."""
    assert len({line["run_id"] for line in resumed.lines}) == 1
    assert [len({span.trace_id for span in resumed.spans(attempt)}) for attempt in (0, 1)] == [1, 1]
    second = resumed.spans(1)
    assert {span.trace_id for span in second} != {span.trace_id for span in resumed.spans(0)}
    assert all(span.status != 2 for span in second)
    (load,) = [span for span in second if span.name == "mmlog.checkpoint.load"]
    path = Path(load.attributes["path"])
    assert (path.name, load.attributes["bytes"]) == ("epoch_1.pth", path.stat().st_size)


def test_windows_go_on_where_the_checkpoint_was(resumed: Resumed) -> None:
    """The iterations that both attempts did have the same losses, over windows that reach behind the restart."""
    before, after = resumed.records(0), resumed.records(1)
    assert list(before) == [2, 4, 6, 8, 10, 12, 14]
    assert list(after) == [12, 14, 16, 18, 20]
    for iteration in (12, 14):
        names = ("loss", "loss_global", "lr", "epoch", "iter")
        assert tags(after[iteration], *names) == tags(before[iteration], *names)


def test_eta_counts_what_is_left(resumed: Resumed) -> None:
    """After two iterations it is their mean time, eight times; at the end it is zero."""
    after = resumed.records(1)
    first = after[12]["tags"]
    assert first["eta"] == pytest.approx(8 * first["time_2"], rel=1e-6)
    assert after[20]["tags"]["eta"] == 0


def test_files_go_on(resumed: Resumed) -> None:
    """One text file has the lines of both attempts, in order."""
    lines = [line for line in text_lines(resumed.work_dir / "toy.log") if "Epoch(train)" in line]
    heads = [line.split(" - INFO - ")[1].split("  lr")[0] for line in lines]
    one = [f"Epoch(train) [1][{number:2}/10]" for number in (2, 4, 6, 8, 10)]
    two = [f"Epoch(train) [2][{number:2}/10]" for number in (2, 4, 6, 8, 10)]
    assert heads == [*one, *two[:2], *two]
    assert [path.name for path in resumed.work_dir.glob("*.log")] == ["toy.log"]
