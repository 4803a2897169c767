"""What is said where the framework of an adapter is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from otel_mmlog.core.errors import MissingPackageError


@contextmanager
def needed(framework: str) -> Iterator[None]:
    """Import a framework inside of this.

    Raises:
        MissingPackageError: It is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != framework:
            raise
        raise MissingPackageError(
            f"otel_mmlog.integrations.{framework} needs {framework}, which is not installed: "
            f"pip install 'otel-mmlog[{framework}]'"
        ) from error
