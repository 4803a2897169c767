"""Wrapping attributes, and putting them back."""

import copy
import inspect
import pickle
from typing import Any

from otel_mmlog.integrations.mmengine.line_taps import LineTaps
from otel_mmlog.integrations.mmengine.patches import Patches, like


class Base:
    """What is wrapped."""

    def plain(self, value: int, *, name: str = "a") -> Any:
        return f"{value}{name}"

    @classmethod
    def of_class(cls, value: int) -> tuple[str, int]:
        return cls.__name__, value


class Derived(Base):
    """Has nothing of its own."""


class Processor:
    """Has the methods of a log processor, and a tag of its own."""

    def __init__(self, tag: str = "a") -> None:
        self.tag = tag

    def get_log_after_iter(self, runner: Any, batch_idx: int, mode: str) -> Any:
        return self.tag, f"{runner} {batch_idx} {mode}"

    def get_log_after_epoch(self, runner: Any, batch_idx: int, mode: str, deep: bool = False) -> Any:
        return self.tag, deep


def shout(original: Any) -> Any:
    @like(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs), "!"

    return wrapper


def test_undo() -> None:
    """Methods, class methods and inherited ones are what they were, and where they were."""
    before = dict(vars(Base)), dict(vars(Derived))
    patches = Patches()
    assert patches.wrap(Base, "plain", shout)
    assert patches.wrap(Base, "plain", shout)
    assert patches.wrap(Derived, "plain", shout)
    assert Derived().plain(1) == ((("1a", "!"), "!"), "!")
    patches.undo()
    assert (dict(vars(Base)), dict(vars(Derived))) == before
    assert Derived().plain(1) == "1a"


def test_what_is_put_over_it_stays() -> None:
    """A wrapper of somebody else's over ours is left alone."""
    patches = Patches()
    patches.wrap(Derived, "plain", shout)
    theirs = shout(Derived.plain)
    Derived.plain = theirs  # type: ignore[method-assign]
    try:
        patches.undo()
        assert vars(Derived)["plain"] is theirs
    finally:
        del Derived.plain


def test_missing() -> None:
    """What is not there is named with its owner, and nothing is put there."""
    patches = Patches()
    assert not patches.wrap(Base, "absent", shout)
    assert patches.missing == ["Base.absent"]
    assert not hasattr(Base, "absent")


def test_like() -> None:
    """A wrapper has the signature of the original, with and without unwrapping."""
    wrapped = shout(Base.plain)
    assert inspect.signature(wrapped) == inspect.signature(Base.plain)
    assert inspect.getfullargspec(wrapped) == inspect.getfullargspec(Base.plain)
    assert wrapped.__doc__ == Base.plain.__doc__


def test_line_taps() -> None:
    """A log processor's methods are seen once, with any arguments, and are its class's again at the end."""
    seen: list[Any] = []
    taps = LineTaps(lambda *each: seen.append(each))
    processor = Processor()
    taps.attach(processor)
    taps.attach(processor)
    assert processor.get_log_after_iter("r", 1, mode="train") == ("a", "r 1 train")
    assert processor.get_log_after_epoch("r", 1, "val", deep=True) == ("a", True)
    assert seen == [
        ("iter", ("r", 1), {"mode": "train"}, ("a", "r 1 train")),
        ("epoch", ("r", 1, "val"), {"deep": True}, ("a", True)),
    ]
    own = inspect.getfullargspec(Processor.get_log_after_iter)
    assert inspect.getfullargspec(processor.get_log_after_iter) == own
    taps.remove()
    assert vars(processor) == {"tag": "a"}


def test_line_taps_of_copies() -> None:
    """A copy of a log processor, or one that was pickled, makes its own lines."""
    taps = LineTaps(lambda *_each: None)
    processor = Processor()
    taps.attach(processor)
    for other in (copy.deepcopy(processor), pickle.loads(pickle.dumps(processor))):
        other.tag = "b"
        assert other.get_log_after_iter("r", 1, "train") == ("b", "r 1 train")
    assert processor.get_log_after_iter("r", 1, "train") == ("a", "r 1 train")


def test_line_taps_over_a_users_function() -> None:
    """A function that a user put on a log processor is called as it was, and is back at the end."""
    seen: list[Any] = []
    taps = LineTaps(lambda *each: seen.append(each))
    processor = Processor()

    def mine(runner: Any, batch_idx: int, mode: str) -> str:
        return f"{mode} {batch_idx}"

    processor.get_log_after_iter = mine  # type: ignore[method-assign]
    taps.attach(processor)
    assert processor.get_log_after_iter("r", 3, "train") == "train 3"
    assert seen[0][3] == "train 3"
    taps.remove()
    assert vars(processor) == {"tag": "a", "get_log_after_iter": mine}
