"""The people of a chaos run: reps who save and submit, a manager who opens, closes and reopens, and one who imports."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

from bench.chaos_client import Answer, Client
from bench.chaos_files import SalesFiles
from bench.chaos_ledger import Close, Ledger, Phases, Submit, Upload, Write, counts_of, scaled
from core.clock import now

HORIZON = 12
MOST_REOPENINGS = 2
ENTRY_SECONDS = (5.0, 9.0)
THINK_SECONDS = (0.3, 1.0)
POLL_SECONDS = 0.3
OPERATION_WITHIN = 120.0
MOST_REQUESTS = 20_000


@dataclass(slots=True)
class Round:
    """What everybody knows: the cycle that is in entry, and whether it is time to go home."""

    cycle_id: UUID | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def stop(self) -> bool:
        return self.over.is_set()


@dataclass(slots=True)
class _Sheet:
    """A customer's sheet as one hand knows it: (line, product, month) -> the revision last read or answered."""

    lines: dict[UUID, UUID]
    revisions: dict[tuple[UUID, str], int]
    done: bool = False


class Hand:
    """One of a rep's two hands: saves and submits for its own customers, one request after the other."""

    def __init__(
        self, client: Client, ledger: Ledger, phases: Phases, chance: Random, customers: Sequence[UUID]
    ) -> None:
        self._client, self._ledger, self._phases, self._chance = client, ledger, phases, chance
        self._customers = customers
        self._cycle: UUID | None = None
        self._sheets: dict[UUID, _Sheet] = {}

    async def work(self, round_: Round) -> None:
        """Until the round says stop."""
        while not round_.stop and self._ledger.answers.total() < MOST_REQUESTS:
            await asyncio.sleep(self._chance.uniform(*THINK_SECONDS))
            if round_.cycle_id != self._cycle:
                self._cycle, self._sheets = round_.cycle_id, {}
            if self._cycle is not None:
                await self._step(self._cycle, self._chance.choice(self._customers))

    async def _step(self, cycle_id: UUID, customer_id: UUID) -> None:
        sheet = self._sheets.get(customer_id) or await self._read(cycle_id, customer_id)
        if sheet is None or sheet.done:
            return
        # The last customer of each hand is never submitted: its drafts must last as well.
        if customer_id != self._customers[-1] and self._chance.random() < 0.3:
            await self._submit(cycle_id, customer_id, sheet)
        else:
            await self._save(cycle_id, customer_id, sheet)

    async def _read(self, cycle_id: UUID, customer_id: UUID) -> _Sheet | None:
        answer = await self._client.ask("GET", f"/forecasts?cycle_id={cycle_id}&customer_id={customer_id}")
        if not answer.good:
            return None
        lines = answer.data["lines"]
        sheet = _Sheet(
            {UUID(line["product_id"]): UUID(line["line_id"]) for line in lines},
            {(UUID(line["product_id"]), cell["month"]): cell["rev"] for line in lines for cell in line["cells"]},
        )
        self._sheets[customer_id] = sheet
        return sheet

    async def _save(self, cycle_id: UUID, customer_id: UUID, sheet: _Sheet) -> None:
        by_line = self._chance.random() < 0.2
        places = sorted(sheet.revisions)
        if by_line:
            product = self._chance.choice(sorted(sheet.lines))
            places = [place for place in places if place[0] == product]
        chosen = self._chance.sample(places, min(len(places), self._chance.randint(1, 6)))
        at = time.monotonic()
        writes: dict[tuple[UUID, str], Write] = {}
        cells: list[dict[str, Any]] = []
        for product, month in chosen:
            units = self._chance.randint(1, 9_999)
            writes[product, month] = self._ledger.sent((cycle_id, customer_id, product, month), scaled(units), at)
            base = sheet.revisions[product, month]
            cells.append({"product_id": str(product), "month": month, "base_rev": base, "quantity": units})
        keyed = self._chance.random() < 0.85
        ask = partial(self._client.ask, keyed=keyed, once=not keyed, phase=partial(self._phases.during, "save"))
        if by_line:
            bare = [{name: value for name, value in cell.items() if name != "product_id"} for cell in cells]
            answer = await ask("PUT", f"/forecasts/{sheet.lines[chosen[0][0]]}", {"cells": bare})
        else:
            body = {"cycle_id": str(cycle_id), "customer_id": str(customer_id), "cells": cells}
            answer = await ask("POST", "/forecasts", body)
        self._note(cycle_id, customer_id, sheet, writes, answer)

    def _note(
        self, cycle_id: UUID, customer_id: UUID, sheet: _Sheet, writes: dict[tuple[UUID, str], Write], answer: Answer
    ) -> None:
        """Write the answer into the ledger; where the revisions are not known any more, read them again."""
        if answer.status == 200:
            for cell in answer.data:
                place = (UUID(cell["product_id"]), cell["month"])
                if cell["status"] not in ("saved", "unchanged"):
                    self._ledger.refused((cycle_id, customer_id, *place), writes[place])
                    self._sheets.pop(customer_id, None)
                    continue
                write = writes[place]
                write.acked, write.rev = time.monotonic(), cell["cell"]["rev"]
                write.saved = cell["status"] == "saved"
                sheet.revisions[place] = cell["cell"]["rev"]
            return
        self._sheets.pop(customer_id, None)
        if answer.status != 0:
            for place, write in writes.items():
                self._ledger.refused((cycle_id, customer_id, *place), write)
        if answer.status == 423 and "submitted" in str(answer.body):
            self._sheets[customer_id] = sheet
            sheet.done = True

    async def _submit(self, cycle_id: UUID, customer_id: UUID, sheet: _Sheet) -> None:
        body = {"cycle_id": str(cycle_id), "customer_id": str(customer_id), "confirm_zero": True}
        answer = await self._client.ask("POST", "/forecasts/submit", body, phase=partial(self._phases.during, "submit"))
        if answer.good:
            said = answer.data
            self._ledger.submits.append(Submit(cycle_id, customer_id, said["version"], said["lines"]))
            sheet.done = True
        elif answer.status == 423 and "submitted" in str(answer.body):
            sheet.done = True
        else:
            self._sheets.pop(customer_id, None)


