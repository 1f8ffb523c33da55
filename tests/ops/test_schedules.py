"""Schedules are data: brought into Temporal again and again, and an operator's pause survives."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.client import Client, ScheduleDescription, ScheduleOverlapPolicy, ScheduleUpdate
from temporalio.contrib.pydantic import pydantic_data_converter

from ops.schedules import SCHEDULES, ensure_schedules
from tests.eventually import eventually
from workflows.contracts import UPKEEP_SCHEDULE


@pytest.fixture
async def client(temporal_address: str) -> Client:
    return await Client.connect(temporal_address, data_converter=pydantic_data_converter)


async def description(client: Client) -> ScheduleDescription:
    return await client.get_schedule_handle(UPKEEP_SCHEDULE).describe()


async def test_every_schedule_of_the_table_is_there_and_skips_overlaps(client: Client) -> None:
    await ensure_schedules(client, "nobody-listens")
    for entry in SCHEDULES:
        found = (await client.get_schedule_handle(entry.id).describe()).schedule
        assert [interval.every for interval in found.spec.intervals] == [entry.every]
        assert found.policy.overlap is ScheduleOverlapPolicy.SKIP
        assert found.policy.catchup_window == entry.catch_up


async def test_a_pause_survives_and_a_wrong_interval_is_corrected(client: Client) -> None:
    await ensure_schedules(client, "nobody-listens")
    handle = client.get_schedule_handle(UPKEEP_SCHEDULE)

    async def paused() -> ScheduleDescription:
        found = await description(client)
        assert found.schedule.state.paused
        return found

    await handle.pause(note="looking into something")
    found = await eventually(paused)
    found.schedule.spec.intervals[0].every = timedelta(hours=7)
    await handle.update(lambda _: ScheduleUpdate(schedule=found.schedule))
    await ensure_schedules(client, "nobody-listens")
    after = (await description(client)).schedule
    assert (after.state.paused, after.state.note) == (True, "looking into something")
    assert after.spec.intervals[0].every == timedelta(seconds=30)
