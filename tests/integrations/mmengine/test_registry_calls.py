"""Gets and builds of MMEngine's own registry, as the sink gets them."""

import functools
import gc
import inspect
import logging
import threading
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import pytest
import torch

from otel_mmlog.integrations.mmengine.patches import Patches
from otel_mmlog.integrations.mmengine.registry_calls import RegistryCalls
from tests.integrations.mmengine.recording import Kept, Recording

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of torch, for what mmengine still calls
    from mmengine.config import Config
    from mmengine.logging import MMLogger, print_log
    from mmengine.model import BaseModule
    from mmengine.registry import (
        MODELS,
        OPTIMIZERS,
        PARAM_SCHEDULERS,
        RUNNERS,
        DefaultScope,
        Registry,
        build_from_cfg,
        build_model_from_cfg,
        build_scheduler_from_cfg,
    )
    from mmengine.utils import ManagerMixin

METHODS = ("get", "build", "switch_scope_and_registry")
HERE = __name__


class Tap(logging.Handler):
    def __init__(self, calls: RegistryCalls) -> None:
        super().__init__(logging.DEBUG)
        self.calls = calls

    def emit(self, record: logging.LogRecord) -> None:
        self.calls.log(record)


class Watched:
    """A registry that is wrapped, a DEBUG logger that is tapped, and the sink of both."""

    def __init__(self) -> None:
        self.sink = Recording()
        self.faults: list[Exception] = []
        self.calls = RegistryCalls(self.sink, lambda _, fault: self.faults.append(fault))
        self.calls.enabled = True
        self.patches = Patches()
        self.calls.wrap(self.patches, Registry)
        self.logger = MMLogger.get_instance("registry_calls", log_level="DEBUG")
        self.logger.handlers.insert(0, Tap(self.calls))

    def spans(self, kind: str) -> list[Kept]:
        return [span for span in self.sink.spans if span.name == f"mmlog.registry.{kind}"]

    def outline(self) -> list[Any]:
        return self.sink.outline()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setattr(MMLogger, "_instance_dict", OrderedDict())
    monkeypatch.setattr(DefaultScope, "_instance_dict", OrderedDict())
    watched = Watched()
    yield watched
    watched.patches.undo()
    assert not watched.faults
    assert all(span.end_ns is not None for span in watched.sink.spans)
    assert watched.calls._stack.top() is None


THINGS = Registry("thing", scope="mmengine")


@THINGS.register_module()
class Backbone:
    def __init__(self, depth: int = 1) -> None:
        if depth < 0:
            raise ValueError(f"depth {depth} is negative")


@THINGS.register_module()
class Detector:
    def __init__(self, backbone: Mapping[str, Any]) -> None:
        self.backbone = THINGS.build(backbone)


@THINGS.register_module()
class Forgiving:
    def __init__(self, backbone: Mapping[str, Any]) -> None:
        try:
            THINGS.build(backbone)
        except ValueError:
            raise TypeError("no backbone") from None


def get_line(name: str, registry: str = "thing") -> str:
    return f'get: Get class `{name}` from "{registry}" registry in "mmengine"'


def build_line(name: str, module: str = HERE) -> str:
    return (
        f"build: An `{name}` instance is built from registry, and its implementation can be found in {module}"
    )


def a_get(name: str, registry: str = "thing") -> tuple[Any, ...]:
    return "get", name, [get_line(name, registry)]


def a_build(name: str) -> tuple[Any, ...]:
    return "build", name, [a_get(name), build_line(name)]


def test_build_of_a_build_nests(watched: Watched) -> None:
    """The build of a constructor's own parts is inside the build of the whole, each with its get and line."""
    built = THINGS.build({"type": "Detector", "backbone": {"type": "Backbone"}})
    assert isinstance(built.backbone, Backbone)
    assert watched.outline() == [
        ("build", "Detector", [a_get("Detector"), a_build("Backbone"), build_line("Detector")])
    ]
    assert watched.spans("build")[1].attributes == {
        "class": "Backbone",
        "registry": "thing",
        "scope": "mmengine",
        "module": HERE,
    }


def test_event_has_the_attributes_of_its_span(watched: Watched) -> None:
    """A get's and a build's event tell class, registry, scope and module, as their spans do."""
    THINGS.build({"type": "Backbone"})
    facts = {"class": "Backbone", "registry": "thing", "scope": "mmengine", "module": HERE}
    assert [(name, attributes) for _, name, attributes in watched.sink.written] == [
        ("mmlog.registry.get", facts),
        ("mmlog.registry.build", facts),
    ]


