"""What a user can mend: said in one sentence, without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from otel_mmlog.core.errors import ConfigError


@contextmanager
def told_mistakes() -> Iterator[None]:
    """Say which setting cannot be used, or which file cannot be read.

    Raises:
        click.ClickException: In place of a `ConfigError` and an `OSError`, of which a broken pipe is none.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise unreadable(error) from None


def unreadable(error: OSError) -> click.ClickException:
    """Return what is said of a file that cannot be read."""
    where = f"{error.filename}: " if error.filename else ""
    hint = " Check who may read it." if isinstance(error, PermissionError) else ""
    return click.ClickException(f"{where}{error.strerror or error}.{hint}")
