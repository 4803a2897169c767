"""The journal in one process: files, sealing, admission, counts."""

import json
import re
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.line_check import CHECK_BYTES
from otel_mmlog.otel.admission import LINE_LIMIT_BYTES
from otel_mmlog.otel.counts import JournalStats
from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.journal_settings import JournalSettings
from otel_mmlog.otel.lines import EncodedLine
from tests.otel.journal_lines import line, marks

NAME = re.compile(r"\d{8}T\d{6}_\d{6}-[0-9a-f]{8}\.\d{4}\.jsonl(\.part)?")


class Clock:
    """A clock that a test sets."""

    def __init__(self, now_ns: int = 1_790_000_000_123_456_789) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


def balanced(stats: JournalStats) -> bool:
    """Whether every produced item is accounted for."""
    return all(
        stats.produced[s]
        == stats.journaled.get(s, 0) + sum(n for (t, _), n in stats.refused.items() if t == s)
        for s in stats.produced
    )


def test_lines_are_in_the_file_when_append_returns(tmp_path: Path) -> None:
    """What append acknowledged can be read by another process at once."""
    journal = Journal(tmp_path / "rank0000")
    assert journal.append(line("metrics", "a"), line("logs", "b"))
    assert marks(tmp_path / "rank0000") == ["a", "b"]


def test_segment_is_private_named_and_begins_with_its_own_line(tmp_path: Path) -> None:
    """A segment has mode 0600 in a folder of 0700, and a first line under 300 bytes with its name."""
    journal = Journal(tmp_path / "otlp" / "rank0000")
    journal.append(line("metrics", "a"))
    (path,) = journal.folder.iterdir()
    assert NAME.fullmatch(path.name)
    assert path.name.endswith(".0000.jsonl.part")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700
    first = path.read_bytes().split(b"\n")[0]
    assert len(first) < 300
    name = path.name.removesuffix(".part")
    assert json.loads(first)["resourceMetrics"][0]["resource"]["attributes"] == [
        {"key": "mmlog.journal.segment", "value": {"stringValue": name}}
    ]


@pytest.mark.parametrize("file_mode", [0o600, 0o640])
def test_segment_has_the_mode_of_the_settings(tmp_path: Path, file_mode: int) -> None:
    """A folder that is there, and open to all, does not open the segments in it."""
    folder = tmp_path / "otlp/rank0000"
    folder.mkdir(mode=0o755, parents=True)
    folder.chmod(0o755)
    journal = Journal(folder, settings=JournalSettings(file_mode=file_mode))
    journal.append(line("logs", "a"))
    modes = [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()]
    journal.close()
    assert modes == [file_mode]


def test_name_tells_when_the_process_started(tmp_path: Path) -> None:
    """The first part of a name is the UTC time of the clock that was given."""
    journal = Journal(tmp_path, unix_clock=Clock())
    journal.append(line("metrics", "a"))
    assert next(tmp_path.iterdir()).name.startswith("20260921T141320_123456-")


def test_names_tell_the_order_of_attempts_after_the_clock_was_set_back(tmp_path: Path) -> None:
    """An attempt that starts an hour earlier than the one before it, by the clock, is still behind it."""
    clock = Clock()
    for number in range(3):
        journal = Journal(tmp_path, unix_clock=clock)
        journal.append(line("metrics", f"attempt {number}"))
        journal.close()
        clock.now_ns -= 3600 * 1_000_000_000
    assert marks(tmp_path) == [f"attempt {number}" for number in range(3)]


def test_a_name_from_the_end_of_time_stops_no_start(tmp_path: Path) -> None:
    """What somebody put into the folder may have any name."""
    for start in ("99991231T235959_999999", "99999999T999999_999999"):
        (tmp_path / f"{start}-00000000.0000.jsonl").touch()
    journal = Journal(tmp_path, unix_clock=Clock())
    assert journal.append(line("metrics", "a"))
    assert journal.start.startswith("20260921T141320")


def test_no_file_before_the_first_line(tmp_path: Path) -> None:
    """A process that logs nothing leaves no segment."""
    journal = Journal(tmp_path / "rank0000")
    journal.close()
    assert list(journal.folder.iterdir()) == []


def test_full_segment_is_sealed_before_the_line_that_does_not_fit(tmp_path: Path) -> None:
    """No segment grows beyond its size, and lines keep their order over segments."""
    journal = Journal(tmp_path, settings=JournalSettings(segment_bytes=2000, min_free_bytes=0))
    for number in range(20):
        assert journal.append(line("metrics", f"{number}", pad_bytes=500))
    journal.close()
    paths = sorted(tmp_path.iterdir())
    assert len(paths) == journal.stats().segments > 5
    assert all(path.suffix == ".jsonl" and path.stat().st_size <= 2000 for path in paths)
    assert marks(tmp_path) == [f"{number}" for number in range(20)]


