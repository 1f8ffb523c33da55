"""The commands that make the first company and its first admin."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from core.mongo import Mongo
from core.settings import Settings
from ops.local import LocalDirectory, joinable, read_secrets
from planning.roles import Role
from services import identity

PASSWORD = "correct horse battery"


async def planwright(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as an operator would."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "ops.cli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_an_operator_makes_a_company_and_its_admin(settings: Settings, mongo: Mongo) -> None:
    slug = f"acme-{uuid4().hex[:8]}"
    email = f"boss@{slug}.example"
    made = await planwright("create-tenant", slug, "Acme Trading", "--currency", "GBP")
    assert (made.returncode, made.stdout) == (0, f"Made the company Acme Trading ({slug}).\n"), made.stderr
    admin = await planwright("create-superuser", slug, email, SUPERUSER_PASSWORD=PASSWORD)
    assert (admin.returncode, admin.stdout) == (0, f"{email} can sign in as an admin of {slug}.\n"), admin.stderr
    tokens = await identity.sign_in(email, PASSWORD, address="192.0.2.1")
    assert (await identity.identify(tokens.access_token)).role == Role.ADMIN
    again = await planwright("create-superuser", slug, email, SUPERUSER_PASSWORD=PASSWORD)
    assert again.returncode == 1
    assert again.stderr.strip() == "This e-mail address already belongs to a user."


async def test_a_command_joins_the_stack_that_runs_in_its_checkout(
    settings: Settings, mongo: Mongo, tmp_path: Path
) -> None:
    directory = LocalDirectory(tmp_path)
    directory.remember(joinable(os.environ))
    here = {"JWT_SECRET": "", "MONGODB_URI": "", "PLANWRIGHT_LOCAL_DIR": str(tmp_path)}
    slug = f"acme-{uuid4().hex[:8]}"
    made = await planwright("create-tenant", slug, "Acme Trading", **here)
    assert made.returncode == 0, made.stderr
    read_secrets(directory.secrets)
    directory.forget()
    refused = await planwright("create-tenant", slug, "Acme Trading", **here)
    assert refused.stderr.strip() == (
        "Planwright does not run in this checkout: start it ('make up'), or set MONGODB_URI."
    )


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (("create-tenant", "Acme Ltd", "Acme"), {}, "slug: Use 1 to 40 small letters"),
        (("create-superuser", "no-such-co", "a@b.example"), {}, "no company with the short name 'no-such-co'"),
        (("create-tenant", "acme", "Acme"), {"JWT_SECRET": "too-short"}, "JWT_SECRET is shorter than 32 bytes"),
        (
            ("create-tenant", "acme", "Acme"),
            {"MONGODB_URI": "mongodb://127.0.0.1:9/?replicaSet=rs0", "MONGODB_TIMEOUT_MS": "500"},
            "The database does not answer",
        ),
    ],
)
async def test_t05_a_refusal_is_one_sentence(
    settings: Settings, mongo: Mongo, arguments: tuple[str, ...], environment: dict[str, str], sentence: str
) -> None:
    refused = await planwright(*arguments, **{"SUPERUSER_PASSWORD": PASSWORD, **environment})
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
