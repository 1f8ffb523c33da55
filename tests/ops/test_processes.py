"""Processes are known by pid and start time, so that nobody else's process is ever stopped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ops.errors import OpsError
from ops.processes import LogReader, Record, RunDirectory, last_lines, spawn, stop
from ops.supervisor import stop_leftovers
from tests.eventually import eventually

SLEEPER = [sys.executable, "-c", "import signal; signal.pause()"]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = spawn(SLEEPER, log=tmp_path / "sleeper.log")
    yield process
    process.kill()
    process.wait()


def test_a_recorded_process_is_stopped_and_forgotten(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.write(Record.of("sleeper", sleeper.pid))
    assert stop_leftovers(run, ["sleeper"]) == ["sleeper"]
    assert not psutil.pid_exists(sleeper.pid)
    assert run.all() == []


def test_a_pid_that_belongs_to_somebody_else_now_is_spared(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    record = Record.of("sleeper", sleeper.pid)
    run.write(replace(record, started=record.started - 3600))
    assert stop_leftovers(run, ["sleeper"]) == []
    assert sleeper.poll() is None
    assert run.all() == []


def test_a_log_is_read_by_whole_lines_while_it_is_written(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    news = LogReader(log)
    assert news.lines() == []
    log.write_text("one\ntwo\nthr")
    assert news.lines() == ["one", "two"]
    assert news.lines() == []
    log.write_text("one\ntwo\nthree\n")
    assert news.lines() == ["three"]


def test_a_half_written_record_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "api.json").write_text('{"name": "api", "pi')
    assert RunDirectory(tmp_path).all() == []


def test_a_process_that_ignores_the_request_is_ended_after_its_grace(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    log = tmp_path / "deaf.log"
    process = spawn([sys.executable, "-c", deaf], log=log)
    while "deaf" not in last_lines(log):
        assert process.poll() is None
    assert stop(Record.of("deaf", process.pid), grace=0.1)
    assert process.poll() is not None


async def test_what_a_dead_leader_left_in_its_session_is_ended_too(tmp_path: Path) -> None:
    forks = "import os, signal; os.fork(); signal.pause()"
    leader = spawn([sys.executable, "-c", forks], log=tmp_path / "leader.log")
    record = Record.of("leader", leader.pid)

    async def children() -> list[psutil.Process]:
        return psutil.Process(leader.pid).children()

    (orphan,) = await eventually(children)
    run = RunDirectory(tmp_path)
    run.write(record)
    assert stop_leftovers(run, []) == ["leader"]
    leader.wait()

    async def orphan_ended() -> bool:
        return not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE

    await eventually(orphan_ended)


def test_a_command_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="can't be started"):
        spawn([str(tmp_path / "nothing")], log=tmp_path / "log")
