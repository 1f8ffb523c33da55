"""Random requests and random examples: the running API against its OpenAPI document, and the rules against theirs.

The API is a process of its own with its own MongoDB, Temporal and worker. schemathesis asks it everything that the
document declares, alone and one after the other as the answers link up, with all checks: no server error, nothing
undeclared, nothing accepted that the document forbids (numbers are never read from texts), nothing without a token,
nothing after its end, and nothing of another company. Afterwards the other company must be as it was.

    python -m bench.fuzz [--seconds 285] [--seed 1]

The same seed draws the same examples, as far as the time goes. Exit code 1 = something was found.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from bson import decode
from rich.console import Console
from rich.table import Table

from api.app import create_app
from bench import fuzz_plan
from bench.chaos_servers import Mailbox, Servers
from core.mongo import Mongo
from core.settings import load_settings
from models.registry import DOCUMENTS
from ops.local import ROOT
from tests.api.matrix.base import makers
from tests.api.matrix.world import make_world

STOP_SECONDS = 15
"""What stopping the servers and counting take at most."""
MIN_SECONDS = 30
RULES_SHARE = 0.25
"""Of the time."""
NOT_COMPARED = ("mails", "guards")
"""Collections that change without anybody's request: the worker delivers mails."""
ANYBODYS = ("user.password_reset_asked",)
"""Audit events of what everybody may ask of an address without being signed in."""

Contents = Mapping[str, Mapping[str, bytes]]
"""Documents by collection and id."""

console = Console()


@dataclass(slots=True)
class Found:
    """What a run did, and what it found: one line each. `taken` operations took at least one of the requests."""

    passes: int = 1
    operations: int = 0
    taken: int = 0
    cases: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)


def fuzz_rules(end: float, seed: int) -> Found:
    """The property tests of `planning/` with 500 new examples each, again and again until about `end` (monotonic
    seconds); at least once."""
    began, found = time.monotonic(), Found(passes=0)
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "fuzz"}
    longest = 0.0
    while not found.findings and time.monotonic() + longest < end:
        started = time.monotonic()
        command = [sys.executable, "-m", "pytest", "tests/planning", f"--hypothesis-seed={seed + found.passes}"]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            console.print(done.stdout, highlight=False, markup=False)
            found.findings.append("rules: see above")
        found.passes += 1
        longest = max(longest, time.monotonic() - started)
    found.seconds = time.monotonic() - began
    return found


async def fuzz_api(directory: Path, end: float, seed: int) -> Found:
    """Ask until about `end` (monotonic seconds)."""
    async with AsyncExitStack() as stack:
        mailbox = await stack.enter_async_context(Mailbox().listening())
        servers = Servers(directory, mailbox)
        os.environ.update(servers.environment)
        load_settings.cache_clear()
        mongo = Mongo(load_settings().mongo)
        stack.push_async_callback(servers.stop)
        stack.push_async_callback(mongo.close)
        await servers.start()
        await mongo.start(DOCUMENTS)
        app = create_app(load_settings(), mongo=mongo)
        worlds = {name: await make_world(app, makers()) for name in ("a", "b")}
        desk = await stack.enter_async_context(fuzz_plan.Desk(worlds).open())
        before = await worlds["b"].contents()
        plan = await fuzz_plan.write(directory, desk)
        found = await _ask(plan, servers.url, max(MIN_SECONDS, int(end - time.monotonic())), seed)
        await servers.check_alive()
        found.findings += _changes(before, await worlds["b"].contents())
        found.findings += servers.died
        return found


def _changes(before: Contents, after: Contents) -> Iterator[str]:
    """What became different, with the first example of each collection."""
    for name in before:
        rows = [decode(row) for key, row in after[name].items() if before[name].get(key) != row]
        rows = [row for row in rows if row.get("action") not in ANYBODYS]
        gone = before[name].keys() - after[name].keys()
        if (rows or gone) and name not in NOT_COMPARED:
            yield f"{name} of the other company: {len(rows)} changed, {len(gone)} gone {str(rows[:1])[:500]}"


async def _ask(plan: fuzz_plan.Plan, url: str, seconds: int, seed: int) -> Found:
    """Let schemathesis ask for so many seconds. What it says goes to the screen."""
    report = plan.directory / "report.json"
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(plan.config)),
        *("run", str(plan.document), "--url", url, "--max-time", str(seconds), "--seed", str(seed)),
        *("--report", "json", "--report-json-path", str(report)),
    ]
    named = {"SCHEMATHESIS_HOOKS": "bench.fuzz_hooks", "FUZZ_FOREIGN": str(plan.foreign), "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **named}, cwd=plan.directory)
    code = await process.wait()
    return _read(orjson.loads(report.read_bytes()), code)


def _read(report: dict[str, Any], code: int) -> Found:
    kinds = [*report["failures"], *report["errors"]]
    findings = [f"{kind['title']}: {kind['count']} {', '.join(kind.get('operations', []))}" for kind in kinds]
    if code != 0 and not findings:
        findings.append(f"schemathesis ended with code {code}")
    asked, total = report["operations"]["tested"], report["operations"]["total"]
    if asked != total:
        findings.append(f"only {asked} of {total} operations were asked")
    taken = sum(any(phase["accepted"] for phase in phases.values()) for phases in report["valid_rates"].values())
    cases: int = report["test_cases"]["generated"]
    return Found(1, asked, taken, cases, report["running_time"], findings)


def main(
    seconds: Annotated[int, typer.Option(min=60, help="How long all of it may take.")] = 285,
    seed: Annotated[int, typer.Option(help="The same seed draws the same examples; by default a new one.")] = -1,
) -> None:
    """Ask the API and the rules at random, and print what was found."""
    began = time.monotonic()
    seed = secrets.randbelow(1_000_000) if seed < 0 else seed
    directory = Path(tempfile.mkdtemp(prefix="planwright-fuzz-"))
    runs = {"rules": fuzz_rules(began + seconds * RULES_SHARE, seed)}
    runs["API"] = asyncio.run(fuzz_api(directory, began + seconds - STOP_SECONDS, seed))
    table = Table(
        "what", "passes", "operations", "taken", "cases", "seconds", "findings", title=f"Fuzzing, seed {seed}"
    )
    for name, run in runs.items():
        counts = (f"{count:,}" if count else "" for count in (run.passes, run.operations, run.taken, run.cases))
        table.add_row(name, *counts, f"{run.seconds:.0f}", str(len(run.findings)))
    console.print(table)
    findings = [finding for run in runs.values() for finding in run.findings]
    for finding in findings:
        console.print(f"- {finding}", highlight=False, markup=False)
    if findings:
        console.print(f"Logs and data are kept in {directory}.")
        raise typer.Exit(1)
    if not os.environ.get("KEEP"):
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    typer.run(main)
