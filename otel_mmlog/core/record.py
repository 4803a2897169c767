"""What one log interval yields, and what one log call is: the values that every output renders."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from otel_mmlog.core.progress import Progress


class Source(NamedTuple):
    """How a tag came from its history: ``Source("mean", "20")``, ``Source("current", "1")``."""

    method: str
    window: str


CURRENT = Source("current", "1")
_PLAIN = {int, float}
_LARGE = 2**63  # what does not fit 64 bits goes another way in each output


def number_json(value: float) -> str:
    """Return a double as strict JSON: ``0.5``, or the strings ``"NaN"``, ``"Infinity"``, ``"-Infinity"``.

    The strings are those of protobuf's JSON mapping (https://protobuf.dev/programming-guides/json/).
    """
    if math.isfinite(value):
        return repr(value)
    if math.isnan(value):
        return '"NaN"'
    return '"Infinity"' if value > 0 else '"-Infinity"'


@dataclass(frozen=True, slots=True)
class Record:
    """The tags of one log interval, where the run stood, and the line that says so.

    Attributes:
        kind: ``"iter"`` inside a loop, ``"epoch"`` for the one summary at the end of a val or test loop.
        progress: Where the run stood.
        tags: Name -> value, in the order of the line. Numbers are plain ``int`` and ``float``; other
            values (lists, strings, arrays) occur only as non-scalar metrics of kind ``"epoch"``.
            ``iter`` and, for epoch-based runs, ``epoch`` are always among them.
        sources: Name -> how the value was taken; a name that is missing here is `CURRENT`.
        text: The MMEngine line without its prefix.
        time_ns: Unix time in nanoseconds; one timestamp for all points of the record.
        rank: The rank that made the record.
    """

    kind: Literal["iter", "epoch"]
    progress: Progress
    tags: Mapping[str, Any]
    sources: Mapping[str, Source]
    text: str
    time_ns: int
    rank: int = 0
    _numbers: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def numbers(self) -> Mapping[str, str]:
        """The tags that are numbers, as `number_json` writes them.

        They are written once: three outputs need them, and writing a float costs more than all else about it.
        """
        if not self._numbers:
            self._numbers.update(_written(self.tags))
        return self._numbers

    @property
    def step(self) -> int:
        """What MMEngine calls ``step``: the iteration, or the epoch for the summary of an epoch-based val loop."""
        if self.kind == "epoch" and self.progress.by_epoch:
            return self.progress.epoch
        return self.progress.iter


def _written(tags: Mapping[str, Any]) -> dict[str, str]:
    if are_plain(tags.values()):
        return dict(zip(tags, map(repr, tags.values()), strict=True))
    return {
        tag: number_json(value) if type(value) is float else str(value)
        for tag, value in tags.items()
        if type(value) is float or (type(value) is int and abs(value) < _LARGE)
    }


def are_plain(values: Collection[Any]) -> bool:
    """Whether all are numbers whose ``repr`` is what every output writes, as is nearly always so.

    Which are floats that JSON has, and ints that are not large.
    """
    if not values or not set(map(type, values)) <= _PLAIN:
        return False
    return (
        min(values) > -_LARGE and max(values) < _LARGE and math.isfinite(sum(values))
    )  # a NaN stays in a sum


class RawSeries(NamedTuple):
    """Single values of a scalar, as they were logged.

    Attributes:
        key: The hub's, such as ``train/loss``.
        times_ns: Unix times in nanoseconds.
        values: As many plain numbers.
    """

    key: str
    times_ns: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class ExceptionInfo:
    """An exception as text, so that it can outlive its frames.

    Attributes:
        type: Qualified class name, ``builtins`` left out: ``ValueError``, ``torch.OutOfMemoryError``.
        message: ``str()`` of the exception.
        stacktrace: The traceback as Python prints it.
    """

    type: str
    message: str
    stacktrace: str


def qualified_name(kind: type[BaseException]) -> str:
    """Return what `ExceptionInfo` calls the type of an exception."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


class TraceRef(NamedTuple):
    """The span that was current at a log call: ids as integers, flags as W3C trace flags."""

    trace_id: int
    span_id: int
    flags: int

    def hex_ids(self) -> tuple[str, str]:
        """Trace id and span id as W3C Trace Context writes them: 32 and 16 hex digits."""
        return f"{self.trace_id:032x}", f"{self.span_id:016x}"


class CodeRef(NamedTuple):
    """The place of a log call."""

    pathname: str
    function: str
    line: int


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One log call or one record, after the processors and before any output.

    Attributes:
        time_ns: Unix time in nanoseconds.
        level: Level of the stdlib: 10, 20, 30, 40, 50 or between.
        logger: Name of the logger.
        body: The text without a prefix.
        attributes: What the caller bound or passed, any value.
        event_name: A name of `otel_mmlog.otel.semconv`, or None for an ordinary log call.
        exception: The exception that was logged, or None.
        record: The record whose line this is, or None.
        code: Where the call was made, or None.
        trace: The span that was current, or None.
        seq: Counts the events of one process, from 0, without a gap.
        bare: Whether text shows the body without the attributes.
    """

    time_ns: int
    level: int
    logger: str
    body: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    event_name: str | None = None
    exception: ExceptionInfo | None = None
    record: Record | None = None
    code: CodeRef | None = None
    trace: TraceRef | None = None
    seq: int = 0
    bare: bool = False
