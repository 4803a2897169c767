"""A fault: what it is called, and how it is made and looked at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Context:
    """How a fault is to be made.

    Attributes:
        folder: An empty folder of its own.
        minutes: How long faults that have a length of their own may take; None for the short form of all.
    """

    folder: Path
    minutes: float | None = None

    @property
    def is_short(self) -> bool:
        """Whether to show that the promise holds as quickly as it can be shown; steps are not timed then."""
        return self.minutes is None

    @property
    def close_timeout_s(self) -> float:
        """For ``OTEL_MMLOG_CLOSE_TIMEOUT`` where nothing can be delivered; the full form has the default."""
        return 0.5 if self.is_short else 3.0

    @property
    def settle_timeout_s(self) -> float:
        """For ``OTEL_MMLOG_CLOSE_TIMEOUT`` where everything can be; the full form has the default."""
        return 30.0 if self.is_short else 3.0

    @property
    def busy_s(self) -> float:
        """What a busy machine adds to the time that anything may take; the short form runs beside other tests."""
        return 2.0 if self.is_short else 0.5

    def pick(self, short: int, full: int) -> int:
        """How often, how many or how long."""
        return short if self.is_short else full


@dataclass(frozen=True, slots=True)
class Fault:
    """A line of the table.

    Attributes:
        name: ``group/what``, such as ``endpoint/http-503``.
        run: Makes the fault and says what became of it.
    """

    name: str
    run: Callable[[Context], Outcome]


def named(group: str, faults: Sequence[Fault]) -> Sequence[Fault]:
    """The faults with their group before their names."""
    return [Fault(f"{group}/{fault.name}", fault.run) for fault in faults]
