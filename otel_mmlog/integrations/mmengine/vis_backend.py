"""A visualization back end: what user code sends to MMEngine's ``Visualizer`` goes to the run."""

import logging
from functools import cache
from typing import Any

import numpy as np
from mmengine.registry import VISBACKENDS
from mmengine.visualization import BaseVisBackend

from otel_mmlog.integrations.mmengine.instrumentor import MMEngineInstrumentor, current_run

_log = logging.getLogger("otel_mmlog")


@VISBACKENDS.register_module()
class OTelVisBackend(BaseVisBackend):  # type: ignore[misc]  # mmengine has no types
    """``vis_backends=[dict(type='OTelVisBackend')]``: ``add_scalar``, ``add_scalars`` and ``add_config``.

    MMEngine calls back ends on rank 0 only. The tags that ``LoggerHook`` passes on have left with their record, and
    are not sent twice. Images and graphs are for other back ends.

    Args:
        save_dir: MMEngine passes one to every back end; the run has a folder of its own.
    """

    def __init__(self, save_dir: str | None = None) -> None:
        super().__init__(save_dir or "")
        MMEngineInstrumentor().instrument()

    def _init_env(self) -> None:
        """Nothing: the run is there as soon as there is a ``Runner``."""

    @property
    def experiment(self) -> Any:
        """The run, an `otel_mmlog.run_base.RunBase`, or None before a ``Runner`` is built."""
        return current_run()

    def add_config(self, config: Any, **_kwargs: Any) -> None:
        """Send a config as an event, unless the run has sent it, or will: it begins with that of its ``Runner``."""
        run = current_run()
        if run is not None:
            run.send_config(config.to_dict() if hasattr(config, "to_dict") else dict(config))

    def add_scalar(self, name: str, value: Any, step: int = 0, **_kwargs: Any) -> None:
        """Send one scalar.

        Args:
            name: ``loss``, or with its loop ``val/acc``.
            value: A number, or an array or tensor of one.
            step: Part of the event.
        """
        self._send({name: value}, step)

    def add_scalars(
        self,
        scalar_dict: dict[str, Any],
        step: int = 0,
        file_path: str | None = None,  # noqa: ARG002 - mmengine's signature
        **_kwargs: Any,
    ) -> None:
        """Send scalars, unless they are the tags of a record."""
        run = _run()
        if run is not None and not run.is_own_tag(scalar_dict):
            self._send(scalar_dict, step)

    def _send(self, scalars: dict[str, Any], step: int) -> None:
        run = _run()
        if run is not None:
            run.send_scalars({name: _number(value) for name, value in scalars.items()}, step)


def _run() -> Any:
    """The run, or None: what comes then is lost, and the first time is told."""
    run = current_run()
    if run is None:
        _warn_of_no_run()
    return run


@cache
def _warn_of_no_run() -> None:
    _log.warning(
        "OTelVisBackend got something while no Runner had a run: it went nowhere. Build the Runner first."
    )


def _number(value: Any) -> Any:
    """A plain number of what holds one; anything else as it is."""
    if isinstance(value, (np.generic, np.ndarray)) or hasattr(value, "numel"):
        size = value.numel() if hasattr(value, "numel") else value.size
        return value.item() if size == 1 else value
    return value
