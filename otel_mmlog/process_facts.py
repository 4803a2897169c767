"""What the operating system knows of this process and its parent."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from otel_mmlog.core.run_id import ProcessFacts


def read_facts(ordinal: int) -> ProcessFacts:
    """Read what tells this start of a job from others on this machine; empty parts where /proc is missing."""
    return ProcessFacts(
        boot=_read("/proc/sys/kernel/random/boot_id"),
        self_key=_process_key(os.getpid()),
        parent_key=_process_key(os.getppid()),
        ordinal=ordinal,
    )


def read_process_group() -> tuple[int, int] | None:
    """Rank and world size of ``torch.distributed``, or None if it is not loaded or not initialised."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return int(distributed.get_rank()), int(distributed.get_world_size())


def uses_cuda() -> bool:
    """Whether this process has begun to use a CUDA device; asking for its memory would otherwise claim it."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())


def read_initial_environments() -> Iterator[dict[str, str]]:
    """What this process was started with, then its parent, and so on; empty where /proc cannot be read."""
    pid = os.getpid()
    while pid and (text := _read(f"/proc/{pid}/environ")):
        yield dict(pair.split("=", 1) for pair in text.split("\x00") if "=" in pair)
        fields = _stat(pid)
        pid = int(fields[1]) if fields else 0


def _process_key(pid: int) -> str:
    """Pid and start time."""
    fields = _stat(pid)
    return f"{pid}@{fields[19]}" if fields else str(pid)


def _stat(pid: int) -> list[str]:
    """What follows the name in proc_pid_stat(5), from field 3 on: the name may hold spaces and brackets."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields if len(fields) > 19 else []


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
