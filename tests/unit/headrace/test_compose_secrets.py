"""Secrets of the stack in containers: made once, closed to everybody else on the machine."""

import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from headrace.compose_secrets import SECRETS, make_secrets
from headrace.errors import CommandError
from startup.secret_file import KEY, read_secret


@pytest.fixture
def console() -> Console:
    return Console(width=200, record=True)


def test_each_secret_is_made_and_said(tmp_path: Path, console: Console) -> None:
    make_secrets(tmp_path / "secrets", console)
    assert {path.name for path in (tmp_path / "secrets").iterdir()} == SECRETS.keys()
    assert console.export_text().count(": created") == len(SECRETS)


def test_no_two_secrets_are_alike_and_none_is_short(tmp_path: Path, console: Console) -> None:
    make_secrets(tmp_path, console)
    values = [path.read_text() for path in tmp_path.iterdir()]
    assert len(set(values)) == len(SECRETS)
    assert min(map(len, values)) >= 32


def test_a_secret_that_is_there_is_kept_and_one_that_is_missing_is_made(tmp_path: Path, console: Console) -> None:
    (tmp_path / "partition-key").write_text("5e" * 32)
    make_secrets(tmp_path, console)
    assert (tmp_path / "partition-key").read_text() == "5e" * 32
    assert (tmp_path / "dashboards-password").exists()
    assert "partition-key: exists" in console.export_text()


def test_the_folder_is_closed_to_others_and_a_container_of_another_user_can_read_the_files(tmp_path: Path, console: Console) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o755)
    make_secrets(folder, console)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o444}


def test_the_collector_takes_the_partition_key(tmp_path: Path, console: Console) -> None:
    make_secrets(tmp_path, console)
    assert len(bytes.fromhex(read_secret(tmp_path / "partition-key", KEY))) == 32


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, console: Console) -> None:
    (tmp_path / "secrets").write_text("")
    with pytest.raises(CommandError, match=r"secrets: File exists; fix that, or select another folder with --folder"):
        make_secrets(tmp_path / "secrets", console)


def test_the_command_runs_where_it_is_not_installed(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "headrace", "secrets", "--folder", tmp_path / "secrets")
    outcome = subprocess.run(command, capture_output=True, text=True, check=True)
    assert outcome.stdout.count(": created\n") == len(SECRETS)


def test_a_secret_that_is_there_and_is_none_is_named(tmp_path: Path, console: Console) -> None:
    (tmp_path / "partition-key").write_text("")
    with pytest.raises(CommandError, match=r"partition-key: not a valid secret: the file is empty; .* or delete it and run this again"):
        make_secrets(tmp_path, console)
    assert (tmp_path / "partition-key").read_text() == ""
