"""Puts the parts of a run together: files, journal, spans and logger."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from otel_mmlog.console import console_outputs, make_standing
from otel_mmlog.core.attempts import attempts_file, next_attempt, read_attempts, remember
from otel_mmlog.core.own_folders import make_above, make_folder
from otel_mmlog.core.rank import Rank
from otel_mmlog.core.shown import counted
from otel_mmlog.delivery import Delivery, start_delivery
from otel_mmlog.health import HealthWatch
from otel_mmlog.identify import Identity
from otel_mmlog.options import Options
from otel_mmlog.otel.encode import Encoder
from otel_mmlog.otel.exporters import JournalMetricExporter, JournalSpanExporter
from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.journal_output import JournalOutput
from otel_mmlog.otel.journal_settings import JournalSettings
from otel_mmlog.otel.limits import read_limits
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.names import MetricNames
from otel_mmlog.otel.recovery import recover
from otel_mmlog.otel.resource import build_resource
from otel_mmlog.otel.run_points import RunPointExporter
from otel_mmlog.otel.semconv import EVENT_SCALARS, RANK, RUN_ATTEMPT, RUN_ID
from otel_mmlog.otel.spans import current_trace
from otel_mmlog.otel.tracing import Tracing, start_tracing
from otel_mmlog.pipeline.handler import RunHandler
from otel_mmlog.pipeline.jsonl import JSONRenderer
from otel_mmlog.pipeline.logger import RunLogger
from otel_mmlog.pipeline.outputs import FileOutput, Output
from otel_mmlog.pipeline.rank_files import file_stem, open_rank_files, rank_folder, writes_files
from otel_mmlog.pipeline.standing import Standing
from otel_mmlog.pipeline.text import TextRenderer
from otel_mmlog.settings import Settings, export_interval_s
from otel_mmlog.system_metrics import EXCLUDED, SystemMetrics, parse_patterns


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run is made of. ``files`` are the text and JSON files that this rank writes."""

    identity: Identity
    encoder: Encoder
    journal: Journal
    delivery: Delivery
    journal_output: JournalOutput
    health: HealthWatch
    tracing: Tracing
    span_exporter: JournalSpanExporter
    metric_exporter: JournalMetricExporter
    system_metrics: SystemMetrics | None
    handler: RunHandler
    logger: RunLogger
    files: tuple[Path, ...]
    standing: Standing


def compose(
    options: Options, settings: Settings, identity: Identity, *, start_ns: int | None = None
) -> Parts:
    """Build the parts of a run.

    Nothing that the disk refuses stops this: it is one WARNING, and the run goes on without.

    Args:
        options: The arguments of ``init``.
        settings: The environment.
        identity: Which run, and which of its processes.
        start_ns: When the run's span started, in Unix nanoseconds; None for now.
    """
    if options.ranks == "0" and identity.rank.rank:
        settings = replace(settings, traces=False, metrics=False, logs=False, endpoints=None)
    notes = _Notes(identity.warnings)
    identity = _remember(options, settings.file_mode, identity, notes)
    resource = _make_resource(options, settings, identity, notes)
    encoder = _make_encoder(settings, identity, resource, notes)
    journal = _make_journal(options, settings, identity.rank, notes)
    next_seq = itertools.count().__next__
    delivery = start_delivery(settings, journal.folder, notes)
    journal_output = JournalOutput(
        journal, encoder, metrics=settings.metrics, logs=settings.logs, on_append=delivery.poke
    )
    tracing = _start_tracing(options, settings, identity, resource, encoder, journal, start_ns)
    journal.preface = tracing.open_starts if settings.logs else bytes
    outputs, files = _file_outputs(options, settings.file_mode, identity, notes)
    standing = make_standing(options, identity, files)
    handler = RunHandler(
        level=options.log_level,
        outputs=[journal_output, *outputs, *console_outputs(options, settings, standing)],
        processors=options.processors,
        next_seq=next_seq,
        current_trace=current_trace,
    )
    standing.counts = handler.counts
    notes.send_to(handler.tell)
    logger = RunLogger(
        options.logger_name,
        options.log_level,
        handler,
        prints=bool(options.console),
        reaches_root=not options.guest,
    )
    return Parts(
        identity,
        encoder,
        journal,
        delivery,
        journal_output,
        HealthWatch(journal, delivery, lambda: Counter(dict(encoder.faults)) + Counter(dict(handler.faults))),
        tracing,
        JournalSpanExporter(encoder, journal.append if settings.traces else _discard),
        JournalMetricExporter(encoder, journal.append if settings.metrics else _discard),
        _system_metrics(options, settings, identity, resource, encoder, journal, handler),
        handler,
        logger,
        files,
        standing,
    )


class _Notes:
    """Holds warnings back until there is a handler that can tell them."""

    def __init__(self, held: Sequence[str]) -> None:
        self.no_folder = False
        self._held = list(held)
        self._send: Callable[[str], None] = self._held.append

    def __call__(self, message: str) -> None:
        self._send(message)

    def send_to(self, send: Callable[[str], None]) -> None:
        self._send = send
        for message in self._held:
            send(message)


