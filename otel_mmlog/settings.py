"""The environment variables of a run, read once and checked before anything starts."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.distro_defaults import MODULE, without_distro_defaults
from otel_mmlog.process_facts import read_initial_environments
from otel_mmlog.sender.endpoint_settings import read_endpoints
from otel_mmlog.sender.endpoints import Endpoint
from otel_mmlog.sender.types import SIGNALS, Signal

MIB = 1024 * 1024
CAP_BYTES = 256 * MIB
CAP_BYTES_WITH_ENDPOINT = 1024 * MIB
SEGMENT_BYTES = 16 * MIB
SEGMENT_AGE_S = 300.0
CLOSE_TIMEOUT_S = 3.0
LINGER_S = 60.0
EXPORT_INTERVAL_MS = 10_000
FILE_MODES = ("0600", "0640", "0644", "0660", "0664")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says about a run.

    Attributes:
        log_level: ``OTEL_MMLOG_LOG_LEVEL``, or None; it wins over the argument of ``init``.
        deferred: ``OTEL_MMLOG_DEFERRED``, or None; it wins over the argument of ``init``.
        journal_dir: ``OTEL_MMLOG_JOURNAL_DIR``, a folder on the machine's own disk, or None for the work_dir.
        cap_bytes: ``OTEL_MMLOG_JOURNAL_MAX_BYTES``: what one rank's journal may take on disk.
        segment_bytes: ``OTEL_MMLOG_SEGMENT_MAX_BYTES``: a segment is sealed when it is this long.
        segment_age_s: ``OTEL_MMLOG_SEGMENT_MAX_AGE``: or when it is this many seconds old.
        traces: Whether spans are journalled (``OTEL_SDK_DISABLED``, ``OTEL_TRACES_EXPORTER=none``).
        metrics: Whether points are journalled (``OTEL_METRICS_EXPORTER=none``).
        logs: Whether log records are journalled (``OTEL_LOGS_EXPORTER=none``).
        traceparent: ``TRACEPARENT``: the W3C trace context that the run continues, or None.
        endpoints: Where each signal is sent (``OTEL_EXPORTER_OTLP_*``), or None if nothing is. A signal without an
            endpoint, where others have one, is not journalled: nobody would ever take it away.
        close_timeout_s: ``OTEL_MMLOG_CLOSE_TIMEOUT``: what the end of a run may wait for its delivery.
        linger_s: ``OTEL_MMLOG_LINGER``: what the sender may go on for after that, alone.
        file_mode: ``OTEL_MMLOG_FILE_MODE``: who else may read, or write, the files of a run.
        color: False where ``NO_COLOR`` or ``TERM=dumb`` forbid colour, True where ``FORCE_COLOR`` asks for it,
            None where the terminal decides.
        environ: The whole environment, for the parts that read a family of variables.
    """

    log_level: str | None
    deferred: bool | None
    journal_dir: Path | None
    cap_bytes: int
    segment_bytes: int
    segment_age_s: float
    traces: bool
    metrics: bool
    logs: bool
    traceparent: str | None
    endpoints: Mapping[Signal, Endpoint] | None
    close_timeout_s: float
    linger_s: float
    file_mode: int
    color: bool | None
    environ: Mapping[str, str] = field(repr=False)


