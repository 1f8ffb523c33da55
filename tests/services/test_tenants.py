"""Companies: how one begins."""

from __future__ import annotations

from uuid import uuid4

import pytest

from core.errors import Conflict, InvalidInput, NotFound
from core.mongo import Mongo
from core.settings import Settings
from services import tenants
from tests.accounts import events


@pytest.fixture(autouse=True)
def _connected(settings: Settings, mongo: Mongo) -> None:
    """Everything here runs on the real database, with the settings of the test process."""


async def test_a_company_begins_with_the_defaults_and_an_audit_event() -> None:
    slug = f"acme-{uuid4().hex[:8]}"
    made = await tenants.create_tenant(slug, "Acme", base_currency="GBP")
    assert await tenants.tenant_id_of(slug) == made.id
    assert (made.base_currency, made.horizon, made.mandatory_months) == ("GBP", 16, 12)
    assert len(await events(made.id, "tenant.created")) == 1
    with pytest.raises(Conflict):
        await tenants.create_tenant(slug, "Acme again")
    with pytest.raises(NotFound):
        await tenants.tenant_id_of("no-such-company")


async def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(InvalidInput) as refusal:
        await tenants.create_tenant("Acme Ltd", "", base_currency="euro", time_zone="Mars/Olympus")
    assert [detail.field for detail in refusal.value.details] == ["slug", "name", "base_currency", "time_zone"]
