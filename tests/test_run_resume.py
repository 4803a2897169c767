"""Attempts at one run, and the state that goes from one to the next."""

import pickle
from pathlib import Path
from typing import Any

import pytest

import otel_mmlog
from tests.conftest import MakeRun
from tests.journals import events, read_journals, records
from tests.training import train


def test_resume_is_the_next_attempt(make_run: MakeRun, tmp_path: Path) -> None:
    """``resume=True`` goes on with the run that the folder remembers, as its next attempt."""
    with make_run() as first:
        train(first)
    for attempt in (1, 2):
        with make_run(resume=True) as run:
            assert (run.run_id, run.attempt) == (first.run_id, attempt)
            train(run)
    journals = read_journals(tmp_path)
    assert {point.attributes["mmlog.run.attempt"] for point in journals.points} == {0, 1, 2}
    assert len({span.trace_id for span in journals.spans}) == 3


def test_resume_of_nothing_is_a_new_run(make_run: MakeRun, tmp_path: Path) -> None:
    """Where nothing is remembered ``resume=True`` starts a new run and says so."""
    with make_run(resume=True) as run:
        assert run.attempt == 0
    assert any("no run is remembered" in line["event"] for line in events(tmp_path))


def test_state_round_trip(make_run: MakeRun, tmp_path: Path) -> None:
    """A loaded state goes on with epoch, iteration, windows and ETA where the first attempt stopped."""
    rules = [
        {"data_src": "loss", "method_name": "mean", "window_size": 8, "log_name": "loss_8"},
        {"data_src": "loss", "method_name": "max", "window_size": "global", "log_name": "loss_max"},
    ]
    with make_run(custom_cfg=rules, interval=4) as run:
        for epoch in run.epochs(4):
            for value in run.train(range(4)):
                run.log(loss=value + 10 * epoch)
            if epoch == 1:
                state = run.state_dict()
                break
    state = pickle.loads(pickle.dumps(state))
    assert state["progress"] == {"epoch": 2, "iter": 8}
    with make_run(custom_cfg=rules, interval=4, resume=True) as run:
        run.load_state_dict(state)
        epochs = []
        for epoch in run.epochs(4):
            epochs.append(epoch)
            for value in run.train(range(4)):
                run.log(loss=value)
    assert epochs == [2, 3]
    third, fourth = [record for record in records(tmp_path) if record["attempt"] == 1]
    assert (third["epoch"], third["iter"]) == (3, 12)
    assert third["event"].startswith("Epoch(train) [3][4/4]")
    assert third["tags"]["loss_8"] == (10 + 11 + 12 + 13 + 0 + 1 + 2 + 3) / 8
    assert third["tags"]["loss_max"] == 13
    assert 0 < third["tags"]["eta"] < 4 * 10 * third["tags"]["time"] + 1
    assert (fourth["iter"], fourth["tags"]["eta"]) == (16, 0)


def test_state_of_an_iteration_based_run(make_run: MakeRun, tmp_path: Path) -> None:
    """``max_iters`` counts over the whole training, resumed or not."""
    with make_run(by_epoch=False, interval=2) as run:
        for value in run.train(range(3), max_iters=4):
            run.log(loss=value)
        state = run.state_dict()
    with make_run(by_epoch=False, interval=2, resume=True) as run:
        run.load_state_dict(state)
        for value in run.train(range(3), max_iters=6):
            run.log(loss=value)
        assert list(run.train(range(3), max_iters=6)) == []
    assert [record["iter"] for record in records(tmp_path)] == [2, 4, 6]


HUB: dict[str, Any] = {"log_scalars": {}, "runtime_info": {}, "resumed_keys": {}}
PROGRESS = {"epoch": 5, "iter": 9}


@pytest.mark.parametrize(
    "state",
    [
        {},
        None,
        [],
        {"progress": PROGRESS},
        {"hub": HUB},
        {"progress": {}, "hub": HUB},
        {"progress": {"epoch": -1, "iter": 9}, "hub": HUB},
        {"progress": {"epoch": "5", "iter": 9}, "hub": HUB},
        {"progress": 7, "hub": HUB},
        {"progress": PROGRESS, "hub": None},
        {"progress": PROGRESS, "hub": {"log_scalars": {}}},
        {"progress": PROGRESS, "hub": {**HUB, "log_scalars": 3}},
        {"progress": PROGRESS, "hub": {**HUB, "log_scalars": {"train/loss": {"version": 1}}}},
        {"progress": PROGRESS, "hub": HUB, "version": 99},
    ],
)
def test_wrong_state(make_run: MakeRun, state: Any) -> None:
    """What is no state of a run is named, and changes nothing."""
    with make_run() as run:
        train(run)
        before = run.state_dict()
        with pytest.raises(otel_mmlog.ConfigError, match="state_dict"):
            run.load_state_dict(state)
        assert run.state_dict() == before
