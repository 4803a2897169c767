"""Many processes that train at once in one folder: ``python -m tests.faults.processes.writers WORK_DIR COUNT KIND``.

``ranks`` are the ranks of one run, ``strangers`` runs that know nothing of each other, ``twins`` runs that were given
one run id. Prints one JSON object a process: who it was, and its files.
"""

import faulthandler
import json
import logging
import multiprocessing
import os
import sys
import time
import warnings
from multiprocessing.synchronize import Barrier

import otel_mmlog
from tests.faults.processes.forking import text

LINES = 40
STEPS = 100
TIMEOUT_S = 240.0
RUN_ID = "many-writers"


def write(work_dir: str, number: int, count: int, kind: str, barrier: Barrier) -> None:
    """Train, all at once: begin, write and close together with the others."""
    if kind != "strangers":
        os.environ["OTEL_MMLOG_RUN_ID"] = RUN_ID
    if kind == "ranks":
        os.environ.update(RANK=str(number), LOCAL_RANK=str(number), WORLD_SIZE=str(count))
    barrier.wait(TIMEOUT_S)
    run = otel_mmlog.init("tmp", work_dir=work_dir, distributed=True, console=False)
    barrier.wait(TIMEOUT_S)
    for step in run.train(range(STEPS)):
        run.log(loss=number + step / STEPS)
        if step < LINES:
            (run.logger if step % 2 else logging.getLogger("worker")).info(text(f"writer{number}", step))
    barrier.wait(TIMEOUT_S)
    begun_s = time.monotonic()
    complete = run.close()
    who = {
        "number": number,
        "run_id": run.run_id,
        "attempt": run.attempt,
        "rank": run.rank,
        "files": [str(path) for path in run.files],
        "complete": complete,
        "close_s": time.monotonic() - begun_s,
    }
    os.write(1, json.dumps(who).encode() + b"\n")


def main() -> None:
    """Start the processes and wait for them; the exit code is how many did not end well."""
    work_dir, count, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    faulthandler.enable()
    warnings.simplefilter("ignore", DeprecationWarning)
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(count)
    processes = [
        context.Process(target=write, args=(work_dir, number, count, kind, barrier))
        for number in range(count)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(TIMEOUT_S)
    for process in processes:
        process.kill()
    sys.exit(sum(process.exitcode != 0 for process in processes))


if __name__ == "__main__":
    main()
