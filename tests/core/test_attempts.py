"""What a work_dir remembers of its runs."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from otel_mmlog.core.attempts import (
    Attempt,
    attempts_file,
    last_run_id,
    next_attempt,
    read_attempts,
    remember,
)


def test_nothing_is_remembered_at_first(tmp_path: Path) -> None:
    """A new folder knows no run, and a run's first attempt is 0."""
    assert last_run_id(tmp_path, 0) is None
    assert next_attempt(tmp_path, 0, "a") == 0
    assert read_attempts(attempts_file(tmp_path, 0)) == []


def test_attempts_count_by_run_and_rank(tmp_path: Path) -> None:
    """Each run counts its own starts, on each rank, from 0."""
    starts = (("a", 0), ("b", 0), ("a", 0), ("a", 1))
    assert [remember(tmp_path, rank, run_id) for run_id, rank in starts] == [0, 0, 1, 0]
    assert read_attempts(attempts_file(tmp_path, 0)) == [Attempt("a", 0), Attempt("b", 0), Attempt("a", 1)]
    assert next_attempt(tmp_path, 0, "a") == 2
    assert next_attempt(tmp_path, 1, "a") == 1
    assert last_run_id(tmp_path, 0) == "a"


def test_new_rank_asks_rank_0(tmp_path: Path) -> None:
    """A rank that the folder does not know yet resumes what rank 0 remembers."""
    remember(tmp_path, 0, "a")
    assert last_run_id(tmp_path, 7) == "a"


def test_all_ranks_resume_what_rank_0_remembers(tmp_path: Path) -> None:
    """A run that some ranks did not take part in does not make them resume another."""
    remember(tmp_path, 1, "a")
    remember(tmp_path, 0, "a")
    remember(tmp_path, 0, "b")
    assert last_run_id(tmp_path, 0) == last_run_id(tmp_path, 1) == "b"


@pytest.mark.parametrize("torn", [b'{"run_id": "b", "att', b"\xff\x00", b"[]", b'{"run_id": "b"}', b"7"])
def test_corrupt_line_costs_itself(tmp_path: Path, torn: bytes) -> None:
    """A torn or foreign line is passed over; what is whole around it counts."""
    remember(tmp_path, 0, "a")
    path = attempts_file(tmp_path, 0)
    path.write_bytes(path.read_bytes() + torn + b"\n")
    remember(tmp_path, 0, "a")
    assert read_attempts(path) == [Attempt("a", 0), Attempt("a", 1)]


def test_torn_end_does_not_swallow_the_next_start(tmp_path: Path) -> None:
    """A line that a crash left without its newline costs itself, not the start after it."""
    remember(tmp_path, 0, "a")
    path = attempts_file(tmp_path, 0)
    path.write_bytes(path.read_bytes() + b'{"run_id": "a", "at')
    remember(tmp_path, 0, "a")
    assert read_attempts(path)[-1] == Attempt("a", 1)


def test_concurrent_starts_are_all_remembered(tmp_path: Path) -> None:
    """Starts at the same time append whole lines, and no two of a run are the same attempt."""
    names = [f"r{number % 4}" for number in range(40)]
    with ThreadPoolExecutor(20) as pool:
        attempts = list(pool.map(lambda name: Attempt(name, remember(tmp_path, 0, name)), names))
    found = read_attempts(attempts_file(tmp_path, 0))
    assert (
        sorted(found) == sorted(attempts) == [Attempt(f"r{n}", each) for n in range(4) for each in range(10)]
    )


def test_unwritable_folder_raises(tmp_path: Path) -> None:
    """A file in place of the folder is an OSError for the caller to tell."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        remember(tmp_path / "file", 0, "a")


def test_files_are_private(tmp_path: Path) -> None:
    """Other users cannot read what is remembered."""
    remember(tmp_path, 0, "a")
    path = attempts_file(tmp_path, 0)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