def _remember(options: Options, file_mode: int, identity: Identity, notes: _Notes) -> Identity:
    """Make the run's folder, and count this start there: it is known now which attempt it is."""
    try:
        make_above(options.work_dir, file_mode)
        attempt = remember(options.work_dir, identity.rank.rank, identity.run_id, file_mode)
    except OSError as error:
        notes.no_folder = True
        notes(f"work_dir {options.work_dir} cannot be written ({error}): no files are kept, training goes on")
        attempt = next_attempt(options.work_dir, identity.rank.rank, identity.run_id, file_mode)
    return replace(identity, attempt=attempt)


def _make_resource(options: Options, settings: Settings, identity: Identity, notes: _Notes) -> dict[str, Any]:
    resource, warnings = build_resource(
        settings.environ,
        experiment_name=options.experiment_name,
        run_id=identity.run_id,
        attempt=identity.attempt,
        rank=identity.rank.rank,
        local_rank=identity.rank.local_rank,
        world_size=identity.rank.world_size,
        host=identity.rank.host,
    )
    for warning in warnings:
        notes(warning)
    return dict(resource)


def _make_encoder(settings: Settings, identity: Identity, resource: dict[str, Any], notes: _Notes) -> Encoder:
    return Encoder(
        resource,
        point_attributes=_point_attributes(identity),
        names=MetricNames(notes),
        limits=read_limits(settings.environ),
    )


def _point_attributes(identity: Identity) -> dict[str, Any]:
    return {RANK: identity.rank.rank, RUN_ID: identity.run_id, RUN_ATTEMPT: identity.attempt}


def _system_metrics(
    options: Options,
    settings: Settings,
    identity: Identity,
    resource: dict[str, Any],
    encoder: Encoder,
    journal: Journal,
    handler: RunHandler,
) -> SystemMetrics | None:
    if not (options.system_metrics and settings.metrics):
        return None
    return SystemMetrics(
        RunPointExporter(encoder, journal.append, _point_attributes(identity)),
        resource,
        machine=identity.rank.local_rank == 0,
        excluded=parse_patterns(settings.environ.get(EXCLUDED, "")),
        note_fault=handler.note_fault,
        interval_s=export_interval_s(settings.environ),
    )


def _start_tracing(
    options: Options,
    settings: Settings,
    identity: Identity,
    resource: dict[str, Any],
    encoder: Encoder,
    journal: Journal,
    start_ns: int | None,
) -> Tracing:
    def on_line(line: EncodedLine) -> None:
        if settings.logs or line.signal != "logs":
            journal.append(line)

    return start_tracing(
        resource,
        on_line,
        encoder=encoder,
        run_id=identity.run_id,
        attempt=identity.attempt,
        rank=identity.rank.rank,
        world_size=identity.rank.world_size,
        traceparent=settings.traceparent or "",
        tracestate=settings.environ.get("TRACESTATE", ""),
        trace_ranks=options.trace_ranks,
        attributes={"experiment": options.experiment_name, "work_dir": str(options.work_dir)},
        limits=read_limits(settings.environ),
        enabled=settings.traces,
        start_ns=start_ns,
    )


def journal_folder(options: Options, settings: Settings, rank: int) -> Path:
    """The folder of one rank's journal."""
    return (settings.journal_dir or options.work_dir) / "otlp" / f"rank{rank:04d}"


def _make_journal(options: Options, settings: Settings, rank: Rank, notes: _Notes) -> Journal:
    muted = (
        notes.no_folder and settings.journal_dir is None
    )  # that work_dir cannot be written was told already
    journal = Journal(
        journal_folder(options, settings, rank.rank),
        settings=JournalSettings(
            cap_bytes=settings.cap_bytes,
            segment_bytes=settings.segment_bytes,
            segment_age_s=settings.segment_age_s,
            file_mode=settings.file_mode,
        ),
        on_fault=_ignore if muted else notes,
    )
    recovery = recover(journal.folder, journal.append, file_mode=settings.file_mode)
    if recovery.spans:
        notes(f"{counted(recovery.spans, 'span')} of an attempt that died ended in its place")
    return journal


def _file_outputs(
    options: Options, file_mode: int, identity: Identity, notes: _Notes
) -> tuple[list[Output], tuple[Path, ...]]:
    rank = identity.rank
    if notes.no_folder or not writes_files(rank, level=options.log_level, distributed=options.distributed):
        return [], ()
    stem = file_stem(options.experiment_name)
    marker = attempts_file(options.work_dir, 0)
    folder = rank_folder(
        options.work_dir,
        stem,
        options.layout,
        rank,
        lambda: any(known.run_id == identity.run_id for known in read_attempts(marker, file_mode)),
    )
    render_json = JSONRenderer(rank=rank.rank, run_id=identity.run_id, attempt=identity.attempt).render
    try:
        if folder != options.work_dir:
            make_folder(folder, file_mode)
        text_file, json_file = open_rank_files(folder, stem, rank.rank, identity.run_id, file_mode)
    except OSError as error:
        notes(f"the rank's files cannot be written ({error}): the console and the journal go on")
        return [], ()
    outputs: list[Output] = [
        FileOutput("json file", json_file, render_json, once=False),
        FileOutput("text file", text_file, TextRenderer().render, once=True, skip=frozenset([EVENT_SCALARS])),
    ]
    return outputs, (text_file.path, json_file.path)


def _ignore(_message: str) -> None:
    """Say nothing."""


def _discard(_line: EncodedLine) -> None:
    """Write nothing: the environment has switched this signal off."""
