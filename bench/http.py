"""How many requests a second the hot reads answer, against the floor of `bench.floor` measured in the same run.

One worker each behind the same server settings, the load from a process of its own, rounds in turn (product, floor,
product, …), the median of the rounds counts. The ratio of processor time per request is printed as well: it moves
less when the machine has other work to do.

    python -m bench.http
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psutil
from pydantic import SecretStr
from pymongo import MongoClient
from rich.console import Console
from rich.table import Table

from bench.client import Order, Outcome
from bench.company import BenchCompany, Reader, make
from core.mongo import Mongo
from core.settings import MongoSettings
from models.registry import DOCUMENTS
from ops import embedded
from ops.processes import Record, last_lines, spawn, stop, wait_until
from tests.servers import running_mongod, scratch_directory

CONNECTIONS = 32
ROUNDS = 7
SECONDS = 3.0
WARM_UP_SECONDS = 1.5
MIN_RATIO = 0.7
START_SECONDS = 30.0
DATABASE = "bench-http"
COMMANDS = {"product": ("ops.cli", "api"), "floor": ("bench.floor",)}


@dataclass(frozen=True, slots=True)
class Case:
    """One question, and who asks it."""

    name: str
    path: str
    reader: Reader

    def headers(self) -> dict[str, str]:
        """The product reads the token, the floor the ids."""
        ids = {"X-Tenant": self.reader.tenant_id, "X-User": self.reader.user_id, "X-Session": self.reader.session_id}
        return {"Authorization": f"Bearer {self.reader.token}", **{name: str(id) for name, id in ids.items()}}


@dataclass(frozen=True, slots=True)
class Server:
    """A running HTTP server."""

    port: int
    process: psutil.Process


@dataclass(slots=True)
class Figures:
    """One server's rounds of one case: requests a second, processor milliseconds a request, all latencies."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    body_bytes: int = 0

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        return sorted(self.latencies)[int(share * (len(self.latencies) - 1))] * 1000


def main() -> bool:
    """Print the figures; whether both ratios are reached."""
    console = Console(width=120)
    with ExitStack() as stack:
        uri = stack.enter_context(running_mongod())
        company = asyncio.run(_fill(uri))
        servers = {name: stack.enter_context(_serving(uri, command)) for name, command in COMMANDS.items()}
        good = [_measure(console, uri, case, servers) for case in _cases(company)]
    return all(good)


def _cases(company: BenchCompany) -> list[Case]:
    sheet = f"cycle_id={company.cycle_id}&customer_id={company.customer_id}"
    return [
        Case("list", "/api/v1/customers", company.manager),
        Case("grid", f"/api/v1/forecasts?{sheet}", company.rep),
    ]


async def _fill(uri: str) -> BenchCompany:
    mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database=DATABASE))
    await mongo.start(DOCUMENTS, indexes=True)
    company = await make()
    await mongo.close()
    return company


@contextmanager
def _serving(uri: str, command: tuple[str, ...]) -> Iterator[Server]:
    port = embedded.free_port()
    settings = {
        "MONGODB_URI": uri,
        "MONGODB_DATABASE": DATABASE,
        "API_PORT": str(port),
        "API_WORKERS": "1",
        "RATE_LIMIT_PER_MINUTE": "10000000",
        "LOG_LEVEL": "INFO",
        "LOG_FORMAT": "json",
    }
    with scratch_directory() as directory:
        log = directory / "server.log"
        process = spawn([sys.executable, "-m", *command], log=log, env={**os.environ, **settings}, cwd=_root())
        try:
            if not wait_until(lambda: _answers(port), within=START_SECONDS):
                raise RuntimeError(f"{command} did not start; its log ends with:\n{last_lines(log)}")
            yield Server(port, psutil.Process(process.pid))
        finally:
            stop(Record.of("server", process.pid), grace=10)
            process.wait()


def _root() -> Path:
    return Path(__file__).resolve().parents[1]


