"""What OpenTelemetry's distro puts into the environment, told apart from what the user put there."""

from collections.abc import Iterable, Mapping
from typing import Final

MODULE: Final = "opentelemetry.distro"
"""Where this is loaded, the variables have been set."""

_PROTOCOL: Final = "OTEL_EXPORTER_OTLP_PROTOCOL"
_DEFAULTS: Final = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
    _PROTOCOL: "grpc",
}
_BOOTSTRAP: Final = "opentelemetry/instrumentation/auto_instrumentation"


def without_distro_defaults(
    environ: Mapping[str, str], ancestry: Iterable[Mapping[str, str]]
) -> dict[str, str]:
    """Return the environment of a process that loaded the distro, without the protocol if the distro chose it.

    The exporters that it chooses are those that count without it anyway.

    Args:
        environ: The variables as they are now.
        ancestry: The variables that this process started with, then its parent, then the parent of that, as far
            as they can be read. If it is empty, values that are all as the distro sets them are the distro's.
    """
    kept = dict(environ)
    if all(kept.get(name) == value for name, value in _DEFAULTS.items()) and _is_distros(ancestry):
        del kept[_PROTOCOL]
    return kept


def _is_distros(ancestry: Iterable[Mapping[str, str]]) -> bool:
    """Whether no user, but the distro in this process or in one that started it, chose the protocol."""
    is_known = False
    for initial in ancestry:
        if is_known and _BOOTSTRAP not in initial.get("PYTHONPATH", "").replace("\\", "/"):
            return False  # the outermost process that loaded the distro was started with the protocol
        is_known = True
        if _PROTOCOL not in initial:
            return True
        if not initial.keys() >= _DEFAULTS.keys():
            return False  # a parent with the distro would have left all of them
    return not is_known
