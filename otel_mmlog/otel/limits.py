"""How much of a value, a record and a line may leave: OpenTelemetry's limits, and those of the servers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.line_check import CHECK_BYTES

COUNT_VARIABLES = ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT")
LENGTH_VARIABLES = ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what is encoded; text is measured in characters.

    Attributes:
        value_chars: Length of a string value; all strings of a nested value have four times as many together.
        stacktrace_chars: Length of a traceback, whose end is kept.
        body_chars: Length of a log record's body.
        attributes: Attributes of a log record.
        nodes: Elements of one nested value, all levels together.
        depth: Levels of one nested value.
        line_bytes: Length of one line, its newline included; with its check it is shorter than 512 KiB.
    """

    value_chars: int = 4096
    stacktrace_chars: int = 16_384
    body_chars: int = 65_536
    attributes: int = 128
    nodes: int = 1000
    depth: int = 8
    line_bytes: int = 512 * 1024 - 1 - CHECK_BYTES

    def tighter(self) -> "Iterator[Limits]":
        """Yield the limits to try, in turn, when a line is too long with these."""
        for value_chars, body_chars, nodes in [(512, 16_384, 100), (64, 4096, 4)]:
            yield replace(
                self,
                value_chars=min(self.value_chars, value_chars),
                stacktrace_chars=min(self.stacktrace_chars, body_chars),
                body_chars=min(self.body_chars, body_chars),
                attributes=min(self.attributes, 128),
                nodes=nodes,
            )


def read_limits(environ: Mapping[str, str]) -> Limits:
    """Return the defaults, or what OpenTelemetry's variables say; those for log records win.

    Raises:
        ConfigError: A variable is not an integer from 0.
    """
    limits = Limits()
    count = _first(environ, COUNT_VARIABLES)
    length = _first(environ, LENGTH_VARIABLES)
    if count is not None:
        limits = replace(limits, attributes=count)
    if length is not None:
        limits = replace(limits, value_chars=length, stacktrace_chars=length)
    return limits


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    for name in names:
        text = environ.get(name, "").strip()
        if text and not text.isdecimal():
            raise ConfigError(
                f"{name} is {text!r}, but must be an integer from 0: set it to one, or unset it for the default."
            )
        if text:
            return int(text)
    return None
