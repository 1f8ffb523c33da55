"""The documents that are generated: written by `planwright openapi`, and tested to be current."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ops.column_doc import columns_text
from ops.error_doc import errors_text
from ops.openapi import openapi_text
from ops.schema_doc import schema_text

GENERATED: Mapping[str, Callable[[], str]] = {
    "docs/openapi.json": openapi_text,
    "docs/errors.md": errors_text,
    "docs/schema.md": schema_text,
    "docs/columns.md": columns_text,
}
ROOT = Path(__file__).parent.parent


def write_documents() -> list[Path]:
    """Write all of them anew; returns those that changed."""
    changed = []
    for name, text in GENERATED.items():
        path = ROOT / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text(), encoding="utf-8")
            changed.append(path)
    return changed
