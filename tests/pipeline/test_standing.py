"""Where a run stands, as a line and as a table."""

from pathlib import Path
from typing import Any, Literal

import pytest

from otel_mmlog.core.progress import Mode, Progress
from otel_mmlog.core.record import Record
from otel_mmlog.pipeline.standing import Standing, done, html_block, short_line, text_block


def make(name: str = "digits") -> Standing:
    return Standing(name, "run7", 1, 0, 2, (Path("wd/digits.log"),))


def record(
    mode: Mode, kind: Literal["iter", "epoch"] = "iter", tags: dict[str, Any] | None = None, **at: Any
) -> Record:
    progress = Progress(**{"mode": mode, "by_epoch": True, "epoch": 2, "iter": 30, "batch_idx": 9, **at})
    return Record(kind, progress, {"loss": 0.125} if tags is None else tags, {}, "", 0)


def test_a_run_that_begins() -> None:
    """Without a record there is no position."""
    assert short_line(make()) == "'digits' run7: attempt 1, rank 0 of 2, running"
    assert done(make()) is None
    assert text_block(make()) == (
        "run: digits  run7  attempt 1, rank 0 of 2; state: running; lines: 0 WARNING, 0 ERROR; files: wd/digits.log"
    )


def test_the_position_is_that_of_training() -> None:
    """A val loop is shown behind the place in training; its summary is a row of its own; old values stay."""
    standing = make()
    standing.take(record("train", loader_len=20, max_epochs=3, eta_s=61.0))
    assert done(standing) == 0.5
    assert short_line(standing).endswith("running, epoch 2/3, iteration 30/60, eta 0:01:01")
    standing.take(record("val", loader_len=40, eta_s=2.0))
    assert short_line(standing).endswith("iteration 30/60, val 10/40, eta 0:00:02 of val")
    standing.take(record("val", "epoch", {"epoch": 2, "iter": 30, "acc": 0.5}))
    assert short_line(standing).endswith("iteration 30/60, eta 0:01:01")
    standing.take(record("train", tags={"lr": 0.5}))
    standing.counts = {30: 2, 40: 1, 50: 1}
    assert "train: loss 0.125  lr 0.5; val: acc 0.5; lines: 2 WARNING, 2 ERROR" in text_block(standing)


@pytest.mark.parametrize(
    ("at", "part"),
    [({}, None), ({"max_iters": 120}, 0.25), ({"max_iters": 10}, 1.0), ({"max_epochs": 4}, 0.25)],
)
def test_how_much_is_done(at: dict[str, Any], part: float | None) -> None:
    """By iterations where their end is known, else by epochs, else nobody knows."""
    standing = make()
    standing.take(record("train", **at))
    assert done(standing) == part


def test_nothing_of_a_run_is_markup() -> None:
    """Names, texts and paths are escaped; many and long values are cut."""
    standing = make("<script>\x1b[31m")
    standing.state = "failed (<i>)"
    standing.files = (Path("<img>.log"),)
    standing.take(
        record("train", tags={"<u>": "<a>" * 1000, **{f"value{number}": 0.5 for number in range(50)}})
    )
    page = html_block(standing)
    marks = ("<script", "<i>", "<img", "<u>", "<a>", "\x1b")
    assert [mark for mark in marks if mark in page] == []
    assert "and 31 more" in page
    assert len(page) < 5000
