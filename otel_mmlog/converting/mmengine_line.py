"""What a line of MMEngine's text tells of a record: ``Epoch(train) [1][10/25]  lr: 1.0000e-02  ...  loss: 0.4211``."""

import re
from typing import NamedTuple

from otel_mmlog.core.progress import Mode, Progress

_HEAD = re.compile(r"(Epoch|Iter)\((train|val|test)\)\s*(?:\[(\d+)\])?\s*\[\s*(\d+)/(\d+|\?)\]\s{2,}")
_ITEM = re.compile(r"(\S+): ([-+]?(?:\d[\d.]*(?:e[-+]?\d+)?|nan|inf))(?=\s|$)", re.I)
_ETA = re.compile(r"eta: (?:(\d+) days?, )?(\d+):(\d\d):(\d\d)")
_MODES: dict[str, Mode] = {"train": "train", "val": "val", "test": "test"}


class RecordLine(NamedTuple):
    """A record as its line tells of it.

    Attributes:
        mode: The loop.
        by_epoch: Whether the line counts epochs.
        epoch: As printed, or 0.
        at: The batch, or of a loop that counts iterations the iteration.
        length: Of the loop, or None.
        is_summary: Whether it sums a val or test loop up.
        values: Name -> number, with as many digits as there are.
    """

    mode: Mode
    by_epoch: bool
    epoch: int
    at: int
    length: int | None
    is_summary: bool
    values: dict[str, float]

    def progress(self, last: Progress | None) -> Progress:
        """Return where the run stands.

        Args:
            last: Of the train record before; None if there was none.
        """
        iteration, epoch = (last.iter, last.epoch) if last is not None else (0, 0)
        if self.mode == "train":
            epoch = self.epoch
            iteration = self.at if not self.by_epoch else max(epoch - 1, 0) * (self.length or 0) + self.at
        elif self.epoch:
            epoch = self.epoch
            iteration = epoch * last.loader_len if last is not None and last.loader_len else iteration
        length = self.length if self.by_epoch or self.mode != "train" else None
        return Progress(self.mode, self.by_epoch, epoch, iteration, max(self.at, 1) - 1, length)


def parse_record_line(text: str) -> RecordLine | None:
    """Return what a line without its head tells, or None if it is not that of a record."""
    head = _HEAD.match(text)
    if head is None:
        return None
    unit, word, epoch, at, length = head.groups()
    rest = text[head.end() :]
    mode = _MODES[word]
    values: dict[str, float] = {name: _number(number) for name, number in _ITEM.findall(rest)}
    eta = _ETA.search(rest)
    if eta is not None:
        days, hours, minutes, seconds = (int(part or 0) for part in eta.groups())
        values["eta"] = float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    is_summary = mode != "train" and eta is None
    return RecordLine(
        mode,
        unit == "Epoch",
        int(epoch or 0),
        int(at),
        None if length == "?" else int(length),
        is_summary,
        values,
    )


def _number(text: str) -> float:
    return float(text) if not text.lstrip("+-").isdigit() else int(text)
