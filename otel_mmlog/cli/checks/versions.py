"""Whether what is installed is what this package asks for."""

import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from otel_mmlog._version import __version__
from otel_mmlog.cli.checks.finding import Finding

_PACKAGE = "otel-mmlog"
_OLDEST_PYTHON = (3, 10)
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*>=\s*([\w.]+)(.*)")
_TELEMETRY = ("opentelemetry-api", "opentelemetry-sdk", "opentelemetry-proto")
_FRAMEWORKS = ("torch", "mmengine", "mmengine-lite", "onedl-mmengine")


def check_versions() -> Iterator[Finding]:
    """Yield Python, this package, the packages that matter most, and each that is too old or missing."""
    yield check_python(sys.version_info[:2])
    yield Finding("ok", _PACKAGE, __version__)
    for name, packages in (
        ("OpenTelemetry", _TELEMETRY),
        ("structlog", ("structlog",)),
        ("training", _FRAMEWORKS),
    ):
        found = {package: installed(package) for package in packages}
        numbers = {package: number for package, number in found.items() if number}
        if numbers:
            shown = ", ".join(f"{package} {number}" for package, number in numbers.items())
            yield Finding("ok", name, shown.replace("opentelemetry-", "").removeprefix("structlog "))
    try:
        required = requires(_PACKAGE) or []
    except PackageNotFoundError:
        yield Finding(
            "warn", "packages", "otel-mmlog itself is not installed", "run pip install -e . in its folder"
        )
        return
    yield from check_requirements(required)


def check_python(found: tuple[int, ...]) -> Finding:
    """Return whether a version of Python is new enough."""
    oldest = ".".join(map(str, _OLDEST_PYTHON))
    shown = f"{platform.python_version()}, {sys.executable}"
    if found < _OLDEST_PYTHON:
        return Finding(
            "FAIL", "Python", f"{shown}: older than {oldest}", f"make a venv of Python {oldest} or newer"
        )
    return Finding("ok", "Python", shown)


def check_requirements(required: list[str]) -> Iterator[Finding]:
    """Yield a finding for each requirement that is not met, or one that all are.

    Args:
        required: As a package's metadata list them; those of extras count where they are installed.
    """
    count = 0
    is_met = True
    for match in filter(None, map(_REQUIREMENT.match, required)):
        name, oldest, marker = match.groups()
        found = installed(name)
        if found is None and "extra ==" in marker:
            continue
        count += 1
        if found is None or _numbers(found) < _numbers(oldest):
            is_met = False
            state = "is not installed" if found is None else f"{found} is older than {oldest}"
            yield Finding("FAIL", "packages", f"{name} {state}", f'run pip install "{name}>={oldest}"')
    if is_met:
        yield Finding("ok", "packages", f"{count} requirements are met")


def installed(package: str) -> str | None:
    """Return the version of a package, or None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers of a release: of ``0.66b2`` 0 and 66."""
    release = re.match(r"[\d.]*", text)
    return tuple(int(part) for part in (release[0] if release else "").split(".") if part)
