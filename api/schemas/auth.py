"""What is said when somebody signs in, and what is shown of oneself. No answer holds a hash or a counter."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from api.patches import Patch
from api.persons import Language, PersonName, TimeZone
from api.texts import Body, Line, said
from core.security.emails import MAX_LENGTH as EMAIL_LENGTH
from core.security.passwords import MAX_LENGTH as PASSWORD_LENGTH
from planning.roles import Role
from planning.users import notifications_of
from services.profiles import Profile

TOKEN_LENGTH = 256

Email = Annotated[str, Line(EMAIL_LENGTH, min_length=3)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=PASSWORD_LENGTH)]
OpaqueToken = Annotated[str, StringConstraints(min_length=1, max_length=TOKEN_LENGTH)]


class SignIn(Body):
    """An e-mail address and its password."""

    email: Email = Field(examples=["rep01@demo.example"])
    password: Password = Field(examples=["correct horse battery staple"])


class Refresh(Body):
    """The refresh token of the last answer; it works once."""

    refresh_token: OpaqueToken = Field(examples=["8mXk…"])


class PasswordSetup(Body):
    """The token of the mailed link (behind `#token=`), and the password to set."""

    token: OpaqueToken = Field(examples=["8mXk…"])
    password: Password = Field(examples=["correct horse battery staple"])


class PasswordReset(Body):
    """The address whose owner wants a new password."""

    email: Email = Field(examples=["rep01@demo.example"])


class PasswordChange(Body):
    """The password that holds, and the one to set."""

    current_password: Password = Field(examples=["correct horse battery staple"])
    new_password: Password = Field(examples=["seven quiet rivers under glass"])


class TokenPair(BaseModel):
    """What to keep after signing in."""

    access_token: str = Field(examples=["eyJhbGciOi…"], description="Send it as `Authorization: Bearer …`.")
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(examples=[900], description="Seconds until the access token ends.")
    refresh_token: str = Field(
        examples=["8mXk…"], description="Gives the next pair, once; a second use ends the session."
    )
    refresh_expires_at: datetime = Field(description="When the session ends whatever happens.")


class Company(BaseModel):
    """The company that the user belongs to."""

    id: UUID
    slug: str = Field(examples=["demo"])
    name: str = Field(examples=["Demo Wholesale"])
    base_currency: str = Field(examples=["EUR"])
    time_zone: str = Field(examples=["Europe/London"])


class Notifications(BaseModel):
    """Which mails the user gets; those about passwords and access always go out."""

    cycle_opened: bool = Field(description="A cycle opened for entry.")
    cycle_closed: bool = Field(description="A plan was frozen.")
    cycle_below_share: bool = Field(description="A cycle did not close by itself, because too little is submitted.")
    cycle_waiting: bool = Field(description="A cycle can't open while another one is in entry.")


class NotificationsPatch(Patch):
    """The mails to switch on or off."""

    cycle_opened: bool | None = None
    cycle_closed: bool | None = None
    cycle_below_share: bool | None = None
    cycle_waiting: bool | None = None


class ProfilePatch(Patch):
    """What to change of oneself, at least one field; `time_zone: null` means the company's."""

    cleared_by_null = frozenset({"time_zone"})

    name: PersonName | None = None
    language: Language | None = None
    time_zone: TimeZone | None = None
    notifications: NotificationsPatch | None = None

    def changes(self) -> dict[str, Any]:
        """What the service is asked for."""
        named = said(self)
        if self.notifications is not None:
            named["notifications"] = said(self.notifications)
        return named


class Me(BaseModel):
    """The signed-in user."""

    id: UUID
    email: str = Field(examples=["rep01@demo.example"])
    name: str = Field(examples=["Rosa Rep"])
    role: Role
    grants: list[str] = Field(examples=[["see_cost"]], description="Rights beyond the role.")
    language: str = Field(examples=["en"])
    time_zone: str | None = Field(examples=["Europe/Berlin"], description="The own time zone; null = the company's.")
    notifications: Notifications
    first_login: bool = Field(
        examples=[False], description="True until the profile was looked through: a first PATCH of it, changed or not."
    )
    last_login_at: datetime | None
    rev: int = Field(examples=[1])
    tenant: Company

    @classmethod
    def of(cls, profile: Profile) -> Me:
        """What a user may see of the own profile."""
        user, tenant = profile.user, profile.tenant
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            role=Role(user.role),
            grants=user.grants,
            language=user.language,
            time_zone=user.time_zone,
            notifications=Notifications(**notifications_of(user.notifications)),
            first_login=user.profile_confirmed_at is None,
            rev=user.rev,
            last_login_at=user.last_login_at,
            tenant=Company(
                id=tenant.id,
                slug=tenant.slug,
                name=tenant.name,
                base_currency=tenant.base_currency,
                time_zone=tenant.time_zone,
            ),
        )
