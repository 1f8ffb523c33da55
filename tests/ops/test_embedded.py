"""The embedded servers start, keep their data, and say in one sentence what stands in their way."""

from __future__ import annotations

import platform
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymongo import MongoClient

from ops import embedded
from ops.errors import OpsError
from ops.processes import last_lines, spawn, wait_until
from tests.servers import scratch_directory


@pytest.fixture
def scratch() -> Iterator[Path]:
    with scratch_directory() as path:
        yield path


@contextmanager
def mongod(directory: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = embedded.mongod_command(embedded.find_mongod(), dbpath=directory, port=port)
    process = spawn(command, log=directory / "mongod.log")
    try:
        assert wait_until(lambda: embedded.mongod_is_primary(port), within=30), last_lines(directory / "mongod.log")
        yield process
    finally:
        process.kill()
        process.wait()


def count_after_adding_one(port: int) -> int:
    with MongoClient[dict[str, object]](embedded.mongod_uri(port)) as client:
        client.kept.things.insert_one({})
        return client.kept.things.count_documents({})


def test_data_survives_a_kill_and_a_move_to_another_port(scratch: Path) -> None:
    first, second = embedded.free_port(), embedded.free_port()
    with mongod(scratch, first) as process:
        assert count_after_adding_one(first) == 1
        process.send_signal(signal.SIGKILL)
        process.wait()
    with mongod(scratch, second):
        assert count_after_adding_one(second) == 2


def test_mongod_listens_on_loopback_only_and_runs_no_scripts(scratch: Path) -> None:
    port = embedded.free_port()
    with mongod(scratch, port), MongoClient[dict[str, object]](embedded.mongod_uri(port)) as client:
        parsed = client.admin.command("getCmdLineOpts")["parsed"]
    assert parsed["net"]["bindIp"] == "127.0.0.1"
    assert parsed["security"]["javascriptEnabled"] is False


def test_temporal_keeps_its_state_in_the_file_it_is_given(scratch: Path) -> None:
    binary, port = embedded.find_temporal(), embedded.free_port()
    database = scratch / "temporal.db"
    command = embedded.temporal_command(binary, port=port, ui_port=embedded.free_port(), database=database)
    process = spawn(command, log=scratch / "temporal.log")
    try:
        assert wait_until(lambda: embedded.temporal_is_ready(binary, port), within=30)
    finally:
        process.terminate()
        process.wait()
    assert database.stat().st_size > 0


def test_another_platform_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    with pytest.raises(OpsError, match=r"x86-64 Linux only, and this is Darwin arm64: set MONGODB_URI"):
        embedded.check_platform("MONGODB_URI")


def test_a_missing_library_is_named_with_its_package() -> None:
    loader = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file: No such file"
    sentence = embedded.explain_loader_failure(Path("mongod"), loader)
    assert sentence.startswith("mongod needs the system library libcurl.so.4: install libcurl4")


def test_a_system_that_is_too_old_is_told_so() -> None:
    loader = "mongod: /lib/libc.so.6: version `GLIBC_2.34' not found"
    assert "needs glibc 2.35" in embedded.explain_loader_failure(Path("mongod"), loader)


def test_a_missing_binary_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(embedded, "MONGOD_PACKAGE", "no-such-package")
    with pytest.raises(OpsError, match=r"There is no mongod here: run 'make venv'.*MONGODB_URI"):
        embedded.find_mongod()


def test_a_binary_on_the_path_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "mongod"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert embedded.find_mongod() == own


def test_a_full_disk_is_found_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match=r"MB free and at least .* are needed: free some space"):
        embedded.check_disk(tmp_path, needed=10**18)


def test_a_place_that_is_not_ours_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OpsError, match="can't be written"):
        embedded.make_directory(tmp_path / "file" / "below")
