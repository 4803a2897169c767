"""A program that starts a child in every way there is: ``python -m tests.faults.processes.children FOLDER [WORK_DIR]``.

With a work_dir it has a run meanwhile. Each child writes to the folder what it has inherited, as a JSON list; the
program has one pipe that is meant to be inherited, and tells whether the run's sender got it.
"""

import json
import logging
import multiprocessing
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import otel_mmlog
from tests.faults.processes.inherited import report


def _command(path: str) -> list[str]:
    return [sys.executable, "-m", "tests.faults.processes.inherited", path]


def _fork(work: Callable[[], object]) -> None:
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    os.waitpid(pid, 0)


def _from_worker(path: str) -> None:
    """A forked worker that has logged, and so has files of its own, starts a child."""

    def work() -> None:
        logging.getLogger("worker").warning("a line of the worker")
        subprocess.run(_command(path), close_fds=False, check=True)

    _fork(work)


def _multiprocessing(method: str, path: str) -> None:
    process = multiprocessing.get_context(method).Process(target=report, args=(path,))  # type: ignore[attr-defined]
    process.start()
    process.join()


def _posix_spawn(path: str) -> None:
    os.waitpid(os.posix_spawn(sys.executable, _command(path), dict(os.environ)), 0)


WAYS: dict[str, Callable[[str], object]] = {
    "Popen": lambda path: subprocess.run(_command(path), check=True),
    "Popen, close_fds=False": lambda path: subprocess.run(_command(path), close_fds=False, check=True),
    "os.system": lambda path: os.system(" ".join(_command(path))),
    "os.posix_spawn": _posix_spawn,
    "fork and exec": lambda path: _fork(lambda: os.execv(sys.executable, _command(path))),
    "Popen of a forked worker": _from_worker,
    "multiprocessing, spawn": lambda path: _multiprocessing("spawn", path),
    "multiprocessing, forkserver": lambda path: _multiprocessing("forkserver", path),
}


def _has(run: otel_mmlog.Run, target: Path) -> bool:
    """Whether the run's sender has this open."""
    sender = run._parts.delivery._sender
    assert sender is not None
    return any(path.readlink() == target for path in Path(f"/proc/{sender.pid}/fd").iterdir())


def main() -> None:
    """Start the children and print whether the run's sender has inherited the job's pipe."""
    warnings.simplefilter("ignore")  # of forks beside threads
    folder = Path(sys.argv[1])
    pipe, _ = os.pipe()
    os.set_inheritable(pipe, True)
    target = Path(f"/proc/self/fd/{pipe}").readlink()
    run = None
    if len(sys.argv) > 2:
        run = otel_mmlog.init("tmp", work_dir=sys.argv[2], console=False, system_metrics=True)
        run.logger.info("a line, so that all files are open")
        time.sleep(0.3)
    for way, start in WAYS.items():
        start(str(folder / way.replace(" ", "-").replace(",", "")))
    if run is not None:
        print(json.dumps(_has(run, target)), flush=True)
        run.close()


if __name__ == "__main__":
    main()
