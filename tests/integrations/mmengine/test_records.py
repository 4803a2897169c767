"""The records of a Runner: one a line, with MMEngine's numbers, whichever way the integration came in."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integrations.mmengine.runners import (
    COUNTED,
    COUNTED_RULES,
    RULES,
    TYPE,
    instrumented,
    make_runner,
    name_of,
    quiet,
)
from tests.journals import json_lines, read_journals, text_lines

with quiet():
    from mmengine.runner import LogProcessor

    from otel_mmlog.integrations.mmengine.records import Records

BACKENDS = ["LocalVisBackend", "otel_mmlog.integrations.mmengine.OTelVisBackend"]
MEASURED = ("time", "data_time", "eta", "time_max", "memory")
HEADER = re.compile(r"(?:Epoch|Iter)\((?:train|val|test)\)")


@dataclass
class Outcome:
    """What one run left."""

    folder: Path
    lines: list[dict[str, Any]]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if "tags" in line]

    def text(self, pattern: str) -> list[str]:
        """The lines of records in a text file, from the logger's name on."""
        path = next(self.folder.glob(pattern))
        lines = [line for line in text_lines(path) if HEADER.search(line)]
        return [line.partition(" - ")[2] for line in lines]

    def scalars(self) -> list[dict[str, Any]]:
        path = next(self.folder.glob("*/vis_data/scalars.json"))
        return [json.loads(line) for line in path.read_text().splitlines()]


Way = Callable[[str], Outcome]
"""From the name of a way in to what its run left."""


def train(folder: Path, *, test: bool = True, **options: Any) -> Outcome:
    visualizer = {"type": "Visualizer", "vis_backends": [{"type": name} for name in BACKENDS]}
    runner = make_runner(folder, visualizer=visualizer, **options)
    runner.train()
    if test:
        runner.test()
    return Outcome(folder, json_lines(folder / f"{name_of(folder)}.jsonl"))


def without_measured(text: str) -> str:
    return re.sub(rf"\b({'|'.join(MEASURED)}): [\d.:]+", r"\1", text)


def comparable(line: dict[str, Any]) -> dict[str, Any]:
    """A JSON line without what differs from run to run."""
    line = {**line, "event": without_measured(line["event"])}
    for name in ("ts", "trace_id", "span_id", "run_id", "seq"):
        line.pop(name, None)
    if "tags" in line:
        line["tags"] = {
            name: name.split("/")[-1] in MEASURED or value for name, value in line["tags"].items()
        }
    return line


@pytest.fixture(scope="module")
def train_in(tmp_path_factory: pytest.TempPathFactory) -> Way:
    """One run for each way in, made when it is first asked for."""
    known: dict[str, Outcome] = {}

    def get(way: str) -> Outcome:
        if way not in known:
            processor = {
                "window_size": 3,
                "custom_cfg": RULES,
                "log_with_hierarchy": way.endswith("hierarchical"),
            }
            if way.startswith("one line"):
                processor["type"] = TYPE
            folder = tmp_path_factory.mktemp("ways") / way.replace(" ", "_").replace(",", "")
            with instrumented():
                known[way] = train(folder, log_processor=processor)
        return known[way]

    return get


@pytest.fixture(
    params=[
        way + hierarchical for way in ("zero-code", "one line") for hierarchical in ("", ", hierarchical")
    ]
)
def outcome(request: pytest.FixtureRequest, train_in: Way) -> Outcome:
    return train_in(request.param)


@pytest.mark.parametrize("hierarchical", ["", ", hierarchical"])
def test_same_whichever_way(train_in: Way, hierarchical: str) -> None:
    """With MMEngine's own processor and with ours, the JSON lines of the records are the same, times apart."""
    found, same = (
        [comparable(record) for record in train_in(way + hierarchical).records]
        for way in ("zero-code", "one line")
    )
    assert len(found) == 18
    assert found == same


def test_one_record_a_line(outcome: Outcome) -> None:
    """Each line of a loop is one record, and no line beside it."""
    texts = [line["event"] for line in outcome.lines if HEADER.match(line["event"])]
    assert texts == [record["event"] for record in outcome.records]
    logged = [log.body for log in read_journals(outcome.folder).logs if HEADER.match(str(log.body))]
    assert logged == texts


def test_text_is_theirs(outcome: Outcome) -> None:
    """The lines in our text file are those in mmengine's own."""
    ours = outcome.text("*.log")
    assert len(ours) == 18
    assert ours == outcome.text("*/*.log")


