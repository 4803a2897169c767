"""A history that mmengine takes for its own, at a cost that does not grow with its length."""

from typing import Any, ClassVar

from mmengine.logging.history_buffer import HistoryBuffer as TheirHistory

from otel_mmlog.core.column import Column
from otel_mmlog.core.errors import ConfigError, ScalarError
from otel_mmlog.core.history import HistoryBuffer
from otel_mmlog.core.statistics import BUILTIN_ARGUMENTS, Statistic

_THEIR_STATISTICS = {name: getattr(TheirHistory, name) for name in BUILTIN_ARGUMENTS}
_THEIR_FIELDS = frozenset({"max_length", "_log_history", "_count_history", "statistics_methods"})
_OUR_FIELDS = frozenset(vars(HistoryBuffer()))


class FlatHistory(HistoryBuffer, TheirHistory):  # type: ignore[misc]  # mmengine has no types
    """mmengine's ``HistoryBuffer``, of which an update costs the same at any length.

    It knows the statistics that are registered with mmengine's class. Pickled or copied it is an object of
    mmengine's class, so that a checkpoint never asks for this package.
    """

    _statistics_methods: ClassVar[dict[str, Statistic]] = TheirHistory._statistics_methods

    def __init__(self, log_history: Any = (), count_history: Any = (), max_length: int = 1_000_000) -> None:
        super().__init__(log_history, count_history, max_length)
        self._set_default_statistics()

    @property
    def max_length(self) -> int:
        """How many of the latest values are kept; may be set, as in mmengine."""
        return self._values.max_length

    @max_length.setter
    def max_length(self, length: int) -> None:
        if type(length) is not int or length < 1:
            raise ConfigError(f"max_length must be a positive int, got {length!r}")
        first = self._origin = max(self._values.first, self._values.stop - length)
        self._values = Column(self._values.between(first, self._values.stop).copy(), length, first)
        if self._counts is not None:
            self._counts = Column(self._counts.between(first, self._counts.stop).copy(), length, first)
        self._blocks = {}

    def statistics(self, method_name: str, *arg: Any, **kwargs: Any) -> Any:
        """Call the statistic of this name, one of the four or one registered with mmengine.

        Raises:
            UnknownStatisticError: If no statistic has this name (also a `KeyError`).
        """
        theirs = _THEIR_STATISTICS.get(method_name)
        if theirs is not None and self._statistics_methods.get(method_name) is theirs:
            return getattr(self, method_name)(*arg, **kwargs)
        return super().statistics(method_name, *arg, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        """What pickle and copy take: the class, the arguments and the state of mmengine's own."""
        values, counts = self.data
        state = {name: value for name, value in vars(self).items() if name not in _OUR_FIELDS}
        state.update(
            max_length=self.max_length,
            _log_history=values,
            _count_history=counts,
            statistics_methods=self._statistics_methods,
        )
        return TheirHistory, ((), (), self.max_length), state


def flatten(history: Any) -> bool:
    """Make a history of mmengine's a flat one; whether it is one now.

    It stays the same object, so that whoever holds it goes on seeing the updates. One of another class, or
    one whose arrays hold anything but a flat row of real numbers, stays as it is.
    """
    if history.__class__ is not TheirHistory:
        return history.__class__ is FlatHistory
    values, counts = history._log_history, history._count_history
    if any(array.ndim != 1 or array.dtype == object for array in (values, counts)):
        return False
    try:
        flat = FlatHistory(values, counts, history.max_length)
    except (ConfigError, ScalarError):
        return False
    fields = vars(history)
    for name in _THEIR_FIELDS & fields.keys():
        del fields[name]
    fields.update(vars(flat))
    history.__class__ = FlatHistory
    return True
