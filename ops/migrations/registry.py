"""All migrations, in the order in which they run. A number is never used again and what one does never changes."""

from __future__ import annotations

from ops.migrations import m0001_people_and_masters
from ops.migrations.steps import Migration

MIGRATIONS: tuple[Migration, ...] = (m0001_people_and_masters.MIGRATION,)
