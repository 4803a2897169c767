"""The training of the demo, one process a rank: a small network learns drawn digits; NumPy alone.

The ranks see a half of the images each, and share their gradients through a socket.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

import otel_mmlog

Floats = npt.NDArray[np.float64]

_SEGMENTS = ("abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg")
_BARS = {
    "a": (slice(0, 1), slice(1, 7)),
    "b": (slice(0, 4), slice(6, 7)),
    "c": (slice(4, 8), slice(6, 7)),
    "d": (slice(7, 8), slice(1, 7)),
    "e": (slice(4, 8), slice(1, 2)),
    "f": (slice(0, 4), slice(1, 2)),
    "g": (slice(3, 4), slice(1, 7)),
}
_NOISE = 0.7
_LOADING_S = 0.004
_SLOW_RANK_S = 0.003


class Batch(NamedTuple):
    """Images of shape (N, 64), and N labels."""

    images: Floats
    labels: npt.NDArray[np.int64]


class Link(Protocol):
    """What ranks share their gradients with."""

    def send(self, obj: object, /) -> None:
        """Send an object."""

    def recv(self) -> list[Floats]:
        """Wait for one."""


class Loader:
    """Draws digits as a clock shows them, with noise."""

    def __init__(self, batches: int, size: int, seed: Sequence[int], pause_s: float) -> None:
        self._batches = batches
        self._size = size
        self._random = np.random.default_rng(seed)
        self._pause_s = pause_s
        self._digits = np.zeros((10, 8, 8))
        for digit, segments in enumerate(_SEGMENTS):
            for segment in segments:
                self._digits[digit][_BARS[segment]] = 1.0

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[Batch]:
        for _ in range(self._batches):
            time.sleep(self._pause_s)
            labels = self._random.integers(0, 10, self._size)
            images = self._digits[labels].reshape(self._size, 64)
            yield Batch(images + self._random.normal(0, _NOISE, images.shape), labels)


class Net:
    """One hidden layer; its gradients are the mean of those of all ranks."""

    def __init__(self, lr: float, link: Link | None, *, is_first: bool) -> None:
        random = np.random.default_rng(0)
        self.weights = [random.normal(0, 0.1, (64, 48)), random.normal(0, 0.1, (48, 10))]
        self._lr = lr
        self._link = link
        self._is_first = is_first

    def step(self, batch: Batch) -> tuple[float, float]:
        """Learn from a batch; returns loss and norm of the gradients."""
        hidden = np.maximum(batch.images @ self.weights[0], 0)
        probabilities = _softmax(hidden @ self.weights[1])
        rows = np.arange(len(batch.labels))
        loss = -np.log(probabilities[rows, batch.labels] + 1e-9).mean()
        error = probabilities
        error[rows, batch.labels] -= 1
        error /= len(rows)
        back = (error @ self.weights[1].T) * (hidden > 0)
        gradients = self._shared([batch.images.T @ back, hidden.T @ error])
        for weight, gradient in zip(self.weights, gradients, strict=True):
            np.subtract(weight, self._lr * gradient, out=weight)
        return float(loss), float(np.sqrt(sum((gradient**2).sum() for gradient in gradients)))

    def accuracy(self, batch: Batch) -> float:
        """The part of a batch that is told right."""
        hidden = np.maximum(batch.images @ self.weights[0], 0)
        return float(((hidden @ self.weights[1]).argmax(1) == batch.labels).mean())

    def _shared(self, gradients: list[Floats]) -> list[Floats]:
        if self._link is None:
            return gradients
        if not self._is_first:
            self._link.send(gradients)
            return self._link.recv()
        others = self._link.recv()
        mean = [(mine + other) / 2 for mine, other in zip(gradients, others, strict=True)]
        self._link.send(mean)
        return mean


def train(work_dir: Path, epochs: int, lr: float, descriptor: int | None) -> None:
    """Train one rank; which one, the launcher's variables say.

    Args:
        work_dir: Of the run.
        epochs: How many.
        lr: The learning rate.
        descriptor: A socket to the other rank, or None to train alone.
    """
    config = {"lr": lr, "epochs": epochs, "batch_size": 64, "hidden": 48}
    link = None if descriptor is None else Connection(descriptor)
    with otel_mmlog.init("demo", work_dir=work_dir, distributed=True, config=config, console=False) as run:
        net = Net(lr, link, is_first=run.rank == 0)
        loader = Loader(60, 64, (1, run.rank), _LOADING_S + _SLOW_RANK_S * run.rank)
        for epoch in run.epochs(epochs):
            for batch in run.train(loader):
                loss, grad_norm = net.step(batch)
                run.log(loss=loss, grad_norm=grad_norm, lr=lr)
            for batch in run.val(Loader(10, 100, (2, run.rank), _LOADING_S)):
                run.log(accuracy=net.accuracy(batch), count=len(batch.labels))
            with run.checkpoint(work_dir / f"demo_rank{run.rank}.npz") as path:
                np.savez(path, *net.weights)
            if epoch == 0 and run.rank == 1:
                run.logger.warning("this rank loads its data more slowly than the other")


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    result: Floats = powers / powers.sum(1, keepdims=True)
    return result


def main() -> None:
    """Read the command line, and train."""
    parser = argparse.ArgumentParser(description="One rank of the demo.")
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=0.2)
    parser.add_argument("--link", type=int)
    args = parser.parse_args()
    train(args.work_dir, args.epochs, args.lr, args.link)


if __name__ == "__main__":
    main()
