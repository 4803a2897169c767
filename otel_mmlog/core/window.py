"""The rules of ``custom_cfg``: the only place that reads them, and that says what is wrong with one."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NoReturn, cast

from otel_mmlog.core.errors import RuleError, RuleTypeError
from otel_mmlog.core.record import CURRENT, Source
from otel_mmlog.core.shown import shown
from otel_mmlog.core.statistics import BUILTIN_ARGUMENTS, Statistic, call_mistake, nearest, unknown_statistic

WindowSize = int | Literal["epoch", "global"] | None

_KEYS = ("data_src", "method_name", "window_size", "log_name")
_WINDOWS = "a positive int, 'epoch' (the batches of this epoch so far) or 'global' (all iterations)"


@dataclass(frozen=True, slots=True)
class WindowLengths:
    """How many values the windows ``'epoch'`` and ``'global'`` have at one log interval."""

    epoch: int
    everything: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of ``custom_cfg``.

    Attributes:
        index: Its place in the list, from 0.
        data_src: The scalar that it reads, without the ``train/`` of the loop.
        method_name: The statistic that it applies.
        window_size: The window, or None for all values that there are.
        log_name: The tag that it writes.
        arguments: What the statistic is called with, windows still by name.
    """

    index: int
    data_src: str
    method_name: str
    window_size: WindowSize
    log_name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def call_arguments(self, lengths: WindowLengths) -> dict[str, Any]:
        """The keyword arguments for this log interval, windows as ints."""
        arguments = dict(self.arguments)
        if self.window_size == "epoch":
            arguments["window_size"] = lengths.epoch
        elif self.window_size == "global":
            arguments["window_size"] = lengths.everything
        return arguments

    def with_lengths(self, lengths: WindowLengths) -> "Rule":
        """The rule at this log interval, with its window as an int."""
        arguments = self.call_arguments(lengths)
        return replace(self, window_size=arguments.get("window_size", self.window_size), arguments=arguments)

    def for_mode(self, mode: str) -> "Rule":
        """The rule as that loop reads it: ``val/acc`` is ``acc`` in val."""
        start = f"{mode}/"
        if not self.data_src.startswith(start):
            return self
        return replace(
            self, data_src=self.data_src.removeprefix(start), log_name=self.log_name.removeprefix(start)
        )

    @property
    def source(self) -> Source:
        """How its tag comes about, as metrics tell it."""
        if self.method_name == "current":
            return CURRENT
        return Source(self.method_name, "global" if self.window_size is None else str(self.window_size))


def parse_rules(custom_cfg: Sequence[Mapping[str, Any]] | None, *, by_epoch: bool) -> tuple[Rule, ...]:
    """The rules of a ``custom_cfg``, every one checked.

    Raises:
        RuleError: If an entry lacks a key, names what is taken or does not fit (also a `ValueError` and an
            `AssertionError`).
        RuleTypeError: If something is of the wrong type (also a `TypeError`).
    """
    if custom_cfg is None:
        return ()
    if not isinstance(custom_cfg, (list, tuple)):
        raise RuleTypeError(
            f"custom_cfg must be a list of dicts, got {shown(custom_cfg)} of type {type(custom_cfg).__name__}: "
            "write [dict(data_src='loss', method_name='mean', window_size=100, log_name='loss_100')]"
        )
    rules = tuple(_parse_rule(index, entry, by_epoch=by_epoch) for index, entry in enumerate(custom_cfg))
    _check_names(rules)
    return rules


def _parse_rule(index: int, entry: Any, *, by_epoch: bool) -> Rule:
    entry = _plain_entry(index, entry)
    data_src = _name(index, entry, "data_src", "the scalar to read, such as 'loss'")
    log_name = _name(index, entry, "log_name", "the tag to write") if "log_name" in entry else data_src
    window_size = _window_size(index, entry.get("window_size"), by_epoch=by_epoch)
    methods = f"one of {_listed(BUILTIN_ARGUMENTS)} or a registered statistic"
    method_name = _name(index, entry, "method_name", methods)
    arguments = {
        key: value for key, value in entry.items() if key not in ("data_src", "method_name", "log_name")
    }
    if method_name == "current":  # the latest value is the same whatever the window
        arguments.pop("window_size", None)
    _check_builtin(index, method_name, arguments)
    return Rule(index, data_src, method_name, window_size, log_name, arguments)


