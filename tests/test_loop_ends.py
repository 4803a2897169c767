"""Where loops begin and end: lengths, iterators that somebody holds, starts, and the state in the middle."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler

from tests.conftest import MakeRun
from tests.journals import bodies, headers, records, tags


def test_loops_have_lengths(make_run: MakeRun) -> None:
    """A progress bar sees the length of the loader, of ``max_iters`` and of the epochs that are left."""
    with make_run() as run:
        assert len(run.train([1, 2, 3])) == 3
        assert len(run.train([1, 2, 3], max_iters=2)) == 2
        assert len(run.val([1, 2])) == 2
        assert len(run.test([])) == 0
        assert len(run.epochs(5, start=2)) == 3
        with pytest.raises(TypeError, match="no length"):
            len(run.train(iter([1])))
        assert list(run.train(iter([1]))) == [1]
    with make_run(by_epoch=False) as run:
        assert len(run.train([1, 2, 3], max_iters=7)) == 7


def test_iterator_that_is_held(make_run: MakeRun, tmp_path: Path) -> None:
    """A loop that was left ends when the next train loop begins, though somebody holds its iterator."""
    held = []
    with make_run() as run:
        for _ in range(2):
            loop = iter(run.train(range(5)))
            held.append(loop)
            for value in loop:
                run.log(loss=value)
                if value == 2:
                    break
        assert next(held[0]) == 3
        run.log(loss=7)
    assert headers(tmp_path) == ["Epoch(train) [1][3/5]", "Epoch(train) [2][3/5]"]
    assert [record["iter"] for record in records(tmp_path)] == [3, 6]


def test_held_loops_end_with_their_epoch(make_run: MakeRun, tmp_path: Path) -> None:
    """Before the next epoch begins, the loops of the last one are over, train and val alike."""
    held: list[Iterator[int]] = []
    with make_run() as run:
        for _epoch in run.epochs(2):
            for loop in (run.train(range(5)), run.val(range(5))):
                held.append(iter(loop))
                run.log(x=next(held[-1]))
                run.log(y=next(held[-1]))
    assert [(record["mode"], record["epoch"]) for record in records(tmp_path)] == [
        ("val", 1),
        ("train", 1),
        ("val", 2),
        ("train", 2),
    ]


def test_start_without_a_state(make_run: MakeRun, tmp_path: Path) -> None:
    """``start`` counts the iterations of the epochs that it leaves out, so that iteration and ETA are right."""
    with make_run(interval=5) as run:
        for _epoch in run.epochs(3, start=2):
            for value in run.train(range(5)):
                run.log(loss=value)
    assert [record["iter"] for record in records(tmp_path)] == [15]
    assert tags(tmp_path, "eta") == [0]


def test_start_with_a_state(make_run: MakeRun, tmp_path: Path) -> None:
    """A loaded state has counted the iterations before ``start``."""
    with make_run(interval=5) as run:
        for _epoch in run.epochs(2):
            for value in run.train(range(3)):
                run.log(loss=value)
        state = run.state_dict()
    with make_run(interval=5, resume=True) as run:
        run.load_state_dict(state)
        for _epoch in run.epochs(3, start=2):
            for value in run.train(range(5)):
                run.log(loss=value)
    assert [record["iter"] for record in records(tmp_path)] == [3, 6, 11]


def test_state_inside_a_train_body(make_run: MakeRun, tmp_path: Path) -> None:
    """A state that is taken in a train body counts the iteration that has logged."""
    seen = []
    with make_run(by_epoch=False, interval=5) as run:
        for value in run.train(range(20), max_iters=20):
            run.log(loss=value)
            if value == 9:
                state = run.state_dict()
                break
    assert state["progress"] == {"epoch": 0, "iter": 10}
    with make_run(by_epoch=False, interval=5, resume=True) as run:
        run.load_state_dict(state)
        for value in run.train(range(20), max_iters=20):
            seen.append(value)
            run.log(loss=value)
    assert len(seen) == 10


def test_checkpoint_says_where_it_is(make_run: MakeRun, tmp_path: Path) -> None:
    """Between epochs a checkpoint counts epochs, in the middle of one its iterations."""
    with make_run() as run:
        for _epoch in run.epochs(1):
            for value in run.train(range(5)):
                run.log(loss=value)
                if value == 2:
                    with run.checkpoint(tmp_path / "a"):
                        pass
            with run.checkpoint(tmp_path / "b"):
                pass
    assert [body for body in bodies(tmp_path) if "checkpoint" in body] == [
        "Saving checkpoint at 3 iterations",
        "Saving checkpoint at 1 epochs",
    ]


def test_sampler_of_batches_shuffles_anew(make_run: MakeRun) -> None:
    """A new pass tells the sampler that a batch sampler wraps."""
    sampler: DistributedSampler[int] = DistributedSampler(range(4), num_replicas=1, rank=0)  # type: ignore[arg-type]  # a range will do
    loader: DataLoader[int] = DataLoader(range(4), batch_sampler=BatchSampler(sampler, 2, drop_last=False))  # type: ignore[arg-type]
    with make_run(by_epoch=False) as run:
        assert len(list(run.train(loader, max_iters=6))) == 6
    assert sampler.epoch == 2
