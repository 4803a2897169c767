"""The attributes of the process: who it is in the run, and what the environment says it is."""

from collections.abc import Mapping
from urllib.parse import unquote

from opentelemetry.sdk.version import __version__ as sdk_version

from otel_mmlog.otel import semconv
from otel_mmlog.otel.identity import service_instance_id
from otel_mmlog.otel.values import clean

ResourceValue = str | int


def build_resource(
    environ: Mapping[str, str],
    *,
    experiment_name: str,
    run_id: str,
    attempt: int,
    rank: int,
    local_rank: int,
    world_size: int,
    host: str,
) -> tuple[dict[str, ResourceValue], list[str]]:
    """Return the resource's attributes, and one sentence for each entry that could not be read.

    ``OTEL_RESOURCE_ATTRIBUTES`` may set anything but what identifies the process: its rank, run and
    instance id are always the run's own. ``OTEL_SERVICE_NAME`` wins over a ``service.name`` in it.
    """
    injected, warnings = parse_resource_attributes(environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    resource: dict[str, ResourceValue] = {
        semconv.SDK_LANGUAGE: "python",
        semconv.SDK_NAME: "opentelemetry",
        semconv.SDK_VERSION: sdk_version,
        semconv.SERVICE_NAME: clean(experiment_name),
        semconv.HOST_NAME: clean(host),
        **injected,
        semconv.SERVICE_INSTANCE_ID: service_instance_id(run_id, attempt, rank),
        semconv.RANK: rank,
        semconv.LOCAL_RANK: local_rank,
        semconv.WORLD_SIZE: world_size,
        semconv.RUN_ID: clean(run_id),
        semconv.RUN_ATTEMPT: attempt,
        semconv.EXPERIMENT_NAME: clean(experiment_name),
    }
    service_name = environ.get("OTEL_SERVICE_NAME", "")
    if service_name:
        resource[semconv.SERVICE_NAME] = clean(service_name)
    return resource, warnings


def parse_resource_attributes(text: str) -> tuple[dict[str, str], list[str]]:
    """Read ``key=value,key=value``, values percent-encoded, as OpenTelemetry's SDK does.

    Returns:
        The attributes, and one sentence for each entry without a key or ``=``; the others count.
    """
    attributes: dict[str, str] = {}
    warnings: list[str] = []
    for entry in text.split(","):
        key, equals, value = entry.partition("=")
        if equals and key.strip():
            attributes[clean(key.strip())] = clean(unquote(value.strip()))
        elif entry.strip():
            warnings.append(
                f"OTEL_RESOURCE_ATTRIBUTES has the entry {entry!r}, which is not key=value: it is left out. "
                "Separate entries with commas, and write a comma in a value as %2C."
            )
    return attributes, warnings