def test_line_is_the_record_that_mmengine_printed(watched: Watched) -> None:
    """The event of a call is the record of MMEngine's own line, not one that was made anew."""
    THINGS.build({"type": "Backbone"})
    assert {record.funcName for record, _, _ in watched.sink.written} == {"print_log"}


def test_direct_call_of_a_build_function(watched: Watched) -> None:
    """A build function that is called by itself, past ``Registry.build``, is a build all the same."""
    build_from_cfg({"type": "Backbone"}, THINGS, {"depth": 3})
    assert watched.outline() == [a_build("Backbone")]


def test_type_in_default_args(watched: Watched) -> None:
    """A type that only the default arguments give is the build's."""
    build_from_cfg({}, THINGS, {"type": Backbone})
    assert watched.outline() == [("build", "Backbone", [build_line("Backbone")])]


def test_config_object(watched: Watched) -> None:
    """A ``Config``, which is no dict, tells its type as well."""
    THINGS.build(Config({"type": Backbone}))
    assert watched.outline() == [("build", "Backbone", [build_line("Backbone")])]


def test_class_as_type_needs_no_get(watched: Watched) -> None:
    """A class in the config is built without a get, and the build tells where the class is from."""
    THINGS.build({"type": Backbone})
    assert watched.outline() == [("build", "Backbone", [build_line("Backbone")])]
    assert watched.spans("build")[0].attributes["module"] == HERE


def test_partial_is_told_by_what_it_calls(watched: Watched) -> None:
    """A partial has MMEngine's own line, and the attributes of the class that it calls."""
    THINGS.build({"type": functools.partial(Backbone, 3)})
    (span,) = watched.spans("build")
    assert span.attributes["class"] == "Backbone"
    assert watched.sink.texts("mmlog.registry.build")[0].startswith(
        "An instance is built from registry, and its con"
    )


def test_function_is_built(watched: Watched) -> None:
    """A registered function is called and told like a class."""
    registry = Registry("function of ours", scope="mmengine")

    def make_three() -> int:
        return 3

    registry.register_module(module=make_three)
    assert registry.build({"type": "make_three"}) == 3
    assert watched.spans("build")[0].attributes["class"] == "make_three"


def test_list_of_models_is_one_build_each(watched: Watched) -> None:
    """A list for ``MODELS`` gives one build an element, and none for the list."""
    built = MODELS.build([{"type": BaseModule}, {"type": BaseModule}])
    assert len(built) == 2
    module = BaseModule.__module__
    assert watched.outline() == [("build", "BaseModule", [build_line("BaseModule", module)])] * 2
    build_model_from_cfg([{"type": BaseModule}], MODELS)
    assert len(watched.spans("build")) == 3


def make_optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def test_scheduler_is_one_build(watched: Watched) -> None:
    """The scheduler's build function leaves the build to another; together they are one."""
    build_scheduler_from_cfg(
        {"type": "StepLR", "step_size": 2, "optimizer": make_optimizer()}, PARAM_SCHEDULERS
    )
    module = "mmengine.optim.scheduler.lr_scheduler"
    assert watched.outline() == [
        ("build", "StepLR", [a_get("StepLR", "parameter scheduler"), build_line("StepLR", module)])
    ]


def test_scheduler_by_iterations_has_a_line_though_mmengine_prints_none(watched: Watched) -> None:
    """Where MMEngine says nothing of a build, its usual words are written."""
    PARAM_SCHEDULERS.build(
        {"type": "StepLR", "step_size": 2, "convert_to_iter_based": True},
        default_args={"optimizer": make_optimizer(), "epoch_length": 3},
    )
    module = "mmengine.optim.scheduler.lr_scheduler"
    assert watched.outline() == [
        ("build", "StepLR", [a_get("StepLR", "parameter scheduler"), build_line("StepLR", module)])
    ]


@pytest.fixture
def own_runner() -> Iterator[type]:
    """A class that ``RUNNERS`` can build, and that builds a part."""

    class OwnRunner:
        @classmethod
        def from_cfg(cls, config: Mapping[str, Any]) -> "OwnRunner":
            THINGS.build(config["part"])
            return cls()

    RUNNERS.register_module(module=OwnRunner)
    yield OwnRunner
    RUNNERS.module_dict.pop("OwnRunner")


