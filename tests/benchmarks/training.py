"""A training of a real Runner whose model does nothing, timed: ``python training.py WORK_DIR WAY ITERATIONS``."""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")  # what torch and MMEngine warn of is not ours to mend

import torch  # noqa: E402
from mmengine.model import BaseModel  # noqa: E402
from mmengine.runner import Runner  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

EPOCHS = 4
INTERVAL = 10
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "ours": {"type": "otel_mmlog.integrations.mmengine.OTelLogProcessor"},
    "flat": {"type": "otel_mmlog.integrations.mmengine.OTelLogProcessor", "flat_history": True},
}


class Model(BaseModel):  # type: ignore[misc]  # mmengine has no types
    """Two losses, of which nothing learns: what is left is the Runner and what it logs."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(1, 1)
        self.losses = torch.tensor([0.1, 0.2])
        self.began: tuple[float, float] | None = None

    def train_step(self, data: Any, optim_wrapper: Any) -> dict[str, torch.Tensor]:
        self.began = self.began or now_s()  # what train() builds before is no part of a step
        self.losses *= 0.999
        loss_a, loss_b = self.losses
        return {"loss": loss_a + loss_b, "loss_a": loss_a, "loss_b": loss_b}

    def forward(self, inputs: Any) -> Any:
        return inputs


def make_runner(work_dir: str, way: str, iterations: int) -> Any:
    """Return a runner of so many iterations, in four epochs, a record every ten and a checkpoint at the end."""
    return Runner(
        Model(),
        work_dir,
        train_dataloader=DataLoader(range(iterations // EPOCHS), collate_fn=list),  # type: ignore[arg-type]  # a sequence will do
        train_cfg={"by_epoch": True, "max_epochs": EPOCHS},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.01}},
        default_hooks={
            "logger": {"type": "LoggerHook", "interval": INTERVAL},
            "checkpoint": {"type": "CheckpointHook", "interval": EPOCHS},
        },
        log_processor={"window_size": 10, **WAYS[way]},
        randomness={"seed": 0},
    )


def now_s() -> tuple[float, float]:
    """Return the wall clock and the CPU time of this process, in seconds."""
    return time.perf_counter(), time.process_time()


def main(work_dir: str, way: str, iterations: str) -> None:
    """Train, and write what a step took by the wall clock and of CPU, in seconds, to ``cost.json``."""
    torch.set_num_threads(1)
    runner = make_runner(work_dir, way, int(iterations))
    model = runner.model
    runner.train()
    cost_s = [
        (end_s - began_s) / int(iterations) for began_s, end_s in zip(model.began, now_s(), strict=True)
    ]
    Path(work_dir, "cost.json").write_text(json.dumps(cost_s))


if __name__ == "__main__":
    main(*sys.argv[1:])
