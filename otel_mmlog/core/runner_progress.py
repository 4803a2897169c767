"""From an MMEngine runner, or anything shaped like one, to the progress of its current loop."""

from typing import Any

from otel_mmlog.core.errors import ModeError
from otel_mmlog.core.progress import Mode, Progress


def progress_of(runner: Any, batch_idx: int, mode: Mode, *, by_epoch: bool) -> Progress:
    """Where the runner stands.

    Args:
        runner: Has ``iter``, ``message_hub``, ``train_loop`` and the like, as MMEngine's `Runner`.
        batch_idx: Index of the batch in its loop, from 0.
        mode: The loop that runs.
        by_epoch: Whether its lines count epochs.
    """
    trains = has_train_loop(runner)
    counts_iters = mode == "train" and not by_epoch
    return Progress(
        mode=mode,
        by_epoch=by_epoch,
        epoch=epoch_of(runner, mode) if mode != "test" else 0,
        iter=runner.iter + 1 if trains or counts_iters else 0,
        batch_idx=batch_idx,
        loader_len=None if counts_iters else loader_len(loop_of(runner, mode)),
        max_epochs=runner.max_epochs if trains and by_epoch and mode != "test" else None,
        max_iters=runner.max_iters if counts_iters else None,
        eta_s=runner.message_hub.get_info("eta"),
    )


def has_train_loop(runner: Any) -> bool:
    """Whether a train loop was built; before that, MMEngine keeps its config or nothing."""
    loop = getattr(runner, "_train_loop", None)
    return loop is not None and not isinstance(loop, dict)


def epoch_of(runner: Any, mode: str) -> int:
    """The epoch as printed: from 1 in train, the one just trained in val, 0 in val without a train loop.

    Raises:
        ModeError: If the mode is neither train nor val.
    """
    if mode == "train":
        return int(runner.epoch) + 1
    if mode == "val":
        return int(runner.epoch) if has_train_loop(runner) else 0
    raise ModeError(f"only 'train' and 'val' have an epoch, got {mode!r}")


def loop_of(runner: Any, mode: str) -> Any:
    """The runner's loop of this mode."""
    if mode == "train":
        return runner.train_loop
    return runner.val_loop if mode == "val" else runner.test_loop


def loader_len(loop: Any) -> int | None:
    """The batches in a loop's loader, or None if it has no length."""
    try:
        return len(loop.dataloader)
    except TypeError:
        return None
