"""A run in a real Jupyter kernel: a table that is updated under its cell, and nothing left when the kernel ends."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog.testing import FakeReceiver
from tests.journals import json_lines
from tests.processes import TIMEOUT_S

pytest.importorskip("ipykernel", reason="ipykernel is not installed")
manager = pytest.importorskip("jupyter_client.manager", reason="jupyter_client is not installed")

INIT = "import otel_mmlog\nrun = otel_mmlog.init('<b>digits', work_dir={folder!r}, interval=1{options})"
TRAIN = "for batch in run.train(range({n})):\n    run.log(loss=0.5)\nfor batch in run.val(range(2)): pass"


class Kernel:
    """A kernel, and what its cells have shown."""

    def __init__(self, kernels: Any, client: Any) -> None:
        self.manager = kernels
        self.client = client

    def cell(self, source: str) -> list[tuple[str, Any]]:
        """Run a cell; type and content of each of its outputs."""
        shown: list[tuple[str, Any]] = []

        def take(message: Any) -> None:
            if message["msg_type"] not in ("status", "execute_input"):
                shown.append((message["msg_type"], message["content"]))

        self.client.execute_interactive(source, output_hook=take, timeout=TIMEOUT_S)
        assert not [content for kind, content in shown if kind == "error"], shown
        return shown


@contextmanager
def kernel() -> Iterator[Kernel]:
    """A kernel of the tests' own Python."""
    kernels, client = manager.start_new_kernel(startup_timeout=TIMEOUT_S)
    try:
        yield Kernel(kernels, client)
    finally:
        client.stop_channels()
        if kernels.is_alive():
            kernels.shutdown_kernel(now=True)
        kernels.cleanup_resources()


def tables(shown: list[tuple[str, Any]], kind: str = "update_display_data") -> list[Any]:
    return [content for each, content in shown if each == kind]


def printed(shown: list[tuple[str, Any]]) -> str:
    return "".join(content["text"] for kind, content in shown if kind == "stream")


def test_a_run_in_a_kernel(tmp_path: Path) -> None:
    """One table a cell, updated at most twice a second, at the end of the cell and of the run; warnings are lines."""
    with kernel() as jupyter:
        jupyter.cell(INIT.format(folder=str(tmp_path / "a"), options=""))
        began = time.monotonic()
        shown = jupyter.cell(f"{TRAIN.format(n=50)}\nrun.logger.warning('careful')\nrun")
        took_s = time.monotonic() - began
        again = jupyter.cell("for batch in run.train(range(9)): run.log(loss=0.25)")
        ended = jupyter.cell("run.close()")
        broken = jupyter.cell(
            INIT.format(folder=str(tmp_path / "b"), options="")
            + "\nshell = get_ipython()\npublish = shell.display_pub.publish\n"
            + "shell.display_pub.publish = lambda *_, **__: 1 / 0\n"
            + TRAIN.format(n=3)
            + "\nshell.display_pub.publish = publish\nrun.close()"
        )
        silent = jupyter.cell(
            INIT.format(folder=str(tmp_path / "c"), options=", console=False")
            + f"\n{TRAIN.format(n=3)}\ndone = run.close()"
        )

    (first,), updates = tables(shown, "display_data"), tables(shown)
    assert 1 <= len(updates) <= 2 + took_s / 0.5
    assert {table["transient"]["display_id"] for table in [first, *updates]} == {
        first["transient"]["display_id"]
    }
    last = updates[-1]["data"]
    assert "batch 50/50" in last["text/plain"]
    assert "loss 0.5" in last["text/plain"]
    assert "1 WARNING, 0 ERROR" in last["text/plain"]
    assert '<progress max="1" value="1.0000">' in last["text/html"]
    assert "&lt;b&gt;digits" in last["text/html"]
    assert "<b>" not in last["text/html"]
    assert "WARNING" in printed(shown)
    assert "loss" not in printed(shown)
    (result,) = tables(shown, "execute_result")
    assert result["data"]["text/plain"].startswith("<Run '<b>digits' ")
    assert "batch 50/50" in result["data"]["text/html"]

    assert tables(again, "display_data")[0]["transient"] == first["transient"], "the table moves along"
    assert "state: finished" in tables(ended)[-1]["data"]["text/plain"]
    assert "notebook failed (ZeroDivisionError" in printed(broken)
    assert (
        len([line for line in json_lines(tmp_path / "b" / "_b_digits.jsonl") if line.get("mode") == "train"])
        == 3
    )
    assert silent == []


@pytest.mark.parametrize("now", [False, True], ids=["shut down", "killed"])
def test_no_process_outlives_the_kernel(tmp_path: Path, now: bool) -> None:
    """A kernel that ends in the middle of a run leaves no sender, and all is delivered that was logged."""
    with FakeReceiver() as receiver, kernel() as jupyter:
        variables = f"import os\nos.environ['OTEL_EXPORTER_OTLP_ENDPOINT'] = {receiver.http_endpoint!r}\n"
        variables += "os.environ['OTEL_EXPORTER_OTLP_PROTOCOL'] = 'http/protobuf'\n"
        jupyter.cell(variables + INIT.format(folder=str(tmp_path), options=""))
        jupyter.cell(TRAIN.format(n=5) + "\nrun.logger.info('the last')")
        until(lambda: bool(senders(tmp_path)))
        jupyter.manager.shutdown_kernel(now=now)
        until(lambda: not senders(tmp_path))
        assert "the last" in [log.body for log in receiver.logs()]
    names = [line.get("event_name") for line in json_lines(tmp_path / "_b_digits.jsonl")]
    assert ("mmlog.run.end" in names) is not now


def senders(folder: Path) -> list[int]:
    """The senders of the runs in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:  # it has ended
            continue
        if b"otel_mmlog.sender_main" in command and str(folder).encode() in command:
            found.append(int(path.parent.name))
    return found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
