"""What a checkpoint holds of a run, checked before anything of it is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otel_mmlog.core.checks import check_count
from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.hub import MessageHub

VERSION = 1


@dataclass(frozen=True, slots=True)
class RunState:
    """Where training stood, and the hub's state as `MessageHub.load_state_dict` takes it."""

    epoch: int
    iteration: int
    hub: Any


def read_state(state: object) -> RunState:
    """Check what ``run.state_dict()`` returned.

    Raises:
        ConfigError: It is no state of a run, or of a version that this one does not know.
    """
    if not isinstance(state, Mapping) or not {"progress", "hub"} <= set(state):
        raise ConfigError(
            "the state is not one that run.state_dict() returned: 'progress' and 'hub' are missing"
        )
    version = state.get("version", VERSION)
    if version != VERSION:
        raise ConfigError(
            f"run.state_dict() of version {version!r}, but this package reads {VERSION}: update it"
        )
    progress = state["progress"]
    if not isinstance(progress, Mapping):
        raise ConfigError(
            f"'progress' in the run.state_dict() is {progress!r}, but it holds 'epoch' and 'iter'"
        )
    epoch, iteration = (
        check_count(progress.get(name), f"{name!r} in 'progress' of the run.state_dict()", 0)
        for name in ("epoch", "iter")
    )
    _check_hub(state["hub"])
    return RunState(epoch, iteration, state["hub"])


def _check_hub(hub: Any) -> None:
    """Load it into a hub that nobody has."""
    try:
        MessageHub("check").load_state_dict(hub)
    except Exception as error:
        raise ConfigError(
            f"'hub' in the run.state_dict() cannot be loaded ({type(error).__name__}: {error})"
        ) from error
