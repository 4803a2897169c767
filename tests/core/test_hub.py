"""The hub: instances, weighted means, tensors that are read late."""

import copy
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from otel_mmlog.core.errors import ScalarError
from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.pending_tensors import PENDING_MAX, PendingTensors


class LateHub(MessageHub):
    """Treats every tensor as if it lay on a device."""

    @staticmethod
    def _is_deferred(value: Any) -> bool:
        return isinstance(value, torch.Tensor)


class CountingTensors(PendingTensors):
    """Counts how often it reads."""

    reads = 0

    def read(self) -> None:
        self.reads += len(self) > 0
        super().read()


def late_hub() -> tuple[LateHub, CountingTensors]:
    hub, pending = LateHub("late"), CountingTensors()
    hub._pending = pending
    return hub, pending


class OwnInstances(MessageHub):
    """A class whose instances are apart from those of others."""


def test_instances() -> None:
    """An instance is found by its name; the current one is the last that was made; a first one makes itself."""
    assert OwnInstances.get_current_instance().instance_name == "mmengine"
    first = OwnInstances.get_instance("first")
    second = OwnInstances.get_instance("second")
    assert OwnInstances.get_instance("first") is first
    assert OwnInstances.get_current_instance() is second
    assert OwnInstances.check_instance_created("first")
    assert not OwnInstances.check_instance_created("third")
    assert not MessageHub.check_instance_created("second")


@pytest.mark.parametrize("name", ["", 3, None])
def test_refused_names(name: Any) -> None:
    """A hub needs a name."""
    with pytest.raises(ScalarError, match="name"):
        MessageHub(name)


def test_weighted() -> None:
    """`update_weighted` gives the mean over all items, `update_scalar` mmengine's."""
    hub = MessageHub("weighted")
    for value, count in [(0.5, 10), (1.0, 30)]:
        hub.update_weighted("val/acc", value, count)
        hub.update_scalar("val/sum", value, count)
    assert hub.get_scalar("val/acc").mean() == 35 / 40
    assert hub.get_scalar("val/sum").mean() == 1.5 / 40


@pytest.mark.parametrize("count", [1.5, "2", None, np.array([1, 2])])
def test_refused_counts(count: Any) -> None:
    """A count is one int."""
    with pytest.raises(ScalarError):
        MessageHub("counts").update_scalar("x", 1.0, count)


@pytest.mark.parametrize("count", [np.int64(3), torch.tensor(3), np.array([3])])
def test_counts(count: Any) -> None:
    """An int of numpy or torch is an int."""
    hub = MessageHub("counts")
    hub.update_scalar("x", 1.0, count)
    assert hub.get_scalar("x")._count_history.tolist() == [3]


def test_late_values_keep_their_order() -> None:
    """Tensors and plain numbers of one history come out in the order in which they went in."""
    hub, pending = late_hub()
    for index in range(10):
        hub.update_scalar("x", torch.tensor(index / 2) if index % 3 else index / 2, count=index + 1)
    assert pending.reads == 0
    assert hub.get_scalar("x")._log_history.tolist() == [index / 2 for index in range(10)]
    assert hub.get_scalar("x")._count_history.tolist() == list(range(1, 11))


def test_late_values_are_read_together() -> None:
    """Whoever asks for one history makes the hub read the tensors of all, once."""
    hub, pending = late_hub()
    for key in "abc":
        hub.update_scalar(key, torch.tensor(1.5))
        hub.update_scalar(key, torch.tensor(2))
    assert hub.get_scalar("a").mean() == 1.75
    assert hub.get_scalar("b").current() == 2
    assert hub.get_scalar("c").max(2) == 2
    assert pending.reads == 1
    hub.update_scalar("a", torch.tensor(0.0))
    assert hub.get_scalar("a").min() == 0
    assert pending.reads == 2


def test_late_values_are_copies() -> None:
    """What happens to a tensor after it was logged does not change what was logged."""
    hub, _ = late_hub()
    loss = torch.ones(1, requires_grad=True)
    hub.update_scalar("x", loss)
    with torch.no_grad():
        loss.mul_(5)
    assert hub.get_scalar("x").current() == 1


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (torch.bfloat16, 0.10009765625),
        (torch.float16, 0.5),
        (torch.float64, 0.1),
        (torch.float8_e4m3fn, 0.5),
        (torch.int64, 2**60 + 1),
        (torch.uint8, 200),
        (torch.bool, 1),
    ],
)
def test_late_dtypes(dtype: torch.dtype, value: float) -> None:
    """A tensor of any dtype becomes the number that it holds; ints stay ints."""
    hub, _ = late_hub()
    hub.update_scalar(
        "x", torch.tensor(value, dtype=None if isinstance(value, int) else torch.float64).to(dtype)
    )
    current = hub.get_scalar("x").current()
    assert current == value
    assert isinstance(current, np.floating) == dtype.is_floating_point


