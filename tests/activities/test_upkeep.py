"""What upkeep finds: also the mails of those who asked for a new password."""

from __future__ import annotations

import pytest

from activities.upkeep import find_missing
from core.mongo import Mongo
from core.settings import Settings
from models.tenant import Tenant
from services import passwords
from tests.accounts import HOME, person
from workflows.contracts import UpkeepInput


@pytest.fixture(autouse=True)
def _connected(settings: Settings, mongo: Mongo) -> None:
    """Everything here runs on the real database, with the settings of the test process."""


async def test_who_asked_for_a_new_password_gets_the_mail_in_the_same_round(tenant: Tenant) -> None:
    user = await person(tenant)
    assert tenant.id not in {mails.tenant_id for mails in (await find_missing(UpkeepInput())).mails}
    await passwords.ask_for_reset(user.email, address=HOME)
    assert tenant.id in {mails.tenant_id for mails in (await find_missing(UpkeepInput())).mails}