def test_runner_has_words_of_its_own(watched: Watched, own_runner: type) -> None:
    """A runner, whose type has a key and a line of its own, is a build like others, with that line."""
    assert type(RUNNERS.build({"runner_type": "OwnRunner", "part": {"type": "Backbone"}})) is own_runner
    ((kind, name, (get, part, line)),) = watched.outline()
    assert (kind, name) == ("build", "OwnRunner")
    assert (get, part) == (a_get("OwnRunner", "runner"), a_build("Backbone"))
    assert line.startswith(
        "build: An `OwnRunner` instance is built from registry, its implementation can be found"
    )


def test_runner_without_a_type(watched: Watched) -> None:
    """A config that names no runner has the class that MMEngine gets for it."""
    runner = RUNNERS.module_dict.pop("Runner", None)
    RUNNERS.register_module(
        name="Runner", module=type("Plain", (), {"from_cfg": classmethod(lambda cls, _: cls())})
    )
    try:
        RUNNERS.build({})
    finally:
        RUNNERS.module_dict.pop("Runner")
        if runner is not None:
            RUNNERS.module_dict["Runner"] = runner
    assert [span.attributes["class"] for span in watched.spans("build")] == ["Plain"]


def test_global_instances(watched: Watched) -> None:
    """What is made by ``get_instance`` is a build, also when the instance was there already."""

    class Global(ManagerMixin):  # type: ignore[misc]  # mmengine has no types
        pass

    for _ in range(2):
        THINGS.build({"type": Global, "name": "one"})
    assert [span.attributes["class"] for span in watched.spans("build")] == ["Global", "Global"]


def test_failure_is_told_once_and_by_the_innermost(watched: Watched) -> None:
    """The build that raised is told of with the exception; those around it only end with it."""
    with pytest.raises(ValueError, match="depth -1 is negative") as caught:
        THINGS.build({"type": "Detector", "backbone": {"type": "Backbone", "depth": -1}})
    text = "Building `Backbone` failed: ValueError: depth -1 is negative"
    assert watched.outline() == [
        (
            "build",
            "Detector",
            [a_get("Detector"), ("build", "Backbone", [a_get("Backbone"), f"build: {text}"])],
        )
    ]
    assert [span.error for span in watched.spans("build")] == [caught.value] * 2
    record = watched.sink.written[-1][0]
    assert record.levelno == logging.DEBUG
    assert record.exc_info is not None
    assert record.exc_info[1] is caught.value


def test_another_exception_on_the_way_out_is_told_too(watched: Watched) -> None:
    """An outer build that fails with an exception of its own is told of as well."""
    with pytest.raises(TypeError, match="no backbone"):
        THINGS.build({"type": "Forgiving", "backbone": {"type": "Backbone", "depth": -1}})
    assert watched.sink.texts("mmlog.registry.build") == [
        "Building `Backbone` failed: ValueError: depth -1 is negative",
        "Building `Forgiving` failed: TypeError: no backbone",
    ]


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, 'Building from "thing" registry failed: KeyError: '),
        (3, 'Building from "thing" registry failed: TypeError: cfg should be'),
        ({"type": 3}, "Building `3` failed: TypeError: type must be"),
        ({"type": "Nowhere"}, "Building `Nowhere` failed: KeyError: "),
    ],
)
def test_config_that_cannot_be_built(watched: Watched, config: Any, text: str) -> None:
    """A config without a type, or of the wrong kind, gives a span with the error and one event."""
    with pytest.raises((KeyError, TypeError)) as caught:
        THINGS.build(config)
    (told,) = watched.sink.texts("mmlog.registry.build")
    assert told.startswith(text)
    assert [span.error for span in watched.spans("build")] == [caught.value]


def test_exception_that_cannot_be_printed(watched: Watched) -> None:
    """An exception whose text raises is named, and passes."""

    class SilentError(Exception):
        def __str__(self) -> str:
            raise OSError

    def fail() -> None:
        raise SilentError

    with pytest.raises(SilentError):
        THINGS.build({"type": fail})
    assert watched.sink.texts("mmlog.registry.build") == [
        "Building `fail` failed: SilentError: <unprintable: OSError>"
    ]


