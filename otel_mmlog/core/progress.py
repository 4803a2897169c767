"""Where a run stands: all that a line needs to know of the loop that made it."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["train", "val", "test"]
MODES: tuple[Mode, ...] = ("train", "val", "test")


def mode_of(name: str) -> Mode | None:
    """Return the loop that a full name begins with (``val`` of ``val/acc``), or None for a bare name."""
    return next((mode for mode in MODES if name.startswith(f"{mode}/")), None)


@dataclass(frozen=True, slots=True)
class Progress:
    """The position of one loop at one log interval.

    Attributes:
        mode: The loop that runs.
        by_epoch: Whether the line counts epochs (``Epoch(train) [1][10/25]``) or
            iterations (``Iter(train) [10/250]``).
        epoch: The epoch as printed, from 1; 0 where no train loop exists.
        iter: The global train iteration as logged, from 1; 0 where no train loop exists.
        batch_idx: Index of the current batch in its loop, from 0.
        loader_len: Batches in the loop's loader, or None if it has no length.
        max_epochs: Epochs of the train loop, or None if there is no train loop or no end.
        max_iters: Iterations of the train loop, or None if unknown.
        eta_s: Estimated seconds to the end of the loop, or None if not estimated.
        in_loop: False for scalars of a val or test mode that were logged without a loop: only `iter` says when.
    """

    mode: Mode
    by_epoch: bool
    epoch: int
    iter: int
    batch_idx: int
    loader_len: int | None = None
    max_epochs: int | None = None
    max_iters: int | None = None
    eta_s: float | None = None
    in_loop: bool = True
