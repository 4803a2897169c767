"""SDK spans as OTLP JSON lines, rendered directly; values that OTLP cannot hold are replaced.

The mapping is that of ``opentelemetry-exporter-otlp-proto-common``; by way of its messages
it takes several times as long.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, TraceState

from otel_mmlog.core.escape import escape_json
from otel_mmlog.core.keys import free_key
from otel_mmlog.otel.limits import Limits
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.short_values import short_json
from otel_mmlog.otel.values import Values, quote

_UNBOUNDED = Limits(value_chars=2**62, nodes=2**31)  # the SDK has limits of its own
# SpanFlags of opentelemetry.proto.trace.v1: whether it is known that a context is remote, and whether it is.
_IS_REMOTE_KNOWN, _IS_REMOTE = 0x100, 0x200
_K = TypeVar("_K", bound=Hashable)


class TracesEncoder:
    """Renders spans within a line's length.

    Args:
        limits: Bounds of the line, and of values where it would be too long.
        faults: Reason -> count: ``line_cut`` for each span whose strings were cut, ``span_refused`` for each that was
            lost, and those of `Values`.
    """

    def __init__(self, limits: Limits, faults: "Counter[str]") -> None:
        self._limits = limits
        self._faults = faults
        self._values = Values(_UNBOUNDED, faults)
        self._resource: tuple[Resource | None, str] = (None, "")
        self._scope: tuple[InstrumentationScope | None, str] = (None, "{}")

    def lines(self, spans: Sequence[ReadableSpan]) -> list[EncodedLine]:
        """Return one line of all spans, or one a span where that would be too long."""
        if not spans:
            return []
        data = self._encode(spans, self._values)
        if data is not None and len(data) <= self._limits.line_bytes:
            return [EncodedLine("traces", data, len(spans))]
        if len(spans) > 1:
            return [line for span in spans for line in self.lines([span])]
        return self._cut(spans[0])

    def _cut(self, span: ReadableSpan) -> list[EncodedLine]:
        for limits in self._limits.tighter():
            data = self._encode([span], Values(limits, self._faults), limits.nodes)
            if data is not None and len(data) <= limits.line_bytes:
                self._faults["line_cut"] += 1
                return [EncodedLine("traces", data, 1)]
        self._faults["span_refused"] += 1
        return []

    def _encode(
        self, spans: Sequence[ReadableSpan], values: Values, most_parts: int | None = None
    ) -> bytes | None:
        """Return a request, with the last ``most_parts`` events and links of each span; None if it has none."""
        try:
            by_resource = _grouped(spans, lambda span: span.resource)
            groups = [
                f'{{"resource":{self._resource_json(resource)},"scopeSpans":['
                f"{self._scope_spans(group, values, most_parts)}]{_schema_url(resource)}}}"
                for resource, group in by_resource
            ]
        except Exception:  # noqa: BLE001 - a span subclass may hold anything; the caller refuses and counts it
            return None
        return escape_json(f'{{"resourceSpans":[{",".join(groups)}]}}\n').encode()

    def _resource_json(self, resource: Resource) -> str:
        """Return a resource; that of the run, which nearly every span has, was rendered before."""
        known, text = self._resource
        if resource is not known:
            text = f"{{{_attributes(resource.attributes, self._values).removeprefix(',')}}}"
            self._resource = (resource, text)
        return text

    def _scope_spans(self, spans: Sequence[ReadableSpan], values: Values, most_parts: int | None) -> str:
        return ",".join(
            [
                f'{{"scope":{self._scope_json(scope, values)},"spans":['
                f"{','.join([_span(span, values, most_parts) for span in group])}]{_schema_url(scope)}}}"
                for scope, group in _grouped(spans, lambda span: span.instrumentation_scope)
            ]
        )

    def _scope_json(self, scope: InstrumentationScope | None, values: Values) -> str:
        """Return a scope; that of the span before was rendered before."""
        if values is not self._values:
            return _scope(scope, values)
        known, text = self._scope
        if scope is not known:
            text = _scope(scope, values)
            self._scope = (scope, text)
        return text


def _grouped(
    spans: Sequence[ReadableSpan], key: Callable[[ReadableSpan], _K]
) -> Iterable[tuple[_K, Sequence[ReadableSpan]]]:
    if len(spans) == 1:  # hashing a resource takes longer than all else
        return [(key(spans[0]), spans)]
    groups: dict[_K, list[ReadableSpan]] = defaultdict(list)
    for span in spans:
        groups[key(span)].append(span)
    return groups.items()


def _scope(scope: InstrumentationScope | None, values: Values) -> str:
    if scope is None:
        return "{}"
    parts = [_text("name", scope.name, values), _text("version", scope.version, values)]
    return f"{{{''.join([*parts, _attributes(scope.attributes, values)]).removeprefix(',')}}}"


def _schema_url(owner: Resource | InstrumentationScope | None) -> str:
    return f',"schemaUrl":{quote(owner.schema_url)}' if owner is not None and owner.schema_url else ""


def _span(span: ReadableSpan, values: Values, most_parts: int | None) -> str:
    context = span.get_span_context()
    if context is None:
        raise ValueError("the span has no context")
    all_events, all_links = events, links = span.events, span.links
    if most_parts is not None:
        events, links = events[-most_parts:], links[-most_parts:]
    attributes = dict(span.attributes or {})
    short = short_json(attributes) if most_parts is None else None  # else it is too long a line, to be cut
    parent, start_ns = span.parent, span.start_time
    return "".join(
        [
            f'{{"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}"',
            _trace_state(context.trace_state),
            f',"parentSpanId":"{parent.span_id:016x}"' if parent else "",
            f',"flags":{_flags(parent)},"kind":{span.kind.value + 1}',
            _text("name", span.name, values),
            _time("startTimeUnixNano", start_ns),
            _time("endTimeUnixNano", _end_ns(span.end_time, start_ns)),
            _attributes(attributes, values) if short is None else f',"attributes":[{short}]' if short else "",
            _dropped("Attributes", span.dropped_attributes),
            f',"events":[{",".join([_event(event, values) for event in events])}]' if events else "",
            _dropped("Events", span.dropped_events + len(all_events) - len(events)),
            f',"links":[{",".join([_link(link, values) for link in links])}]' if links else "",
            _dropped("Links", span.dropped_links + len(all_links) - len(links)),
            _status(span, values),
            "}",
        ]
    )


def _end_ns(end_ns: int | None, start_ns: int | None) -> int | None:
    """When it ended, which is not before its start, also where the clock was set back in between."""
    return None if end_ns is None else max(end_ns, start_ns or 0)


def _event(event: Event, values: Values) -> str:
    fields = (
        _time("timeUnixNano", event.timestamp),
        _text("name", event.name, values),
        _attributes(event.attributes, values),
        _dropped("Attributes", event.dropped_attributes),
    )
    return f"{{{''.join(fields).removeprefix(',')}}}"


def _link(link: Link, values: Values) -> str:
    context = link.context
    return (
        f'{{"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}"'
        f"{_attributes(link.attributes, values)}{_dropped('Attributes', link.dropped_attributes)}"
        f',"flags":{_flags(context)}}}'
    )


def _status(span: ReadableSpan, values: Values) -> str:
    code = span.status.status_code.value
    if not code:
        return ',"status":{}'
    return f',"status":{{"code":{code}{_text("message", span.status.description, values)}}}'


def _text(name: str, text: str | None, values: Values) -> str:
    return f',"{name}":{quote(values.text(text))}' if text else ""


def _attributes(attributes: "Mapping[str, Any] | None", values: Values) -> str:
    if not attributes:
        return ""
    told: dict[str, str] = {}
    for key, value in attributes.items():
        name = values.key(key)
        if name:
            told[free_key(name, told) if name in told else name] = values.any_value(value)
    pairs = [f'{{"key":{quote(name)},"value":{value}}}' for name, value in told.items()]
    return f',"attributes":[{",".join(pairs)}]'


def _trace_state(state: TraceState | None) -> str:
    if not state:
        return ""
    return f',"traceState":{quote(",".join(f"{key}={value}" for key, value in state.items()))}'


def _flags(context: SpanContext | None) -> int:
    return _IS_REMOTE_KNOWN | _IS_REMOTE if context is not None and context.is_remote else _IS_REMOTE_KNOWN


def _time(name: str, time_ns: int | None) -> str:
    return f',"{name}":"{time_ns}"' if time_ns else ""


def _dropped(what: str, count: int) -> str:
    return f',"dropped{what}Count":{count}' if count else ""
