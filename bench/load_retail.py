"""What loading the Online Retail file costs, against a floor measured in the same run.

The floor reads the same csv and does `insert_many` of every document that the load ends with, ready made, into empty
collections with the same indexes, on the same server. Time to make or fetch the documents is not counted.

    python -m bench.load_retail [FILE]
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import SecretStr
from pymongo.asynchronous.collection import AsyncCollection
from rich.console import Console

from core.collections import BinaryScoped, scoped_binary
from core.context import system_scope
from core.mongo import Mongo
from core.settings import MongoSettings
from models.customer import Assignment, Customer, CustomerPrice, MatrixEntry
from models.product import Product
from models.registry import DOCUMENTS
from models.sale import OrderRollup, RollupState, SaleLine, SalesRollup
from models.user import User
from seed import retail
from seed.retail_report import print_report
from tests.servers import running_mongod

MODELS: tuple[type[Any], ...] = (
    User, Customer, Product, Assignment, MatrixEntry, CustomerPrice, SaleLine, SalesRollup, OrderRollup, RollupState,
)  # fmt: skip
BATCH = 5_000
MAX_RATIO = 3.0
MAX_MEGABYTES = 600.0


def data_file() -> Path:
    """The file below `PLANWRIGHT_DATA`, by default ../shared/data beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("PLANWRIGHT_DATA", beside)) / "online-retail" / "online_retail.csv.gz"


async def main(path: Path) -> bool:
    """Print the figures; whether they keep within the limits."""
    console = Console()
    with running_mongod() as uri:
        mongo = await _database(uri, "bench-load")
        begin = time.perf_counter()
        report = await retail.load(path, "online-retail")
        seconds = time.perf_counter() - begin
        print_report(console, report)
        floor, documents = await _floor(path, uri)
        await mongo.close()
    ratio = seconds / floor
    console.print(f"load {seconds:.1f} s, floor {floor:.1f} s for {documents:,} documents: ratio {ratio:.2f}")
    console.print(f"peak memory of the import process {report.peak_megabytes:.0f} MB")
    good = ratio <= MAX_RATIO and report.peak_megabytes < MAX_MEGABYTES
    return good and report.stored_revenue == report.expected_revenue


async def _database(uri: str, name: str) -> Mongo:
    mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database=name))
    await mongo.start(DOCUMENTS, indexes=True)
    return mongo


async def _floor(path: Path, uri: str) -> tuple[float, int]:
    """(seconds, documents). The documents come from the loaded database, batch by batch."""
    begin = time.perf_counter()
    pd.read_csv(path, dtype=str, keep_default_na=False)
    seconds, documents = time.perf_counter() - begin, 0
    doors = [scoped_binary(model) for model in MODELS]
    target = await _database(uri, "bench-floor")  # binds the models anew; `doors` keep the loaded collections
    with system_scope("measuring the floor"):
        for door in doors:
            into = target.database.get_collection(door.raw.name, codec_options=door.raw.codec_options)
            took, count = await _copy(door, into)
            seconds += took
            documents += count
    await target.close()
    return seconds, documents


async def _copy(door: BinaryScoped[Any], into: AsyncCollection[dict[str, Any]]) -> tuple[float, int]:
    seconds, count = 0.0, 0
    batch: list[dict[str, Any]] = []

    async def insert() -> float:
        begin = time.perf_counter()
        await into.insert_many(batch, ordered=False)
        return time.perf_counter() - begin

    async for document in door.find(batch_size=BATCH):
        batch.append(document)
        if len(batch) == BATCH:
            seconds, count = seconds + await insert(), count + len(batch)
            batch = []
    if batch:
        seconds, count = seconds + await insert(), count + len(batch)
    return seconds, count


if __name__ == "__main__":
    os.environ.setdefault("JWT_SECRET", "only-for-measuring-9f2c7b1e4d8a6035-kqzv")
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else data_file()
    sys.exit(0 if asyncio.run(main(file)) else 1)
