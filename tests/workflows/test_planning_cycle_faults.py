"""The cycle's workflow where something comes at the wrong moment: a nudge, a deletion, a neighbour, a hasty person."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.clock import now
from core.collections import scoped
from core.context import tenant_scope
from core.errors import Conflict, NotFound
from models.cycle import Operation
from models.forecast import Line, Sheet, SnapshotMarker
from models.job import Mail
from models.tenant import Tenant
from planning.stages import Move
from services import cycle_moves, cycles, opening, share
from tests.companies import DAY, Company, draft_cycle, ignore, make_company
from tests.eventually import eventually
from tests.workflows import test_planning_cycle as rounds
from tests.workflows.test_planning_cycle import Round, Start, ended, in_45_days

start = rounds.start
HOUR = timedelta(hours=1)


async def in_review_below_share(cycle: Round) -> None:
    await cycle.wait(6 * DAY)
    await cycle.reaches("entry")
    await cycle.wait(15 * DAY)
    await cycle.reaches("review")


async def everything_submitted(company: Company) -> None:
    """What returned sheets do in review: they are submitted again."""
    await scoped(Sheet).update_one({"customer_id": company.customer.id}, {"$set": {"state": "submitted"}})


async def told_below_share() -> bool:
    return await scoped(Mail).count({"template": "cycle-below-share"}) == 1


async def test_a_submission_that_comes_while_the_share_is_measured_is_not_forgotten(
    tenant: Tenant, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured, go_on = asyncio.Event(), asyncio.Event()
    original = share.measure

    async def slow(*args: Any) -> Any:
        answer = await original(*args)
        measured.set()
        await go_on.wait()
        return answer

    monkeypatch.setattr(share, "measure", slow)
    with tenant_scope(tenant.id):
        company = await make_company()
        async with start(in_45_days(auto_close=True, auto_close_share_percent=100)) as cycle:
            await in_review_below_share(cycle)
            waiting = asyncio.create_task(cycle.wait(9 * DAY + HOUR / 2))
            await measured.wait()
            await everything_submitted(company)
            await cycle.workflows.nudge_cycle(tenant.id, cycle.cycle_id)
            go_on.set()
            await waiting
            await cycle.reaches("closed")


async def test_a_lower_share_counts_at_once(tenant: Tenant, start: Start) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        async with start(in_45_days(auto_close=True, auto_close_share_percent=100)) as cycle:
            await in_review_below_share(cycle)
            await cycle.wait(9 * DAY + HOUR / 2)
            await eventually(told_below_share)
            await everything_submitted(company)
            await cycle.ask(Move.RESCHEDULE, auto_close_share_percent=50)
            await cycle.reaches("closed")


async def test_an_opening_that_fails_after_the_caller_left_ends_its_operation(tenant: Tenant, start: Start) -> None:
    with tenant_scope(tenant.id):
        async with start(in_45_days(opens_at=None)) as cycle:
            await cycles.delete_draft(cycle.cycle_id)
            with pytest.raises(NotFound):
                await cycle.ask(Move.OPEN)
            (operation,) = await scoped(Operation).documents({})
            assert (operation.state, (operation.error or {})["code"]) == ("failed", "not_found")
            await ended(cycle)


async def test_a_cycle_that_waits_for_another_lays_nothing_out_until_its_turn(tenant: Tenant, start: Start) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        first = await draft_cycle("first", opens_at=None, entry_closes_at=now() + DAY, closes_at=now() + 2 * DAY)
        await opening.prepare(first.id, ignore)
        await cycle_moves.open_entry(first.id, now(), None)
        laid_out = await scoped(Line).count({})
        async with start(in_45_days()) as cycle:
            await cycle.wait(5 * DAY + HOUR)

            async def told() -> bool:
                return await scoped(Mail).count({"template": "cycle-waiting", "user_id": company.manager.id}) == 1

            await eventually(told)
            with pytest.raises(Conflict, match="Another cycle is in entry"):
                await cycle.ask(Move.OPEN)
            assert await scoped(Line).count({}) == laid_out
            (operation,) = await scoped(Operation).documents({})
            assert operation.state == "failed"

            await cycle_moves.lock_entry(first.id, now())
            await cycle.wait(HOUR)
            opened = await cycle.reaches("entry")
            assert opened.waiting_for is None
            assert await scoped(Line).count({"cycle_id": cycle.cycle_id}) == laid_out
            await cycle.ask(Move.CANCEL)


async def test_a_cycle_is_reopened_the_moment_it_is_closed_again_and_again(tenant: Tenant, start: Start) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        async with start(in_45_days(opens_at=None)) as cycle:
            await cycle.ask(Move.OPEN)
            for number in range(1, 7):
                await cycle.ask(Move.CLOSE)

                async def closed(number: int = number) -> bool:
                    return await scoped(SnapshotMarker).count({}) == number

                await eventually(closed, within=20)
                reopened = await cycle.ask(Move.REOPEN, entry_closes_at=now() + 50 * DAY, closes_at=now() + 60 * DAY)
                assert reopened is not None
                assert reopened.stage == "entry"
            await cycle.ask(Move.CANCEL)
            assert await scoped(Operation).count({"state": "succeeded"}) == 14
