"""What a chaos run says at its end."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.chaos_checks import Check
from bench.chaos_killer import Killer
from bench.chaos_ledger import PHASES, Ledger
from bench.chaos_servers import VICTIMS, Servers

SHOWN = 5


def print_report(
    console: Console,
    ledger: Ledger,
    killer: Killer,
    checks: list[Check],
    servers: Servers,
    *,
    doubles: int,
    seconds: tuple[float, float],
) -> bool:
    """Print where the kills fell, what was done meanwhile, and what held; True when everything did."""
    console.print(_kills(killer))
    console.print(_deeds(ledger, servers, doubles, seconds))
    console.print(_promises(checks))
    for check in checks:
        for violation in check.violations[:SHOWN]:
            console.print(f"[red]{check.promise}[/red]: {escape(violation)}", highlight=False, soft_wrap=True)
    good = not any(check.violations for check in checks)
    console.print("[green]Nothing acknowledged is lost." if good else "[red]Promises were broken.")
    return good


def _kills(killer: Killer) -> Table:
    table = Table("kills during", *VICTIMS, "all", title="kill -9", title_justify="left")
    for phase in (*PHASES, "idle"):
        counts = [killer.fell[phase, victim] for victim in VICTIMS]
        table.add_row(phase, *map(str, counts), str(sum(counts)))
    totals = [sum(killer.fell[phase, victim] for phase in (*PHASES, "idle")) for victim in VICTIMS]
    table.add_row("all", *map(str, totals), str(sum(totals)))
    return table


def _deeds(ledger: Ledger, servers: Servers, doubles: int, seconds: tuple[float, float]) -> Table:
    table = Table(show_header=False, title="What went on", title_justify="left")
    writes = [write for cell in ledger.cells.values() for write in cell]
    acked = sum(write.acked is not None for write in writes)
    table.add_row("seconds of work, of settling", f"{seconds[0]:.0f}, {seconds[1]:.0f}")
    table.add_row("answers by status", ", ".join(f"{status}: {n}" for status, n in sorted(ledger.answers.items())))
    table.add_row("requests asked again, given up", f"{ledger.retries}, {ledger.lost}")
    table.add_row("cells acknowledged, never answered", f"{acked}, {len(writes) - acked}")
    table.add_row("submissions, closes", f"{len(ledger.submits)}, {len(ledger.closes)}")
    rows = sum(len(upload.rows) for upload in ledger.uploads)
    table.add_row("imports, their rows", f"{len(ledger.uploads)}, {rows:,}")
    mails = servers.mailbox.deliveries
    table.add_row("mails delivered, of these twice", f"{len(mails)}, {doubles}")
    table.add_row("back after a kill, seconds", ", ".join(f"{victim}: {_back(servers, victim)}" for victim in VICTIMS))
    return table


def _back(servers: Servers, victim: str) -> str:
    """The mean time from a kill until the server was ready again."""
    outages = (outage for outage in servers.outages if outage.victim == victim)
    seconds = [outage.ended - outage.began for outage in outages if outage.ended is not None]
    return f"{sum(seconds) / len(seconds):.1f}" if seconds else "-"


def _promises(checks: list[Check]) -> Table:
    table = Table("promise", "looked at", "broken", title="What must hold", title_justify="left")
    for check in checks:
        colour = "red" if check.violations else "green"
        table.add_row(check.promise, f"{check.looked_at:,}", f"[{colour}]{len(check.violations)}[/{colour}]")
    return table
