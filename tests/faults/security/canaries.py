"""Secrets that must be found nowhere: where they are put, and where they are looked for."""

import base64
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

_MARK = "cAnArY"


def canary(name: str) -> str:
    """A secret that says where it was put."""
    return f"{_MARK}-{name}-0123456789"


def forms(secrets: Iterable[str]) -> list[bytes]:
    """Secrets as they may be written: as they are, percent-encoded, and in base64 at any offset."""
    found: list[bytes] = []
    for secret in secrets:
        data = secret.encode()
        found += [data, quote(secret, safe="").encode()]
        found += [base64.b64encode(b"." * offset + data + b"...")[4:-8] for offset in range(3)]
    return found


@dataclass(slots=True)
class Watch:
    """Looks for secrets.

    Attributes:
        secrets: The secrets.
        wrong: A sentence for each place where one was found.
        places: How many places were looked at.
    """

    secrets: Iterable[str]
    wrong: list[str] = field(default_factory=list)
    places: int = 0

    def look(self, where: str, data: bytes | str) -> None:
        """Look at some data."""
        self.places += 1
        data = data.encode() if isinstance(data, str) else data
        found = {secret for secret in self.secrets if any(form in data for form in forms([secret]))}
        self.wrong += [f"{secret} is in {where}" for secret in sorted(found)]

    def look_below(self, folder: Path, skip: Iterable[Path] = ()) -> None:
        """Look at every file's name and content."""
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path not in skip:
                self.look(str(path.relative_to(folder)), os.fsencode(path) + path.read_bytes())

    def look_at_processes(self, pids: Iterable[int]) -> None:
        """Look at command lines, which every user of the machine sees."""
        for pid in pids:
            self.look(f"the command line of {pid}", _read(f"/proc/{pid}/cmdline"))


def environment_of(pid: int) -> Mapping[str, str]:
    """The environment that a process was started with."""
    entries = _read(f"/proc/{pid}/environ").decode("utf-8", "surrogateescape").split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
