"""mmengine's own classes, put together as its Runner does; importing it warns of what is not ours to mend."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mmengine.hooks import IterTimerHook, LoggerHook
    from mmengine.logging import HistoryBuffer, MessageHub, MMLogger
    from mmengine.runner import LogProcessor
    from mmengine.visualization import Visualizer

__all__ = [
    "HistoryBuffer",
    "LogProcessor",
    "MMLogger",
    "MessageHub",
    "Training",
    "Visualizer",
    "light_runner",
]

MAX_ITERS = 10_000_000


def light_runner(hub: Any, log_processor: Any, **more: Any) -> SimpleNamespace:
    """Return all that a log processor and the hooks read of a Runner."""
    loop = SimpleNamespace(dataloader=range(MAX_ITERS))
    attributes = {
        "message_hub": hub,
        "log_processor": log_processor,
        "model": None,
        "iter": 0,
        "epoch": 0,
        "max_iters": MAX_ITERS,
        "max_epochs": 1,
        "train_loop": loop,
        "_train_loop": loop,
        "train_dataloader": loop.dataloader,
        "experiment_name": "benchmark",
        "timestamp": "20240101_000000",
        "work_dir": "",
        **more,
    }
    return SimpleNamespace(**attributes)


class Training:
    """A training that logs to a text file and, as LoggerHook does, to two JSON files; nothing on the console.

    Args:
        name: No other instance has it.
        work_dir: Folder of the files.
        interval: Iterations from one record to the next.
        custom_cfg: The log processor's rules, or None.
    """

    def __init__(
        self,
        name: str,
        work_dir: Path,
        interval: int,
        custom_cfg: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        self.hub = MessageHub.get_instance(name)
        logger = MMLogger.get_instance(name, log_file=str(work_dir / f"{name}.log"))
        logger.handlers = [one for one in logger.handlers if isinstance(one, logging.FileHandler)]
        visualizer = Visualizer(name, vis_backends=[{"type": "LocalVisBackend"}], save_dir=str(work_dir))
        processor = LogProcessor(by_epoch=False, custom_cfg=custom_cfg)
        self.runner = light_runner(self.hub, processor, logger=logger, visualizer=visualizer)
        self._hooks = (IterTimerHook(), LoggerHook(interval=interval))
        self._timer, self._logging = self._hooks
        for hook in self._hooks:
            hook.before_run(self.runner)
            hook.before_train(self.runner)
            hook.before_train_epoch(self.runner)

    def step(self, values: dict[str, float]) -> None:
        """Run one iteration that logs these values."""
        runner, batch_idx = self.runner, self.runner.iter
        self._timer.before_train_iter(runner, batch_idx)
        for key, value in values.items():
            self.hub.update_scalar(key, value)
        self._timer.after_train_iter(runner, batch_idx)
        self._logging.after_train_iter(runner, batch_idx)
        runner.iter += 1

    def close(self) -> None:
        """Close the files."""
        self._logging.after_run(self.runner)
        for handler in self.runner.logger.handlers:
            handler.close()
