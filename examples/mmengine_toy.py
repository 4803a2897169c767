"""Train the two toy models of MMEngine's logging tutorial; one line of the ``Runner`` is ours.

    python examples/mmengine_toy.py
    python examples/mmengine_toy.py --model message-hub --log-level debug
    torchrun --nproc_per_node 2 examples/mmengine_toy.py --model losses --work-dir tmp --log-level debug

MMEngine prints and keeps its own files as ever. In the work dir there are beside them the text and JSON of rank 0
(with ``--log-level debug`` of every rank), and every rank's journal. ``--plain`` leaves that line out, for the ways
that need none: ``otel-mmlog run examples/mmengine_toy.py --plain``.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

Rules = list[dict[str, Any]]


class TwoLosses(BaseModel):  # type: ignore[misc]  # mmengine has no types
    """A line through the origin; MMEngine logs each loss that it returns, and their sum as ``loss``."""

    rules: Rules = []  # noqa: RUF012 - nothing to add: losses show their mean without a rule

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, inputs: Tensor, targets: Tensor, mode: str) -> dict[str, Tensor]:  # noqa: ARG002 - as MMEngine calls it
        """Return the losses, each of shape (N, 1)."""
        error = self.linear(inputs) - targets
        return {"loss1": error.pow(2), "loss2": error.abs()}


class HubValue(TwoLosses):
    """The same line; it returns one loss, and puts what that is made of into the message hub."""

    rules: Rules = [{"data_src": "loss_tmp", "method_name": "mean", "window_size": 10}]  # noqa: RUF012 - a constant

    def forward(self, inputs: Tensor, targets: Tensor, mode: str) -> dict[str, Tensor]:  # noqa: ARG002 - as MMEngine calls it
        """Return the loss, of shape (N, 1)."""
        distance = (self.linear(inputs) - targets).abs()
        MessageHub.get_current_instance().update_scalar("train/loss_tmp", distance.sum())
        return {"loss": distance.pow(2)}


MODELS: dict[str, type[TwoLosses]] = {"losses": TwoLosses, "message-hub": HubValue}


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train the toy models of MMEngine's logging tutorial.")
    parser.add_argument(
        "--model", choices=MODELS, help="one of them; else both, each in its folder in the work dir"
    )
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--work-dir", default="work_dirs/mmengine_toy")
    parser.add_argument(
        "--log-level", default="INFO", help="DEBUG shows what comes from MMEngine's registries"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the last checkpoint in the work dir"
    )
    parser.add_argument("--plain", action="store_true", help="MMEngine's own log processor")
    return parser.parse_args()


def distributed_arguments() -> dict[str, Any]:
    """Return what a ``Runner`` needs when torchrun has started it; without a GPU, gloo has to be there first."""
    if "RANK" not in os.environ:
        return {}
    if torch.cuda.is_available():
        return {"launcher": "pytorch"}
    if not dist.is_initialized():
        dist.init_process_group("gloo")
    return {
        "launcher": "pytorch",
        "cfg": Config({"model_wrapper_cfg": {"type": "MMDistributedDataParallel", "device_ids": None}}),
    }


def train(model: TwoLosses, work_dir: Path, args: argparse.Namespace) -> None:
    """Train one model with a runner of its own; every rank sees all of the 50 samples."""
    log_processor = {"type": "otel_mmlog.integrations.mmengine.OTelLogProcessor", "custom_cfg": model.rules}
    if args.plain:
        log_processor["type"] = "LogProcessor"
    runner = Runner(
        model=model,
        work_dir=str(work_dir),
        experiment_name=work_dir.resolve().name,
        train_dataloader=DataLoader(TensorDataset(torch.ones(50, 1), torch.ones(50, 1)), batch_size=2),
        train_cfg={"by_epoch": True, "max_epochs": args.epochs},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.01}},
        log_processor=log_processor,
        log_level=args.log_level,
        resume=args.resume,
        **distributed_arguments(),
    )
    runner.train()


def main() -> None:
    """Train what the command line says."""
    args = parse_arguments()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    work_dir = Path(args.work_dir)
    if args.model:
        train(MODELS[args.model](), work_dir, args)
    else:
        for name, model_class in MODELS.items():
            train(model_class(), work_dir / name, args)
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
