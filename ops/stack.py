"""The whole product on one machine: what runs, in which order, and when it is green.

`up` supervises in the foreground; `up_detached` leaves a supervisor behind; `down`, `reset` and `status` find it by its
lock and its records.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from functools import partial

import httpx
from rich.console import Console
from rich.table import Table

from core.settings import HttpSettings, TemporalSettings
from ops import embedded
from ops.errors import OpsError
from ops.local import ROOT, LocalDirectory, LocalSettings, child_environment, given_settings, joinable, read_secrets
from ops.processes import LogReader, Record, RunDirectory, spawn, stop, wait_until
from ops.supervisor import Child, Lock, StopRequested, Supervisor, stop_leftovers

STOP_ORDER = ("supervisor", "setup", "api", "worker", "mailcatcher", "temporal", "mongod")
GREEN = {"green", "ok"}
GREEN_SECONDS = 90.0
START_SECONDS = 600.0
SERVICE_GRACE = 40.0
"""The API finishes its requests and the worker its activities before they end: up to about 35 s."""
STOP_SECONDS = 180.0
DEMO_LOGINS = (
    ("admin", "admin@demo.example"),
    ("manager", "manager@demo.example"),
    ("sales_rep", "rep01@demo.example"),
    ("viewer", "viewer@demo.example"),
)


class LocalStack:
    """One local installation, described by its settings."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self.settings = LocalSettings()
        self.directory = LocalDirectory(self.settings.planwright_local_dir)
        self.run = RunDirectory(self.directory.run)
        self.given = given_settings()
        self._green = self.directory.run / "green"
        self.api_port = HttpSettings().api_port
        self.worker_port = TemporalSettings().worker_health_port

    def up(self) -> None:
        """Start everything, say where it is, and keep it running until Ctrl-C or SIGTERM."""
        self.directory.prepare()
        with Lock(self.directory.run / "lock") as lock:
            if not lock.acquire():
                self.console.print("It runs already.")
                self._print_table()
                return
            self._supervise()

    def up_detached(self) -> None:
        """Start a supervisor in the background, show what it says, and return when everything is green."""
        self.directory.prepare()
        if self.is_running():
            self.console.print("It runs already.")
            self._print_table()
            return
        log = self.directory.logs / "supervisor.log"
        log.unlink(missing_ok=True)
        self._green.unlink(missing_ok=True)
        process, news = spawn(_command("up"), log=log, cwd=ROOT), LogReader(log)

        def settled() -> bool:
            ended = process.poll() is not None or self._green.exists()
            for line in news.lines():
                self._say(line)
            return ended

        if not wait_until(settled, within=START_SECONDS):
            raise OpsError(
                f"It is not green after {START_SECONDS / 60:.0f} minutes, and goes on starting: "
                f"{log} says what it does, 'make status' what runs, and 'make down' ends it."
            )
        if not self._green.exists():
            raise OpsError(f"It did not start; the reason stands above and in {log}.")

    def down(self) -> None:
        """Stop the supervisor and with it everything; or what a killed one left behind."""
        supervisor = self.run.read("supervisor") if self.is_running() else None
        stopped = supervisor is not None and stop(supervisor, grace=STOP_SECONDS)
        left = stop_leftovers(self.run, STOP_ORDER)
        self.directory.forget()
        self.console.print("Stopped." if stopped or left else "Nothing was running.")

    def reset(self) -> None:
        """Stop everything and delete the data, mails, logs and generated secrets."""
        self.down()
        self.directory.delete()
        self.console.print(f"Deleted the data in {self.directory.root}.")

    def status(self) -> bool:
        """Show what runs; True when everything is green."""
        green = self.is_running() and self.is_green()
        table = Table("process", "pid", "state")
        for record in self.run.all():
            table.add_row(record.name, str(record.pid), "runs" if record.process() else "has ended")
        self.console.print(table if table.row_count else "Nothing is running.")
        if green:
            self._print_table()
        return green

    def is_running(self) -> bool:
        """Whether a supervisor holds the lock."""
        if not self.directory.run.is_dir():
            return False
        with Lock(self.directory.run / "lock") as lock:
            return not lock.acquire()

    def is_green(self) -> bool:
        """Whether the API says that the database, Temporal and the worker are all there."""
        port = self.directory.remembered().get("API_PORT", self.api_port)
        try:
            answer = httpx.get(f"http://{embedded.HOST}:{port}/api/v1/health/ready", timeout=5)
            body = answer.json()
        except (httpx.HTTPError, ValueError):
            return False
        status = body.get("data", body).get("status") if isinstance(body, dict) else None
        return answer.status_code == httpx.codes.OK and status in GREEN

    def _supervise(self) -> None:
        left = stop_leftovers(self.run, STOP_ORDER)
        if left:
            self.console.print(f"Stopped what an earlier run had left: {', '.join(left)}.")
        self._check_ports()
        secret = read_secrets(self.directory.secrets)
        environment = child_environment(self.settings, secret, self.given)
        supervisor = Supervisor(self.run, self.directory.logs, env=environment, cwd=ROOT, say=self._say)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: supervisor.request_stop())
        self.run.write(Record.of("supervisor", os.getpid()))
        self.directory.remember(
            {**joinable(environment), "API_PORT": str(self.api_port), "TEMPORAL_UI_URL": self._ui_url()}
        )
        self._green.unlink(missing_ok=True)
        try:
            with suppress(StopRequested):
                self._start_all(supervisor)
                self._print_table()
                stops = "Ctrl-C" if self.console.is_terminal else "'make down'"
                self._say(f"Everything is green. {stops} stops it.")
                self._green.touch()
                supervisor.watch()
        finally:
            self._say("Stopping ...")
            supervisor.stop_all()
            self._green.unlink(missing_ok=True)
            self.directory.forget()
            self.run.forget("supervisor")

    def _start_all(self, supervisor: Supervisor) -> None:
        supervisor.start(*self._servers())
        supervisor.run_once("setup", [*_command("setup"), "--demo"])
        services = (("api", self.api_port), ("worker", self.worker_port))
        supervisor.start(
            *(
                Child(name, _command(name), partial(embedded.port_answers, port), grace=SERVICE_GRACE)
                for name, port in services
            )
        )
        supervisor.wait_for(self.is_green, within=GREEN_SECONDS, what="The API's health", watched="api")

    def _servers(self) -> list[Child]:
        """The servers that no setting names; checks before the first start that each can run here."""
        servers = []
        local, directory = self.settings, self.directory
        if "MONGODB_URI" not in self.given:
            mongod = embedded.find_mongod()
            embedded.check_runs(mongod)
            command = embedded.mongod_command(mongod, dbpath=directory.mongo, port=local.mongodb_port)
            servers.append(Child("mongod", command, lambda: embedded.mongod_is_primary(local.mongodb_port)))
        if "TEMPORAL_ADDRESS" not in self.given:
            temporal = embedded.find_temporal()
            embedded.check_runs(temporal)
            port, database = local.temporal_port, directory.temporal / "temporal.db"
            command = embedded.temporal_command(temporal, port=port, ui_port=local.temporal_ui_port, database=database)
            servers.append(Child("temporal", command, lambda: embedded.temporal_is_ready(temporal, port)))
        if "SMTP_HOST" not in self.given:
            command = [sys.executable, "-m", "ops.mailcatcher", str(local.mailcatcher_port), str(directory.mails)]
            servers.append(Child("mailcatcher", command, lambda: embedded.port_answers(local.mailcatcher_port)))
        return servers

    def _check_ports(self) -> None:
        local = self.settings
        wanted = [
            ("API_PORT", self.api_port, "the API", True),
            ("WORKER_HEALTH_PORT", self.worker_port, "the worker's health", True),
            ("MONGODB_PORT", local.mongodb_port, "MongoDB", "MONGODB_URI" not in self.given),
            ("TEMPORAL_PORT", local.temporal_port, "Temporal", "TEMPORAL_ADDRESS" not in self.given),
            ("TEMPORAL_UI_PORT", local.temporal_ui_port, "Temporal's UI", "TEMPORAL_ADDRESS" not in self.given),
            ("MAILCATCHER_PORT", local.mailcatcher_port, "the mail catcher", "SMTP_HOST" not in self.given),
        ]
        for variable, port, what, ours in wanted:
            if ours:
                embedded.check_port(port, variable, what)

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _print_table(self) -> None:
        running = self.directory.remembered()
        table = Table(show_header=False, title="Planwright", title_justify="left")
        table.add_row("API and its documentation", f"http://localhost:{running.get('API_PORT', self.api_port)}/docs")
        table.add_row("Temporal UI", running.get("TEMPORAL_UI_URL", self._ui_url()))
        if self.run.read("mailcatcher"):
            table.add_row("caught mails", f"{self.directory.mails} (index.txt lists them)")
        table.add_row("logs", str(self.directory.logs))
        for role, address in DEMO_LOGINS:
            table.add_row(f"demo login, {role}", f"{address} / {running.get('DEMO_PASSWORD', '')}")
        self.console.print(table)

    def _ui_url(self) -> str:
        if "TEMPORAL_ADDRESS" in self.given:
            return TemporalSettings().temporal_ui_url
        return f"http://localhost:{self.settings.temporal_ui_port}"


def _command(name: str) -> list[str]:
    return [sys.executable, "-m", "ops.cli", name]
