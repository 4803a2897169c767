"""The protocol that OpenTelemetry's distro sets is not taken for the user's."""

import os
from pathlib import Path

import pytest

from otel_mmlog.distro_defaults import without_distro_defaults
from otel_mmlog.process_facts import read_initial_environments

PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
GRPC = {PROTOCOL: "grpc"}
ALL = {
    **dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "otlp"),
    **GRPC,
}
INSTRUMENTED = {"PYTHONPATH": "/v/opentelemetry/instrumentation/auto_instrumentation:/home"}


@pytest.mark.parametrize(
    ("ancestry", "is_distros"),
    [
        pytest.param([INSTRUMENTED], True, id="set in this process"),
        pytest.param([INSTRUMENTED | GRPC], False, id="set by the user alone"),
        pytest.param([INSTRUMENTED | ALL, INSTRUMENTED], True, id="set in the parent, such as torchrun"),
        pytest.param(
            [INSTRUMENTED | ALL, INSTRUMENTED | GRPC], False, id="set by the user before the parent"
        ),
        pytest.param([INSTRUMENTED | ALL, {}], False, id="all set by the user"),
        pytest.param(
            [INSTRUMENTED | ALL, INSTRUMENTED | ALL, INSTRUMENTED, {}], True, id="in the grandparent"
        ),
        pytest.param([INSTRUMENTED | ALL] * 2, False, id="by whoever started the container"),
        pytest.param([], True, id="nothing can be read"),
    ],
)
def test_who_chose_the_protocol(ancestry: list[dict[str, str]], is_distros: bool) -> None:
    """Only a protocol that came up in a process with the distro is left out."""
    environ = {"HOME": "/root", **ALL}
    kept = without_distro_defaults(environ, ancestry)
    assert kept == (
        {name: value for name, value in environ.items() if name != PROTOCOL} if is_distros else environ
    )


@pytest.mark.parametrize(("name", "value"), [(PROTOCOL, "http/protobuf"), ("OTEL_TRACES_EXPORTER", "none")])
def test_other_values_are_the_users(name: str, value: str) -> None:
    """A value that the distro does not set can only be a user's, and then all stay as they are."""
    environ = ALL | {name: value}
    assert without_distro_defaults(environ, []) == environ


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_initial_environments() -> None:
    """This process's initial variables come first, later changes not among them, then its parent's."""
    own, parent, *_ = read_initial_environments()
    assert own["PATH"]
    assert "PYTEST_CURRENT_TEST" in os.environ
    assert "PYTEST_CURRENT_TEST" not in own
    raw = Path(f"/proc/{os.getppid()}/environ").read_text(errors="replace")
    assert all(f"{name}={value}" in raw for name, value in parent.items())
