"""The sockets of processes: those that are open at a moment, and every one that was ever made."""

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_LISTENS = "0A"
_ACCEPTS = 0x10000  # of a socket of this machine alone
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)")


@dataclass(frozen=True, slots=True)
class Open:
    """An open socket.

    Attributes:
        kind: ``tcp``, ``udp6``, ``unix``, ...; ``other`` for what is in none of these tables.
        listens: Whether others can connect to it.
        peer: Hexadecimal address and port of the other end, or what stands in its place.
    """

    kind: str
    listens: bool
    peer: str = ""


def open_sockets(pid: int) -> list[Open]:
    """The sockets that a process has open now; none if it has gone."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(OSError):
            target = str(entry.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    if not inodes:
        return []
    known = dict(_known(pid))
    return [known.get(inode, Open("other", listens=False)) for inode in inodes]


def can_trace(folder: Path) -> bool:
    """Whether ``strace`` is here and may trace."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run([*traced(folder / "tried"), "true"], capture_output=True, check=False)
    return tried.returncode == 0


def traced(files: Path) -> list[str]:
    """What a command line begins with for `calls` to know what its processes did.

    Args:
        files: One is written for each thread, of this name and the thread's number.
    """
    names = "trace=socket,socketpair,bind,listen,accept,accept4,connect,clone,clone3,fork,vfork,execve"
    return ["strace", "-ff", "-qq", "-e", names, "-e", "signal=none", "-s", "4096", "-o", str(files)]


def calls(files: Path) -> list[tuple[bool, str, str]]:
    """The calls about sockets that were traced: whether a sender made it, its name and what it was given."""
    by_thread = {
        int(path.suffix[1:]): [
            match.groups() for match in map(_CALL.match, path.read_text().splitlines()) if match
        ]
        for path in files.parent.glob(f"{files.name}.*")
    }
    parents = {
        int(result): thread
        for thread, lines in by_thread.items()
        for name, _, result in lines
        if name in {"clone", "clone3", "fork", "vfork"}
    }
    senders = {
        thread
        for thread, lines in by_thread.items()
        if any(name == "execve" and "otel_mmlog.sender_main" in given for name, given, _ in lines)
    }
    return [
        (any(each in senders for each in _line(thread, parents)), name, given)
        for thread, lines in by_thread.items()
        for name, given, _ in lines
        if name in {"socket", "socketpair", "bind", "listen", "accept", "accept4", "connect"}
    ]


def child_pids(pid: int) -> list[int]:
    """The processes that a process started, those which run now."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, path.read_text().split())
    return found


def _line(thread: int, parents: dict[int, int]) -> Iterator[int]:
    """A thread, who made it, and so on."""
    yield thread
    while thread in parents:
        thread = parents[thread]
        yield thread


def _known(pid: int) -> Iterator[tuple[str, Open]]:
    """By inode, the sockets of a process's network namespace."""
    for kind in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        for _, _, peer, state, *rest in _rows(Path(f"/proc/{pid}/net/{kind}")):
            yield rest[5], Open(kind, listens=kind.startswith("tcp") and state == _LISTENS, peer=peer)
    for _, _, _, flags, _, _, inode, *path in _rows(Path(f"/proc/{pid}/net/unix")):
        yield inode, Open("unix", listens=bool(int(flags, 16) & _ACCEPTS), peer="".join(path))


def _rows(table: Path) -> Iterable[Sequence[str]]:
    try:
        return [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []
