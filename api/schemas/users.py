"""People at the edge, as admins and managers see them. No answer holds a hash or a counter."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.paging import ListQuery
from api.patches import Patch
from api.persons import EmailAddress, Grants, Language, PersonName, Regions, RoleName, TimeZone
from api.texts import Body
from planning.roles import Role
from planning.users import UserStatus
from services.users import UserFilter


class UserSort(StrEnum):
    """What people are sorted by."""

    NAME = "name"
    EMAIL = "email"
    CREATED_AT = "created_at"
    LAST_LOGIN_AT = "last_login_at"

    @property
    def field(self) -> str:
        """The stored field."""
        return "email_key" if self is UserSort.EMAIL else self.value


class UserQuery(ListQuery):
    """Filters are exact; deleted people are shown only with `status=deleted`. `search` knows name and address."""

    sort_by: UserSort = UserSort.NAME
    role: Role | None = None
    status: UserStatus | None = None

    def filter(self) -> UserFilter:
        """What the service is asked for."""
        return UserFilter(self.search, self.role, self.status)


class NewUser(Body):
    """Somebody to invite. There is no password in it: they choose their own with the link that is mailed to them."""

    email: EmailAddress
    name: PersonName
    role: RoleName
    grants: Grants = Field(default_factory=list)
    regions: Regions = Field(default_factory=list, description="Narrows a manager to customers of these; empty = all.")
    language: Language = "en"
    time_zone: TimeZone | None = None


class UserPatch(Patch):
    """What to change, at least one field; `time_zone: null` means the company's, the others can't be null."""

    cleared_by_null = frozenset({"time_zone"})

    email: EmailAddress | None = None
    name: PersonName | None = None
    role: RoleName | None = None
    grants: Grants | None = None
    regions: Regions | None = None
    language: Language | None = None
    time_zone: TimeZone | None = None


class UserView(BaseModel):
    """A person of the company."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    email: str = Field(examples=["rosa@acme.example"])
    name: str = Field(examples=["Rosa Rep"])
    role: Role
    grants: list[str] = Field(examples=[["see_cost"]], description="Rights beyond the role.")
    regions: list[str] = Field(examples=[[]], description="The regions that a manager is narrowed to; empty = all.")
    language: str = Field(examples=["en"])
    time_zone: str | None = Field(examples=["Europe/Berlin"], description="The own time zone; null = the company's.")
    status: UserStatus = Field(
        description="invited: no password set yet; active; inactive: deactivated; deleted: removed, the address stays."
    )
    locked_until: datetime | None = Field(
        description="Until when wrong passwords keep the account from signing in from at least one network."
    )
    last_login_at: datetime | None
    rev: int = Field(examples=[1])
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
