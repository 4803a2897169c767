"""What frameworks call their scalars."""

import pytest

from otel_mmlog.integrations.names import mode_named, translated, translated_all

NAMES = {
    "loss": "train/loss",
    "train_loss": "train/loss",
    "train/loss": "train/loss",
    "Loss/train": "train/loss",
    "training_loss_step": "train/loss_step",
    "eval_loss": "val/loss",
    "eval/loss": "val/loss",
    "val_acc": "val/acc",
    "validation_acc": "val/acc",
    "valid/acc": "val/acc",
    "Accuracy/valid": "val/Accuracy",
    "test_acc": "test/acc",
    "learning_rate": "train/lr",
    "lr-AdamW": "train/lr",
    "grad_norm": "train/grad_norm",
    "value": "train/value",
    "tests": "train/tests",
    "trainable": "train/trainable",
    "a/b": "train/a/b",
}


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    """Each has the loop in front that it tells of, and is called as dashboards call it."""
    assert translated(name, "train") == NAMES[name]


def test_mode_of_names_that_tell_none() -> None:
    """A bare name is of the loop that runs; one that tells is not."""
    assert translated("acc", "test") == "test/acc"
    assert translated("train_loss", "val") == "train/loss"


def test_two_that_would_be_one() -> None:
    """The rates of two optimizers both arrive."""
    values = {"lr-Adam": 1.0, "lr-SGD": 2.0, "epoch": 3}
    assert translated_all(values, "train", leave_out=("epoch",)) == {"train/lr": 1.0, "train/lr-SGD": 2.0}


def test_folders() -> None:
    """A writer's folder may be named after a loop."""
    assert (mode_named("Validation"), mode_named("run1")) == ("val", None)
