"""Settings, read once from the environment (and a `.env` beside the process), in small classes by subject.

Every field is an environment variable of the same name in capitals, documented in `.env.example`. Nothing has a secret
default: the process refuses to start with a JWT secret that is empty, short or known.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import PlanwrightError

KNOWN_DEFAULT_SECRETS = (
    "changeme",
    "change-me",
    "secret",
    "password",
    "default",
    "example",
    "jwt_secret",
    "planwright",
)


class SettingsError(PlanwrightError):
    """The process can't start with these settings; the message names the variable and the remedy."""


class _Section(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)


class AppSettings(_Section):
    """Who we are and where we are reached."""

    planwright_env: Literal["dev", "staging", "prod"] = "prod"
    public_url: str = "http://localhost:8000"
    """Base of links in mails. Never taken from a Host header."""
    app_url: str = "http://localhost:5173"
    """Base of the single-page app, for the links that a person clicks."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"


class HttpSettings(_Section):
    """The HTTP edge."""

    api_host: str = "127.0.0.1"
    api_port: Annotated[int, Field(ge=1, le=65535)] = 8000
    api_workers: Annotated[int, Field(ge=1, le=64)] = 1
    cors_origins: Annotated[list[str], NoDecode] = ["http://localhost:5173"]
    """Comma-separated origins of browsers that may call us; `*` is refused."""
    trusted_proxies: Annotated[list[str], NoDecode] = []
    """Addresses whose X-Forwarded-For is believed."""
    body_limit_bytes: Annotated[int, Field(ge=1024)] = 1_048_576
    upload_limit_bytes: Annotated[int, Field(ge=1024)] = 104_857_600
    request_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    """How long a request may take; deadlines wait this long for requests received before them."""
    max_concurrency: Annotated[int, Field(ge=8)] = 512
    rate_limit_per_minute: Annotated[int, Field(ge=1)] = 1200
    """Plain reads per user and API process."""
    rate_limit_writes_per_minute: Annotated[int, Field(ge=1)] = 300
    rate_limit_logins_per_minute: Annotated[int, Field(ge=1)] = 20
    """Sign-in attempts per address, over all processes."""

    @field_validator("cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("cors_origins")
    @classmethod
    def _no_wildcard(cls, value: list[str]) -> list[str]:
        if any("*" in origin for origin in value):
            raise ValueError("CORS_ORIGINS must name each origin; '*' is not accepted")
        return value


class MongoSettings(_Section):
    """MongoDB: always a replica set, since changes are transactions."""

    mongodb_uri: SecretStr = SecretStr("mongodb://127.0.0.1:27117/?replicaSet=rs0")
    mongodb_database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,38}$")] = "planwright"
    mongodb_max_pool_size: Annotated[int, Field(ge=1, le=1000)] = 50
    mongodb_timeout_ms: Annotated[int, Field(ge=100)] = 20_000
    mongodb_server_selection_timeout_ms: Annotated[int, Field(ge=100)] = 3_000


class TemporalSettings(_Section):
    """Temporal: one machine, a cluster, or Temporal Cloud."""

    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    temporal_tls: bool = False
    temporal_api_key: SecretStr | None = None
    temporal_ui_url: str = "http://127.0.0.1:8233"
    temporal_task_queue: str = "planwright"
    worker_health_host: str = "127.0.0.1"
    worker_health_port: Annotated[int, Field(ge=1, le=65535)] = 8001
    worker_max_activities: Annotated[int, Field(ge=1, le=500)] = 20


class MailSettings(_Section):
    """Outgoing mail."""

    smtp_host: str = "127.0.0.1"
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 8025
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_tls: Literal["none", "starttls", "tls"] = "none"
    smtp_timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 20.0
    mail_from: str = "Planwright <planwright@localhost>"


class SecuritySettings(_Section):
    """Identity. Token lifetimes in seconds."""

    jwt_secret: SecretStr = SecretStr("")
    jwt_previous_secrets: Annotated[list[SecretStr], NoDecode] = []
    """Comma-separated older secrets that still verify (key rotation), never sign."""
    jwt_issuer: str = "planwright"
    jwt_audience: str = "planwright-api"
    access_token_seconds: Annotated[int, Field(ge=60, le=3600)] = 900
    refresh_token_seconds: Annotated[int, Field(ge=3600)] = 14 * 86_400
    setup_link_seconds: Annotated[int, Field(ge=600)] = 7 * 86_400
    password_min_length: Annotated[int, Field(ge=8, le=64)] = 12
    password_min_score: Annotated[int, Field(ge=0, le=4)] = 3
    """What zxcvbn must say of a new password: 0 (too guessable) to 4 (very unguessable)."""
    bcrypt_rounds: Annotated[int, Field(ge=4, le=16)] = 12
    lockout_attempts: Annotated[int, Field(ge=2, le=100)] = 5
    lockout_seconds: Annotated[int, Field(ge=1)] = 900

    @field_validator("jwt_previous_secrets", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value


class Settings:
    """All sections, read together. Build it with `load_settings()`; pass it down, don't re-read it."""

    def __init__(self) -> None:
        self.app = AppSettings()
        self.http = HttpSettings()
        self.mongo = MongoSettings()
        self.temporal = TemporalSettings()
        self.mail = MailSettings()
        self.security = SecuritySettings()


SECTIONS: tuple[type[_Section], ...] = (
    AppSettings,
    HttpSettings,
    MongoSettings,
    TemporalSettings,
    MailSettings,
    SecuritySettings,
)


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The process's settings. Raises pydantic's ValidationError with the variable's name for a bad value."""
    return Settings()


def check_secrets(settings: Settings) -> None:
    """Refuse to run with an empty, short or well-known signing secret, or with open dev settings in production."""
    for secret in (settings.security.jwt_secret, *settings.security.jwt_previous_secrets):
        _check_secret(secret.get_secret_value())
    if settings.app.planwright_env == "prod" and settings.security.bcrypt_rounds < 12:
        raise SettingsError("BCRYPT_ROUNDS must be at least 12 in production.")


def _check_secret(value: str) -> None:
    remedy = "Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
    if not value:
        raise SettingsError(f"JWT_SECRET is not set. {remedy}")
    if len(value.encode()) < 32:
        raise SettingsError(f"JWT_SECRET is shorter than 32 bytes. {remedy}")
    plain = value.lower()
    known = any(plain.replace(word, "").strip("-_0123456789") == "" for word in KNOWN_DEFAULT_SECRETS)
    if known or len(set(value)) < 10:
        raise SettingsError(f"JWT_SECRET is a known or guessable value. {remedy}")
