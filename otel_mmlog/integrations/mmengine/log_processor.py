"""MMEngine's log processor with our text, tags and checks; building it instruments the process."""

from typing import Any

from mmengine.logging import HistoryBuffer
from mmengine.registry import LOG_PROCESSORS
from mmengine.runner import LogProcessor as MMLogProcessor
from mmengine.runner import log_processor as theirs

from otel_mmlog.core.runner_face import RunnerFace
from otel_mmlog.integrations.mmengine.instrumentor import MMEngineInstrumentor


@LOG_PROCESSORS.register_module()
class OTelLogProcessor(RunnerFace, MMLogProcessor):  # type: ignore[misc]  # mmengine has no types
    """The one line of config: same arguments as MMEngine's ``LogProcessor``, and those of a run.

    Args:
        window_size: How many values the default mean is over.
        by_epoch: Whether lines count epochs or iterations.
        custom_cfg: The rules; see `otel_mmlog.LogProcessor`.
        num_digits: Digits after the point.
        log_with_hierarchy: Whether tags keep the ``train/`` of their loop.
        mean_pattern: Regular expression; scalars in whose name it is found get the mean.
        **options: See `otel_mmlog.integrations.mmengine.MMEngineInstrumentor.instrument`.

    Raises:
        ConfigError: An argument cannot be used; the message says what can.
        RuleError: An entry of ``custom_cfg`` cannot be used.
    """

    def __init__(
        self,
        window_size: int = 10,
        by_epoch: bool = True,  # noqa: FBT001, FBT002 - mmengine's signature
        custom_cfg: Any = None,
        num_digits: int = 4,
        log_with_hierarchy: bool = False,  # noqa: FBT001, FBT002 - mmengine's signature
        mean_pattern: str = r".*(loss|time|data_time|grad_norm).*",
        **options: Any,
    ) -> None:
        super().__init__(window_size, by_epoch, custom_cfg, num_digits, log_with_hierarchy, mean_pattern)
        MMEngineInstrumentor().instrument(**options)

    def check_registered(self) -> None:
        """Check, when training starts, that every statistic is registered with MMEngine.

        Raises:
            UnknownStatisticError: One is not (also a `KeyError`).
            RuleTypeError: One does not take its arguments (also a `TypeError`).
        """
        HistoryBuffer()  # the first one registers MMEngine's own statistics
        self.check_methods(HistoryBuffer._statistics_methods)

    def _has_device(self) -> bool:
        return any(
            getattr(theirs, name)()
            for name in ("is_cuda_available", "is_musa_available")
            if hasattr(theirs, name)
        )

    def _get_max_memory(self, runner: Any) -> Any:
        return MMLogProcessor._get_max_memory(self, runner)