def test_tags_are_theirs(outcome: Outcome) -> None:
    """What mmengine's own back end wrote for train and val is in the record of the same step, every digit."""
    shown = [
        record
        for record in outcome.records
        if record["event_name"] in ("mmlog.train.iter", "mmlog.val.epoch")
    ]
    theirs = outcome.scalars()
    assert [scalars.pop("step") for scalars in theirs] == [record["step"] for record in shown]
    for record, scalars in zip(shown, theirs, strict=True):
        assert {name: record["tags"].get(name) for name in scalars} == scalars


def test_positions(outcome: Outcome) -> None:
    """Each record says at which epoch, iteration and step it was made."""
    found = [
        tuple(record[key] for key in ("event_name", "epoch", "iter", "step")) for record in outcome.records
    ]
    for epoch in (1, 2):
        expected = [("mmlog.train.iter", epoch, step, step) for step in range(11 * epoch - 9, 11 * epoch, 2)]
        last = 11 * epoch
        expected += [("mmlog.val.iter", epoch, last, last)] * 2 + [("mmlog.val.epoch", epoch, last, epoch)]
        assert found[8 * epoch - 8 : 8 * epoch] == expected
    assert found[16:] == [("mmlog.test.iter", 2, 22, 22), ("mmlog.test.epoch", 2, 22, 2)]
    assert all(record["tags"]["iter"] == record["iter"] for record in outcome.records)
    assert all(record["tags"]["epoch"] == record["epoch"] for record in outcome.records)


def test_no_stale_metrics(outcome: Outcome) -> None:
    """Inside a val loop there are no metrics of the loop before."""
    for record in outcome.records:
        if record["event_name"] == "mmlog.val.iter":
            names = {name.removeprefix("val/") for name in record["tags"]}
            assert names == {"time", "data_time", "time_max", "eta", "epoch", "iter"}


def test_non_scalars(outcome: Outcome) -> None:
    """Metrics that are no scalars are among the tags in the order of the line, in val as in test."""
    for mode in ("val", "test"):
        last = [record for record in outcome.records if record["event_name"] == f"mmlog.{mode}.epoch"][-1]
        tags = {name.removeprefix(f"{mode}/"): value for name, value in last["tags"].items()}
        assert len(tags["all"]) == tags["n"]
        assert tags["array"] == [0, 1, 2]
        assert tags["note"] == "fine"
        names = [name for name in tags if f"{name}: " in last["event"]]
        assert names == sorted(names, key=lambda name: re.search(rf"\b{name}: ", last["event"]).start())  # type: ignore[union-attr]  # it is there


def test_sources(outcome: Outcome) -> None:
    """The points say which statistic of which window each is."""
    points = read_journals(outcome.folder).points
    sources = {
        point.name: (point.attributes["method"], point.attributes["window"])
        for point in points
        if not point.flags
    }
    assert sources["mmlog.train.loss_best"] == ("min", "global")
    assert sources["mmlog.train.loss_a"] == ("mean", "4")
    assert sources["mmlog.train.loss_b"] == ("mean", "3")
    assert sources["mmlog.train.twice"] == ("current", "1")
    assert sources["mmlog.train.twice_long"] == ("max", "global")
    assert sources["mmlog.train.lr"] == ("current", "1")
    assert sources["mmlog.val.mean"] == ("current", "1")
    assert sources["mmlog.val.mean_best"] == ("max", "100")
    assert sources["mmlog.test.n_now"] == ("current", "1")
    of_times = {
        (point.attributes["method"], point.attributes["window"])
        for point in points
        if point.name == "mmlog.val.data_time"
    }
    assert of_times == {("mean", "3"), ("mean", "epoch")}


def test_points(outcome: Outcome) -> None:
    """Each number of each record is one point, and nothing leaves twice."""
    points = [point for point in read_journals(outcome.folder).points if not point.flags]
    numbers = sum(
        isinstance(value, (int, float)) for record in outcome.records for value in record["tags"].values()
    )
    assert len(points) == numbers
    assert len({(point.name, point.time_ns) for point in points}) == numbers