def test_interrupt_ends_spans(watched: Watched) -> None:
    """Ctrl-C in a constructor ends the spans with the interrupt."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        THINGS.build({"type": interrupted})
    assert isinstance(watched.spans("build")[0].error, KeyboardInterrupt)


def test_get_that_finds_nothing(watched: Watched) -> None:
    """A key that nobody registered gives a span, no event, and MMEngine's other lines as they are."""
    assert THINGS.get("nowhere.Nothing") is None
    ((kind, name, (line,)),) = watched.outline()
    assert (kind, name) == ("get", "nowhere.Nothing")
    assert line.startswith("line: Cannot auto import nowhere.registry")
    assert watched.sink.texts("mmlog.registry.get") == []
    assert watched.spans("get")[0].error is None


def test_get_that_fails(watched: Watched) -> None:
    """A get that raises ends its span with the error, which is not told of as a build."""
    with pytest.raises(TypeError, match="must be a str"):
        THINGS.get(3)
    (span,) = watched.spans("get")
    assert isinstance(span.error, TypeError)
    assert watched.sink.written == []


def test_get_by_path(watched: Watched) -> None:
    """What is imported by its path counts for the registry that was asked, as in MMEngine's line."""
    assert THINGS.get("mmengine.model.BaseModule") is BaseModule
    (span,) = watched.spans("get")
    assert span.attributes == {
        "class": "BaseModule",
        "registry": "thing",
        "scope": "mmengine",
        "module": BaseModule.__module__,
    }
    assert 'Get class `BaseModule` from "thing" registry in "mmengine"' in watched.sink.texts(
        "mmlog.registry.get"
    )


@pytest.fixture(scope="module")
def tree() -> dict[str, Registry]:
    """A root with two children, one with a child of its own, and one class in each."""
    root = Registry("root thing", scope="mmengine")
    det = Registry("det thing", parent=root, scope="fakedet")
    seg = Registry("seg thing", parent=root, scope="fakeseg")
    deep = Registry("deep thing", parent=det, scope="fakedeep")
    registries = {"Root": root, "Det": det, "Seg": seg, "Deep": deep}
    for name, registry in registries.items():
        registry.register_module(name=name, module=type(name, (), {}))
    return registries


@pytest.mark.parametrize(
    ("asked", "key", "found", "scope"),
    [
        ("Root", "Root", "Root", "mmengine"),
        ("Deep", "Root", "Root", "mmengine"),
        ("Deep", "Det", "Det", "fakedet"),
        ("Root", "fakedet.Det", "Det", "fakedet"),
        ("Root", "fakedet.Root", "Root", "mmengine"),
        ("Root", "fakedet.fakedeep.Deep", "Deep", "fakedeep"),
        ("Det", "fakeseg.Seg", "Seg", "fakeseg"),
        ("Deep", "mmengine.Root", "Root", "mmengine"),
        ("Deep", "fakeseg.Root", "Root", "mmengine"),
    ],
)
def test_scope_is_where_the_class_is(
    watched: Watched, tree: dict[str, Registry], asked: str, key: str, found: str, scope: str
) -> None:
    """A get tells the registry that holds the class: itself, a parent, a child or a sibling by its scope."""
    assert tree[asked].get(key) is tree[found].module_dict[found]
    outermost = watched.spans("get")[0]
    assert outermost.attributes["scope"] == scope
    assert outermost.attributes["registry"] == tree[found].name
    assert outermost.attributes["class"] == found


def test_get_through_a_child_is_two_gets(watched: Watched, tree: dict[str, Registry]) -> None:
    """The get that a registry asks its child for is inside its own; each keeps its line, the rest stay lines."""
    tree["Root"].get("fakedet.Det")
    ((_, _, (line, (kind, name, inner), event)),) = watched.outline()
    assert line.startswith("line: Cannot auto import fakedet.registry")
    assert (kind, name) == ("get", "Det")
    assert inner == ['get: Get class `Det` from "det thing" registry in "fakedet"']
    assert event == 'get: Get class `Det` from "det thing" registry in "fakedet"'


def test_build_in_another_scope(watched: Watched, tree: dict[str, Registry]) -> None:
    """A build whose config names a scope tells the registry of that scope."""
    tree["Root"].build({"type": type("Own", (), {}), "_scope_": "fakedet"})
    (span,) = watched.spans("build")
    assert span.attributes["registry"] == "det thing"
    assert span.attributes["scope"] == "fakedet"


