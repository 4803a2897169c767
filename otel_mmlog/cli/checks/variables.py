"""What a run would make of the environment: settings, level and rank, with every mistake and not only the first."""

import difflib
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from opentelemetry.sdk.trace import SpanLimits

from otel_mmlog.cli.checks.finding import Finding
from otel_mmlog.core.errors import ConfigError
from otel_mmlog.identify import Identity, identify
from otel_mmlog.options import Options, check_options
from otel_mmlog.sender.types import SIGNALS
from otel_mmlog.settings import Settings, export_interval_s, read_settings, runner_settings

_LEVEL = "OTEL_MMLOG_LOG_LEVEL"
_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK")
_SOURCES = {
    "torchrun": "by torchrun's RANK and WORLD_SIZE",
    "environment": "by RANK and WORLD_SIZE",
    "slurm": "by Slurm's SLURM_PROCID and SLURM_NTASKS",
    "openmpi": "by Open MPI's OMPI_COMM_WORLD_RANK and _SIZE",
    "alone": "no launcher's variable is set",
}
_NAME = re.compile(r"[A-Z][A-Z0-9_]+")
_ADVICE = re.compile(r"(?<=[.:)]) (?=(?:Check|Correct|Leave|Put|Remove|Rename|Set|Unset|Write|set) )")
_OWN = (
    "CLOSE_TIMEOUT DISTRIBUTED FILE_MODE FLAT_HISTORY JOURNAL_DIR JOURNAL_MAX_BYTES LAYOUT LINGER LOG_LEVEL RANKS "
    "RUN_ID SEGMENT_MAX_AGE SEGMENT_MAX_BYTES SYSTEM_METRICS"
)
_EXPORTERS = (
    "CERTIFICATE CLIENT_CERTIFICATE CLIENT_KEY COMPRESSION ENDPOINT HEADERS INSECURE PROTOCOL TIMEOUT"
)
_OTHERS = (
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
)
_OTLP = "OTEL_EXPORTER_OTLP_"
KNOWN = frozenset(
    [
        *(f"OTEL_MMLOG_{name}" for name in _OWN.split()),
        *(f"{_OTLP}{name}" for name in _EXPORTERS.split()),
        *(f"{_OTLP}{signal.upper()}_{name}" for signal in SIGNALS for name in _EXPORTERS.split()),
        *_OTHERS,
    ]
)
"""Every variable of these two families that means something."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run would be, without the variables that it would refuse.

    Attributes:
        options: The arguments of ``init``, with its defaults.
        settings: The environment.
        identity: Which run and rank.
        refused: The variables that are left out.
    """

    options: Options
    settings: Settings
    identity: Identity
    refused: tuple[str, ...] = ()


def read_setup(environ: Mapping[str, str], work_dir: Path) -> tuple[Setup, list[Finding]]:
    """Return what a run would be, and a finding for each variable that it would refuse.

    Raises:
        ConfigError: It is not a variable that is wrong.
    """
    left = dict(environ)
    refused: list[str] = []
    findings: list[Finding] = []
    while True:
        try:
            options, settings, identity = _as_init(left, work_dir)
        except ConfigError as error:
            names = [name for name in _NAME.findall(str(error)) if name in left][:1] or [
                name for name in _RANKS if name in left
            ]
            if not names:
                raise
            findings.append(_refusal(names[0], str(error)))
            refused += names
            for name in names:
                del left[name]
        else:
            return Setup(options, settings, identity, tuple(refused)), findings


def check_variables(setup: Setup) -> Iterator[Finding]:
    """Yield level, rank, and what is switched off, unknown or doubtful."""
    settings, rank = setup.settings, setup.identity.rank
    level = logging.getLevelName(setup.options.log_level)
    where = f"from {_LEVEL}" if settings.log_level else f"the default of init, as {_LEVEL} is not set"
    yield Finding("ok", "level", f"{level}, {where}")
    how = _SOURCES.get(rank.source, f"by the {rank.source}")
    yield Finding("ok", "rank", f"{rank.rank} of {rank.world_size} on {rank.host}: {how}")
    for warning in setup.identity.warnings:
        yield Finding("warn", "run id", warning, "set OTEL_MMLOG_RUN_ID to the same new name on every rank")
    yield from _switched_off(settings)
    yield from _unknown(settings.environ)
    try:
        SpanLimits()
    except ValueError as error:
        yield Finding("FAIL", "span limits", str(error), "correct or unset that variable")


def _as_init(environ: Mapping[str, str], work_dir: Path) -> tuple[Options, Settings, Identity]:
    """Read what ``init`` reads.

    Raises:
        ConfigError: A variable cannot be used.
    """
    settings = read_settings(environ)
    runner_settings(environ)
    export_interval_s(environ)
    options = check_options(
        replace(
            settings, traces=False
        ),  # else the process's own variables of spans count, which cannot be left out
        experiment_name="doctor",
        work_dir=work_dir,
        log_level=None,
        by_epoch=True,
        interval=10,
        distributed=False,
        ignore_last=False,
        layout="auto",
        resume=False,
        run_id=None,
        steps="records",
        ranks="all",
        config=None,
        processors=(),
        console=False,
        logger_name="mmengine",
        trace_ranks=64,
        system_metrics=False,
        deferred=False,
    )
    return options, settings, identify(options, settings, 0)


def _refusal(variable: str, message: str) -> Finding:
    found, *advice = _ADVICE.split(message, maxsplit=1)
    fix = advice[0] if advice else f"set {variable} to one of these, or unset it"
    return Finding("FAIL", variable, found.rstrip(":"), fix[0].lower() + fix[1:])


def _switched_off(settings: Settings) -> Iterator[Finding]:
    if settings.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield Finding(
            "warn", "signals", "none is journalled: OTEL_SDK_DISABLED=true", "unset OTEL_SDK_DISABLED"
        )
        return
    for signal in SIGNALS:
        if getattr(settings, signal):
            continue
        variable = f"OTEL_{signal.upper()}_EXPORTER"
        if settings.environ.get(variable, "").strip() == "none":
            found, fix = f"{variable}=none", f"unset {variable}"
        else:
            found = "other signals have an endpoint, and this one has none"
            fix = f"set {_OTLP}ENDPOINT, or {_OTLP}{signal.upper()}_ENDPOINT to the whole URL"
        yield Finding("warn", "signals", f"{signal} are not journalled: {found}", fix)


def _unknown(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name in sorted(environ):
        if name.startswith(("OTEL_MMLOG_", _OTLP)) and name not in KNOWN:
            near = difflib.get_close_matches(name, sorted(KNOWN), 1)
            fix = f"did you mean {near[0]}?" if near else "unset it"
            yield Finding("warn", name, "nothing reads a variable of this name", fix)
