"""What follows from a run's id: trace, root span and instance ids that every rank derives alike."""

import hashlib
import uuid
from typing import Final

_NAMESPACE: Final = uuid.UUID("6f1d6b52-7b3c-5f0e-9c53-0f6f2a9d4e11")


def run_trace_id(run_id: str, attempt: int) -> int:
    """Return the 128-bit id of the one trace that all ranks of an attempt share."""
    return _derive("trace", 16, run_id, attempt)


def root_span_id(run_id: str, attempt: int) -> int:
    """Return the 64-bit id of the ``mmlog.run`` span of rank 0, known to all ranks without a word."""
    return _derive("root span", 8, run_id, attempt)


def rank_trace_id(run_id: str, attempt: int, rank: int) -> int:
    """Return the 128-bit id of the trace that one rank has for itself; that of rank 0 is the run's."""
    return _derive("rank trace", 16, run_id, attempt, rank) if rank else run_trace_id(run_id, attempt)


def service_instance_id(run_id: str, attempt: int, rank: int) -> str:
    """Return the UUIDv5 of one process of a run, as text."""
    # backslashreplace: a run id from a badly encoded environment has no UTF-8
    name = "\0".join([run_id, str(attempt), str(rank)]).encode("utf-8", "backslashreplace").decode()
    return str(uuid.uuid5(_NAMESPACE, name))


def _derive(purpose: str, size_bytes: int, *parts: str | int) -> int:
    text = "\0".join([purpose, *map(str, parts)])
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).digest()
    return int.from_bytes(digest[:size_bytes], "big") or 1  # zero means "no id"
