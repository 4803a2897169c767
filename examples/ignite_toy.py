"""A small classifier with Ignite: `MMLogHandler("name").attach(trainer)` is all there is to it."""

import argparse

import torch
from ignite.engine import Engine, Events, create_supervised_evaluator, create_supervised_trainer
from ignite.metrics import Accuracy
from torch.utils.data import DataLoader, TensorDataset

from otel_mmlog.integrations.ignite import MMLogHandler

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--work-dir", default="work_dirs/ignite_toy")
parser.add_argument("--epochs", type=int, default=3)
options = parser.parse_args()

torch.manual_seed(0)
points = torch.randn(1024, 2)
data = TensorDataset(points, (points.sum(1) > 0).long())
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
trainer = create_supervised_trainer(model, optimizer, torch.nn.CrossEntropyLoss())
evaluator = create_supervised_evaluator(model, {"accuracy": Accuracy()})

MMLogHandler("ignite_toy", work_dir=options.work_dir).attach(
    trainer, evaluators={"val": evaluator}, optimizer=optimizer
)


@trainer.on(Events.EPOCH_COMPLETED)
def evaluate(_engine: Engine) -> None:
    """Validate after each epoch."""
    evaluator.run(DataLoader(data, 256))


trainer.run(DataLoader(data, 32, shuffle=True), max_epochs=options.epochs)
