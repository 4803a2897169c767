"""What MMEngine prints and writes by itself is the same with us as without."""

import re
from pathlib import Path

import pytest

from tests.end_to_end.mmengine_runs import RUN, Ended, finish, options, start
from tests.journals import text_lines

LEVELS = ("INFO", "DEBUG")
_VARIES = (
    re.compile(r"\d\d/\d\d \d\d:\d\d:\d\d"),
    re.compile(r"\d{4}/(?=<>)"),
    re.compile(r"\d{8}_\d{6}"),
    re.compile(r"(?<=time: )\d+\.\d{4}"),
    re.compile(r"(?<=time_2: )\d+\.\d{4}"),
    re.compile(r"(?<=eta: )\d+:\d\d:\d\d"),
)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ended, Ended]]:
    """By level, the same training without us and with us."""
    folder = tmp_path_factory.mktemp("text")
    started = {
        (level, name): start(folder / level / name, *options(f"log_level={level}"), before=before)
        for level in LEVELS
        for name, before in (("plain", ()), ("ours", RUN))
    }
    ended = {key: finish(process, folder / "/".join(key)) for key, process in started.items()}
    return {level: (ended[level, "plain"], ended[level, "ours"]) for level in LEVELS}


def without_times(text: str, folder: Path) -> list[str]:
    """The lines of a text; times, and the folder, are all the same."""
    text = text.replace(str(folder), "<folder>")
    for pattern in _VARIES:
        text = pattern.sub("<>", text)
    return text.splitlines(keepends=True)


def own_log(ended: Ended) -> str:
    """The file that MMEngine writes."""
    (path,) = ended.work_dir.glob("*/*.log")
    return path.read_bytes().decode()


@pytest.mark.parametrize("level", LEVELS)
def test_console_is_the_same(pairs: dict[str, tuple[Ended, Ended]], level: str) -> None:
    """Standard output and standard error are MMEngine's, line by line, apart from times."""
    plain, ours = pairs[level]
    expected = without_times(plain.out, plain.folder)
    assert any("Epoch(train) [2][10/10]" in line for line in expected)
    assert any(" - DEBUG - " in line for line in expected) == (level == "DEBUG")
    assert without_times(ours.out, ours.folder) == expected
    assert without_times(ours.error, ours.folder) == without_times(plain.error, plain.folder)


@pytest.mark.parametrize("level", LEVELS)
def test_log_file_of_mmengine_is_the_same(pairs: dict[str, tuple[Ended, Ended]], level: str) -> None:
    """So is the file that MMEngine writes."""
    plain, ours = pairs[level]
    expected = without_times(own_log(plain), plain.folder)
    assert len(expected) > 100
    assert without_times(own_log(ours), ours.folder) == expected


@pytest.mark.parametrize("level", LEVELS)
def test_our_file_has_every_record(pairs: dict[str, tuple[Ended, Ended]], level: str) -> None:
    """Each line of a loop that was printed is in our file, character by character behind the date."""
    _, ours = pairs[level]
    printed = [line for line in ours.out.splitlines() if " - INFO - Epoch(" in line]
    written = [line for line in text_lines(ours.work_dir / "toy.log") if " - INFO - Epoch(" in line]
    assert [line[5:] for line in written] == printed
    assert len(printed) == 14
