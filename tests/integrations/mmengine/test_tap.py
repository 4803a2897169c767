"""What MMEngine's loggers say, in our files and in theirs."""

import logging
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.integrations.mmengine.tap import Tap
from tests.integrations.mmengine.runners import instrumented, make_runner, name_of, quiet
from tests.journals import json_lines, read_journals, text_lines
from tests.processes import run_python

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mmengine.logging import MMLogger, print_log

OTHERS = """
import logging, sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from tests.integrations.mmengine.runners import instrumented, make_runner
own = logging.getLogger("own")
own.addHandler(logging.StreamHandler())


def say():
    warnings.simplefilter("always")
    for logger in (logging.getLogger("theirs.sub"), own):
        for level in (10, 20, 30, 40):
            logger.log(level, "%s at %s", logger.name, level)
    warnings.warn("from python")
    warnings.simplefilter("ignore")
    print("-" * 9, file=sys.stderr)


for name in ("none", "basic"):
    say()
    with instrumented():
        make_runner(Path(sys.argv[1]) / name)
        say()
    logging.basicConfig(format="ROOT %(levelname)s %(name)s %(message)s")
"""
PREFIX = re.compile(r"^\S+ \S+ - ")


class Early(MMLogger):  # type: ignore[misc]  # mmengine has no types
    """A user's logger, defined before the integration is on."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        self.extra = 1


@pytest.fixture
def on() -> Iterator[None]:
    """The integration, on."""
    with instrumented():
        yield


def texts(folder: Path) -> list[str]:
    """The messages in our text file, without those of start and end."""
    return [PREFIX.sub("", line) for line in text_lines(folder / f"{name_of(folder)}.log")]


def tap_of(logger: logging.Logger) -> list[int]:
    return [index for index, handler in enumerate(logger.handlers) if isinstance(handler, Tap)]


def test_first_in_every_logger(tmp_path: Path) -> None:
    """The tap is the first handler, once, of loggers and subclasses made before, and of those made after."""
    plain = MMLogger.get_instance(f"{tmp_path}_plain")
    early = Early.get_instance(f"{tmp_path}_early")
    with instrumented():

        class Late(MMLogger):  # type: ignore[misc]  # mmengine has no types
            """Defined after."""

            def __init__(self, name: str, color: str = "red") -> None:
                super().__init__(name=name, logger_name=f"late.{color}")

        late = Late.get_instance(f"{tmp_path}_late", color="blue")
        again = Early(name=f"{tmp_path}_again")
        loggers = [plain, early, again, late, make_runner(tmp_path).logger, MMLogger.get_current_instance()]
        assert [tap_of(logger) for logger in loggers] == [[0]] * len(loggers)
        assert late.name == "late.blue"
        early.info("from early")
        late.warning("from late %s", 1)
    assert [tap_of(logger) for logger in loggers] == [[]] * len(loggers)
    found = texts(tmp_path)
    assert "mmengine - INFO - from early" in found
    assert "late.blue - WARNING - from late 1" in found


@pytest.mark.usefixtures("on")
def test_every_way_to_log(tmp_path: Path) -> None:
    """`print_log` by object, by name and to the current logger, and what was said before the Runner existed."""
    MMLogger.get_instance(f"{tmp_path}_before").info("said before")
    runner = make_runner(tmp_path)
    other = MMLogger.get_instance(f"{tmp_path}_other", logger_name="other")
    print_log("by object", logger=runner.logger)
    print_log("by name", logger=f"{tmp_path}_other", level=logging.ERROR)
    print_log("to the current", logger="current")
    print_log("to nobody", logger="silent")
    print_log("printed")
    other.debug("below the level")
    runner.logger.info("%d of %s", 1, "two")
    found = texts(tmp_path)
    assert "mmengine - INFO - said before" in found
    assert "mmengine - INFO - by object" in found
    assert any(line.startswith("other - ERROR - ") and line.endswith(" - by name") for line in found)
    assert "other - INFO - to the current" in found
    assert "mmengine - INFO - 1 of two" in found
    for text in ("to nobody", "printed", "below the level"):
        assert text not in "\n".join(found)
    bodies = [record.body for record in read_journals(tmp_path).logs]
    assert [bodies.count(text) for text in ("by object", "by name", "to the current", "said before")] == [
        1
    ] * 4


@pytest.mark.usefixtures("on")
def test_warnings_that_mmengine_swallows(tmp_path: Path) -> None:
    """A warning whose format was seen before is ours, and so is one that raises in MMEngine's filter."""
    logger = make_runner(tmp_path).logger
    logger.warning("w %s", 1)
    logger.warning("w %s", 2)
    logger.warning("w %s", 2)
    with pytest.raises(TypeError):
        logger.warning({"a": "dict"})
    found = texts(tmp_path)
    assert [line for line in found if " - w " in line] == [
        "mmengine - WARNING - w 1",
        "mmengine - WARNING - w 2",
    ]
    assert "mmengine - WARNING - {'a': 'dict'}" in found
    levels = [line["event"] for line in json_lines(tmp_path / f"{name_of(tmp_path)}.jsonl")]
    assert levels.count("w 2") == 2


