"""Statistics equal what pandas says of real invoices, to the cent and the unit; and a file says the same as `.csv` and
as `.xlsx`.

Here of slices of the Online Retail file; `make bench` takes all of it.
"""

from __future__ import annotations

import gzip
from itertools import islice
from pathlib import Path
from uuid import uuid4

import pytest

from bench import retail_files
from bench.load_retail import data_file
from bench.sales_statistics import DIMENSIONS, differences, prepare
from core.mongo import Mongo
from planning.sales_statistics import Dimension

EVERY = 240
"""One line of so many, over all thirteen months: about 2,250."""


def slice_of_retail(directory: Path) -> Path:
    """One line of so many; skips the test where the data are not."""
    if not data_file().is_file():
        pytest.skip(f"The Online Retail data is not at {data_file()}; set PLANWRIGHT_DATA.")
    with gzip.open(data_file(), "rt", encoding="utf-8", newline="") as file:
        header, *lines = [next(file), *islice(file, 0, None, EVERY)]
    path = directory / "retail.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        file.writelines((header, *lines))
    return path


async def test_statistics_equal_pandas_to_the_cent_and_the_unit(mongo: Mongo, tmp_path: Path) -> None:
    path = slice_of_retail(tmp_path)
    slug = f"retail-{uuid4().hex[:8]}"
    seconds: dict[str, float] = {}
    found = await differences(path, await prepare(path, slug), seconds)
    assert found == []
    assert list(seconds) == list(DIMENSIONS)


async def test_the_file_as_csv_and_as_workbook_gives_the_same(mongo: Mongo, tmp_path: Path) -> None:
    path = slice_of_retail(tmp_path)
    as_csv, as_xlsx = await retail_files.both(path, tmp_path, (Dimension.MONTH, Dimension.PRODUCT))
    assert as_csv.differences(as_xlsx) == []
    assert as_csv.counts["inserted"] > 1_500
    assert as_csv.counts["rejected"] > 500
    assert len(as_csv.stored["sales"]) == as_csv.counts["inserted"]
