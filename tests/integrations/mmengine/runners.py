"""Real runners of MMEngine, small, with scalars of every kind."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from otel_mmlog.integrations.mmengine import MMEngineInstrumentor
from tests.oracle.test_log_processor_runner import Model, loader

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mmengine.evaluator import BaseMetric
    from mmengine.logging import MessageHub, MMLogger
    from mmengine.optim import OptimWrapper, OptimWrapperDict
    from mmengine.runner import Runner

TYPE = "otel_mmlog.integrations.mmengine.OTelLogProcessor"
RULES: list[dict[str, Any]] = [
    {"data_src": "loss", "log_name": "loss_best", "method_name": "min", "window_size": "global"},
    {"data_src": "loss_a", "method_name": "mean", "window_size": 4},
    {"data_src": "twice", "log_name": "twice_long", "method_name": "max", "window_size": "global"},
    {"data_src": "mean", "log_name": "mean_best", "method_name": "max", "window_size": 100},
    {"data_src": "n", "log_name": "n_now", "method_name": "current"},
    {"data_src": "time", "log_name": "time_max", "method_name": "max", "window_size": "global"},
]
COUNTED_RULES = [
    rule for rule in RULES if "window_size" in rule
]  # mmengine asks for it where iterations count
COUNTED = {"by_epoch": False, "max_iters": 22, "val_interval": 11}


class Talker(Model):
    """Two losses, a scalar that comes twice an iteration, and one that comes seldom."""

    def forward(self, inputs: torch.Tensor, targets: torch.Tensor, mode: str) -> Any:
        if mode == "loss":
            hub = MessageHub.get_current_instance()
            for value in (inputs.mean(), inputs.max()):
                hub.update_scalar("train/twice", value)
            if float(inputs.sum()) > 0:
                hub.update_scalar("train/seldom_loss", float(inputs.sum()))
                hub.update_scalar("train/count", len(inputs))
        return super().forward(inputs, targets, mode)


class Pair(Talker):
    """Two layers with an optimizer each."""

    def __init__(self) -> None:
        super().__init__()
        self.other = torch.nn.Linear(4, 1)

    def train_step(self, data: Any, optim_wrapper: Any) -> Any:
        inputs, targets = data
        losses = self(inputs, targets, mode="loss")
        optim_wrapper["linear"].update_params(sum(losses.values()))
        other = (self.other(inputs) - targets).square().mean()
        optim_wrapper["other"].update_params(other)
        return {**{name: value.detach() for name, value in losses.items()}, "loss_other": other.detach()}


class Metrics(BaseMetric):  # type: ignore[misc]  # mmengine has no types
    """Numbers of every kind, and what is none."""

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append(float(data_samples[0].mean()))

    def compute_metrics(self, results: list[float]) -> dict[str, Any]:
        return {
            "mean": sum(results) / len(results),
            "n": len(results),
            "single": np.float32(0.1),
            "one": torch.tensor([2.5]),
            "all": [round(result, 3) for result in results],
            "array": np.arange(3),
            "note": "fine",
        }


def optim_wrapper(**options: Any) -> dict[str, Any]:
    return {"optimizer": {"type": "SGD", "lr": 0.01, "weight_decay": 0.1}, **options}


GROUPS = optim_wrapper(
    clip_grad={"max_norm": 1.0},
    accumulative_counts=3,
    paramwise_cfg={"custom_keys": {"bias": {"lr_mult": 0.1, "decay_mult": 0.0}}},
)


def pair_of_optimizers(model: Pair) -> OptimWrapperDict:
    return OptimWrapperDict(
        linear=OptimWrapper(torch.optim.SGD(model.linear.parameters(), lr=0.01)),
        other=OptimWrapper(torch.optim.Adam(model.other.parameters(), lr=0.002)),
    )


def make_runner(folder: Path, **options: Any) -> Any:
    """A runner; two epochs of 11 iterations unless the options say otherwise."""
    torch.manual_seed(3)
    given: dict[str, Any] = {
        "model": Talker(),
        "work_dir": str(folder),
        "train_dataloader": loader(11),
        "val_dataloader": loader(4),
        "test_dataloader": loader(3),
        "train_cfg": {"by_epoch": True, "max_epochs": 2},
        "val_cfg": {},
        "test_cfg": {},
        "val_evaluator": [Metrics()],
        "test_evaluator": [Metrics()],
        "optim_wrapper": optim_wrapper(),
        "default_hooks": {"logger": {"type": "LoggerHook", "interval": 2}, "checkpoint": None},
        "log_processor": {"window_size": 3, "custom_cfg": RULES},
        "randomness": {"seed": 3},
    }
    hooks = {**given["default_hooks"], **options.pop("default_hooks", {})}
    with quiet():
        return Runner(**{**given, **options, "default_hooks": hooks, "experiment_name": name_of(folder)})


def name_of(folder: Path) -> str:
    """An experiment's name that no other test has: MMEngine keeps what has a name."""
    return f"{folder.parent.name}_{folder.name}"


@contextmanager
def quiet() -> Iterator[None]:
    """Warnings of mmengine and torch are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def instrumented(**options: Any) -> Iterator[MMEngineInstrumentor]:
    """The integration on, and off again at the end; what MMEngine's loggers had from the test before is closed."""
    close_loggers()
    instrumentor = MMEngineInstrumentor()
    instrumentor.instrument(**options)
    try:
        with quiet():
            yield instrumentor
    finally:
        instrumentor.uninstrument()


def close_loggers() -> None:
    """Leave MMEngine's loggers without handlers: the terminal and the folder of a test are gone after it."""
    for logger in MMLogger._instance_dict.values():
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler):
                handler.close()
        logger.handlers.clear()
