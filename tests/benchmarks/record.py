"""What making one record costs: rules, windows and the line, with nothing written anywhere."""

import uuid
from collections.abc import Iterator
from itertools import repeat

from otel_mmlog import HistoryBuffer, LogProcessor, MessageHub
from otel_mmlog.core.progress import Progress
from tests.benchmarks import theirs
from tests.benchmarks.harness import Contestant, race
from tests.benchmarks.scalars import EIGHT, HISTORIES, TIMES, keys, label, prefill
from tests.benchmarks.table import Row, Target, compare

NAME = "record"
LOGGED = list(EIGHT)[:7]
_NAMES = keys([*TIMES, *LOGGED])
RULES = [
    {"data_src": "loss", "method_name": "mean", "window_size": "global", "log_name": "loss_mean"},
    {"data_src": "loss", "method_name": "max", "window_size": "global", "log_name": "loss_max"},
    {"data_src": "grad_norm", "method_name": "min", "window_size": "global", "log_name": "grad_norm_min"},
]
_ETA_S = 3600.0


class OurRecords:
    """Our records, over and over from one hub.

    Args:
        length: Values in each history.
        records: How many are made in one run.
    """

    def __init__(self, length: int, records: int) -> None:
        self._records = records
        self._hub = MessageHub(uuid.uuid4().hex)
        prefill(self._hub, _NAMES, length, HistoryBuffer)
        self._processor = LogProcessor(by_epoch=False, custom_cfg=RULES)
        self._progress = Progress(
            mode="train",
            by_epoch=False,
            epoch=0,
            iter=length,
            batch_idx=length - 1,
            max_iters=theirs.MAX_ITERS,
            eta_s=_ETA_S,
        )

    def prepare(self) -> None:
        self._make()

    def run(self) -> int:
        for _ in repeat(None, self._records):
            self._make()
        return self._records

    def _make(self) -> None:
        self._processor.after_iter(self._hub, self._progress, time_ns=0)


class TheirRecords:
    """mmengine's tags and line, over and over from one hub; the same arguments."""

    def __init__(self, length: int, records: int) -> None:
        self._records = records
        self._last = length - 1
        hub = theirs.MessageHub(uuid.uuid4().hex)
        prefill(hub, _NAMES, length, theirs.HistoryBuffer)
        hub.update_info("eta", _ETA_S)
        self._processor = theirs.LogProcessor(by_epoch=False, custom_cfg=RULES)
        self._runner = theirs.light_runner(hub, self._processor, iter=self._last)

    def prepare(self) -> None:
        self._make()

    def run(self) -> int:
        for _ in repeat(None, self._records):
            self._make()
        return self._records

    def _make(self) -> None:
        self._processor.get_log_after_iter(self._runner, self._last, "train")


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark."""
    lengths = (HISTORIES[0], HISTORIES[-1])
    contestants: dict[str, Contestant] = {}
    for length in lengths:
        records = 20 if quick else 300
        contestants[f"ours {length}"] = OurRecords(length, records)
        contestants[f"theirs {length}"] = TheirRecords(length, records)
    costs = race(contestants, 1 if quick else 9)
    shortest, longest = lengths
    for ours, theirs_ in ((shortest, shortest), (longest, shortest), (longest, longest)):
        yield compare(
            NAME,
            f"12 tags, 3 global rules, history {label(ours)}, theirs {label(theirs_)}",
            (costs[f"ours {ours}"], costs[f"theirs {theirs_}"]),
            clock="cpu",
            unit="us",
            target=Target("ratio", 1 / 3) if theirs_ == shortest else None,
        )
    yield compare(
        NAME,
        f"12 tags, 3 global rules, history {label(longest)} against {label(shortest)}",
        (costs[f"ours {longest}"], costs[f"ours {shortest}"]),
        clock="cpu",
        unit="us",
        peer="ourselves",
        target=Target("ratio", 1.2),
    )
