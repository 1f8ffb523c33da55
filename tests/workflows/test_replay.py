"""Every recorded run replays with today's code: a change of a workflow must not strand what is already running."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from ops.registry import WORKFLOWS

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_run_replays(path: Path) -> None:
    history = WorkflowHistory.from_json(path.stem, await asyncio.to_thread(path.read_text))
    replayer = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter)
    await replayer.replay_workflow(history)


def test_every_workflow_has_a_recorded_run() -> None:
    recorded = " ".join(path.read_text() for path in HISTORIES)
    missing = [name for name in map(_name, WORKFLOWS) if f'"name": "{name}"' not in recorded]
    assert missing == []


def _name(workflow: type) -> str:
    return str(vars(workflow)["__temporal_workflow_definition"].name)
