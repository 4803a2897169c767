"""A plain loop with Accelerate: `log_with=MMLogTracker("name")` is all there is to it."""

import argparse

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader, TensorDataset

from otel_mmlog.integrations.accelerate import MMLogTracker

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--work-dir", default="work_dirs/accelerate_toy")
parser.add_argument("--epochs", type=int, default=3)
options = parser.parse_args()

torch.manual_seed(0)
accelerator = Accelerator(log_with=MMLogTracker("accelerate_toy", work_dir=options.work_dir), cpu=True)
accelerator.init_trackers("toy", config={"lr": 0.1, "epochs": options.epochs})

points = torch.randn(512, 2)
data = TensorDataset(points, (points.sum(1) > 0).long())
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model, optimizer, loader = accelerator.prepare(model, optimizer, DataLoader(data, 32, shuffle=True))

step = 0
for _epoch in range(options.epochs):
    for inputs, labels in loader:
        loss = torch.nn.functional.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        step += 1
        if step % 8 == 0:
            accelerator.log({"train_loss": loss.item(), "learning_rate": 0.1}, step=step)
    accuracy = (model(points).argmax(1) == data.tensors[1]).float().mean()
    accelerator.log({"eval_accuracy": accuracy.item()}, step=step)
accelerator.end_training()
