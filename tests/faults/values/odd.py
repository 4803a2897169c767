"""Values that nobody should log and somebody will: what each is, and what of it may arrive."""

import datetime
import decimal
import enum
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

VALUE_CHARS = 4096
_MAX_ARRIVING_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Odd:
    """One value.

    Attributes:
        name: What it is called in messages and keys.
        make: Makes it anew.
        arrives: Whether that is what may arrive in its place as an attribute.
        reason: Under which its loss is counted; None where all of it arrives.
        number: What arrives where a scalar is wanted; None where it is left out and counted.
    """

    name: str
    make: Callable[[], Any]
    arrives: Callable[[Any], bool]
    reason: str | None = None
    number: float | None = None


class Raising:
    """Raises from one of its methods, or from all of them."""

    def __init__(self, *methods: str) -> None:
        self.__class__ = type("Raising", (Raising,), dict.fromkeys(methods, _raise))


def _raise(*_: Any, **__: Any) -> Any:
    raise RuntimeError("no")


class RaisingMapping(Mapping[str, int]):
    """Has a length, and nothing else that works."""

    __getitem__ = __iter__ = _raise

    def __len__(self) -> int:
        return 3


class LyingSequence(Sequence[int]):
    """Says that it is very long, and is endless."""

    def __len__(self) -> int:
        return 2**40

    def __getitem__(self, _: Any) -> Any:
        return 1


class Text(str):
    """A string that raises when it is asked for its text."""

    __slots__ = ()
    __str__ = __repr__ = __format__ = _raise


class Level(enum.Enum):
    """An enumeration."""

    HIGH = "high"


class RaisingError(Exception):
    """An exception without a text."""

    __str__ = __repr__ = _raise


def cyclic_list() -> list[Any]:
    """A list that holds itself."""
    loop: list[Any] = [1]
    loop.append(loop)
    return loop


def cyclic_dict() -> dict[str, Any]:
    """A dict that holds a list that holds it."""
    loop: dict[str, Any] = {"one": 1}
    loop["again"] = [loop]
    return loop


def deep_list(levels: int = 100_000) -> list[Any]:
    """A list in a list in a list."""
    inner: list[Any] = []
    for _ in range(levels):
        inner = [inner]
    return inner


def is_same(one: Any, other: Any) -> bool:
    """Whether both are equal and of one type; NaN is the same as NaN."""
    both_nan = isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)
    return type(one) is type(other) and (both_nan or bool(one == other))


def _is(expected: Any) -> Callable[[Any], bool]:
    return lambda value: is_same(value, expected)


def _short(start: str = "") -> Callable[[Any], bool]:
    """A bounded text that begins so."""
    return lambda value: (
        isinstance(value, str) and value.startswith(start) and len(value) <= _MAX_ARRIVING_CHARS
    )


def _bounded(value: Any) -> bool:
    return len(repr(value)) <= _MAX_ARRIVING_CHARS


def _begins(*start: Any) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and value[: len(start)] == list(start) and _bounded(value)


def odd_values(*, with_torch: bool = False) -> Iterator[Odd]:
    """All of them; those of torch only where asked, since it takes a second to import."""
    yield from _numbers()
    yield from _texts()
    yield from _containers()
    yield from _objects()
    yield from _arrays()
    if with_torch:
        yield from _tensors()


def _numbers() -> Iterator[Odd]:
    replaced = "value_replaced"
    yield Odd("int64_max", lambda: 2**63 - 1, _is(2**63 - 1), number=2**63 - 1)
    yield Odd("int_2_70", lambda: 2**70, _is(str(2**70)), replaced, number=2.0**70)
    yield Odd("int_below", lambda: -(2**63) - 1, _is(str(-(2**63) - 1)), replaced, number=-(2.0**63))
    yield Odd("int_huge", lambda: 10**5000, _short("<int of "), replaced)
    yield Odd("nan", lambda: math.nan, _is(math.nan), number=math.nan)
    yield Odd("inf", lambda: math.inf, _is(math.inf), number=math.inf)
    yield Odd("minus_inf", lambda: -math.inf, _is(-math.inf), number=-math.inf)
    yield Odd("complex", lambda: 1 + 2j, _is("(1+2j)"))
    yield Odd("decimal", lambda: decimal.Decimal("1e400"), _is("1E+400"))
    yield Odd("true", lambda: True, _is(expected=True), number=1)


def _texts() -> Iterator[Odd]:
    yield Odd("surrogate", lambda: "a\ud800b", _is("a\ufffdb"), "value_replaced")
    yield Odd("long_text", lambda: "x" * 10_000_000, _is("x" * VALUE_CHARS), "value_cut")
    yield Odd("nul", lambda: "a\0b", _is("a\0b"))
    yield Odd("controls", lambda: "a\r\n\x1b[31m\u2028\u202e\x85b", _is("a\r\n\x1b[31m\u2028\u202e\x85b"))
    yield Odd("bytes", lambda: b"\x00\xff", _is(b"\x00\xff"))
    yield Odd("long_bytes", lambda: bytes(10_000_000), _is(bytes(VALUE_CHARS)), "value_cut")
    yield Odd("text_raising", lambda: Text("kept"), _is("kept"))
    yield Odd("empty", lambda: "", _is(""))
    yield Odd("none", lambda: None, _is(None))


