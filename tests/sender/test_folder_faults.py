"""What a sender tells of its folder."""

from otel_mmlog.sender.folder_faults import QUIET_S, FolderFaults
from otel_mmlog.sender.tallies import ReaderCounts


def counts(*, folder_errors: int = 0, unreadable_files: int = 0, skipped_lines: int = 0) -> ReaderCounts:
    """What a reader has counted so far."""
    return ReaderCounts(skipped_lines, {}, unreadable_files, 0, folder_errors, "No space left")


def test_an_episode_is_told_once() -> None:
    """However many faults follow each other; after a while without any the next one is told again."""
    told: list[str] = []
    faults = FolderFaults(told.append)
    for second in range(10):
        faults.look(counts(folder_errors=second), second)
    assert len(told) == 1
    assert "No space left" in told[0]
    faults.look(counts(folder_errors=9), 9 + QUIET_S)
    faults.look(counts(folder_errors=10), 10 + QUIET_S)
    assert len(told) == 2


def test_a_file_that_stays_unreadable_is_one_episode() -> None:
    """It is told when it is met, and then no more."""
    told: list[str] = []
    faults = FolderFaults(told.append)
    for second in range(100):
        faults.look(counts(unreadable_files=1), second)
    assert len(told) == 1


def test_damaged_lines_are_told_once_a_minute_at_most() -> None:
    """The first at once, those that follow together."""
    told: list[str] = []
    faults = FolderFaults(told.append)
    for second in range(61):
        faults.look(counts(skipped_lines=1 + second), second)
    assert [text.split()[0] for text in told] == ["1", "60"]


def test_nothing_is_told_of_nothing() -> None:
    """A reader without faults is not worth a word."""
    told: list[str] = []
    FolderFaults(told.append).look(counts(), 0)
    assert told == []
