"""Writing users, one by one: each is a person with an audit event and, when new, a mail with the set-up link."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

from core.collections import scoped, transaction
from core.context import current_tenant
from core.errors import EmailTaken, PlanwrightError
from models.user import LoginIndex, User
from services import invitations, users
from services.import_apply.base import Plan, Refused, Writer
from services.import_kinds.validation import ValidBatch
from services.persons import person_problems

FIELDS = ("name", "role", "language")
TAKEN = "an address that is not in use already"
DELETED = "the address of a user who is not deleted; restore them first"


class _Tried(Exception):
    """Ends a transaction whose outcome is known by then."""


class UserWriter(Writer):
    """Found by e-mail address. A blank language changes nothing."""

    journaled = False

    async def prepare(self) -> None:
        """Users refer to nothing."""

    async def plan(self, batch: ValidBatch) -> Plan:
        addresses = batch.columns["email"]
        own, taken = await self._stored(addresses)
        plan = Plan()
        for at, (row, address) in enumerate(zip(batch.rows, addresses, strict=True)):
            said = {name: batch.columns[name][at] for name in FIELDS if name in batch.columns}
            said = {name: value for name, value in said.items() if value is not None}
            problems = person_problems(**said)
            if problems:
                plan.errors += [self.context.error(row, one.field, said[one.field], one.message) for one in problems]
            elif address in taken:
                plan.errors.append(self.context.error(row, "email", address, TAKEN))
            elif address in own and own[address].get("deleted_at") is not None:
                plan.errors.append(self.context.error(row, "email", address, DELETED))
            elif address not in own:
                plan.new.append({"row": row, "email": address, **said})
            elif any(own[address][name] != value for name, value in said.items()):
                if (refusal := self.keeps_standing(row)) is not None:
                    plan.errors.append(refusal)
                    continue
                person = {"row": row, "email": address, "id": own[address]["_id"], "role": own[address]["role"]}
                plan.changed.append((person, said))
            else:
                plan.unchanged += 1
        return await self._without_refused(plan) if self.context.dry_run else plan

    async def _without_refused(self, plan: Plan) -> Plan:
        """A dry run's plan without the changes that a write would refuse: those of roles are tried in a transaction
        that does not happen, since whether an admin remains depends on all of them."""
        roles = Plan(changed=[(person, said) for person, said in plan.changed if person["role"] != said["role"]])
        found: list[Refused] = []

        async def action() -> None:
            found[:] = await self.write(roles)
            raise _Tried

        if roles.changed:
            with suppress(_Tried):
                await transaction(action)
        bad = {one.error.row for one in found}
        plan.errors += [one.error for one in found]
        plan.changed = [change for change in plan.changed if change[0]["row"] not in bad]
        return plan

    async def write(self, plan: Plan) -> list[Refused]:
        refused: list[Refused] = []
        for new in plan.new:
            person = {name: new[name] for name in ("email", *FIELDS) if name in new}
            try:
                await invitations.create_user(**person)
            except EmailTaken:  # since the plan was made
                refused.append(Refused("inserted", self.context.error(new["row"], "email", new["email"], TAKEN)))
        for found, said in plan.changed:
            user_id: UUID = found["id"]
            try:
                await users.change_user(user_id, **said)
            except PlanwrightError as error:
                if error.retryable:
                    raise
                why = self.context.error(found["row"], "email", found["email"], error.message)
                refused.append(Refused("updated", why))
        return refused

    async def _stored(self, addresses: list[str]) -> tuple[dict[str, dict[str, Any]], set[str]]:
        """Users of this company by address, and addresses that sign in elsewhere."""
        of_these = {"email_key": {"$in": addresses}}
        rows = await scoped(User).rows(of_these, dict.fromkeys(("email_key", "deleted_at", *FIELDS), 1))
        index = await scoped(LoginIndex).rows(of_these, {"email_key": 1, "tenant_id": 1})
        tenant_id = current_tenant()
        return {row["email_key"]: row for row in rows}, {
            row["email_key"] for row in index if row["tenant_id"] != tenant_id
        }
