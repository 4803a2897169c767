"""Flat histories in hubs that are saved, loaded, copied, older than the patch or younger than its end."""

import copy
import inspect
import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.tensors import is_tensor
from tests.integrations.mmengine.flat_hubs import assert_same_hubs, flat_class
from tests.oracle.theirs import TheirHistory, TheirHub

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from otel_mmlog.integrations.mmengine import flat_hub
    from otel_mmlog.integrations.mmengine.flat_history import FlatHistory
    from otel_mmlog.integrations.mmengine.patches import Patches


@pytest.fixture
def patches() -> Iterator[Patches]:
    """Patches that are undone at the end."""
    patches = Patches()
    yield patches
    patches.undo()


def test_existing_hubs_become_flat(patches: Patches) -> None:
    """Histories of a hub that is older than the patch become flat at the next update, in place."""
    hub = TheirHub("older")
    hub.update_scalars({"a": 1.0, "b": 2.0})
    held = hub.get_scalar("a")
    flat_hub.wrap(patches, TheirHub, is_tensor)
    hub.update_scalar("a", torch.tensor(3.0))
    assert (type(held), type(hub.get_scalar("b"))) == (FlatHistory, TheirHistory)
    assert held.data[0].tolist() == [1.0, 3.0]


def test_undo(patches: Patches) -> None:
    """Undone, every attribute is what it was, and hubs go on with the flat histories that they have."""
    before = dict(vars(TheirHub))
    signatures = [inspect.signature(getattr(TheirHub, name)) for name in ("update_scalar", "load_state_dict")]
    flat_hub.wrap(patches, TheirHub, is_tensor)
    assert dict(vars(TheirHub)) != before
    assert signatures == [
        inspect.signature(getattr(TheirHub, name)) for name in ("update_scalar", "load_state_dict")
    ]
    hub = TheirHub("undone")
    hub.update_scalar("a", torch.tensor(1.0))
    patches.undo()
    assert dict(vars(TheirHub)) == before
    hub.update_scalar("a", torch.tensor(2.0), 2)
    hub.update_scalar("new", 1)
    assert type(hub.get_scalar("new")) is TheirHistory
    assert hub.get_scalar("a").data[0].tolist() == [1.0, 2.0]
    assert {type(history) for history in hub.state_dict()["log_scalars"].values()} == {TheirHistory}


def test_state_dict_is_theirs() -> None:
    """The state dict holds mmengine's own histories, with the values that waited, and shares no array."""
    hub, theirs = flat_class()("saved"), TheirHub("saved")
    for each in (hub, theirs):
        each.update_scalars({"loss": torch.tensor(0.25), "n": 3})
        each.update_scalar("skipped", 1.0, resumed=False)
        each.update_info("iter", 7)
    saved, expected = hub.state_dict(), theirs.state_dict()
    assert {type(history) for history in saved["log_scalars"].values()} == {TheirHistory}
    assert_same_hubs(hub, theirs)
    hub.update_scalar("loss", 0.5)
    assert saved["log_scalars"]["loss"].data[0].tolist() == [0.25]
    assert list(saved["log_scalars"]) == list(expected["log_scalars"])
    assert saved["runtime_info"] == expected["runtime_info"]


@pytest.mark.parametrize("whole", [True, False])
def test_load_state_dict(whole: bool) -> None:
    """What is loaded, a state or a whole hub of mmengine's, becomes flat with the same content."""
    source = TheirHub("source", {"x": TheirHistory([1, 2.5], [1, 2])}, {"a": [1]}, {"x": True, "a": True})
    hub, theirs = flat_class()("target"), TheirHub("target")
    for each in (hub, theirs):
        each.load_state_dict(copy.deepcopy(source if whole else source.state_dict()))
    assert type(hub.get_scalar("x")) is FlatHistory
    assert_same_hubs(hub, theirs)
    assert hub.get_info("a") == [1]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda hub: pickle.loads(pickle.dumps(hub))])
def test_copied_hubs_are_theirs(patches: Patches, copied: Any) -> None:
    """A whole hub that is copied or pickled holds mmengine's own histories."""
    flat_hub.wrap(patches, TheirHub, is_tensor)
    hub = TheirHub("copied")
    hub.update_scalar("x", torch.tensor(2.5))
    assert b"otel_mmlog" not in pickle.dumps(hub)
    other = copied(hub)
    assert type(other._log_scalars["x"]) is TheirHistory
    assert other.get_scalar("x").current() == 2.5


def test_loads_into_our_hub() -> None:
    """Our own hub takes over a hub with flat histories, late values included."""
    source = flat_class()("flat")
    source.update_scalar("x", torch.tensor(2.5), 2)
    ours = MessageHub("ours")
    ours.load_state_dict(source)
    ours.update_scalar("x", 3.5, 2)
    assert ours.get_scalar("x").mean() == 1.5
    assert len(source.get_scalar("x").data[0]) == 1
