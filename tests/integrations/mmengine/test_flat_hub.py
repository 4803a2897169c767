"""mmengine's hub with flat histories, against mmengine's hub without."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.pending_tensors import PENDING_MAX
from tests.integrations.mmengine.flat_hubs import assert_same_hubs, flat_class
from tests.oracle.theirs import TheirHistory, TheirHub

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from otel_mmlog.integrations.mmengine import flat_hub
    from otel_mmlog.integrations.mmengine.flat_history import FlatHistory
    from otel_mmlog.integrations.mmengine.patches import Patches

DTYPES = [torch.float16, torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
NUMBERS = st.one_of(st.floats(width=16), st.integers(0, 200), st.booleans())
TENSORS = st.builds(
    lambda number, dtype, shape: torch.tensor(number).to(dtype).reshape(shape),
    st.one_of(st.integers(0, 200), st.floats(0, 100, width=16)),
    st.sampled_from(DTYPES),
    st.sampled_from([(), (1,), (1, 1)]),
)
ARRAYS = st.builds(np.array, st.integers(0, 99), st.sampled_from("fdhi"))
CALLS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.one_of(NUMBERS, TENSORS, ARRAYS),
        st.sampled_from([None, 1, 4]),
        st.booleans(),
    ),
    max_size=40,
)
BAD_VALUES: list[Any] = ["1", None, [], {}, np.array([1, 2]), torch.ones(2), torch.ones(0), object()]


class CountingReads:
    """Counts how often values are taken from torch to Python, which is where one waits for a device."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for name in ("item", "tolist"):
            monkeypatch.setattr(torch.Tensor, name, self.counting(getattr(torch.Tensor, name)))

    def counting(self, original: Any) -> Any:
        def read(tensor: torch.Tensor) -> Any:
            self.count += 1
            return original(tensor)

        return read


@pytest.mark.parametrize("late", [True, False])
@given(calls=CALLS, read_at=st.integers(0, 40))
@settings(max_examples=200, deadline=None)
def test_same_as_theirs(late: bool, calls: list[tuple[str, Any, int | None, bool]], read_at: int) -> None:
    """After any calls both hubs hold the same values, dtypes and statistics, and only ours are flat."""
    ours, theirs = flat_class(late=late)("same"), TheirHub("same")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for number, (key, value, count, many) in enumerate(calls):
            for hub in (ours, theirs):
                if many:
                    item = value if count is None else {"value": value, "count": count}
                    hub.update_scalars({key: item, "z": 1.5}, resumed=False)
                else:
                    hub.update_scalar(key, value, count or 1, resumed=False)
            if number == read_at:
                assert_same_hubs(ours, theirs)
        assert_same_hubs(ours, theirs)
    assert {type(history) for history in ours.log_scalars.values()} <= {FlatHistory}


def test_values_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A late value is the one at the call, and one read takes all that wait, whatever their dtypes."""
    hub = flat_class()("late")
    reads, loss = CountingReads(monkeypatch), torch.tensor(0.5)
    for step in range(4):
        loss.fill_(step + 0.5)
        hub.update_scalars({"loss": loss, "n": torch.tensor(step), "half": torch.tensor(step).half()})
    assert reads.count == 0
    assert hub.get_scalar("loss").data[0].tolist() == [0.5, 1.5, 2.5, 3.5]
    assert hub.get_scalar("n").max() == 3
    assert hub.get_scalar("half").statistics("mean", 2) == 2.5
    assert reads.count == 1


def test_late_values_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that nobody reads keeps a bounded number of tensors."""
    hub, reads = flat_class()("bounded"), CountingReads(monkeypatch)
    for step in range(PENDING_MAX + 5):
        hub.update_scalar("x", torch.tensor(float(step)))
    assert reads.count == 1
    assert hub.get_scalar("x").max() == PENDING_MAX + 4


def test_history_in_two_hubs() -> None:
    """A history that two hubs share, as after loading, has the late values of both, in their order."""
    cls = flat_class()
    first, second = cls("first"), cls("second")
    first.update_scalar("x", 0.0)
    second._log_scalars["x"] = first.get_scalar("x")
    for step in range(1, 5):
        (first, second)[step % 2].update_scalar("x", torch.tensor(float(step)))
    assert second.get_scalar("x").data[0].tolist() == [0, 1, 2, 3, 4]


def test_history_of_two_patchings() -> None:
    """Late values from before a second patching are not lost."""
    first, second = flat_class()("first"), flat_class()("second")
    first.update_scalar("x", torch.tensor(1.0))
    second._log_scalars["x"] = first.get_scalar("x")
    second.update_scalar("x", torch.tensor(2.0))
    assert second.get_scalar("x").data[0].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("value", BAD_VALUES)
def test_refused_values(late: bool, existing: bool, value: Any) -> None:
    """What mmengine refuses is refused with the same type of error, and changes no history."""
    for hub in (flat_class(late=late)("refused"), TheirHub("refused")):
        if existing:
            hub.update_scalar("x", 1.0)
        with pytest.raises(AssertionError):
            hub.update_scalar("x", value)
        with pytest.raises(AssertionError):
            hub.update_scalars({"y": {"count": 2}})
        assert [len(history.data[0]) for history in hub.log_scalars.values()] == [1] * existing


@pytest.mark.parametrize("value", [1.0, torch.tensor(1.0)])
def test_refused_calls(value: Any) -> None:
    """Another `resumed` than before, and a count that is no int, are errors of mmengine's types."""
    for hub in (flat_class()("calls"), TheirHub("calls")):
        hub.update_scalar("x", value)
        with pytest.raises(AssertionError, match="x used to be True"):
            hub.update_scalar("x", value, resumed=False)
        with pytest.raises(TypeError):
            hub.update_scalar("x", value, 2.5)
        assert hub.get_scalar("x").data[0].tolist() == [1.0]


def test_odd_values_stay_theirs() -> None:
    """A number that fits no flat history is kept in mmengine's own, as without us."""
    hub, theirs = flat_class()("odd"), TheirHub("odd")
    for each in (hub, theirs):
        each.update_scalar("x", 2**70)
        each.update_scalar("x", 1)
    assert type(hub.get_scalar("x")) is TheirHistory
    assert hub.get_scalar("x").data[0].tolist() == theirs.get_scalar("x").data[0].tolist()
    hub.update_scalar("x", torch.tensor(0.5))
    assert hub.get_scalar("x").current() == 0.5


def test_unknown_hubs_stay() -> None:
    """A hub that is built otherwise is left alone, and what it lacks is named."""

    class Future:
        def __init__(self, name: str) -> None:
            self._log_scalars: dict[str, Any] = {}

        def update_scalar(self, key: str, value: Any) -> None:
            self._log_scalars[key] = value

    before, patches = Future.update_scalar, Patches()
    flat_hub.wrap(patches, Future)
    assert Future.update_scalar is before
    assert patches.missing == ["Future._resumed_keys", "Future._set_resumed_keys"]


def test_followed_hub_of_mmengine() -> None:
    """Followed, mmengine's hub is ours: whichever made it and whichever writes."""

    class Followed(MessageHub):
        pass

    Followed.follow(TheirHub.get_current_instance)
    theirs = TheirHub.get_instance("test_followed_hub_of_mmengine")
    try:
        Followed.get_current_instance().update_scalar("x", 2.0)
        assert Followed.get_current_instance() is theirs
        assert theirs.get_scalar("x").current() == 2.0
    finally:
        TheirHub._instance_dict.pop("test_followed_hub_of_mmengine")
