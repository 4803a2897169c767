import logging
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import Link, SpanContext, set_span_in_context

from otel_mmlog.otel.limits import Limits
from otel_mmlog.otel.short_values import short_json
from otel_mmlog.otel.span_starts import start_event
from otel_mmlog.otel.values import Values, attributes_json
from tests.otel.telemetry import make_encoder

TRACER = TracerProvider(resource=Resource({}), shutdown_on_exit=False).get_tracer("tests")
LINK = Link(SpanContext(1, 2, is_remote=True))
KEYS = st.text(min_size=1, max_size=300) | st.sampled_from(["class", "module", "epoch"])
VALUES = st.one_of(
    st.text(max_size=80),
    st.integers(-(2**65), 2**65),
    st.booleans(),
    st.floats(),
    st.lists(st.integers(), max_size=3),
)
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=6)
LIMITS = (Limits(), Limits(attributes=3), Limits(value_chars=16), Limits(body_chars=8), Limits(nodes=8))


def start(name: str, attributes: dict[str, Any], links: int, *, has_parent: bool) -> ReadableSpan:
    outer = TRACER.start_span("outer", Context())
    context = set_span_in_context(outer, Context()) if has_parent else Context()
    span = TRACER.start_span(name, context, attributes=attributes, links=[LINK] * links)
    assert isinstance(span, ReadableSpan)
    return span


@given(st.text(max_size=300), ATTRIBUTES, st.integers(0, 3), st.booleans(), st.sampled_from(LIMITS))
@example(
    "mmlog.registry.build", {"class": "ResNet", "registry": "model", "scope": "mmengine"}, 1, True, LIMITS[0]
)
@example("many", {f"key{number}": "x" * 50 for number in range(40)}, 0, False, LIMITS[0])
@example("large", {"text": "x" * 5000}, 0, True, LIMITS[0])
def test_a_start_is_rendered_as_any_other_event(
    name: str, attributes: dict[str, Any], links: int, has_parent: bool, limits: Limits
) -> None:
    """What is short is not seen to have been rendered another way, whatever the limits are."""
    span = start(name, attributes, links, has_parent=has_parent)
    context = span.get_span_context()
    assert context is not None
    encoder = make_encoder(limits=limits, clock_ns=lambda: 7)

    assert encoder.start_line(span, context) == encoder.log_line(start_event(span, context))


def test_a_level_of_another_name_is_told_under_it() -> None:
    """``logging.addLevelName`` holds for starts, too."""
    span = start("named", {}, 0, has_parent=False)
    context = span.get_span_context()
    assert context is not None
    logging.addLevelName(logging.DEBUG, "FINE")
    try:
        line = make_encoder().start_line(span, context)
    finally:
        logging.addLevelName(logging.DEBUG, "DEBUG")

    assert b'"severityText":"FINE"' in line.data


@given(ATTRIBUTES)
def test_short_attributes_are_those_of_values(attributes: dict[str, Any]) -> None:
    """Where there is a short rendering, it is the long one."""
    text = short_json(attributes)
    values = Values(Limits(), make_encoder().faults)

    assert text is None or text == attributes_json(values.attributes(attributes))
