"""Folders and files of a run's own: their modes, and whose are taken."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_mmlog.core.own_folders import PRIVATE, is_own, make_above, make_folder
from otel_mmlog.core.plain_files import open_plain
from otel_mmlog.sender.quarantine import put_aside
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.words import open_words
from tests.faults.security.other_users import shared_folder
from tests.processes import run_python

OTHER = 12345
GROUP = 54321
OURS = os.getegid()
_WRITE = """
import os, pathlib, sys
from otel_mmlog.core.plain_files import open_plain

user, group = int(sys.argv[1]), int(sys.argv[2])
os.setgroups([group])
os.setgid(user)
os.setuid(user)
os.write(open_plain(pathlib.Path(sys.argv[3]), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o660), b"x")
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to give files to somebody else")


@pytest.fixture(params=[0o077, 0o022, 0o000])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path, file_mode: int = PRIVATE) -> None:
    descriptor = open_plain(path, os.O_WRONLY | os.O_CREAT, file_mode)
    os.write(descriptor, b"x")
    os.close(descriptor)


def write_as(user: int, path: Path) -> str:
    """Have another user, who is in the group, append to a file of mode 0660; the error, if there is one."""
    return run_python(_WRITE, user, GROUP, path).stderr


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o600, 0o700), (0o640, 0o750), (0o664, 0o775)])
def test_modes(tmp_path: Path, file_mode: int, folder_mode: int) -> None:
    """Folders and the files in them have the wanted mode, whatever the umask is; those above are at least as open."""
    folder = tmp_path / "a/b/c"
    make_folder(folder, file_mode, levels=2)
    write(folder / "file", file_mode)
    assert [mode(folder), mode(folder.parent)] == [folder_mode] * 2
    assert mode(folder / "file") == file_mode
    before = os.umask(0)
    os.umask(before)
    assert mode(tmp_path / "a") == 0o777 & ~before | folder_mode


def test_what_is_there_stays(tmp_path: Path) -> None:
    """A file or a folder whose mode somebody has changed keeps it."""
    make_folder(tmp_path / "a", 0o600)
    write(tmp_path / "a/file")
    for path in (tmp_path / "a", tmp_path / "a/file"):
        path.chmod(0o744)
    make_folder(tmp_path / "a", 0o600)
    write(tmp_path / "a/file")
    assert [mode(tmp_path / "a"), mode(tmp_path / "a/file")] == [0o744] * 2


def test_own_links_to_folders(tmp_path: Path) -> None:
    """A folder may be one's own link to another disk; a file may be none."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "a").symlink_to("disk")
    make_folder(tmp_path / "a")
    write(tmp_path / "a/file")
    (tmp_path / "link").symlink_to("disk/file")
    with pytest.raises(OSError, match="symbolic"):
        write(tmp_path / "link")


def test_what_is_no_folder(tmp_path: Path) -> None:
    """A file, a link that leads nowhere and a pipe are no folders."""
    (tmp_path / "file").touch()
    (tmp_path / "lost").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    for name in ("file", "lost", "pipe"):
        with pytest.raises(NotADirectoryError):
            make_folder(tmp_path / name)
        assert not is_own(tmp_path / name)


@pytest.mark.parametrize("folder_mode", [0o755, 0o777, 0o2770])
@pytest.mark.usefixtures("umask")
def test_folder_has_no_say_in_modes(tmp_path: Path, folder_mode: int) -> None:
    """A file has the mode that was asked for, whatever folder it is in."""
    tmp_path.chmod(folder_mode)
    write(tmp_path / "file")
    assert mode(tmp_path / "file") == 0o600


def test_folders_are_widened(tmp_path: Path) -> None:
    """A folder from a run with narrower files is opened to those who may read the new ones; a link's target is not."""
    for name in ("a", "disk"):
        (tmp_path / name).mkdir(0o700)
    (tmp_path / "link").symlink_to("disk")
    make_folder(tmp_path / "a", 0o640)
    make_folder(tmp_path / "link", 0o640)
    assert [mode(tmp_path / "a"), mode(tmp_path / "disk")] == [0o750, 0o700]


