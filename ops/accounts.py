"""The first company and its first admin, made from the command line: there is no register route."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pymongo.errors import PyMongoError

from core.context import tenant_scope
from core.errors import PlanwrightError
from core.mongo import Mongo
from core.settings import Settings, check_secrets, load_settings
from models.registry import DOCUMENTS
from models.tenant import Tenant
from models.user import User
from ops.errors import OpsError
from ops.local import LocalDirectory, LocalSettings, child_environment, given_settings, joinable, read_secrets
from planning.roles import Role
from services import invitations, tenants

T = TypeVar("T")


def settings_here() -> Settings:
    """The settings of this command: what is given, and for the rest those of the stack that runs in this checkout.

    Raises OpsError when the checkout has a local stack that does not run, and no database is given: the default
    address may be that of another checkout.
    """
    local, given = LocalSettings(), given_settings()
    if {"JWT_SECRET", "MONGODB_URI"} <= given:
        return load_settings()
    directory = LocalDirectory(local.planwright_local_dir)
    ours = directory.remembered()
    if not ours and "JWT_SECRET" not in given and directory.secrets.exists():
        if "MONGODB_URI" not in given:
            raise OpsError("Planwright does not run in this checkout: start it ('make up'), or set MONGODB_URI.")
        ours = joinable(child_environment(local, read_secrets(directory.secrets), given))
    os.environ.update({name: value for name, value in ours.items() if name not in given})
    load_settings.cache_clear()
    return load_settings()


async def create_tenant(settings: Settings, slug: str, name: str, base_currency: str, time_zone: str) -> Tenant:
    """Make a company; raises `OpsError` with a sentence for what is refused."""
    return await _connected(
        settings, lambda: tenants.create_tenant(slug, name, base_currency=base_currency, time_zone=time_zone)
    )


async def create_superuser(settings: Settings, slug: str, email: str, name: str, password: str) -> User:
    """Make an admin of the company with this short name, who can sign in at once; raises `OpsError`."""

    async def action() -> User:
        with tenant_scope(await tenants.tenant_id_of(slug)):
            return await invitations.create_user(email, name, Role.ADMIN, password=password)

    return await _connected(settings, action)


async def _connected(settings: Settings, action: Callable[[], Awaitable[T]]) -> T:
    """Run the action with the documents bound to the database of the settings."""
    check_secrets(settings)
    mongo = Mongo(settings.mongo)
    try:
        await mongo.start(DOCUMENTS)
        return await action()
    except PlanwrightError as error:
        raise OpsError(" ".join([error.message, *(f"{one.field}: {one.message}" for one in error.details)])) from error
    except PyMongoError as error:
        raise OpsError("The database does not answer: start it ('make up'), or correct MONGODB_URI.") from error
    finally:
        await mongo.close()
