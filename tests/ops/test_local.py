"""What `make up` generates and decides for this machine."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from core.settings import SecuritySettings, load_settings
from ops.local import (
    PRODUCT_NAMES,
    SECRET_NAMES,
    LocalDirectory,
    LocalSettings,
    child_environment,
    given_settings,
    joinable,
    read_secrets,
)
from ops.stack import LocalStack


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in {*PRODUCT_NAMES, *SECRET_NAMES, *(field.upper() for field in LocalSettings.model_fields)}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "secrets.env"
    first = read_secrets(path)
    assert set(first) == set(SECRET_NAMES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_secrets(path) == first
    assert read_secrets(tmp_path / "other.env") != first


def test_a_secret_that_came_later_is_added_to_an_older_file(tmp_path: Path) -> None:
    path = tmp_path / "secrets.env"
    path.write_text("JWT_SECRET=an-older-one\n")
    secret = read_secrets(path)
    assert secret["JWT_SECRET"] == "an-older-one"
    assert secret["DEMO_PASSWORD"]
    assert read_secrets(path) == secret


def test_the_children_accept_what_was_generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = child_environment(LocalSettings(), read_secrets(tmp_path / "secrets.env"), given_settings())
    monkeypatch.setenv("JWT_SECRET", environment["JWT_SECRET"])
    assert len(SecuritySettings().jwt_secret.get_secret_value()) >= 32
    assert environment["MONGODB_URI"] == "mongodb://127.0.0.1:27117/?replicaSet=rs0"
    assert environment["PLANWRIGHT_ENV"] == "dev"


def test_what_is_given_wins_and_its_server_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://db.example/?replicaSet=rs0")
    monkeypatch.setenv("SMTP_HOST", "")
    (tmp_path / ".env").write_text("TEMPORAL_ADDRESS=temporal.example:7233\n")
    given = given_settings()
    assert {"MONGODB_URI", "TEMPORAL_ADDRESS"} <= given
    assert "SMTP_HOST" not in given
    environment = child_environment(LocalSettings(), {}, given)
    assert environment["MONGODB_URI"] == "mongodb://db.example/?replicaSet=rs0"
    assert "TEMPORAL_ADDRESS" not in environment
    assert environment["SMTP_HOST"] == "127.0.0.1"
    load_settings.cache_clear()


def test_deleting_the_data_leaves_foreign_files_alone(tmp_path: Path) -> None:
    directory = LocalDirectory(tmp_path / "local")
    directory.prepare()
    read_secrets(directory.secrets)
    (directory.mongo / "data").write_text("x")
    (directory.root / "notes.txt").write_text("mine")
    directory.delete()
    assert [path.name for path in directory.root.iterdir()] == ["notes.txt"]


def test_settings_of_the_stack_are_remembered_until_it_is_stopped(tmp_path: Path) -> None:
    directory = LocalDirectory(tmp_path)
    assert directory.remembered() == {}
    settings = joinable({"API_PORT": "8123", "DEMO_PASSWORD": "x", "SMTP_HOST": "", "PATH": "/bin"})
    directory.remember(settings)
    assert directory.remembered() == {"API_PORT": "8123", "DEMO_PASSWORD": "x"}
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600]
    directory.forget()
    assert directory.remembered() == {}


def test_nothing_runs_where_nothing_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANWRIGHT_LOCAL_DIR", str(tmp_path / "nowhere"))
    assert not LocalStack().is_running()
