"""Log calls of a run: its own logger, every library's, warnings, and the user's configuration."""

import contextlib
import io
import logging
import logging.config
import logging.handlers
import pickle
import queue
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.conftest import MakeRun
from tests.journals import bodies, events, json_lines, read_journals, text_lines


@contextlib.contextmanager
def bare_root() -> Iterator[None]:
    """The root logger without pytest's own handlers, which raise for what they cannot format."""
    root = logging.getLogger()
    handlers, root.handlers[:] = list(root.handlers), []
    try:
        yield
    finally:
        root.handlers[:] = handlers


def test_other_loggers_arrive_once(make_run: MakeRun, tmp_path: Path) -> None:
    """What libraries log goes through the same handlers, at the run's level and under their names."""
    with make_run():
        logging.getLogger("their.library").info("%d things", 3)
        logging.getLogger("their.library").debug("hidden")
        logging.getLogger().warning("root")
        structlog.stdlib.get_logger("not configured")
    found = [(line["logger"], line["level"], line["event"]) for line in events(tmp_path)]
    assert found == [("their.library", "INFO", "3 things"), ("root", "WARNING", "root")]


def test_users_handlers_see_the_lines(make_run: MakeRun) -> None:
    """A handler that the user attached to the root logger gets the run's lines, records included."""
    seen: list[str] = []

    class Mine(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    handler = Mine()
    logging.getLogger().addHandler(handler)
    try:
        with make_run(interval=1) as run:
            run.logger.info("hello", path="a.pt")
            for _ in run.train(range(1)):
                run.log(loss=1.0)
    finally:
        logging.getLogger().removeHandler(handler)
    assert "hello" in seen
    assert any(text.startswith("Epoch(train)") for text in seen)


@pytest.mark.parametrize("prints", [True, False])
def test_users_console(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], prints: bool
) -> None:
    """Beside a ``basicConfig`` on the console each line is printed once, and in the user's files once."""
    with bare_root():
        for handler in (logging.StreamHandler(), logging.FileHandler(tmp_path / "user.log")):
            logging.getLogger().addHandler(handler)
        with make_run(console=prints, interval=1) as run:
            run.logger.info("hello")
            for _ in run.train(range(1)):
                run.log(loss=1.0)
        logging.getLogger().handlers[1].close()
    seen = capsys.readouterr()
    for text in ("hello", "Epoch(train)"):
        assert (seen.out.count(text), seen.err.count(text)) == ((1, 0) if prints else (0, 1))
        assert (tmp_path / "user.log").read_text().count(text) == 1


def test_queue_to_another_process(make_run: MakeRun) -> None:
    """The run's records can be pickled, as a ``QueueHandler`` of ``multiprocessing`` does."""
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    with bare_root():
        logging.getLogger().addHandler(logging.handlers.QueueHandler(records))
        with make_run(interval=1) as run:
            run.logger.info("hello", path="a.pt")
            for _ in run.train(range(1)):
                run.log(loss=1.0)
    found = []
    while not records.empty():
        found.append(pickle.loads(pickle.dumps(records.get())).getMessage())
    assert "hello" in found
    assert any(text.startswith("Epoch(train)") for text in found)


def test_basic_config_after_init(make_run: MakeRun, tmp_path: Path) -> None:
    """A ``basicConfig(force=True)`` takes the run's handler off until the next loop, and never its own lines."""
    with bare_root():
        with make_run() as run:
            logging.basicConfig(force=True, stream=io.StringIO(), level=logging.INFO)
            for _ in run.train(range(1)):
                logging.getLogger("lib").info("from a library")
        assert [type(handler) for handler in logging.getLogger().handlers] == [logging.StreamHandler]
        run.train(range(1))
        assert len(logging.getLogger().handlers) == 1
    assert bodies(tmp_path)[0] == "from a library"


def test_extra_values_reach_every_output(make_run: MakeRun, tmp_path: Path) -> None:
    """``extra`` and the stack of a stdlib call are in text, JSON and journal."""
    with make_run():
        logging.getLogger("lib").info("saved", extra={"path": "a.pt"}, stack_info=True)
    text = text_lines(tmp_path / "tmp.log")
    place = next(number for number, line in enumerate(text) if line.endswith(" - saved  path=a.pt"))
    assert text[place + 1] == "    | Stack (most recent call last):"
    (line,) = events(tmp_path)
    assert line["path"] == "a.pt"
    (log,) = [log for log in read_journals(tmp_path).logs if log.body == "saved"]
    assert log.attributes["path"] == "a.pt"
    assert str(log.attributes["code.stacktrace"]).startswith("Stack (most recent call last):")


