"""What Python prints where no handler is, although ours is there."""

import logging

import pytest

from otel_mmlog.last_resort import LastResort
from otel_mmlog.pipeline.events import EVENT_DICT


def run_handler_alone(monkeypatch: pytest.MonkeyPatch) -> LastResort:
    """Leave nothing on the root logger but a run's handler and the last resort, pytest's handlers included."""
    own = logging.NullHandler()
    last_resort = LastResort(own)
    monkeypatch.setattr(logging.getLogger(), "handlers", [own, last_resort])
    return last_resort


def test_a_warning_that_nobody_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A WARNING of a library goes to standard error as it would without the run; an INFO does not."""
    run_handler_alone(monkeypatch)
    logging.getLogger("library").warning("disk is slow")
    logging.getLogger("library").info("all well")
    assert capsys.readouterr().err == "disk is slow\n"


def test_a_handler_of_the_library_is_enough(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where any other handler is on the way to the root, nothing is printed a second time."""
    run_handler_alone(monkeypatch)
    monkeypatch.setattr(logging.getLogger("library"), "handlers", [logging.NullHandler()])
    logging.getLogger("library.part").warning("disk is slow")
    assert capsys.readouterr().err == ""


def test_a_logger_of_its_own_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A logger that does not propagate never comes here."""
    seen: list[logging.LogRecord] = []
    monkeypatch.setattr(run_handler_alone(monkeypatch), "emit", seen.append)
    monkeypatch.setattr(logging.getLogger("island"), "propagate", False)
    logging.getLogger("island").error("alone")
    assert not seen


def test_what_the_run_tells_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Events of the run, and warnings of the package, are not what Python would print without them."""
    run_handler_alone(monkeypatch)
    logging.getLogger("mmengine").error("Uncaught exception", extra={EVENT_DICT: {}})
    logging.getLogger("otel_mmlog").warning("the disk is full")
    assert capsys.readouterr().err == ""
