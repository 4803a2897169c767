"""The spans of a Runner's life, as a tree."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog.integrations.mmengine.instrumentor import current_run
from tests.end_to_end.otlp_files import Span
from tests.integrations.mmengine.runners import Talker, instrumented, make_runner
from tests.journals import read_journals

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mmengine.hooks import Hook
    from mmengine.runner import BaseLoop, Runner

FLAT = {"by_epoch": False, "max_iters": 8, "val_interval": 4}


@pytest.fixture(autouse=True)
def on() -> Iterator[None]:
    """The integration, on."""
    with instrumented():
        yield


def finish(folder: Path) -> list[Span]:
    """Close the run, and return its spans in the order of their starts."""
    current_run().close()
    return sorted(read_journals(folder).spans, key=lambda span: span.start_ns)


def tree(spans: list[Span]) -> list[Any]:
    """``name`` or ``(name, [what is inside])`` of each span."""

    def inside(parent: str) -> list[Any]:
        found = []
        for span in spans:
            if span.parent_id == parent:
                name, within = span.name.removeprefix("mmlog."), inside(span.span_id)
                found.append((name, within) if within else name)
        return found

    return inside("")


def statuses(spans: list[Span]) -> dict[str, int]:
    return {span.name.removeprefix("mmlog."): span.status for span in spans}


class Raises(Hook):  # type: ignore[misc]  # mmengine has no types
    """Raises in the middle of an epoch."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        if batch_idx == 3:
            raise self.error


class RaisesInVal(Hook):  # type: ignore[misc]  # mmengine has no types
    """Raises in the middle of a val loop."""

    def after_val_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        raise ValueError("wrong")


class Stops(Hook):  # type: ignore[misc]  # mmengine has no types
    """Stops training early, as EarlyStoppingHook does."""

    def after_val_epoch(self, runner: Any, metrics: Any = None) -> None:
        runner.train_loop.stop_training = True


class Bare(BaseLoop):  # type: ignore[misc]  # mmengine has no types
    """A user's loop, which has no epoch, and calls few hooks."""

    iter = max_iters = max_epochs = 3

    def __init__(self, runner: Any, dataloader: Any) -> None:
        super().__init__(runner, dataloader)

    def run(self) -> Any:
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        return self.runner.model


class Straight(Runner):  # type: ignore[misc]  # mmengine has no types
    """Has a train method of its own."""

    def train(self) -> Any:
        self._train_loop: Any = self.build_train_loop(self._train_loop)
        self.optim_wrapper: Any = self.build_optim_wrapper(self.optim_wrapper)
        self._init_model_weights()
        self.call_hook("before_run")
        self.train_loop.run()


def test_epochs(tmp_path: Path) -> None:
    """An epoch lasts over its val loop until the next one; checkpoints are where they were saved."""
    runner = make_runner(tmp_path, default_hooks={"checkpoint": {"type": "CheckpointHook", "interval": 1}})
    runner.train()
    runner.test()
    spans = finish(tmp_path)
    epoch = ("epoch", ["checkpoint.save", "val"])
    assert tree(spans) == [("run", [("train", [epoch, epoch]), "test"])]
    assert set(statuses(spans).values()) == {0}
    assert [s.attributes["epoch"] for s in spans if s.name == "mmlog.epoch"] == [1, 2]
    saved = [span for span in spans if span.name == "mmlog.checkpoint.save"]
    sizes = [(tmp_path / f"epoch_{number}.pth").stat().st_size for number in (1, 2)]
    assert sorted(sizes) == sorted(
        size for span in saved for size in span.attributes.values() if size in sizes
    )


def test_iterations(tmp_path: Path) -> None:
    """A loop that counts iterations has no epochs: its val loops are in train."""
    make_runner(tmp_path, train_cfg=FLAT, log_processor={"by_epoch": False}).train()
    assert tree(finish(tmp_path)) == [("run", [("train", ["val", "val"])])]


def test_val_and_test_alone(tmp_path: Path) -> None:
    """Val and test alone are spans of the run, also when called twice."""
    runner = make_runner(tmp_path)
    runner.val()
    runner.test()
    runner.val()
    assert tree(finish(tmp_path)) == [("run", ["val", "test", "val"])]


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt()])
def test_what_ends_training(tmp_path: Path, error: BaseException) -> None:
    """An exception is the end of train and of its epoch, with status ERROR; the Runner can go on with test."""
    runner = make_runner(tmp_path, custom_hooks=[Raises(error)])
    with pytest.raises(type(error)):
        runner.train()
    runner.test()
    spans = finish(tmp_path)
    assert tree(spans) == [("run", [("train", ["epoch"]), "test"])]
    assert statuses(spans) == {"run": 0, "train": 2, "epoch": 2, "test": 0}


@pytest.mark.parametrize("traces", ["otlp", "none"])
def test_a_val_loop_that_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, traces: str) -> None:
    """When a val loop has ended training the Runner is in no loop any more, with spans and without."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", traces)
    runner = make_runner(tmp_path, custom_hooks=[RaisesInVal()])
    with pytest.raises(ValueError, match="wrong"):
        runner.train()
    assert not current_run().loops.is_open
    found = statuses(finish(tmp_path))
    assert found == ({} if traces == "none" else {"run": 0, "train": 2, "epoch": 2, "val": 2})


def test_stopped_early(tmp_path: Path) -> None:
    """Training that a hook stops after val has ended spans, all of them well."""
    make_runner(tmp_path, custom_hooks=[Stops()]).train()
    spans = finish(tmp_path)
    assert tree(spans) == [("run", [("train", [("epoch", ["val"])])])]
    assert set(statuses(spans).values()) == {0}


def test_a_users_loop(tmp_path: Path) -> None:
    """A loop of the user's that has no epoch has its spans, and nothing of ours fails in it."""
    runner = make_runner(tmp_path, train_cfg={"type": Bare}, default_hooks={"runtime_info": None}, val_cfg=None,
                         val_dataloader=None, val_evaluator=None)  # fmt: skip
    runner.train()
    runner.test()
    assert not current_run()._parts.handler.faults
    assert tree(finish(tmp_path)) == [("run", [("train", ["epoch"]), "test"])]


def test_a_users_train_method(tmp_path: Path) -> None:
    """A Runner with a train method of its own has the span of train from the loop's hooks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.integrations.mmengine.runners.Runner", Straight)
        runner = make_runner(tmp_path, val_cfg=None, val_dataloader=None, val_evaluator=None)
    runner.train()
    runner.test()
    assert tree(finish(tmp_path)) == [("run", [("train", ["epoch", "epoch"]), "test"])]


def test_nested_builds(tmp_path: Path) -> None:
    """At DEBUG, what a Runner builds nests in the run, and what it builds when it trains in train."""
    make_runner(tmp_path, model=Talker(), log_level="debug").train()
    spans = finish(tmp_path)
    names = {span.span_id: span.name for span in spans}
    parents = {names.get(span.parent_id) for span in spans if span.name == "mmlog.registry.build"}
    assert "mmlog.train" in parents
    assert "mmlog.run" in parents
    assert len({span.trace_id for span in spans}) == 1
