"""A run from ``init`` to ``close``: its files, its id, its attempts, its state."""

import gc
import logging
import math
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest

import otel_mmlog
from tests.conftest import MakeRun
from tests.journals import events, json_lines, records
from tests.processes import run_python
from tests.training import place, train


def left(work_dir: Path) -> list[str]:
    """The text and JSON files below a folder."""
    found = [path for pattern in ("*.log", "*.jsonl") for path in work_dir.rglob(pattern)]
    return sorted(
        path.relative_to(work_dir).as_posix() for path in found if not {"otlp", ".mmlog"} & set(path.parts)
    )


def test_second_init_closes_the_first(make_run: MakeRun, tmp_path: Path) -> None:
    """In a notebook the second ``init`` ends the first run, whole, and says so."""
    first = make_run()
    loop = first.train(range(25))
    next(loop)
    first.log(loss=1.0)
    second = make_run()
    assert first.closed
    assert not second.closed
    assert first.run_id != second.run_id
    assert otel_mmlog.MessageHub.get_current_instance() is second.hub
    second.close()
    assert [record["run_id"] for record in records(tmp_path)] == [first.run_id]
    (warning,) = [line for line in events(tmp_path) if line["level"] == "WARNING"]
    assert warning["run_id"] == second.run_id
    assert first.run_id in warning["event"]


def test_config_is_an_event(make_run: MakeRun, tmp_path: Path) -> None:
    """The settings leave once, and again where they changed; a value that cannot be written costs itself."""
    with make_run(config={"lr": 0.1, "opt": {"name": "sgd"}}) as run:
        train(run)
        run.config["odd"] = object()
        run.config["lr"] = math.nan
        train(run)
        train(run)
    configs = [line["config"] for line in events(tmp_path) if line.get("event_name") == "mmlog.run.config"]
    assert configs[0] == {"lr": 0.1, "opt": {"name": "sgd"}}
    assert configs[1]["lr"] == "NaN"
    assert len(configs) == 2


def test_close_is_idempotent(make_run: MakeRun, tmp_path: Path) -> None:
    """A second ``close`` writes nothing, and both say that all is safe."""
    run = make_run()
    train(run)
    assert run.flush()
    assert run.close()
    size = (tmp_path / "tmp.jsonl").stat().st_size
    assert run.close()
    assert run.finish()
    with run:
        pass
    assert (tmp_path / "tmp.jsonl").stat().st_size == size


def test_log_after_close_is_told(make_run: MakeRun, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is logged after ``close`` is lost with a WARNING, and nothing fails."""
    run = make_run()
    run.close()
    run.log(loss=1.0)
    run.logger.info("late")
    assert any(
        record.levelno == logging.WARNING and "after run.close()" in record.getMessage()
        for record in caplog.records
    )
    assert records(tmp_path) == []


def test_use_after_close_is_told_once(make_run: MakeRun, caplog: pytest.LogCaptureFixture) -> None:
    """Loops of a closed run go through their batches, and that nothing is kept is told once, as for scalars."""
    run = make_run()
    run.close()
    for _epoch in run.epochs(2):
        for _ in range(2):
            assert list(run.train([1, 2])) == [1, 2]
            assert list(run.val([3])) == [3]
            run.log(loss=1.0)
    told = [record.getMessage() for record in caplog.records if "after run.close()" in record.getMessage()]
    assert len(told) == 2
    assert told[0].startswith("a loop")
    assert told[1].startswith("run.log")


def test_closing_lines(make_run: MakeRun, tmp_path: Path) -> None:
    """The last two lines say what was written where."""
    with make_run() as run:
        train(run)
        run.logger.warning("w")
        run.logger.error("e")
    wrote, journal = [line["event"] for line in json_lines(tmp_path / "tmp.jsonl")][-2:]
    assert wrote == f"Wrote 1 record, 1 warning, 1 error: {tmp_path}/tmp.log and {tmp_path}/tmp.jsonl"
    assert journal.startswith("Journal: ")
    assert journal.endswith(f"{tmp_path}/otlp/rank0000")


def test_nothing_is_left_after_close(make_run: MakeRun, tmp_path: Path) -> None:
    """Handlers, hooks, levels, threads and descriptors are as they were."""

    def around() -> list[Any]:
        gc.collect()
        return [
            list(logging.getLogger().handlers),
            logging.getLogger().level,
            sys.excepthook,
            threading.excepthook,
            warnings.showwarning,
            threading.active_count(),
            sorted(path.name for path in Path("/proc/self/fd").iterdir()),
        ]

    before = around()
    for _ in range(3):
        with make_run() as run:
            train(run)
            assert logging.getLogger().level == logging.INFO
            assert threading.active_count() == before[5]
    assert around() == before


def test_hooks_of_others_survive(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook that was put over ours meanwhile stays when the run closes."""
    run = make_run()

    def mine(*_: Any) -> None:
        """Do nothing."""

    monkeypatch.setattr(sys, "excepthook", mine)
    run.close()
    assert sys.excepthook is mine


def test_several_machines_are_warned_once(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a run id on several machines rank 0 says that it is a guess."""
    place(monkeypatch, 0, 16, 8)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    with make_run():
        pass
    (warning,) = [line for line in events(tmp_path) if line["level"] == "WARNING"]
    assert "OTEL_MMLOG_RUN_ID" in warning["event"]


def test_two_runs_in_a_row_have_two_hubs(make_run: MakeRun) -> None:
    """A second run starts with an empty hub."""
    with make_run() as run:
        train(run)
        first = run.hub
    with make_run() as run:
        assert run.hub is not first
        assert not run.hub.log_scalars


def test_process_group_gives_rank_and_world_size(tmp_path: Path) -> None:
    """Where no launcher speaks, an initialised process group is asked."""
    source = """
import sys, warnings
import torch.distributed as dist
dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
import otel_mmlog
with otel_mmlog.init("tmp", work_dir=sys.argv[1], console=False) as run:
    pass
dist.destroy_process_group()
"""
    done = run_python(source, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "(process group)" in json_lines(tmp_path / "tmp.jsonl")[0]["event"]
