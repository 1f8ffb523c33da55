"""Keeps a handful of processes running: starts them in order, starts again what dies, stops them in reverse order.

It works in the foreground and by pid only. If it is itself killed, the records of its children stay behind, and the
next start stops them (`stop_leftovers`) before it starts anew.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from ops.errors import OpsError
from ops.processes import Record, RunDirectory, end_session, last_lines, spawn, stop

TICK = 0.2
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
LEFTOVER_GRACE = 20.0


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running. `ready` says when the next may start; `within` and `grace` are seconds."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    within: float = 60.0
    grace: float = 20.0


@dataclass(slots=True)
class _Running:
    child: Child
    process: subprocess.Popen[bytes]
    record: Record
    since: float = field(default_factory=time.monotonic)
    deaths: int = 0
    next_start: float | None = None


class StopRequested(Exception):
    """Somebody asked the supervisor to stop while it was starting something."""


class Lock(AbstractContextManager["Lock"]):
    """Held by the one running supervisor; the system frees it when that process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Take the lock; False when another process holds it."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


class Supervisor:
    """Runs children until `request_stop()`. Not thread-safe, except for `request_stop`."""

    def __init__(
        self, run: RunDirectory, logs: Path, *, env: Mapping[str, str], cwd: Path, say: Callable[[str], None]
    ) -> None:
        self._run = run
        self._logs = logs
        self._env = env
        self._cwd = cwd
        self._say = say
        self._running: list[_Running] = []
        self._stop = threading.Event()

    def request_stop(self) -> None:
        """Make `start`, `run_once` and `watch` end soon; safe in a signal handler."""
        self._stop.set()

    def start(self, *children: Child) -> None:
        """Start children at once and wait until all are ready. Raises OpsError with the end of a log if one is not."""
        began = time.monotonic()
        for child in children:
            process = spawn(child.command, log=self._log(child.name), env=self._env, cwd=self._cwd)
            self._running.append(_Running(child, process, self._remember(child.name, process)))
        for child in children:
            self.wait_for(child.ready, within=child.within, what=child.name, watched=child.name)
            self._say(f"{child.name}: ready after {time.monotonic() - began:.1f} s")

    def wait_for(self, ready: Callable[[], bool], *, within: float, what: str, watched: str | None = None) -> None:
        """Wait for a condition and revive what dies meanwhile; the death of `watched` is a failure. Raises OpsError."""
        end = time.monotonic() + within
        while not ready():
            if self._stop.wait(TICK):
                raise StopRequested
            self._revive(except_for=watched)
            dead = [one for one in self._running if one.child.name == watched and one.process.poll() is not None]
            if dead:
                raise OpsError(self._failure(what, f"ended with code {dead[0].process.returncode}", watched))
            if time.monotonic() > end:
                raise OpsError(self._failure(what, f"was not ready within {within:.0f} s", watched))

    def run_once(self, name: str, command: Sequence[str]) -> None:
        """Run a command to its end, its output shown. Raises OpsError when it fails."""
        process = spawn(command, log=None, env=self._env, cwd=self._cwd)
        record = self._remember(name, process)
        while process.poll() is None:
            if self._stop.wait(TICK):
                stop(record, grace=LEFTOVER_GRACE)
                raise StopRequested
            self._revive()
        self._run.forget(name)
        if process.returncode != 0:
            raise OpsError(f"{name} failed with code {process.returncode}: see its message above, then try again.")

    def watch(self) -> None:
        """Keep the children running until a stop is requested."""
        while not self._stop.wait(TICK):
            self._revive()

    def stop_all(self) -> None:
        """Stop every child, the last started first, and forget it."""
        for one in reversed(self._running):
            stop(one.record, grace=one.child.grace)
            one.process.wait()
            end_session(one.record)
            self._run.forget(one.child.name)
        self._running.clear()

    def _revive(self, except_for: str | None = None) -> None:
        for one in self._running:
            if one.child.name == except_for or one.process.poll() is None:
                continue
            now = time.monotonic()
            if one.next_start is None:
                one.deaths = 0 if now - one.since > STEADY_SECONDS else one.deaths
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**one.deaths)
                one.next_start, one.deaths = now + pause, one.deaths + 1
                end_session(one.record)
                self._say(f"{one.child.name}: ended with code {one.process.returncode}; again in {pause:.1f} s")
            elif now >= one.next_start:
                one.process = spawn(one.child.command, log=self._log(one.child.name), env=self._env, cwd=self._cwd)
                one.record = self._remember(one.child.name, one.process)
                one.since, one.next_start = now, None

    def _remember(self, name: str, process: subprocess.Popen[bytes]) -> Record:
        record = Record.of(name, process.pid)
        self._run.write(record)
        return record

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _failure(self, what: str, reason: str, name: str | None) -> str:
        if name is None:
            return f"{what} {reason}: look into {self._logs}."
        log = self._log(name)
        return f"{what} {reason}. Its log ends with:\n{last_lines(log)}\nThe rest is in {log}."


def stop_leftovers(run: RunDirectory, order: Sequence[str]) -> list[str]:
    """Stop what a killed supervisor left behind, in `order`, the unknown last; returns the names that still ran."""
    records = sorted(run.all(), key=lambda record: order.index(record.name) if record.name in order else len(order))
    stopped = []
    for record in records:
        if stop(record, grace=LEFTOVER_GRACE):
            end_session(record)
            stopped.append(record.name)
        run.forget(record.name)
    return stopped
