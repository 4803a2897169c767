"""Wrong rules: each is one error when a run is made, that names what is wrong and says what is right."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.history import HistoryBuffer
from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.log_processor import LogProcessor
from otel_mmlog.core.progress import Progress
from otel_mmlog.core.shown import shown
from tests.faults.values.odd import Raising, RaisingMapping, cyclic_dict, cyclic_list

BUILTIN = ("mean", "max", "min", "current")
_MAX_MESSAGE_CHARS = 1500
_ADVICE = ("must", "lacks", "remove it", "give one of them", "is meant to be", "registered are")

any_text = st.text(st.characters(exclude_categories=()), max_size=20)
names = any_text.filter(bool)
no_text = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.binary(max_size=5),
    st.lists(any_text, max_size=2),
    st.builds(Raising, st.just("__repr__"), st.just("__str__"), st.just("__eq__")),
    st.builds(cyclic_list),
    st.just(str),
)


@dataclass(frozen=True)
class Wrong:
    """A configuration with one mistake.

    Attributes:
        cfg: The ``custom_cfg``.
        says: What the error's message must have in it.
        by_epoch: The run's.
        at_train: Whether it can only be known when training starts: statistics may be registered until then.
    """

    cfg: Any
    says: tuple[str, ...]
    by_epoch: bool = True
    at_train: bool = False


rules = st.fixed_dictionaries(
    {"data_src": names, "method_name": st.sampled_from(BUILTIN)},
    optional={"window_size": st.one_of(st.integers(1, 10**20), st.sampled_from(["epoch", "global"]))},
)


@st.composite
def _one_wrong(draw: st.DrawFn) -> Wrong:
    """A rule with a mistake among good ones."""
    good = draw(st.lists(rules, max_size=2, unique_by=lambda rule: rule["data_src"]))
    rule: dict[Any, Any] = dict(draw(rules))
    says = draw(st.sampled_from(_MISTAKES))(draw, rule)
    at = draw(st.integers(0, len(good)))
    good = [{**each, "log_name": f"good {index}"} for index, each in enumerate(good)]
    return Wrong([*good[:at], rule, *good[at:]], (f"custom_cfg[{at}]", *says))


def _missing(draw: st.DrawFn, rule: dict[Any, Any]) -> tuple[str, ...]:
    key = draw(st.sampled_from(["data_src", "method_name"]))
    del rule[key]
    return (repr(key), "lacks")


def _misspelt(draw: st.DrawFn, rule: dict[Any, Any]) -> tuple[str, ...]:
    key = draw(st.sampled_from(["data_src", "method_name"]))
    rule[key + draw(names)] = rule.pop(key)
    return (repr(key), "lacks")


def _no_name(draw: st.DrawFn, rule: dict[Any, Any]) -> tuple[str, ...]:
    key = draw(st.sampled_from(["data_src", "method_name", "log_name"]))
    rule[key] = draw(no_text)
    return (f"{key} must be a string", shown(rule[key]))


def _empty_name(draw: st.DrawFn, rule: dict[Any, Any]) -> tuple[str, ...]:
    key = draw(st.sampled_from(["data_src", "method_name", "log_name"]))
    rule[key] = ""
    return (f"{key} must not be empty",)


def _no_window(draw: st.DrawFn, rule: dict[Any, Any]) -> tuple[str, ...]:
    rule["window_size"] = draw(
        st.one_of(
            st.integers(max_value=0),
            st.floats(),
            st.booleans(),
            st.binary(max_size=4),
            any_text.filter(lambda text: text not in ("epoch", "global")),
            st.sampled_from(["Epoch", "10", math.nan, -math.inf, (), [], {}, int, 10**5000 * -1]),
            st.builds(
                Raising, st.just("__repr__"), st.just("__lt__"), st.just("__index__"), st.just("__eq__")
            ),
        )
    )
    return ("window_size must be a positive int", shown(rule["window_size"]))


def _strange_key(draw: st.DrawFn, rule: dict[Any, Any]) -> tuple[str, ...]:
    known = ("data_src", "method_name", "window_size", "log_name")
    text = any_text.filter(lambda key: key not in known)
    key = draw(st.one_of(text, st.integers(), st.none(), st.tuples(st.integers()), st.binary(max_size=3)))
    rule[key] = draw(no_text)
    return (f"has the key {shown(key)}", "remove it")


_MISTAKES = (_missing, _misspelt, _no_name, _empty_name, _no_window, _strange_key)


@st.composite
def _same_name(draw: st.DrawFn) -> Wrong:
    """Two rules that write one tag."""
    rule, other = dict(draw(rules)), dict(draw(rules))
    other["log_name"] = rule["data_src"]
    return Wrong([rule, other], ("custom_cfg[1]", "custom_cfg[0]", repr(rule["data_src"])))


@st.composite
def _epoch_without_epochs(draw: st.DrawFn) -> Wrong:
    rule = {**draw(rules), "window_size": "epoch"}
    return Wrong([rule], ("custom_cfg[0]", "window_size", "by_epoch=False"), by_epoch=False)


@st.composite
def _unknown(draw: st.DrawFn) -> Wrong:
    rule = {**draw(rules), "method_name": draw(names.filter(lambda name: name not in BUILTIN))}
    return Wrong([rule], ("custom_cfg[0]", repr(rule["method_name"]), "registered are"), at_train=True)


no_rule: st.SearchStrategy[Any] = st.one_of(no_text, any_text, st.builds(RaisingMapping))
wrong_cfgs: st.SearchStrategy[Wrong] = st.one_of(
    _one_wrong(),
    _one_wrong(),
    _same_name(),
    _epoch_without_epochs(),
    _unknown(),
    st.builds(
        lambda cfg: Wrong(cfg, ("custom_cfg must be a list", f"of type {type(cfg).__name__}")),
        st.one_of(
            no_text.filter(lambda cfg: cfg is not None and not isinstance(cfg, list)),
            any_text,
            rules,
            st.builds(iter, st.lists(rules)),
            st.builds(cyclic_dict),
        ),
    ),
    st.builds(lambda rule: Wrong([rule], ("custom_cfg[0]",)), no_rule),
)


def check_wrong(wrong: Wrong) -> None:
    """One `ConfigError`, at construction or where training begins, with a message that helps."""
    try:
        processor = LogProcessor(custom_cfg=wrong.cfg, by_epoch=wrong.by_epoch)
        assert wrong.at_train, "no error at construction"
        processor.check_methods()
    except ConfigError as error:
        message = str(error)
    else:
        raise AssertionError("no error when training begins")
    for part in wrong.says:
        assert part in message, f"{part!r} is not in {message!r}"
    assert any(word in message for word in _ADVICE), f"it does not say what is right: {message!r}"
    assert len(message) <= _MAX_MESSAGE_CHARS, f"a message of {len(message)} characters"


any_rules = st.lists(
    st.dictionaries(
        st.one_of(st.sampled_from(["data_src", "method_name", "window_size", "log_name", "x"]), names),
        st.one_of(
            st.sampled_from([*BUILTIN, "loss", "train/loss", "epoch", "global", 1, 10**30, None]), no_text
        ),
        max_size=5,
    ).map(lambda rule: {"data_src": "loss", "method_name": "mean", **rule}),
    max_size=3,
)


def check_any(cfg: list[Mapping[Any, Any]]) -> None:
    """Either a `ConfigError` before training, or no error in it."""
    try:
        processor = LogProcessor(custom_cfg=cfg)
        processor.check_methods()
    except ConfigError:
        return
    hub = MessageHub("fuzz", log_scalars={f"train/{name}": HistoryBuffer() for name in ("loss", "time")})
    for step in range(1, 4):
        for key in ("train/loss", "val/acc"):
            hub.update_scalar(key, step)
        progress = Progress("train", by_epoch=True, epoch=1, iter=step, batch_idx=step - 1)
        processor.after_iter(hub, progress, time_ns=0)
