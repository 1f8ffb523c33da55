"""What is said when somebody signs in, and what is shown of oneself. No answer holds a hash or a counter."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from api.texts import Body, Line
from core.security.emails import MAX_LENGTH as EMAIL_LENGTH
from core.security.passwords import MAX_LENGTH as PASSWORD_LENGTH
from planning.roles import Role
from services.identity import Profile

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


class Me(BaseModel):
    """The signed-in user."""

    id: UUID
    email: str = Field(examples=["rep01@demo.example"])
    name: str = Field(examples=["Rosa Rep"])
    role: Role
    grants: list[str] = Field(examples=[["see_cost"]], description="Rights beyond the role.")
    language: str = Field(examples=["en"])
    last_login_at: datetime | None
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
            last_login_at=user.last_login_at,
            tenant=Company(
                id=tenant.id,
                slug=tenant.slug,
                name=tenant.name,
                base_currency=tenant.base_currency,
                time_zone=tenant.time_zone,
            ),
        )