def test_scope_switched_by_others_is_no_build(watched: Watched) -> None:
    """A scope that is entered for a get alone, as optimizer constructors do, gives the get and no build."""
    with OPTIMIZERS.switch_scope_and_registry(None) as registry:
        assert registry.get("SGD") is torch.optim.SGD
    assert watched.spans("build") == []
    assert len(watched.spans("get")) == 1


def test_build_function_of_the_user(watched: Watched) -> None:
    """A build function that never enters a registry's scope is a build, from its request to its return."""

    def make(config: dict[str, Any], registry: Registry) -> Any:
        return registry.get(config.pop("type"))(**config)

    registry = Registry("own", build_func=make, scope="mmengine")
    registry.register_module(module=Backbone)
    ticks = iter(range(1, 99))
    watched.sink.clock_ns = lambda: next(ticks)
    registry.build({"type": "Backbone"})
    (span,) = watched.spans("build")
    assert span.attributes == {"class": "Backbone", "registry": "own", "scope": "mmengine", "module": HERE}
    assert watched.sink.texts("mmlog.registry.build") == [build_line("Backbone").removeprefix("build: ")]
    assert span.start_ns > 99  # its own clock: it started before the span was opened


def test_build_function_of_the_user_that_takes_its_registry_from_kwargs(watched: Watched) -> None:
    """A build function of any signature is recognised when ``Registry.build`` calls it."""

    def make(config: dict[str, Any], **others: Any) -> Any:
        with others["registry"].switch_scope_and_registry(None) as registry:
            return registry.get(config["type"])()

    registry = Registry("own", build_func=make, scope="mmengine")
    registry.register_module(module=Backbone)
    registry.build({"type": "Backbone"})
    assert watched.outline() == [("build", "Backbone", [a_get("Backbone", "own"), build_line("Backbone")])]


def test_build_function_that_builds_parts_has_a_build_each(watched: Watched) -> None:
    """Parts that a build function builds directly are builds of their own, since their types are others."""

    def make_pair(cfg: dict[str, Any], registry: Registry) -> Any:
        with registry.switch_scope_and_registry(None) as inner:
            return [build_from_cfg(part, inner) for part in cfg["parts"]]

    registry = Registry("own", build_func=make_pair, scope="mmengine")
    registry.build({"type": "Pair", "parts": [{"type": Backbone}, {"type": Backbone}]})
    assert [span.attributes["class"] for span in watched.spans("build")] == ["Pair", "Backbone", "Backbone"]


def test_failure_after_the_registry_was_left(watched: Watched) -> None:
    """A build function that fails after its builds went well is told of."""

    def make(cfg: dict[str, Any], registry: Registry) -> Any:
        build_from_cfg(cfg, registry)
        raise ValueError("afterwards")

    registry = Registry("own", build_func=make, scope="mmengine")
    with pytest.raises(ValueError, match="afterwards"):
        registry.build({"type": Backbone})
    assert (
        watched.sink.texts("mmlog.registry.build")[-1] == "Building `Backbone` failed: ValueError: afterwards"
    )
    assert len(watched.spans("build")) == 1


def test_lines_of_a_constructor_stay_lines(watched: Watched) -> None:
    """DEBUG lines of a constructor are never taken for MMEngine's line, and the order stays."""

    def chatty() -> None:
        watched.logger.debug("by the logger")
        print_log("by print_log", "current", logging.DEBUG)
        watched.logger.info("for everybody")

    THINGS.build({"type": chatty})
    assert watched.outline() == [
        (
            "build",
            "chatty",
            ["line: by the logger", "line: by print_log", "line: for everybody", build_line("chatty")],
        )
    ]


def test_lines_outside_of_calls_pass(watched: Watched) -> None:
    """A line that is logged while no call is under way is written at once."""
    watched.logger.debug("alone")
    assert watched.outline() == ["line: alone"]


def test_logger_closed_to_debug(watched: Watched) -> None:
    """Where MMEngine's logger takes no DEBUG lines the events are there, with MMEngine's words."""
    watched.logger.setLevel(logging.INFO)
    THINGS.build({"type": "Backbone"})
    assert watched.outline() == [a_build("Backbone")]
    assert {record.funcName for record, _, _ in watched.sink.written} == {None}
    assert {record.name for record, _, _ in watched.sink.written} == {"mmengine"}
    assert {record.levelno for record, _, _ in watched.sink.written} == {logging.DEBUG}