def test_dict_config_after_init(make_run: MakeRun, tmp_path: Path) -> None:
    """A ``dictConfig`` that disables and replaces everything neither silences the run nor is changed."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    enabled = [each for each in root.manager.loggerDict.values() if not getattr(each, "disabled", True)]
    try:
        with make_run(interval=1) as run:
            logging.config.dictConfig(
                {
                    "version": 1,
                    "disable_existing_loggers": True,
                    "handlers": {"null": {"class": "logging.NullHandler"}},
                    "root": {"level": "CRITICAL", "handlers": ["null"]},
                }
            )
            run.logger.info("still here")
            for _ in run.train(range(1)):
                run.log(loss=1.0)
            assert root.level == logging.CRITICAL
        assert root.level == logging.CRITICAL
        assert [type(handler) for handler in root.handlers] == [logging.NullHandler]
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for logger in enabled:
            setattr(logger, "disabled", False)  # noqa: B010 - a placeholder in the dict has no such attribute
    assert bodies(tmp_path)[0] == "still here"
    assert bodies(tmp_path)[1].startswith("Epoch(train)")


def test_structlog_configuration_is_untouched(make_run: MakeRun, tmp_path: Path) -> None:
    """A user's ``structlog.configure`` before or during a run is neither used nor changed."""
    theirs: list[Any] = [structlog.stdlib.add_log_level, structlog.processors.KeyValueRenderer()]
    try:
        structlog.configure(processors=theirs)
        with make_run() as run:
            run.logger.info("a")
            structlog.configure(processors=theirs[1:])
            run.logger.info("b")
            assert structlog.get_config()["processors"] == theirs[1:]
    finally:
        structlog.reset_defaults()
    assert bodies(tmp_path) == ["a", "b"]


def test_processors_of_the_user(make_run: MakeRun, tmp_path: Path) -> None:
    """Processors see every event, of any logger; one may change it or drop it everywhere."""

    def process(_logger: Any, _name: str, event: Any) -> Any:
        if "secret" in str(event["event"]):
            raise structlog.DropEvent
        return {**event, "job": 7}

    with make_run(processors=[process], interval=1) as run:
        run.logger.info("a secret")
        logging.getLogger("lib").info("another secret")
        run.logger.info("public")
        for _ in run.train(range(1)):
            run.log(loss=1.0)
    lines = json_lines(tmp_path / "tmp.jsonl")
    assert all(line["job"] == 7 for line in lines)
    assert not any("secret" in line["event"] for line in lines)
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    assert "secret" not in (tmp_path / "tmp.log").read_text()


def test_warnings_are_captured(make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``warnings.warn`` is a WARNING of the run, and no longer goes to standard error."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = getattr(warnings, "_showwarning_orig")  # noqa: B009 - not pytest's
        with make_run():
            warnings.warn("careful\nnow", UserWarning, stacklevel=1)
    (line,) = events(tmp_path)
    assert (line["logger"], line["level"]) == ("py.warnings", "WARNING")
    assert line["event"].endswith("UserWarning: careful\nnow")
    assert __file__ in line["event"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("argument", "variable", "seen"),
    [
        (None, None, ["i", "w"]),
        ("debug", None, ["d", "i", "w"]),
        ("Warning", None, ["w"]),
        (logging.DEBUG, None, ["d", "i", "w"]),
        ("ERROR", "debug", ["d", "i", "w"]),
        ("DEBUG", "WARN", ["w"]),
    ],
)
def test_level(
    make_run: MakeRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    argument: str | int | None,
    variable: str | None,
    seen: list[str],
) -> None:
    """The level is the argument, in any case; the variable wins over it; it holds for every logger."""
    if variable is not None:
        monkeypatch.setenv("OTEL_MMLOG_LOG_LEVEL", variable)
    with make_run(log_level=argument) as run:
        for logger in (run.logger, logging.getLogger("lib")):
            logger.debug("d")
            logger.info("i")
            logger.warning("w")
    assert bodies(tmp_path) == seen * 2


@pytest.mark.parametrize(
    ("before", "during"),
    [
        (logging.WARNING, logging.INFO),
        (logging.DEBUG, logging.DEBUG),
        (logging.NOTSET, logging.NOTSET),
        (logging.INFO, logging.INFO),
    ],
)
def test_root_level_is_opened_and_restored(make_run: MakeRun, before: int, during: int) -> None:
    """A stricter root logger is opened while the run lives; a more open one is left alone."""
    root = logging.getLogger()
    level = root.level
    try:
        root.setLevel(before)
        with make_run():
            assert root.level == during
        assert root.level == before
    finally:
        root.setLevel(level)
