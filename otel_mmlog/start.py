"""Starts a run: ``otel_mmlog.init``."""

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from otel_mmlog.core.log_processor import LogProcessor
from otel_mmlog.identify import identify
from otel_mmlog.options import Console, Ranks, Steps, check_options
from otel_mmlog.pipeline.rank_files import Layout
from otel_mmlog.run import Run
from otel_mmlog.run_base import end_open_runs
from otel_mmlog.settings import read_settings

_ordinals = itertools.count()


def init(
    experiment_name: str,
    *,
    work_dir: str | os.PathLike[str] | None = None,
    window_size: int = 10,
    by_epoch: bool = True,
    interval: int = 10,
    custom_cfg: Sequence[Mapping[str, Any]] | None = None,
    log_level: str | int | None = None,
    distributed: bool = False,
    num_digits: int = 4,
    log_with_hierarchy: bool = False,
    mean_pattern: str = r".*(loss|time|data_time|grad_norm).*",
    ignore_last: bool = False,
    layout: Layout = "auto",
    resume: bool = False,
    run_id: str | None = None,
    steps: Steps = "records",
    ranks: Ranks = "all",
    config: Mapping[str, Any] | None = None,
    processors: Sequence[Callable[..., Any]] = (),
    console: Console = True,
    logger_name: str = "mmengine",
    trace_ranks: int = 64,
    system_metrics: bool = False,
    deferred: bool = False,
) -> Run:
    """Start a run in this process; every rank calls it with the same arguments.

    Args:
        experiment_name: Names the files, and the service in OpenTelemetry.
        work_dir: Folder of everything the run writes; None for ``work_dirs/<experiment_name>``.
        window_size: Values that the default mean is taken over.
        by_epoch: Whether lines count epochs (``Epoch(train)``) or iterations (``Iter(train)``).
        interval: Train iterations from one record to the next.
        custom_cfg: Rules as MMEngine's ``LogProcessor`` takes them: ``data_src``, ``method_name``,
            ``window_size`` (int, ``"epoch"``, ``"global"``), ``log_name``, and the method's own arguments.
        log_level: ``"DEBUG"`` ... ``"CRITICAL"``, any case; None for INFO. ``OTEL_MMLOG_LOG_LEVEL`` wins.
        distributed: Whether ranks above 0 write text and JSON files above DEBUG too.
        num_digits: Digits behind the point in a line.
        log_with_hierarchy: Whether tags keep their ``train/`` or ``val/``.
        mean_pattern: Scalars that match are averaged over the window; the others show their latest value.
        ignore_last: Whether the last, partial interval is left out, as MMEngine does.
        layout: ``"shared"`` (all ranks in work_dir), ``"separate"``, or ``"auto"`` to find out.
        resume: Whether to go on with the run that this work_dir remembers, as its next attempt.
        run_id: Names the run; None to take the launcher's or make one.
        steps: ``"every"`` to send each raw value too, as ``mmlog.raw.*``.
        ranks: ``"0"`` where metrics, logs and spans of rank 0 are enough: the other ranks have no journal.
        config: The run's settings; more can be put into ``run.config`` later.
        processors: structlog processors that every event passes; one may raise ``structlog.DropEvent``.
        console: Whether lines are printed; ``"messages"`` for all but those with scalars: how the run begins and ends,
            what you log yourself, warnings and errors. Files and journal have the rest.
        logger_name: The name in every line.
        trace_ranks: With more ranks than this, each rank has a trace of its own.
        system_metrics: Whether this process, and on local rank 0 the machine and its GPUs, are measured every ten
            seconds, by a thread; needs ``pip install 'otel-mmlog[system]'``.
        deferred: Whether a record whose scalars are CUDA tensors leaves one interval later, still with its own step and
            time, so that training never waits for the device. ``OTEL_MMLOG_DEFERRED`` wins.

    Raises:
        ConfigError: An argument or an environment variable cannot be used; the message says what can.
    """
    settings = read_settings()
    options = check_options(
        settings,
        experiment_name=experiment_name,
        work_dir=work_dir,
        log_level=log_level,
        by_epoch=by_epoch,
        interval=interval,
        distributed=distributed,
        ignore_last=ignore_last,
        layout=layout,
        resume=resume,
        run_id=run_id,
        steps=steps,
        ranks=ranks,
        config=config,
        processors=processors,
        console=console,
        logger_name=logger_name,
        trace_ranks=trace_ranks,
        system_metrics=system_metrics,
        deferred=deferred,
    )
    processor = LogProcessor(window_size, by_epoch, custom_cfg, num_digits, log_with_hierarchy, mean_pattern)
    ordinal = next(_ordinals)
    identity = identify(options, settings, ordinal)
    left_open = end_open_runs()  # all checks are passed
    run = Run(options, settings, processor, identity, ordinal=ordinal)
    for other in left_open:
        run.logger.warning(
            f"the run {other.run_id} was still open and has been closed: one run a process at a time"
        )
    return run
