"""Kills servers at random moments, so that every phase of the work meets the death of every server."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from random import Random

from bench.chaos_ledger import PHASES, Phases
from bench.chaos_servers import VICTIMS, Mailbox, Servers

GAP_SECONDS = (1.5, 5.0)
LONG = {"import": 1.5, "close": 0.8}
"""Phases that last: how long after a look at them a kill may fall, in seconds."""
SHORT = {"save": 0.06, "submit": 0.08, "mail": 0.02}
"""Phases of milliseconds: their next beginning is waited for, and then up to so many seconds."""
WITHIN = 8.0
MAIL_EVERY = 8


class Killer:
    """`fell` counts the kills by (phase, victim); "idle" where nothing was going on."""

    def __init__(self, servers: Servers, phases: Phases, mailbox: Mailbox, chance: Random) -> None:
        self._servers, self._phases, self._mailbox, self._chance = servers, phases, mailbox, chance
        self.fell: Counter[tuple[str, str]] = Counter()

    async def work(self, kills: int, until: float) -> None:
        """Kill so often, or until that (monotonic) time."""
        while self.fell.total() < kills and time.monotonic() < until:
            await asyncio.sleep(self._chance.uniform(*GAP_SECONDS))
            await self._servers.check_alive()
            phase = self._needy()
            victim = self._victim(phase)
            if victim is None or not await self._moment(phase):
                continue
            if not self._servers.servers[victim].is_ready:
                continue
            fell = self._where(phase)
            await self._servers.kill(victim)
            self.fell[fell, victim] += 1

    def of_phase(self, phase: str) -> int:
        return sum(count for (name, _), count in self.fell.items() if name == phase)

    def _needy(self) -> str:
        """The phase with the fewest kills, among those that can be met now; sometimes the delivery of a mail."""
        if self.fell.total() % MAIL_EVERY == MAIL_EVERY - 1:
            return "mail"
        running = self._phases.in_flight()
        possible = [phase for phase in PHASES if phase in running or phase in ("save", "submit")]
        possible = [phase for phase in possible if phase != "mail"]
        least = min(self.of_phase(phase) for phase in possible)
        if "close" in possible and self.of_phase("close") <= least + 1:
            return "close"  # it is the rarest
        return self._chance.choice([phase for phase in possible if self.of_phase(phase) == least])

    def _victim(self, phase: str) -> str | None:
        """The living server that met this phase least often; a mail's is always the one that delivers it."""
        living = [name for name in VICTIMS if self._servers.servers[name].is_ready]
        if phase == "mail":
            living = [name for name in living if name != "api"]
        if not living:
            return None
        least = min(self.fell[phase, name] for name in living)
        return self._chance.choice([name for name in living if self.fell[phase, name] == least])

    async def _moment(self, phase: str) -> bool:
        """Wait for the phase, and then a random while; False when it did not come in time."""
        if phase in LONG:
            await asyncio.sleep(self._chance.uniform(0, LONG[phase]))
            return phase in self._phases.in_flight()
        if phase == "mail":
            self._mailbox.taken.clear()
            try:
                await asyncio.wait_for(self._mailbox.taken.wait(), WITHIN)
            except TimeoutError:
                return True
        elif not await self._phases.next_entry(phase, WITHIN):
            return True
        await asyncio.sleep(self._chance.uniform(0, SHORT[phase]))
        return True

    def _where(self, wanted: str) -> str:
        """The phase that this kill counts for: the wanted one if it is met, else the one met least often."""
        running = self._phases.in_flight()
        if wanted in running or (wanted == "mail" and self._mailbox.busy()):
            return wanted
        return min(running, key=self.of_phase, default="idle")
