"""One rank of several that write to one folder: ``rank_process FOLDER RANKS RANK``, and a line on stdin for each turn.

Prints a line of JSON with the CPU seconds that its start took, and then, for each turn, with those of a step of eight
scalars: text, JSON and journal of its own are written every `INTERVAL` steps.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import otel_mmlog
from tests.benchmarks.scalars import EIGHT, varied_steps

INTERVAL = 10
WARM_STEPS = 2 * INTERVAL
STEPS = 20 * INTERVAL
_MAX_STEPS = 10_000_000


def main(folder: Path, ranks: int, rank: int) -> None:
    """Start, and log whenever it is this rank's turn, until stdin ends."""
    world = {"WORLD_SIZE": ranks, "LOCAL_WORLD_SIZE": ranks, "RANK": rank, "LOCAL_RANK": rank}
    os.environ.update({name: str(value) for name, value in world.items()}, OTEL_MMLOG_RUN_ID="scale")
    _run(folder.with_name(f"{folder.name}_{rank}")).close()  # imports what a start needs
    start_s = time.process_time()
    with _run(folder) as run:
        _tell(time.process_time() - start_s)
        batches = run.train(range(_MAX_STEPS), max_iters=_MAX_STEPS)
        for _ in sys.stdin:
            _tell(_turn(run, batches))


def _run(folder: Path) -> otel_mmlog.Run:
    return otel_mmlog.init(
        "scale",
        work_dir=folder,
        by_epoch=False,
        interval=INTERVAL,
        distributed=True,
        layout="shared",
        console=False,
    )


def _turn(run: otel_mmlog.Run, batches: Iterator[int]) -> float:
    """Return what a step takes, in seconds, once caches are warm."""
    values = cycle(varied_steps(list(EIGHT)))
    _go(run, batches, values, WARM_STEPS)
    began_s = time.process_time()
    _go(run, batches, values, STEPS)
    return (time.process_time() - began_s) / STEPS


def _go(run: otel_mmlog.Run, batches: Iterator[int], values: Iterator[dict[str, float]], steps: int) -> None:
    for _ in islice(batches, steps):
        run.log(next(values))


def _tell(cost_s: float) -> None:
    print(json.dumps(cost_s), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
