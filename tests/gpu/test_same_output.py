"""The deferred mode writes what the ordinary one writes: the same bytes in the same order, at another moment."""

import itertools
import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import otel_mmlog
from otel_mmlog.core.history import HistoryBuffer
from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.hub_view import HubView, history_as_of
from otel_mmlog.core.progress import Mode
from otel_mmlog.loops.state import EndSpan, Loop
from tests.gpu.fake_device import FakeDevice

RULES: list[dict[str, Any]] = [
    {"data_src": "loss", "method_name": "mean", "window_size": "global", "log_name": "loss_all"},
    {"data_src": "loss", "method_name": "max", "window_size": 5, "log_name": "loss_max"},
    {"data_src": "loss", "method_name": "spread_of_tests", "log_name": "loss_spread"},
]


@HistoryBuffer.register_statistics
def spread_of_tests(history: Any) -> float:
    """A statistic of a user's own, over the arrays."""
    values, counts = history.data
    assert len(values) == len(counts) == min(history.total, len(values))
    return float(np.ptp(values))


@dataclass(frozen=True)
class Part:
    """A train loop, and the val loop inside or behind it."""

    steps: int
    val_steps: int
    inside: bool
    stalled: bool
    reads: bool
    integers: int


@dataclass
class Clock:
    """Time that moves with the steps alone."""

    step: int = 0

    def time_ns(self) -> int:
        return 1_800_000_000_000_000_000 + self.step * 10**9

    def perf_counter(self) -> float:
        return float(self.step)


def batches(clock: Clock, count: int) -> Iterator[int]:
    for _ in range(count):
        clock.step += 1
        yield clock.step


def train(folder: Path, parts: list[Part], clock: Clock, **options: Any) -> None:
    """A training on the fake device."""
    device = FakeDevice()
    with otel_mmlog.init(
        "tmp", work_dir=folder, console=False, run_id="r", custom_cfg=RULES, **options
    ) as run:
        run.hub._pending._device = device
        for part in parts:
            device.stalled = part.stalled
            if not part.stalled:
                device.finish()
            for at, step in enumerate(run.train(batches(clock, part.steps))):
                kind = torch.int64 if step <= part.integers else torch.float32
                run.log(loss=device.tensor(step / 2), n=device.tensor(step, kind), lr=0.1 * step)
                if part.inside and at == part.steps // 2:
                    validate(run, device, clock, part.val_steps)
                if part.reads and at == part.steps // 2:
                    run.hub.get_scalar("train/loss").mean()
            if not part.inside:
                validate(run, device, clock, part.val_steps)


def validate(run: otel_mmlog.Run, device: FakeDevice, clock: Clock, steps: int) -> None:
    for step in run.val(batches(clock, steps)):
        run.log(acc=device.tensor(1 / step), count=step)
    run.log({"val/last": device.tensor(2.0)})


