"""An import of 100,000 sales lines, and its undo, killed by SIGKILL at random moments: does it end as without kills?

python -m bench.import_kills [SEED]
"""

from __future__ import annotations

import asyncio
import os
import sys
from random import Random

from pydantic import SecretStr
from rich.console import Console

from activities.imports import LIMITS
from core.context import tenant_scope
from core.mongo import Mongo
from core.settings import MongoSettings
from models.registry import DOCUMENTS
from tests import factories
from tests.imported import imported, undone
from tests.killing import HEADER, Server, contents, file_lines, killed_import, killed_undo, make_company
from tests.servers import running_mongod

ROWS, KILLS = 100_000, 10
DATABASE = "bench-kills"


async def main(seed: int) -> bool:
    """Compare a disturbed company with an undisturbed one, and print whether they are the same."""
    console = Console()
    with running_mongod() as uri:
        mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database=DATABASE))
        await mongo.start(DOCUMENTS, indexes=True)
        server, chance = Server(uri, DATABASE, LIMITS.batch_rows), Random(seed)
        calm, killed = await factories.make_tenant(), await factories.make_tenant()
        with tenant_scope(calm.id):
            await make_company(ROWS)
            before = await contents()
            expected = await imported("sales", HEADER, *file_lines(ROWS))
            after = await contents()
            expected_undo = await undone(expected.id)
            same = {"calm undo": await contents() == before}
        with tenant_scope(killed.id):
            await make_company(ROWS)
            job = await killed_import(server, killed.id, ROWS, KILLS, chance)
            same["report"] = (job.result, job.findings) == (expected.result, expected.findings)
            same["lines and rollups"] = await contents() == after
            undo = await killed_undo(server, killed.id, job.id, KILLS, chance)
            same["undo's report"] = undo.result == expected_undo.result
            same["lines and rollups as before the import"] = await contents() == before
        await mongo.close()
    console.print(f"{ROWS:,} rows, {KILLS} x kill -9 of the import and of its undo, seed {seed}:")
    for what, is_same in same.items():
        console.print(f"  {what}: {'the same' if is_same else 'DIFFERENT'}")
    return all(same.values())


if __name__ == "__main__":
    os.environ.setdefault("JWT_SECRET", "only-for-measuring-9f2c7b1e4d8a6035-kqzv")
    sys.exit(0 if asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)) else 1)
