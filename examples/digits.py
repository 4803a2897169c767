"""Train a small CNN on scikit-learn's digits, alone or on several ranks.

    python examples/digits.py
    torchrun --nproc_per_node 2 examples/digits.py
    torchrun --nproc_per_node 2 examples/digits.py --epochs 6 --resume

Each rank logs its own losses and times; rank 0 prints them, and writes text and JSON. With ``--distributed``
(or OTEL_MMLOG_LOG_LEVEL=DEBUG) every rank writes its files. Journals are always written by all.
"""

import argparse
import os
from pathlib import Path

import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import otel_mmlog
from otel_mmlog import MessageHub


class DigitsNet(nn.Module):
    """Two convolutions and a classifier; it logs a value that only it knows."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(32 * 4 * 4, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, shape (N, 10), of images of shape (N, 1, 8, 8)."""
        features = self.features(images).flatten(1)
        if self.training:
            MessageHub.get_current_instance().update_scalar(
                "train/feature_norm", features.detach().norm(dim=1).mean()
            )
        logits: Tensor = self.classifier(features)
        return logits


def load_data() -> tuple[TensorDataset, TensorDataset]:
    """Return train and val sets: 1,797 images of 8 x 8 pixels, every fifth for val."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    is_val = torch.arange(len(labels)) % 5 == 0
    return TensorDataset(images[~is_val], labels[~is_val]), TensorDataset(images[is_val], labels[is_val])


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train a small CNN on scikit-learn's digits.")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--batch-size", type=int, default=32, help="images a rank")
    parser.add_argument("--work-dir", default="work_dirs/digits")
    parser.add_argument("--resume", action="store_true", help="go on with the last run in the work dir")
    parser.add_argument("--distributed", action="store_true", help="text and JSON files of every rank")
    parser.add_argument(
        "--diverge", action="store_true", help="let the loss become NaN, to see how that looks"
    )
    return parser.parse_args()


def train(args: argparse.Namespace, run: otel_mmlog.Run) -> None:
    """Train and validate, with a checkpoint an epoch."""
    torch.manual_seed(0)
    model: nn.Module = DigitsNet()
    if run.world_size > 1:
        model = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    train_set, val_set = load_data()
    sampler: DistributedSampler[tuple[Tensor, ...]] = DistributedSampler(train_set, run.world_size, run.rank)
    train_loader = DataLoader(train_set, args.batch_size, sampler=sampler)
    val_loader = DataLoader(val_set, 128)
    checkpoint = Path(args.work_dir) / f"checkpoint_rank{run.rank}.pt"
    if args.resume and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=False)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        run.load_state_dict(state["run"])

    for epoch in run.epochs(args.epochs):
        sampler.set_epoch(epoch)
        model.train()
        for images, labels in run.train(train_loader):
            loss = functional.cross_entropy(model(images), labels)
            if args.diverge and epoch == args.epochs - 1:
                loss = loss * float("nan")
            optimizer.zero_grad()
            loss.backward()
            grad_norm = nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            run.log(loss=loss, grad_norm=grad_norm, lr=args.lr)
        model.eval()
        with torch.no_grad():
            for images, labels in run.val(val_loader):
                correct = (model(images).argmax(1) == labels).float().mean()
                run.log(accuracy=correct, count=len(labels))
        with run.checkpoint(checkpoint) as path:
            state = {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "run": run.state_dict(),
            }
            torch.save(state, path)


def main() -> None:
    """Set up the ranks and run."""
    args = parse_arguments()
    torch.set_num_threads(1)
    if "RANK" in os.environ:
        dist.init_process_group("gloo")
    rules = [
        {"data_src": "loss", "method_name": "mean", "window_size": "epoch", "log_name": "loss_epoch"},
        {
            "data_src": "feature_norm",
            "method_name": "max",
            "window_size": "epoch",
            "log_name": "feature_norm_max",
        },
    ]
    with otel_mmlog.init(
        "digits",
        work_dir=args.work_dir,
        custom_cfg=rules,
        distributed=args.distributed,
        resume=args.resume,
        config=vars(args),
    ) as run:
        train(args, run)
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
