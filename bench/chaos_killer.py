"""Kills servers at random moments, so that every phase of the work meets the death of every server."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from random import Random

from bench.chaos_ledger import PHASES, Phases
from bench.chaos_servers import VICTIMS, Mailbox, Servers

GAP_SECONDS = (1.0, 4.0)
LONG = {"import": 1.5, "close": 0.8}
"""Phases that last: how long after a look at them a kill may fall, in seconds."""
SHORT = {"save": 0.06, "submit": 0.08, "mail": 0.004}
"""Phases of milliseconds: their next beginning is waited for, and then up to so many seconds."""
AT_ONCE = 0.4
"""How often a short phase is hit right after its answer came: what was acknowledged must be on the disk by then."""
WITHIN = 8.0
MAIL_WITHIN = 25.0
MAIL_EVERY = 6


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
            if not await self._lives(victim) or not await self._moment(phase):
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

    def _victim(self, phase: str) -> str:
        """The server that met this phase least often; a mail's is always one of those that deliver it."""
        possible = [name for name in VICTIMS if phase != "mail" or name != "api"]
        least = min(self.fell[phase, name] for name in possible)
        return self._chance.choice([name for name in possible if self.fell[phase, name] == least])

    async def _lives(self, victim: str) -> bool:
        """Wait until the victim is back from its last death; others may be dead at the same time."""
        try:
            await asyncio.wait_for(self._servers.servers[victim].alive.wait(), WITHIN)
        except TimeoutError:
            return False
        return True

    async def _moment(self, phase: str) -> bool:
        """Wait for the phase, and then a random while; False when it did not come in time."""
        if phase in LONG:
            await asyncio.sleep(self._chance.uniform(0, LONG[phase]))
            return phase in self._phases.in_flight()
        if phase == "mail":
            self._mailbox.taken.clear()
            try:
                await asyncio.wait_for(self._mailbox.taken.wait(), MAIL_WITHIN)
            except TimeoutError:
                return True
        elif self._chance.random() < AT_ONCE:
            await self._phases.next_exit(phase, WITHIN)
            return True
        elif not await self._phases.next_entry(phase, WITHIN):
            return True
        await asyncio.sleep(self._chance.uniform(0, SHORT[phase]))
        return True

    def _where(self, wanted: str) -> str:
        """The phase that this kill counts for: the wanted one if it is met, else the one met least often."""
        running = self._phases.in_flight() | self._phases.just_left()
        if wanted in running or (wanted == "mail" and self._mailbox.busy()):
            return wanted
        return min(running, key=self.of_phase, default="idle")
