"""The log processor in a real MMEngine run, beside mmengine's own."""

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from otel_mmlog.core.log_processor import LogProcessor
from tests.oracle.theirs import TheirProcessor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mmengine.evaluator import BaseMetric
    from mmengine.model import BaseModel
    from mmengine.runner import Runner

RULES = [
    {"data_src": "loss", "log_name": "loss_best", "method_name": "min", "window_size": "global"},
    {"data_src": "loss_a", "log_name": "loss_a_long", "method_name": "mean", "window_size": 7},
    {"data_src": "time", "log_name": "time_max", "method_name": "max", "window_size": "global"},
]


class Model(BaseModel):  # type: ignore[misc]  # mmengine has no types
    """Two losses of one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 1)

    def forward(self, inputs: torch.Tensor, targets: torch.Tensor, mode: str) -> Any:
        outputs = self.linear(inputs)
        if mode == "predict":
            return [outputs]
        return {"loss_a": (outputs - targets).abs().mean(), "loss_b": outputs.square().mean()}


class Metric(BaseMetric):  # type: ignore[misc]  # mmengine has no types
    """A number, and a list that is none."""

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append(float(data_samples[0].mean()))

    def compute_metrics(self, results: list[float]) -> dict[str, Any]:
        return {"mean": sum(results) / len(results), "all": results, "n": len(results)}


class Both(TheirProcessor):  # type: ignore[misc]  # mmengine has no types
    """mmengine's log processor, which asks ours the same and keeps both answers."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.ours = LogProcessor(**config)
        self.answers: list[tuple[Any, Any]] = []

    def get_log_after_iter(self, *args: Any) -> Any:
        theirs = super().get_log_after_iter(*args)
        self.answers.append((self.ours.get_log_after_iter(*args), theirs))
        return theirs

    def get_log_after_epoch(self, *args: Any, **kwargs: Any) -> Any:
        theirs = super().get_log_after_epoch(*args, **kwargs)
        self.answers.append((self.ours.get_log_after_epoch(*args, **kwargs), theirs))
        return theirs


@pytest.fixture
def quiet() -> Iterator[None]:
    """Warnings of mmengine and torch are not ours; the logger's files are closed at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    for logger in list(logging.Logger.manager.loggerDict.values()):
        for handler in getattr(logger, "handlers", []):
            if isinstance(handler, logging.FileHandler):
                handler.close()


def loader(length: int) -> DataLoader[Any]:
    torch.manual_seed(0)
    return DataLoader(TensorDataset(torch.randn(length * 2, 4), torch.randn(length * 2, 1)), batch_size=2)


@pytest.mark.parametrize("by_epoch", [True, False])
@pytest.mark.parametrize("hierarchical", [True, False])
@pytest.mark.usefixtures("quiet")
def test_real_runner(tmp_path: Path, by_epoch: bool, hierarchical: bool) -> None:
    """In train, val and test of a real Runner, every line and every tag is mmengine's."""
    rules = (
        [*RULES, {"data_src": "loss_b", "method_name": "max", "window_size": "epoch"}] if by_epoch else RULES
    )
    both = Both(window_size=3, by_epoch=by_epoch, custom_cfg=rules, log_with_hierarchy=hierarchical)
    train_cfg = (
        {"by_epoch": True, "max_epochs": 2}
        if by_epoch
        else {"by_epoch": False, "max_iters": 22, "val_interval": 11}
    )
    runner = Runner(
        model=Model(),
        work_dir=str(tmp_path),
        train_dataloader=loader(11),
        val_dataloader=loader(4),
        test_dataloader=loader(3),
        train_cfg=train_cfg,
        val_cfg={},
        test_cfg={},
        val_evaluator=[Metric()],
        test_evaluator=[Metric()],
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.01}},
        default_hooks={"logger": {"type": "LoggerHook", "interval": 2}, "checkpoint": None},
        log_processor=both,
        experiment_name=f"{tmp_path.name}_{by_epoch}_{hierarchical}",
        log_level="ERROR",
    )
    runner.train()
    runner.test()
    assert len(both.answers) > 12
    for (our_tags, our_text), (their_tags, their_text) in both.answers:
        assert our_text == their_text
        assert list(our_tags.items()) == list(their_tags.items())