def test_file_systems_without_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose mode cannot be changed is used as it is."""

    def refuse(_descriptor: int, _mode: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "fchmod", refuse)
    (tmp_path / "a").mkdir(0o700)
    make_folder(tmp_path / "a", 0o640)
    make_folder(tmp_path / "b/c", 0o640)
    assert is_own(tmp_path / "b/c")


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("file_mode", [0o600, 0o640])
def test_files_of_a_sender(tmp_path: Path, file_mode: int) -> None:
    """Cursor, quarantine and words have the mode that the sender was told, also in a folder that is open to all."""
    tmp_path.chmod(0o755)
    reader = JournalReader(tmp_path, file_mode=file_mode)
    assert reader.try_lock()
    reader.save()
    reader.close()
    put_aside(tmp_path, "logs", [b"a\n"], "bad", 0, file_mode)
    os.close(open_words(tmp_path, file_mode))
    found = {path.name: mode(path) for path in tmp_path.iterdir()}
    assert found == dict.fromkeys(["cursor", "quarantine.logs.jsonl", "sender.log"], file_mode)


@pytest.mark.usefixtures("umask")
def test_what_is_above(tmp_path: Path) -> None:
    """Who may read the files gets at them; a folder that is there already is not touched."""
    tmp_path.chmod(0o700)
    make_above(tmp_path / "a/b", 0o640)
    assert all(mode(path) & 0o750 == 0o750 for path in (tmp_path / "a", tmp_path / "a/b"))
    assert mode(tmp_path) == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        make_above(tmp_path / "file")


@needs_root
@pytest.mark.parametrize(
    ("file_mode", "group", "parent_mode", "is_taken"),
    [
        (0o660, OURS, 0o770, True),
        (0o664, OURS, 0o2775, True),
        (0o660, OURS, 0o1777, False),
        (0o660, OTHER, 0o770, False),
        (0o600, OURS, 0o777, False),
        (0o644, OURS, 0o2770, False),
    ],
)
def test_whose_is_taken(tmp_path: Path, file_mode: int, group: int, parent_mode: int, is_taken: bool) -> None:
    """What another user made is taken if the user lets the group write, it is the group's, and not everybody's."""
    tmp_path.chmod(parent_mode)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "file").write_bytes(b"y")
    for name in ("theirs", "file"):
        os.chown(tmp_path / name, OTHER, group)
    assert is_own(tmp_path / "theirs", file_mode) is is_taken
    for use in (
        lambda: make_folder(tmp_path / "theirs", file_mode),
        lambda: write(tmp_path / "file", file_mode),
    ):
        with contextlib.nullcontext() if is_taken else pytest.raises(PermissionError, match="another user"):
            use()
    assert (tmp_path / "file").read_bytes() == (b"x" if is_taken else b"y")


@needs_root
@pytest.mark.parametrize("file_mode", [0o600, 0o660])
def test_links_of_others(tmp_path: Path, file_mode: int) -> None:
    """A link of another user is never followed, not even of one who may write."""
    (tmp_path / "ours").mkdir()
    (tmp_path / "link").symlink_to("ours")
    os.chown(tmp_path / "link", OTHER, OURS, follow_symlinks=False)
    with pytest.raises(PermissionError, match="another user"):
        make_folder(tmp_path / "link", file_mode)


@needs_root
def test_members_of_a_group() -> None:
    """By 0660 two users of a group share a file; one that is not the group's they do not take."""
    with shared_folder(mode=0o755) as above:
        folder = above / "run"
        folder.mkdir()
        os.chown(folder, 0, GROUP)
        folder.chmod(0o2770)
        assert [write_as(OTHER, folder / "file"), write_as(OTHER + 1, folder / "file")] == ["", ""]
        assert (folder / "file").read_bytes() == b"xx"
        os.chown(folder / "file", OTHER, OTHER)
        (folder / "file").chmod(0o666)
        assert "it belongs to another user" in write_as(OTHER + 1, folder / "file")
        assert (folder / "file").read_bytes() == b"xx"


@needs_root
def test_owner_of_the_folder(tmp_path: Path) -> None:
    """Who owns the folder has a say there: root goes on where a user began."""
    os.chown(tmp_path, OTHER, OTHER)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "file").touch()
    for name in ("theirs", "file"):
        os.chown(tmp_path / name, OTHER, OTHER)
    make_folder(tmp_path / "theirs")
    write(tmp_path / "file", 0o600)


@pytest.mark.parametrize(
    ("folder_mode", "is_taken"), [(0o700, True), (0o755, True), (0o775, False), (0o1777, False)]
)
def test_second_names(tmp_path: Path, folder_mode: int, is_taken: bool) -> None:
    """A file with a second name is anybody's where others may write."""
    (tmp_path / "elsewhere").touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(folder_mode)
    os.link(tmp_path / "elsewhere", folder / "file")
    if is_taken:
        write(folder / "file", 0o600)
    else:
        with pytest.raises(PermissionError, match="second name"):
            write(folder / "file", 0o600)
    assert (tmp_path / "elsewhere").read_bytes() == (b"x" if is_taken else b"")