def test_iterations(tmp_path: Path) -> None:
    """Where iterations count, val and test records stand at the iteration, and have no epoch among their tags."""
    with instrumented():
        outcome = train(
            tmp_path / "run",
            train_cfg=COUNTED,
            log_processor={"window_size": 3, "by_epoch": False, "custom_cfg": COUNTED_RULES},
        )
    steps = [(record["mode"], record["iter"], record["step"]) for record in outcome.records]
    assert steps == (
        [("train", n, n) for n in range(2, 11, 2)]
        + [("val", 11, 11)] * 3
        + [("train", n, n) for n in range(12, 23, 2)]
        + [("val", 22, 22)] * 3
        + [("test", 22, 22)] * 2
    )
    assert not any("epoch" in record["tags"] for record in outcome.records)


def test_warning_level(tmp_path: Path) -> None:
    """With ``log_level='WARNING'`` the points leave, and the lines do not."""
    with instrumented():
        make_runner(tmp_path / "run", log_level="WARNING").train()
    found = read_journals(tmp_path / "run")
    points = [point for point in found.points if not point.flags]
    assert len([point for point in points if point.name == "mmlog.train.loss"]) == 10
    assert len([point for point in points if point.name == "mmlog.val.mean"]) == 2
    assert not [log for log in found.logs if HEADER.match(str(log.body))]
    assert not any(
        HEADER.search(line) for line in text_lines(tmp_path / "run" / f"{name_of(tmp_path / 'run')}.log")
    )


@pytest.mark.parametrize("processor", [{}, {"type": TYPE}], ids=["zero-code", "one line"])
def test_memory_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processor: dict[str, Any]
) -> None:
    """A device's peak memory is read once for each line inside a loop, and is in its tags and its points."""
    read: list[int] = []

    def count(_device: Any) -> int:
        read.append(len(read) + 100)
        return read[-1]

    with instrumented():
        runner = make_runner(tmp_path / "run", log_processor=processor)
        monkeypatch.setattr("mmengine.runner.log_processor.is_cuda_available", lambda: True)
        monkeypatch.setattr("mmengine.runner.log_processor.get_max_cuda_memory", count)
        runner.train()
    records = [
        line for line in json_lines(tmp_path / "run" / f"{name_of(tmp_path / 'run')}.jsonl") if "tags" in line
    ]
    inside = [record for record in records if record["event_name"].endswith(".iter")]
    assert [record["tags"]["memory"] for record in inside] == read
    points = [
        point
        for point in read_journals(tmp_path / "run").points
        if point.name.endswith(".memory") and not point.flags
    ]
    assert [point.value for point in points] == read
    assert {point.unit for point in points} == {"MiBy"}


def test_foreign_processor(tmp_path: Path) -> None:
    """A processor that has no more than the two methods is taken as it is."""

    class Terse(LogProcessor):  # type: ignore[misc]  # mmengine has no types
        def __init__(self) -> None:
            self.by_epoch = True

        def get_log_after_iter(self, runner: Any, batch_idx: int, mode: str) -> Any:
            return {"x": np.float32(batch_idx)}, f"{mode} {batch_idx}"

        def get_log_after_epoch(
            self, runner: Any, batch_idx: int, mode: str, with_non_scalar: bool = False
        ) -> Any:
            return {"acc": 1}, f"{mode} is over"

        _collect_non_scalars = None

    with instrumented():
        outcome = train(tmp_path / "run", log_processor=Terse(), test=False)
    assert [record["event"] for record in outcome.records[4:8]] == [
        "train 9",
        "val 1",
        "val 3",
        "val is over",
    ]
    assert list(outcome.records[0]["tags"]) == ["x", "epoch", "iter", "eta"]
    assert not [line for line in outcome.lines if "failed" in line["event"]]


def test_own_rule_names(tmp_path: Path) -> None:
    """A rule that finds no scalar of its loop is not the source of a tag that has its name."""
    rules = [
        {"data_src": "los", "log_name": "loss", "method_name": "max", "window_size": 5},
        {"data_src": "loss_b", "log_name": "val/loss_b", "method_name": "min", "window_size": "global"},
    ]
    with instrumented():
        runner = make_runner(tmp_path / "run", log_processor={"window_size": 3, "custom_cfg": rules})
        for name in ("loss", "loss_b", "val/loss_b"):
            runner.message_hub.update_scalar(f"train/{name}", 1.0)
        tag, text = runner.log_processor.get_log_after_iter(runner, 0, "train")
        record = Records(0).make(runner, 0, "train", kind="iter", tag=tag, text=text)
    assert record.sources == {
        "loss": ("mean", "3"),
        "loss_b": ("mean", "3"),
        "val/loss_b": ("min", "global"),
    }
