"""Structured logging for model training: MMEngine's text, JSON lines and OpenTelemetry.

Importing this package loads neither torch, structlog nor opentelemetry, reads no environment
variable and starts nothing: the public names load on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from otel_mmlog._version import __version__

if TYPE_CHECKING:
    from otel_mmlog.core.errors import ConfigError, MMLogError, RuleError, ScalarError, UnknownStatisticError
    from otel_mmlog.core.history import HistoryBuffer
    from otel_mmlog.core.hub import MessageHub
    from otel_mmlog.core.log_processor import LogProcessor
    from otel_mmlog.pipeline.jsonl import JSONRenderer
    from otel_mmlog.pipeline.text import TextRenderer
    from otel_mmlog.run import Run
    from otel_mmlog.start import init

_HOMES = {
    "ConfigError": "otel_mmlog.core.errors",
    "HistoryBuffer": "otel_mmlog.core.history",
    "JSONRenderer": "otel_mmlog.pipeline.jsonl",
    "LogProcessor": "otel_mmlog.core.log_processor",
    "MMLogError": "otel_mmlog.core.errors",
    "MessageHub": "otel_mmlog.core.hub",
    "RuleError": "otel_mmlog.core.errors",
    "Run": "otel_mmlog.run",
    "ScalarError": "otel_mmlog.core.errors",
    "TextRenderer": "otel_mmlog.pipeline.text",
    "UnknownStatisticError": "otel_mmlog.core.errors",
    "init": "otel_mmlog.start",
}

__all__ = [
    "ConfigError",
    "HistoryBuffer",
    "JSONRenderer",
    "LogProcessor",
    "MMLogError",
    "MessageHub",
    "RuleError",
    "Run",
    "ScalarError",
    "TextRenderer",
    "UnknownStatisticError",
    "__version__",
    "init",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
