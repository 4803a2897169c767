"""A server in a process of its own, which can be killed and costs little: ``sink.py FILE PORT``.

It looks at no request: it appends each to a file, as JSON Lines in gzip, before it answers. It takes JSON only.
"""

import gzip
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.processes import REPOSITORY, environment

_NEWLINE = gzip.compress(b"\n")


@contextmanager
def sink(file: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A server that is ready; at the end it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.endpoint.sink", str(file), str(port)],
        cwd=REPOSITORY,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), f"no server on port {port}: it ended with {process.wait(10)}"
            yield process
        finally:
            process.kill()


def lines_of(paths: Iterable[Path]) -> Iterator[bytes]:
    """The requests in files of sinks, or of Collectors, which are not compressed."""
    for path in paths:
        with path.open("rb") as start:
            is_packed = start.read(2) == _NEWLINE[:2]
        with gzip.open(path) if is_packed else path.open("rb") as file:
            yield from file


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    file = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") != "gzip":
            body = gzip.compress(body, 1)
        os.write(self.file, body + _NEWLINE)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *args: object) -> None:
        """Print nothing of clients that are gone."""


def main() -> None:
    """Take requests until killed, or until whoever started it is gone."""
    _Handler.file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    server = _Server(("127.0.0.1", int(sys.argv[2])), _Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
