"""Which process this is among those that train together, read from the launcher's variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from otel_mmlog.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Rank:
    """The place of one process in its job, in torchrun's words.

    Attributes:
        rank: From 0 to ``world_size - 1`` over all machines.
        local_rank: From 0 to ``local_world_size - 1`` on this machine.
        world_size: Processes of the job.
        local_world_size: Processes of the job on this machine; 0 if nobody says.
        host: Name of this machine.
        source: Who said so: ``"torchrun"``, ``"environment"``, ``"slurm"``, ``"openmpi"``,
            ``"process group"`` or ``"alone"``.
    """

    rank: int
    local_rank: int
    world_size: int
    local_world_size: int
    host: str
    source: str

    @property
    def one_machine(self) -> bool:
        """Whether all ranks of the job run on this machine."""
        return self.local_world_size >= self.world_size


_MAX_DIGITS = 9  # beyond some thousand Python refuses to read them


class _Launcher(NamedTuple):
    source: str
    present: str
    rank: str
    world_size: tuple[str, ...]
    local_rank: str
    local_world_size: tuple[str, ...]


# torchrun: https://pytorch.org/docs/stable/elastic/run.html#environment-variables
# Slurm: `man srun`, OUTPUT ENVIRONMENT VARIABLES; a batch script outside srun has no step id.
# Open MPI: https://docs.open-mpi.org/en/main/tuning-apps/environment-var.html
_LAUNCHERS = (
    _Launcher(
        "torchrun", "TORCHELASTIC_RUN_ID", "RANK", ("WORLD_SIZE",), "LOCAL_RANK", ("LOCAL_WORLD_SIZE",)
    ),
    _Launcher("environment", "RANK", "RANK", ("WORLD_SIZE",), "LOCAL_RANK", ("LOCAL_WORLD_SIZE",)),
    _Launcher(
        "slurm",
        "SLURM_STEP_ID",
        "SLURM_PROCID",
        ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"),
        "SLURM_LOCALID",
        ("SLURM_STEP_TASKS_PER_NODE", "SLURM_NTASKS_PER_NODE"),
    ),
    _Launcher(
        "openmpi",
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_RANK",
        ("OMPI_COMM_WORLD_SIZE",),
        "OMPI_COMM_WORLD_LOCAL_RANK",
        ("OMPI_COMM_WORLD_LOCAL_SIZE",),
    ),
)


def find_rank(environ: Mapping[str, str], *, host: str, process_group: tuple[int, int] | None = None) -> Rank:
    """Find this process's rank.

    The launcher's variables win over a process group, which may not be initialised yet.

    Args:
        environ: The process environment.
        host: Name of this machine.
        process_group: ``(rank, world_size)`` of an initialised ``torch.distributed``, or None.

    Raises:
        ConfigError: A variable is missing beside its partner or holds no valid number.
    """
    for launcher in _LAUNCHERS:
        if launcher.present in environ and launcher.rank in environ:
            return _from_launcher(launcher, environ, host)
    if process_group is not None:
        rank, world_size = process_group
        return _with_local(rank, world_size, environ, host, "process group")
    return Rank(0, 0, 1, 1, host, "alone")


def _from_launcher(launcher: _Launcher, environ: Mapping[str, str], host: str) -> Rank:
    rank = _number(environ, (launcher.rank,), minimum=0)
    world_size = _number(environ, launcher.world_size, minimum=1)
    if rank >= world_size:
        raise ConfigError(
            f"{launcher.rank}={rank} but {launcher.world_size[0]}={world_size}: a rank is between 0 and "
            f"{world_size - 1}. Check the launcher, or unset both variables to run alone."
        )
    local_world_size = _optional(environ, launcher.local_world_size)
    if local_world_size is None and launcher.source == "slurm":
        nodes = _optional(environ, ("SLURM_STEP_NUM_NODES", "SLURM_NNODES"))
        local_world_size = world_size // nodes if nodes else None
    if local_world_size is None:
        local_world_size = _guess_local_world_size(environ, world_size)
    local_rank = _optional(environ, (launcher.local_rank,))
    if local_rank is None:
        local_rank = rank % local_world_size if local_world_size else 0
    return Rank(rank, local_rank, world_size, local_world_size, host, launcher.source)


def _guess_local_world_size(environ: Mapping[str, str], world_size: int) -> int:
    """All ranks where they meet on this machine's loopback or nowhere; else unknown, alike on every rank."""
    meeting_point = environ.get("MASTER_ADDR", "")
    loopback = meeting_point in ("", "localhost", "::1") or meeting_point.startswith("127.")
    return world_size if loopback or world_size == 1 else 0


def _with_local(rank: int, world_size: int, environ: Mapping[str, str], host: str, source: str) -> Rank:
    local_world_size = _optional(environ, ("LOCAL_WORLD_SIZE",)) or _guess_local_world_size(
        environ, world_size
    )
    local_rank = _optional(environ, ("LOCAL_RANK",))
    if local_rank is None:
        local_rank = rank % local_world_size if local_world_size else 0
    return Rank(rank, local_rank, world_size, local_world_size, host, source)


def _number(environ: Mapping[str, str], names: tuple[str, ...], *, minimum: int) -> int:
    for name in names:
        if name in environ:
            text = environ[name]
            if text.strip().isdecimal() and len(text) <= _MAX_DIGITS and int(text) >= minimum:
                return int(text)
            raise ConfigError(
                f"{name}={text!r} is not a whole number of at least {minimum}. Set it as torchrun does, or unset it."
            )
    raise ConfigError(
        f"{' or '.join(names)} is not set, but the rank is. Set it to the number of processes of the job, "
        "or start the job with torchrun, which sets both."
    )


def _optional(environ: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    """The first plain number among the variables; Slurm's ``4(x2)`` counts as 4, ``4,2`` as unknown."""
    for name in names:
        text = environ.get(name, "").split("(")[0].strip()
        if text.isdecimal() and len(text) <= _MAX_DIGITS:
            return int(text)
    return None
