"""Events and spans of MMEngine's registry, made from the calls of its methods.

Every build function of MMEngine enters ``Registry.switch_scope_and_registry`` around the real build, also where it is
called directly and not by ``Registry.build``; so a build is what happens inside that ``with``.
"""

import logging
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import CodeType, FrameType
from typing import Any, ParamSpec, TypeVar

from otel_mmlog.integrations.mmengine.patches import Patches, like
from otel_mmlog.integrations.mmengine.registry_facts import (
    build_words,
    config_type,
    failure_words,
    find_facts,
    get_words,
    make_line,
    registry_facts,
    type_facts,
)
from otel_mmlog.integrations.mmengine.registry_scopes import BuildScope, JoinedScope
from otel_mmlog.integrations.mmengine.registry_stack import Call, CallStack
from otel_mmlog.integrations.mmengine.sink import Sink
from otel_mmlog.otel.semconv import SPAN_REGISTRY_BUILD, SPAN_REGISTRY_GET

P = ParamSpec("P")
T = TypeVar("T")
Tell = Callable[[Call], None]


class RegistryCalls:
    """Wraps the registry's methods; what they return and raise passes untouched.

    Args:
        sink: Gets the spans, the events and the ordinary lines.
        note_fault: Gets the place and our own exception, which reaches no build; never raises.

    Attributes:
        enabled: Whether calls are looked at. If not, a wrapper costs one test of this.
    """

    def __init__(self, sink: Sink, note_fault: Callable[[str, Exception], None]) -> None:
        self.enabled = False
        self._note_fault = note_fault
        self._sink = sink
        self._stack = CallStack(sink)
        self._build_code: CodeType | None = None

    def wrap(self, patches: Patches, registry_class: type) -> None:
        """Wrap the methods of MMEngine's ``Registry``."""
        patches.wrap(registry_class, "get", self._wrap_get)
        patches.wrap(registry_class, "build", self._wrap_build)
        patches.wrap(registry_class, "switch_scope_and_registry", self._wrap_switch)

    def log(self, record: logging.LogRecord) -> None:
        """Take a line of an MMLogger: write it, or hold it until it is known whether it is that of a get or a build."""
        self._quietly(self._stack.log, record)

    def reopen(self) -> None:
        """Open the spans of this thread's calls again: their run is over, and the next begins inside of them."""
        for call in self._stack.under_way():
            if call.span is not None:
                name = SPAN_REGISTRY_GET if call.kind == "get" else SPAN_REGISTRY_BUILD
                call.span = self._sink.open_span(name, call.facts, start_ns=call.start_ns)

    def _wrap_get(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @like(original)
        def get(registry: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.enabled:
                return original(registry, *args, **kwargs)
            key = args[0] if args else kwargs.get("key")
            call = self._quietly(self._start_get, registry, key)
            try:
                found = original(registry, *args, **kwargs)
            except BaseException as error:
                self._fail(call, error)
                raise
            self._end(call, lambda call: self._tell_get(call, registry, found))
            return found

        return get

    def _wrap_build(self, original: Callable[..., Any]) -> Callable[..., Any]:
        self._build_code = getattr(original, "__code__", None)

        @like(original)
        def build(registry: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.enabled:
                return original(registry, *args, **kwargs)
            config = args[0] if args else kwargs.get("cfg")
            call = self._quietly(self._start_request, registry, config, kwargs.get("default_args"))
            try:
                built = original(registry, *args, **kwargs)
            except BaseException as error:
                self._quietly(self._open_unused, call)
                self._fail(call, error)
                raise
            self._quietly(self._open_unused, call)
            self._end(call, self._tell_build)
            return built

        return build

    def _wrap_switch(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @like(original)
        def switch_scope_and_registry(registry: Any, *args: Any, **kwargs: Any) -> Any:
            scope = original(registry, *args, **kwargs)
            if not self.enabled:
                return scope
            observed = self._quietly(self._observe_switch, registry, scope, sys._getframe(1))
            return scope if observed is None else observed

        return switch_scope_and_registry

    def _start_get(self, registry: Any, key: Any) -> Call:
        call = Call("get", {**registry_facts(registry), **type_facts(key)}, wanted=key)
        self._open(call, SPAN_REGISTRY_GET)
        self._stack.push(call)
        return call

    def _tell_get(self, call: Call, registry: Any, found: Any) -> None:
        if found is None:  # MMEngine says nothing either
            self._stack.release(call)
            return
        call.add(find_facts(registry, call.wanted, found))
        self._tell(call, SPAN_REGISTRY_GET, get_words)
        outer = self._stack.top()
        if outer is not None:
            outer.resolve(call.wanted, call.facts)

    def _start_request(self, registry: Any, config: Any, default_args: Any) -> Call:
        call = _make_build("request", registry, config_type(config, default_args))
        call.registry = registry
        call.start_ns = time.time_ns()
        self._stack.settle()
        self._stack.push(call)
        return call

    def _open_unused(self, call: Call | None) -> None:
        """Open the span of a build that never entered the registry."""
        if call is not None and not call.used:
            self._stack.pop(call)
            self._open(call, SPAN_REGISTRY_BUILD, call.start_ns)

    def _observe_switch(
        self, registry: Any, scope: AbstractContextManager[Any], frame: FrameType
    ) -> AbstractContextManager[Any] | None:
        """Return what to enter instead of a registry's scope, or None if it is not a build function that asks."""
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        top = self._stack.top()
        if "registry" not in names and not (top and top.kind == "request" and self._is_requested(frame)):
            return None
        values = frame.f_locals
        config = values.get("cfg", values.get(names[0]) if names else None)
        wanted = config_type(config, values.get("default_args"))
        if top is not None and id(frame.f_back) in top.frames and _is_same(wanted, top.wanted):
            return JoinedScope(scope, top, id(frame))
        call = _make_build("build", registry, wanted)
        call.frames.add(id(frame))
        call.registry = registry
        return BuildScope(scope, self, call)

    def _is_requested(self, frame: FrameType) -> bool:
        return frame.f_back is not None and frame.f_back.f_code is self._build_code

    def enter(self, call: Call) -> None:
        """Begin a build."""
        self._quietly(self._enter, call)

    def _enter(self, call: Call) -> None:
        outer = self._stack.top()
        if outer is not None and outer.kind == "request" and outer.registry is call.registry:
            outer.used = True
        self._open(call, SPAN_REGISTRY_BUILD)
        self._stack.push(call)

    def entered(self, call: Call, registry: Any) -> None:
        """Take the registry that a build gets its class from."""
        self._quietly(lambda: call.add(registry_facts(registry)))

    def leave(self, call: Call, error: BaseException | None) -> None:
        """End a build."""
        if error is None:
            self._end(call, self._tell_build)
        else:
            self._fail(call, error)

    def _tell_build(self, call: Call) -> None:
        if call.span is not None:
            self._tell(call, SPAN_REGISTRY_BUILD, build_words)

    def _tell(self, call: Call, event_name: str, words: Callable[[Any], str]) -> None:
        record, call.held = call.held, None
        self._sink.write(record or make_line(words(call.facts)), event_name, call.facts)

    def _tell_failure(self, call: Call, error: BaseException) -> None:
        self._stack.release(call)
        told = error is call.failure
        if call.kind != "get" and not told and not isinstance(error, GeneratorExit):
            self._sink.write(
                make_line(failure_words(call.facts, error), error), SPAN_REGISTRY_BUILD, call.facts
            )
            told = True
        outer = self._stack.top()
        if outer is not None and told:
            outer.failure = error  # until that call is over, too

    def _open(self, call: Call, name: str, start_ns: int | None = None) -> None:
        self._stack.settle()
        call.start_ns = time.time_ns() if start_ns is None else start_ns
        call.span = self._sink.open_span(name, call.facts, start_ns=call.start_ns)

    def _end(self, call: Call | None, tell: Tell, error: BaseException | None = None) -> None:
        if call is None:
            return
        self._quietly(self._stack.pop, call)
        self._quietly(tell, call)
        if call.span is not None:
            self._quietly(call.span.close, error)

    def _fail(self, call: Call | None, error: BaseException) -> None:
        ended_by = (
            None if isinstance(error, GeneratorExit) else error
        )  # a generator that is closed did not fail
        self._end(call, lambda call: self._tell_failure(call, error), ended_by)

    def _quietly(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return function(*args, **kwargs)
        except Exception as fault:  # noqa: BLE001 - a build must not fail for our sake; faults are counted
            self._note_fault("watching the registry", fault)
            return None


def _make_build(kind: Any, registry: Any, wanted: Any) -> Call:
    facts = {**registry_facts(registry), **type_facts(wanted)}
    return Call(kind, facts, wanted=wanted, resolved=wanted is not None and not isinstance(wanted, str))


def _is_same(one: Any, other: Any) -> bool:
    return one is other or (isinstance(one, str) and one == other)
