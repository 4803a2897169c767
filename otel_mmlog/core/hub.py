"""Where every part of a training process leaves its scalars and facts: mmengine's ``MessageHub``."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

from otel_mmlog.core import hub_state
from otel_mmlog.core.errors import ScalarError
from otel_mmlog.core.history import HistoryBuffer
from otel_mmlog.core.pending_tensors import PendingTensors
from otel_mmlog.core.shown import shown
from otel_mmlog.core.tensors import is_on_device, plain_number

_log = logging.getLogger(__name__)
_H = TypeVar("_H", bound="MessageHub")
_NUMBERS = frozenset({float, int, bool})
_NO_INTS = np.empty(0, np.int64)


class MessageHub:
    """The histories of all scalars, and runtime information that each update overwrites.

    Args:
        name: The name it is found by, not empty.
        log_scalars: Key -> history to start with.
        runtime_info: Key -> value to start with.
        resumed_keys: Key -> whether it is part of `state_dict`.

    Raises:
        ScalarError: If one of them is not of this form (also an `AssertionError` and a `TypeError`).
    """

    _instance_dict: ClassVar["OrderedDict[str, Any]"] = OrderedDict()
    _followed: ClassVar[Callable[[], Any] | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Keep the instances of each class apart."""
        super().__init_subclass__(**kwargs)
        cls._instance_dict = OrderedDict()
        cls._followed = None

    def __init__(
        self,
        name: str,
        log_scalars: Mapping[str, HistoryBuffer] | None = None,
        runtime_info: Mapping[str, Any] | None = None,
        resumed_keys: Mapping[str, bool] | None = None,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ScalarError(f"a hub's name must be a string that is not empty, got {name!r}")
        self._instance_name = name
        self._log_scalars: OrderedDict[str, Any] = _ordered("log_scalars", log_scalars)
        self._runtime_info: OrderedDict[str, Any] = _ordered("runtime_info", runtime_info)
        self._resumed_keys: OrderedDict[str, bool] = _ordered("resumed_keys", resumed_keys)
        self._pending = PendingTensors()
        self.keep_length = 1000
        self._check_parts()

    def _check_parts(self) -> None:
        for key, value in self._log_scalars.items():
            if not hub_state.is_history(value):
                raise ScalarError(f"log_scalars[{key!r}] must be a HistoryBuffer, got {value!r}")
            self._log_scalars[key] = hub_state.own_history(value)
        for key in self._resumed_keys:
            if key not in self._log_scalars and key not in self._runtime_info:
                raise ScalarError(
                    f"resumed_keys has {key!r}, which is neither in log_scalars nor in runtime_info"
                )

    @property
    def instance_name(self) -> str:
        """The name it is found by."""
        return self._instance_name

    @classmethod
    def get_instance(cls: type[_H], name: str, **kwargs: Any) -> _H:
        """The hub of this name; made, with these arguments, if there is none."""
        if not isinstance(name, str):
            raise ScalarError(f"a hub's name must be a string, got {name!r}")
        instance: _H | None = cls._instance_dict.get(name)
        if instance is None:  # no lock: a fork may find it held by a thread that the child does not have
            instance = cls._instance_dict.setdefault(name, cls(name=name, **kwargs))
        elif kwargs:
            _log.warning("the hub %r exists already: %s are ignored", name, sorted(kwargs))
        return instance

    @classmethod
    def get_current_instance(cls: type[_H]) -> _H:
        """The hub that was made last, or the followed one; one named ``mmengine`` if there is none."""
        if cls._followed is not None:
            followed: _H = cls._followed()
            return followed
        instance: _H | None = next(iter(reversed(list(cls._instance_dict.values()))), None)
        return cls.get_instance("mmengine") if instance is None else instance

    @classmethod
    def follow(cls, provider: Callable[[], Any] | None) -> None:
        """Let `get_current_instance` return what `provider` returns; None ends that."""
        cls._followed = provider

    @classmethod
    def check_instance_created(cls, name: str) -> bool:
        """Whether there is a hub of this name."""
        return name in cls._instance_dict

    @classmethod
    def remove_instance(cls, name: str) -> None:
        """Forget the hub of this name; nothing happens if there is none."""
        cls._instance_dict.pop(name, None)

    def update_scalar(self, key: str, value: Any, count: int = 1, resumed: bool = True) -> None:  # noqa: FBT001, FBT002 - mmengine's signature
        """Append a value to the history of `key`, which the first value creates.

        Args:
            key: The scalar's name, such as ``train/loss``.
            value: One number. A tensor on a device is kept and not read before somebody asks.
            count: How many items the value stands for.
            resumed: Whether the history is part of `state_dict`; the same in every call for one key.

        Raises:
            ScalarError: If value or count is not one number, or `resumed` changes.
        """
        if value.__class__ in _NUMBERS and count.__class__ is int and self._resumed_keys.get(key) is resumed:
            history = self._log_scalars.get(key)
            if history is not None and (count == 1 or not history.weighted):
                history.update(value, count)
                return
        self._update(key, value, count, resumed=resumed, weighted=False)

    def update_weighted(self, key: str, value: Any, count: int = 1) -> None:
        """Append a value that is the mean of `count` items, so that means over it are weighted by the counts.

        A history that exists already keeps the kind of mean that it was created with; the value is put in so
        that its mean comes out right.

        Raises:
            ScalarError: If value or count is not one number.
        """
        if value.__class__ in _NUMBERS and count.__class__ is int and self._resumed_keys.get(key) is True:
            history = self._log_scalars.get(key)
            if history is not None and (count == 1 or history.weighted):
                history.update(value, count)
                return
        self._update(key, value, count, resumed=True, weighted=True)

    def _update(self, key: str, value: Any, count: Any, *, resumed: bool, weighted: bool) -> None:
        count = plain_number(count)
        if isinstance(count, float):
            raise ScalarError(f"the count of {key!r} must be an int, got {shown(count)}")
        deferred = self._is_deferred(value)
        if deferred:
            self._pending.refuse_capture(key, value)
        if count != 1 and self._is_other_kind(key, weighted=weighted):
            value = value * count if weighted else value / count
        number = _checked_tensor(key, value) if deferred else plain_number(value)
        self._set_resumed(key, resumed=resumed)
        history = self._log_scalars.get(key)
        if history is None and not deferred:
            self._log_scalars[key] = HistoryBuffer([number], [count], weighted=weighted)
            return
        if history is None:
            history = self._log_scalars[key] = HistoryBuffer(_NO_INTS, _NO_INTS, weighted=weighted)
        if not deferred:
            history.update(number, count)
            return
        index = history.reserve(self._pending, floating=value.is_floating_point(), count=count)
        self._pending.add(history, index, value)

    def _is_other_kind(self, key: str, *, weighted: bool) -> bool:
        """Whether the history of `key` holds sums and a mean comes, or the other way round."""
        history = self._log_scalars.get(key)
        return history is not None and getattr(history, "weighted", False) is not weighted

    @staticmethod
    def _is_deferred(value: Any) -> bool:
        return is_on_device(value)

    def update_scalars(self, log_dict: Mapping[str, Any], resumed: bool = True) -> None:  # noqa: FBT001, FBT002 - mmengine's signature
        """`update_scalar` for each item: a number, or a dict with ``value`` and perhaps ``count``."""
        if not isinstance(log_dict, dict):
            raise ScalarError(f"log_dict must be a dict of name and value, got {shown(log_dict)}")
        for name, item in log_dict.items():
            if not isinstance(item, dict):
                self.update_scalar(name, item, 1, resumed)
                continue
            if "value" not in item:
                raise ScalarError(f"the dict given for {name!r} needs the key 'value', got {shown(item)}")
            self.update_scalar(name, item["value"], item.get("count", 1), resumed)

    def update_info(self, key: str, value: Any, resumed: bool = True) -> None:  # noqa: FBT001, FBT002 - mmengine's signature
        """Set a piece of runtime information; `resumed` says whether it is part of `state_dict`."""
        self._set_resumed(key, resumed=resumed)
        self._runtime_info[key] = value

    def update_info_dict(self, info_dict: Mapping[str, Any], resumed: bool = True) -> None:  # noqa: FBT001, FBT002 - mmengine's signature
        """`update_info` for each item."""
        if not isinstance(info_dict, dict):
            raise ScalarError(f"info_dict must be a dict of key and value, got {shown(info_dict)}")
        for key, value in info_dict.items():
            self.update_info(key, value, resumed)

    def pop_info(self, key: str, default: Any = None) -> Any:
        """Remove a piece of runtime information and return it, or `default` if there is none."""
        return self._runtime_info.pop(key, default)

    def _set_resumed(self, key: str, *, resumed: bool) -> None:
        if self._resumed_keys.setdefault(key, resumed) != resumed:
            raise ScalarError(
                f"{key!r} was first updated with resumed={not resumed}, now with resumed={resumed}: use one of them"
            )

    @property
    def log_scalars(self) -> "OrderedDict[str, Any]":
        """Key -> history: the dict itself."""
        return self._log_scalars

    @property
    def runtime_info(self) -> "OrderedDict[str, Any]":
        """Key -> value: the dict itself."""
        return self._runtime_info

    def get_scalar(self, key: str) -> HistoryBuffer:
        """The history of `key` itself.

        Raises:
            KeyError: If there is none.
        """
        if key not in self._log_scalars:
            raise KeyError(f"the hub {self._instance_name!r} has no scalar {key!r}")
        history: HistoryBuffer = self._log_scalars[key]
        return history

    def get_info(self, key: str, default: Any = None) -> Any:
        """A piece of runtime information, or `default` if there is none."""
        return self._runtime_info.get(key, default)

    def keep_at_least(self, length: int) -> None:
        """Let `state_dict` carry this many of the latest values of each history, if it carries fewer now."""
        self.keep_length = max(self.keep_length, length)

    def state_dict(self, *, full_history: bool = False) -> dict[str, Any]:
        """What a checkpoint needs of the keys that are resumed.

        Args:
            full_history: Save every value. By default the latest `keep_length` (and up to 4095 more) of each
                history, and a summary of those before, with which long and global windows go on.
        """
        return hub_state.dump_hub(self, None if full_history else self.keep_length)

    def load_state_dict(self, state_dict: Any) -> None:
        """Load what `state_dict` returned, what mmengine's returned, or a whole hub of either.

        Raises:
            HubStateError: If it is none of these.
        """
        hub_state.load_hub(self, state_dict)

    def __getstate__(self) -> dict[str, Any]:
        """What pickle and copy take: nothing that waits on a device."""
        self._pending.read()
        return self.__dict__.copy()


def _checked_tensor(key: str, tensor: Any) -> Any:
    if tensor.numel() != 1 or tensor.is_complex() or tensor.device.type == "meta":
        raise ScalarError(
            f"{key!r} must be one real number, got a tensor of shape {tuple(tensor.shape)}, {tensor.dtype} "
            f"on {tensor.device}"
        )
    return tensor


def _ordered(name: str, value: Mapping[str, Any] | None) -> "OrderedDict[str, Any]":
    if value is not None and not isinstance(value, dict):
        raise ScalarError(f"{name} must be a dict or None, got {value!r}")
    return OrderedDict(value or {})
