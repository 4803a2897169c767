"""How long each step of a rank took, by its records: ``time`` and ``data_time``."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from otel_mmlog.runs.find import Part, Run
from otel_mmlog.runs.reading import line_at

WHOLE_BYTES: Final = 512 * 1024 * 1024
"""Files of all ranks together that are read whole; of longer ones single lines are."""

SAMPLES: Final = 200_000
"""Lines of all ranks together that are read then, at even distances."""

_TRAIN: Final = re.compile(rb'"mode": "train", "epoch": \d+, "iter": (\d+), "step": \d+, "tags": \{')
_TIME: Final = re.compile(rb'"(?:train/)?time": ([\d.eE+-]+)')
_DATA_TIME: Final = re.compile(rb'"(?:train/)?data_time": ([\d.eE+-]+)')


@dataclass(slots=True)
class StepTimes:
    """The times of one rank.

    Attributes:
        rank: The rank.
        source: Where they were read.
        host: The name of its machine, or empty if nothing says it.
        steps: The last iteration of each record's interval, going up.
        times_s: Mean seconds of an iteration there.
        data_times_s: Of which it waited for data.
        is_sampled: Whether records are missing since the files are long.
    """

    rank: int
    source: Literal["JSON lines", "journal"]
    host: str = ""
    steps: list[int] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    data_times_s: list[float] = field(default_factory=list)
    is_sampled: bool = False

    def put(self, step: int, time_s: float, data_time_s: float) -> None:
        """Append a record; if a later attempt does its step again, what was there from it on is forgotten."""
        if self.steps and step <= self.steps[-1]:
            keep = bisect_left(self.steps, step)
            for column in (self.steps, self.times_s, self.data_times_s):
                del column[keep:]
        self.steps.append(step)
        self.times_s.append(time_s)
        self.data_times_s.append(data_time_s)


def read_step_times(run: Run, rank: int) -> StepTimes:
    """Return the times of a rank that has a JSON file.

    Raises:
        OSError: A file cannot be read.
    """
    parts = run.parts_of(rank)
    found = StepTimes(rank, "JSON lines", next((str(part.first.rest.get("host", "")) for part in parts), ""))
    found.is_sampled = sum(map(_size, run.parts)) > WHOLE_BYTES
    samples = max(1, SAMPLES // len(run.parts))
    for part in parts:
        for line in _spaced_lines(part, samples) if found.is_sampled else part.lines():
            record = _TRAIN.search(line)
            time = _TIME.search(line, record.end()) if record else None
            if record and time:
                data_time = _DATA_TIME.search(line, record.end())
                found.put(int(record[1]), float(time[1]), float(data_time[1]) if data_time else 0.0)
    return found


def _spaced_lines(part: Part, samples: int) -> Iterator[bytes]:
    size = _size(part)
    seen = -1
    with Path(part.path).open("rb") as file:
        for number in range(samples):
            at, line = line_at(file, part.start + size * number // samples)
            if at > seen and at < part.start + size:
                seen = at
                yield line


def _size(part: Part) -> int:
    return (part.path.stat().st_size if part.stop is None else part.stop) - part.start
