"""What bodies say about people, as field types."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Strict

from api.texts import Line
from core.security.emails import MAX_LENGTH as EMAIL_LENGTH
from planning.roles import Role
from services.persons import GRANTS, MAX_NAME, MAX_REGION, MAX_REGIONS

EmailAddress = Annotated[str, Line(EMAIL_LENGTH, 3), Field(examples=["rosa@acme.example"])]
PersonName = Annotated[str, Line(MAX_NAME, 1), Field(examples=["Rosa Rep"])]
RoleName = Annotated[Role, Strict(False), Field(examples=["sales_rep"])]
Grant = Annotated[str, Line(40), Field(json_schema_extra={"enum": sorted(GRANTS)})]
Grants = Annotated[list[Grant], Field(max_length=len(GRANTS), examples=[["see_cost"]])]
Region = Annotated[str, Line(MAX_REGION, 1), Field(examples=["North"])]
Regions = Annotated[list[Region], Field(max_length=MAX_REGIONS, examples=[["North"]])]
Language = Annotated[str, Field(pattern="^[a-z]{2}$", examples=["en"])]
TimeZone = Annotated[str, Line(64, 1), Field(examples=["Europe/Berlin"])]
