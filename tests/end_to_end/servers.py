"""Real servers for tests: started on loopback, waited for, and ended by their own pid."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

START_TIMEOUT_S = 40.0
STOP_TIMEOUT_S = 15.0
READY = "Everything is ready. Begin running and processing data."


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is ready.

    Attributes:
        process: The server itself.
        log: What it has written to stdout and stderr.
    """

    process: "subprocess.Popen[bytes]"
    log: Path

    def stop(self) -> None:
        """Ask it to end, as an operator would; after a while insist."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def program(name: str) -> str:
    """The path of a server's program; the test is skipped where it is not installed."""
    path = shutil.which(name)
    if path is None and os.environ.get("MMLOG_TESTS_REQUIRE_SERVERS"):
        pytest.fail(f"{name} is not on PATH, and MMLOG_TESTS_REQUIRE_SERVERS says that it must be")
    if path is None:
        pytest.skip(f"{name} is not on PATH: install it, or put its folder on PATH, to run this test")
    return path


def free_port() -> int:
    """A loopback port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], timeout_s: float, *, poll_s: float = 0.05) -> bool:
    """Whether a condition becomes true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(poll_s)
    return True


@contextmanager
def otelcol(config: Path, folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A real Collector with a configuration file, working in a folder.

    Args:
        config: The configuration.
        folder: Its working directory; its log goes there too.
        variables: Added to its environment.
    """
    command = [program("otelcol"), "--config", str(config)]
    log = folder / "otelcol.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(variables or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(process, log)
    try:
        wait_until(lambda: READY in log.read_text() or process.poll() is not None, START_TIMEOUT_S)
        if READY not in log.read_text():
            pytest.fail(f"otelcol did not start with {config}:\n{log.read_text()[-4000:]}")
        yield server
    finally:
        server.stop()
