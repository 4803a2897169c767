"""Starts the two ranks of the demo, and ends them."""

import contextlib
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

_JOB = "otel_mmlog.cli.demos.job"
_PATIENCE_S = 5.0

Process = subprocess.Popen[bytes]


@contextlib.contextmanager
def started(
    work_dir: Path, arguments: Sequence[str], environ: Mapping[str, str], errors: IO[bytes]
) -> Iterator[list[Process]]:
    """Start two processes as a launcher does, with a socket between them; at the end none is left.

    Args:
        work_dir: Of the run.
        arguments: Further ones of the job.
        environ: The environment.
        errors: Where they print.
    """
    ends = socket.socketpair()
    ours = {
        **environ,
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OTEL_MMLOG_RUN_ID": uuid.uuid4().hex[:16],
    }
    processes: list[Process] = []
    try:
        for rank, end in enumerate(ends):
            link = end.fileno()
            command = [sys.executable, "-m", _JOB, str(work_dir), *arguments, "--link", str(link)]
            env = {**ours, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            processes.append(
                subprocess.Popen(command, env=env, pass_fds=[link], stdout=errors, stderr=errors)
            )
        for end in ends:
            end.close()
        yield processes
    finally:
        for end in ends:
            end.close()
        for process in processes:
            _end(process)


def are_running(processes: Sequence[Process]) -> bool:
    """Whether one of them still runs."""
    return any(process.poll() is None for process in processes)


def _end(process: Process) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
