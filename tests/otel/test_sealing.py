"""Segments that the disk does not let us seal, and what it does not confirm."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_mmlog.core.segments import PART, SegmentName, claim
from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.journal_settings import JournalSettings
from otel_mmlog.otel.sealing import Sealing
from otel_mmlog.otel.segment_writer import SegmentWriter
from tests.otel.journal_lines import line, marks

SECOND_NS = 1_000_000_000


class Names:
    """A directory in the place of each final name: no file can be renamed to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: list[Path] = []

    def take(self, *numbers: int) -> None:
        """From now on these segments of the one process cannot be sealed."""
        (part,) = self._folder.glob("*.part")
        stem = part.name.split(".")[0]
        for number in numbers:
            path = self._folder / f"{stem}.{number:04d}.jsonl"
            path.mkdir()
            self._taken.append(path)

    def give_back(self) -> None:
        """From now on everything can be sealed."""
        while self._taken:
            self._taken.pop().rmdir()


@pytest.fixture
def now_ns() -> list[int]:
    return [time.time_ns()]


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def journal(tmp_path: Path, now_ns: list[int], told: list[str]) -> Iterator[Journal]:
    settings = JournalSettings(segment_bytes=1000, min_free_bytes=0)
    journal = Journal(tmp_path, settings=settings, clock=lambda: now_ns[0], on_fault=told.append)
    yield journal
    journal.close()


def is_marked(part: Path) -> bool:
    """Whether a reader takes the segment's writer for alive."""
    with claim(part) as fd:
        return fd is None


def test_a_segment_that_cannot_be_renamed_stays_marked(
    tmp_path: Path, journal: Journal, now_ns: list[int]
) -> None:
    """It waits under its name and its lock, while lines go on into another; later both are sealed."""
    journal.append(line("logs", "a", pad_bytes=900))
    names = Names(tmp_path)
    names.take(0)
    for mark in "bcd":
        assert journal.append(line("logs", mark, pad_bytes=900))
    parts = sorted(tmp_path.glob("*.part"))
    assert len(parts) == 2
    assert all(map(is_marked, parts))
    names.give_back()
    now_ns[0] += SECOND_NS
    assert journal.append(line("logs", "e"))
    journal.close()
    assert not list(tmp_path.glob(f"*{PART}"))
    assert marks(tmp_path) == list("abcde")


def test_closing_lets_go_of_what_cannot_be_renamed(tmp_path: Path, journal: Journal) -> None:
    """The next attempt, or a sender, finds it as that of a dead process."""
    journal.append(line("logs", "a"))
    names = Names(tmp_path)
    names.take(0)
    journal.close()
    (part,) = tmp_path.glob("*.part")
    assert not is_marked(part)
    names.give_back()


def test_closing_that_fails_is_counted_and_told(journal: Journal, told: list[str]) -> None:
    """An error at close, which network file systems use to tell of lost lines, is not passed over."""
    journal.append(line("logs", "a"))
    segment = journal._segment
    assert segment is not None
    os.close(segment._fd)  # so that the journal's own close fails
    journal.close()
    assert journal.stats().unconfirmed == 1
    (message,) = told
    assert "does not confirm" in message


def test_an_episode_of_failing_flushes_is_told_once(
    tmp_path: Path, journal: Journal, told: list[str]
) -> None:
    """What the disk does not confirm is counted and not called safe; the next episode is told again."""
    journal.append(line("logs", "a"))
    (part,) = tmp_path.glob("*.part")
    loop = tmp_path / part.name.replace(".0000.", ".0001.")
    for episode in (1, 2):
        loop.symlink_to(loop)  # a file of this process that cannot be opened
        assert not journal.flush()
        assert not journal.flush()
        assert journal.stats().unconfirmed == 2 * episode
        assert len(told) == episode
        loop.unlink()
        assert journal.flush()


def test_an_empty_segment_that_cannot_be_removed_is_used_again(tmp_path: Path) -> None:
    """On a disk that takes nothing and gives nothing back no empty files pile up."""
    sealing = Sealing(lambda _: None)
    segment = SegmentWriter(tmp_path, SegmentName("20260101T000000_000000", "00000000", 0), 0)
    segment.path.unlink()
    segment.path.mkdir()  # what unlink refuses
    sealing.seal(segment, 0)
    assert sealing.is_stuck(0)
    assert sealing.take_empty() is segment
    assert not sealing.is_stuck(0)
    segment.path.rmdir()
    segment.let_go()
