"""Fixtures that every test may ask for. Servers start when the first test needs them and live to the session's end."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr
from pymongo import monitoring
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkipper

from core.mongo import Mongo
from core.settings import MongoSettings, Settings, load_settings
from models.registry import DOCUMENTS
from models.tenant import Tenant
from tests import factories
from tests.commands import COMMANDS
from tests.servers import running_mongod, running_temporal
from tests.tenancy import LISTENER

monitoring.register(LISTENER)
monitoring.register(COMMANDS)


@pytest.fixture(autouse=True)
def every_command_names_its_tenant() -> Iterator[None]:
    """Fails the test that sent a command on a tenant collection without a tenant in it."""
    LISTENER.found.clear()
    yield
    assert LISTENER.found == []


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    """The URI of a real one-node replica set."""
    with running_mongod() as uri:
        yield uri


@pytest.fixture(scope="session")
def mongodb_database() -> str:
    """The database of this test process: parallel processes never share one."""
    return f"planwright-test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


@pytest.fixture(scope="session")
def temporal_address() -> Iterator[str]:
    """host:port of a real Temporal server that can skip time; namespace `default`."""
    with running_temporal() as address:
        yield address


@pytest.fixture(scope="session")
def settings(mongodb_uri: str, mongodb_database: str, temporal_address: str) -> Iterator[Settings]:
    """The process's settings, as they would come from the environment: real servers, generous limits, cheap hashes."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "PLANWRIGHT_ENV": "dev",
            "MONGODB_URI": mongodb_uri,
            "MONGODB_DATABASE": mongodb_database,
            "TEMPORAL_ADDRESS": temporal_address,
            "JWT_SECRET": "vTq3Xn8LrWb5Zk1Hs7Yd0Mf4Pc9Gj2Ua6Ei",
            "BCRYPT_ROUNDS": "4",
            "RATE_LIMIT_PER_MINUTE": "1000000",
            "RATE_LIMIT_WRITES_PER_MINUTE": "1000000",
            "RATE_LIMIT_LOGINS_PER_MINUTE": "1000000",
        }.items():
            environment.setenv(name, value)
        load_settings.cache_clear()
        yield load_settings()
        load_settings.cache_clear()


@pytest.fixture(scope="session")
async def time_skipper(temporal_address: str) -> TimeSkipper:
    """Starts workflows (`time_skipper.client`) that skip time whenever nothing of theirs runs, each on its own clock.

    Start one inside `with time_skipper.with_time_skipping_disabled():` to move it by hand with `fast_forward`.
    """
    return TimeSkipper(await Client.connect(temporal_address, data_converter=pydantic_data_converter))


@pytest.fixture(scope="session")
async def mongo(mongodb_uri: str, mongodb_database: str) -> AsyncIterator[Mongo]:
    """A connected, empty database with all indexes, bound to the documents."""
    settings = MongoSettings(mongodb_uri=SecretStr(mongodb_uri), mongodb_database=mongodb_database)
    mongo = Mongo(settings)
    await mongo.start(DOCUMENTS, indexes=True)
    yield mongo
    await mongo.close()


@pytest.fixture
async def tenant(mongo: Mongo) -> Tenant:
    """A company of its own for each test: tenancy itself keeps tests apart. Use `with tenant_scope(tenant.id)`."""
    return await factories.make_tenant()
