"""The connection to Temporal."""

from __future__ import annotations

import asyncio

from temporalio.client import Client, Interceptor, TLSConfig
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from core.errors import TemporalUnavailable
from core.settings import TemporalSettings


async def connect_temporal(settings: TemporalSettings, *interceptors: Interceptor) -> Client:
    """A connected client; raises `TemporalUnavailable` when nothing answers within 5 s."""
    key = settings.temporal_api_key
    try:
        return await asyncio.wait_for(
            Client.connect(
                settings.temporal_address,
                namespace=settings.temporal_namespace,
                data_converter=pydantic_data_converter,
                interceptors=interceptors,
                tls=TLSConfig() if settings.temporal_tls else False,
                api_key=key.get_secret_value() if key else None,
            ),
            timeout=5,
        )
    except (RuntimeError, RPCError, TimeoutError, OSError) as error:
        raise TemporalUnavailable() from error
