"""The supervisor starts in order, starts again what dies, says why something does not start, and stops everything."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ops import embedded
from ops.errors import OpsError
from ops.processes import Record, RunDirectory
from ops.supervisor import Child, Lock, Supervisor
from tests.eventually import eventually

LISTENER = (
    "import signal, socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); "
    "print('listening', flush=True); signal.pause()"
)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    directory = tmp_path / "run"
    directory.mkdir()
    return RunDirectory(directory)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(run: RunDirectory, tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    one = Supervisor(run, tmp_path, env=os.environ, cwd=tmp_path, say=said.append)
    yield one
    one.stop_all()


def listener(name: str = "listener") -> Child:
    port = embedded.free_port()
    return Child(name, [sys.executable, "-c", LISTENER, str(port)], lambda: embedded.port_answers(port))


def record_of(run: RunDirectory, name: str) -> Record:
    record = run.read(name)
    assert record is not None
    return record


def test_started_means_ready_and_stopped_means_gone(supervisor: Supervisor, run: RunDirectory) -> None:
    child = listener()
    supervisor.start(child)
    assert child.ready()
    pid = record_of(run, "listener").pid
    supervisor.stop_all()
    assert not psutil.pid_exists(pid)
    assert run.all() == []


async def test_a_killed_child_is_started_again(supervisor: Supervisor, run: RunDirectory, said: list[str]) -> None:
    child = listener()
    supervisor.start(child)
    first = record_of(run, "listener")
    watcher = threading.Thread(target=supervisor.watch)
    watcher.start()
    try:
        os.kill(first.pid, signal.SIGKILL)

        async def another_listens() -> bool:
            return record_of(run, "listener").pid != first.pid and child.ready()

        await eventually(another_listens)
    finally:
        supervisor.request_stop()
        watcher.join()
    assert "listener: ended with code -9; again in 0.5 s" in said


def test_a_child_that_fails_to_start_shows_the_end_of_its_log(supervisor: Supervisor) -> None:
    broken = Child("broken", [sys.executable, "-c", "raise SystemExit('no such table')"], lambda: False)
    with pytest.raises(OpsError, match=r"broken ended with code 1(.|\n)*no such table(.|\n)*broken\.log"):
        supervisor.start(broken)


def test_a_child_that_is_never_ready_is_given_up_in_time(supervisor: Supervisor) -> None:
    slow = Child("slow", [sys.executable, "-c", "import signal; signal.pause()"], lambda: False, within=0.1)
    with pytest.raises(OpsError, match="slow was not ready within"):
        supervisor.start(slow)


def test_a_failing_one_shot_command_stops_the_start(supervisor: Supervisor, run: RunDirectory) -> None:
    with pytest.raises(OpsError, match="setup failed with code 3"):
        supervisor.run_once("setup", [sys.executable, "-c", "raise SystemExit(3)"])
    assert run.all() == []


def test_only_one_supervisor_holds_the_lock(tmp_path: Path) -> None:
    with Lock(tmp_path / "lock") as first, Lock(tmp_path / "lock") as second:
        assert first.acquire()
        assert not second.acquire()
    with Lock(tmp_path / "lock") as third:
        assert third.acquire()


def test_a_taken_port_names_the_port_and_the_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OpsError, match=rf"Port {port} for the API is taken.*API_PORT"):
            embedded.check_port(port, "API_PORT", "the API")
