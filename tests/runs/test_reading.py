"""Lines from both ends and from the middle."""

from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.runs import reading
from otel_mmlog.runs.reading import first_where, last_lines, lines_from, lines_with

LINES = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=40)


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> "pytest.MonkeyPatch":  # type: ignore[misc]  # a generator
    """Blocks so small that lines cross them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_BLOCK_BYTES", "_NEAR_BYTES"):
            patch.setattr(reading, name, 16)
        yield patch


@given(LINES, st.binary(max_size=20).map(lambda rest: rest.replace(b"\n", b"")), st.data())
def test_from_both_ends(lines: list[bytes], rest: bytes, data: st.DataObject) -> None:
    """From the end come the lines that come from the start, reversed, without one that is torn, between any offsets."""
    with NamedTemporaryFile() as file:
        file.write(b"".join(line + b"\n" for line in lines) + rest)
        file.flush()
        path = Path(file.name)
        assert list(lines_from(path)) == lines
        assert list(last_lines(path)) == lines[::-1]
        first = data.draw(st.integers(0, len(lines)))
        stop = data.draw(st.integers(first, len(lines)))
        start_at, stop_at = (sum(len(line) + 1 for line in lines[:count]) for count in (first, stop))
        assert list(lines_from(path, start_at, stop_at)) == lines[first:stop]
        assert list(last_lines(path, start_at, stop_at)) == lines[first:stop][::-1]


@given(LINES, st.binary(min_size=1, max_size=3).filter(lambda needle: b"\n" not in needle), st.booleans())
def test_search(lines: list[bytes], needle: bytes, is_torn: bool) -> None:
    """Found are the whole lines that hold the bytes, each once and in order."""
    with NamedTemporaryFile() as file:
        file.write(b"".join(line + b"\n" for line in lines) + (needle if is_torn else b""))
        file.flush()
        assert list(lines_with(Path(file.name), needle)) == [line for line in lines if needle in line]


@given(
    st.lists(st.sampled_from([b"#", b"###########################"]), max_size=6),
    st.integers(0, 60),
    st.data(),
)
def test_border(foreign: list[bytes], count: int, data: st.DataObject) -> None:
    """The first line behind a border is found wherever it is, foreign lines between or not."""
    border = data.draw(st.integers(0, count))
    lines = [str(number).encode() for number in range(count)]
    for line in foreign:
        lines.insert(data.draw(st.integers(0, len(lines))), line)
    with NamedTemporaryFile() as file:
        whole = b"".join(line + b"\n" for line in lines)
        file.write(whole)
        file.flush()
        at, line = first_where(
            Path(file.name), 0, None, lambda line: None if line.startswith(b"#") else int(line) >= border
        )
    if border == count:
        assert (at, line) == (len(whole), b"")
    else:
        assert line == str(border).encode()
        assert whole[at:].startswith(line + b"\n")


def test_few_lines_are_read_of_many(tmp_path: Path) -> None:
    """A border in a million lines is found by looking at few of them."""
    path = tmp_path / "lines"
    path.write_bytes(b"".join(b"%09d\n" % number for number in range(1_000_000)))
    looked: list[bytes] = []

    def is_behind(line: bytes) -> bool:
        looked.append(line)
        return int(line) >= 765_432

    assert first_where(path, 0, None, is_behind) == (7_654_320, b"000765432")
    assert len(looked) < 50
