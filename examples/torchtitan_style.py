"""A logger of torchtitan's shape in a plain loop: `log(metrics, step)` and `close()`, as its `BaseLogger` has them.

In torchtitan, let the class inherit from `torchtitan.components.metrics.BaseLogger`, and put one into each rank's
`MetricsProcessor`: `trainer.metrics_processor.logger = RunLogger(...)`.
"""

import argparse
import time
from typing import Any

import torch

import otel_mmlog


class RunLogger:
    """Writes metrics to a run, a record a step, as they are given."""

    def __init__(self, name: str, work_dir: str, config: dict[str, Any]) -> None:
        self.run = otel_mmlog.init(
            name, work_dir=work_dir, by_epoch=False, interval=1, window_size=1, config=config
        )

    def log(self, metrics: dict[str, Any], step: int) -> None:
        """Log the metrics of a step; those of a validation are a record of their own."""
        named = {name.replace("validation_metrics/", "val/"): value for name, value in metrics.items()}
        self.run.log(named, step=step)

    def close(self) -> None:
        """End the run."""
        self.run.close()


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--work-dir", default="work_dirs/torchtitan_style")
parser.add_argument("--steps", type=int, default=20)
options = parser.parse_args()

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Embedding(32, 16), torch.nn.Linear(16, 32))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
tokens = (torch.arange(8)[:, None] + torch.arange(17)) % 32
logger = RunLogger("torchtitan_style", options.work_dir, {"lr": 1e-2, "steps": options.steps})
begin_s, count = time.perf_counter(), 0

for step in range(1, options.steps + 1):
    loss = torch.nn.functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    grad_norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    count += tokens.numel()
    if step % 5 == 0:
        now_s = time.perf_counter()
        metrics = {
            "loss_metrics/global_avg_loss": loss.detach(),
            "grad_norm": grad_norm,
            "throughput(tps)": count / (now_s - begin_s),
            "time_metrics/end_to_end(s)": (now_s - begin_s) / 5,
        }
        logger.log(metrics, step)
        begin_s, count = now_s, 0
logger.log({"validation_metrics/loss": loss.detach()}, options.steps)
logger.close()