def test_old_segment_is_sealed_at_the_next_append(tmp_path: Path) -> None:
    """A segment that is older than its age gets no further line."""
    clock = Clock()
    journal = Journal(tmp_path, clock=clock, settings=JournalSettings(segment_age_s=10, min_free_bytes=0))
    journal.append(line("metrics", "a"))
    clock.now_ns += 10_000_000_000
    journal.append(line("metrics", "b"))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".jsonl", ".part"]


def test_close_seals_and_later_lines_are_refused(tmp_path: Path) -> None:
    """After close nothing is open, nothing is written, and late lines are counted."""
    journal = Journal(tmp_path)
    journal.append(line("logs", "a"))
    journal.close()
    journal.close()
    assert not journal.append(line("logs", "b", items=3))
    assert [path.suffix for path in tmp_path.iterdir()] == [".jsonl"]
    assert journal.stats().refused == {("logs", "closed"): 3}
    assert marks(tmp_path) == ["a"]


def test_too_large_line_is_refused_alone(tmp_path: Path) -> None:
    """A line of 512 KiB is refused and told; its neighbours in the same call are written."""
    told: list[str] = []
    journal = Journal(tmp_path, on_fault=told.append)
    empty = len(line("logs", "big").data)
    assert not journal.append(
        line("metrics", "a"), line("logs", "big", pad_bytes=LINE_LIMIT_BYTES - empty), line("metrics", "b")
    )
    assert journal.append(line("logs", "fits", pad_bytes=LINE_LIMIT_BYTES - empty - CHECK_BYTES - 2))
    assert marks(tmp_path) == ["a", "b", "fits"]
    assert journal.stats().refused == {("logs", "too_large"): 1}
    assert len(told) == 1


def test_flush_confirms_open_and_sealed_segments(tmp_path: Path) -> None:
    """flush says True when the disk has everything, also when segments were taken away."""
    journal = Journal(tmp_path / "rank0000", settings=JournalSettings(segment_bytes=600, min_free_bytes=0))
    for number in range(5):
        journal.append(line("metrics", f"{number}", pad_bytes=400))
    sorted(journal.folder.iterdir())[0].unlink()
    assert journal.flush()


def test_flush_of_a_folder_that_is_not_there_is_false(tmp_path: Path) -> None:
    """flush says False where there is nothing that could confirm."""
    (tmp_path / "file").touch()
    assert not Journal(tmp_path / "file" / "rank0000").flush()


def test_signals_are_refused_in_the_order_of_their_worth(tmp_path: Path) -> None:
    """Debug logs end at 50 % of the cap, spans at 75 %, logs at 90 %, scalars at 100 %."""
    cap = 100_000
    told: list[str] = []
    journal = Journal(
        tmp_path,
        settings=JournalSettings(cap_bytes=cap, min_free_bytes=0),
        clock=Clock(),
        on_fault=told.append,
    )
    last: dict[str, int] = {}
    for _ in range(120):
        for kind, item in {
            "debug": line("logs", "d", debug=True),
            "traces": line("traces", "t"),
            "logs": line("logs", "l"),
            "metrics": line("metrics", "m", pad_bytes=900),
        }.items():
            if journal.append(item):
                last[kind] = sum(path.stat().st_size for path in tmp_path.iterdir())
    shares = {kind: round(size / cap, 2) for kind, size in last.items()}
    assert shares == pytest.approx({"debug": 0.5, "traces": 0.75, "logs": 0.9, "metrics": 1.0}, abs=0.02)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= cap
    assert balanced(journal.stats())
    assert len(told) == 1


def test_lines_are_taken_again_when_a_sender_makes_room(tmp_path: Path) -> None:
    """A full folder is counted again after a second, and what was removed is room again."""
    clock = Clock()
    journal = Journal(
        tmp_path,
        clock=clock,
        settings=JournalSettings(cap_bytes=10_000, segment_bytes=3000, min_free_bytes=0),
    )
    while journal.append(line("metrics", "a", pad_bytes=900)):
        pass
    for path in tmp_path.glob("*.jsonl"):
        path.unlink()
    assert not journal.append(line("metrics", "b", pad_bytes=900))
    clock.now_ns += 1_000_000_000
    assert journal.append(line("metrics", "c", pad_bytes=900))


def test_what_earlier_attempts_left_counts(tmp_path: Path) -> None:
    """The cap is the folder's, not the process's: a file of an earlier attempt uses it up."""
    (tmp_path / "20200101T000000_000000-00000000.0000.jsonl").write_bytes(b"x" * 9_500)
    journal = Journal(tmp_path, settings=JournalSettings(cap_bytes=10_000, min_free_bytes=0))
    assert not journal.append(line("logs", "a"))
    assert journal.append(line("metrics", "b"))


