"""A small classifier with Lightning: `logger=MMLogLogger("name")` is all there is to it."""

import argparse
import warnings

import lightning
import torch
from torch.utils.data import DataLoader, TensorDataset

from otel_mmlog.integrations.lightning import MMLogLogger


class Classifier(lightning.LightningModule):
    """One linear layer for two classes of points."""

    def __init__(self, lr: float) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(2, 2)

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        """Log the loss of a batch."""
        loss = torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: list[torch.Tensor], batch_idx: int) -> None:
        """Log the accuracy of a batch, which Lightning averages."""
        self.log("val_acc", (self.layer(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"])


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--work-dir", default="work_dirs/lightning_toy")
parser.add_argument("--epochs", type=int, default=3)
options = parser.parse_args()

warnings.filterwarnings("ignore", ".*num_workers.*")
lightning.seed_everything(0)
points = torch.randn(1024, 2)
data = TensorDataset(points, (points.sum(1) > 0).long())
trainer = lightning.Trainer(
    accelerator="cpu",
    max_epochs=options.epochs,
    log_every_n_steps=10,
    logger=MMLogLogger("lightning_toy", work_dir=options.work_dir),
    default_root_dir=options.work_dir,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(Classifier(lr=0.1), DataLoader(data, 32, shuffle=True), DataLoader(data, 256))
