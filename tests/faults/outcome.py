"""What became of a fault: the sums, what it cost, and whether what was promised held."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

STEP_MS = 10.0
"""A step that the costs of logging are related to: on a GPU few are shorter."""


class Sums(NamedTuple):
    """Where items (points, log records, spans) are.

    Attributes:
        produced: Given to the journal, or acknowledged by it.
        delivered: Distinct items that a server took.
        in_journal: Distinct items on disk that no server took.
        rejected: Taken note of and dropped by the server.
        quarantined: Set aside on disk.
        dropped: Never journalled, by reason.
        repeated: Items that were delivered again, and are one after deduplication by key.
        double: Items of one key that differ, so that deduplication cannot make one of them.
    """

    produced: int
    delivered: int = 0
    in_journal: int = 0
    rejected: int = 0
    quarantined: int = 0
    dropped: Mapping[str, int] = {}
    repeated: int = 0
    double: int = 0

    @property
    def missing(self) -> int:
        """What is nowhere; below 0 where more was found than produced."""
        found = self.delivered + self.in_journal + self.rejected + self.quarantined
        return self.produced - found - sum(self.dropped.values())


class Steps(NamedTuple):
    """What logging costs a step with the fault and, in the same seconds, beside it without: in microseconds."""

    p99_us: float
    worst_us: float
    healthy_p99_us: float
    healthy_worst_us: float

    @property
    def p99_ratio(self) -> float:
        """How much longer the slowest hundredth of steps of `STEP_MS` get."""
        return (STEP_MS * 1e3 + self.p99_us) / (STEP_MS * 1e3 + self.healthy_p99_us)

    @property
    def worst_ratio(self) -> float:
        """How much longer the slowest step of `STEP_MS` gets; one stall of the machine shows here."""
        return (STEP_MS * 1e3 + self.worst_us) / (STEP_MS * 1e3 + self.healthy_worst_us)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen.

    Attributes:
        sums: Where the items are, or None where the fault is about no telemetry.
        steps: What the training's steps cost; None where not measured.
        close_s: Seconds that closing the run took under the fault; None where nothing was closed.
        wrong: Each promise that did not hold, as a sentence; empty is good.
        note: What else is worth a line.
    """

    sums: Sums | None = None
    steps: Steps | None = None
    close_s: float | None = None
    wrong: Iterable[str] = field(default_factory=tuple)
    note: str = ""

    @property
    def verdict(self) -> str:
        """``good``, ``WRONG``, or ``not made`` where the machine does not let it be made; the note says why."""
        if list(self.wrong):
            return "WRONG"
        return "not made" if self.note.startswith("not made") else "good"


def undisturbed(steps: Steps | None) -> list[str]:
    """What is wrong with steps of which the slowest hundredth may become one per cent longer; None was not timed."""
    return (
        [] if steps is None else unless(steps.p99_ratio <= 1.01, f"steps took x{steps.p99_ratio:.3f} at p99")
    )


def unless(holds: bool, sentence: str) -> list[str]:
    """A sentence for `Outcome.wrong`, or none."""
    return [] if holds else [sentence]


def conserved(sums: Sums) -> list[str]:
    """What is wrong with sums of which nothing may be missing or double."""
    return [
        *unless(sums.missing == 0, f"{sums.missing} of {sums.produced} items are nowhere"),
        *unless(sums.double == 0, f"{sums.double} items differ under one key"),
    ]


_HEAD: tuple[str, ...] = (
    *("fault", "produced", "delivered", "journal", "rejected", "dropped", "repeated", "double"),
    *("step p99", "worst", "close", "verdict", ""),
)


def render(outcomes: Mapping[str, Outcome]) -> str:
    """The table as text, one line a fault, and below a line each for what is wrong."""
    lines = [_HEAD, *(_cells(name, outcome) for name, outcome in outcomes.items())]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    text = [
        "  ".join(
            cell.ljust(width) if not 0 < column < 11 or column == 5 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    wrong = [f"{name}: {each}" for name, outcome in outcomes.items() for each in outcome.wrong]
    return "\n".join([*text, "", *wrong]) if wrong else "\n".join(text)


def _cells(name: str, outcome: Outcome) -> tuple[str, ...]:
    sums, steps = outcome.sums, outcome.steps
    counts = (
        ("-",) * 7
        if sums is None
        else (
            f"{sums.produced:,}",
            f"{sums.delivered:,}",
            f"{sums.in_journal:,}",
            f"{sums.rejected + sums.quarantined:,}",
            ", ".join(f"{reason} {count:,}" for reason, count in sums.dropped.items()) or "0",
            f"{sums.repeated:,}",
            f"{sums.double:,}",
        )
    )
    return (
        name,
        *counts,
        "-" if steps is None else f"x{steps.p99_ratio:.3f}",
        "-" if steps is None else f"x{steps.worst_ratio:.2f}",
        "-" if outcome.close_s is None else f"{outcome.close_s:.2f} s",
        outcome.verdict,
        outcome.note,
    )
