"""The real servers of a chaos run: MongoDB with its journal, a persistent Temporal, API and worker as own processes;
and a mail server in this process that remembers every delivery. Everything on free loopback ports, in one
directory, ended by pid.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path

import httpx
from aiosmtpd.smtp import SMTP, Envelope, Session

from ops import embedded
from ops.local import ROOT
from ops.processes import Record, end_session, last_lines, spawn, stop

START_SECONDS = 60.0
PAUSE_SECONDS = 0.5
"""How long a supervisor waits before it starts a dead process again for the first time."""
MARK_SECONDS = 0.1
"""About how long it takes from the mail server's OK to the mark in the database."""
VICTIMS = ("api", "worker", "mongod")


@dataclass(slots=True)
class Outage:
    """One kill, in monotonic seconds. `ended` is when the process was ready again; None = not yet."""

    victim: str
    began: float
    ended: float | None = None


@dataclass(slots=True)
class Server:
    """One process. `ready` is asked in a thread of its own, so it may block."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    record: Record | None = None
    alive: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it so that the kernel ends it together with this process, even when that is killed."""
        guard = shutil.which("setpriv")
        command = [guard, "--pdeathsig", "KILL", *self.command] if guard else list(self.command)
        self.process = spawn(command, log=self.log, env=environment, cwd=ROOT)
        self.record = Record.of(self.name, self.process.pid)

    async def until_ready(self) -> None:
        """Raises RuntimeError with the end of its log when it does not become ready in time."""
        end = time.monotonic() + START_SECONDS
        while not await asyncio.to_thread(self.ready):
            if time.monotonic() > end or self.ended():
                raise RuntimeError(f"{self.name} did not start; its log ends with:\n{last_lines(self.log)}")
            await asyncio.sleep(0.1)
        self.alive.set()

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    async def kill(self) -> None:
        """kill -9, and what is left of its session with it."""
        assert self.process is not None
        assert self.record is not None
        self.alive.clear()
        os.kill(self.process.pid, signal.SIGKILL)
        await asyncio.to_thread(self.process.wait)
        end_session(self.record)

    async def stop(self) -> None:
        if self.record is None or self.process is None:
            return
        await asyncio.to_thread(stop, self.record, grace=20)
        await asyncio.to_thread(self.process.wait)
        end_session(self.record)


