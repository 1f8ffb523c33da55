"""Kills API, worker and database with kill -9 at random moments of import, save, submit and close, and counts what is
lost: nothing that was acknowledged may be.

    python -m bench.chaos [--kills 32] [--seed 1]

It starts its own servers, lets people work over HTTP while the killing goes on, waits until everything has settled, and
holds the database against what the people were told. Exit code 1 = a promise was broken.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from pymongo.errors import PyMongoError
from rich.console import Console

from bench.chaos_checks import (
    Check,
    check_closes,
    check_moves,
    check_save_events,
    check_saves,
    check_snapshots,
    check_submits,
    check_versions,
)
from bench.chaos_checks_facts import check_doubles, check_imports, check_mails, check_rollups, check_sales
from bench.chaos_client import Client
from bench.chaos_company import ITEMS, PASSWORD, Company, codes_of, found_company
from bench.chaos_files import SalesFiles
from bench.chaos_killer import Killer
from bench.chaos_ledger import Ledger, Phases
from bench.chaos_load import Hand, Importer, Manager, Round
from bench.chaos_report import print_report
from bench.chaos_servers import Mailbox, Servers
from core.collections import scoped
from core.context import tenant_scope
from core.mongo import Mongo
from core.settings import load_settings
from models.cycle import Cycle, Operation
from models.job import Job, Mail
from models.registry import DOCUMENTS
from models.sale import RollupState

LOAD_SECONDS = 330.0
FINISH_SECONDS = 120.0
SETTLE_SECONDS = 150.0
HANDS = 2

console = Console()


@dataclass(slots=True)
class Run:
    """One run: its servers, its people, and what they were told."""

    servers: Servers
    mailbox: Mailbox
    chance: Random
    ledger: Ledger = field(default_factory=Ledger)
    phases: Phases = field(default_factory=Phases)
    round: Round = field(default_factory=Round)
    clients: list[Client] = field(default_factory=list)

    async def client(self, email: str) -> Client:
        client = Client(self.servers.url, self.ledger, Random(self.chance.random()))
        self.clients.append(client)
        await client.sign_in(email, PASSWORD)
        return client

    def luck(self) -> Random:
        """A generator of its own for each, so that the order of events does not change what they draw."""
        return Random(self.chance.random())


async def chaos(kills: int, seed: int, directory: Path) -> bool:
    """Whether every promise held. The servers are ended in any case."""
    chance = Random(seed)
    async with Mailbox().listening() as mailbox:
        servers = Servers(directory, mailbox)
        run = Run(servers, mailbox, chance)
        os.environ.update(servers.environment)
        load_settings.cache_clear()
        mongo = Mongo(load_settings().mongo)
        try:
            await servers.start()
            await mongo.start(DOCUMENTS)
            return await _carry_out(run, kills)
        finally:
            for client in run.clients:
                await client.close()
            await mongo.close()
            await servers.stop()


async def _carry_out(run: Run, kills: int) -> bool:
    began = time.monotonic()
    company = await found_company()
    killer = Killer(run.servers, run.phases, run.mailbox, run.luck())
    with tenant_scope(company.tenant_id):
        files = SalesFiles(run.luck(), await codes_of(company), ITEMS)
        console.print(f"Everything runs; {kills} kills follow.")
        await _work(run, killer, company, files, kills)
        worked = time.monotonic() - began
        console.print(f"{killer.fell.total()} kills in {worked:.0f} s; waiting until everything has settled.")
        left = await _settle()
        settled = time.monotonic() - began - worked
        checks, doubles = await _checks(run, company, files)
    checks.append(_as_run(run, killer, kills, left))
    return print_report(console, run.ledger, killer, checks, run.servers, doubles=doubles, seconds=(worked, settled))


async def _work(run: Run, killer: Killer, company: Company, files: SalesFiles, kills: int) -> None:
    """Let everybody work while the killer kills; then let them finish what they began."""
    manager_client, importer_client = await run.client("manager@chaos.example"), await run.client("admin@chaos.example")
    manager = Manager(manager_client, run.ledger, run.phases, run.luck())
    importer = Importer(importer_client, run.ledger, run.phases, run.luck(), files)
    people: list[Coroutine[Any, Any, None]] = [manager.work(run.round), importer.work(run.round)]
    for email, customers in company.customers.items():
        client = await run.client(email)
        for hand in range(HANDS):
            own = customers[hand::HANDS]
            people.append(Hand(client, run.ledger, run.phases, run.luck(), own).work(run.round))
    tasks = [asyncio.create_task(person) for person in people]
    try:
        await killer.work(kills, time.monotonic() + LOAD_SECONDS)
        run.round.over.set()
        await run.servers.all_ready()
        done, late = await asyncio.wait(tasks, timeout=FINISH_SECONDS)
        run.ledger.problems += [f"{len(late)} people did not come to an end"] if late else []
        run.ledger.problems += [f"somebody stopped: {task.exception()}" for task in done if task.exception()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _settle() -> list[str]:
    """Wait until nothing is left to do; what is still left after the time."""
    end = time.monotonic() + SETTLE_SECONDS
    while left := await _left():
        if time.monotonic() > end:
            return left
        await asyncio.sleep(1)
    return []


async def _left() -> list[str]:
    unfinished: dict[str, tuple[type[Any], dict[str, Any]]] = {
        "imports": (Job, {"state": {"$in": ["queued", "running"]}}),
        "mails": (Mail, {"state": "queued"}),
        "dirty rollups": (RollupState, {"dirty": True}),
        "operations": (Operation, {"state": {"$in": ["queued", "running"]}}),
        "closing cycles": (Cycle, {"stage": "closing"}),
    }
    try:
        counts = {name: await scoped(model).count(query) for name, (model, query) in unfinished.items()}
    except PyMongoError as error:
        return [f"the database does not answer: {error}"]
    return [f"{count} {name}" for name, count in counts.items() if count]


async def _checks(run: Run, company: Company, files: SalesFiles) -> tuple[list[Check], int]:
    ledger = run.ledger
    opened = sum(count for (action, _), count in ledger.moves.items() if action == "cycle.opened")
    double_check, doubles = check_doubles(run.mailbox, run.servers)
    checks = [
        await check_saves(ledger),
        await check_save_events(ledger, company.tenant_id),
        await check_submits(ledger),
        await check_versions(),
        await check_closes(ledger),
        await check_snapshots(ledger),
        await check_moves(ledger),
        await check_imports(ledger),
        await check_sales(files.expected, len(ledger.uploads)),
        await check_rollups(),
        await check_mails(run.mailbox, opened),
        double_check,
    ]
    return checks, doubles


def _as_run(run: Run, killer: Killer, kills: int, left: list[str]) -> Check:
    check = Check("nobody got an answer that nobody should get, and everything came to an end")
    check.looked_at = run.ledger.answers.total()
    check.violations += [*run.ledger.problems, *run.servers.died]
    check.violations += [f"left undone after {SETTLE_SECONDS:.0f} s: {', '.join(left)}"] if left else []
    if killer.fell.total() < kills:
        check.violations.append(f"only {killer.fell.total()} of {kills} kills fell within the time")
    return check


def main(
    kills: Annotated[int, typer.Option(min=1, help="How many kills -9.")] = 32,
    seed: Annotated[int, typer.Option(help="The same seed draws the same load; its timing differs.")] = 1,
) -> None:
    """Kill servers at random moments and count what is lost."""
    directory = Path(tempfile.mkdtemp(prefix="planwright-chaos-"))
    good = False
    try:
        good = asyncio.run(chaos(kills, seed, directory))
    finally:
        if good:
            shutil.rmtree(directory, ignore_errors=True)
        else:
            console.print(f"Logs and data are kept in {directory}.")
    raise typer.Exit(0 if good else 1)


if __name__ == "__main__":
    typer.run(main)
