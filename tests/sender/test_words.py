"""A sender's log: bounded, and never without a name."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_mmlog.sender.words import MAX_BYTES, WORDS, Words, open_words


@pytest.fixture
def words(tmp_path: Path) -> Iterator[Words]:
    fd = open_words(tmp_path)
    yield Words(tmp_path, fd, lambda: 1_790_000_000_000_000_000)
    os.close(fd)


def test_a_sentence_has_time_and_process(tmp_path: Path, words: Words) -> None:
    """One line each, in UTC."""
    words.say("hello")
    assert (tmp_path / WORDS).read_text() == f"2026-09-21T14:13:20Z [{os.getpid()}] hello\n"


def test_a_long_log_is_begun_anew(tmp_path: Path, words: Words) -> None:
    """The old one is kept beside it."""
    words.say("x" * MAX_BYTES)
    words.say("next")
    assert (tmp_path / WORDS).read_text().endswith("next\n")
    assert (tmp_path / f"{WORDS}.1").stat().st_size > MAX_BYTES


def test_a_deleted_log_is_made_again(tmp_path: Path, words: Words) -> None:
    """What is said afterwards is in a file that somebody can read."""
    (tmp_path / WORDS).unlink()
    words.say("after")
    assert (tmp_path / WORDS).read_text().endswith("after\n")


def test_what_the_disk_does_not_take_is_counted(tmp_path: Path, words: Words) -> None:
    """A sentence that cannot be written ends nobody."""
    (tmp_path / WORDS).unlink()
    tmp_path.joinpath(WORDS).mkdir()
    words.say("unheard")
    assert words.unsaid == 1
