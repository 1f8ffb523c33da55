"""`planwright seed` and `planwright setup --demo`: the demo company, made once, with progress on the terminal."""

from __future__ import annotations

import os
import time

from pymongo.errors import PyMongoError
from rich.console import Console

from core.clock import now
from core.mongo import Mongo
from core.settings import Settings, check_secrets
from models.registry import DOCUMENTS
from ops.errors import OpsError
from ops.progress import shown_steps
from ops.setup import setup_lock
from seed.demo import DemoOrder, plant


async def seed_demo(settings: Settings, order: DemoOrder, console: Console) -> None:
    """Make the demo company unless it is there; one at a time, and an interrupted one is finished.

    Everybody in it signs in with DEMO_PASSWORD. Raises OpsError when there is none or the database does not answer.
    """
    password = os.environ.get("DEMO_PASSWORD")
    if not password:
        raise OpsError("There is no password for the demo logins: set DEMO_PASSWORD, and try again.")
    check_secrets(settings)
    mongo = Mongo(settings.mongo)
    began = time.monotonic()
    try:
        async with setup_lock(mongo):
            await mongo.start(DOCUMENTS, indexes=True)
            with shown_steps(console) as tell:
                made = await plant(order, password, now(), tell)
    except PyMongoError as error:
        raise OpsError("The database does not answer: start it ('make up'), or correct MONGODB_URI.") from error
    finally:
        await mongo.close()
    if made:
        console.print(f"Demo company {order.slug}: made in {time.monotonic() - began:.0f} s.", highlight=False)
    else:
        console.print(f"Demo company {order.slug}: it is there.", highlight=False)