def environment() -> dict[str, str]:
    """A copy of the process's environment, without what OpenTelemetry's distro, and no user, put into it."""
    if MODULE not in sys.modules:
        return dict(os.environ)
    return without_distro_defaults(os.environ, read_initial_environments())


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``environ``, or from the process's environment if it is None.

    Raises:
        ConfigError: A variable holds a value that cannot be used.
    """
    environ = environment() if environ is None else dict(environ)
    enabled = not _flag(environ, "OTEL_SDK_DISABLED")
    endpoints = read_endpoints(environ) if enabled else None
    cap_bytes = CAP_BYTES if endpoints is None else CAP_BYTES_WITH_ENDPOINT
    wanted = SIGNALS if endpoints is None else tuple(endpoints)
    return Settings(
        log_level=environ.get("OTEL_MMLOG_LOG_LEVEL") or None,
        deferred=_true_or_false(environ, "OTEL_MMLOG_DEFERRED"),
        journal_dir=_folder(environ, "OTEL_MMLOG_JOURNAL_DIR"),
        cap_bytes=int(_at_least(environ, "OTEL_MMLOG_JOURNAL_MAX_BYTES", MIB, cap_bytes)),
        segment_bytes=int(_at_least(environ, "OTEL_MMLOG_SEGMENT_MAX_BYTES", 4096, SEGMENT_BYTES)),
        segment_age_s=_at_least(environ, "OTEL_MMLOG_SEGMENT_MAX_AGE", 1, SEGMENT_AGE_S),
        traces=enabled and "traces" in wanted and _exports(environ, "OTEL_TRACES_EXPORTER"),
        metrics=enabled and "metrics" in wanted and _exports(environ, "OTEL_METRICS_EXPORTER"),
        logs=enabled and "logs" in wanted and _exports(environ, "OTEL_LOGS_EXPORTER"),
        traceparent=environ.get("TRACEPARENT") or None,
        endpoints=endpoints,
        close_timeout_s=_at_least(environ, "OTEL_MMLOG_CLOSE_TIMEOUT", 0, CLOSE_TIMEOUT_S),
        linger_s=_at_least(environ, "OTEL_MMLOG_LINGER", 0, LINGER_S),
        file_mode=read_file_mode(environ),
        color=_color(environ),
        environ=environ,
    )


def runner_settings(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the environment says about the run of an MMEngine ``Runner``, for scripts that nobody edits.

    ``OTEL_MMLOG_DISTRIBUTED``, ``OTEL_MMLOG_FLAT_HISTORY``, ``OTEL_MMLOG_SYSTEM_METRICS`` (true or false),
    ``OTEL_MMLOG_LAYOUT`` and ``OTEL_MMLOG_RANKS``; a variable that is unset or empty is left out.

    Raises:
        ConfigError: A variable holds a value that cannot be used.
    """
    environ = dict(os.environ if environ is None else environ)
    found: dict[str, Any] = {}
    for name in ("distributed", "flat_history", "system_metrics"):
        value = _true_or_false(environ, f"OTEL_MMLOG_{name.upper()}")
        if value is not None:
            found[name] = value
    for name in ("layout", "ranks"):
        if environ.get(f"OTEL_MMLOG_{name.upper()}"):
            found[name] = environ[f"OTEL_MMLOG_{name.upper()}"].strip().lower()
    return found


def export_interval_s(environ: Mapping[str, str]) -> float:
    """Seconds from one collection of system metrics to the next: ``OTEL_METRIC_EXPORT_INTERVAL``, in milliseconds.

    Raises:
        ConfigError: It holds no number from 100 on.
    """
    return _at_least(environ, "OTEL_METRIC_EXPORT_INTERVAL", 100, EXPORT_INTERVAL_MS) / 1000


def _flag(environ: Mapping[str, str], name: str) -> bool:
    # The specification: only "true", in any case, is true.
    # https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#boolean
    return environ.get(name, "").strip().lower() == "true"


def _true_or_false(environ: Mapping[str, str], name: str) -> bool | None:
    """The variable, or None if it is unset or empty."""
    text = environ.get(name, "").strip().lower()
    if text not in ("", "true", "false"):
        raise ConfigError(f"{name}={environ[name]!r} is neither true nor false.")
    return text == "true" if text else None


def _exports(environ: Mapping[str, str], name: str) -> bool:
    names = [part.strip() for part in environ.get(name, "otlp").split(",") if part.strip()]
    return names != ["none"]


def _at_least(environ: Mapping[str, str], name: str, minimum: int, default: float) -> float:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if minimum <= value < float("inf"):
        return value
    raise ConfigError(
        f"{name}={text!r} is not a number of at least {minimum}. Correct it, or unset it for {default:g}."
    )


def _folder(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name)
    if not text:
        return None
    if "\x00" in text:
        raise ConfigError(f"{name}={text!r} is not a path. Set it to a folder, or unset it.")
    return Path(text).expanduser()


def read_file_mode(environ: Mapping[str, str]) -> int:
    """``OTEL_MMLOG_FILE_MODE``, or 0600.

    Raises:
        ConfigError: It is none of the modes that there are.
    """
    text = environ.get("OTEL_MMLOG_FILE_MODE", "").strip() or FILE_MODES[0]
    if text.zfill(4) not in FILE_MODES:
        raise ConfigError(
            f"OTEL_MMLOG_FILE_MODE={text!r} is not one of {', '.join(FILE_MODES)}. Set it to who may read and write "
            f"the files of a run, or unset it for {FILE_MODES[0]}."
        )
    return int(text, 8)


def _color(environ: Mapping[str, str]) -> bool | None:
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return True if environ.get("FORCE_COLOR") else None
