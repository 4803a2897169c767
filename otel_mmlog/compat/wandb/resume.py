"""Whether ``wandb.init`` goes on with a run, as its ``resume`` and ``id`` say."""

from pathlib import Path

from otel_mmlog.core.attempts import attempts_file, last_run_id, read_attempts
from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.shown import shown
from otel_mmlog.run import Run
from otel_mmlog.runs.last_step import last_step

CHOICES = ("allow", "must", "never", "auto", True, False, None)


def remembered(resume: bool | str | None, run_id: str | None, work_dir: Path) -> str | None:  # noqa: FBT001 - wandb's
    """Return the id of the run that is gone on with: the one named, or the latest of the folder; None for a new one.

    Raises:
        ConfigError: There is none and it must be, there is one and it must not be, or `resume` is none of wandb's.
    """
    if resume not in CHOICES:
        raise ConfigError(
            f'resume of wandb.init is {shown(resume)}, but it is "allow", "must", "never", "auto" or True'
        )
    known = last_run_id(work_dir, 0)
    if run_id is not None:
        starts = read_attempts(attempts_file(work_dir, 0))
        known = run_id if any(start.run_id == run_id for start in starts) else None
    wanted = "the run" if run_id is None else f"the run {shown(run_id)}"
    if resume == "must" and known is None:
        raise ConfigError(
            f'resume="must", but {work_dir} remembers nothing of {wanted}: name its folder by dir and name, or take '
            'resume="allow"'
        )
    if resume == "never" and run_id is not None and known is not None:
        raise ConfigError(f'resume="never", but {work_dir} has {wanted} already: take another id')
    return known if resume and resume != "never" else None


def first_step(run: Run, *, resumed: bool) -> int:
    """How many steps a run has made before."""
    if not resumed:
        return 0
    try:
        return last_step(run.work_dir, run.run_id, run.rank)
    except OSError as error:
        run.note_fault("wandb.init, which counts from 0", error)
        return 0
