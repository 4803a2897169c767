"""A training process that does as it is told: ``python -m tests.faults.trainer WORK_DIR [PAUSE_MS [INTERVAL]]``.

It reads a command a line and answers each with a line of JSON: ``train N`` trains N steps of 8 scalars, a record every
INTERVAL (10), a log call every 50 and a span every 100; ``flush S`` waits for a delivery; ``close`` ends it. With
`CONSOLE` in its environment the run has a console, which is standard error.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import otel_mmlog

CONSOLE = "FAULTS_CONSOLE"


class Stopwatch:
    """Takes the time of each step, but for the work that is not ours.

    Attributes:
        costs_us: Of each step since `reset`, from the end of its work to the beginning of the next one's.
    """

    def __init__(self) -> None:
        self.costs_us: list[float] = []
        self._since_ns: int | None = None

    def reset(self) -> None:
        """Forget what was."""
        self.costs_us.clear()
        self._since_ns = None

    def work(self, seconds: float) -> None:
        """Do a step's work."""
        if self._since_ns is not None:
            self.costs_us.append((time.perf_counter_ns() - self._since_ns) / 1e3)
        time.sleep(seconds)
        self._since_ns = time.perf_counter_ns()


def main() -> None:
    """Train until told to close."""
    pause_s = float(sys.argv[2]) / 1e3 if len(sys.argv) > 2 else 0.001
    interval = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    if CONSOLE in os.environ:
        sys.stdout = sys.stderr
    run = otel_mmlog.init("tmp", work_dir=sys.argv[1], interval=interval, console=CONSOLE in os.environ)
    _say(ready=True)
    watch = Stopwatch()
    for number in run.train(_commands(run, watch)):
        watch.work(pause_s)
        run.log({f"scalar{each}": number + each / 8 for each in range(8)})
        if number % 50 == 0:
            run.logger.info(f"step {number}")
        if number % 100 == 0:
            with run.span("part", {"step": number}):
                pass
    begun_s = time.monotonic()
    complete = run.close()
    close_s = time.monotonic() - begun_s
    stats, status = run._parts.journal.stats(), run._parts.delivery.status()
    _say(
        complete=complete,
        close_s=close_s,
        produced=stats.produced,
        refused=[[signal, reason, count] for (signal, reason), count in stats.refused.items()],
        rejected=status.rejected if status else {},
        quarantined=status.quarantined if status else {},
        unconfirmed=stats.unconfirmed,
        warnings=run._parts.handler.counts[logging.WARNING],
        faults=dict(run._parts.handler.faults),
    )


def _commands(run: otel_mmlog.Run, watch: Stopwatch) -> Iterator[int]:
    """The numbers of the steps, as they are asked for."""
    number = 0
    for line in sys.stdin:
        match line.split():
            case ["train", count]:
                watch.reset()
                yield from range(number, number + int(count))
                number += int(count)
                _say(costs_us=watch.costs_us)
            case ["flush", seconds]:
                _say(flushed=run.flush(float(seconds)))
            case ["close"]:
                return


def _say(**values: Any) -> None:
    print(json.dumps(values), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main()
