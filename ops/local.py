"""What `make up` keeps on this machine: its settings, its directory, its generated secrets, the addresses it uses.

A setting that is given already (in the environment or in `.env`) wins, and the server it points to is not started.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.settings import SECTIONS, HttpSettings, TemporalSettings
from ops import embedded

ROOT = Path(__file__).resolve().parent.parent
SECRET_NAMES = ("JWT_SECRET", "DEMO_PASSWORD")
PRODUCT_NAMES = frozenset(name.upper() for section in SECTIONS for name in section.model_fields)

Port = Annotated[int, Field(ge=1, le=65535)]


class LocalSettings(BaseSettings):
    """The machine-local stack only; the product itself never reads these."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    planwright_local_dir: Path = ROOT / ".local"
    """Where data, logs, caught mails and generated secrets live."""
    mongodb_port: Port = 27117
    temporal_port: Port = 7233
    temporal_ui_port: Port = 8233
    mailcatcher_port: Port = 8025


class LocalDirectory:
    """The paths inside the local directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mongo = root / "mongo"
        self.temporal = root / "temporal"
        self.mails = root / "mails"
        self.logs = root / "logs"
        self.run = root / "run"
        self.secrets = root / "secrets.env"
        self._running = root / "running.json"

    def prepare(self) -> None:
        """Make every directory, readable for the owner only; raises OpsError without permission or disk."""
        embedded.make_directory(self.root).chmod(0o700)
        for path in (self.mongo, self.temporal, self.mails, self.logs, self.run):
            embedded.make_directory(path)
        embedded.check_disk(self.root)

    def delete(self) -> None:
        """Delete what this program made, and nothing else that may lie in the directory."""
        for path in (self.mongo, self.temporal, self.mails, self.logs, self.run):
            shutil.rmtree(path, ignore_errors=True)
        self.secrets.unlink(missing_ok=True)
        self.forget()

    def remember(self, settings: Mapping[str, str]) -> None:
        """Write down the settings that the stack is started with. Only the owner reads the file: secrets are in it."""
        draft = self._running.with_suffix(".new")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(dict(settings), file)
        draft.replace(self._running)

    def remembered(self) -> dict[str, str]:
        """The settings of the stack that was started here and not stopped since; empty when there is none."""
        try:
            return {str(name): str(value) for name, value in json.loads(self._running.read_text()).items()}
        except (FileNotFoundError, ValueError, AttributeError):
            return {}

    def forget(self) -> None:
        """The stack was stopped: nobody can join it any more."""
        self._running.unlink(missing_ok=True)


def given_settings() -> set[str]:
    """The names of environment variables that have a value; of the product's own also those in `.env`."""
    read = {name.upper() for section in SECTIONS for name in section().model_fields_set}
    return read | {name for name, value in os.environ.items() if value}


def read_secrets(path: Path) -> dict[str, str]:
    """The generated secrets, made on first use: `NAME=value` lines in a file that only its owner can read."""
    known: dict[str, str] = {}
    if path.exists():
        pairs = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
        known = {name.strip(): value.strip() for name, _, value in pairs}
    missing = {
        name: secrets.token_urlsafe(48 if name == "JWT_SECRET" else 12) for name in SECRET_NAMES if name not in known
    }
    if missing:
        known |= missing
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.writelines(f"{name}={value}\n" for name, value in known.items())
    return known


def child_environment(local: LocalSettings, secret: Mapping[str, str], given: set[str]) -> dict[str, str]:
    """The environment of the API, the worker and set-up: ours below, what was given on top."""
    http, temporal = HttpSettings(), TemporalSettings()
    ours = {
        **secret,
        "PLANWRIGHT_ENV": "dev",
        "PUBLIC_URL": f"http://localhost:{http.api_port}",
        "API_PORT": str(http.api_port),
        "WORKER_HEALTH_PORT": str(temporal.worker_health_port),
        "MONGODB_URI": embedded.mongod_uri(local.mongodb_port),
        "TEMPORAL_ADDRESS": f"{embedded.HOST}:{local.temporal_port}",
        "TEMPORAL_UI_URL": f"http://localhost:{local.temporal_ui_port}",
        "SMTP_HOST": embedded.HOST,
        "SMTP_PORT": str(local.mailcatcher_port),
        "PYTHONUNBUFFERED": "1",
    }
    return {**os.environ, **{name: value for name, value in ours.items() if name not in given}}


def joinable(environment: Mapping[str, str]) -> dict[str, str]:
    """What a command needs to join a stack with this environment: the product's settings and the generated secrets."""
    return {name: value for name, value in environment.items() if value and name in {*PRODUCT_NAMES, *SECRET_NAMES}}
