"""TensorBoard's event files: a folder of them is a run, as TensorBoard has it."""

import heapq
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it has no types

from otel_mmlog.converting.foreign import Foreign, Reading, Told, config_event, derive_run_id
from otel_mmlog.converting.grouping import Grouping
from otel_mmlog.converting.names import mode_of_word
from otel_mmlog.core.progress import Mode
from otel_mmlog.runs.find import NOT_OURS

KIND = "TensorBoard"
LOGGER = "tensorboard"
_HEAD_BYTES = 40
_FRAME_BYTES = 16
_MAX_DEPTH = 8
_HOST = re.compile(r"tfevents\.\d+\.(.+?)(?:\.\d+)*(?:\.v2)?$")
_OWN_FOLDER_OF_HPARAMS = re.compile(r"\d{9,}\.\d+")
_KINDS = {"simple_value": "scalars", "image": "images", "histo": "histograms", "audio": "audio"}
_SILENT = frozenset({"file_version", "session_log", "source_metadata", "log_message", None})
_HPARAMS = "_hparams_/session_start_info"


class EventFile(NamedTuple):
    """An event file.

    Attributes:
        path: The file.
        default: The loop of scalars in it whose names tell none.
        is_result: Whether it holds settings and what came of them, at no step.
    """

    path: Path
    default: Mode
    is_result: bool = False


@dataclass
class _Group:
    folder: Path
    files: list[EventFile] = field(default_factory=list)


class _Scalar(NamedTuple):
    time_ns: int
    file: int
    name: str
    step: int
    value: float
    config: dict[str, Any] | None = None


def find_tensorboard_runs(source: Path) -> list[Foreign]:
    """Return the runs whose event files lie in a folder and below it, by name; a file stands for itself.

    Folders such as ``train`` and ``validation`` are loops of the run above them.

    Raises:
        OSError: The folder cannot be read.
    """
    groups: dict[Path, _Group] = {}
    for path in [source] if source.is_file() else _event_files(source):
        folder, default, is_result = _owner(path.parent, source)
        groups.setdefault(folder, _Group(folder)).files.append(EventFile(path, default, is_result))
    return [_foreign(group, source) for _, group in sorted(groups.items())]


def is_event_file(path: Path) -> bool:
    """Whether a file has the name of an event file."""
    return "tfevents" in path.name


def _event_files(folder: Path, depth: int = 0) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if depth < _MAX_DEPTH and not path.is_symlink() and path.name not in NOT_OURS:
                yield from _event_files(path, depth + 1)
        elif is_event_file(path):
            yield path


def _owner(folder: Path, source: Path) -> tuple[Path, Mode, bool]:
    """The folder that stands for the run of a folder of files, and what `EventFile` says of the latter."""
    is_below = folder != source and source in folder.parents
    if is_below and (mode := mode_of_word(folder.name)) is not None:
        return folder.parent, mode, False
    if is_below and _OWN_FOLDER_OF_HPARAMS.fullmatch(folder.name):
        return folder.parent, "val", True
    return folder, "train", False


def _foreign(group: _Group, source: Path) -> Foreign:
    files = sorted(group.files, key=lambda file: (file.path.name, file.path))
    host = _HOST.search(files[0].path.name)
    inside = group.folder.relative_to(source).as_posix() if source in group.folder.parents else "."
    return Foreign(
        KIND,
        group.folder.resolve().name if inside == "." else inside,
        group.folder,
        derive_run_id(KIND, files[0].path, _HEAD_BYTES),
        (0,),
        host[1] if host else "",
        sum(file.path.stat().st_size for file in files),
        lambda _rank, reading: _events(files, reading),
    )


