"""All checks in their order, without a secret."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from otel_mmlog.cli.checks.disk import check_disk
from otel_mmlog.cli.checks.endpoints import check_endpoints
from otel_mmlog.cli.checks.finding import Finding, scrubbed
from otel_mmlog.cli.checks.variables import Setup, check_variables, read_setup
from otel_mmlog.cli.checks.versions import check_versions
from otel_mmlog.sender.credentials import proxy_forms
from otel_mmlog.sender.endpoints import secrets

_MIN_SECRET_CHARS = 4


def diagnose(environ: Mapping[str, str], work_dir: Path, timeout_s: float) -> Iterator[Finding]:
    """Yield what each check came to, as it comes.

    Args:
        environ: The environment that a run would have.
        work_dir: Its folder, which need not be there.
        timeout_s: How long to wait for each answer of a server.

    Raises:
        ConfigError: A run would not start, for a reason that is no variable.
    """
    yield from check_versions()
    setup, refusals = read_setup(environ, work_dir)
    hidden = _hidden(setup, environ)
    yield from refusals
    for findings in (check_variables(setup), check_disk(setup), check_endpoints(setup, timeout_s)):
        for finding in findings:
            yield scrubbed(finding, hidden)


def _hidden(setup: Setup, environ: Mapping[str, str]) -> list[str]:
    """What is never shown of headers, URLs and proxies; the longest first."""
    found = {secret for endpoint in (setup.settings.endpoints or {}).values() for secret in secrets(endpoint)}
    found.update(form for form in proxy_forms(environ) if len(form) >= _MIN_SECRET_CHARS)
    return sorted(found, key=len, reverse=True)
