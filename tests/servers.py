"""The real servers under the tests: MongoDB and Temporal, started on free ports and ended by pid.

Each test process starts its own, when the first test asks for it. They end with the process that started them, even
if that one is killed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from ops import embedded
from ops.processes import Record, last_lines, spawn, stop, wait_until

START_SECONDS = 60.0
MEMORY_DISK = Path("/dev/shm")
PREFIX = "planwright-test-"
TIME_SKIPPING = ("--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true")


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """An empty directory in memory where the system has one (collections and indexes are made 5-7 times faster)."""
    parent = MEMORY_DISK if MEMORY_DISK.is_dir() else Path(tempfile.gettempdir())
    _sweep(parent)
    path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Delete what killed test runs left: their memory would stay taken."""
    for path in parent.glob(f"{PREFIX}*-*"):
        owner = path.name.removeprefix(PREFIX).split("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def running_mongod() -> Iterator[str]:
    """A one-node replica set; yields its URI."""
    binary = embedded.find_mongod()
    port = embedded.free_port()
    with scratch_directory() as directory:
        dbpath = embedded.make_directory(directory / "mongo")
        command = embedded.mongod_command(binary, dbpath=dbpath, port=port)
        with _running("mongod", command, directory / "mongod.log"):
            _await(lambda: embedded.mongod_is_primary(port), directory / "mongod.log")
            yield embedded.mongod_uri(port)


@contextmanager
def running_temporal() -> Iterator[str]:
    """Temporal's development server, in memory, able to skip time; yields its address.

    Only workflows that are started through a `temporalio.testing.TimeSkipper` skip time, each on its own clock.
    """
    binary = embedded.find_temporal()
    port = embedded.free_port()
    command = embedded.temporal_command(binary, port=port, ui_port=None, database=None, extra=TIME_SKIPPING)
    with scratch_directory() as directory, _running("temporal", command, directory / "temporal.log"):
        _await(lambda: embedded.temporal_is_ready(binary, port), directory / "temporal.log")
        yield f"{embedded.HOST}:{port}"


def _await(ready: Callable[[], bool], log: Path) -> None:
    if not wait_until(ready, within=START_SECONDS):
        raise RuntimeError(f"A test server did not start; its log ends with:\n{last_lines(log)}")


@contextmanager
def _running(name: str, command: Sequence[str], log: Path) -> Iterator[None]:
    guard = shutil.which("setpriv")
    # The kernel then ends the server together with this process, so that a killed test run leaves none behind.
    guarded = [guard, "--pdeathsig", "KILL", *command] if guard else list(command)
    process = spawn(guarded, log=log)
    try:
        yield
    finally:
        stop(Record.of(name, process.pid), grace=15)
        process.wait()