def _events(files: list[EventFile], reading: Reading) -> Iterator[Told]:
    """The scalars of some files by time; a file that begins behind the others and at an earlier step is a restart."""
    done: set[int] = set()
    begun: set[int] = set()
    last_steps: dict[str, int] = {}
    attempt = 0
    grouping = Grouping(LOGGER)
    streams = [_scalars(file.path, number, reading, done) for number, file in enumerate(files)]
    for scalar in heapq.merge(*streams, key=lambda scalar: scalar.time_ns):
        if scalar.config is not None:
            yield Told(attempt, config_event(scalar.config, scalar.time_ns, LOGGER))
            continue
        if scalar.file not in begun:
            is_behind = bool(begun) and begun <= done
            begun.add(scalar.file)
            if (
                is_behind
                and not files[scalar.file].is_result
                and scalar.step <= last_steps.get(scalar.name, scalar.step - 1)
            ):
                yield from (Told(attempt, event) for event in grouping.flush())
                attempt += 1
        file = files[scalar.file]
        step = max(last_steps.values(), default=0) if file.is_result else scalar.step
        if file.is_result:
            yield from (Told(attempt, event) for event in grouping.flush())
        last_steps[scalar.name] = step
        for event in grouping.put(scalar.name, file.default, step, scalar.time_ns, scalar.value):
            yield Told(attempt, event)
    yield from (Told(attempt, event) for event in grouping.flush())


def _scalars(path: Path, number: int, reading: Reading, done: set[int]) -> Iterator[_Scalar]:
    event_pb2 = importlib.import_module("tensorboard.compat.proto.event_pb2")
    loader = importlib.import_module("tensorboard.backend.event_processing.event_file_loader")
    plugins: dict[str, str] = {}
    left_bytes = path.stat().st_size
    for data in loader.RawEventFileLoader(str(path)).Load():
        left_bytes -= len(data) + _FRAME_BYTES
        reading.advance(len(data) + _FRAME_BYTES)
        try:
            event = event_pb2.Event.FromString(data)
        except DecodeError:
            reading.left_out["corrupt events"] += 1
            continue
        what = event.WhichOneof("what")
        if what == "summary":
            time_ns = round(event.wall_time * 1e6) * 1000
            for value in event.summary.value:
                found = _of_value(value, plugins, reading)
                if isinstance(found, dict):
                    yield _Scalar(time_ns, number, value.tag, event.step, 0.0, found)
                elif found is not None:
                    yield _Scalar(time_ns, number, value.tag, event.step, found)
        elif what not in _SILENT:
            reading.left_out["graphs" if "graph" in what else what] += 1
    if left_bytes > 0:
        reading.left_out[f"bytes of a torn or corrupt end of {path.name}"] += left_bytes
    done.add(number)


def _of_value(value: Any, plugins: dict[str, str], reading: Reading) -> float | dict[str, Any] | None:
    """A number, or the settings of a run, or None for what is left out, which is counted."""
    what = value.WhichOneof("value")
    if value.metadata.plugin_data.plugin_name:
        plugins[value.tag] = value.metadata.plugin_data.plugin_name
    if what == "simple_value":
        return _shortest(value.simple_value)
    plugin = plugins.get(value.tag, "")
    if plugin == "hparams":
        return _hparams(value) if value.tag == _HPARAMS else None
    if what == "tensor" and plugin in ("scalars", ""):
        tensor_util = importlib.import_module("tensorboard.util.tensor_util")
        array = tensor_util.make_ndarray(value.tensor)
        if array.size == 1 and array.dtype.kind in "fiu":
            return _shortest(array.item()) if array.itemsize <= 4 else float(array.item())
    reading.left_out[plugin or _KINDS.get(what, "other tensors")] += 1
    return None


def _shortest(value: float) -> float:
    """The shortest double that is the same single: 0.05 and not 0.05000000074505806."""
    return float(str(np.float32(value)))


def _hparams(value: Any) -> dict[str, Any]:
    plugin_data_pb2 = importlib.import_module("tensorboard.plugins.hparams.plugin_data_pb2")
    data = plugin_data_pb2.HParamsPluginData.FromString(value.metadata.plugin_data.content)
    return {name: _plain(each) for name, each in sorted(data.session_start_info.hparams.items())}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind is None or kind == "null_value":
        return None
    plain = getattr(value, kind)
    return list(map(_plain, plain.values)) if kind == "list_value" else plain