def _plain_entry(index: int, entry: Any) -> dict[Any, Any]:
    """The entry as a dict that nothing can raise in any more."""
    plain = None
    if isinstance(entry, Mapping):
        with contextlib.suppress(Exception):  # a mapping of a user's own may raise anything
            plain = dict(entry)
    if plain is None:
        _wrong_type(index, f"must be a dict with the keys {_listed(_KEYS)}, got {shown(entry)}")
    return plain


def _name(index: int, entry: Mapping[str, Any], key: str, meaning: str) -> str:
    if key not in entry:
        close = nearest(key, [str(name) for name in entry if name not in _KEYS], limit=1)
        hint = f" (is {close[0]!r} meant to be it?)" if close else ""
        _wrong(index, f"lacks the key {key!r}{hint}: {meaning}; got {shown(entry)}")
    value = entry[key]
    if not isinstance(value, str):
        _wrong_type(index, f"{key} must be a string, {meaning}, got {shown(value)}")
    if not value:
        _wrong(index, f"{key} must not be empty: {meaning}")
    return value


def _window_size(index: int, value: Any, *, by_epoch: bool) -> WindowSize:
    if value is None:
        return None
    if isinstance(value, str):
        return _named_window(index, value, by_epoch=by_epoch)
    if isinstance(value, bool) or not isinstance(value, int):
        _wrong_type(index, f"window_size must be {_WINDOWS}, got {shown(value)}")
    if value < 1:
        _wrong(index, f"window_size must be {_WINDOWS}, got {shown(value)}")
    return value


def _named_window(index: int, value: str, *, by_epoch: bool) -> WindowSize:
    if value not in ("epoch", "global"):
        _wrong_type(index, f"window_size must be {_WINDOWS}, got {shown(value)}")
    if value == "epoch" and not by_epoch:
        _wrong(
            index,
            "window_size must not be 'epoch' with by_epoch=False: use an int, 'global' or by_epoch=True",
        )
    return cast(Literal["epoch", "global"], value)


def _check_builtin(index: int, method_name: str, arguments: Mapping[str, Any]) -> None:
    allowed = BUILTIN_ARGUMENTS.get(method_name)
    for key in arguments:
        if not isinstance(key, str):
            _wrong_type(index, f"has the key {shown(key)}, which is no string: remove it")
        if allowed is not None and key not in allowed and key != "window_size":
            close = nearest(key, _KEYS, limit=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            _wrong_type(
                index, f"has the key {shown(key)}{hint}, which {method_name!r} does not take: remove it"
            )


def _check_names(rules: Sequence[Rule]) -> None:
    taken: dict[str, int] = {}
    for rule in rules:
        if rule.log_name in taken:
            _wrong(
                rule.index,
                f"writes the tag {rule.log_name!r}, and so does custom_cfg[{taken[rule.log_name]}]: "
                "give one of them a log_name of its own",
            )
        taken[rule.log_name] = rule.index


def check_methods(rules: Sequence[Rule], methods: Mapping[str, Statistic]) -> None:
    """Check the rules against what is registered by now.

    Raises:
        UnknownStatisticError: If a rule names no registered statistic (also a `KeyError`).
        RuleTypeError: If a statistic cannot be called with the arguments that its rule gives it.
    """
    for rule in rules:
        if rule.method_name not in methods:
            raise unknown_statistic(rule.method_name, methods, f"custom_cfg[{rule.index}]: ")
        mistake = call_mistake(methods[rule.method_name], rule.arguments)
        if mistake is not None:
            _wrong_type(
                rule.index, f"cannot call {rule.method_name!r} with {shown(dict(rule.arguments))}: {mistake}"
            )


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names))


def _wrong(index: int, what: str) -> NoReturn:
    raise RuleError(f"custom_cfg[{index}] {what}")


def _wrong_type(index: int, what: str) -> NoReturn:
    raise RuleTypeError(f"custom_cfg[{index}] {what}")
