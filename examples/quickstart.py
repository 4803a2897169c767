"""The five lines: one process, no server. Run it, then look into work_dirs/quickstart."""

import torch

import otel_mmlog

torch.manual_seed(0)
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(640, 2)
batches = list(zip(inputs.split(32), (inputs @ torch.tensor([[2.0], [-1.0]]) + 0.5).split(32), strict=True))

with otel_mmlog.init("quickstart", work_dir="work_dirs/quickstart") as run:
    for _epoch in run.epochs(3):
        for x, y in run.train(batches):
            loss = torch.nn.functional.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(loss=loss, lr=optimizer.param_groups[0]["lr"])