def test_nothing_is_written_on_a_nearly_full_disk(tmp_path: Path) -> None:
    """Below the free space that must be left every line is refused under its own reason."""
    told: list[str] = []
    journal = Journal(tmp_path, settings=JournalSettings(min_free_bytes=2**62), on_fault=told.append)
    assert not journal.append(line("metrics", "a"))
    assert journal.stats().refused == {("metrics", "low_space"): 1}
    assert len(told) == 1


@pytest.mark.parametrize(
    "wrong", [{"cap_bytes": 0}, {"segment_bytes": 1.5}, {"segment_age_s": 0}, {"min_free_bytes": -1}]
)
def test_wrong_settings_are_told_at_construction(wrong: dict[str, int]) -> None:
    """A limit that cannot work is an error that names it and what it got."""
    ((name, value),) = wrong.items()
    with pytest.raises(ConfigError, match=rf"{name} is {value!r}"):
        JournalSettings(**wrong)


_items = st.builds(
    line,
    st.sampled_from(["metrics", "logs", "traces"]),
    st.just("m"),
    items=st.integers(0, 50),
    pad_bytes=st.sampled_from([0, 100, 3000, LINE_LIMIT_BYTES]),
    debug=st.booleans(),
)


@settings(max_examples=100, deadline=None)
@given(
    appends=st.lists(st.lists(_items, max_size=4), max_size=12),
    cap=st.integers(1, 40_000),
    segment=st.integers(1, 8_000),
    close_at=st.integers(0, 20),
)
def test_every_item_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory,
    appends: list[list[EncodedLine]],
    cap: int,
    segment: int,
    close_at: int,
) -> None:
    """Produced is journaled plus refused, and what is journaled is what a reader finds."""
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(
        folder, settings=JournalSettings(cap_bytes=cap, segment_bytes=segment, min_free_bytes=0)
    )
    whole = 0
    for number, lines in enumerate(appends):
        if number == close_at:
            journal.close()
        whole += journal.append(*lines) and len(lines)
    stats = journal.stats()
    assert balanced(stats)
    given_items = sum(item.items for lines in appends for item in lines)
    assert sum(stats.produced.values()) == given_items
    assert len(marks(folder)) >= whole
    assert stats.written_bytes == sum(path.stat().st_size for path in folder.iterdir())


def test_threads_do_not_tear_lines(tmp_path: Path) -> None:
    """Lines of four threads are whole, all there, and in order for each thread."""
    journal = Journal(tmp_path, settings=JournalSettings(segment_bytes=50_000))

    def write(thread: int) -> None:
        for number in range(300):
            journal.append(line("logs", f"{thread}:{number}", pad_bytes=200))

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
    found = marks(tmp_path)
    for thread in range(4):
        assert [m for m in found if m.startswith(f"{thread}:")] == [f"{thread}:{n}" for n in range(300)]


def test_interrupted_append_is_counted_and_raises(tmp_path: Path) -> None:
    """Ctrl-C in an append passes through, its lines are accounted for, and the next append works."""
    clock = Clock()
    journal = Journal(tmp_path, clock=clock)

    class Stop(Clock):
        def __call__(self) -> int:
            raise KeyboardInterrupt

    journal._clock = Stop()
    with pytest.raises(KeyboardInterrupt):
        journal.append(line("logs", "a", items=2))
    journal._clock = clock
    assert journal.append(line("logs", "b"))
    assert journal.stats().refused == {("logs", "interrupted"): 2}
    assert balanced(journal.stats())


def test_fault_callback_may_log_into_the_journal(tmp_path: Path) -> None:
    """The callback runs without the journal's lock, and what it appends is written."""
    journal: Journal

    def on_fault(message: str) -> None:
        done = threading.Thread(target=lambda: journal.append(line("logs", "from another thread")))
        done.start()
        done.join(10)
        journal.append(line("logs", "fault"))

    journal = Journal(tmp_path, on_fault=on_fault)
    journal.append(line("logs", "big", pad_bytes=LINE_LIMIT_BYTES))
    assert marks(tmp_path) == ["from another thread", "fault"]


def test_fault_callback_that_raises_is_counted(tmp_path: Path) -> None:
    """An exception of the callback does not reach training."""

    def on_fault(message: str) -> None:
        raise RuntimeError(message)

    journal = Journal(tmp_path, on_fault=on_fault)
    assert not journal.append(line("logs", "big", pad_bytes=LINE_LIMIT_BYTES))
    assert journal.stats().unreported == 1


def test_a_subprocess_does_not_inherit_the_segment(tmp_path: Path) -> None:
    """A program that training starts has no descriptor of the journal, even if it asks for all."""
    journal = Journal(tmp_path)
    journal.append(line("logs", "a"))
    listing = ["/bin/ls", "-l", "/proc/self/fd/"]
    inherited = subprocess.run(listing, close_fds=False, capture_output=True, text=True, check=True).stdout
    own = [str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_file()]
    assert any(".jsonl" in name for name in own)
    assert ".jsonl" not in inherited
