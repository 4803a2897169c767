"""What histories hold, in a process of its own: ``memory_process MAX_LENGTH STEPS...``, 0 for no other length.

Prints one JSON line for each number of steps: the bytes that are held more than before the first step, and the most
that were held up to then, by the resident set of the process.
"""

import json
import re
import sys
from itertools import cycle, islice
from pathlib import Path

import otel_mmlog
from tests.benchmarks.scalars import EIGHT, keys, varied_steps


def main(max_length: int, stops: list[int]) -> None:
    """Log up to each number of steps, and print what is held."""
    hub = otel_mmlog.MessageHub("memory")
    names = keys(EIGHT)
    values = cycle(varied_steps(names))
    for name in names:
        hub.update_scalar(name, 0.5)
        if max_length:
            hub.log_scalars[name] = otel_mmlog.HistoryBuffer(max_length=max_length)
    before, _ = _held_bytes()
    done = 0
    for stop in stops:
        for step in islice(values, stop - done):
            for name, value in step.items():
                hub.update_scalar(name, value)
        done = stop
        now, peak = _held_bytes()
        print(json.dumps({"steps": stop, "held": now - before, "peak": peak - before}))


def _held_bytes() -> tuple[int, int]:
    """The resident set, now and at its largest."""
    proc = Path("/proc/self")
    now = re.search(r"Rss:\s+(\d+) kB", (proc / "smaps_rollup").read_text())  # `status` is some pages behind
    peak = re.search(r"VmHWM:\s+(\d+) kB", (proc / "status").read_text())
    if now is None or peak is None:
        raise RuntimeError("/proc/self does not tell of memory")
    return int(now[1]) * 1024, int(peak[1]) * 1024


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(stop) for stop in sys.argv[2:]])