def test_subclass_of_the_logger(watched: Watched) -> None:
    """A logger class of the user's, with a ``log`` of its own, changes nothing."""

    class Own(MMLogger):  # type: ignore[misc]  # mmengine has no types
        def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
            super().log(level, msg, *args, **kwargs)

    MMLogger._instance_dict["own"] = own = Own("own", log_level="DEBUG")
    own.handlers.insert(0, Tap(watched.calls))
    THINGS.build({"type": "Backbone"})
    assert watched.outline() == [a_build("Backbone")]


def test_threads_have_calls_of_their_own(watched: Watched) -> None:
    """A build in another thread is not inside the one that this thread is in."""

    def in_thread() -> None:
        thread = threading.Thread(target=THINGS.build, args=({"type": "Backbone"},))
        thread.start()
        thread.join(10)

    THINGS.build({"type": in_thread})
    assert watched.outline() == [("build", "in_thread", [build_line("in_thread")]), a_build("Backbone")]


def test_generator_that_is_closed_late(watched: Watched) -> None:
    """A build that a generator is in the middle of ends when the generator does, whatever ended before."""

    def slowly(cfg: dict[str, Any], registry: Registry) -> Generator[Any, None, None]:
        with registry.switch_scope_and_registry(None):
            yield cfg

    generators = []

    def starts() -> None:
        generator = slowly({"type": "Slow"}, THINGS)
        next(generator)
        generators.append(generator)

    THINGS.build({"type": starts})
    THINGS.build({"type": "Backbone"})
    generators[0].close()
    slow = next(span for span in watched.spans("build") if span.attributes["class"] == "Slow")
    assert slow.error is None
    assert watched.calls._stack.top() is None


def test_nothing_is_kept_alive(watched: Watched) -> None:
    """Neither what was built nor what was raised is referred to when the call is over."""
    watched.calls._sink = watched.calls._stack._sink = Forgetful()

    class TestedError(Exception):
        pass

    failures: list[weakref.ref[TestedError]] = []

    def fail() -> None:
        failure = TestedError()
        failures.append(weakref.ref(failure))
        raise failure

    def fails_inside() -> None:
        THINGS.build({"type": fail})

    with pytest.raises(TestedError):
        THINGS.build({"type": fails_inside})
    built = weakref.ref(THINGS.build({"type": "Backbone"}))
    gc.collect()
    assert built() is None
    assert failures[0]() is None


class Forgetful:
    """A sink that keeps nothing, as one that writes at once."""

    def open_span(self, *_: Any, **__: Any) -> "Forgetful":
        return self

    def write(self, *_: Any) -> None: ...

    def set(self, *_: Any) -> None: ...

    def close(self, *_: Any) -> None: ...


class Broken(Forgetful):
    """A sink where everything fails."""

    def open_span(self, *_: Any, **__: Any) -> "Forgetful":
        raise OSError("open_span")

    def write(self, *_: Any) -> None:
        raise OSError("write")


def test_faults_of_ours_never_reach_the_build(watched: Watched) -> None:
    """With a sink that fails at everything builds work and fail as ever, and each fault is noted."""
    watched.calls._sink = watched.calls._stack._sink = Broken()
    assert isinstance(THINGS.build({"type": "Backbone"}), Backbone)
    with pytest.raises(ValueError, match="negative"):
        THINGS.build({"type": "Backbone", "depth": -1})
    assert {str(fault) for fault in watched.faults} == {"open_span", "write"}
    watched.faults.clear()


def test_disabled_calls_leave_nothing(watched: Watched) -> None:
    """While it is disabled the sink gets nothing, and scopes are MMEngine's own."""
    watched.calls.enabled = False
    watched.logger.setLevel(logging.INFO)
    THINGS.build({"type": "Backbone"})
    assert type(THINGS.switch_scope_and_registry(None)).__module__ == "contextlib"
    assert watched.outline() == []


def test_signatures_are_kept_and_undone(watched: Watched) -> None:
    """The wrapped methods look like MMEngine's, and undoing puts MMEngine's back."""
    wrapped = {name: getattr(Registry, name) for name in METHODS}
    signatures = {name: str(inspect.signature(method)) for name, method in wrapped.items()}
    watched.patches.undo()
    for name in METHODS:
        assert getattr(Registry, name) is not wrapped[name]
        assert str(inspect.signature(getattr(Registry, name))) == signatures[name]
        assert getattr(Registry, name).__module__ == "mmengine.registry.registry"
