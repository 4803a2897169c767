"""Whatever is logged, each event is whole: one line a file, one object, one log record."""

import contextlib
import logging
import logging.config
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog
from hypothesis import example, given, settings
from hypothesis import strategies as st

import otel_mmlog
from tests.conftest import MakeRun
from tests.journals import bodies, events, json_lines, read_journals, text_lines

ANY_TEXT = st.text(st.characters(), max_size=30)


@contextlib.contextmanager
def bare_root() -> Iterator[None]:
    """The root logger without pytest's own handlers, which raise for what they cannot format."""
    root = logging.getLogger()
    handlers, root.handlers[:] = list(root.handlers), []
    try:
        yield
    finally:
        root.handlers[:] = handlers


def test_bound_values(make_run: MakeRun, tmp_path: Path) -> None:
    """Bound values and context variables are in text, JSON and journal, whatever their names."""
    with make_run() as run, structlog.contextvars.bound_contextvars(job="j"):
        run.logger.bind(phase="warmup").info("x", name="y", rank=9, level="z", value=[1, float("nan")])
    (line,) = events(tmp_path)
    expected = {
        "job": "j",
        "phase": "warmup",
        "name": "y",
        "rank": 0,
        "rank_": 9,
        "level": "INFO",
        "level_": "z",
        "value": [1, "NaN"],
    }
    assert expected.items() <= line.items()
    (_, text, *_) = text_lines(tmp_path / "tmp.log")
    assert text.endswith(" - x  phase=warmup  name=y  rank=9  value=[1, nan]  job=j  level_=z")
    (log,) = [log for log in read_journals(tmp_path).logs if log.body == "x"]
    assert (log.attributes["job"], log.attributes["name"], log.attributes["rank"]) == ("j", "y", 9)


def test_exceptions_that_are_logged(make_run: MakeRun, tmp_path: Path) -> None:
    """``exception()`` brings the traceback to text, JSON and journal; one grep drops it from the text."""
    empty: dict[str, int] = {}
    with make_run() as run:
        for logger in (run.logger, logging.getLogger("lib")):
            try:
                empty["key"]
            except KeyError:
                logger.exception("failed")
    for line in events(tmp_path):
        assert line["exception"]["type"] == "KeyError"
        assert line["exception"]["stacktrace"].endswith("KeyError: 'key'\n")
    kept = [line for line in text_lines(tmp_path / "tmp.log") if not line.startswith("    | ")]
    assert len(kept) == 5
    assert "    | KeyError: 'key'" in text_lines(tmp_path / "tmp.log")
    logs = [log for log in read_journals(tmp_path).logs if log.body == "failed"]
    assert [log.attributes["exception.type"] for log in logs] == ["KeyError"] * 2


def test_threads(make_run: MakeRun, tmp_path: Path) -> None:
    """Log calls of several threads are whole lines; each has its number."""
    with make_run() as run:

        def work(name: int) -> None:
            for number in range(50):
                run.logger.info(f"{name}-{number}", pad="x" * 300)

        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(bodies(tmp_path)) == sorted(f"{name}-{number}" for name in range(4) for number in range(50))
    assert [line["seq"] for line in json_lines(tmp_path / "tmp.jsonl")] == list(range(203))
    assert len(text_lines(tmp_path / "tmp.log")) == 203


def test_exception_in_a_thread(make_run: MakeRun, tmp_path: Path) -> None:
    """An exception that ends a thread is in the files; the run goes on and ends well."""

    def fail() -> None:
        raise KeyError("thread")

    quiet, threading.excepthook = threading.excepthook, lambda _args: None
    try:
        with make_run() as run:
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
            run.logger.info("after")
    finally:
        threading.excepthook = quiet
    error, after = events(tmp_path)
    assert error["exception"]["type"] == "KeyError"
    assert after["event"] == "after"
    (span,) = read_journals(tmp_path).spans
    assert span.status != 2


class Unprintable:
    """Has no text."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


def test_unprintable_values(make_run: MakeRun, tmp_path: Path) -> None:
    """A value that cannot be written costs its own field, in each output."""
    cycle: dict[str, Any] = {}
    cycle["self"] = cycle
    with bare_root(), make_run() as run:
        run.logger.info("x", bad=Unprintable(), cycle=cycle, good=1)
        logging.getLogger("lib").info(Unprintable())
        logging.getLogger("lib").info("%s and more", Unprintable())
        run.logger.info("still here")
    lines = events(tmp_path)
    assert len(lines) == 4
    assert lines[0]["good"] == 1
    assert lines[-1]["event"] == "still here"
    (log,) = [log for log in read_journals(tmp_path).logs if log.body == "x"]
    assert log.attributes["good"] == 1
    assert not [line for line in lines if line["level"] == "WARNING"]


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.tuples(ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT), min_size=1, max_size=5),
)
@example(texts=[("\ud800", "\ud801", "\ud802", "\ud803")])
def test_one_physical_line_an_event(texts: list[tuple[str, str, str, str]]) -> None:
    """Whatever is logged: one text line and one strict JSON line an event, and no raw control character."""
    with tempfile.TemporaryDirectory() as folder:
        work_dir = Path(folder)
        with otel_mmlog.init("tmp", work_dir=work_dir, console=False) as run:
            for message, key, name, error in texts:
                run.logger.info(message, **{f"k{key}": key})
                logging.getLogger(f"lib{name}").error("e", exc_info=ValueError(error))
                run.log({f"k{key}": 1.0})
        expected = 3 + 2 * len(texts) + 1  # start, log calls, one record, two lines at the end
        lines = json_lines(work_dir / "tmp.jsonl")
        assert len([line for line in lines if line["logger"] != "otel_mmlog"]) == expected
        raw = (work_dir / "tmp.log").read_bytes().decode("utf-8")
        assert raw[:-1].split("\n") == raw.splitlines()
        assert not any(ord(char) < 32 and char not in "\t\n" for char in raw)
        assert len([line for line in raw.splitlines() if not line.startswith("    | ")]) == len(lines)
        logs = [log for log in read_journals(work_dir).logs if log.event_name != "mmlog.span.start"]
        assert len(logs) == len(lines)