class Manager:
    """Runs one cycle after the other: opens, lets people work, closes, and often reopens and closes again."""

    def __init__(self, client: Client, ledger: Ledger, phases: Phases, chance: Random) -> None:
        self._client, self._ledger, self._phases, self._chance = client, ledger, phases, chance
        self.cycles: list[UUID] = []

    async def work(self, round_: Round) -> None:
        """Until the round says stop; a close that has begun is waited for."""
        while not round_.stop:
            cycle_id = await self._open()
            round_.cycle_id = cycle_id
            await self._let_work(round_)
            close = await self._close(cycle_id)
            for _ in range(self._chance.randint(0, MOST_REOPENINGS)):
                if round_.over.is_set():
                    break
                await self._reopen(close)
                await self._let_work(round_)
                close = await self._close(cycle_id)
        round_.cycle_id = None

    async def _let_work(self, round_: Round) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(round_.over.wait(), self._chance.uniform(*ENTRY_SECONDS))

    async def _open(self) -> UUID:
        body = {**self._deadlines(), "name": f"Round {len(self.cycles) + 1}", "horizon": HORIZON}
        created = await self._must("POST", "/sop/cycles", body)
        cycle_id = UUID(created.data["id"])
        self.cycles.append(cycle_id)
        self._ledger.moves["cycle.created", cycle_id] += 1
        answer = await self._must("POST", f"/sop/cycles/{cycle_id}/open")
        if answer.status == 202:
            await self._until_done(UUID(answer.data["operation_id"]))
        self._ledger.moves["cycle.opened", cycle_id] += 1
        return cycle_id

    async def _close(self, cycle_id: UUID) -> Close:
        close = Close(cycle_id, time.monotonic())
        self._ledger.closes.append(close)
        with self._phases.during("close"):
            answer = await self._must("POST", f"/sop/cycles/{cycle_id}/close")
            close.operation_id = UUID(answer.data["operation_id"])
            await self._until_done(close.operation_id)
        return close

    async def _reopen(self, close: Close) -> None:
        close.until = time.monotonic()
        body = {**self._deadlines(), "reason": "Something was entered twice."}
        answer = await self._must("POST", f"/sop/cycles/{close.cycle_id}/reopen", body)
        if answer.status == 202:
            await self._until_done(UUID(answer.data["operation_id"]))
        self._ledger.moves["cycle.reopened", close.cycle_id] += 1

    async def _must(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        answer = await self._client.ask(method, path, body)
        if not answer.good:
            raise RuntimeError(f"{method} {path} was not done: {answer.status} {answer.body}")
        return answer

    async def _until_done(self, operation_id: UUID) -> None:
        end = time.monotonic() + OPERATION_WITHIN
        while time.monotonic() < end:
            answer = await self._client.ask("GET", f"/operations/{operation_id}")
            if answer.good and answer.data["state"] == "succeeded":
                return
            if answer.good and answer.data["state"] == "failed":
                raise RuntimeError(f"Operation {operation_id} failed: {answer.data}")
            await asyncio.sleep(POLL_SECONDS)
        raise RuntimeError(f"Operation {operation_id} was not done within {OPERATION_WITHIN:.0f} s.")

    def _deadlines(self) -> dict[str, str]:
        at = now()
        return {"entry_closes_at": _iso(at + timedelta(days=2)), "closes_at": _iso(at + timedelta(days=4))}


class Importer:
    """Sends one file of sales after the other and waits for the end of each."""

    def __init__(self, client: Client, ledger: Ledger, phases: Phases, chance: Random, files: SalesFiles) -> None:
        self._client, self._ledger, self._phases, self._chance = client, ledger, phases, chance
        self._files = files

    async def work(self, round_: Round) -> None:
        while not round_.stop:
            upload, content = self._files.next()
            self._ledger.uploads.append(upload)
            with self._phases.during("import"):
                await self._send(upload, content, round_)
            if not upload.ended:
                return
            await asyncio.sleep(self._chance.uniform(0.5, 2.0))

    async def _send(self, upload: Upload, content: bytes, round_: Round) -> None:
        answer = await self._client.ask("POST", "/imports", upload=(upload.name, content, {"kind": "sales"}))
        if answer.status != 202:
            self._ledger.problems.append(f"{upload.name} was not accepted: {answer.status} {answer.body}")
            return
        upload.import_id = UUID(answer.data["id"])
        while not upload.ended:
            await asyncio.sleep(POLL_SECONDS)
            answer = await self._client.ask("GET", f"/imports/{upload.import_id}")
            if answer.good and answer.data["state"] not in ("queued", "running"):
                upload.ended = True
                if counts_of(answer.data["counts"]) != upload.counts or answer.data["state"] != "succeeded":
                    self._ledger.problems.append(
                        f"{upload.name} {answer.data['state']} with {answer.data['counts']}, not {upload.counts}"
                    )
            elif round_.stop:
                return  # what is left is waited for when everything settles


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
