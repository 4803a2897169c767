"""Boosted trees with XGBoost: `callbacks=[MMLogCallback("name")]` is all there is to it."""

import argparse

import numpy as np
import xgboost

from otel_mmlog.integrations.xgboost import MMLogCallback

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--work-dir", default="work_dirs/xgboost_toy")
parser.add_argument("--rounds", type=int, default=10)
options = parser.parse_args()

points = np.random.default_rng(0).normal(size=(1024, 2))
labels = points.sum(1) > 0
train = xgboost.DMatrix(points[:768], labels[:768])
val = xgboost.DMatrix(points[768:], labels[768:])
xgboost.train(
    {"objective": "binary:logistic", "eval_metric": ["logloss", "error"], "max_depth": 3, "nthread": 1},
    train,
    num_boost_round=options.rounds,
    evals=[(train, "train"), (val, "eval")],
    verbose_eval=False,
    callbacks=[MMLogCallback("xgboost_toy", work_dir=options.work_dir)],
)
