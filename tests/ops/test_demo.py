"""The command that makes the demo company: what it refuses, and that a company that is there is left alone."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from core.collections import scoped
from core.errors import InvalidInput
from core.mongo import Mongo
from core.settings import Settings
from models.registry import DOCUMENTS
from models.tenant import Tenant
from ops.demo import seed_demo
from ops.errors import OpsError
from seed.demo import DemoOrder
from tests import factories


async def test_without_a_password_nothing_is_made(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEMO_PASSWORD", raising=False)
    with pytest.raises(OpsError, match="set DEMO_PASSWORD"):
        await seed_demo(settings, DemoOrder(slug="demo-nobody"), Console(file=io.StringIO()))


async def test_a_month_that_has_not_come_is_refused_before_anything_is_made(
    settings: Settings, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_PASSWORD", "correct horse battery")
    order = DemoOrder(slug="demo-later", reference_month="2999-01")
    try:
        with pytest.raises(InvalidInput, match="lies ahead"):
            await seed_demo(settings, order, Console(file=io.StringIO()))
    finally:
        await mongo.start(DOCUMENTS)
    assert not await scoped(Tenant).exists({"slug": "demo-later"})


async def test_a_company_that_is_there_is_left_alone(
    settings: Settings, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_PASSWORD", "correct horse battery")
    there = await factories.make_tenant()
    shown = io.StringIO()
    try:
        await seed_demo(settings, DemoOrder(slug=there.slug), Console(file=shown))
    finally:
        await mongo.start(DOCUMENTS)
    assert shown.getvalue().strip().endswith(f"Demo company {there.slug}: it is there.")
