"""A training in whose middle the clock changes: ``clock_trainer.py WORK_DIR STEPS [CHANGES]``.

CHANGES is JSON: step -> what is added to the clock in seconds, and how many billionths it runs fast from then on. A
span is open from ten steps before each change to ten behind it. What the run counted goes to standard output.
"""

import json
import struct
import sys
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import otel_mmlog

STEP_S = 0.01
INTERVAL = 10


def set_clock(path: Path, offset_s: float, rate: int = 0) -> None:
    """Change the clocks of all processes that look at this file; what they gained or lost by their rate stays."""
    now_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    gained_ns = 0
    if path.exists():
        _, old_rate, since_ns, gained_ns = struct.unpack("<4q", path.read_bytes())
        gained_ns += (now_ns - since_ns) * old_rate // 1_000_000_000
    with path.open("r+b" if path.exists() else "wb") as file:  # in place: it is mapped
        file.write(struct.pack("<4q", round(offset_s * 1e9), rate, now_ns, gained_ns))


def main() -> None:
    """Train, change the clock on the way, and close the run."""
    work_dir, steps, changes = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    clock = Path(sys.argv[4])
    begun_s = time.monotonic()
    run = otel_mmlog.init(
        "tmp", work_dir=work_dir, by_epoch=False, interval=INTERVAL, console=False, resume=True
    )
    around = ExitStack()
    marks_s = [begun_s]
    for step in run.train(range(steps)):
        time.sleep(STEP_S)
        run.log(loss=float(step), step_number=step)
        if str(step + 10) in changes:
            around.enter_context(run.span("around", {"step": step}))
        if str(step) in changes:
            set_clock(clock, *changes[str(step)])
        if str(step - 10) in changes:
            around.close()
        if step % INTERVAL == 0:
            marks_s.append(time.monotonic())
        if step % 20 == 0:
            run.logger.info(f"at {step}", step=step)
    trained_s = time.monotonic() - begun_s
    begun_s = time.monotonic()
    complete = run.close()
    close_s = time.monotonic() - begun_s
    stats, status = run._parts.journal.stats(), run._parts.delivery.status()
    said = {
        "complete": complete,
        "close_s": close_s,
        "trained_s": trained_s,
        "longest_interval_s": max(later - earlier for earlier, later in pairwise(marks_s)),
        "segments": stats.segments,
        "produced": stats.produced,
        "refused": [[signal, reason, count] for (signal, reason), count in stats.refused.items()],
        "rejected": status.rejected if status else {},
        "quarantined": status.quarantined if status else {},
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
