"""Finds out which run this process belongs to; reads, and writes nothing."""

import socket
from dataclasses import dataclass

from otel_mmlog.core.attempts import last_run_id
from otel_mmlog.core.rank import Rank, find_rank
from otel_mmlog.core.run_id import find_run_id
from otel_mmlog.options import Options
from otel_mmlog.process_facts import read_facts, read_process_group
from otel_mmlog.settings import Settings


@dataclass(frozen=True, slots=True)
class Identity:
    """Which run, which attempt at it, and which of its processes.

    Attributes:
        rank: The place of this process.
        run_id: Of the run.
        attempt: 0 until the start is remembered; see `otel_mmlog.core.attempts.remember`.
        warnings: What was doubtful.
    """

    rank: Rank
    run_id: str
    attempt: int = 0
    warnings: tuple[str, ...] = ()


def identify(options: Options, settings: Settings, ordinal: int, agreed: str | None = None) -> Identity:
    """Find rank and run id.

    Args:
        options: The arguments of ``init``.
        settings: The environment.
        ordinal: How many runs this process made before.
        agreed: What all ranks of this start know and no other start does, or None.

    Raises:
        ConfigError: The environment holds a value that cannot be used.
    """
    rank = find_rank(settings.environ, host=socket.gethostname(), process_group=read_process_group())
    remembered = None
    if options.resume:
        remembered = last_run_id(options.work_dir, rank.rank, settings.file_mode)
    run_id = find_run_id(
        settings.environ,
        rank=rank,
        facts=read_facts(ordinal),
        work_dir=str(options.work_dir.absolute()),
        argument=options.run_id,
        remembered=remembered,
        agreed=agreed,
    )
    warnings = []
    if options.resume and remembered is None:
        warnings.append(f"resume=True, but no run is remembered in {options.work_dir}: this is a new one")
    if run_id.warning is not None and rank.rank == 0:
        warnings.append(run_id.warning)
    return Identity(rank, run_id.value, warnings=tuple(warnings))
