"""Several runners in one process: loops that count iterations, val and test alone, and one that fails."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.arrivals import JsonLine, assert_spans_are_whole
from tests.end_to_end.mmengine_runs import Ended, finish, lineages, start
from tests.end_to_end.otlp_files import Telemetry
from tests.journals import json_lines, read_journals

NAMES = ("iters", "alone", "broken")


@dataclass(frozen=True, slots=True)
class Left:
    """What one runner left.

    Attributes:
        work_dir: Of the runner.
        lines: Its JSON lines.
        found: Its journal.
    """

    work_dir: Path
    lines: list[JsonLine]
    found: Telemetry

    def lives(self) -> set[tuple[str, ...]]:
        """The names of each span but the registry's, and of what it is in, innermost first."""
        return {chain for chain in lineages(self.found) if not chain[0].startswith("mmlog.registry")}

    def record_events(self) -> list[Any]:
        """The event of each record."""
        return [line["event_name"] for line in self.lines if "tags" in line]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Three runners, the last of which raises in training."""
    folder = tmp_path_factory.mktemp("several")
    return finish(start(folder, script="several.py"), folder, 1)


@pytest.fixture(scope="module")
def left(ended: Ended) -> dict[str, Left]:
    """By its name, what each runner left."""
    folders = {name: ended.work_dir / name for name in NAMES}
    return {
        name: Left(folder, json_lines(folder / f"{name}.jsonl"), read_journals(folder))
        for name, folder in folders.items()
    }


def test_each_runner_has_a_run(left: dict[str, Left]) -> None:
    """Ids, traces and files are one to a runner, and each run is closed when the next begins."""
    run_ids = {name: {line["run_id"] for line in each.lines} for name, each in left.items()}
    assert all(len(ids) == 1 for ids in run_ids.values())
    assert len(set.union(*run_ids.values())) == len(NAMES)
    assert len({span.trace_id for each in left.values() for span in each.found.spans}) == len(NAMES)
    for name, each in left.items():
        assert sorted(path.name for path in each.work_dir.glob(f"{name}*.*")) == [
            f"{name}.jsonl",
            f"{name}.log",
        ]
        assert_spans_are_whole(each.found)
        assert [line["event"][:8] for line in each.lines][-1] == "Journal:"
        assert not list(each.work_dir.glob("otlp/*/*.part"))


def test_loop_of_iterations(left: dict[str, Left]) -> None:
    """It has no epochs: val is in train."""
    train = ("mmlog.train", "mmlog.run")
    inside = {(name, *train) for name in ("mmlog.val", "mmlog.checkpoint.save")}
    assert left["iters"].lives() == {train[1:], train, *inside}
    assert sum(span.name == "mmlog.val" for span in left["iters"].found.spans) == 2
    assert left["iters"].record_events() == ["mmlog.val.epoch", "mmlog.train.iter", "mmlog.val.epoch"]


def test_val_and_test_alone(left: dict[str, Left]) -> None:
    """They have records and a span each; the level that was written in lower case is in force."""
    alone = left["alone"]
    assert alone.record_events() == [
        f"mmlog.{mode}.{kind}" for mode in ("val", "test") for kind in ("iter", "epoch")
    ]
    assert alone.lives() == {("mmlog.run",), ("mmlog.test", "mmlog.run"), ("mmlog.val", "mmlog.run")}
    assert any(line.get("event_name") == "mmlog.registry.build" for line in alone.lines)
    for name in ("iters", "broken"):
        assert not any(line["level"] == "DEBUG" for line in left[name].lines)


def test_exception_in_training(ended: Ended, left: dict[str, Left]) -> None:
    """The spans that it ended have it, an event tells of it, and Python prints it once and exits as always."""
    found = left["broken"].found
    failed = {span.name: span.status for span in found.spans if span.status == 2}
    assert failed == {"mmlog.run": 2, "mmlog.train": 2, "mmlog.epoch": 2}
    (told,) = [log for log in found.logs if log.event_name == "mmlog.exception"]
    assert told.attributes["exception.type"] == "RuntimeError"
    assert told.attributes["exception.message"] == "the toy model broke"
    assert "in fail" in told.attributes["exception.stacktrace"]
    assert ended.error.count("Traceback (most recent call last)") == 1
    assert ended.error.endswith("RuntimeError: the toy model broke\n")
