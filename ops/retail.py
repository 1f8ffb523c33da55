"""`planwright load-retail`: the Online Retail file into a company, with progress on the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from core.mongo import Mongo
from core.settings import Settings, check_secrets
from models.registry import DOCUMENTS
from ops.errors import OpsError
from ops.progress import shown_steps
from seed import retail
from seed.retail_report import print_report


async def load_retail(settings: Settings, file: Path, slug: str, console: Console) -> None:
    """Load the file and print what came of it. Raises OpsError when the file is not there, or the sums differ."""
    if not file.is_file():  # noqa: ASYNC240 - nothing else runs yet
        raise OpsError(f"There is no file {file}: name the csv or csv.gz of the Online Retail data.")
    check_secrets(settings)
    mongo = Mongo(settings.mongo)
    try:
        await mongo.ping()
        await mongo.start(DOCUMENTS)
        with shown_steps(console) as tell:
            report = await retail.load(file, slug, tell)
    finally:
        await mongo.close()
    print_report(console, report)
    if report.stored_revenue != report.expected_revenue:
        raise OpsError("The stored revenue is not the file's: does the company hold other sales as well?")
