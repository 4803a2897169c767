"""What ``except wandb.errors.CommError`` needs: no run here talks to a server, so most of these are never raised."""

from otel_mmlog.core.errors import ConfigError, MMLogError

Error = MMLogError
UsageError = ConfigError


class CommError(Error):
    """No server was reached: never raised."""


class AuthenticationError(CommError):
    """A key was refused: never raised."""


class UnsupportedError(UsageError):
    """What a script asks a server for, and a run does not keep."""
