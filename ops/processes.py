"""Child processes by pid: start them into a log file, remember them in a file, stop exactly those again.

A record holds the pid and the process's start time, so that a pid which the system gave to somebody else meanwhile is
never signalled.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from ops.errors import OpsError

# The start time is computed from the boot time, which a clock correction moves a little.
START_TIME_TOLERANCE = 2.0


@dataclass(frozen=True, slots=True)
class Record:
    """A process as it was when it was started. `started` is in seconds since the epoch."""

    name: str
    pid: int
    started: float

    @classmethod
    def of(cls, name: str, pid: int) -> Record:
        """Describe the running process `pid`. Raises psutil.NoSuchProcess when it has ended."""
        return cls(name=name, pid=pid, started=psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The process, if it still runs and is the same one; None otherwise."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) <= START_TIME_TOLERANCE
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


class RunDirectory:
    """The records of what runs, one small JSON file per process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, record: Record) -> None:
        """Remember a process; replaces an older record of the same name."""
        target = self.path / f"{record.name}.json"
        draft = target.with_suffix(".new")
        draft.write_text(json.dumps(asdict(record)))
        draft.replace(target)

    def forget(self, name: str) -> None:
        """Drop the record of a process that was stopped."""
        (self.path / f"{name}.json").unlink(missing_ok=True)

    def read(self, name: str) -> Record | None:
        """The record of that name; None when there is none or it can't be read (a half-written file is no record)."""
        try:
            return Record(**json.loads((self.path / f"{name}.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def all(self) -> list[Record]:
        """Every readable record, by name."""
        records = (self.read(path.stem) for path in sorted(self.path.glob("*.json")))
        return [record for record in records if record is not None]


def spawn(
    command: Sequence[str], *, log: Path | None, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, which a terminal's Ctrl-C does not reach.

    Its output is appended to `log`, or shown where there is none. Raises OpsError when it can't be started.
    """
    try:
        with ExitStack() as files:
            sink = files.enter_context(log.open("ab")) if log else None
            return subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )
    except OSError as error:
        raise OpsError(
            f"{command[0]} can't be started ({error.strerror}): check that it exists and may run."
        ) from error


def stop(record: Record, *, grace: float) -> bool:
    """Ask the recorded process to end, and end it after `grace` seconds. False when it no longer ran."""
    process = record.process()
    if process is None:
        return False
    try:
        process.terminate()
        try:
            process.wait(grace)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(10)
    except psutil.NoSuchProcess:
        return True
    return True


def end_session(record: Record) -> None:
    """Kill what an ended process left in its session, such as HTTP worker processes that still hold its port.

    The system gives a session leader's pid to nobody else while members of the session live: when a process of that
    pid runs now, no member was left.
    """
    if _runs(record.pid):
        return
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == record.pid:
                process.kill()
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            continue


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class LogReader:
    """Reads a log while somebody else writes it; the file may not be there yet."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at = 0

    def lines(self) -> list[str]:
        """The whole lines that were written since the last call."""
        try:
            with self._log.open("rb") as source:
                source.seek(self._at)
                whole = source.read().rpartition(b"\n")[0]
        except FileNotFoundError:
            return []
        self._at += len(whole) + 1 if whole else 0
        return whole.decode(errors="replace").splitlines() if whole else []


def wait_until(ready: Callable[[], bool], *, within: float, pause: float = 0.1) -> bool:
    """Ask `ready` until it says yes; False when it has not after `within` seconds."""
    end = time.monotonic() + within
    while not ready():
        if time.monotonic() >= end:
            return False
        time.sleep(pause)
    return True


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log file, for a person who must see why something did not start."""
    try:
        with log.open("rb") as source:
            source.seek(0, 2)
            source.seek(max(0, source.tell() - 20_000))
            lines = source.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-count:])
