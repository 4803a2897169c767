"""Every name that leaves a run: scope, metrics, spans, events and attributes, in one table.

A record ``loss: 0.84`` of mode train leaves as

====== ======================= ===========================================================
signal name                    attributes
====== ======================= ===========================================================
metric ``mmlog.train.loss``    ``rank method window mmlog.run.id mmlog.run.attempt``
log    ``mmlog.train.iter``    ``event.name mmlog.seq logger mode epoch iter step`` + tags
====== ======================= ===========================================================

Tags are attributes of the log under their own names (``loss``), so that a query reads as the line
does; numeric ones are numbers. Caller's attributes follow, and never replace one of these.
"""

from typing import Final

from otel_mmlog.core.progress import MODES

SCOPE_NAME: Final = "otel_mmlog"

# metric names: prefix + mode + tag, or raw prefix + the hub's key
METRIC_PREFIX: Final = "mmlog."
RAW_METRIC_PREFIX: Final = "mmlog.raw."
UNITS: Final = {"time": "s", "data_time": "s", "eta": "s", "memory": "MiBy"}
"""Tag -> UCUM unit. Other tags have none: a unit of ``1`` would make Prometheus append ``_ratio``."""
RESERVED_TAGS: Final = ("iter", "epoch", "eta", "memory", "time", "data_time")
"""Tags that records have by themselves."""

# what a rank tells of its own journal and sender; sums count items from the start of the attempt
OWN_METRIC_PREFIXES: Final = ("mmlog.journal.", "mmlog.delivery.")
JOURNAL_SIZE: Final = "mmlog.journal.size"
"""Gauge: bytes of the journal on disk."""
JOURNAL_PRODUCED: Final = "mmlog.journal.produced"
"""Sum by `SIGNAL`: given to the journal, what it refused included."""
JOURNAL_REFUSED: Final = "mmlog.journal.refused"
"""Sum by `SIGNAL` and `REASON`: not taken by the journal."""
JOURNAL_FAULTS: Final = "mmlog.journal.faults"
"""Sum by `REASON`: values that were cut or replaced, and what failed in the pipeline."""
DELIVERY_LAG: Final = "mmlog.delivery.lag"
"""Gauge: age in seconds of the oldest item that is not acknowledged."""
DELIVERY_BACKLOG: Final = "mmlog.delivery.backlog"
"""Gauge: bytes of the journal that are not acknowledged."""
DELIVERY_DELIVERED: Final = "mmlog.delivery.delivered"
"""Sum by `SIGNAL`: taken by the server."""
DELIVERY_REJECTED: Final = "mmlog.delivery.rejected"
"""Sum by `SIGNAL`: answered for and dropped by the server."""
DELIVERY_QUARANTINED: Final = "mmlog.delivery.quarantined"
"""Sum by `SIGNAL`: refused by the server, and kept beside the journal."""

# data point attributes
RANK: Final = "rank"
METHOD: Final = "method"
WINDOW: Final = "window"
SIGNAL: Final = "signal"
"""``metrics``, ``logs`` or ``traces``."""
REASON: Final = "reason"
"""Why something was not kept: one of few words."""
RUN_ID: Final = "mmlog.run.id"
RUN_ATTEMPT: Final = "mmlog.run.attempt"

# resource attributes, besides RANK, RUN_ID and RUN_ATTEMPT
SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
LOCAL_RANK: Final = "local_rank"
WORLD_SIZE: Final = "world_size"
HOST_NAME: Final = "host.name"
EXPERIMENT_NAME: Final = "mmlog.experiment.name"
SDK_LANGUAGE: Final = "telemetry.sdk.language"
SDK_NAME: Final = "telemetry.sdk.name"
SDK_VERSION: Final = "telemetry.sdk.version"
JOURNAL_SEGMENT: Final = "mmlog.journal.segment"

# log record attributes
EVENT_NAME: Final = "event.name"
SEQ: Final = "mmlog.seq"
LOGGER: Final = "logger"
MODE: Final = "mode"
EPOCH: Final = "epoch"
ITER: Final = "iter"
STEP: Final = "step"
TAGS_REST: Final = "mmlog.tags.rest"
"""One JSON object, as a string, of the tags beyond `MAX_TAG_ATTRIBUTES`."""
MAX_TAG_ATTRIBUTES: Final = 64
CODE_FILE: Final = "code.file.path"
CODE_FUNCTION: Final = "code.function.name"
CODE_LINE: Final = "code.line.number"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

# events, besides those of records
EVENT_RUN_START: Final = "mmlog.run.start"
EVENT_RUN_CONFIG: Final = "mmlog.run.config"
EVENT_RUN_END: Final = "mmlog.run.end"
"""Its attribute ``status`` is ``finished`` or ``failed``."""
EVENT_EXCEPTION: Final = "mmlog.exception"
EVENT_SPAN_START: Final = "mmlog.span.start"

EVENT_SCALARS: Final = "mmlog.scalars"
"""Scalars that user code sent to a visualizer, perhaps at each step: they are no lines of text."""

EVENT_TEXT: Final = "mmlog.text"
"""A text that a script gave wandb's or TensorBoard's face, perhaps at each step."""

# spans, besides those of loops
SPAN_RUN: Final = "mmlog.run"
SPAN_CHECKPOINT_SAVE: Final = "mmlog.checkpoint.save"
SPAN_CHECKPOINT_LOAD: Final = "mmlog.checkpoint.load"
SPAN_REGISTRY_GET: Final = "mmlog.registry.get"
"""Also the name of the event that tells of it."""
SPAN_REGISTRY_BUILD: Final = "mmlog.registry.build"
"""Also the name of the event that tells of it."""

# attributes of checkpoint and registry spans and events
CHECKPOINT_PATH: Final = "path"
CHECKPOINT_BYTES: Final = "bytes"
REGISTRY_CLASS: Final = "class"
REGISTRY_NAME: Final = "registry"
REGISTRY_SCOPE: Final = "scope"
REGISTRY_MODULE: Final = "module"


def record_event(mode: str, kind: str) -> str:
    """Return the event of a record: ``mmlog.train.iter``, ``mmlog.val.epoch``."""
    return f"mmlog.{mode}.{kind}"


RECORD_EVENTS: Final = frozenset(record_event(mode, kind) for mode in MODES for kind in ("iter", "epoch"))


def loop_span(name: str) -> str:
    """Return the span of a loop or an epoch: ``mmlog.train``, ``mmlog.epoch``, ``mmlog.val``, ``mmlog.test``."""
    return f"mmlog.{name}"


SPAN_SYNTHESIZED: Final = "mmlog.span.synthesized"
"""True on a span that was ended for a process that died before it could."""

# attributes of a `mmlog.span.start` event, whose traceId, spanId, flags and timeUnixNano are the span's
SPAN_NAME: Final = "mmlog.span.name"
SPAN_KIND: Final = "mmlog.span.kind"
"""The OTLP enum: 1 is internal."""
SPAN_PARENT_ID: Final = "mmlog.span.parent_id"
"""16 hex digits; missing on a root span."""
SPAN_ATTRIBUTES: Final = "mmlog.span.attributes"
"""The span's attributes as one kvlist; missing if there are none."""
SPAN_LINKS: Final = "mmlog.span.links"
"""The span's links, ``traceId:spanId`` in hex each; missing if there are none."""
