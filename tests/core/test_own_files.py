"""Folders and files of a run's own: their modes, and whose are taken."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_mmlog.core.own_folders import is_own, make_folder
from otel_mmlog.core.plain_files import open_plain

OTHER = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to give files to somebody else")


@pytest.fixture(params=[0o077, 0o022, 0o000])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path, file_mode: int | None = None) -> None:
    descriptor = open_plain(path, os.O_WRONLY | os.O_CREAT, file_mode)
    os.write(descriptor, b"x")
    os.close(descriptor)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o600, 0o700), (0o640, 0o750), (0o664, 0o775)])
def test_modes(tmp_path: Path, file_mode: int, folder_mode: int) -> None:
    """Folders and the files in them have the wanted mode, whatever the umask is; those above are the umask's."""
    folder = tmp_path / "a/b/c"
    make_folder(folder, file_mode, levels=2)
    write(folder / "file")
    write(tmp_path / "other", file_mode)
    assert [mode(folder), mode(folder.parent)] == [folder_mode] * 2
    assert [mode(folder / "file"), mode(tmp_path / "other")] == [file_mode] * 2
    before = os.umask(0)
    os.umask(before)
    assert mode(tmp_path / "a") == 0o777 & ~before


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


@needs_root
@pytest.mark.parametrize("shared", [False, True])
def test_folders_of_others(tmp_path: Path, shared: bool) -> None:
    """A folder, a link or a file of another user is taken only where the group may write by the user's wish."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "link").symlink_to("theirs")
    (tmp_path / "file").touch()
    for name in ("theirs", "link", "file"):
        os.chown(tmp_path / name, OTHER, OTHER, follow_symlinks=False)
    wanted = 0o660 if shared else 0o644
    for name in ("theirs", "link"):
        if shared:
            make_folder(tmp_path / name, wanted)
        else:
            with pytest.raises(PermissionError, match="another user"):
                make_folder(tmp_path / name, wanted)
    if shared:
        write(tmp_path / "file", wanted)
    else:
        with pytest.raises(PermissionError, match="another user"):
            write(tmp_path / "file", wanted)


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
