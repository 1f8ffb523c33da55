"""How people come in: an admin names them, and a mailed link lets them choose their password, which never travels."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

from core.collections import scoped, transaction
from core.context import current_tenant
from core.errors import Conflict, EmailTaken, InvalidInput
from core.search import search_words
from core.security.emails import clean_email, email_key
from models.job import Mail
from models.tenant import Tenant
from models.user import LoginIndex, User
from planning.users import UserStatus
from services import audit, mails, passwords, users
from services.persons import clean, person_problems, regions_problem

TEMPLATE = "password-setup"
SETUP = "setup"
DELETED = "This e-mail address belongs to a user who was deleted; restore them instead."
_WHY_NOT = {
    UserStatus.ACTIVE: "This user has a password already; they can ask for a new one where they sign in.",
    UserStatus.INACTIVE: "This user is deactivated; activate them first.",
    UserStatus.DELETED: "This user was deleted; restore them first.",
}


async def create_user(
    email: str,
    name: str,
    role: str,
    *,
    grants: Sequence[str] = (),
    regions: Sequence[str] = (),
    language: str = "en",
    time_zone: str | None = None,
    password: str | None = None,
    invite: bool = True,
) -> User:
    """Add a person to the tenant in context, and queue the mail with the set-up link unless a password is given.

    Raises `InvalidInput` with all that is wrong, and `EmailTaken` when the address signs in somewhere already, be it in
    another tenant, or belongs to somebody who was deleted. `invite=False` sends nothing.
    """
    said = {
        "name": name,
        "role": role,
        "grants": grants,
        "regions": regions,
        "language": language,
        "time_zone": time_zone,
    }
    if problems := [*person_problems(**said), *regions_problem(role, regions)]:
        raise InvalidInput(details=problems)
    address = clean_email(email)
    hashed = None
    if password is not None:
        company = await scoped(Tenant).get(current_tenant())
        hashed = await passwords.accepted_hash(password, (address, name, company.name))
    user = User(
        email=address,
        email_key=email_key(address),
        search=search_words(name, address),
        password_hash=hashed,
        **clean(said),
    )
    await _add(user, invite=invite and password is None)
    return user


async def resend(user_id: UUID) -> None:
    """Queue the mail with a set-up link once more; one that still waits to be sent is enough.

    Raises `NotFound`, and `Conflict` for anybody who is not invited.
    """

    async def action() -> None:
        user = await users.read(user_id)
        if user["status"] is not UserStatus.INVITED:
            raise Conflict(_WHY_NOT[user["status"]])
        if await scoped(Mail).exists({"user_id": user_id, "template": TEMPLATE, "state": "queued"}):
            return
        await _invite(user_id, f"user-invited:{uuid4()}")
        await audit.record("user.invited", "user", user_id)

    await transaction(action)


async def _add(user: User, *, invite: bool) -> None:
    """Index, user, audit event and, with `invite`, the mail, in one transaction."""

    async def action() -> None:
        if await scoped(LoginIndex).exists({"email_key": user.email_key}):
            was_deleted = await scoped(User).exists({"email_key": user.email_key, "deleted_at": {"$ne": None}})
            raise EmailTaken(DELETED if was_deleted else None)
        await scoped(LoginIndex).insert(
            LoginIndex(email_key=user.email_key, tenant_id=current_tenant(), user_id=user.id)
        )
        await scoped(User).insert(user)
        said = {name: getattr(user, name) for name in ("email", "name", "role", "grants")}
        if user.regions:
            said["regions"] = user.regions
        await audit.record("user.created", "user", user.id, after=said)
        if invite:
            await _invite(user.id, f"user-created:{user.id}")

    await transaction(action)


async def _invite(user_id: UUID, cause: str) -> None:
    await mails.queue(cause, TEMPLATE, [user_id], {}, link_purpose=SETUP)
