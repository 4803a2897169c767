"""The metric names, label names and label values under which Prometheus keeps what arrives by OTLP.

``mmlog.train.time`` in ``s`` is ``mmlog_train_time_seconds``, and ``mmlog.run.id`` is ``mmlog_run_id``. These are the
rules of its default, ``translation_strategy: UnderscoreEscapingWithSuffixes``.
"""

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Literal

from otel_mmlog.otel.semconv import (
    EXPERIMENT_NAME,
    HOST_NAME,
    LOCAL_RANK,
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    WORLD_SIZE,
)

Kind = Literal["gauge", "counter", "sum", "histogram"]
"""A ``counter`` is a monotonic sum, a ``sum`` any other."""

PROMOTED: Final = (SERVICE_NAME, HOST_NAME, EXPERIMENT_NAME, LOCAL_RANK, WORLD_SIZE)
"""Resource attributes that are labels of every series, besides ``job`` and ``instance``."""

_UNITS: Final = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER_UNITS: Final = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}
_BETWEEN_TOKENS: Final = re.compile(r"[^A-Za-z0-9:]+")
_NOT_IN_A_UNIT: Final = re.compile(r"[^A-Za-z0-9:]+")
_NOT_IN_A_LABEL: Final = re.compile(r"[^A-Za-z0-9_]")
_SERVICE_NAMESPACE: Final = "service.namespace"


@lru_cache(maxsize=4096)
def metric_name(name: str, unit: str, kind: Kind = "gauge") -> str:
    """Return the name of a metric's series; empty if nothing of it can stay."""
    tokens = [token for token in _BETWEEN_TOKENS.split(name) if token]
    for suffix in _unit_suffixes(unit):
        if suffix and suffix not in tokens:
            tokens.append(suffix)
    last = "total" if kind == "counter" else "ratio" if kind == "gauge" and unit == "1" else ""
    if last:
        tokens = [*(token for token in tokens if token != last), last]
    joined = "_".join(tokens)
    return f"_{joined}" if joined[:1].isdigit() else joined


def label_name(key: str) -> str:
    """Return the name of an attribute's label; empty if nothing of it can stay."""
    name = _NOT_IN_A_LABEL.sub("_", key)
    if name[:1].isdigit():
        return f"key_{name}"
    if name.startswith("_") and not name.startswith("__"):
        return f"key{name}"
    return name if name.strip("_") else ""


def label_value(value: Mapping[str, Any]) -> str:
    """Return an attribute's value, an AnyValue of OTLP JSON, as text."""
    for kind, inner in value.items():
        if kind == "boolValue":
            return "true" if inner else "false"
        if kind == "doubleValue":
            return _double(float(inner))
        if kind in ("arrayValue", "kvlistValue"):
            return json.dumps(_raw(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return str(inner)
    return ""


def resource_labels(attributes: Mapping[str, str], promoted: Iterable[str] = PROMOTED) -> dict[str, str]:
    """Return the labels that a resource gives to its series.

    Args:
        attributes: Of the resource, values as text.
        promoted: ``otlp.promote_resource_attributes`` of Prometheus.
    """
    labels = {label_name(key): attributes[key] for key in promoted if key in attributes}
    if SERVICE_NAME in attributes:
        namespace = attributes.get(_SERVICE_NAMESPACE)
        service = attributes[SERVICE_NAME]
        labels["job"] = service if namespace is None else f"{namespace}/{service}"
    if SERVICE_INSTANCE_ID in attributes:
        labels["instance"] = attributes[SERVICE_INSTANCE_ID]
    return labels


def point_labels(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a point; where two attributes become one label, their values are joined by ``;``."""
    labels: dict[str, str] = {}
    for key in sorted(attributes):
        name = label_name(key)
        if name:
            labels[name] = f"{labels[name]};{attributes[key]}" if name in labels else attributes[key]
    return labels


def series_labels(resource: Mapping[str, str], point: Mapping[str, str]) -> dict[str, str]:
    """Return all labels of a series, by name: a point's win over promoted ones, ``job`` and ``instance`` over all."""
    fixed = {name: resource[name] for name in ("job", "instance") if name in resource}
    merged = {**resource, **point, **fixed}
    return {name: merged[name] for name in sorted(merged) if name and merged[name]}


def _unit_suffixes(unit: str) -> tuple[str, str]:
    main, _, per = unit.partition("/")
    per_suffix = _suffix(per, _PER_UNITS)
    return _suffix(main, _UNITS), f"per_{per_suffix}" if per_suffix else ""


def _suffix(unit: str, known: Mapping[str, str]) -> str:
    """What a unit adds to a name: nothing for an annotation in braces, itself for one that is not known."""
    unit = unit.strip()
    if "{" in unit or "}" in unit:
        return ""
    return _NOT_IN_A_UNIT.sub("_", known.get(unit, unit)).strip("_")


def _double(value: float) -> str:
    """A double as Go's JSON writes it."""
    if value and not 1e-6 <= abs(value) < 1e21:
        return re.sub(r"e-0(\d)$", r"e-\1", repr(value)).replace(".0e", "e")
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _raw(value: Mapping[str, Any]) -> Any:
    """An AnyValue of OTLP JSON as plain data."""
    for kind, inner in value.items():
        if kind == "arrayValue":
            return [_raw(each) for each in inner.get("values", ())]
        if kind == "kvlistValue":
            return {pair["key"]: _raw(pair.get("value", {})) for pair in inner.get("values", ())}
        return int(inner) if kind == "intValue" else inner
    return None
