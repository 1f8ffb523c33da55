"""The companies that the matrix asks about. Nobody may change `a` and `b`; what changes something takes `fresh`."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from tests.api.matrix.base import makers
from tests.api.matrix.world import Documents, World, make_world


@pytest.fixture(scope="session")
async def a(app: FastAPI) -> World:
    """The company whose people ask."""
    return await make_world(app, makers())


@pytest.fixture(scope="session")
async def b(app: FastAPI) -> World:
    """Another company on the same server."""
    return await make_world(app, makers())


@pytest.fixture(scope="session")
async def changing(app: FastAPI) -> tuple[World, Documents]:
    """A company, and all that it holds at the beginning."""
    world = await make_world(app, makers())
    return world, await world.documents()


@pytest.fixture
async def fresh(changing: tuple[World, Documents]) -> World:
    """A company that may be changed: it is as if it had just been made, at a tenth of the cost."""
    world, documents = changing
    await world.put_back(documents)
    return world
