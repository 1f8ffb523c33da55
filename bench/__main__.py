"""Every measurement, one after the other, each in a process of its own: `make bench`.

Exit code 1 when one of them misses its limit or fails; the others run all the same.
"""

from __future__ import annotations

import subprocess
import sys

from bench.load_retail import data_file


def main() -> int:
    """Run what can run here; how many measurements missed their limit."""
    names = ("http", "lists", "prices", "sign_in", "suggestions", "findings")
    files = ("exports", "imports", "forecast_files", "import_kills")
    modules = [f"bench.{name}" for name in (*names, *files)]
    of_retail = ["bench.load_retail", "bench.sales_statistics", "bench.retail_files"]
    if data_file().is_file():
        modules += of_retail
    else:
        left_out = ", ".join(of_retail)
        print(f"{left_out} are left out: there is no {data_file()} (PLANWRIGHT_DATA names another directory).")
    return sum(subprocess.run([sys.executable, "-m", module], check=False).returncode != 0 for module in modules)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
