"""The structlog logger in front of the stdlib."""

import itertools
import logging

import pytest
import structlog

from otel_mmlog.pipeline.handler import RunHandler
from otel_mmlog.pipeline.logger import RunLogger, make_logger
from tests.pipeline.test_handler import Memory

Logger = structlog.stdlib.BoundLogger


@pytest.fixture
def memory() -> Memory:
    """Where the events go."""
    return Memory("memory", [])


@pytest.fixture
def logger(memory: Memory) -> Logger:
    """A logger at INFO."""
    handler = RunHandler(
        level=logging.INFO,
        outputs=[memory],
        processors=(),
        next_seq=itertools.count().__next__,
        current_trace=lambda: None,
    )
    return make_logger(RunLogger("mmengine", logging.INFO, handler, prints=False))


def test_values_are_attributes(logger: Logger, memory: Memory) -> None:
    """Bound values and those of the call are attributes, ``name`` and ``msg`` too."""
    logger.bind(epoch=1).info("saved %s", "a.pt", name="y", msg="m", args=(1,))
    (event,) = memory.events
    assert event.body == "saved a.pt"
    assert event.attributes == {"epoch": 1, "name": "y", "msg": "m", "args": (1,)}
    assert (event.logger, event.level) == ("mmengine", logging.INFO)


def test_names_that_the_pipeline_writes_keep_the_callers_value(logger: Logger, memory: Memory) -> None:
    """A caller's ``level``, ``logger`` and the like get an underscore; the pipeline's own stay right."""
    logger.warning("w", level=3, logger="mine", pathname="p", func_name="f", lineno="n", level_="old")
    (event,) = memory.events
    assert (event.logger, event.level) == ("mmengine", logging.WARNING)
    assert event.code is not None
    assert event.code.pathname == __file__
    assert event.attributes == {
        "level__": 3,
        "level_": "old",
        "logger_": "mine",
        "pathname_": "p",
        "func_name_": "f",
        "lineno_": "n",
    }


def test_names_that_carry_what_is_the_pipelines_own_are_renamed(logger: Logger, memory: Memory) -> None:
    """A caller's ``_record`` or ``_mmlog_record`` is an attribute like any other."""
    logger.info("x", _record=1, _mmlog_record=2, _mmlog_bare=3, _from_structlog=4)
    (event,) = memory.events
    assert event.record is None
    assert event.attributes == {
        "_record_": 1,
        "_mmlog_record_": 2,
        "_mmlog_bare_": 3,
        "_from_structlog_": 4,
    }


@pytest.mark.parametrize("arguments", [("x",), (1, 2), ({"a": 1},), (object(), object())])
def test_arguments_that_do_not_fit_cost_the_message_its_values(
    logger: Logger, memory: Memory, arguments: tuple[object, ...]
) -> None:
    """Nothing is raised into training: the text arrives, and says that it could not be formatted."""
    logger.info("loss %d", *arguments)
    (event,) = memory.events
    assert event.body.startswith("loss %d (could not be formatted: TypeError")


def test_flags_that_cannot_say_whether_they_are_true(logger: Logger, memory: Memory) -> None:
    """An ``exc_info`` that raises when it is asked, or an empty one, is no exception and no error."""

    class Undecided:
        def __bool__(self) -> bool:
            raise RuntimeError("no")

    logger.info("a", exc_info=Undecided(), stack_info=Undecided())
    logger.info("b", exc_info=())
    assert [(event.body, event.exception) for event in memory.events] == [("a", None), ("b", None)]


def test_place_of_the_call(logger: Logger, memory: Memory) -> None:
    """The place is the caller's, not structlog's."""
    logger.error("bad")
    code = memory.events[0].code
    assert code is not None
    assert (code.pathname, code.function) == (__file__, "test_place_of_the_call")


def test_percent_signs(logger: Logger, memory: Memory) -> None:
    """A percent sign in a text without arguments is a percent sign."""
    logger.info("100% done %s")
    assert memory.events[0].body == "100% done %s"


def test_exception(logger: Logger, memory: Memory) -> None:
    """``exception`` and ``exc_info`` bring type, message and traceback along."""
    empty: dict[str, int] = {}
    try:
        empty["k"]
    except KeyError as error:
        logger.exception("first")
        caught = error
    logger.error("second", exc_info=caught)
    logger.error("third", exc_info=True)  # no exception here
    first, second, third = (event.exception for event in memory.events)
    assert first is not None
    assert (first.type, first.message) == ("KeyError", "'k'")
    assert second == first
    assert third is None


def test_stack(logger: Logger, memory: Memory) -> None:
    """``stack_info=True`` brings the stack along, and it ends at the caller."""
    logger.info("here", stack_info=True)
    attributes = memory.events[0].attributes
    assert list(attributes) == ["code.stacktrace"]
    assert attributes["code.stacktrace"].endswith('logger.info("here", stack_info=True)')


def test_context_variables(logger: Logger, memory: Memory) -> None:
    """structlog's context variables are merged; the call's own values win."""
    with structlog.contextvars.bound_contextvars(job="j", epoch=1):
        logger.info("in", epoch=2)
    logger.info("out")
    assert [event.attributes for event in memory.events] == [{"job": "j", "epoch": 2}, {}]


def test_level_is_a_filter(logger: Logger, memory: Memory) -> None:
    """Events below the level cost nothing and go nowhere."""
    logger.debug("hidden")
    assert not memory.events


def test_user_configuration_of_structlog_is_left_alone(logger: Logger, memory: Memory) -> None:
    """A user's ``structlog.configure`` changes nothing here, and is not changed."""
    structlog.configure(processors=[lambda *_: "theirs"])
    try:
        logger.info("ours")
        assert len(structlog.get_config()["processors"]) == 1
    finally:
        structlog.reset_defaults()
    assert memory.events[0].body == "ours"
