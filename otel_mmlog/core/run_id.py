"""The name of a run that all its ranks find without talking to each other."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.rank import Rank

_MAX_LENGTH = 128


class RunId(NamedTuple):
    """A run id and where it came from; ``warning`` is None unless the id is a guess."""

    value: str
    source: str
    warning: str | None = None


class ProcessFacts(NamedTuple):
    """What tells one start of a job on one machine from the next.

    Attributes:
        boot: Differs between two boots of the machine, or is empty.
        self_key: Pid and start time of this process.
        parent_key: Pid and start time of its parent.
        ordinal: How many runs this process made before this one.
    """

    boot: str
    self_key: str
    parent_key: str
    ordinal: int = 0


def check_run_id(value: object, where: str) -> str:
    """Return a usable run id.

    Raises:
        ConfigError: It is not 1 to 128 printable characters without spaces.
    """
    if isinstance(value, str) and 0 < len(value) <= _MAX_LENGTH and value.isprintable() and " " not in value:
        return value
    raise ConfigError(
        f"{where} is {value!r}, but a run id is 1 to {_MAX_LENGTH} printable characters without spaces, "
        "the same on every rank. Leave it out to have one made."
    )


def find_run_id(
    environ: Mapping[str, str],
    *,
    rank: Rank,
    facts: ProcessFacts,
    work_dir: str,
    argument: str | None = None,
    remembered: str | None = None,
    agreed: str | None = None,
) -> RunId:
    """Choose the run id: told, remembered, the launcher's, or derived from what all ranks see.

    Args:
        environ: The process environment.
        rank: The place of this process.
        facts: What tells this start from others on this machine.
        work_dir: The run's folder, part of the id where several machines have nothing better.
        argument: The id that the caller gave, or None.
        remembered: The id of the run that is resumed, or None.
        agreed: What all ranks of this start know and no other start does, a broadcast time for one, or None.

    Raises:
        ConfigError: A given id is not usable.
    """
    if argument is not None:
        return RunId(check_run_id(argument, "run_id"), "argument")
    if environ.get("OTEL_MMLOG_RUN_ID"):
        return RunId(check_run_id(environ["OTEL_MMLOG_RUN_ID"], "OTEL_MMLOG_RUN_ID"), "OTEL_MMLOG_RUN_ID")
    if remembered is not None:
        return RunId(remembered, "work_dir")
    suffix = f"-{facts.ordinal}" if facts.ordinal else ""
    launched = _from_launcher(environ, rank)
    if launched is not None:
        return RunId(launched.value + suffix, launched.source)
    if agreed is not None:
        return RunId(_digest(agreed, work_dir), "broadcast")
    if rank.world_size == 1:
        return RunId(_digest(facts.boot, rank.host, facts.self_key, str(facts.ordinal)), "process")
    if rank.one_machine:
        port = environ.get("MASTER_PORT", "")
        started_by = (facts.boot, rank.host, facts.parent_key, port, work_dir, str(facts.ordinal))
        return RunId(_digest(*started_by), "parent process")
    return _from_master(environ, work_dir, facts.ordinal)


def _from_launcher(environ: Mapping[str, str], rank: Rank) -> RunId | None:
    # Static and even some c10d rendezvous give the literal "none".
    elastic = environ.get("TORCHELASTIC_RUN_ID", "none")
    if elastic not in ("none", ""):
        return RunId(_printable(elastic), "TORCHELASTIC_RUN_ID")
    # A process alone in a step may be one of many that somebody starts in a shell there.
    if rank.source == "slurm" and rank.world_size > 1 and environ.get("SLURM_JOB_ID"):
        return RunId(_printable(f"{environ['SLURM_JOB_ID']}.{environ['SLURM_STEP_ID']}"), "SLURM_JOB_ID")
    return None


def _from_master(environ: Mapping[str, str], work_dir: str, ordinal: int) -> RunId:
    address = environ.get("MASTER_ADDR", "")
    port = environ.get("MASTER_PORT", "")
    step = f"{environ.get('SLURM_JOB_ID', '')}.{environ.get('SLURM_STEP_ID', '')}"
    warning = (
        "several machines, but no run id: it was derived from MASTER_ADDR, MASTER_PORT and work_dir, so the next "
        "run with the same three will count as an attempt of this one. Set OTEL_MMLOG_RUN_ID to a name of your "
        "own on all machines, or start torchrun with --rdzv-id."
    )
    return RunId(_digest(address, port, step, work_dir, str(ordinal)), "master address", warning)


def _printable(value: str) -> str:
    """A launcher's id as it is, or its digest where it could not be an id."""
    usable = len(value) <= _MAX_LENGTH - 8 and value.isprintable() and " " not in value
    return value if usable else _digest(value)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
