"""Where training stands, and where it ends."""

from dataclasses import dataclass


@dataclass(slots=True)
class Position:
    """The place of the train loop in a training.

    Attributes:
        by_epoch: Whether the train loop counts epochs.
        epoch: Finished epochs; inside one, its number from 0.
        iter: Finished iterations.
        epoch_under_way: The epoch that `epochs` runs, from 1, or None outside of it.
        max_epochs: Epochs in all, or None outside of `epochs`.
        max_iters: Iterations in all, or None if unknown.
        first_epoch: Where the next `epochs` starts if it is not told.
        skipped_epochs: Epochs that `epochs` was told to leave out, and that no train loop has counted yet.
    """

    by_epoch: bool
    epoch: int = 0
    iter: int = 0
    epoch_under_way: int | None = None
    max_epochs: int | None = None
    max_iters: int | None = None
    first_epoch: int = 0
    skipped_epochs: int = 0

    @property
    def epoch_of_train(self) -> int:
        """The epoch that a train loop belongs to, from 1; inside `epochs` several belong to one."""
        return self.epoch_under_way or self.epoch + 1

    def restore(self, epoch: int, iteration: int) -> None:
        """Go on from where an earlier attempt stood."""
        self.epoch = self.first_epoch = epoch
        self.iter = iteration

    def go_to(self, iteration: int | None, epoch: int | None) -> None:
        """Stand where a framework says that it stands; None leaves one alone, and `epochs` counts by itself."""
        if iteration is not None:
            self.iter = iteration
        if epoch is not None and self.epoch_under_way is None:
            self.epoch = epoch

    def end_epoch(self) -> None:
        """End an epoch in a train loop; where `epochs` runs, the next has begun with it."""
        self.epoch = self.epoch_of_train

    def begin_epochs(self, n: int, start: int | None) -> int:
        """Begin a training of ``n`` epochs, and return the first."""
        first, self.first_epoch = self.first_epoch if start is None else start, 0
        self.skipped_epochs = start or 0
        self.max_epochs = n
        return first

    def end_epochs(self) -> None:
        """End the training."""
        self.max_epochs = self.epoch_under_way = None

    def begin_train(self, loader_len: int | None, max_iters: int | None) -> int | None:
        """Begin a train loop.

        Args:
            loader_len: Batches of its loader, or None if unknown.
            max_iters: The iteration at which it stops, or None for the end of its loader.

        Returns:
            Iterations until ``max_iters``, or None without it.
        """
        skipped, self.skipped_epochs = self.skipped_epochs, 0
        if self.iter == 0 and loader_len is not None:  # a loaded state has counted them
            self.iter = skipped * loader_len
        self.max_iters = max_iters
        if max_iters is not None:
            return max(max_iters - self.iter, 0)
        if loader_len is not None and not self.by_epoch:
            self.max_iters = self.iter + loader_len
        elif loader_len is not None and self.max_epochs is not None:
            self.max_iters = self.max_epochs * loader_len
        return None

    def train_len(self, loader_len: int | None, max_iters: int | None) -> int | None:
        """Batches of a train loop that would begin now, or None if unknown."""
        if max_iters is None:
            return loader_len
        left = max(max_iters - self.iter, 0)
        if not self.by_epoch:
            return left  # the loader is begun anew until then
        return None if loader_len is None else min(loader_len, left)
