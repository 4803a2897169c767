"""A short training, and a place in a job, for tests that need some."""

import pytest

import otel_mmlog


def train(run: otel_mmlog.Run, steps: int = 10) -> None:
    """Train one epoch with the losses 0, 1, 2, ..."""
    for _epoch in run.epochs(1):
        for value in run.train(range(steps)):
            run.log(loss=value)


def place(monkeypatch: pytest.MonkeyPatch, rank: int, world_size: int = 2, local: int | None = None) -> None:
    """Be one rank of a job, as torchrun says it; ``local`` ranks are on each machine, all of them by default."""
    local = world_size if local is None else local
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job")
    monkeypatch.setenv("RANK", str(rank))
    monkeypatch.setenv("WORLD_SIZE", str(world_size))
    monkeypatch.setenv("LOCAL_RANK", str(rank % local))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(local))
