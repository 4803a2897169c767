"""What tells a damaged journal line from a whole one: its CRC-32 behind the JSON object, spelt in blanks.

JSON allows blanks there, so that whoever reads files of OTLP JSON takes such a line as it is; and a byte that has
changed inside a string or a number, which is as good JSON as before, does not leave as something that nobody logged.
"""

import zlib
from typing import Final

CHECK_BYTES: Final = 32
"""A blank a bit, the highest first: a space for 0, a tab for 1."""

_TWO_BLANKS: Final = (b"  ", b" \t", b"\t ", b"\t\t")
_SPELT: Final = [bytes(9 if byte >> bit & 1 else 32 for bit in range(7, -1, -1)) for byte in range(256)]


class DamagedLineError(ValueError):
    """A line is not what was written."""


def with_check(line: bytes) -> bytes:
    """A line, its newline included, with its check."""
    return line[:-1] + _spelt(zlib.crc32(line))


def fits(line: bytes) -> bool:
    """Whether a line, its newline included, has a check that says that all of it is as it was written."""
    crc = zlib.crc32(
        b"\n", zlib.crc32(memoryview(line)[: -CHECK_BYTES - 1])
    )  # a line is long: it is not copied
    return line.endswith(_spelt(crc), -CHECK_BYTES - 1)


def _spelt(crc: int) -> bytes:
    """The end of a line with this CRC."""
    return _SPELT[crc >> 24] + _SPELT[crc >> 16 & 255] + _SPELT[crc >> 8 & 255] + _SPELT[crc & 255] + b"\n"


def checked(line: bytes) -> bytes:
    """A line without its check, its newline included; one without a check, as other programs write it, as it is.

    Raises:
        DamagedLineError: The check is damaged, or does not fit the line.
    """
    if fits(line):
        return without_check(line)
    if _ends_in_blanks(line):
        raise DamagedLineError("a byte of the line has changed")
    return line


def without_check(line: bytes) -> bytes:
    """What `checked` returned for the same line, without looking again."""
    return line[: -CHECK_BYTES - 1] + b"\n" if _ends_in_blanks(line) else line


def _ends_in_blanks(line: bytes) -> bool:
    """Whether a line ends in what may be left of a check; one blank may be another program's."""
    return line[-3:-1] in _TWO_BLANKS
