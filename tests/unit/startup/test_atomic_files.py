"""Files are private to their owner and written atomically; a secret has the required format."""

import multiprocessing
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from startup.atomic_files import close_folder, keep_private, write_whole
from startup.secret_file import CREDENTIALS, KEY, PASSWORD, TOKEN, Form, SecretError, make_secret, read_or_make_secret, read_secret


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("open_umask")
def test_files_of_a_service_are_private_whatever_the_umask_was(tmp_path: Path) -> None:
    keep_private()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    assert (mode(tmp_path / "folder"), mode(tmp_path / "folder" / "file")) == (0o700, 0o600)


def test_an_open_folder_is_closed_with_all_that_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "file").write_text("x")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("not ours")
    for path, bits in ((folder, 0o755), (folder / "below", 0o755), (folder / "below" / "file", 0o644), (tmp_path / "elsewhere", 0o644)):
        path.chmod(bits)
    close_folder(folder)
    assert [mode(path) for path in (folder, folder / "below", folder / "below" / "file")] == [0o700, 0o700, 0o600]
    assert mode(tmp_path / "elsewhere") == 0o644


@pytest.mark.usefixtures("open_umask")
def test_a_file_is_replaced_whole_and_what_a_crash_left_beside_it_does_not_open_it(tmp_path: Path) -> None:
    (tmp_path / "file.new").write_text("half")
    (tmp_path / "file.new").chmod(0o666)
    write_whole(tmp_path / "file", b"whole")
    assert ((tmp_path / "file").read_bytes(), mode(tmp_path / "file")) == (b"whole", 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("planted", ["link", "open file"])
def test_a_foreign_file_next_to_a_written_one_neither_gets_its_content_nor_loses_its_own(planted: str, tmp_path: Path) -> None:
    other, new = tmp_path / "other", tmp_path / "file.new"
    other.write_text("not ours")
    new.symlink_to(other) if planted == "link" else new.hardlink_to(other)
    write_whole(tmp_path / "file", b"secret")
    assert (other.read_text(), (tmp_path / "file").read_bytes()) == ("not ours", b"secret")


@pytest.mark.parametrize("form", [KEY, TOKEN, PASSWORD])
def test_a_secret_is_made_once_in_its_form(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "secrets" / "one"
    first = read_or_make_secret(path, form)
    assert read_or_make_secret(path, form) == read_secret(path, form) == first
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert not make_secret(path, form)


KEYS = ("", " \n", "5e" * 31, "5e" * 31 + "5", "xy" * 32, "5e" * 32 + "\n" + "5e" * 32, "5e" * 3000, "\0" * 64)


@pytest.mark.parametrize(
    ("form", "content"),
    [(KEY, content) for content in KEYS]
    + [(TOKEN, content) for content in ("", "short", "a" * 31, "a" * 32 + " b", "ü" * 32, "a" * 5000)]
    + [(PASSWORD, content) for content in ("", "\n\n", "1234567", "two\nlines of it", "nul\0 in the middle")]
    + [(CREDENTIALS, content) for content in ("", "user", ":secret", "user:", "user:pass\nuser:pass")],
)
def test_a_secret_of_another_form_is_refused_with_what_would_be_right(tmp_path: Path, form: Form, content: str) -> None:
    path = tmp_path / "secret"
    path.write_text(content)
    with pytest.raises(SecretError, match=rf"secret: not a valid secret: .*; write {form.description} into it") as refused:
        read_or_make_secret(path, form)
    assert len(content.strip()) < 8 or content.strip() not in str(refused.value)
    assert path.read_text() == content


def test_a_secret_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\xff" * 40)
    with pytest.raises(SecretError, match="not a valid secret"):
        read_secret(tmp_path / "secret", PASSWORD)


def test_a_secret_that_is_not_available_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="missing: cannot be read: No such file"):
        read_secret(tmp_path / "missing", KEY)
    (tmp_path / "file").write_text("")
    with pytest.raises(SecretError, match=r"file/key: cannot be made: File exists"):
        read_or_make_secret(tmp_path / "file" / "key", KEY)


def _read(path: Path) -> str:
    return read_or_make_secret(path, KEY)


def test_processes_that_need_a_secret_at_once_have_the_same(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        for number in range(20):
            assert len(set(pool.map(_read, [tmp_path / str(number)] * 4, chunksize=1))) == 1