@dataclass(slots=True)
class Mailbox:
    """A mail server: what was taken, when it said OK (monotonic), by Message-ID."""

    port: int = 0
    deliveries: dict[str, list[float]] = field(default_factory=dict)
    taken: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take one mail; the name is aiosmtpd's."""
        content = envelope.original_content or b""
        message_id = str(message_from_bytes(content).get("Message-ID", "")).strip()
        self.deliveries.setdefault(message_id, []).append(time.monotonic())
        self.taken.set()
        return "250 OK"

    def busy(self) -> bool:
        """Whether a mail was taken at this moment: its deliverer may not have noted it yet."""
        return any(time.monotonic() - times[-1] < MARK_SECONDS for times in self.deliveries.values())

    def session(self) -> SMTP:
        return SMTP(self, hostname="mail.test")

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Mailbox]:
        server = await asyncio.get_running_loop().create_server(self.session, embedded.HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self


class Servers:
    """All servers of one run, and what was done to them."""

    def __init__(self, directory: Path, mailbox: Mailbox) -> None:
        self.directory = directory
        self.mailbox = mailbox
        names = ("mongod", "temporal", "api", "worker")
        self.ports = {name: embedded.free_port() for name in names}
        self.environment = {**os.environ, **self._settings()}
        self.outages: list[Outage] = []
        self.died: list[str] = []
        self._reviving: set[asyncio.Task[None]] = set()
        self.servers = {name: self._server(name) for name in names}

    @property
    def url(self) -> str:
        return f"http://{embedded.HOST}:{self.ports['api']}"

    async def start(self) -> None:
        """Start everything in order, with the set-up between the servers and the product."""
        for name in ("mongod", "temporal"):
            await self._start(name)
        setup = spawn(_cli("setup"), log=self.directory / "setup.log", env=self.environment, cwd=ROOT)
        if await asyncio.to_thread(setup.wait, 120) != 0:
            raise RuntimeError(f"The set-up failed:\n{last_lines(self.directory / 'setup.log')}")
        for name in ("worker", "api"):
            await self._start(name)

    async def stop(self) -> None:
        """End everything, the last started first."""
        for task in self._reviving:
            task.cancel()
        await asyncio.gather(*self._reviving, return_exceptions=True)
        for name in ("api", "worker", "temporal", "mongod"):
            await self.servers[name].stop()

    async def kill(self, victim: str) -> Outage:
        """kill -9; it is started again in the background, as a supervisor would."""
        outage = Outage(victim, time.monotonic())
        self.outages.append(outage)
        await self.servers[victim].kill()
        task = asyncio.create_task(self._revive(outage))
        self._reviving.add(task)
        task.add_done_callback(self._reviving.discard)
        return outage

    async def all_ready(self) -> None:
        """Wait until everything that was killed is back; raises what kept it from coming back."""
        await asyncio.gather(*self._reviving)
        await self.check_alive()

    async def check_alive(self) -> None:
        """Note, and start again, what has ended without having been killed."""
        for server in self.servers.values():
            if server.alive.is_set() and server.ended():
                assert server.process is not None
                self.died.append(f"{server.name} ended by itself with code {server.process.returncode}")
                server.alive.clear()
                await self._start(server.name)

    def was_out(self, names: Sequence[str], since: float, until: float) -> bool:
        """Whether one of these was dead at some moment of the span."""
        return any(
            outage.victim in names and outage.began <= until and (outage.ended is None or outage.ended >= since)
            for outage in self.outages
        )

    async def _start(self, name: str) -> None:
        server = self.servers[name]
        server.start(self.environment)
        await server.until_ready()

    async def _revive(self, outage: Outage) -> None:
        await asyncio.sleep(PAUSE_SECONDS)
        await self._start(outage.victim)
        outage.ended = time.monotonic()

    def _server(self, name: str) -> Server:
        port, log = self.ports[name], self.directory / f"{name}.log"
        match name:
            case "mongod":
                dbpath = embedded.make_directory(self.directory / "mongo")
                command = embedded.mongod_command(embedded.find_mongod(), dbpath=dbpath, port=port)
                return Server(name, command, lambda: embedded.mongod_is_primary(port), log)
            case "temporal":
                binary, database = embedded.find_temporal(), self.directory / "temporal.db"
                command = embedded.temporal_command(binary, port=port, ui_port=None, database=database)
                return Server(name, command, lambda: embedded.temporal_is_ready(binary, port), log)
            case "worker":
                return Server(name, _cli(name), lambda: _answers(f"http://{embedded.HOST}:{port}/ready"), log)
            case _:
                return Server(name, _cli(name), lambda: _answers(f"{self.url}/api/v1/health"), log)

    def _settings(self) -> dict[str, str]:
        return {
            "PLANWRIGHT_ENV": "dev",
            "JWT_SECRET": secrets.token_urlsafe(48),
            "API_HOST": embedded.HOST,
            "API_PORT": str(self.ports["api"]),
            "WORKER_HEALTH_PORT": str(self.ports["worker"]),
            "MONGODB_URI": embedded.mongod_uri(self.ports["mongod"]),
            "MONGODB_DATABASE": "chaos",
            "TEMPORAL_ADDRESS": f"{embedded.HOST}:{self.ports['temporal']}",
            "SMTP_HOST": embedded.HOST,
            "SMTP_PORT": str(self.mailbox.port),
            "SMTP_TLS": "none",
            "ACCESS_TOKEN_SECONDS": "3600",
            "BCRYPT_ROUNDS": "4",
            "RATE_LIMIT_PER_MINUTE": "100000",
            "RATE_LIMIT_WRITES_PER_MINUTE": "100000",
            "RATE_LIMIT_LOGINS_PER_MINUTE": "1000",
            "PYTHONUNBUFFERED": "1",
        }


def _cli(command: str) -> list[str]:
    return [sys.executable, "-m", "ops.cli", command]


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
