"""Files of runs as they lie on disk, made from a few numbers."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

RUN_ID = "76507f71-f416-437c-9c85-93ac334a3629"
_SPELT = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


class RunFile:
    """The JSON file of one rank, line by line.

    Args:
        work_dir: Its folder.
        rank: Whose it is.
        run_id: Of which run.
        name: Of the experiment.
    """

    def __init__(self, work_dir: Path, *, rank: int = 0, run_id: str = RUN_ID, name: str = "digits") -> None:
        work_dir.mkdir(parents=True, exist_ok=True)
        self.path = work_dir / (f"{name}_rank{rank}.jsonl" if rank else f"{name}.jsonl")
        self._head: dict[str, Any] = {"rank": rank, "run_id": run_id, "attempt": -1}
        self._seconds = 0

    def start(self, config: Mapping[str, Any] | None = None) -> None:
        """The first lines of an attempt."""
        self._head["attempt"] = self._head["attempt"] + 1
        event = f"Run {self._head['run_id']}, attempt {self._head['attempt']}"
        self._write(event, {"event_name": "mmlog.run.start"})
        if config is not None:
            self._write("Config", {"event_name": "mmlog.run.config", "config": dict(config)})

    def record(self, step: int, *, mode: str = "train", epoch: int = 1, **tags: float) -> None:
        """The line of a record."""
        spelt = {name: _SPELT.get(str(float(value)), value) for name, value in tags.items()}
        where = {"mode": mode, "epoch": epoch, "iter": step, "step": step, "tags": spelt}
        self._write("...", {"event_name": f"mmlog.{mode}.iter", **where})

    def losses(self, values: Iterable[float], every: int = 10) -> "RunFile":
        """A record every few steps; returns itself."""
        for number, value in enumerate(values, 1):
            self.record(number * every, loss=value)
        return self

    def _write(self, event: str, more: Mapping[str, Any]) -> None:
        self._seconds += 1
        ts = f"2026-11-23T{self._seconds // 3600:02d}:{self._seconds // 60 % 60:02d}:{self._seconds % 60:02d}.000000Z"
        line = {
            "ts": ts,
            "level": "INFO",
            "logger": "mmengine",
            "event": event,
            **self._head,
            "seq": self._seconds,
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, **more}) + "\n")


def make_run(work_dir: Path, losses: Iterable[float], *, config: Mapping[str, Any] | None = None) -> Path:
    """A run of one attempt and one rank; returns its work_dir."""
    file = RunFile(work_dir, run_id=f"run-{work_dir.name}")
    file.start(config if config is not None else {"work_dir": str(work_dir)})
    file.losses(losses)
    return work_dir