def test_late_mixture() -> None:
    """Tensors of many dtypes and shapes of one element are read in one go."""
    hub, pending = late_hub()
    hub.update_scalar("a", torch.tensor([0.1], dtype=torch.float64))
    hub.update_scalar("b", torch.tensor([[7]]))
    hub.update_scalar("c", torch.tensor(0.5, dtype=torch.bfloat16))
    assert [hub.get_scalar(key).current() for key in "abc"] == [0.1, 7, 0.5]
    assert pending.reads == 1


def test_late_values_are_bounded() -> None:
    """A run that nobody reads from keeps a bounded number of tensors."""
    hub, pending = late_hub()
    for index in range(PENDING_MAX + 10):
        hub.update_scalar("x", torch.tensor(float(index)))
    assert pending.reads == 1
    assert len(pending) == 10
    assert hub.get_scalar("x").max() == PENDING_MAX + 9


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda hub: pickle.loads(pickle.dumps(hub)), lambda hub: hub.state_dict()]
)
def test_late_values_in_copies(copied: Any) -> None:
    """Copies and checkpoints have the values, not the tensors."""
    hub, pending = late_hub()
    hub.update_scalar("x", torch.tensor(2.5))
    other = copied(hub)
    assert pending.reads == 1
    if isinstance(other, dict):
        loaded = MessageHub("loaded")
        loaded.load_state_dict(other)
        other = loaded
    assert other.get_scalar("x").current() == 2.5


@pytest.mark.parametrize(
    "tensor", [torch.ones(2), torch.ones(0), torch.tensor(1j), torch.ones(1, device="meta")]
)
def test_refused_tensors(tensor: torch.Tensor) -> None:
    """A tensor that is not one real number is refused at once, not when it is read."""
    hub, _ = late_hub()
    with pytest.raises(ScalarError):
        hub.update_scalar("x", tensor)
    assert not hub.log_scalars


def test_meta_tensors_are_refused() -> None:
    """A tensor without a value is refused by an ordinary hub too."""
    with pytest.raises(ScalarError, match="meta"):
        MessageHub("meta").update_scalar("x", torch.ones((), device="meta"))


def test_sums_and_means_of_one_scalar_can_be_mixed() -> None:
    """A mean of 32 items and a sum of 32 items go into one history, whichever made it: the mean is right."""
    for first in ("sum", "mean"):
        hub = MessageHub(f"mixed-{first}")
        if first == "sum":
            hub.update_scalar("train/loss", 32.0, 32)
        hub.update_weighted("train/loss", 1.0, 32)
        hub.update_scalar("train/loss", 32.0, 32)
        hub.update_weighted("train/loss", 1.0, 2)
        assert hub.get_scalar("train/loss").mean() == 1.0


def test_followed_hub() -> None:
    """While a provider is followed the current instance is its very object, and then our own again."""

    class Followed(MessageHub):
        pass

    own: Any = Followed.get_instance("own")
    theirs: Any = object()
    Followed.follow(lambda: theirs)

    class Other(Followed):
        pass

    assert Followed.get_current_instance() is theirs
    assert Other.get_current_instance().instance_name == "mmengine"
    Followed.follow(None)
    assert Followed.get_current_instance() is own


def test_fork_while_a_thread_makes_a_hub() -> None:
    """A forked child gets its hubs, although the thread that was making one is not there to finish."""
    program = """
import os, signal, sys, threading, warnings
from otel_mmlog.core.hub import MessageHub
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads
making, go_on = threading.Event(), threading.Event()
class Slow(MessageHub):
    def __init__(self, name):
        making.set()
        go_on.wait()
        super().__init__(name)
thread = threading.Thread(target=Slow.get_instance, args=("slow",))
thread.start()
making.wait()
child = os.fork()
if child == 0:
    signal.alarm(10)
    os._exit(0 if MessageHub.get_current_instance() is MessageHub.get_instance("mmengine") else 1)
go_on.set()
thread.join()
sys.exit(os.waitpid(child, 0)[1])
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
