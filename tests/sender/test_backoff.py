"""How long a signal waits."""

import pytest

from otel_mmlog.sender.backoff import CAP_S, PROBE_CAP_S, PROBE_S, SERVER_CAP_S, Backoff


@pytest.mark.parametrize("drawn", [0.0, 0.5, 0.999])
def test_waits_double_up_to_the_cap_with_full_jitter(drawn: float) -> None:
    """The wait is drawn from 0 to 1, 2, 4, ... 60 seconds."""
    backoff = Backoff(lambda: drawn)
    waits = []
    for _ in range(9):
        backoff.retry(100.0, None)
        waits.append(backoff.until_s - 100.0)
    assert waits == pytest.approx([drawn * limit for limit in (1, 2, 4, 8, 16, 32, CAP_S, CAP_S, CAP_S)])


def test_server_is_never_asked_earlier_than_it_said() -> None:
    """Retry-After is the least wait, with a little jitter on top."""
    for drawn in (0.0, 0.999):
        backoff = Backoff(lambda drawn=drawn: drawn)  # type: ignore[misc]
        backoff.retry(100.0, 30.0)
        assert 130.0 <= backoff.until_s <= 131.0


def test_server_cannot_stop_a_sender_for_good() -> None:
    """A Retry-After of years counts as an hour."""
    backoff = Backoff(lambda: 0.0)
    backoff.retry(0.0, 1e9)
    assert backoff.until_s == SERVER_CAP_S


def test_hurry_ends_own_waits_but_not_the_servers() -> None:
    """A flush ends a back-off and a pause, not a Retry-After."""
    backoff = Backoff(lambda: 0.5)
    backoff.retry(100.0, None)
    backoff.hurry()
    assert backoff.until_s < 100.0
    backoff.pause(100.0)
    backoff.hurry()
    assert backoff.until_s < 100.0
    backoff.retry(100.0, 30.0)
    backoff.hurry()
    assert backoff.until_s > 130.0


def test_waits_are_short_again_after_a_success() -> None:
    """What was taken makes the next fault the first."""
    backoff = Backoff(lambda: 0.999)
    for _ in range(5):
        backoff.retry(100.0, None)
    backoff.end()
    assert backoff.until_s < 0
    backoff.retry(100.0, None)
    assert backoff.until_s < 101.0


def test_pauses_are_long_and_bounded() -> None:
    """Probes come a minute apart at first, and never more than five."""
    backoff = Backoff(lambda: 0.5)
    waits = []
    for _ in range(6):
        backoff.pause(0.0)
        waits.append(backoff.until_s)
    assert PROBE_S * 0.75 <= waits[0] <= PROBE_S
    assert waits == sorted(waits)
    assert waits[-1] <= PROBE_CAP_S
