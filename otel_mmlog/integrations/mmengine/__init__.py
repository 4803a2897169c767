"""MMEngine: one line of config, or none.

One line, in a config or as an argument of the ``Runner``::

    log_processor=dict(type='otel_mmlog.integrations.mmengine.OTelLogProcessor', window_size=20)

None: ``otel-mmlog run tools/train.py cfg.py``, ``opentelemetry-instrument python tools/train.py cfg.py``, or::

    MMEngineInstrumentor().instrument()

Importing this module imports MMEngine only if that is imported already; its classes are registered as soon as both are.
"""

import logging
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from wrapt import register_post_import_hook

from otel_mmlog.core.errors import MissingPackageError
from otel_mmlog.integrations.mmengine.instrumentor import MMEngineInstrumentor

if TYPE_CHECKING:
    from otel_mmlog.integrations.mmengine.log_processor import OTelLogProcessor
    from otel_mmlog.integrations.mmengine.vis_backend import OTelVisBackend

_log = logging.getLogger("otel_mmlog")
__all__ = ["MMEngineInstrumentor", "OTelLogProcessor", "OTelVisBackend"]

_HOMES = {
    "OTelLogProcessor": "otel_mmlog.integrations.mmengine.log_processor",
    "OTelVisBackend": "otel_mmlog.integrations.mmengine.vis_backend",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "mmengine":
            raise
        raise MissingPackageError(
            f"{name} needs MMEngine, which is not installed: pip install 'otel-mmlog[mmengine]' "
            "(or onedl-mmengine, its maintained fork)"
        ) from error
    globals()[name] = value
    return value


def _register_classes(_module: ModuleType) -> None:
    for name, home in _HOMES.items():
        try:
            import_module(home)
        except Exception as error:  # noqa: BLE001 - told; importing MMEngine must not fail for our sake
            _log.warning("%s does not fit this MMEngine (%s: %s)", name, type(error).__name__, error)


register_post_import_hook(_register_classes, "mmengine.runner")