@pytest.mark.usefixtures("on")
def test_second_logger_on_one_file(tmp_path: Path) -> None:
    """Where a second logger truncates MMEngine's file, ours has the lines of both."""
    make_runner(tmp_path)
    first = MMLogger.get_instance(f"{tmp_path}_1", log_file=str(tmp_path / "theirs.log"))
    first.info("from the first")
    second = MMLogger.get_instance(f"{tmp_path}_2", log_file=str(tmp_path / "theirs.log"))
    second.info("from the second")
    assert {"mmengine - INFO - from the first", "mmengine - INFO - from the second"} <= set(texts(tmp_path))


def talk(folder: Path) -> str:
    """Build a Runner, say something on every level, and return what MMEngine's own file then has."""
    runner = make_runner(folder, log_level="INFO")
    runner.train()
    runner.test()
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        runner.logger.log(level, "said %s", level)
    return Path(runner.logger.log_file).read_text()


def scrubbed(text: str, folder: Path) -> list[str]:
    """Without times, folders, and the facts of the machine."""
    text = text.replace(str(folder), "").replace(name_of(folder), "").replace(folder.name, "")
    text = re.sub(r"\d{8}_\d{6}|\d\d/\d\d \d\d:\d\d:\d\d|\d{4}/", "", text)
    text = re.sub(r"(eta|time|time_max|data_time): [\d:.]+", r"\1", text)
    # that one is told by the logger before this one, which tells a warning once
    return [line for line in text.splitlines() if "prefix is not set" not in line]


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_mmengines_own_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    """Console and log file of MMEngine are as without us, also while our level is another."""
    with quiet():
        plain = scrubbed(talk(tmp_path / "plain"), tmp_path / "plain")
    printed = scrubbed(capsys.readouterr().out, tmp_path / "plain")
    monkeypatch.setenv("OTEL_MMLOG_LOG_LEVEL", level.lower())
    with instrumented():
        ours = scrubbed(talk(tmp_path / "ours"), tmp_path / "ours")
        shown = capsys.readouterr()
    assert ours == plain
    assert scrubbed(shown.out, tmp_path / "ours") == printed
    assert shown.err == ""
    found = texts(tmp_path / "ours")
    assert ("mmengine - DEBUG - said 10" in found) == (level == "DEBUG")
    assert any("instance is built from registry" in line for line in found) == (level == "DEBUG")
    assert len(printed) > 30


@pytest.mark.parametrize("written", ["debug", "Debug ", logging.DEBUG])
@pytest.mark.usefixtures("on")
def test_level_in_any_case(tmp_path: Path, written: Any) -> None:
    """A config's level may be written in any case, and holds for MMEngine's output and for ours."""
    runner = make_runner(tmp_path, log_level=written)
    runner.logger.debug("a detail")
    assert "mmengine - DEBUG - a detail" in texts(tmp_path)
    assert "a detail" in Path(runner.logger.log_file).read_text()


@pytest.mark.usefixtures("on")
def test_unknown_level(tmp_path: Path) -> None:
    """A level that does not exist fails when the Runner is built, and the message has the choices."""
    with pytest.raises(ConfigError, match=r"'verbose'.*DEBUG, INFO"):
        make_runner(tmp_path, log_level="verbose")


@pytest.mark.usefixtures("on")
def test_in_a_forked_child(tmp_path: Path) -> None:
    """A forked child's lines are in the files once, say which process it was, and open no span."""
    runner = make_runner(tmp_path, log_level="DEBUG")
    child = os.fork()
    if child == 0:
        runner.logger.info("in the child")
        runner.build_evaluator([{"type": "DumpResults", "out_file_path": "a.pkl"}])
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    lines = json_lines(tmp_path / f"{name_of(tmp_path)}.jsonl")
    assert [line["process.pid"] for line in lines if line["event"] == "in the child"] == [child]
    started = [r for r in read_journals(tmp_path).logs if r.event_name == "mmlog.span.start"]
    assert not [record for record in started if record.attributes.get("process.pid") == child]
    assert not [record for record in started if "DumpResults" in str(record.attributes)]


def test_what_others_print(tmp_path: Path) -> None:
    """Other libraries and Python's warnings print what they would without us, with and without a root handler."""
    done = run_python(OTHERS, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    bare, bare_ours, basic, basic_ours, _end = done.stderr.split("-" * 9 + "\n")
    assert bare_ours == bare
    assert basic_ours == basic
    assert bare.startswith("theirs.sub at 30\ntheirs.sub at 40\nown at 30\nown at 40\n")
    assert basic.startswith("ROOT WARNING theirs.sub theirs.sub at 30\n")
    assert bare.count("UserWarning: from python") == 1
    assert "theirs.sub - WARNING - theirs.sub at 30" in texts(tmp_path / "basic")
