"""How a batch is cut down to the lines that a server cannot take."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.sender.pieces import MAX_REQUESTS, Pieces

_SIZES = st.integers(1, 400)


def deliver(
    pieces: Pieces, is_bad: Callable[[bytes], bool], limit_bytes: int | None = None
) -> tuple[list[bytes], int]:
    """Send all pieces to a server that refuses some lines; returns what it took, and its requests."""
    taken: list[bytes] = []
    requests = 0
    while lines := list(pieces.current):
        requests += 1
        if limit_bytes is not None and sum(map(len, lines)) > limit_bytes:
            pieces.halve("too large")
        elif any(is_bad(line) for line in lines):
            pieces.refuse("bad")
        else:
            taken += lines
            pieces.accept()
    return taken, requests


def numbered(count: int) -> list[bytes]:
    return [b"%d\n" % number for number in range(count)]


@given(_SIZES, st.sets(st.integers(0, 399), max_size=12))
def test_every_line_is_taken_or_suspected_once(count: int, bad: set[int]) -> None:
    """Whatever lines are bad: nothing is lost, nothing taken twice, and no good line suspected alone."""
    lines = numbered(count)
    pieces = Pieces(lines)
    taken, requests = deliver(pieces, lambda line: int(line) in bad)
    suspected = [line for suspect in pieces.suspects for line in suspect.lines]
    assert sorted(taken + suspected) == sorted(lines)
    assert requests < MAX_REQUESTS
    for suspect in pieces.suspects:
        assert any(int(line) in bad for line in suspect.lines)


@given(st.integers(2, 300), st.data())
def test_one_bad_line_is_found(count: int, data: st.DataObject) -> None:
    """Among hundreds of lines one that is bad is found alone, or with very few others."""
    bad = data.draw(st.integers(0, count - 1))
    pieces = Pieces(numbered(count))
    taken, _ = deliver(pieces, lambda line: int(line) == bad)
    assert len(pieces.suspects) == 1
    assert b"%d\n" % bad in pieces.suspects[0].lines
    assert len(pieces.suspects[0].lines) <= 4
    assert len(taken) >= count - 4


@given(_SIZES, st.integers(1, 200))
def test_too_large_requests_are_halved_until_they_fit(count: int, limit_bytes: int) -> None:
    """All lines arrive in order at a server that takes small requests only; a line above its limit is a suspect."""
    lines = numbered(count)
    pieces = Pieces(lines)
    taken, _ = deliver(pieces, lambda _: False, limit_bytes)
    too_long = [line for line in lines if len(line) > limit_bytes]
    assert taken == [line for line in lines if line not in too_long]
    assert [line for suspect in pieces.suspects for line in suspect.lines] == too_long


@given(_SIZES, st.integers(1, 50))
def test_known_limit_is_kept_from_the_start(count: int, limit_bytes: int) -> None:
    """Pieces begin no larger than the limit, but for single lines."""
    pieces = Pieces(numbered(count), limit_bytes)
    while lines := pieces.current:
        assert len(lines) == 1 or sum(map(len, lines)) <= limit_bytes
        pieces.accept()


def test_suspect_is_proven_by_a_line_that_is_taken_later() -> None:
    """A refusal counts against the line only if the server takes another one after it."""
    pieces = Pieces([b"bad\n", b"good\n"])
    pieces.refuse("together")
    pieces.refuse("bad alone")
    proven = [pieces.is_proven]
    pieces.accept()
    proven.append(pieces.is_proven)
    assert proven == [False, True]
    assert [suspect.reason for suspect in pieces.suspects] == ["bad alone"]


def test_last_line_is_not_proven_by_those_before_it() -> None:
    """A server may have turned against everything in between."""
    pieces = Pieces([b"good\n", b"bad\n"])
    pieces.refuse("together")
    pieces.accept()
    pieces.refuse("bad alone")
    assert not pieces.current
    assert not pieces.is_proven
