"""What a build function enters in place of a registry's scope, so that a build is seen to begin and end."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from otel_mmlog.integrations.mmengine.registry_stack import Call

if TYPE_CHECKING:
    from otel_mmlog.integrations.mmengine.registry_calls import RegistryCalls


class BuildScope(AbstractContextManager[Any]):
    """A registry's scope, entered by a build function: what happens inside is the build."""

    def __init__(self, scope: AbstractContextManager[Any], calls: "RegistryCalls", call: Call) -> None:
        self._scope = scope
        self._calls = calls
        self._call = call

    def __enter__(self) -> Any:
        self._calls.enter(self._call)
        try:
            registry = self._scope.__enter__()
        except BaseException as error:
            self._calls.leave(self._call, error)
            raise
        self._calls.entered(self._call, registry)
        return registry

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            return self._scope.__exit__(kind, error, trace)
        finally:
            self._calls.leave(self._call, error)


class JoinedScope(AbstractContextManager[Any]):
    """A registry's scope, entered by a function that another build function leaves the build to."""

    def __init__(self, scope: AbstractContextManager[Any], call: Call, frame_id: int) -> None:
        self._scope = scope
        self._call = call
        self._frame_id = frame_id

    def __enter__(self) -> Any:
        self._call.frames.add(self._frame_id)
        return self._scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._call.frames.discard(self._frame_id)
        return self._scope.__exit__(kind, error, trace)
