"""The companies that the matrix asks about. Nobody may change `a` and `b`; what changes something takes `fresh`."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from tests.api.matrix.base import makers
from tests.api.matrix.world import World, make_world


@pytest.fixture(scope="session")
async def a(app: FastAPI) -> World:
    """The company whose people ask."""
    return await make_world(app, makers())


@pytest.fixture(scope="session")
async def b(app: FastAPI) -> World:
    """Another company on the same server."""
    return await make_world(app, makers())


@pytest.fixture
async def fresh(app: FastAPI) -> World:
    """A company that may be changed."""
    return await make_world(app, makers())
