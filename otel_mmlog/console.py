"""What a run shows where it runs: lines on the console, or in a notebook a table and the other lines."""

import logging
from pathlib import Path

from otel_mmlog.identify import Identity
from otel_mmlog.integrations.jupyter import CellOutput, running_shell
from otel_mmlog.options import Options
from otel_mmlog.otel.semconv import EVENT_EXCEPTION, EVENT_TEXT, RECORD_EVENTS
from otel_mmlog.pipeline.outputs import ConsoleOutput, Output, WarningOutput
from otel_mmlog.pipeline.standing import Standing
from otel_mmlog.settings import Settings


def make_standing(options: Options, identity: Identity, files: tuple[Path, ...]) -> Standing:
    """Return where a run stands that begins."""
    where = identity.rank
    return Standing(
        options.experiment_name, identity.run_id, identity.attempt, where.rank, where.world_size, files
    )


def console_outputs(options: Options, settings: Settings, standing: Standing) -> list[Output]:
    """Return the outputs that people watch.

    Args:
        options: The arguments of ``init``.
        settings: The environment.
        standing: What the run fills in as it goes on.
    """
    if not options.console:
        return [WarningOutput()] if options.guest else []
    skip = frozenset([EVENT_EXCEPTION])
    if options.console == "messages":
        skip |= RECORD_EVENTS | {EVENT_TEXT}
    if standing.rank:
        level = max(options.log_level, logging.ERROR)
        return [ConsoleOutput(level=level, color=settings.color, skip=skip)]
    shell = running_shell()
    if shell is None:
        return [ConsoleOutput(level=options.log_level, color=settings.color, skip=skip)]
    lines = ConsoleOutput(level=options.log_level, color=settings.color, skip=skip | RECORD_EVENTS)
    return [lines, CellOutput(shell, standing)]