def _answers(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex((embedded.HOST, port)) == 0


def _measure(console: Console, uri: str, case: Case, servers: dict[str, Server]) -> bool:
    reads = {name: _reads(uri, case, server) for name, server in servers.items()}
    if reads["product"] != reads["floor"]:
        raise RuntimeError(f"The floor of {case.name} does not read what the product reads: {reads}")
    figures = {name: Figures() for name in servers}
    for server in servers.values():
        _load(case, server, WARM_UP_SECONDS)
    for _ in range(ROUNDS):
        for name, server in servers.items():
            _round(case, server, figures[name])
    ratio = _ratio([figures["product"].rates[n] / figures["floor"].rates[n] for n in range(ROUNDS)])
    of_cpu = _ratio([figures["floor"].cpu[n] / figures["product"].cpu[n] for n in range(ROUNDS)])
    _print(console, case, figures)
    console.print(
        f"{case.name}: {ratio:.2f} of the floor's throughput (at least {MIN_RATIO}); by processor time {of_cpu:.2f}; "
        f"both read {reads['floor'][1]:,} documents in {reads['floor'][0]} round trips",
        highlight=False,
    )
    return ratio >= MIN_RATIO


def _ratio(of_rounds: list[float]) -> float:
    """The median of neighbours' ratios: what else the machine does meets both neighbours alike."""
    return statistics.median(of_rounds)


def _round(case: Case, server: Server, figures: Figures) -> None:
    before = _cpu_seconds(server)
    outcome = _load(case, server, SECONDS)
    count = len(outcome.latencies)
    figures.rates.append(count / outcome.seconds)
    figures.cpu.append((_cpu_seconds(server) - before) / count * 1000)
    figures.latencies += outcome.latencies
    figures.body_bytes = outcome.body_bytes


def _load(case: Case, server: Server, seconds: float) -> Outcome:
    order = Order(server.port, case.path, case.headers(), CONNECTIONS, seconds)
    generator = [sys.executable, "-m", "bench.client"]
    answer = subprocess.run(
        generator, input=orjson.dumps(asdict(order)), stdout=subprocess.PIPE, cwd=_root(), timeout=120, check=True
    )
    outcome = Outcome(**orjson.loads(answer.stdout))
    if outcome.errors:
        raise RuntimeError(f"{case.name}: {len(outcome.errors)} bad answers, the first: {outcome.errors[0]}")
    return outcome


def _cpu_seconds(server: Server) -> float:
    used = server.process.cpu_times()
    return float(used.user + used.system)


def _reads(uri: str, case: Case, server: Server) -> tuple[int, int]:
    """(round trips, documents) that one request costs, as the database counts them."""
    _ask(case, server)
    with MongoClient[Any](uri) as client:
        before = _counters(client)
        _ask(case, server)
        after = _counters(client)
    return after[0] - before[0], after[1] - before[1]


def _counters(client: MongoClient[Any]) -> tuple[int, int]:
    status = client.admin.command("serverStatus")
    commands = status["metrics"]["commands"]
    trips = sum(commands[name]["total"] for name in ("find", "aggregate", "count", "getMore"))
    return trips, status["metrics"]["document"]["returned"]


def _ask(case: Case, server: Server) -> None:
    request = urllib.request.Request(f"http://{embedded.HOST}:{server.port}{case.path}", headers=case.headers())
    with urllib.request.urlopen(request) as answer:
        answer.read()


def _print(console: Console, case: Case, figures: dict[str, Figures]) -> None:
    table = Table("server", "requests/s", "p50 ms", "p99 ms", "CPU ms/request", "bytes", title=case.name)
    for name, of_server in figures.items():
        rate, cpu = statistics.median(of_server.rates), statistics.median(of_server.cpu)
        times = (f"{of_server.percentile(share):.1f}" for share in (0.5, 0.99))
        table.add_row(name, f"{rate:,.0f}", *times, f"{cpu:.2f}", f"{of_server.body_bytes:,}")
    console.print(table)


if __name__ == "__main__":
    os.environ.setdefault("JWT_SECRET", "only-for-measuring-9f2c7b1e4d8a6035-kqzv")
    sys.exit(0 if main() else 1)