def written(parts: list[Part], **options: Any) -> tuple[list[str], list[Any], list[bytes]]:
    """The text file's and the JSON file's records, and the points of the journal, with the times of `Clock`."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.time_ns", clock.time_ns)
        patch.setattr("time.perf_counter", clock.perf_counter)
        patch.setattr("otel_mmlog.loops.loops.Loop", partial(_begin_loop, clock))
        folder = Path(name)
        train(folder, parts, clock, **options)
        points = [
            line
            for path in sorted(folder.glob("otlp/*/*.jsonl"))
            for line in path.read_bytes().splitlines()
            if re.search(rb'"name":"mmlog\.(train|val|raw)\.', line)
        ]
        text = [
            line
            for line in (folder / "tmp.log").read_text().splitlines()
            if re.search(r"\((train|val)\)", line)
        ]
        return text, _with_numbered_spans((folder / "tmp.jsonl").read_text().splitlines()), points


def _begin_loop(
    clock: Clock, mode: Mode, loader_len: int | None, totals: dict[str, int], end_span: EndSpan, ahead: int
) -> Loop:
    now_s = clock.perf_counter()
    return Loop(mode, loader_len, totals, end_span, ahead, began_s=now_s, mark_s=clock.perf_counter())


def _with_numbered_spans(lines: list[str]) -> list[Any]:
    """The records, their spans' random ids as numbers in the order in which they come.

    That training has to wait is told by a line between them, so their numbers only rise alike.
    """
    numbers: dict[str, int] = {}
    found = [record for record in map(json.loads, lines) if "tags" in record]
    for record in found:
        record["span_id"] = numbers.setdefault(record["span_id"], len(numbers))
    order = [record.pop("seq") for record in found]
    assert order == sorted(set(order))
    return found


PARTS = st.builds(
    Part,
    steps=st.integers(0, 12),
    val_steps=st.integers(0, 3),
    inside=st.booleans(),
    stalled=st.booleans(),
    reads=st.booleans(),
    integers=st.integers(0, 20),
)


@settings(max_examples=20)
@given(
    parts=st.lists(PARTS, min_size=1, max_size=3),
    interval=st.integers(1, 5),
    by_epoch=st.booleans(),
    steps=st.sampled_from(["records", "every"]),
    with_hierarchy=st.booleans(),
)
def test_same_bytes(
    parts: list[Part], interval: int, by_epoch: bool, steps: str, with_hierarchy: bool
) -> None:
    """Whatever the lengths of loops, the interval and the device: text, JSON and points are the same."""
    options = {
        "interval": interval,
        "by_epoch": by_epoch,
        "steps": steps,
        "log_with_hierarchy": with_hierarchy,
    }
    ordinary = written(parts, deferred=False, **options)
    deferred = written(parts, deferred=True, **options)
    assert deferred == ordinary
    assert bool(deferred[2]) == bool(deferred[0])


VALUES = st.lists(
    st.tuples(st.one_of(st.integers(-5, 5), st.floats(-5, 5), st.booleans()), st.integers(1, 3)), max_size=40
)


@given(before=VALUES, after=VALUES, weighted=st.booleans(), max_length=st.integers(1, 50))
def test_history_as_of(before: list[Any], after: list[Any], weighted: bool, max_length: int) -> None:
    """A history as of a total is what it was then: its values, dtype, counts and statistics."""
    then, now = (HistoryBuffer(max_length=max_length, weighted=weighted) for _ in range(2))
    for value, count in before:
        then.update(value, count)
        now.update(value, count)
    total, dtype = now.total, now._values.dtype
    for value, count in after:
        now.update(value, count)
    view = history_as_of(now, total, dtype)
    assert view.total == then.total
    assert view.data[0].tolist() == then.data[0].tolist()
    assert view.data[0].dtype == then.data[0].dtype
    assert view.data[1].tolist() == then.data[1].tolist()
    for method, window in itertools.product(("mean", "max", "min"), (None, 1, 3, 1000)):
        if total:
            assert view.statistics(method, window) == then.statistics(method, window)
    if total:
        assert view.current() == then.current()


def test_long_history_as_of() -> None:
    """A history of blocks, full and forgetting, gives what it gave, while it forgets not much more."""
    limit = 70_000
    values = np.random.default_rng(0).random(limit + 30_000)
    then, now = (HistoryBuffer(values[:limit], np.ones(limit, int), limit) for _ in range(2))
    for history, stop in ((then, 21_000), (now, 25_000)):
        for value in values[limit : limit + stop].tolist():
            history.update(value)
    assert now.mean() != then.mean()  # makes its blocks
    view = history_as_of(now, limit + 21_000, now._values.dtype)
    assert [view.mean(), view.max(), view.mean(69_000), view.mean(10)] == [
        then.mean(),
        then.max(),
        then.mean(69_000),
        then.mean(10),
    ]


def test_hub_view_has_the_scalars_of_its_moment() -> None:
    """Scalars and information that come later are not in it."""
    hub = MessageHub("view")
    hub.update_scalar("a", 1)
    hub.update_info("x", [1])
    view = HubView(hub)
    hub.update_scalar("b", 2)
    hub.update_scalar("a", 3.5)
    hub.update_info("x", [2])
    assert {key: history.data[0].tolist() for key, history in view.log_scalars.items()} == {"a": [1]}
    assert view.runtime_info == {"x": [1]}
