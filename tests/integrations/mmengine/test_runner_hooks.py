"""What a Runner calls, of whatever kind the user made it, and whose faults are whose."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog.integrations.mmengine.instrumentor import current_run
from tests.integrations.mmengine.runners import instrumented, make_runner, name_of
from tests.journals import json_lines, read_journals, text_lines

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mmengine.hooks import Hook, LoggerHook
    from mmengine.logging import MMLogger
    from mmengine.runner import LogProcessor, Runner


class TwoFaced(LogProcessor):  # type: ignore[misc]  # mmengine has no types
    """A user's log processor, whose method has arguments of other names and another text."""

    def get_log_after_iter(self, run: Any, index: int, loop: str) -> Any:
        tag, text = super().get_log_after_iter(run, index, loop)
        return {**tag, "extra": 5}, f"mine: {text}"


class Odd(LogProcessor):  # type: ignore[misc]  # mmengine has no types
    """Returns what LoggerHook cannot use either, to hooks that want just that."""

    def get_log_after_iter(self, runner: Any, batch_idx: int, mode: str) -> Any:
        return "no tuple"

    def get_log_after_epoch(
        self, runner: Any, batch_idx: int, mode: str, with_non_scalar: bool = False
    ) -> Any:
        return {"loss": object()}, None


class Asks(Hook):  # type: ignore[misc]  # mmengine has no types
    """Asks the log processor itself, and logs nothing."""

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        if batch_idx % 5 == 0:
            runner.log_processor.get_log_after_iter(runner, batch_idx=batch_idx, mode="train")


class Shouting(LoggerHook):  # type: ignore[misc]  # mmengine has no types
    """A user's LoggerHook, which logs another text than the processor made."""

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        if self.every_n_train_iters(runner, 2):
            _tag, text = runner.log_processor.get_log_after_iter(runner, batch_idx, "train")
            runner.logger.info(text.upper())


class Own(Runner):  # type: ignore[misc]  # mmengine has no types
    """Makes its logger itself, and calls hooks with positional arguments."""

    def build_logger(self, log_level: Any = "INFO", log_file: Any = None, **_options: Any) -> MMLogger:
        return MMLogger.get_instance(self._experiment_name + "_own", logger_name="own")

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        super().call_hook(fn_name, **kwargs)


@pytest.fixture
def on() -> Iterator[None]:
    """The integration, on."""
    with instrumented():
        yield


def events(folder: Path) -> list[dict[str, Any]]:
    return json_lines(folder / f"{name_of(folder)}.jsonl")


def points(folder: Path, name: str) -> int:
    """How many points a metric of the train loop has, those that end its series left out."""
    return len(
        [p for p in read_journals(folder).points if p.name == f"mmlog.train.{name}" and not p.flags & 1]
    )


def faults(folder: Path) -> list[str]:
    return [event["event"] for event in events(folder) if "failed (" in event["event"]]


class Every(Hook):  # type: ignore[misc]  # mmengine has no types
    """Calls the runner's hook method with what a user may."""

    def before_run(self, runner: Any) -> None:
        runner.call_hook(fn_name="before_something_of_mine")


@pytest.mark.usefixtures("on")
def test_a_users_log_processor(tmp_path: Path) -> None:
    """A log processor of the user's is taken as it is: its text, its tags, its arguments."""
    runner = make_runner(tmp_path, log_processor=TwoFaced(window_size=3), custom_hooks=[Every()])
    runner.train()
    found = [event for event in events(tmp_path) if event["event"].startswith("mine: Epoch(train)")]
    assert len(found) == 10
    assert all(event["tags"]["extra"] == 5 for event in found)
    assert points(tmp_path, "extra") == points(tmp_path, "loss") == 10
    assert faults(tmp_path) == []


@pytest.mark.usefixtures("on")
def test_odd_answers(tmp_path: Path) -> None:
    """What is no tag and text is the user's own affair: it is told once, and training goes on."""
    runner = make_runner(
        tmp_path, log_processor=Odd(), default_hooks={"logger": None}, custom_hooks=[Asks()], val_cfg=None,
        val_dataloader=None, val_evaluator=None,
    )  # fmt: skip
    runner.train()
    assert runner.log_processor.get_log_after_epoch(runner, 3, "val")[1] is None
    assert runner.iter == 22
    assert len(faults(tmp_path)) <= 2
    assert "training goes on" in faults(tmp_path)[0]


@pytest.mark.usefixtures("on")
def test_lines_that_nobody_logs(tmp_path: Path) -> None:
    """A record whose text is not logged, or logged otherwise, leaves as points, once; the line stays a line."""
    silent = make_runner(tmp_path / "silent", default_hooks={"logger": None}, custom_hooks=[Asks()])
    silent.train()
    loud = make_runner(tmp_path / "loud", default_hooks={"logger": {"type": Shouting, "interval": 2}})
    loud.train()
    assert points(tmp_path / "silent", "loss") == 6
    assert points(tmp_path / "loud", "loss") == 11
    assert len([e for e in events(tmp_path / "loud") if e["event"].startswith("EPOCH(TRAIN)")]) == 11
    assert not [
        event for event in events(tmp_path / "silent") if event.get("mode") == "train" and "tags" in event
    ]


@pytest.mark.usefixtures("on")
def test_a_users_runner(tmp_path: Path) -> None:
    """A Runner that makes its logger without MMEngine's method has a run, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.integrations.mmengine.runners.Runner", Own)
        runner = make_runner(tmp_path)
    runner.train()
    lines = text_lines(tmp_path / f"{name_of(tmp_path)}.log")
    assert len([line for line in lines if " - own - INFO - Epoch(train)" in line]) == 10
    assert points(tmp_path, "loss") == 10


@pytest.mark.usefixtures("on")
def test_a_fault_of_ours_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where no run can begin, that is told, and the Runner trains without."""

    class Nameless(Runner):  # type: ignore[misc]  # mmengine has no types
        """Has a work_dir that is none."""

        @property
        def work_dir(self) -> Any:
            return self._work_dir if "build_logger" not in vars(self) else 3

        def build_logger(self, *arguments: Any, **options: Any) -> MMLogger:
            self.__dict__["build_logger"] = None
            try:
                return super().build_logger(*arguments, **options)
            finally:
                del self.__dict__["build_logger"]

        def build_message_hub(self, *arguments: Any, **options: Any) -> Any:
            self.__dict__["build_logger"] = None
            try:
                return super().build_message_hub(*arguments, **options)
            finally:
                del self.__dict__["build_logger"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.integrations.mmengine.runners.Runner", Nameless)
        runner = make_runner(tmp_path)
    assert current_run() is None
    assert [r for r in caplog.records if "the start of a run failed (TypeError" in r.getMessage()]
    runner.train()
    assert runner.iter == 22
