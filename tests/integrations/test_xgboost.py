"""The callback for XGBoost, with its own boosters."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import MakeRun
from tests.integrations.examples import heads, run_example
from tests.journals import events, read_journals, records

pytestmark = pytest.mark.filterwarnings("ignore")
xgboost = pytest.importorskip("xgboost", reason="xgboost is not installed")
MMLogCallback = pytest.importorskip("otel_mmlog.integrations.xgboost").MMLogCallback
PARAMETERS = {"objective": "binary:logistic", "nthread": 1}


class OwnCallback(MMLogCallback):  # type: ignore[misc, valid-type]
    """A user's, with arguments of its own."""

    def __init__(self, names: list[str]) -> None:
        super().__init__("other", interval=3)
        self.names = names


def points() -> tuple[Any, Any]:
    values = np.random.default_rng(0).normal(size=(64, 2))
    return values, values.sum(1) > 0


def test_example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each round is an iteration with the metrics of each set; its settings are the run's."""
    run_example(monkeypatch, "xgboost_toy", tmp_path, "--rounds", "3")
    assert heads(tmp_path, "xgboost_toy") == [
        head for step in (1, 2, 3) for head in (f"Iter(val) [{step}/?]", f"Iter(train) [{step}/?]")
    ]
    found = records(tmp_path, "xgboost_toy")
    assert [record["iter"] for record in found] == [1, 1, 2, 2, 3, 3]
    assert all({"logloss", "error"} <= set(record["tags"]) for record in found)
    (config,) = [line for line in events(tmp_path, "xgboost_toy") if line["event"] == "Config"]
    assert (config["config"]["objective"], config["config"]["max_depth"]) == ("binary:logistic", "3")
    assert sorted(span.name for span in read_journals(tmp_path).spans) == ["mmlog.run", "mmlog.train"]


def test_open_run_is_used(make_run: MakeRun, tmp_path: Path) -> None:
    """In one run: folds with their deviation, trees on top of others, and a model of scikit-learn's shape."""
    run = make_run(by_epoch=False, interval=1)
    callback = MMLogCallback("other")
    data = xgboost.DMatrix(*points())
    xgboost.cv(PARAMETERS, data, 1, nfold=2, callbacks=[callback])
    before = xgboost.train(PARAMETERS, data, 2)
    xgboost.train(PARAMETERS, data, 1, xgb_model=before, callbacks=[callback], evals=[(data, "mine")])
    model = xgboost.XGBClassifier(n_estimators=1, n_jobs=1, callbacks=[callback])
    model.fit(*points(), eval_set=[points()], verbose=False)
    assert not run.closed
    run.close()
    found = [(record["mode"], record["iter"], set(record["tags"])) for record in records(tmp_path)]
    times = {"time", "data_time", "iter"}
    assert found == [
        ("test", 1, {"logloss", "logloss_std", "iter"}),
        ("train", 1, {"logloss", "logloss_std", *times}),
        ("val", 3, {"mine/logloss", "iter"}),
        ("train", 3, times),
        ("val", 1, {"0/logloss", "iter"}),
        ("train", 1, times),
    ]


def test_copies_have_no_run(make_run: MakeRun) -> None:
    """A callback that has trained is copied and pickled with its model, without its run, as what it is."""
    make_run()
    callback = OwnCallback(["auc"])
    xgboost.train(PARAMETERS, xgboost.DMatrix(*points()), 1, callbacks=[callback])
    for other in (copy.deepcopy(callback), pickle.loads(pickle.dumps(callback))):
        assert (other.held.experiment_name, other.held.options) == ("other", {"interval": 3})
        assert (type(other), other.names) == (OwnCallback, ["auc"])


def test_faults_cost_no_training(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the callback cannot do is told once, and training goes on."""
    run = make_run()
    callback = MMLogCallback()
    monkeypatch.setattr("otel_mmlog.integrations.followed.FollowedTraining.begin_step", lambda *_args: 1 / 0)
    booster = xgboost.train(PARAMETERS, xgboost.DMatrix(*points()), 3, callbacks=[callback])
    run.close()
    assert booster.num_boosted_rounds() == 3
    assert len([line for line in events(tmp_path) if "_begin_round" in line["event"]]) == 1
