"""A line with its check is whole, or known not to be."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.core.line_check import CHECK_BYTES, DamagedLineError, checked, fits, with_check, without_check

LINE = b'{"resourceLogs":[{"timeUnixNano":"1790000000000000000","body":"a b\\n"}]}\n'
BODIES = st.text().map(lambda text: json.dumps(text).encode() + b"\n")


def test_a_check_is_blanks_behind_the_object() -> None:
    """It is 32 spaces and tabs before the newline, so that the line is the same JSON."""
    line = with_check(b"{}\n")
    bits = "11011101101000011011000000000110"  # CRC-32 of the line, 0xdda1b006
    assert line.decode() == "{}" + bits.replace("0", " ").replace("1", "\t") + "\n"
    assert json.loads(line) == {}
    assert len(line) == len(b"{}\n") + CHECK_BYTES


@given(BODIES)
def test_what_was_written_comes_back(line: bytes) -> None:
    """Without its check a line is what it was."""
    kept = with_check(line)
    assert fits(kept)
    assert checked(kept) == without_check(kept) == line


@given(BODIES)
def test_lines_of_other_programs_are_as_they_are(line: bytes) -> None:
    """A line that ends with its object has no check, and is taken on trust."""
    assert not fits(line)
    assert checked(line) == without_check(line) == line


def test_every_other_byte_is_noticed() -> None:
    """A byte that has changed anywhere is an error, or leaves a line that is no JSON or what it was."""
    kept = with_check(LINE)
    moments = random.Random(7)
    for place in range(len(kept)):
        damaged = bytearray(kept)
        damaged[place] ^= moments.randrange(1, 256)
        for piece in bytes(damaged).splitlines(keepends=True):
            try:
                line = checked(piece)
                json.loads(line)
            except ValueError:
                continue
            assert line == LINE


@pytest.mark.parametrize("line", [b'{"resourceLogs":[]} \n', b'{"resourceLogs": []}\n', b"{}\n", b"\n"])
def test_lines_of_other_programs_stay(line: bytes) -> None:
    """They have no check, and perhaps a blank at their end."""
    assert checked(line) == without_check(line) == line


def test_a_line_that_was_cut_in_its_check_is_damaged() -> None:
    """What is left of the blanks does not fit; all of the request is before them."""
    for missing in range(1, CHECK_BYTES - 1):
        with pytest.raises(DamagedLineError):
            checked(with_check(LINE)[: -1 - missing] + b"\n")
