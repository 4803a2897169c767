"""Several Runners in one process: which run is whose."""

import gc
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import otel_mmlog
from otel_mmlog.integrations.mmengine import MMEngineInstrumentor
from otel_mmlog.integrations.mmengine.instrumentor import current_run
from tests.integrations.mmengine.runners import Talker, instrumented, make_runner, quiet
from tests.journals import read_journals

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mmengine.hooks import Hook
    from mmengine.registry import RUNNERS
    from mmengine.runner import LogProcessor, Runner


@pytest.fixture
def on() -> Iterator[None]:
    """The integration, on."""
    with instrumented():
        yield


def points(folder: Path, name: str) -> int:
    """How many points a metric of the train loop has, those that end its series left out."""
    return len(
        [p for p in read_journals(folder).points if p.name == f"mmlog.train.{name}" and not p.flags & 1]
    )


@pytest.mark.usefixtures("on")
def test_another_runner_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Runner that trains on after another was built goes on with its own run, as the next attempt."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job")
    first = make_runner(tmp_path / "first")
    run = current_run()
    second = make_runner(tmp_path / "second")
    assert run.closed
    first.train()
    again = current_run()
    assert (again.run_id, again.attempt) == (run.run_id, 1)
    assert run.run_id.startswith("job")
    second.test()
    assert current_run().attempt == 1
    first.test()
    assert current_run().attempt == 2
    assert points(tmp_path / "first", "loss") == 10
    names = [span.name for span in read_journals(tmp_path / "second").spans]
    assert names.count("mmlog.test") == 1
    assert "mmlog.train" not in names


class Builds(Hook):  # type: ignore[misc]  # mmengine has no types
    """Tests with a Runner of its own in the middle of training."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        if runner.iter == 4:
            make_runner(self.folder / "inner").test()


@pytest.mark.usefixtures("on")
def test_a_runner_inside_of_a_runner(tmp_path: Path) -> None:
    """Where a hook builds and runs another Runner, training's records go on, and so does its tree."""
    outer = make_runner(tmp_path / "outer", custom_hooks=[Builds(tmp_path)])
    outer.train()
    assert points(tmp_path / "outer", "loss") == 10
    assert points(tmp_path / "inner", "loss") == 0
    spans = read_journals(tmp_path / "outer").spans
    names = [span.name for span in spans]
    assert (names.count("mmlog.run"), names.count("mmlog.train"), names.count("mmlog.epoch")) == (1, 2, 2)
    assert current_run().attempt == 1
    assert len([span for span in read_journals(tmp_path / "inner").spans if span.name == "mmlog.test"]) == 1


@pytest.mark.usefixtures("on")
def test_a_closed_run_stays_closed(tmp_path: Path) -> None:
    """A run that was closed by hand, or by a run of `otel_mmlog.init`, does not begin again unasked."""
    runner = make_runner(tmp_path / "one")
    current_run().close()
    runner.train()
    assert current_run() is None
    other = make_runner(tmp_path / "two")
    run = otel_mmlog.init("own", work_dir=tmp_path / "own", console=False)
    other.train()
    assert not run.closed
    run.close()
    assert points(tmp_path / "one", "loss") == points(tmp_path / "two", "loss") == 0


def test_turned_on_after_the_runner(tmp_path: Path) -> None:
    """Turned on when the Runner exists already, its run begins with its first loop."""
    with quiet():
        runner = make_runner(tmp_path)
    with instrumented():
        assert current_run() is None
        runner.train()
        assert not current_run().closed
    assert points(tmp_path, "loss") == 10
    assert [span.name for span in read_journals(tmp_path).spans].count("mmlog.train") == 1


@pytest.mark.usefixtures("on")
def test_runners_are_not_kept(tmp_path: Path) -> None:
    """Neither a Runner nor its log processor outlives its user for our sake."""

    class Holds(LogProcessor):  # type: ignore[misc]  # mmengine has no types
        """Refers to its runner."""

    runner = make_runner(tmp_path / "one", log_processor=Holds())
    runner.log_processor.runner = runner
    runner.train()
    known = weakref.ref(runner)
    make_runner(tmp_path / "two", model=Talker())
    del runner
    gc.collect()
    assert known() is None


@RUNNERS.register_module()
class Configured(Runner):  # type: ignore[misc]  # mmengine has no types
    """A Runner that is built from a config of the registry."""

    @classmethod
    def from_cfg(cls, cfg: Any) -> Any:
        return make_runner(Path(cfg["work_dir"]), log_level="DEBUG")


@pytest.mark.usefixtures("on")
def test_the_build_of_the_next_runner_is_the_next_runners(tmp_path: Path) -> None:
    """The registry calls that build a second Runner are in its own trace, inside the build of the Runner itself."""
    for name in ("first", "second"):
        RUNNERS.build({"runner_type": "Configured", "work_dir": str(tmp_path / name)})
    MMEngineInstrumentor().uninstrument()
    spans = read_journals(tmp_path / "second").spans
    (outer,) = [
        span for span in spans if span.attributes.get("class") == "Configured" and "build" in span.name
    ]
    inside = [span for span in spans if span.parent_id == outer.span_id]
    assert {"LoggerHook", "RuntimeInfoHook"} <= {span.attributes["class"] for span in inside}
    first = [span.attributes.get("class") for span in read_journals(tmp_path / "first").spans]
    assert first.count("LoggerHook") == [span.attributes.get("class") for span in spans].count("LoggerHook")


@pytest.mark.usefixtures("on")
def test_a_run_of_the_users_own(tmp_path: Path) -> None:
    """A Runner ends a run of `otel_mmlog.init`, and says so; it says nothing of the run of another Runner."""
    own = otel_mmlog.init("own", work_dir=tmp_path / "own", console=False)
    for name in ("first", "second"):
        make_runner(tmp_path / name)
    assert own.closed
    current_run().close()
    told = {
        name: [log.body for log in read_journals(tmp_path / name).logs if "one run a process" in log.body]
        for name in ("first", "second")
    }
    assert told == {
        "first": [f"the run {own.run_id} was open and has been closed: one run a process at a time"],
        "second": [],
    }
