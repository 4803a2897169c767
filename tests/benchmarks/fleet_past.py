"""An hour that ranks have behind them, written to Prometheus as a block of samples a series.

It takes a fraction of the time that telling it again would take. The series are those that the ranks go on with.
"""

import struct
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.benchmarks.fleet_ranks import Sample

CHUNK_S = 300
"""What one request spans: Prometheus takes no more than an hour of the past before it calls it out of order."""
_SAMPLE = np.dtype([("head", "V3"), ("value", "<f8"), ("tag", "u1"), ("time", "V6")], align=False)
_SAMPLE_BYTES = 18
_MAX_LITERAL = 1 << 24
_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


@dataclass(frozen=True, slots=True)
class Past:
    """The series of some ranks, from their first value to their last.

    Attributes:
        labels: Of each series, encoded.
        first: Of each series.
        last: Of each series.
        is_whole: Of each series.
    """

    labels: list[bytes]
    first: Any
    last: Any
    is_whole: Any


def make_past(first: Sequence[Sample], last: Sequence[Sample]) -> Past:
    """Return the series between what ranks told first and what they told last; a series' later point counts."""
    ends = [{sample.labels: sample for sample in end} for end in (first, last)]
    if ends[0].keys() != ends[1].keys():
        raise ValueError("the first and the last telling have different series")
    return Past(
        [b"".join(map(_label, labels)) for labels in ends[0]],
        np.array([sample.value for sample in ends[0].values()]),
        np.array([ends[1][labels].value for labels in ends[0]]),
        np.array([sample.is_whole for sample in ends[0].values()]),
    )


def write_past(url: str, pasts: Sequence[Past], past_s: float, interval_s: float) -> int:
    """Write what lies between some time ago and now, in the order of time; returns the number of intervals.

    Args:
        url: Of a Prometheus with ``--web.enable-remote-write-receiver``.
        pasts: Ranks, some in each.
        past_s: How long ago it begins, an hour at most. Writing goes on until it has caught up with the clock.
        interval_s: From one sample of a series to the next.
    """
    rng = np.random.default_rng(0)
    start_s = time.time() - past_s
    count, step = 0, max(int(CHUNK_S / interval_s), 1)
    while (waiting := int((time.time() - start_s) / interval_s) - count) > 0:
        index = np.arange(count, count + min(waiting, step))
        times_ms = ((start_s + index * interval_s) * 1000).astype(np.int64)
        for past in pasts:
            _post(url, b"".join(_series(past, index * interval_s / past_s, times_ms, rng)))
        count += len(index)
    return count


def _series(past: Past, share: Any, times_ms: Any, rng: Any) -> Iterator[bytes]:
    values = past.first[:, None] + (past.last - past.first)[:, None] * share
    noisy = values * (1 + 0.05 * rng.random(values.shape))
    values = np.where(past.is_whole[:, None], np.round(values), noisy)
    samples = np.empty(values.shape, _SAMPLE)
    samples["head"] = np.void(bytes([0x12, _SAMPLE_BYTES - 2, 0x09]))
    samples["value"] = values
    samples["tag"] = 0x10
    samples["time"] = np.array([np.void(_varint(int(time_ms))) for time_ms in times_ms])
    for labels, row in zip(past.labels, samples, strict=True):
        yield b"\x0a" + _varint(len(labels) + row.nbytes) + labels + row.tobytes()


def _label(label: tuple[str, str]) -> bytes:
    name, value = (text.encode() for text in label)
    inner = b"\x0a" + _varint(len(name)) + name + b"\x12" + _varint(len(value)) + value
    return b"\x0a" + _varint(len(inner)) + inner


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _post(url: str, body: bytes) -> None:
    request = urllib.request.Request(f"{url}/api/v1/write", b"".join(_snappy(body)), _HEADERS)
    with urllib.request.urlopen(request, timeout=120):
        pass


def _snappy(body: bytes) -> Iterable[bytes]:
    """Yield Snappy's format of a text that is not compressed: its length, then literals."""
    yield _varint(len(body))
    for begin in range(0, len(body), _MAX_LITERAL):
        literal = body[begin : begin + _MAX_LITERAL]
        yield b"\xfc" + struct.pack("<I", len(literal) - 1) + literal