def _containers() -> Iterator[Odd]:
    replaced, cut, unprintable = "value_replaced", "value_cut", "unprintable"
    yield Odd("cyclic_list", cyclic_list, _is([1, "<cycle>"]), replaced)
    yield Odd("cyclic_dict", cyclic_dict, _is({"one": 1, "again": ["<cycle>"]}), replaced)
    yield Odd("deep", deep_list, _bounded, cut)
    yield Odd("wide", lambda: list(range(100_000)), _begins(0, 1, 2), cut)
    yield Odd("many_long", lambda: ["y" * 4000] * 100, _begins("y" * 4000), cut)
    yield Odd("set", lambda: {5}, _is([5]))
    yield Odd("keys", lambda: {1: "int", "1": "str", None: 0}, lambda value: len(value) == 3)
    yield Odd("mapping_raising", RaisingMapping, _short("<unprintable RaisingMapping"), unprintable)
    yield Odd("sequence_lying", LyingSequence, _begins(1, 1), cut)
    yield Odd(
        "element_raising",
        lambda: [1, Raising("__str__", "__repr__"), 2],
        lambda value: value[0] == 1 and value[1].startswith("<unprintable") and value[2] == 2,
        unprintable,
    )
    yield Odd("endless", lambda: iter(int, 1), _short("<callable_iterator"))


def _objects() -> Iterator[Odd]:
    for method in ("repr", "float", "int", "index", "format", "bool", "len", "iter", "eq", "hash"):
        yield Odd(f"raising_{method}", partial(Raising, f"__{method}__"), *_of_raising(method))
    yield Odd("raising_str", lambda: Raising("__str__"), _short("<unprintable Raising"), "unprintable")
    everything = ("__str__", "__repr__", "__float__", "__len__", "__iter__", "__bool__", "__getattr__")
    yield Odd("raising_all", lambda: Raising(*everything), _short("<unprintable Raising"), "unprintable")
    yield Odd("exception", lambda: RaisingError("x"), _short("<unprintable RaisingError"), "unprintable")
    when = datetime.datetime(2026, 10, 25, 2, 30, tzinfo=datetime.timezone.utc)
    yield Odd("datetime", lambda: when, _is("2026-10-25T02:30:00+00:00"))
    yield Odd("timedelta", lambda: datetime.timedelta(days=-1), _is("-1 day, 0:00:00"))
    yield Odd("enum", lambda: Level.HIGH, _is("Level.HIGH"))
    yield Odd("path", lambda: Path("/a"), _is("/a"))
    yield Odd("class", lambda: Raising, _short("<class"))
    yield Odd("module", lambda: math, _short("<module"))


def _of_raising(method: str) -> tuple[Callable[[Any], bool], str | None]:
    """What arrives of an object one of whose methods raises: its text, where that does not ask that method."""
    return (
        (_short("<unprintable Raising"), "unprintable")
        if method == "repr"
        else (_short("<tests.faults"), None)
    )


def _arrays() -> Iterator[Odd]:
    cut = "value_cut"
    yield Odd("float16", lambda: np.float16(0.5), _is(0.5), number=0.5)
    yield Odd("longdouble", lambda: np.longdouble(1.5), _is("1.5"), number=1.5)
    yield Odd("uint64", lambda: np.uint64(2**64 - 1), _is(str(2**64 - 1)), "value_replaced", number=2.0**64)
    yield Odd("complex128", lambda: np.complex128(1j), _short("1j"))
    yield Odd("datetime64", lambda: np.datetime64("NaT"), lambda value: value in (None, "NaT"))
    yield Odd("array_0d", lambda: np.array(3), _is(3), number=3)
    yield Odd("array_empty", lambda: np.array([]), _is([]))
    yield Odd("array_large", lambda: np.zeros((1000, 1000)), _short("<ndarray of shape (1000, 1000)"), cut)
    yield Odd("array_objects", lambda: np.array([1, None, "x"], object), _is([1, None, "x"]))
    yield Odd("array_structured", lambda: np.zeros(2, "i4,f8"), _is([[0, 0.0], [0, 0.0]]))
    yield Odd("array_masked", lambda: np.ma.masked_all(2), _is([None, None]))


def _tensors() -> Iterator[Odd]:
    import torch  # noqa: PLC0415 - only where asked

    yield Odd("bfloat16", lambda: torch.tensor(1.5, dtype=torch.bfloat16), _is(1.5), number=1.5)
    yield Odd("float8", lambda: torch.tensor(1.5).to(torch.float8_e4m3fn), _is(1.5), number=1.5)
    yield Odd("grad", lambda: torch.tensor(2.5, requires_grad=True), _is(2.5), number=2.5)
    yield Odd("tensor_bool", lambda: torch.tensor([True]), _is([True]), number=1)
    yield Odd("complex64", lambda: torch.tensor(1j), _short("1j"))
    yield Odd("meta", lambda: torch.zeros(2, device="meta"), _short("<unprintable Tensor"), "unprintable")
    yield Odd(
        "tensor_large",
        lambda: torch.zeros(1000, 1000),
        _short("<Tensor of shape (1000, 1000)"),
        "value_cut",
    )
    sparse = torch.eye(2).to_sparse
    yield Odd("sparse", sparse, _short("<unprintable Tensor"), "unprintable")
