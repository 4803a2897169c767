"""Ages of what was stamped with the time of the day."""

import pytest

from otel_mmlog.core.ages import Ages

S_NS = 1_000_000_000
BEGUN_NS = 1_700_000_000 * S_NS


class Clocks:
    """A clock of the day and one that is never set."""

    def __init__(self) -> None:
        self.ahead_ns = BEGUN_NS
        self.now_ns = 0

    def unix_ns(self) -> int:
        return self.now_ns + self.ahead_ns

    def monotonic_ns(self) -> int:
        return self.now_ns


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def ages(clocks: Clocks) -> Ages:
    return Ages(clocks.unix_ns, clocks.monotonic_ns)


def test_age(clocks: Clocks, ages: Ages) -> None:
    """The time since then; also since before the process began, and nothing for what is to come."""
    clocks.now_ns = 5 * S_NS
    assert ages.age_s(BEGUN_NS + 2 * S_NS) == 3
    assert ages.age_s(BEGUN_NS - 10 * S_NS) == 15
    assert ages.age_s(BEGUN_NS + 6 * S_NS) == 0


@pytest.mark.parametrize("set_s", [-3600, 86_400])
def test_age_where_the_clock_is_set(clocks: Clocks, ages: Ages, set_s: int) -> None:
    """What was stamped before the clock was set, and what was stamped after, is as old as it is."""
    clocks.now_ns = 10 * S_NS
    ages.look()
    before_ns = clocks.unix_ns()
    clocks.now_ns = 11 * S_NS
    clocks.ahead_ns += set_s * S_NS
    after_ns = clocks.unix_ns()
    clocks.now_ns = 12 * S_NS
    assert ages.age_s(before_ns) == 2
    assert ages.age_s(after_ns) == 1
    assert ages.age_s(clocks.unix_ns()) == 0


def test_age_where_the_clock_is_set_and_put_right(clocks: Clocks, ages: Ages) -> None:
    """Each stamp is read by the clock of its moment."""
    stamps = []
    for set_s in (0, 86_400, -86_400):
        clocks.ahead_ns += set_s * S_NS
        clocks.now_ns += S_NS
        stamps.append(clocks.unix_ns())
        ages.look()
    assert [ages.age_s(stamp) for stamp in stamps] == [2, 1, 0]
