"""What the operating system knows of this process and its parent."""

import os
import sys
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


def _process_key(pid: int) -> str:
    """Pid and start time. Field 22 of proc_pid_stat(5); the name before it may hold spaces and brackets."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return f"{pid}@{fields[19]}" if len(fields) > 19 else str(pid)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
