"""Journals to send, a server to send them to, and the command line as a user calls it."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import otel_mmlog
from otel_mmlog.cli.main import main
from otel_mmlog.testing import FakeReceiver

Cli = Callable[..., Result]
MakeJournal = Callable[..., Path]


@pytest.fixture(autouse=True)
def plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable that changes where requests go or whom they trust."""
    for name in os.environ:
        if name.lower().endswith(("_proxy", "_ca_bundle")):
            monkeypatch.delenv(name)


@pytest.fixture
def receiver() -> Iterator[FakeReceiver]:
    with FakeReceiver() as running:
        yield running


@pytest.fixture
def cli() -> Cli:
    """``otel-mmlog send ...`` in this process, its stdout and stderr apart."""

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(main, ["send", *map(str, arguments)], prog_name="otel-mmlog")

    return call


@pytest.fixture
def make_journal(tmp_path: Path) -> MakeJournal:
    """The work_dir of a run that logged some losses and texts, and was closed, with no endpoint."""

    def make(name: str = "run", *losses: float, texts: Sequence[str] = ()) -> Path:
        work_dir = tmp_path / name
        with otel_mmlog.init(name, work_dir=work_dir, console=False, interval=1) as run:
            for loss in run.train(losses or (0.5, 0.25)):
                run.log(loss=loss)
            for text in texts:
                run.logger.info(text)
        return work_dir

    return make
